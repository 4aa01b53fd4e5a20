"""Handlers that make and change a cluster of machines: init, join, remove, rename, enable, disable.

They write corosync.conf and the ring's key, here and over ssh, and start hashelld. Nothing is written before all of it
has been checked, and a file that was there is kept beside the new one.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.grammar.apply import Mode
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import failed
from hashell.shell.commands.ringconf import change, checked
from hashell.shell.corosynctext import CorosyncText, new_text
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.hosts import Host, all_hosts, chosen_hosts, this_machine
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

_KEY_BYTES = 256
_TRANSPORTS = ("udpu", "knet", "udp")
UNIT = "hashelld.service"
_UNIT_PATH = Path("/etc/systemd/system") / UNIT


@dataclass
class InitOptions:
    """The options of init and join."""

    yes: bool = False
    quiet: bool = False
    name: str = "hacluster"
    hosts: list[str] = field(default_factory=list)
    address: str = ""
    transport: str = "udpu"
    admin: str = ""
    contact: str = ""
    stage: str = ""


_VALUES = {"-n": "name", "--name": "name", "-i": "address", "--interface": "address", "-t": "transport",
           "--transport": "transport", "-A": "admin", "--admin-ip": "admin", "-c": "contact",
           "--cluster-node": "contact"}
_INIT = "init [-y] [-q] [-n NAME] [-i ADDRESS|INTERFACE] [-t udpu|udp|knet] [-A IP] [-N HOST]…"
_JOIN = "join -c HOST [-y] [-q] [-i ADDRESS|INTERFACE]"


def parse_options(words: list[str], command: str, usage: str) -> InitOptions:
    """Raises HashellError for what is not understood."""
    options, rest = InitOptions(), list(words)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word in ("-y", "--yes"):
            options.yes = True
        elif word in ("-q", "--quiet"):
            options.quiet = True
        elif word in (*_VALUES, "-N", "--node"):
            if not equals and not rest:
                raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                                  problem=f"{word} needs a value"))
            value = value if equals else rest.pop(0)
            if word in ("-N", "--node"):
                options.hosts += value.split()
            else:
                setattr(options, _VALUES[word], value)
        else:
            raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                              problem=f"'{word}' is not an option"))
    if options.transport not in _TRANSPORTS:
        raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                          problem=f"'{options.transport}' is no transport"))
    return options


def address_of(word: str = "") -> str:
    """The address of an interface, the address itself, or without a word that of the default route."""
    if word and (word[0].isdigit() or ":" in word):
        return word
    if word:
        import fcntl
        import struct

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                answer = fcntl.ioctl(probe.fileno(), 0x8915, struct.pack("256s", word.encode()[:15]))
            except OSError as error:
                raise failed(f"interface {word} has no address: {error.strerror}", "name an address: -i 192.0.2.1"
                             ) from None
        return socket.inet_ntoa(answer[20:24])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it asks the routing table for the own address.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise failed("this machine has no route, so its address is not known",
                         "name it: cluster init -i ADDRESS|INTERFACE") from None
        return str(probe.getsockname()[0])


def _need_root(settings: NodeSettings) -> None:
    parent = settings.corosync_conf.parent
    there = parent if parent.exists() else parent.parent
    if not os.access(there, os.W_OK):
        raise failed(f"{parent} cannot be written", "run as root; without root: cluster start --embedded 3")


def init(session: Session, words: list[str]) -> ExitCode:
    """A new cluster of this machine, and of the others named with -N."""
    if words[:1] == ["--embedded"]:
        from hashell.shell.commands.cluster import start

        return start(session, words)
    options = parse_options(words, "init", _INIT)
    settings = NodeSettings()
    _need_root(settings)
    if settings.corosync_conf.exists() and not (options.yes or session.ask(
            f"{settings.corosync_conf} exists: make a new cluster and keep the old file beside it")):
        raise failed(f"{settings.corosync_conf} exists, so this machine is in a cluster already",
                     "`cluster init -y` makes a new one and keeps the old file; `cluster start` starts it")
    nodes = {this_machine(): address_of(options.address)}
    for host in options.hosts:
        remote = Host(host, settings)
        name = remote.run("hostname -s").stdout.decode().strip() or host
        nodes[name] = socket.gethostbyname(host)
    text = checked(new_text(options.name, nodes, options.transport), bundled=True)
    _keep(settings.corosync_conf)
    key = _key(settings)
    write_atomically(settings.corosync_conf, text, mode=0o644)
    for host in options.hosts:
        _equip(session, Host(host, settings), text, key, options)
    if not options.quiet:
        session.note(f"cluster {options.name} of {', '.join(f'{n} ({a})' for n, a in nodes.items())}")
    return _first_start(session, options)


def _keep(path: Path) -> None:
    """Keep a file that is about to be replaced."""
    if path.exists():
        old = path.read_bytes()
        write_atomically(path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"), old, mode=0o600)


def _key(settings: NodeSettings) -> bytes:
    """The ring's key, made if there is none."""
    try:
        return settings.authkey.read_bytes()
    except OSError:
        key = secrets.token_bytes(_KEY_BYTES)
        settings.authkey.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(settings.authkey, key, mode=0o400)
        return key


