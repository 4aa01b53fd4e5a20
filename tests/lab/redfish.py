"""A management controller of the lab: the part of Redfish that Debian's fence_redfish uses, over HTTPS.

What was seen of the agent: it asks for the list of systems unless it is told `systems_uri`, reads a system's
`PowerState` and where its reset action is, and posts `{"ResetType": "ForceOff"}` or `On` to it, then reads the state
until it is the wanted one. The power here is true: a reset ends or starts the lab host, and the state is that of its
first process. Every request is kept, with its time by the clock that the hosts' files are stamped with.

Of two hosts that order each other's end at the same moment one is first: orders are carried out one at a time, and none
of a host that has no power any more.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = "/redfish/v1"
SYSTEMS = f"{ROOT}/Systems"
USER, PASSWORD = "lab", "secret"
_SYSTEM = re.compile(rf"{SYSTEMS}/(\d+)(/Actions/ComputerSystem\.Reset)?/?\Z")


@dataclass(frozen=True)
class Seen:
    """One request: when it came and was answered, on which system (0: none), what was ordered ('' for a reading)."""

    began: float
    ended: float
    system: int
    method: str
    order: str
    status: int


@dataclass(frozen=True)
class Power:
    """How the controller works on the hosts, by number."""

    is_on: Callable[[int], bool]
    off: Callable[[int], None]
    on: Callable[[int], None]


@dataclass
class Mood:
    """What a system's controller does instead of its work; `failures` counts down with each request that fails."""

    failures: int = 0
    hangs: bool = False
    refuses: bool = False


@dataclass
class Controller:
    """Listens at `address`; one system a host of `numbers`."""

    address: str
    numbers: tuple[int, ...]
    power: Power
    folder: Path
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    moods: dict[int, Mood] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moods = {number: Mood() for number in self.numbers}
        self._free = threading.Event()  # set: whoever hangs may go on
        self._waiting: list[int] = []
        self._switching = threading.Lock()
        controller = self

        class Handler(_Handler):
            owner = controller

        self._server = ThreadingHTTPServer((self.address, self.port), Handler)
        self._server.daemon_threads = True
        self._context = _tls(self.folder)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._free.set()
        self._server.shutdown()
        self._server.server_close()

    def calm(self) -> None:
        """All systems work again; whoever hangs is let go, with an error."""
        for mood in self.moods.values():
            mood.failures, mood.hangs, mood.refuses = 0, False, False
        self._waiting.clear()
        self._free.set()
        self._free = threading.Event()

    def waiting(self, system: int) -> int:
        """How many requests about the system came since it hangs."""
        return self._waiting.count(system)

    def orders(self, system: int | None = None, since: float = 0.0) -> list[Seen]:
        """The orders (not the readings) that were carried out, for one system or all, in the order of arrival."""
        done = [s for s in list(self.seen) if s.order and s.status == 204]
        found = [s for s in done if s.began >= since and system in (None, s.system)]
        return sorted(found, key=lambda s: s.began)

    # --- for the handler

    def secure(self, connection: Any) -> Any:
        return self._context.wrap_socket(connection, server_side=True)

    def answer(self, method: str, path: str, login: str, order: str, sender: int = 0) -> tuple[int, dict[str, Any]]:
        """Status and body for one request of host `sender`, after what it orders has been done."""
        began = time.time()
        match = _SYSTEM.match(path)
        system = int(match[1]) if match else 0
        status, body = self._work(method, path, login, order, system, bool(match and match[2]), sender)
        self.seen.append(Seen(began, time.time(), system, method, order, status))
        return status, body

    def _work(
        self, method: str, path: str, login: str, order: str, system: int, resets: bool, sender: int
    ) -> tuple[int, dict[str, Any]]:
        mood = self.moods.get(system, Mood())
        if mood.hangs:
            self._waiting.append(system)
            self._free.wait()
            return 503, _problem("The controller was restarted")
        if mood.refuses or login != f"{USER}:{PASSWORD}":
            return 401, _problem("The authentication credentials included with this request are missing or invalid.")
        if mood.failures > 0:
            mood.failures -= 1
            return 500, _problem("The service processor failed")
        if method == "GET" and path.rstrip("/") == ROOT:
            return 200, {"@odata.id": ROOT, "Systems": {"@odata.id": SYSTEMS}}
        if method == "GET" and path.rstrip("/") == SYSTEMS:
            return 200, {"Members": [{"@odata.id": f"{SYSTEMS}/{n}"} for n in self.numbers]}
        if system not in self.numbers:
            return 404, _problem(f"There is no resource {path}")
        if method == "GET" and not resets:
            return 200, self._describe(system)
        if method != "POST" or not resets or order not in ("On", "ForceOff"):
            return 400, _problem(f"{method} {order} is not supported")
        with self._switching:
            if sender in self.numbers and not self.power.is_on(sender):
                return 503, _problem("The sender is switched off")
            if order == "On" and not self.power.is_on(system):
                self.power.on(system)
            elif order == "ForceOff" and self.power.is_on(system):
                self.power.off(system)
        return 204, {}

    def _describe(self, system: int) -> dict[str, Any]:
        where = f"{SYSTEMS}/{system}"
        reset = {"target": f"{where}/Actions/ComputerSystem.Reset"}
        return {
            "@odata.id": where,
            "Id": str(system),
            "PowerState": "On" if self.power.is_on(system) else "Off",
            "Actions": {"#ComputerSystem.Reset": reset},
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    owner: Controller

    def setup(self) -> None:
        # The handshake is done in the thread of the connection: a client that is killed in it stops nobody else.
        self.request = self.owner.secure(self.request)
        super().setup()

    def do_GET(self) -> None:  # noqa: N802 (the name is http.server's)
        self._serve("")

    def do_POST(self) -> None:  # noqa: N802
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            order = str(json.loads(text or b"{}").get("ResetType", "?"))
        except (ValueError, AttributeError):
            order = "?"
        self._serve(order)

    def _serve(self, order: str) -> None:
        login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ") or b"").decode()
        sender = int(str(self.client_address[0]).rpartition(".")[2])
        status, body = self.owner.answer(self.command, self.path, login, order, sender)
        text = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """The controller keeps its requests itself."""

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            self.close_connection = True  # the agent was killed


def _problem(text: str) -> dict[str, Any]:
    return {"error": {"code": "Base.1.0.GeneralError", "message": text}}


def _tls(folder: Path) -> ssl.SSLContext:
    """A certificate of our own, which only an agent with ssl_insecure accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "redfish.key", folder / "redfish.pem"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=redfish",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
