"""The options of `cluster init` and `cluster join`, those of crm's that are refused with what to do instead, and
the addresses that they name."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

from hashell.model.diagnostics import HashellError
from hashell.shell.commands.resource import failed
from hashell.shell.diagnostics import WrongArguments

_TRANSPORTS = ("udpu", "knet", "udp")
INIT_USAGE = ("init [-y] [-q] [-n NAME] [-i ADDRESS|INTERFACE]… [-t udpu|udp|knet] [-A IP] [-N HOST]… "
              "[--qnetd-hostname HOST]")
JOIN_USAGE = "join -c HOST [-y] [-q] [-n NAME] [-i ADDRESS|INTERFACE]…"
_FLAGS = {"-y": "yes", "--yes": "yes", "-q": "quiet", "--quiet": "quiet"}
_VALUES = {"-n": "name", "--name": "name", "-t": "transport", "--transport": "transport", "-A": "admin",
           "--admin-ip": "admin", "-c": "contact", "--cluster-node": "contact"}
_LISTS = {"-N": "hosts", "--node": "hosts", "-i": "addresses", "--interface": "addresses"}
_DEVICE = {"--qnetd-hostname": "host", "--qdevice-port": "port", "--qdevice-algo": "algorithm",
           "--qdevice-tie-breaker": "tie_breaker", "--qdevice-tls": "tls"}
_SBD = "{} not set up by hashell", ("by hand: a watchdog and sbd.service on each node, then "
                                    "configure primitive ID stonith:fence_sbd params devices=DEVICE")
_DISK = "{} not set up by hashell", "make the file system first, then define its resources in configure"
_HEURISTICS = "the quorum device of hashell runs no heuristics", "leave {} out"
#: Options of crm that are known and not done here: whose message, and what it is about.
_REFUSED = {
    **dict.fromkeys(("-s", "--sbd-device"), (_SBD, "sbd devices are")),
    **dict.fromkeys(("-S", "--enable-sbd"), (_SBD, "diskless sbd is")),
    **dict.fromkeys(("-w", "--watchdog"), (_SBD, "a watchdog is")),
    **dict.fromkeys(("-o", "--ocfs2-device"), (_DISK, "OCFS2 is")),
    **dict.fromkeys(("-g", "--gfs2-device"), (_DISK, "GFS2 is")),
    **{word: (_HEURISTICS, word) for word in ("--qdevice-heuristics", "--qdevice-heuristics-mode")},
    "--use-ssh-agent": (("keys are not distributed by hashell", "give root on each node a key: ssh-copy-id HOST"), ""),
}


@dataclass
class InitOptions:
    """The options of init and join."""

    yes: bool = False
    quiet: bool = False
    name: str = ""
    hosts: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    transport: str = ""
    admin: str = ""
    contact: str = ""
    #: "qdevice": a running cluster gets a quorum device, and nothing else is done
    stage: str = ""
    #: the quorum device's net section of corosync.conf
    device: dict[str, str] = field(default_factory=dict)


def parse_options(words: list[str], command: str) -> InitOptions:
    """Raises HashellError for what is not understood or cannot be."""
    usage = INIT_USAGE if command == "init" else JOIN_USAGE

    def wrong(problem: str) -> HashellError:
        return HashellError(WrongArguments(command=f"cluster.{command}", usage=usage, problem=problem))

    options, rest = InitOptions(), list(words)
    if command == "init" and rest and not rest[0].startswith("-"):
        options.stage = rest.pop(0)
        if options.stage != "qdevice":
            raise failed(f"init does not run '{options.stage}' alone", "`cluster init` does everything that is needed")
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word in _FLAGS:
            setattr(options, _FLAGS[word], True)
            continue
        if word in _REFUSED:
            text, subject = _REFUSED[word]
            raise failed(*(part.format(subject) for part in text))
        if word not in _VALUES | _LISTS | _DEVICE or (command == "join" and word in _DEVICE):
            raise wrong(f"'{word}' is not an option")
        if not equals and not rest:
            raise wrong(f"{word} needs a value")
        value = value if equals else rest.pop(0)
        if word in _LISTS:
            getattr(options, _LISTS[word]).extend(value.split())
        elif word in _DEVICE:
            options.device[_DEVICE[word]] = value
        else:
            setattr(options, _VALUES[word], value)
    if options.transport and options.transport not in _TRANSPORTS:
        raise wrong(f"'{options.transport}' is no transport")
    _check_device(options.device)
    if options.stage and not options.device:
        raise failed("which quorum server?", "cluster init qdevice --qnetd-hostname HOST")
    if options.admin:
        _check_ip(options.admin)
    return options


def _check_ip(word: str) -> None:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        raise failed(f"-A {word} is not an address", "for example: -A 192.0.2.100") from None


def _check_device(device: dict[str, str]) -> None:
    """Raises HashellError for a quorum device that cannot work."""
    if not device:
        return
    if "host" not in device:
        raise failed("options of a quorum device without its server", "name it: --qnetd-hostname HOST")
    device.setdefault("algorithm", "ffsplit")
    device.setdefault("tls", "on")
    rules = {"algorithm": ("ffsplit", "lms"), "tls": ("on", "off", "required")}
    for key, allowed in rules.items():
        if device[key] not in allowed:
            raise failed(f"'{device[key]}' is no {key} of a quorum device", f"one of {', '.join(allowed)}")
    breaker = device.get("tie_breaker", "lowest")
    if breaker not in ("lowest", "highest") and not breaker.isdigit():
        raise failed(f"'{breaker}' is no tie breaker of a quorum device", "lowest, highest or a node id")
    port = device.get("port", "5403")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise failed(f"'{port}' is not a port", "--qdevice-port 5403")


def address_of(word: str = "", towards: str = "192.0.2.1") -> str:
    """The address of an interface, the address itself, or without a word the one that `towards` is reached from."""
    if word and (word[0].isdigit() or ":" in word):
        _check_own(word)
        return word
    if word:
        return _interface_address(word)
    try:
        family, _, _, _, there = socket.getaddrinfo(towards, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Connecting a datagram socket sends nothing; it asks the routing table for the own address.
            probe.connect(there)
            return str(probe.getsockname()[0])
    except OSError:
        raise failed("this machine has no route, so its address is not known", "name it: -i ADDRESS|INTERFACE"
                     ) from None


def _interface_address(name: str) -> str:
    import fcntl
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), 0x8915, struct.pack("256s", name.encode()[:15]))
        except OSError as error:
            raise failed(f"interface {name} has no address: {error.strerror}", "name an address: -i 192.0.2.1"
                         ) from None
    return socket.inet_ntoa(answer[20:24])


def is_own(address: str) -> bool:
    """Whether this machine has that address."""
    try:
        family, kind, _, _, there = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(there)
    except OSError:
        return False
    return True


def _check_own(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise failed(f"'{address}' is not an address", "an address or an interface of this machine: -i 192.0.2.1"
                     ) from None
    if not is_own(address):
        raise failed(f"{address} is not an address of this machine", "`ip addr` lists them")
