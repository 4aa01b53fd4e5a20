"""`hashell monitor --web`: the same monitor in a browser, through textual-serve, behind a token."""

from __future__ import annotations

import argparse
import hmac
import os
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hashell.model.exitcodes import ExitCode

if TYPE_CHECKING:
    from aiohttp import web
    from textual_serve.server import Server

COOKIE = "hashell-monitor"
#: Options that are about serving, not about what is shown; those with True have a value.
_SERVING = {"--web": False, "--actions": False, "--host": True, "--port": True}


def serve(options: argparse.Namespace, argv: list[str]) -> int:
    """Serve until interrupted. Returns the exit code."""
    try:
        import textual_serve  # noqa: F401
    except ModuleNotFoundError:
        print("error: the monitor in a browser needs textual-serve (pip install 'hashell[web]')", file=sys.stderr)
        return int(ExitCode.NOT_INSTALLED)
    from hashell.tui.start import watched_by

    watched_by(options)  # what is wrong with the sources is said here, not in the browser
    token = os.environ.get("HASHELL_WEB_TOKEN") or secrets.token_urlsafe(24)
    server = guarded_server(command_of(argv, options.actions), options.host, options.port, token)
    print(f"the monitor is at {server.public_url}/?token={token}\n"
          f"{'actions are allowed' if options.actions else 'read-only (--actions allows actions)'}; "
          "whoever has this address can see it. Ctrl-C ends it.", flush=True)  # fmt: skip
    server.serve()
    return 0


def command_of(argv: list[str], actions: bool) -> str:
    """The command line of the monitor behind the page."""
    kept: list[str] = []
    skip = False
    for word in argv:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif name in _SERVING:
            skip = _SERVING[name] and not equals
        else:
            kept.append(word)
    if not actions and "--read-only" not in kept:
        kept.append("--read-only")
    return shlex.join([sys.executable, "-m", "hashell.cli", "monitor", *kept])


def guarded_server(command: str, host: str, port: int, token: str) -> Server:
    """A server that answers only those who know the token: once in the address, then in a cookie."""
    from textual_serve.server import Server as PlainServer

    class GuardedServer(PlainServer):
        def initialize_logging(self) -> None:
            """Requests are not logged: their addresses hold the token."""

        async def on_startup(self, app: web.Application) -> None:
            """The address has been printed already."""

        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guard(token, self.public_url))  # type: ignore[arg-type]
            return app

    return GuardedServer(command, host=host, port=port, title="hashell monitor")


Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]


def guard(token: str, origin: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """A middleware that lets in who has the token, and no pages of other origins."""
    from aiohttp import web

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.query.get("token") or request.cookies.get(COOKIE) or ""
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise web.HTTPForbidden(text="the address needs the token that `hashell monitor --web` printed\n")
        came_from = request.headers.get("Origin")
        if came_from is not None and came_from not in (origin, f"http://{request.host}"):
            raise web.HTTPForbidden(text=f"not for pages of {came_from}\n")
        response = await handler(request)
        if "token" in request.query and not response.prepared:
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    return check
