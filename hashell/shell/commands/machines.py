"""Nodes that are machines: starting and stopping them, here and over ssh, now and at boot."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import failed
from hashell.shell.hosts import Host, all_hosts, chosen_hosts
from hashell.shell.session import Session

UNIT = "hashelld.service"
_UNIT_PATH = Path("/etc/systemd/system") / UNIT
#: True in a shell where systemd is the first process and knows our unit.
_UNIT_THERE = f"test -d /run/systemd/system && systemctl cat {UNIT} >/dev/null 2>&1"
#: Starts the node of a machine, in the way in which it is started at boot if there is one.
START = f"if {_UNIT_THERE}; then systemctl start {UNIT}; else hashelld; fi"
#: Longer than a node takes to move its resources away.
SECONDS = 240.0
_MISSING = 127


def last_line(output: bytes, otherwise: str = "no reason given") -> str:
    return (output.decode(errors="replace").strip().splitlines() or [otherwise])[-1].removeprefix("error: ")


def has_unit() -> bool:
    """Whether systemd runs here and knows our unit."""
    return subprocess.run(["sh", "-c", _UNIT_THERE]).returncode == 0


def elsewhere(host: Host, words: str) -> subprocess.CompletedProcess[bytes]:
    """A command of our shell on another machine. Raises HashellError where it is not there."""
    result = replace(host, seconds=SECONDS).run(f"hashell {words}")
    if result.returncode == _MISSING:
        raise failed(f"{host.name}: there is no hashell in the path of ssh",
                     f"install it there, so that this works: ssh {host.name} hashell --version")
    return result


def on_machines(session: Session, verb: str, names: list[str], here: Callable[[], object]) -> ExitCode:
    """`verb` (start, stop, restart) on the named machines, all without a name; `here` does it on this one.

    All at once: nodes that stop together do not move resources from one to the next.
    """
    hosts = chosen_hosts(session, names)
    others = [h for h in hosts if not h.local]
    fine = {"start": ExitCode.EXISTS, "stop": ExitCode.NOT_RUNNING}.get(verb)

    def one(host: Host) -> str:
        try:
            result = elsewhere(host, f"cluster {verb}")
        except HashellError as error:
            return error.diagnostics[0].text()
        if result.returncode in (0, fine):
            return ""
        return f"{host.name}: {last_line(result.stderr)}"

    with ThreadPoolExecutor(max_workers=16) as pool:
        waiting = pool.map(one, others)
        problems = [_here(session, here, fine)] if len(others) < len(hosts) else []
        for host, problem in zip(others, waiting):
            problems.append(problem)
            if not problem:
                session.note(f"{host.name}: {_DONE[verb]}")
    bad = [p for p in problems if p]
    if bad:
        raise failed(f"cluster {verb}: {'; '.join(bad)}", "see there: cluster status"
                     + ("; the others have done it" if len(bad) < len(hosts) else ""))
    return ExitCode.OK


_DONE = {"start": "the cluster is started", "stop": "the cluster is stopped", "restart": "the cluster is restarted"}


def _here(session: Session, work: Callable[[], object], fine: ExitCode | None) -> str:
    try:
        work()
    except HashellError as error:
        if error.exit_code != fine:
            return error.diagnostics[0].text()
        session.note(error.diagnostics[0].text())
    return ""


# -- start at boot -----------------------------------------------------------------------------------------------


def unit_text(program: str) -> str:
    """The systemd unit of a node; the same as systemd/hashelld.service."""
    return f"""\
# A node of a hashell cluster: ring and resource manager. Copy to /etc/systemd/system and set the path of hashelld.
[Unit]
Description=hashell cluster node
Documentation=man:hashell(8)
Conflicts=pacemaker.service
Wants=network-online.target dbus.service
After=network-online.target time-sync.target dbus.service remote-fs.target corosync.service
After=resource-agents-deps.target
Wants=resource-agents-deps.target
ConditionPathExists=/etc/corosync/corosync.conf

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} --foreground
WatchdogSec=30
# The daemons are ours to stop, in order; what the cluster started goes on when only we are restarted.
KillMode=process
# Resources are moved away first, however long their stops take.
TimeoutStopSec=30min
SendSIGKILL=no
TimeoutStartSec=90
Restart=on-failure
RestartPreventExitStatus=78 100
TasksMax=infinity
"""


def _program(host: Host) -> str:
    """Where hashelld is on a machine."""
    beside = Path(sys.executable).with_name("hashelld")
    if host.local and beside.exists():
        return str(beside)
    result = host.run("command -v hashelld")
    if result.returncode:
        raise failed(f"{host.name}: there is no hashelld in the path", "install hashell there too")
    return result.stdout.decode().strip()


def prepare(session: Session, host: Host) -> None:
    """Make the users and the unit of a node where a machine lacks them. Raises HashellError."""
    settings = host.settings
    user, group = shlex.quote(settings.user), shlex.quote(settings.group)
    result = host.run(
        f"getent group {group} >/dev/null || {{ groupadd -r {group} && echo group {group}; }} && "
        f"{{ getent passwd {user} >/dev/null || "
        f"{{ useradd -r -g {group} -s /usr/sbin/nologin {user} && echo user {user}; }}; }}")
    if result.returncode:
        raise failed(f"{host.name}: user {settings.user} cannot be made: {last_line(result.stderr)}",
                     f"there: groupadd -r {group}; useradd -r -g {group} -s /usr/sbin/nologin {user}")
    made = result.stdout.decode().split("\n")[:-1]
    if host.run(f"test -d /run/systemd/system && ! {{ {_UNIT_THERE}; }}").returncode == 0:
        host.write(_UNIT_PATH, unit_text(_program(host)).encode())
        reload = host.run("systemctl daemon-reload")
        if reload.returncode:
            raise failed(f"{host.name}: systemctl daemon-reload: {last_line(reload.stderr)}", "see there: journalctl")
        made.append(f"unit {UNIT}")
    if made:
        session.note(f"{host.name}: made {', '.join(made)}")


def _at_boot(session: Session, words: list[str], verb: str) -> ExitCode:
    names = [w for w in words if w != "--all"]
    hosts = chosen_hosts(session, names) if words else [h for h in all_hosts(session) if h.local]
    if not hosts:
        raise failed("this machine is not a node of the cluster", f"name a node: cluster {verb} NODE")
    if hosts[0].settings.embedded:
        raise failed("embedded nodes are not started at boot", "start them by hand: cluster start --embedded")
    for host in hosts:
        there = host.run(_UNIT_THERE).returncode == 0
        if not there and verb == "enable":
            host.write(_UNIT_PATH, unit_text(_program(host)).encode())
        if there or verb == "enable":
            result = host.run(f"systemctl daemon-reload && systemctl {verb} {UNIT}")
            if result.returncode:
                raise failed(f"{host.name}: systemctl {verb} {UNIT}: {last_line(result.stderr, 'no systemd')}",
                             "root and systemd are needed for that")
        session.note(f"{host.name}: the cluster is {'' if verb == 'enable' else 'not '}started at boot")
    return ExitCode.OK


def enable(session: Session, words: list[str]) -> ExitCode:
    return _at_boot(session, words, "enable")


def disable(session: Session, words: list[str]) -> ExitCode:
    return _at_boot(session, words, "disable")
