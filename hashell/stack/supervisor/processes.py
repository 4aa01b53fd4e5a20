"""The supervisor's process: forks the daemons, reaps them, carries signals and timers to the core and back.

It runs no asyncio loop, because a forked daemon must start with a clean one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import logging
import os
import pwd
import selectors
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.runtime import allow_many_files, log_level, run_daemon
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor import core
from hashell.stack.supervisor.notify import ServiceManager
from hashell.stack.supervisor.panic import panic
from hashell.stack.supervisor.preload import settle
from hashell.stack.wire.qbframe import abstract_address

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_WORDS_LIMIT = 4000
_PROBE = "probe the ring"
_PROBE_SECONDS = 0.1
_PULSE = "sign of life"
_MEMBERSHIP_PRIORITY = -15
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

Main = Callable[..., Awaitable[int]]

log = logging.getLogger("hashelld")


class NodeProcess:
    """Runs one node until it is stopped.

    `on_ready()` is called once when the ring answers; `lock` is the descriptor of the node's lock, kept from the
    daemons.
    """

    def __init__(
        self,
        settings: NodeSettings,
        specs: tuple[core.DaemonSpec, ...],
        on_ready: Callable[[], None],
        lock: int = -1,
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._core = core.Supervisor(specs)
        self._specs = {spec.name: spec for spec in specs}
        self._pids: dict[int, str] = {}
        self._words: dict[str, int] = {}
        self._timers: dict[str, float] = {}
        self._control: socket.socket | None = None
        self._state = "init"
        self._on_ready = on_ready
        self._service = ServiceManager(os.environ, os.getpid())
        self._ready = False
        self._finished: int | None = None
        self._interrupts = 0
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self.last_words = ""  #: why a daemon gave the node up, for the one who started us

    def run(self) -> int:
        """Start the node and serve it to its end; its exit code."""
        _call_process("hashelld")
        for sock in (self._wake_read, self._wake_write):
            sock.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._signalled)
        if core.PACEMAKERD not in self._specs:
            self._timers[_PROBE] = time.monotonic()
        if self._service.pulse:
            self._timers[_PULSE] = time.monotonic()
        settle()
        self._apply(self._core.start())
        while self._finished is None:
            for key, _events in self._selector.select(self._wait_seconds()):
                key.data()
            self._reap()
            self._fire_timers()
        return self._finished

    # -- inputs -------------------------------------------------------------------------------------------

    def _wait_seconds(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, min(self._timers.values()) - time.monotonic())

    def _fire_timers(self) -> None:
        now = time.monotonic()
        for name in [name for name, deadline in self._timers.items() if deadline <= now]:
            if self._timers.pop(name, None) is None:
                continue
            if name == _PROBE:
                self._probe_ring(now)
            elif name == _PULSE:
                self._service.alive()
                self._timers[_PULSE] = now + self._service.pulse
            else:
                self._apply(self._core.timer(name, now))

    def _probe_ring(self, now: float) -> None:
        """Stands in for the pacemakerd service, which is not ours when we run the ring alone."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(abstract_address(self._settings.ipc_name("cmap")))
            except OSError:
                self._timers[_PROBE] = now + _PROBE_SECONDS
                return
        self._become_ready()

    def _become_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._apply(self._core.ready())
            self._on_ready()
            self._service.ready("the ring answers, the node takes part in the cluster")

    def _signalled(self) -> None:
        for number in self._wake_read.recv(4096):
            if number == signal.SIGTERM:
                self._apply(self._core.stop())
            elif number == signal.SIGQUIT:
                self._apply(self._core.stop_now())
            elif number == signal.SIGINT:
                self._interrupts += 1
                self._apply(self._core.stop() if self._interrupts == 1 else self._core.stop_now())

    def _reap(self) -> None:
        while self._pids:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            name = self._pids.pop(pid, None)
            if name is None:
                continue
            words = self._take_words(name)
            if words:
                self.last_words = words
            code = os.waitstatus_to_exitcode(status)
            self._apply(self._core.exited(name, code, words, time.monotonic()))

    def _take_words(self, name: str) -> str:
        fd = self._words.pop(name)
        try:
            return os.read(fd, _WORDS_LIMIT).decode(errors="replace")
        except BlockingIOError:
            # A process that an agent left behind may still hold the other end.
            return ""
        finally:
            os.close(fd)

    def _heard(self) -> None:
        """A note from the pacemakerd service."""
        assert self._control is not None
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close_control()
            return
        note = json.loads(data)
        if note.get("ready"):
            self._become_ready()
        if note.get("quit"):
            log.info("a client asks to stop the node")
            self._apply(self._core.stop())
        if note.get("unresponsive"):
            self._apply(self._core.unresponsive(note["unresponsive"]))

    # -- effects ------------------------------------------------------------------------------------------

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case core.Spawn(name):
                    self._spawn(name)
                case core.Terminate(name):
                    self._signal(name, signal.SIGTERM)
                case core.Kill(name):
                    self._signal(name, signal.SIGKILL)
                case core.TellState(state):
                    self._state = state
                    if state == "shutting_down":
                        self._service.stopping()
                    self._tell()
                case core.Panic(reason):
                    panic(self._settings, reason)
                    self._finished = ExitCode.PANIC
                case core.Finish(exit_code):
                    self._finished = exit_code
                case SetTimer(name, seconds):
                    self._timers[name] = time.monotonic() + seconds
                case CancelTimer(name):
                    self._timers.pop(name, None)
                case LogLine(level, text):
                    log.log(log_level(level), "%s", text)

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self._core.children[name].pid
        if pid:
            os.kill(pid, number)

    def _tell(self) -> None:
        if self._control is not None:
            pids = {name: child.pid for name, child in self._core.children.items()}
            try:
                self._control.send(json.dumps({"state": self._state, "pids": pids}).encode())
            except OSError as error:
                log.debug("the pacemakerd service does not listen: %s", error)

    def _close_control(self) -> None:
        if self._control is not None:
            self._selector.unregister(self._control)
            self._control.close()
            self._control = None

    def _spawn(self, name: str) -> None:
        spec = self._specs[name]
        words_read, words_write = os.pipe()
        os.set_blocking(words_read, False)
        control = None
        if name == core.PACEMAKERD:
            self._close_control()
            self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.setblocking(False)
        parent = os.getpid()
        # A signal that met our own handler in the child would be lost there and be ours by mistake.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            code = int(ExitCode.SOFTWARE)
            try:
                os.close(words_read)
                code = self._child(spec, parent, words_write, control)
            except BaseException:
                log.exception("%s could not be started", name)
            finally:
                logging.shutdown()
                os._exit(code & 0xFF)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(words_write)
        self._pids[pid] = name
        self._words[name] = words_read
        if control is not None and self._control is not None:
            control.close()
            self._selector.register(self._control, selectors.EVENT_READ, self._heard)
        self._apply(self._core.spawned(name, pid, time.monotonic()))
        self._tell()

    # -- in the child -------------------------------------------------------------------------------------

    def _child(self, spec: core.DaemonSpec, parent: int, words: int, control: socket.socket | None) -> int:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
        if self._control is not None:
            self._control.close()
        for fd in self._words.values():
            os.close(fd)
        if self._lock >= 0:
            # Held by a daemon, the lock would make a dead node look alive.
            os.close(self._lock)
        os.setpgid(0, 0)
        become(self._settings, spec, parent)
        try:
            module = importlib.import_module(spec.module)
        except ImportError as error:
            log.exception("%s cannot be imported", spec.module)
            os.write(words, f"{spec.module} cannot be imported: {error}".encode()[:_WORDS_LIMIT])
            return int(ExitCode.NOT_INSTALLED)
        settle()
        if spec.name != core.EXECUTOR:  # what it starts are the administrator's services: they get the limit as it is
            allow_many_files()
        main: Main = functools.partial(module.main, control=control) if control is not None else module.main
        return run_daemon(self._settings, spec.name, functools.partial(_guarded, main, words))


async def _guarded(main: Main, words: int, settings: NodeSettings, stop: object) -> int:
    """Run a daemon; an error that it reports to the user goes to the supervisor in words, without a traceback."""
    try:
        return await main(settings, stop)
    except HashellError as error:
        text = "; ".join(str(diagnostic) for diagnostic in error.diagnostics)
        logging.getLogger().critical("%s", text)
        os.write(words, text.encode()[:_WORDS_LIMIT])
        return int(error.exit_code) or int(ExitCode.ERROR)


def _call_process(name: str) -> None:
    """The name under which `ps` and `pgrep` have this process."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def become(settings: NodeSettings, spec: core.DaemonSpec, parent: int) -> None:
    """Turn the forked process into the daemon: user, name, and death together with the supervisor."""
    if settings.user and not spec.privileged and os.getuid() == 0:
        account = pwd.getpwnam(settings.user)
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    libc = ctypes.CDLL(None, use_errno=True)
    # Changing the user clears the setting, so it comes after.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(int(ExitCode.DISCONNECT))
    _call_process(f"hashelld-{spec.name}")
    if spec.name == core.MEMBERSHIP:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, _MEMBERSHIP_PRIORITY)
        except OSError:
            log.debug("not allowed to raise the priority of membership")
