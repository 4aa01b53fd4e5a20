"""Changing the text of a corosync.conf in place: values, nodes and links; comments and layout stay.

Paths are those of corosync.conf, sections and key joined by dots: `totem.token`, `quorum.device.net.host`. A section
that occurs several times (`nodelist.node`, `totem.interface`) is meant by its index, the first by default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed

#: Options that belong to a link: its section is totem.interface.
LINK_OPTIONS = ("mcastport", "knet_link_priority", "knet_ping_interval", "knet_ping_timeout", "knet_ping_precision",
                "knet_pong_count", "knet_transport")
MAX_LINKS = 8


def _failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


@dataclass
class _Section:
    """One section: its path, the lines of its braces (from 0), and its keys with their lines."""

    path: str
    start: int
    end: int = 0
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)


class CorosyncText:
    """The text of one corosync.conf that has been read without errors."""

    def __init__(self, text: str) -> None:
        self.lines = text.rstrip("\n").split("\n")

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"

    def sections(self) -> list[_Section]:
        """Every section in order of its first line."""
        found: list[_Section] = []
        open_: list[_Section] = []
        for number, raw in enumerate(self.lines):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line.endswith("{"):
                path = ".".join([*(s.path for s in open_[-1:]), line[:-1].strip()])
                open_.append(_Section(path, number))
                found.append(open_[-1])
            elif line == "}" and open_:
                open_.pop().end = number
            elif ":" in line and open_:
                key, _, value = line.partition(":")
                open_[-1].keys[key.strip()] = (value.strip(), number)
        return found

    def of(self, path: str) -> list[_Section]:
        return [s for s in self.sections() if s.path == path]

    # -- values ----------------------------------------------------------------------------------------------

    def get(self, path: str) -> list[str]:
        """The values of a path, one for each section that has it; of a section, its `key: value` pairs."""
        section, _, key = path.rpartition(".")
        found = [s.keys[key][0] for s in self.of(section) if key in s.keys]
        return found or [f"{k}: {v}" for s in self.of(path) for k, (v, _) in s.keys.items()]

    def set(self, path: str, value: str, index: int = 0) -> None:
        """Change or add a value. Raises HashellError when there is no such section."""
        name, _, key = path.rpartition(".")
        sections = self.of(name)
        if not name or not sections:
            raise _failed(f"corosync.conf has no section '{name or path}'",
                          "a path looks like totem.token; `corosync show` shows the file")
        if not 0 <= index < len(sections):
            raise _failed(f"there are {len(sections)} sections {name}", f"the index is from 0 to {len(sections) - 1}")
        self._put(sections[index], key, value)

    def _put(self, section: _Section, key: str, value: str) -> None:
        if key in section.keys:
            number = section.keys[key][1]
            indent = self.lines[number][:len(self.lines[number]) - len(self.lines[number].lstrip())]
            self.lines[number] = f"{indent}{key}: {value}"
        else:
            self.lines.insert(section.end, f"{self._indent(section)}{key}: {value}")

    def _indent(self, section: _Section) -> str:
        if section.keys:
            line = self.lines[next(iter(section.keys.values()))[1]]
            return line[:len(line) - len(line.lstrip())]
        line = self.lines[section.start]
        return line[:len(line) - len(line.lstrip())] + "    "

    def drop(self, path: str, index: int = 0) -> None:
        """Remove a value if it is there."""
        name, _, key = path.rpartition(".")
        sections = self.of(name)
        if index < len(sections) and key in sections[index].keys:
            del self.lines[sections[index].keys[key][1]]

    def _add_section(self, parent: str, name: str, values: Mapping[str, str]) -> None:
        holders = self.of(parent)
        if not holders:
            raise _failed(f"corosync.conf has no section '{parent}'")
        holder = holders[0]
        line = self.lines[holder.start]
        indent = line[:len(line) - len(line.lstrip())] + "    "
        body = [f"{indent}    {k}: {v}" for k, v in values.items()]
        self.lines[holder.end:holder.end] = [f"{indent}{name} {{", *body, f"{indent}}}"]

    def _drop_section(self, section: _Section) -> None:
        del self.lines[section.start:section.end + 1]

    # -- nodes -----------------------------------------------------------------------------------------------

    def nodes(self) -> list[dict[str, str]]:
        """The keys of each node of the node list."""
        return [{k: v for k, (v, _) in s.keys.items()} for s in self.of("nodelist.node")]

    def names(self) -> list[str]:
        return [n.get("name") or n.get("ring0_addr", "") for n in self.nodes()]

    def add_node(self, name: str, address: str, further: Sequence[str] = ()) -> int:
        """Add a node with the next free id, which is returned; `further`: its addresses on the other links.

        Raises HashellError.
        """
        known = self.nodes()
        if name in self.names():
            raise _failed(f"node {name} is in the node list already")
        for one in (address, *further):
            if any(one in node.values() for node in known):
                raise _failed(f"address {one} is in the node list already")
        number = 1 + max([int(n["nodeid"]) for n in known if n.get("nodeid", "").isdigit()], default=0)
        rings = dict(zip((f"ring{link}_addr" for link in self.links() or [0]), (address, *further)))
        self._add_section("nodelist", "node", {**rings, "name": name, "nodeid": str(number)})
        self._votes()
        return number

    def remove_node(self, name: str) -> None:
        """Raises HashellError when there is no such node."""
        for section, known in zip(self.of("nodelist.node"), self.names()):
            if known == name:
                self._drop_section(section)
                self._votes()
                return
        raise _failed(f"node {name} is not in the node list", f"nodes: {' '.join(self.names())}")

    def add_device(self, net: Mapping[str, str]) -> None:
        """Add a quorum device with the options of its server. Raises HashellError."""
        if self.of("quorum.device"):
            raise _failed("there is a quorum device in corosync.conf already", "cluster remove --qdevice takes it out")
        self._add_section("quorum", "device", {"model": "net"})
        self._add_section("quorum.device", "net", net)
        self._votes()

    def remove_device(self) -> None:
        """Raises HashellError when there is none."""
        found = self.of("quorum.device")
        if not found:
            raise _failed("there is no quorum device in corosync.conf", "`corosync show` shows the file")
        self._drop_section(found[0])
        self._votes()

    def _votes(self) -> None:
        """Two votes need the special rule, anything else must not have it; lms gives all nodes but one a vote each."""
        if not self.of("quorum"):
            return
        nodes = len(self.nodes())
        if self.of("quorum.device"):
            if nodes < 2:
                raise _failed("a quorum device needs two nodes", "with a second one: cluster init qdevice "
                              "--qnetd-hostname HOST; without the device: cluster remove --qdevice")
            self.drop("quorum.two_node")
            lms = self.get("quorum.device.net.algorithm") == ["lms"]
            self.set("quorum.device.votes", str(max(1, nodes - 1) if lms else 1))
        elif nodes == 2:
            self.set("quorum.two_node", "1")
        else:
            self.drop("quorum.two_node")
        if self.get("quorum.expected_votes"):
            self.set("quorum.expected_votes", str(nodes))

    # -- links -----------------------------------------------------------------------------------------------

    def links(self) -> dict[int, dict[str, str]]:
        """Address of each node by link number."""
        found: dict[int, dict[str, str]] = {}
        for name, node in zip(self.names(), self.nodes()):
            for number in range(MAX_LINKS):
                if address := node.get(f"ring{number}_addr"):
                    found.setdefault(number, {})[name] = address
        return dict(sorted(found.items()))

    def link_options(self, number: int) -> dict[str, str]:
        section = self._interface(number)
        return {} if section is None else {k: v for k, (v, _) in section.keys.items() if k != "linknumber"}

    def _interface(self, number: int) -> _Section | None:
        return next((s for s in self.of("totem.interface")
                     if s.keys.get("linknumber", s.keys.get("ringnumber", ("0", 0)))[0] == str(number)), None)

    def add_link(self, addresses: Mapping[str, str], options: Mapping[str, str]) -> int:
        """Give every node an address on a new link; its number. Raises HashellError."""
        missing = [name for name in self.names() if name not in addresses]
        if missing:
            raise _failed(f"no address for {', '.join(missing)}", "a link needs an address of every node")
        free = next((n for n in range(MAX_LINKS) if n not in self.links()), None)
        if free is None:
            raise _failed(f"there are {MAX_LINKS} links already, which is the most")
        self.update_link(free, addresses, options, new=True)
        return free

    def update_link(self, number: int, addresses: Mapping[str, str], options: Mapping[str, str], *,
                    new: bool = False) -> None:
        """Change addresses and options of a link; an option without a value goes. Raises HashellError."""
        if not new and number not in self.links():
            raise _failed(f"there is no link {number}", f"links: {' '.join(map(str, self.links()))}")
        self._check(addresses, options)
        for name, address in addresses.items():
            self._put(self.of("nodelist.node")[self.names().index(name)], f"ring{number}_addr", address)
        if options and self._interface(number) is None:
            self._add_section("totem", "interface", {"linknumber": str(number)})
        for key, value in options.items():
            section = self._interface(number)
            if section is not None and value:
                self._put(section, key, value)
            elif section is not None and key in section.keys:
                del self.lines[section.keys[key][1]]

    def _check(self, addresses: Mapping[str, str], options: Mapping[str, str]) -> None:
        for name in addresses:
            if name not in self.names():
                raise _failed(f"node {name} is not in the node list", f"nodes: {' '.join(self.names())}")
        for key in options:
            if key not in LINK_OPTIONS:
                raise _failed(f"a link has no option {key}", f"options: {' '.join(LINK_OPTIONS)}")

    def remove_link(self, number: int) -> None:
        """Raises HashellError for the last link."""
        links = self.links()
        if number not in links:
            raise _failed(f"there is no link {number}", f"links: {' '.join(map(str, links))}")
        if len(links) == 1:
            raise _failed(f"link {number} is the only one", "the ring needs a link")
        for position, _ in enumerate(self.nodes()):
            self.drop(f"nodelist.node.ring{number}_addr", position)
        section = self._interface(number)
        if section is not None:
            self._drop_section(section)


def new_text(name: str, nodes: Mapping[str, str], transport: str = "udpu", port: int = 5405,
             encrypted: bool = False) -> str:
    """A corosync.conf for nodes (name -> address), ids from 1 in their order."""
    listed = "".join(f"    node {{\n        ring0_addr: {address}\n        name: {node}\n        nodeid: {number}\n"
                     "    }\n" for number, (node, address) in enumerate(nodes.items(), start=1))
    crypto = "    crypto_cipher: aes256\n    crypto_hash: sha256\n" if encrypted and transport == "knet" else ""
    two = "    two_node: 1\n" if len(nodes) == 2 else ""
    return (f"totem {{\n    version: 2\n    cluster_name: {name}\n    transport: {transport}\n{crypto}"
            f"    interface {{\n        linknumber: 0\n        mcastport: {port}\n    }}\n}}\n\n"
            f"nodelist {{\n{listed}}}\n\nquorum {{\n    provider: corosync_votequorum\n{two}}}\n\n"
            "logging {\n    to_logfile: yes\n    logfile: /var/log/cluster/corosync.log\n    to_syslog: yes\n"
            "    timestamp: on\n}\n")
