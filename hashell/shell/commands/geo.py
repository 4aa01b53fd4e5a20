"""Handlers of `cluster geo_init`, `geo_join` and `geo_init_arbitrator`: the files and resources of a ticket manager.

booth itself is a program of its own; these commands write its configuration and key and define its resources.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from pathlib import Path

from hashell.grammar.apply import Mode
from hashell.model.diagnostics import HashellError
from hashell.shell.commands.machines import last_line
from hashell.shell.commands.resource import failed
from hashell.shell.commands.setupoptions import is_own
from hashell.shell.diagnostics import Warned, WrongArguments
from hashell.shell.hosts import Host, all_hosts, this_machine
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


def _write(hosts: list[Host], conf: str, key: bytes) -> None:
    """On every node, because the group may run on any. Nothing is written when one of them is not reached."""
    for host in hosts:
        host.run("true")
    for host in hosts:
        host.write(BOOTH / "authkey", key, 0o600)
        host.write(BOOTH / "booth.conf", conf.encode())


def _check_free(session: Session) -> None:
    """Raises HashellError when this cluster has the resources of a geo cluster already."""
    if session.workspace.config.find("g-booth") is not None:
        raise failed("this cluster is part of a geo cluster already",
                     "to leave it: resource stop g-booth, then configure delete g-booth booth-ip booth-site")


def _resources(session: Session, address: str) -> None:
    text = (f"primitive booth-ip IPaddr2 params ip={address} op monitor interval=10s\n"
            "primitive booth-site ocf:pacemaker:booth-site params config=booth op monitor interval=30s\n"
            "group g-booth booth-ip booth-site meta target-role=Stopped\n")
    space = session.workspace
    space.apply(space.parser.parse_text(text, "cluster geo").check(), Mode.UPDATE)
    space.commit(force=True)
    session.note("resource group g-booth defined; `resource start g-booth` once every site has joined")


def _check_program(session: Session, hosts: list[Host]) -> None:
    """Warn of nodes that lack the ticket manager."""
    without = [host.name for host in hosts if host.run("PATH=$PATH:/usr/sbin command -v boothd").returncode]
    if without:
        session.tell(Warned(message=f"booth is not installed on {', '.join(without)}",
                            hint="it is a program of its own: apt install booth booth-pacemaker"))


def _own_address(session: Session, clusters: dict[str, str]) -> str:
    from hashell.grammar.check import property_value

    name = property_value(session.workspace.config, "cluster-name") or ""
    if name not in clusters:
        raise failed(f"this cluster is named '{name}', which is none of {', '.join(clusters)}",
                     "cluster rename NAME, or name it so in -s")
    return clusters[name]


def _arbitrator(word: str) -> str:
    """The address of the arbitrator, which may be given as USER@HOST; booth takes no names."""
    if not word:
        return ""
    try:
        return str(socket.getaddrinfo(word.rpartition("@")[2], None, type=socket.SOCK_DGRAM)[0][4][0])
    except OSError:
        raise failed(f"the arbitrator {word} has no address", "for example: -a 192.0.2.30") from None


def geo_init(session: Session, words: list[str]) -> None:
    """The first site: configuration, key and resources."""
    options = _options(words, _INIT)
    if "clusters" not in options:
        raise HashellError(WrongArguments(command="cluster.geo_init", usage=_INIT, problem="-s is missing"))
    clusters = sites(options["clusters"])
    address = _own_address(session, clusters)
    conf = booth_conf(clusters, options.get("tickets", "").split(), _arbitrator(options.get("arbitrator", "")))
    _check_free(session)
    hosts = all_hosts(session)
    _write(hosts, conf, secrets.token_bytes(64))
    _resources(session, address)
    _check_program(session, hosts)


def geo_join(session: Session, words: list[str]) -> None:
    """Another site: configuration and key of the first, and resources of its own."""
    options = _options(words, _JOIN)
    if not {"host", "clusters"} <= options.keys():
        raise HashellError(WrongArguments(command="cluster.geo_join", usage=_JOIN, problem="-c and -s are needed"))
    address = _own_address(session, sites(options["clusters"]))
    _check_free(session)
    conf, key = _first_site(options["host"])
    if f'site="{address}"' not in conf.splitlines():
        raise failed(f"{options['host']} knows of no site with address {address}",
                     f"its sites: {' '.join(_values(conf, 'site'))}; give -s as for geo_init there")
    hosts = all_hosts(session)
    _write(hosts, conf, key)
    _resources(session, address)
    _check_program(session, hosts)


def _first_site(name: str) -> tuple[str, bytes]:
    """Configuration and key of the ticket manager on a node of the first site. Raises HashellError."""
    other = Host(name.rpartition("@")[2], NodeSettings())
    if other.run(f"test -r {BOOTH}/booth.conf -a -r {BOOTH}/authkey").returncode:
        raise failed(f"{other.name} is in no geo cluster", "make one there first: cluster geo_init")
    return other.read(BOOTH / "booth.conf").decode("utf-8", "replace"), other.read(BOOTH / "authkey")


def _values(conf: str, key: str) -> list[str]:
    """The values of a key of booth.conf."""
    return re.findall(rf'^\s*{key}\s*=\s*"?([^"\s]+)', conf, re.MULTILINE)


#: Debian has a unit for an arbitrator alone, others use the one of a site; booth.conf is read by both.
_START = ("unit=booth@booth; systemctl cat booth-arbitrator >/dev/null 2>&1 && unit=booth-arbitrator; "
          "systemctl daemon-reload; systemctl enable --quiet $unit && systemctl restart $unit && "
          "systemctl is-active --quiet $unit")


def geo_init_arbitrator(session: Session, words: list[str]) -> None:
    """The machine that decides between two sites: configuration and key, and the service."""
    options = _options(words, "geo_init_arbitrator -c HOST")
    if "host" not in options:
        raise HashellError(WrongArguments(command="cluster.geo_init_arbitrator", usage="geo_init_arbitrator -c HOST",
                                          problem="-c is missing"))
    conf, key = _first_site(options["host"])
    arbitrators = _values(conf, "arbitrator")
    if not any(map(is_own, arbitrators)):
        raise failed(f"this machine is not the arbitrator of {options['host']}'s geo cluster: "
                     f"{', '.join(arbitrators) or 'it has none'}", "geo_init -a ADDRESS names it")
    own = Host(this_machine(), NodeSettings(), local=True)
    _write([own], conf, key)
    result = own.run(_START)
    if result.returncode:
        raise failed(f"the arbitrator was not started: {last_line(result.stderr)}",
                     "install booth (apt install booth), then repeat this")
    session.note("the arbitrator runs, now and after a boot")
