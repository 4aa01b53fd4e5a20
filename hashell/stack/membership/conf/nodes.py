"""The nodelist of corosync.conf: its nodes, their ids, and which of them is this machine (spec totem.md 6.3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.stack.membership.conf.diagnostics import ConfRule, NoLocalNode
from hashell.stack.membership.conf.parser import Conf


@dataclass(frozen=True, slots=True)
class ConfNode:
    """One node of the nodelist, at position `pos`."""

    pos: int
    nodeid: int
    name: str
    addresses: tuple[str, ...]
    votes: int

    @property
    def label(self) -> str:
        return self.name or (self.addresses[0] if self.addresses else str(self.nodeid))


def read_nodes(conf: Conf) -> list[ConfNode]:
    """The nodelist. Raises HashellError when it breaks a rule."""
    nodes: list[ConfNode] = []
    errors: list[Diagnostic] = []
    pos = 0
    while f"nodelist.node.{pos}." in conf.lines:
        prefix = f"nodelist.node.{pos}."
        addresses = tuple(
            conf.text(f"{prefix}ring{i}_addr") for i in range(8) if conf.has(f"{prefix}ring{i}_addr")
        )
        nodeid = conf.number(prefix + "nodeid")
        if not addresses:
            errors.append(
                ConfRule(place=conf.place(prefix), problem="a node has no ring0_addr", advice="add ring0_addr: ADDRESS")
            )
        elif not nodeid:
            nodeid = _address_id(conf, addresses[0])
            if not nodeid:
                errors.append(
                    ConfRule(
                        place=conf.place(prefix),
                        problem="Knet requires an explicit nodeid for the local node"
                        if conf.text("totem.transport", "knet") == "knet"
                        else "a node whose ring0_addr is not an IPv4 address needs a nodeid",
                        advice="add nodeid: NUMBER",
                    )
                )
        votes = conf.number(prefix + "quorum_votes", 1)
        nodes.append(ConfNode(pos, nodeid, conf.text(prefix + "name"), addresses, votes))
        pos += 1
    errors += _rules(conf, nodes)
    if errors:
        raise HashellError(*errors)
    return nodes


def _address_id(conf: Conf, address: str) -> int:
    if conf.text("totem.transport", "knet") == "knet":
        return 0
    try:
        nodeid = int(ipaddress.IPv4Address(address))
    except ValueError:
        return 0
    return nodeid & 0x7FFFFFFF if conf.text("totem.clear_node_high_bit") == "yes" else nodeid


def _rules(conf: Conf, nodes: list[ConfNode]) -> list[Diagnostic]:
    errors: list[Diagnostic] = []

    def broken(node: ConfNode, key: str, problem: str, advice: str) -> None:
        name = f"nodelist.node.{node.pos}.{key}"
        place = conf.place(name if name in conf.lines else f"nodelist.node.{node.pos}.")
        errors.append(ConfRule(place=place, problem=problem, advice=advice))

    seen: dict[int, ConfNode] = {}
    for node in nodes:
        if node.nodeid and node.nodeid in seen:
            broken(node, "nodeid", f"Nodeid {node.nodeid} appears twice in corosync.conf", "give every node its own id")
        seen[node.nodeid] = node
        if len(node.addresses) != len(nodes[0].addresses):
            broken(node, "ring0_addr", "Not all nodes have the same number of links", "give each the same ringN_addr")
        elif len(node.addresses) > 1 and not node.name:
            broken(
                node, "name", "for a multi-link configuration, all nodes must have a 'name' attribute", "add name: NAME"
            )
        for link, (a, b) in enumerate(zip(nodes[0].addresses, node.addresses)):
            if _family(a) and _family(b) and _family(a) != _family(b):
                broken(
                    node,
                    f"ring{link}_addr",
                    f"Nodes for link {link} have different IP families (compared {a} with {b})",
                    "use one family on a link",
                )
    return errors


def _family(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def find_local(
    conf: Conf, nodes: list[ConfNode], name: str, hostname: str, is_local: Callable[[str], bool]
) -> ConfNode:
    """This machine's entry: by `name` if one is given, else by host name (whole, then without its domain), else by
    an address that is ours. Raises HashellError(NoLocalNode)."""
    for wanted in (name,) if name else (hostname, hostname.partition(".")[0]):
        for node in nodes:
            if wanted and wanted in (node.name, *node.addresses[:1]):
                return node
    if not name:
        short = hostname.partition(".")[0]
        for node in nodes:
            if short and short == node.label.partition(".")[0]:
                return node
        for node in nodes:
            if node.addresses and is_local(node.addresses[0]):
                return node
    names = ", ".join(n.label for n in nodes) or "no nodes"
    raise HashellError(NoLocalNode(place=conf.place(), wanted=name or hostname, names=names))
