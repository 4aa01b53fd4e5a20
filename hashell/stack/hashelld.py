"""`hashelld`: starts and supervises one node, in the foreground or as a daemon."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NoReturn

from hashell.model.diagnostics import Diagnostic, HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor import prepare
from hashell.stack.supervisor.apart import run_apart
from hashell.stack.supervisor.core import DAEMONS, MEMBERSHIP, QDEVICE, DaemonSpec
from hashell.stack.supervisor.preload import import_shared

_START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class BadSettings(Diagnostic):
    code: ClassVar[str] = "H515"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    path: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"the settings file {self.path} cannot be used: {self.reason}"

    def remedy(self) -> str:
        return "name a JSON file as an embedded cluster writes it"


@dataclass(frozen=True, kw_only=True)
class DaemonMissing(Diagnostic):
    code: ClassVar[str] = "H516"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_INSTALLED

    module: str = ""

    def text(self) -> str:
        return f"this installation has no {self.module}"

    def remedy(self) -> str:
        return "install hashell again"


@dataclass(frozen=True, kw_only=True)
class StartFailed(Diagnostic):
    code: ClassVar[str] = "H517"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    reason: str = ""
    log: str = ""

    def text(self) -> str:
        return f"the node did not start: {self.reason}"

    def remedy(self) -> str:
        return f"see {self.log}"


@dataclass(frozen=True, kw_only=True)
class NoCorosync(Diagnostic):
    code: ClassVar[str] = "H527"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE

    def text(self) -> str:
        return "no Corosync runs on this machine"

    def remedy(self) -> str:
        return "start it first (systemctl start corosync), or use --ring bundled"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"hashelld: error: {message} (`hashelld --help` lists the options)\n")


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="hashelld",
        description="Run one cluster node: membership and the resource manager.",
        epilog="SIGTERM stops the node in order, moving its resources away; SIGQUIT stops it at once.",
    )
    parser.add_argument("-f", "--foreground", action="store_true", help="stay in the foreground")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings of an embedded node (JSON)")
    parser.add_argument("--corosync-conf", type=Path, metavar="FILE", help="configuration of the ring")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--ring",
        choices=("bundled", "corosync"),
        help="run our own membership, or use the Corosync of this machine (default: the Corosync that runs, else ours)",
    )
    parts.add_argument(
        "--only-ring",
        action="store_true",
        help="run the bundled membership alone, in place of Corosync, under another resource manager",
    )
    return parser.parse_args(argv)


def load_settings(arguments: argparse.Namespace) -> NodeSettings:
    """The node's settings from the options. Raises HashellError."""
    settings = NodeSettings()
    if arguments.settings:
        try:
            settings = NodeSettings.from_json(arguments.settings.read_text())
        except (OSError, ValueError, TypeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise HashellError(BadSettings(path=str(arguments.settings), reason=reason)) from None
    if arguments.corosync_conf:
        settings = replace(settings, corosync_conf=arguments.corosync_conf.absolute())
    return settings


def uses_corosync(settings: NodeSettings, arguments: argparse.Namespace) -> bool:
    """Is the ring of this node a Corosync: told so, or found running. Raises HashellError when it is told and not."""
    if arguments.only_ring or arguments.ring == "bundled":
        return False
    found = prepare.foreign_ring(settings)
    if not found and arguments.ring == "corosync":
        raise HashellError(NoCorosync())
    if found and not arguments.ring:
        print(f"hashelld: using the Corosync that runs here (process {found})", file=sys.stderr)
    return bool(found)


def choose_daemons(*, with_corosync: bool, only_ring: bool = False, device: bool = False) -> tuple[DaemonSpec, ...]:
    """The daemons of this node; `device` = its own membership has a quorum device. Raises HashellError when the
    installation lacks one."""
    left_out = with_corosync, only_ring
    specs = tuple(spec for spec in DAEMONS if not left_out[spec.name != MEMBERSHIP])
    if device and not with_corosync:
        specs = (specs[0], QDEVICE, *specs[1:])
    for spec in specs:
        if importlib.util.find_spec(spec.module) is None:
            raise HashellError(DaemonMissing(module=spec.module))
    return specs


def check_node(settings: NodeSettings, *, with_corosync: bool, only_ring: bool = False) -> None:
    """Everything that would keep the node from starting. Raises HashellError."""
    prepare.check_users(settings)
    if not with_corosync:
        prepare.check_configuration(settings)
    prepare.make_folders(settings)
    pid = prepare.running_pid(settings)
    if pid:
        raise HashellError(prepare.AlreadyRunning(pid=pid))
    prepare.check_names(settings, with_membership=not with_corosync, with_manager=not only_ring)
    for warning in run_apart(lambda: _check_files(settings, ring=not with_corosync, cib=not only_ring)):
        print(f"hashelld: {warning}", file=sys.stderr)


def has_device(settings: NodeSettings) -> bool:
    """Has the ring of this node a quorum device that we can ask for its vote?"""

    def check() -> list[Diagnostic]:
        from hashell.stack.membership.daemon import read_conf

        if read_conf(settings).text("quorum.device.model") != "net":
            raise HashellError()
        return []

    try:
        run_apart(check)
    except HashellError:
        return False
    return True


def _check_files(settings: NodeSettings, *, ring: bool, cib: bool) -> list[Diagnostic]:
    """What there is to say about the files that the daemons will read."""
    found: list[Diagnostic] = []
    if ring:
        from hashell.stack.membership.daemon import check_conf

        found += check_conf(settings)
    if cib:
        from hashell.stack.cib.storage import CibStorage, Untouched

        notes = CibStorage(Untouched(settings.cib_dir), str(settings.cib_dir)).load().notes
        found += [note for note in notes if note.severity is not Severity.NOTE]
    return found


def serve(settings: NodeSettings, specs: tuple[DaemonSpec, ...], report: Callable[[int, str], None]) -> int:
    """Run the node in this process; `report(exit code, words)` tells once how the start went."""
    try:
        import_shared()
    except ImportError as error:
        raise HashellError(DaemonMissing(module=error.name or str(error))) from None
    from hashell.stack.runtime import setup_logging
    from hashell.stack.supervisor.processes import NodeProcess

    lock = prepare.lock(settings)
    log = setup_logging(settings, "hashelld")
    node = NodeProcess(settings, specs, on_ready=lambda: report(0, ""), lock=lock)
    log.info("node starts: %s", ", ".join(spec.name for spec in specs))
    code = node.run()
    log.info("node has ended with exit code %d", code)
    report(code or ExitCode.ERROR, node.last_words)
    # The file stays: a starter may have it open already, and its lock would hold nobody off a new file.
    os.ftruncate(lock, 0)
    os.close(lock)
    return code


def detach(run: Callable[[Callable[[int, str], None]], int], logfile: Path) -> int:
    """Run in the background; returns in the starter once the node is up or has failed."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        os.setsid()
        if os.fork():
            os._exit(0)
        _become_daemon(logfile)
        code = _serve_reporting(run, write)
        os._exit(code & 0xFF)
    os.close(write)
    os.wait()
    return _await_start(read, logfile)


def _become_daemon(logfile: Path) -> None:
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    out = os.open(logfile, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(out)


def _serve_reporting(run: Callable[[Callable[[int, str], None]], int], write: int) -> int:
    told = False

    def report(code: int, words: str) -> None:
        nonlocal told
        if not told:
            told = True
            with contextlib.suppress(OSError):
                os.write(write, json.dumps([code, words]).encode())
            os.close(write)

    try:
        return run(report)
    except HashellError as error:
        report(error.exit_code, str(error))
        return error.exit_code
    except Exception as error:
        report(ExitCode.SOFTWARE, repr(error))
        return ExitCode.SOFTWARE


def _await_start(read: int, logfile: Path) -> int:
    log = str(logfile.with_name("hashell.log"))
    ready, _, _ = select.select([read], [], [], _START_SECONDS)
    data = os.read(read, 65536) if ready else b""
    os.close(read)
    if not data:
        late = f"the ring does not answer after {_START_SECONDS} s; it goes on trying until it is stopped"
        reason = "it ended without a word" if ready else late
        raise HashellError(StartFailed(reason=reason, log=f"{log} and {logfile}"))
    code, words = json.loads(data)
    if code:
        reason = words.removeprefix("error: ") or f"a daemon gave up with exit code {code}"
        raise HashellError(StartFailed(reason=reason, log=log), exit_code=ExitCode(code))
    return ExitCode.OK


def main(argv: list[str] | None = None) -> int:
    """Entry point of `hashelld`; the exit code."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    try:
        settings = load_settings(arguments)
        parts = {"with_corosync": uses_corosync(settings, arguments), "only_ring": arguments.only_ring}
        check_node(settings, **parts)
        specs = choose_daemons(**parts, device=not parts["with_corosync"] and has_device(settings))
        if arguments.foreground:
            return serve(settings, specs, _report_to_terminal)
        return detach(lambda report: serve(settings, specs, report), settings.log_dir / "hashelld.out")
    except HashellError as error:
        for diagnostic in error.diagnostics:
            print(f"hashelld: {diagnostic}", file=sys.stderr)
        return int(error.exit_code)
    except Exception as error:
        logging.getLogger("hashelld").exception("stopped by an internal error")
        print(f"hashelld: error: internal error: {error!r} (see the log of the node)", file=sys.stderr)
        return ExitCode.SOFTWARE


def _report_to_terminal(code: int, words: str) -> None:
    if code and words:
        print(f"hashelld: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