def _equip(session: Session, host: Host, text: str, key: bytes, options: InitOptions) -> None:
    """Give another machine the files, and start its node."""
    host.write(host.settings.authkey, key, 0o400)
    host.write(host.settings.corosync_conf, text.encode())
    result = host.run(_START)
    if result.returncode:
        reason = (result.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise failed(f"{host.name}: hashelld did not start: {reason}", "install hashell there too")
    if not options.quiet:
        session.note(f"{host.name} is started")


_START = f"systemctl start {UNIT} 2>/dev/null || hashelld"


def _first_start(session: Session, options: InitOptions) -> ExitCode:
    from hashell.shell.commands.cluster import start, wait_for_startup

    session.end_line()
    code = start(session, [])
    if code is not ExitCode.OK:
        return code
    code = wait_for_startup(session, ["120"])
    lines = "property stonith-enabled=false\nrsc_defaults resource-stickiness=1 migration-threshold=3\n"
    if options.admin:
        lines += f"primitive admin-ip IPaddr2 params ip={options.admin} op monitor interval=10s\n"
    space = session.workspace
    space.apply(space.parser.parse_text(lines, "cluster init").check(), Mode.UPDATE)
    space.commit(force=True)
    session.note("fencing is off until a device is defined: configure primitive … stonith:…, "
                 "then configure property stonith-enabled=true")
    return code


def join(session: Session, words: list[str]) -> ExitCode:
    """This machine into the cluster of another one."""
    options = parse_options(words, "join", _JOIN)
    if not options.contact:
        raise HashellError(WrongArguments(command="cluster.join", usage=_JOIN, problem="which cluster? -c is missing"))
    settings = NodeSettings()
    _need_root(settings)
    contact = Host(options.contact, settings)
    text = CorosyncText(contact.read(settings.corosync_conf).decode("utf-8", "replace"))
    key = contact.read(settings.authkey)
    name, address = this_machine(), address_of(options.address)
    if name not in text.names():
        text.add_node(name, address)
    new = checked(str(text), bundled=True)
    _keep(settings.corosync_conf)
    write_atomically(settings.authkey, key, mode=0o400)
    write_atomically(settings.corosync_conf, new, mode=0o644)
    for host in all_hosts(session):
        if not host.local:
            host.write(settings.corosync_conf, new.encode())
    contact.run("hashell corosync reload || corosync-cfgtool -R")
    from hashell.shell.commands.cluster import start, wait_for_startup

    session.end_line()
    start(session, [])
    session.note(f"{name} ({address}) joined the cluster of {options.contact}")
    return wait_for_startup(session, ["120"])


def remove(session: Session, words: list[str]) -> ExitCode:
    """`remove [-y] [-F] [-c HOST|NODE…]`: nodes out of the cluster for good."""
    names = [w for w in words if not w.startswith("-")]
    unknown = [w for w in words if w.startswith("-") and w not in (
        "-y", "--yes", "-q", "--quiet", "-F", "--force", "-c", "--cluster-node")]
    if unknown or not names:
        raise HashellError(WrongArguments(command="cluster.remove", usage="remove [-y] [-F] NODE…",
                                          problem=f"'{unknown[0]}' is not an option" if unknown else "no node named"))
    force = session.options.force or "-F" in words or "--force" in words
    hosts = chosen_hosts(session, names)
    if hosts[0].settings.embedded:
        raise failed("an embedded cluster keeps its number of nodes",
                     f"stop one: cluster stop {names[0]}; another number: cluster destroy, then start")
    everybody = all_hosts(session)
    if (len(hosts) == len(everybody) or any(h.local for h in hosts)) and not force:
        raise failed("this machine is among them", "remove it from another node, or use -F")
    if not ({"-y", "--yes"} & set(words) or session.options.force or not session.interactive
            or session.ask(f"Remove {', '.join(names)} from the cluster")):
        return ExitCode.OK
    for host in hosts:
        host.run(f"hashell cluster stop; systemctl disable {UNIT} 2>/dev/null; "
                 f"rm -f {shlex.quote(str(host.settings.corosync_conf))} {shlex.quote(str(host.settings.authkey))}")
    change(session, lambda text: _take_out(text, [h.name for h in hosts]))
    left = [h for h in everybody if h.name not in names]
    text = CorosyncText(left[0].read(left[0].settings.corosync_conf).decode("utf-8", "replace")) if left else None
    for host in left:
        if not host.local and text is not None:
            host.write(host.settings.corosync_conf, str(text).encode())
    from hashell.shell.commands.corosync import reload
    from hashell.shell.commands.node import delete

    reload(session, [])
    for host in hosts:
        delete(session, [host.name])
    return ExitCode.OK


def _take_out(text: CorosyncText, names: list[str]) -> None:
    for name in names:
        text.remove_node(name)


def rename(session: Session, words: list[str]) -> None:
    """The name of the cluster, in corosync.conf and as a property."""
    from hashell.shell.commands.corosync import reload

    if not words[0] or any(c.isspace() or c in "{}:#" for c in words[0]):
        raise failed(f"'{words[0]}' cannot be the name of a cluster", "use letters, digits, . _ -")
    change(session, lambda text: text.set("totem.cluster_name", words[0]))
    hosts = all_hosts(session)
    own = next((h for h in hosts if h.local), hosts[0])
    text = own.read(own.settings.corosync_conf)
    for host in hosts:
        if not host.local:
            host.write(host.settings.corosync_conf, text)
    space = session.workspace
    space.apply(space.parser.parse_text(f"property cluster-name={words[0]}\n", "cluster rename").check(), Mode.UPDATE)
    space.commit(force=True)
    reload(session, [])
    session.note(f"the cluster is named {words[0]}; the ring itself takes the name at its next start")


# -- start at boot -----------------------------------------------------------------------------------------------


def unit_text() -> str:
    """The systemd unit of a node."""
    program = Path(sys.executable).with_name("hashelld")
    return ("[Unit]\nDescription=hashell cluster node\nWants=network-online.target\nAfter=network-online.target "
            "time-sync.target\nConflicts=corosync.service pacemaker.service\n\n[Service]\nType=forking\n"
            f"ExecStart={program}\nKillMode=process\nTimeoutStopSec=30min\nSuccessExitStatus=100\n\n"
            "[Install]\nWantedBy=multi-user.target\n")


def _at_boot(session: Session, words: list[str], verb: str) -> ExitCode:
    names = [w for w in words if w != "--all"]
    hosts = chosen_hosts(session, names) if words else [h for h in all_hosts(session) if h.local]
    if not hosts:
        raise failed("this machine is not a node of the cluster", f"name a node: cluster {verb} NODE")
    if hosts[0].settings.embedded:
        raise failed("embedded nodes are not started at boot", "start them by hand: cluster start --embedded")
    for host in hosts:
        if verb == "enable":
            host.write(_UNIT_PATH, unit_text().encode())
        result = host.run(f"systemctl daemon-reload && systemctl {verb} {UNIT}")
        if result.returncode:
            reason = (result.stderr.decode(errors="replace").strip().splitlines() or ["no systemd"])[-1]
            raise failed(f"{host.name}: systemctl {verb} {UNIT}: {reason}", "root and systemd are needed for that")
        session.note(f"{host.name}: the cluster is {'' if verb == 'enable' else 'not '}started at boot")
    return ExitCode.OK


def enable(session: Session, words: list[str]) -> ExitCode:
    return _at_boot(session, words, "enable")


def disable(session: Session, words: list[str]) -> ExitCode:
    return _at_boot(session, words, "disable")
