"""cfg: administrative requests that reach every member: reload, kill, shutdown (spec totem.md section 5.7)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.membership.effects import AskShutdown, ChangeKey, Die, Refused, ReloadConfig, ShutdownReply, Stop
from hashell.stack.membership.sync.messages import header

SERVICE = 1
RINGREENABLE, KILLNODE, SHUTDOWN, RELOAD, CRYPTO = range(5)
REQUEST, REGARDLESS, IMMEDIATE = 0, 1, 2
OK, BUSY, EXIST = 1, 10, 14
ACTIVATE, CLEANUP = 1, 2
_TIMER = "cfg.shutdown"
_KILL = struct.Struct("<I4xH6x256s")
_SOURCE = struct.Struct("<I4xQ")


class Cfg:
    """The cfg service; `send` multicasts a service message."""

    service_id = SERVICE

    def __init__(self, me: int, out: list[Effect], send: Callable[[bytes], None], timeout: float) -> None:
        self.me = me
        self.out = out
        self.send = send
        self.timeout = timeout
        self.trackers: list[int] = []
        self._asked: list[int] = []
        self._asker: int | None = None
        self._flags = 0

    def message(self, fn: int, nodeid: int, data: bytes) -> None:
        """A cfg message of `nodeid` in the agreed order."""
        if fn == RELOAD:
            self.out.append(LogLine("notice", f"Config reload requested by node {nodeid}"))
            self.out.append(ReloadConfig(nodeid))
        elif fn == SHUTDOWN:
            self.out.append(LogLine("notice", f"Node {nodeid} was shut down by sysadmin"))
            if nodeid == self.me:
                self.out.append(Stop(0, "shut down by sysadmin"))
        elif fn == KILLNODE and len(data) >= 16 + _KILL.size - 256:
            target, length = struct.unpack_from("<I4xH", data, 16)
            if target == self.me:
                reason = data[32 : 32 + length].rstrip(b"\0").decode(errors="replace")
                self.out.append(LogLine("error", f"Killed by node {nodeid} : {reason}"))
                self.out.append(Die(f"Killed by node {nodeid} : {reason}"))
        elif fn == CRYPTO and len(data) >= 20:
            (phase,) = struct.unpack_from("<I", data, 16)
            if nodeid == self.me and phase in (ACTIVATE, CLEANUP):
                self.out.append(ChangeKey(phase))
                if phase == ACTIVATE:
                    self.change_key(CLEANUP)
        elif fn > CRYPTO:
            self.out.append(LogLine("warning", f"discarded unknown message {fn} for service 1 (max id 4)"))

    # --------------------------------------------------------------- requests

    def reload(self, client: int) -> None:
        self.send(header(SERVICE, RELOAD, 32) + _SOURCE.pack(self.me, client))

    def change_key(self, phase: int = ACTIVATE) -> None:
        """A reload brought a new key. Each node changes when its own announcement comes round: every other node
        has read its file by then."""
        self.send(header(SERVICE, CRYPTO, 24) + struct.pack("<I4x", phase))

    def kill(self, nodeid: int, reason: bytes) -> None:
        reason = reason[:256]
        self.send(header(SERVICE, KILLNODE, 16 + _KILL.size) + _KILL.pack(nodeid, len(reason), reason))

    def try_shutdown(self, client: int, flags: int) -> None:
        """The answer comes as ShutdownReply. Raises Refused(14) while another one runs."""
        if self._asker is not None:
            raise Refused(EXIST)
        others = [c for c in self.trackers if c != client]
        self._asker, self._flags = client, flags
        if flags == IMMEDIATE or not others:
            self._decide(True)
            return
        self._asked = others
        self.out.append(AskShutdown(tuple(others), flags))
        self.out.append(SetTimer(_TIMER, self.timeout))

    def reply_shutdown(self, client: int, yes: bool) -> None:
        if self._asker is None or client not in self._asked:
            return
        self._asked.remove(client)
        if not yes and self._flags != REGARDLESS:
            self._decide(False)
        elif not self._asked:
            self._decide(True)

    def timer(self, name: str) -> None:
        if self._asker is not None:
            self._decide(self._flags == REGARDLESS)

    def track(self, client: int) -> None:
        """Raises Refused(14) when it tracks already."""
        if client in self.trackers:
            raise Refused(EXIST)
        self.trackers.append(client)

    def untrack(self, client: int) -> None:
        if client in self.trackers:
            self.trackers.remove(client)

    def disconnect(self, client: int) -> None:
        self.untrack(client)
        if client in self._asked:
            self.reply_shutdown(client, True)
        if client == self._asker:
            self._asker = None
            self.out.append(CancelTimer(_TIMER))

    def _decide(self, yes: bool) -> None:
        client, self._asker, self._asked = self._asker, None, []
        self.out.append(CancelTimer(_TIMER))
        if client is not None:
            self.out.append(ShutdownReply(client, OK if yes else BUSY))
        if yes:
            self.send(header(SERVICE, SHUTDOWN, 16))
