"""Handlers of `cluster geo_init`, `geo_join` and `geo_init_arbitrator`: the files and resources of a ticket manager.

booth itself is a program of its own; these commands write its configuration and key and define its resources.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from pathlib import Path

from hashell.grammar.apply import Mode
from hashell.model.diagnostics import HashellError
from hashell.shell.commands.resource import failed
from hashell.shell.diagnostics import Warned, WrongArguments
from hashell.shell.hosts import Host, this_machine
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

BOOTH = Path("/etc/booth")
_INIT = 'geo_init -s "NAME=IP NAME=IP…" [-t "TICKET…"] [-a ARBITRATOR] [-y]'
_JOIN = 'geo_join -c HOST -s "NAME=IP NAME=IP…"'


def _options(words: list[str], usage: str) -> dict[str, str]:
    long = {"-s": "clusters", "--clusters": "clusters", "-t": "tickets", "--tickets": "tickets", "-a": "arbitrator",
            "--arbitrator": "arbitrator", "-c": "host", "--cluster-node": "host"}
    found: dict[str, str] = {}
    rest = [w for w in words if w not in ("-y", "-q", "--yes", "--quiet")]
    while rest:
        word, equals, value = rest.pop(0).partition("=") if rest[0].startswith("--") else (rest.pop(0), "", "")
        if word not in long or (not equals and not rest):
            raise HashellError(WrongArguments(command="cluster.geo", usage=usage, problem=f"'{word}' is not known"))
        found[long[word]] = value if equals else rest.pop(0)
    return found


def sites(text: str) -> dict[str, str]:
    """Address of each cluster. Raises HashellError."""
    found: dict[str, str] = {}
    for word in re.split(r"[\s,;]+", text.strip()):
        name, _, address = word.partition("=")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise failed(f"'{word}' is not NAME=IP", 'two sites: -s "paris=192.0.2.10 rome=192.0.2.20"') from None
        found[name] = address
    return found


def booth_conf(clusters: dict[str, str], tickets: list[str], arbitrator: str = "") -> str:
    """The configuration of the ticket manager."""
    lines = ['transport="UDP"', 'port="9929"', f'authfile="{BOOTH}/authkey"']
    lines += [f'arbitrator="{arbitrator}"'] if arbitrator else []
    lines += [f'site="{address}"' for address in clusters.values()]
    for ticket in tickets:
        lines += [f'ticket="{ticket}"', '    expire="600"']
    return "\n".join(lines) + "\n"


def _write(host: Host, conf: str, key: bytes) -> None:
    host.write(BOOTH / "authkey", key, 0o600)
    host.write(BOOTH / "booth.conf", conf.encode())


def _resources(session: Session, address: str) -> None:
    text = (f"primitive booth-ip IPaddr2 params ip={address} op monitor interval=10s\n"
            "primitive booth-site ocf:pacemaker:booth-site params config=booth op monitor interval=30s\n"
            "group g-booth booth-ip booth-site meta target-role=Stopped\n")
    space = session.workspace
    if space.config.find("g-booth") is not None:
        raise failed("this cluster is part of a geo cluster already", "configure delete g-booth booth-ip booth-site")
    space.apply(space.parser.parse_text(text, "cluster geo").check(), Mode.UPDATE)
    space.commit(force=True)
    session.note("resource group g-booth defined; `resource start g-booth` once every site has joined")
    session.tell(Warned(message="booth is a program of its own", hint="install it on every node: apt install booth"))


def _own_address(session: Session, clusters: dict[str, str]) -> str:
    from hashell.grammar.check import property_value

    name = property_value(session.workspace.config, "cluster-name") or ""
    if name not in clusters:
        raise failed(f"this cluster is named '{name}', which is none of {', '.join(clusters)}",
                     "cluster rename NAME, or name it so in -s")
    return clusters[name]


def _own() -> Host:
    return Host(this_machine(), NodeSettings(), local=True)


def geo_init(session: Session, words: list[str]) -> None:
    """The first site: configuration, key and resources."""
    options = _options(words, _INIT)
    if "clusters" not in options:
        raise HashellError(WrongArguments(command="cluster.geo_init", usage=_INIT, problem="-s is missing"))
    clusters = sites(options["clusters"])
    address = _own_address(session, clusters)
    tickets = options.get("tickets", "").split()
    _write(_own(), booth_conf(clusters, tickets, options.get("arbitrator", "").rpartition("@")[2]),
           secrets.token_bytes(64))
    _resources(session, address)


def geo_join(session: Session, words: list[str]) -> None:
    """Another site: configuration and key of the first, and resources of its own."""
    options = _options(words, _JOIN)
    if not {"host", "clusters"} <= options.keys():
        raise HashellError(WrongArguments(command="cluster.geo_join", usage=_JOIN, problem="-c and -s are needed"))
    address = _own_address(session, sites(options["clusters"]))
    _copy(options["host"])
    _resources(session, address)


def _copy(host: str) -> None:
    other = Host(host.rpartition("@")[2], NodeSettings())
    _write(_own(), other.read(BOOTH / "booth.conf").decode("utf-8", "replace"), other.read(BOOTH / "authkey"))


def geo_init_arbitrator(session: Session, words: list[str]) -> None:
    """The machine that decides between two sites: configuration and key, and the service."""
    options = _options(words, "geo_init_arbitrator -c HOST")
    if "host" not in options:
        raise HashellError(WrongArguments(command="cluster.geo_init_arbitrator", usage="geo_init_arbitrator -c HOST",
                                          problem="-c is missing"))
    _copy(options["host"])
    result = _own().run("systemctl enable --now booth@booth")
    if result.returncode:
        reason = (result.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise failed(f"the arbitrator was not started: {reason}",
                     "install booth, then: systemctl enable --now booth@booth")
    session.note("the arbitrator runs")
