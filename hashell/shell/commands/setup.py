"""Handlers that make a cluster of machines and name it: init, rename.

They write corosync.conf and the ring's key, here and over ssh, and start the nodes. Nothing is written before all of it
has been checked, and a file that was there is kept beside the new one.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import time
from ipaddress import ip_address
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.client.source import is_running
from hashell.grammar.apply import Mode
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands import device
from hashell.shell.commands.machines import START, last_line, prepare
from hashell.shell.commands.resource import failed
from hashell.shell.commands.ringconf import change, checked
from hashell.shell.commands.setupoptions import InitOptions, address_of, parse_options
from hashell.shell.corosynctext import CorosyncText, new_text
from hashell.shell.hosts import Host, all_hosts, this_machine
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.prepare import running_pid

_KEY_BYTES = 256


def need_root(settings: NodeSettings) -> None:
    parent = settings.corosync_conf.parent
    there = parent if parent.exists() else parent.parent
    if not os.access(there, os.W_OK):
        raise failed(f"{parent} cannot be written", "run as root; without root: cluster start --embedded 3")


def runs(settings: NodeSettings) -> bool:
    """Whether a cluster runs on this machine, ours or another."""
    return bool(running_pid(settings)) or is_running(settings)


def cluster_in(conf: str) -> CorosyncText | None:
    """The cluster of a corosync.conf; None for one that speaks of none, such as the sample of a distribution."""
    text = CorosyncText(conf)
    addresses = [node.get("ring0_addr", "") for node in text.nodes()]
    return None if all(map(_loopback, addresses)) else text


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address in ("", "localhost")


def own_cluster(settings: NodeSettings) -> CorosyncText | None:
    """The cluster that this machine's corosync.conf speaks of."""
    try:
        return cluster_in(settings.corosync_conf.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failed(f"{settings.corosync_conf}: {error.strerror}", "repair or remove it first") from None


def name_of(text: CorosyncText) -> str:
    return next(iter(text.get("totem.cluster_name")), "")


def init(session: Session, words: list[str]) -> ExitCode:
    """A new cluster of this machine, and of the others named with -N."""
    if words[:1] == ["--embedded"]:
        from hashell.shell.commands.cluster import start

        return start(session, words)
    options = parse_options(words, "init")
    if options.stage:
        return device.add(session, options.device)
    settings = NodeSettings()
    need_root(settings)
    name = options.name or "hacluster"
    old = own_cluster(settings)
    if old is not None and not (options.yes or session.ask(
            f"{settings.corosync_conf} exists: make a new cluster and keep the old file beside it")):
        raise failed(f"{settings.corosync_conf} exists, so this machine is in a cluster already",
                     "`cluster init -y` makes a new one and keeps the old file; `cluster start` starts it")
    addresses = [address_of(word) for word in options.addresses] or [address_of()]
    if old is not None and name_of(old) == name and _is_of(old, addresses, options.hosts):
        return _again(session, settings, name)
    if runs(settings):
        raise failed(f"a cluster runs on this machine{f', {name_of(old)}' if old is not None else ''}",
                     "`cluster stop` first, then `cluster init -y`; another machine joins with `cluster join -c HOST`")
    others = [Host(host, settings) for host in options.hosts]
    text = checked(_conf(name, {this_machine(): addresses[0], **_addresses_of(others)}, addresses[1:], options),
                   bundled=True)
    here = Host(this_machine(), settings, local=True)
    for host in (here, *others):
        prepare(session, host)
    if options.device:
        device.certify([here, *others], options.device, name)
    keep(settings.corosync_conf)
    set_state_aside(here)
    key = _key(settings)
    write_atomically(settings.corosync_conf, text, mode=0o644)
    for host in others:
        _equip(session, host, text, key, options)
    if not options.quiet:
        nodes = CorosyncText(text).links()[0]
        session.note(f"cluster {name} of {', '.join(f'{n} ({a})' for n, a in nodes.items())}")
    return _first_start(session, options)


def _is_of(old: CorosyncText, addresses: list[str], hosts: list[str]) -> bool:
    """Whether that cluster has this machine, with these addresses, and the hosts already."""
    links = old.links().values()
    known = {*old.names(), *(address for of_link in links for address in of_link.values())}
    return [of_link.get(this_machine(), "") for of_link in links] == addresses and known.issuperset(hosts)


def _again(session: Session, settings: NodeSettings, name: str) -> ExitCode:
    from hashell.shell.commands.cluster import start, wait_for_startup

    session.note(f"cluster {name} was made on this machine before, and is kept as it is; "
                 f"to make it anew: cluster stop, then remove {settings.corosync_conf}")
    session.end_line()
    if not runs(settings):
        start(session, [])
    return wait_for_startup(session, ["120"])


def _addresses_of(hosts: list[Host]) -> dict[str, str]:
    """Name and address of machines that are to become nodes. Raises HashellError for one that cannot."""
    nodes = {}
    for host in hosts:
        result = host.run("hostname -s; command -v hashelld >/dev/null")
        if result.returncode:
            raise failed(f"{host.name}: there is no hashelld in the path of ssh", "install hashell there too")
        name = result.stdout.decode().strip() or host.name
        try:
            nodes[name] = socket.gethostbyname(host.name)
        except OSError as error:
            raise failed(f"{host.name} has no address: {error.strerror}", "write it into /etc/hosts") from None
        there = host.run(f"cat -- {shlex.quote(str(host.settings.corosync_conf))}").stdout.decode("utf-8", "replace")
        if (other := cluster_in(there)) is not None:
            raise failed(f"{host.name} is in cluster {name_of(other)} already",
                         f"take it out there first: cluster remove {name}")
    return nodes


def _conf(name: str, nodes: dict[str, str], further: list[str], options: InitOptions) -> str:
    """The text of the new corosync.conf. Raises HashellError."""
    transport = options.transport or "udpu"
    if further and (transport != "knet" or len(nodes) > 1):
        raise failed("several addresses need transport knet, and others join by themselves",
                     "cluster init -t knet -i ADDRESS -i ADDRESS, then cluster join on each of the others")
    text = CorosyncText(new_text(name, nodes, transport))
    for address in further:
        text.add_link({this_machine(): address}, {})
    if options.device:
        text.add_device(options.device)
    return str(text)


def keep(path: Path) -> None:
    """Keep a file that is about to be replaced."""
    if path.exists():
        old = path.read_bytes()
        write_atomically(path.with_name(f"{path.name}.{_stamp()}"), old, mode=0o600)


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


def set_state_aside(host: Host) -> None:
    """Rename the CIB of a former cluster: the newest of all CIBs would win over the one that is joined."""
    cib = shlex.quote(str(host.settings.cib_dir))
    result = host.run(f'test -z "$(ls -A {cib} 2>/dev/null)" || mv -- {cib} {cib}-{_stamp()}')
    if result.returncode:
        raise failed(f"{host.name}: {host.settings.cib_dir} cannot be set aside: {last_line(result.stderr)}",
                     "rename it by hand")


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
    set_state_aside(host)
    host.write(host.settings.authkey, key, 0o400)
    host.write(host.settings.corosync_conf, text.encode())
    result = host.run(START)
    if result.returncode:
        raise failed(f"{host.name}: hashelld did not start: {last_line(result.stderr)}",
                     f"see there: journalctl, {host.settings.log_dir}")
    if not options.quiet:
        session.note(f"{host.name} is started")


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
