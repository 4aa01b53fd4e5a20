"""What every daemon process needs around its core: a loop, timers, a log and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from logging.handlers import WatchedFileHandler

from hashell.stack.repeats import RepeatFilter
from hashell.stack.settings import NodeSettings

NOTICE = 25
_FILES = 65536
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def log_level(name: str) -> int:
    """The logging level for a LogLine level word."""
    return _LEVELS.get(name, logging.INFO)


def setup_logging(settings: NodeSettings, daemon: str) -> logging.Logger:
    """A logger for this daemon that writes to LOG_DIR/hashell.log (one file a node, safe to rotate)."""
    logging.addLevelName(NOTICE, "NOTICE")
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    handler = WatchedFileHandler(settings.log_dir / "hashell.log")
    node = settings.name or socket.gethostname()
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s {node} {daemon}[%(process)d] %(levelname)s: %(message)s")
    )
    handler.addFilter(RepeatFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if settings.env.get("HASHELL_DEBUG") else logging.INFO)
    return logging.getLogger(daemon)


def allow_many_files() -> None:
    """Let this process have as many files open as the system permits it, up to 65536: each client takes four to seven.

    The usual limit of 1024 is there for programs that use select(); children inherit what is set here.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class TimerTable:
    """Fulfils SetTimer and CancelTimer of one core on the running loop."""

    def __init__(self, fire: Callable[[str], None]) -> None:
        self._fire = fire
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, seconds: float) -> None:
        self.cancel(name)
        self._handles[name] = asyncio.get_running_loop().call_later(seconds, self._expire, name)

    def cancel(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle:
            handle.cancel()

    def cancel_all(self) -> None:
        for name in list(self._handles):
            self.cancel(name)

    def _expire(self, name: str) -> None:
        self._handles.pop(name, None)
        self._fire(name)


def run_daemon(settings: NodeSettings, name: str, main: Callable[[NodeSettings, asyncio.Event], Awaitable[int]]) -> int:
    """Run `main(settings, stop)` until it returns its exit code; SIGTERM and SIGINT set `stop`."""
    log = setup_logging(settings, name)

    async def runner() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await main(settings, stop)

    gc.freeze()
    try:
        return asyncio.run(runner())
    except Exception:
        log.exception("stopped by an internal error")
        with contextlib.suppress(Exception):
            logging.shutdown()
        return 70
