"""A quorum device for a cluster that exists: into corosync.conf of all nodes, and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hashell.model.exitcodes import ExitCode
from hashell.shell.commands import certificates
from hashell.shell.commands.resource import failed
from hashell.shell.commands.ringconf import checked
from hashell.shell.corosynctext import CorosyncText
from hashell.shell.hosts import Host, all_hosts
from hashell.shell.session import Session


def add(session: Session, net: Mapping[str, str]) -> ExitCode:
    """Certificates by its server first, where it is to be spoken to over TLS."""
    return _change(session, lambda text: text.add_device(net), f"the quorum device at {net['host']} is configured", net)


def remove(session: Session) -> ExitCode:
    return _change(session, CorosyncText.remove_device, "the quorum device is taken out")


def certify(hosts: Sequence[Host], net: Mapping[str, str], cluster: str) -> None:
    """Have the server of a new device sign a certificate, for all nodes. Raises HashellError."""
    if net["tls"] != "off":
        certificates.give(hosts, certificates.issue(Host(net["host"], hosts[0].settings), cluster))


def _change(session: Session, work: Callable[[CorosyncText], None], done: str,
            net: Mapping[str, str] | None = None) -> ExitCode:
    """Change the file on all nodes, or on none. The ring is not told yet: its device runs from a start on."""
    hosts = all_hosts(session)
    if hosts[0].settings.embedded:
        raise failed("embedded nodes have no quorum device", "make a cluster of machines: cluster init")
    own = next((h for h in hosts if h.local), hosts[0])
    text = CorosyncText(own.read(own.settings.corosync_conf).decode("utf-8", "replace"))
    work(text)
    new = checked(str(text), bundled=True)
    for host in hosts:
        host.run("true")
    if net is not None:
        certify(hosts, net, next(iter(text.get("totem.cluster_name")), ""))
    for host in hosts:
        host.write(host.settings.corosync_conf, new.encode())
    session.note(f"{done} on {', '.join(h.name for h in hosts)}; `cluster restart --all` puts it into force")
    return ExitCode.OK
