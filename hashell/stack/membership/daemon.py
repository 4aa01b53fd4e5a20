"""The ring daemon of one node: corosync.conf in, a RingNode on sockets, and the five local services."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.stack.membership.cmap.values import CmapValue
from hashell.stack.membership.conf.diagnostics import (
    ConfRule,
    ConfUnreadable,
    RingFileFault,
)
from hashell.stack.membership.conf.effective import RingFacts, ring_facts
from hashell.stack.membership.conf.knet import check_key, crypto_names, knet_config, link_numbers
from hashell.stack.membership.conf.nodes import ConfNode, find_local, read_nodes
from hashell.stack.membership.conf.parser import Conf, parse_conf, printable
from hashell.stack.membership.host import RingHost
from hashell.stack.membership.priority import raise_priority
from hashell.stack.membership.storage import RingStorage
from hashell.stack.settings import NodeSettings

log = logging.getLogger("membership")


def read_conf(settings: NodeSettings) -> Conf:
    """The node's corosync.conf. Raises HashellError when it cannot be read or has errors."""
    path = settings.corosync_conf
    try:
        content = path.read_text(errors="surrogateescape")
    except OSError as error:
        raise HashellError(ConfUnreadable(reason=f"{path}: {error.strerror}")) from None
    conf = parse_conf(content, str(path))
    for extra in sorted(path.parent.glob("uidgid.d/*")):
        try:
            more = parse_conf(extra.read_text(errors="surrogateescape"), str(extra))
        except OSError as error:
            raise HashellError(ConfUnreadable(reason=f"{extra}: {error.strerror}")) from None
        conf.values.update({k: v for k, v in more.values.items() if k.startswith("uidgid.")})
    return conf


def resolve(conf: Conf, nodes: list[ConfNode]) -> dict[int, tuple[str, ...]]:
    """Numeric addresses of every node, in the order of its links. Raises HashellError for a name that has none."""
    numbers = link_numbers(conf, nodes)
    return {
        node.nodeid: tuple(_resolve(conf, node, number, name) for number, name in zip(numbers, node.addresses))
        for node in nodes
    }


def _resolve(conf: Conf, node: ConfNode, link: int, name: str) -> str:
    prefer = socket.AF_INET if conf.text("totem.ip_version", "ipv6-4") in ("ipv4", "ipv4-6") else socket.AF_UNSPEC
    try:
        found = socket.getaddrinfo(name, None, prefer, socket.SOCK_DGRAM)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no name"
        raise HashellError(
            ConfRule(
                place=conf.place(f"nodelist.node.{node.pos}.ring{link}_addr"),
                problem=f"ring{link}_addr {printable(name)} has no address: {why}",
                advice="give a numeric address or add the name to /etc/hosts",
            )
        ) from None
    return str(found[0][4][0])


def read_key(settings: NodeSettings, conf: Conf) -> bytes:
    """The ring's key, b"" where packets are in clear. Raises HashellError."""
    if crypto_names(conf)[1] == "none":
        return b""
    inline = conf.text("totem.key")
    path = Path(conf.text("totem.keyfile")) if conf.has("totem.keyfile") else settings.authkey
    try:
        return check_key(inline.encode(errors="surrogateescape"), "totem.key") if inline else check_key(
            path.read_bytes(), str(path)
        )
    except OSError as error:
        problem = f"Could not open {path}: {error.strerror}"
    except ValueError as error:
        problem = str(error)
    place = conf.place("totem.key" if inline else "totem.keyfile" if conf.has("totem.keyfile") else "totem.crypto_hash")
    advice = "copy the key file of the other nodes, or make one with corosync-keygen"
    raise HashellError(ConfRule(place=place, problem=problem, advice=advice))


def is_local(address: str) -> bool:
    """Can a socket be bound to this address or name here?"""
    try:
        family, kind, _, _, where = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(where)
    except (OSError, ValueError):
        return False
    return True


def load(settings: NodeSettings) -> tuple[RingFacts, dict[int, tuple[str, ...]], dict[str, CmapValue]]:
    """Everything that follows from the file for this node. Raises HashellError."""
    conf = read_conf(settings)
    barriers = RingStorage(settings.ring_dir, _local_node(settings, conf).nodeid)
    loaded = _derive(settings, conf, barriers.expected_votes())
    for warning in conf.warnings:
        log.warning("%s", warning)
    return loaded


def check_conf(settings: NodeSettings) -> list[Diagnostic]:
    """What there is to say about corosync.conf before the node starts. Raises HashellError."""
    conf = read_conf(settings)
    _derive(settings, conf, 0)
    return list(conf.warnings)


def _local_node(settings: NodeSettings, conf: Conf) -> ConfNode:
    nodes = read_nodes(conf)
    if not nodes:
        raise HashellError(
            ConfRule(place=conf.place(), problem="there is no nodelist", advice="add nodelist { node { ... } }")
        )
    return find_local(conf, nodes, settings.name, os.uname().nodename, is_local)


def _derive(
    settings: NodeSettings, conf: Conf, barrier: int
) -> tuple[RingFacts, dict[int, tuple[str, ...]], dict[str, CmapValue]]:
    nodes = read_nodes(conf)
    wanted = _local_node(settings, conf)
    local = next(node for node in nodes if node.nodeid == wanted.nodeid)
    facts = ring_facts(conf, nodes, local, barrier)
    addresses = resolve(conf, nodes)
    facts = replace(facts, config=replace(facts.config, addresses=addresses))
    if facts.transport == "knet":
        token_ms = round(facts.config.totem.token * 1000)
        key = read_key(settings, conf)
        facts = replace(facts, knet=knet_config(conf, nodes, local, addresses, token_ms, key))
    return facts, addresses, conf.values


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Run the ring until `stop` is set or the ring ends it; returns the exit code.

    Raises HashellError when it cannot start.
    """
    try:
        host = RingHost(settings, *load(settings), lambda: load(settings))
        await host.start()
    except OSError as error:
        raise HashellError(RingFileFault(reason=str(error))) from None
    gc.collect()
    gc.freeze()
    if not settings.embedded:
        values = {key: host.node.cmap.values.get(f"system.{key}") for key in ("sched_rr", "priority")}
        chosen = {key: str(value.python()) for key, value in values.items() if value}
        real_time = chosen.get("sched_rr", "yes") == "yes"
        log.info("scheduling: %s", raise_priority(real_time, chosen.get("priority", "max")))
    log.info("ring daemon of node %d (%s) is up", host.node.node_id, host.facts.local.label)
    waiting = [asyncio.ensure_future(e.wait()) for e in (stop, host.stopping)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await host.leave()
    return host.exit_code
