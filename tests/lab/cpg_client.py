"""A client of Corosync's own libcpg, run on lab hosts: it sends, notes what it gets, and reports as JSON.

    cpg_client.py GROUP --members N --count N --size BYTES [--rate N] [--seconds S] [--order FILE]

It joins, waits until the group has `--members` processes, sends, and ends when it has got `count` messages of each
member that is still there (or after `--seconds`). The report has the order as a digest, and the latencies of its own
messages. It needs nothing but Python and libcpg.
"""

from __future__ import annotations

import argparse
import ctypes as c
import hashlib
import json
import os
import select
import struct
import sys
import time
import zlib
from typing import Any

OK, TRY_AGAIN = 1, 6
AGREED = 2
DISPATCH_ALL = 2
HEAD = struct.Struct("<IIdI")


class Name(c.Structure):
    _fields_ = [("length", c.c_uint32), ("value", c.c_char * 128)]


class Address(c.Structure):
    _fields_ = [("nodeid", c.c_uint32), ("pid", c.c_uint32), ("reason", c.c_uint32)]


class Iovec(c.Structure):
    _fields_ = [("base", c.c_char_p), ("len", c.c_size_t)]


DELIVER = c.CFUNCTYPE(None, c.c_uint64, c.POINTER(Name), c.c_uint32, c.c_uint32, c.c_void_p, c.c_size_t)
_LIST = (c.POINTER(Address), c.c_size_t)
CONFCHG = c.CFUNCTYPE(None, c.c_uint64, c.POINTER(Name), *_LIST, *_LIST, *_LIST)


class Callbacks(c.Structure):
    _fields_ = [("deliver", DELIVER), ("confchg", CONFCHG)]


class Client:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lib = c.CDLL("libcpg.so.4")
        self.handle = c.c_uint64()
        self.members: list[int] = []
        self.got: dict[int, int] = {}
        self.bad = 0
        self.latencies: list[float] = []
        self.sent = 0
        self.refused = 0
        self.first = self.last = 0.0
        self.digest = hashlib.sha256()
        self.order = open(options.order, "w", buffering=1) if options.order else None  # noqa: SIM115
        self.pid = os.getpid()
        pad = max(0, options.size - HEAD.size)
        self.pad = (bytes(range(256)) * (pad // 256 + 1))[:pad]
        self.crc = zlib.crc32(self.pad)
        self.callbacks = Callbacks(DELIVER(self._deliver), CONFCHG(self._confchg))

    def check(self, code: int, what: str) -> None:
        if code != OK:
            sys.exit(f"{what}: cs_error {code}")

    def join(self) -> None:
        for _ in range(200):
            code = self.lib.cpg_initialize(c.byref(self.handle), c.byref(self.callbacks))
            if code == OK:
                break
            time.sleep(0.1)
        self.check(code, "cpg_initialize")
        group = self.options.group.encode()
        name = Name(len(group), group)
        while (code := self.lib.cpg_join(self.handle, c.byref(name))) == TRY_AGAIN:
            time.sleep(0.05)
        self.check(code, "cpg_join")
        number = c.c_int()
        self.check(self.lib.cpg_fd_get(self.handle, c.byref(number)), "cpg_fd_get")
        self.poll = select.poll()
        self.poll.register(number.value, select.POLLIN)

    def _deliver(self, handle: int, group: Any, nodeid: int, pid: int, message: int, size: int) -> None:
        now = time.monotonic()
        data = c.string_at(message, HEAD.size)
        sender, number, stamp, crc = HEAD.unpack(data)
        if self.options.verify and (
            size != HEAD.size + len(self.pad) or zlib.crc32(c.string_at(message + HEAD.size, size - HEAD.size)) != crc
        ):
            self.bad += 1
        self.got[nodeid] = self.got.get(nodeid, 0) + 1
        self.digest.update(struct.pack("<II", nodeid, number))
        if self.order and self.options.count:
            self.order.write(f"{nodeid} {number}\n")
        if sender == self.pid:
            self.latencies.append(now - stamp)
        self.first = self.first or now
        self.last = now

    def _confchg(self, handle: int, group: Any, members: Any, count: int, *rest: Any) -> None:
        self.members = [members[i].nodeid for i in range(count)]
        if self.order:
            self.order.write(f"members {time.monotonic():.6f} {' '.join(map(str, self.members))}\n")

    def dispatch(self, seconds: float) -> None:
        if self.poll.poll(seconds * 1000):
            self.check(self.lib.cpg_dispatch(self.handle, DISPATCH_ALL), "cpg_dispatch")

    def send(self) -> bool:
        data = HEAD.pack(self.pid, self.sent, time.monotonic(), self.crc) + self.pad
        code = self.lib.cpg_mcast_joined(self.handle, AGREED, c.byref(Iovec(data, len(data))), 1)
        if code == TRY_AGAIN:
            self.refused += 1
            return False
        self.check(code, "cpg_mcast_joined")
        self.sent += 1
        return True

    def complete(self) -> bool:
        if not self.options.count:
            return False
        return self.sent >= self.options.count and all(
            self.got.get(n, 0) >= self.options.count for n in self.members
        )

    def run(self) -> None:
        options = self.options
        deadline = time.monotonic() + options.seconds
        self.join()
        while len(self.members) < options.members and time.monotonic() < deadline:
            self.dispatch(0.1)
        began = time.monotonic()
        while not self.complete() and time.monotonic() < deadline:
            wait = 0.05
            if self.sent < options.count:
                due = self.sent / options.rate if options.rate else 0.0
                ahead = due - (time.monotonic() - began)
                window = options.window and self.sent - self.got.get(self.me(), 0) >= options.window
                if ahead > 0:
                    wait = min(ahead, 0.05)
                elif not window:
                    wait = 0.0 if self.send() else 0.002
            self.dispatch(wait)
        self.report(began)

    def me(self) -> int:
        number = c.c_uint32()
        if not hasattr(self, "_me"):
            self.lib.cpg_local_get(self.handle, c.byref(number))
            self._me = number.value
        return self._me

    def report(self, began: float) -> None:
        ordered = sorted(self.latencies)

        def percentile(part: float) -> float:
            return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0

        print(
            json.dumps(
                {
                    "got": self.got,
                    "sent": self.sent,
                    "bad": self.bad,
                    "refused": self.refused,
                    "seconds": self.last - began,
                    "span": self.last - self.first,
                    "digest": self.digest.hexdigest(),
                    "complete": self.complete(),
                    "p50": percentile(0.5),
                    "p99": percentile(0.99),
                }
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second, 0 = as many as possible")
    parser.add_argument("--window", type=int, default=0, help="own messages under way at most, 0 = no limit")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--realtime", action="store_true", help="run before ordinary processes, as the ring does")
    parser.add_argument("--order", default="", help="file for the order of events")
    parser.add_argument("--verify", action="store_true", help="look at the content of every message")
    options = parser.parse_args()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
    Client(options).run()


if __name__ == "__main__":
    main()
