"""Running one program without ever blocking the loop: own process group, limited output, a deadline, a sure end.

The end of the program is its own exit, not the end of its output: an agent may leave a server behind that still
holds the pipes. On a timeout the whole process group is killed at once with SIGKILL (daemons specification, 6.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashell.ra.leftovers import AgentRecord

OUTPUT_LIMIT = 64 * 1024
_CHUNK = 65536
_POLL = 0.02


class LimitedText:
    """Keeps the first and the last half of `limit` bytes of a stream and says what it dropped between them."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail += data
        excess = len(self._tail) - self._half
        if excess > 0:
            self._dropped += excess
            del self._tail[:excess]

    @property
    def dropped(self) -> int:
        return self._dropped

    def text(self) -> str:
        """The text, undecodable bytes as U+FFFD, with a line in place of what was dropped."""
        note = f"\n[output truncated: {self._dropped} bytes left out]\n".encode() if self._dropped else b""
        return (bytes(self._head) + note + bytes(self._tail)).decode("utf-8", "replace").replace("\0", "\ufffd")


@dataclass(frozen=True)
class ProcessResult:
    """`returncode` is None after a timeout, negative for death by signal; output is decoded and limited."""

    returncode: int | None
    stdout: str
    stderr: str
    timed_out: bool = False


class RunningProcess:
    """One started program. Raises OSError from start() when it cannot be executed."""

    def __init__(self, popen: subprocess.Popen[bytes], limit: int, record: AgentRecord | None = None) -> None:
        self._popen = popen
        self._record = record
        self.stdout = LimitedText(limit)
        self.stderr = LimitedText(limit)
        self._loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = -1
        self._readers: dict[int, LimitedText] = {}
        self._watch()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: bytes | None = None,
        limit: int = OUTPUT_LIMIT,
        user: str | None = None,
        record: AgentRecord | None = None,
    ) -> RunningProcess:
        """Start `argv`, as `user` with that user's groups when one is named, which takes root.

        With a `record` it is noted there until its exit.
        """
        account = pwd.getpwnam(user) if user else None
        popen = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=True,
            process_group=0,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if account else None,
        )
        if record:
            record.began(popen.pid)
        running = cls(popen, limit, record)
        if stdin is not None:
            running._feed(stdin)
        return running

    @property
    def pid(self) -> int:
        return self._popen.pid

    def _watch(self) -> None:
        for stream, sink in ((self._popen.stdout, self.stdout), (self._popen.stderr, self.stderr)):
            assert stream is not None
            fd = stream.fileno()
            os.set_blocking(fd, False)
            self._readers[fd] = sink
            self._loop.add_reader(fd, self._readable, fd)
        try:
            self._pidfd = os.pidfd_open(self._popen.pid)
            self._loop.add_reader(self._pidfd, self._reap)
        except OSError:
            self._loop.call_later(_POLL, self._reap)

    def _feed(self, data: bytes) -> None:
        """Write stdin as the pipe takes it: an agent that never reads must not stop the daemon."""
        stream = self._popen.stdin
        assert stream is not None
        fd = stream.fileno()
        os.set_blocking(fd, False)
        rest = memoryview(data)

        def writable() -> None:
            nonlocal rest
            try:
                rest = rest[os.write(fd, rest) :] if rest else rest
            except BlockingIOError:
                return
            except OSError:
                rest = rest[:0]
            if not rest:
                self._loop.remove_writer(fd)
                with contextlib.suppress(OSError):
                    stream.close()

        self._loop.add_writer(fd, writable)

    def _readable(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._readers[fd].feed(data)
        else:
            self._loop.remove_reader(fd)
            self._readers.pop(fd, None)

    def _reap(self) -> None:
        code = self._popen.poll()
        if code is None:
            if self._pidfd < 0:
                self._loop.call_later(_POLL, self._reap)
            return
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._record:
            self._record.ended(self._popen.pid)
        if not self._exited.done():
            self._exited.set_result(code)

    def kill_group(self) -> None:
        """SIGKILL to the whole process group; nothing when it is gone already."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def _close(self) -> None:
        """Take what is still in the pipes, then let go of them, even if a child of the agent holds the other end."""
        for fd, sink in list(self._readers.items()):
            self._loop.remove_reader(fd)
            with contextlib.suppress(OSError):
                for _ in range(64):
                    data = os.read(fd, _CHUNK)
                    if not data:
                        break
                    sink.feed(data)
        self._readers.clear()
        for stream in (self._popen.stdout, self._popen.stderr, self._popen.stdin):
            if stream is not None and not stream.closed:
                self._loop.remove_writer(stream.fileno())
                with contextlib.suppress(OSError):
                    stream.close()

    async def wait(self, timeout: float = 0.0) -> ProcessResult:
        """Wait for the exit, at most `timeout` seconds (0: for ever), killing the group then or when cancelled."""
        try:
            async with asyncio.timeout(timeout or None):
                code = await asyncio.shield(self._exited)
        except TimeoutError:
            self.kill_group()
            await self._gone()
            self._close()
            return ProcessResult(None, self.stdout.text(), self.stderr.text(), timed_out=True)
        except asyncio.CancelledError:
            self.kill_group()
            await self._gone()
            self._close()
            raise
        self._close()
        return ProcessResult(code, self.stdout.text(), self.stderr.text())

    async def _gone(self) -> None:
        """A process in uninterruptible sleep survives SIGKILL for a while: do not wait for it for ever."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._exited), 5.0)
