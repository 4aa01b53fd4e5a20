"""Handlers that change corosync.conf: set, edit, link, and keeping it the same on all nodes (push, pull, diff)."""

from __future__ import annotations

import difflib
import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.shell.commands.resource import failed
from hashell.shell.corosynctext import CorosyncText
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.hosts import Host, all_hosts, chosen_hosts
from hashell.shell.session import Session

_NEXT = "`corosync reload` puts it into force"


def _own(session: Session) -> Host:
    """The node whose file is worked on: the one the session talks to, or this machine."""
    hosts = all_hosts(session)
    named = [h for h in hosts if h.name == session.options.node]
    local = [h for h in hosts if h.local]
    if not named and not local:
        raise failed("this machine is not a node of the cluster", f"nodes: {' '.join(h.name for h in hosts)}")
    return (named or local)[0]


def _text(host: Host) -> str:
    return host.read(host.settings.corosync_conf).decode("utf-8", "replace")


def checked(text: str, where: str = "the new corosync.conf", *, bundled: bool = False) -> str:
    """The text if the ring would take it. Raises HashellError with every fault.

    bundled: the ring is our own, which has fewer transports than Corosync's.
    """
    from hashell.stack.membership.conf.effective import check_totem, vote_config
    from hashell.stack.membership.conf.nodes import read_nodes
    from hashell.stack.membership.conf.parser import parse_conf

    conf = parse_conf(text, where)
    nodes = read_nodes(conf)
    if nodes:
        vote_config(conf, nodes[0], nodes)
    if bundled:
        check_totem(conf)
    return text


def _common(text: str, host: Host) -> str:
    """Nodes of one machine differ in their log file."""
    return text.replace(str(host.settings.log_dir), "LOG") if host.settings.embedded else text


def _for(text: str, origin: Host, host: Host) -> str:
    if host.settings.embedded:
        return text.replace(str(origin.settings.log_dir), str(host.settings.log_dir))
    return text


def change(session: Session, work: Callable[[CorosyncText], None]) -> None:
    """Change the own file, refusing what the ring would refuse; embedded nodes all get it. Raises HashellError."""
    own = _own(session)
    text = CorosyncText(_text(own))
    before = str(text)
    work(text)
    new = checked(str(text))
    if new == before:
        session.note("corosync.conf says so already")
        return
    targets = all_hosts(session) if own.settings.embedded else [own]
    for host in targets:
        host.write(host.settings.corosync_conf, _for(new, own, host).encode())
    for line in list(difflib.unified_diff(before.splitlines(), new.splitlines(), lineterm="", n=0))[2:]:
        if not line.startswith("@@"):
            session.out(line)
    session.note(f"changed on {', '.join(h.name for h in targets)}; "
                 + (_NEXT if len(targets) > 1 else f"`corosync push` gives it to the others, {_NEXT}"))


def get(session: Session, words: list[str]) -> list[str]:
    """The values of a path in the file of this node."""
    return CorosyncText(_text(_own(session))).get(words[0])


def set_(session: Session, words: list[str]) -> None:
    """`set PATH VALUE [INDEX]`."""
    index = words[2] if len(words) > 2 else "0"
    if not index.isdigit():
        raise HashellError(WrongArguments(command="corosync.set", usage="set PATH VALUE [INDEX]",
                                          problem=f"'{index}' is not an index"))
    change(session, lambda text: text.set(words[0], words[1], int(index)))


def edit(session: Session, words: list[str]) -> None:
    """The file in the user's editor, again until the ring would take it."""
    from hashell.shell.commands.editing import editor_command

    if not session.interactive:
        raise failed("edit is not allowed in batch mode", "use: corosync set PATH VALUE")
    own = _own(session)
    before = current = _text(own)
    while True:
        with tempfile.NamedTemporaryFile("w+", suffix=".conf", prefix="corosync-", encoding="utf-8") as file:
            file.write(current)
            file.flush()
            subprocess.run([*editor_command(session.preferences.get("core.editor")), file.name])
            current = Path(file.name).read_text(encoding="utf-8", errors="replace")
        if current == before:
            session.note("nothing was changed")
            return
        try:
            checked(current)
        except HashellError as error:
            session.tell(*error.diagnostics)
            if not session.ask("Edit or discard changes (yes to edit, no to discard)?"):
                return
            continue
        own.write(own.settings.corosync_conf, current.encode())
        session.note(f"written; `corosync push` gives it to the others, {_NEXT}")
        return


def push(session: Session, words: list[str]) -> None:
    """Give the own file to other nodes, all of them without a name."""
    own = _own(session)
    text = checked(_text(own), f"{own.name}: corosync.conf")
    for host in chosen_hosts(session, words):
        if host.name == own.name:
            continue
        host.write(host.settings.corosync_conf, _for(text, own, host).encode())
        session.note(f"corosync.conf copied to {host.name}")
    session.note(_NEXT)


def pull(session: Session, words: list[str]) -> None:
    """Take the file of another node."""
    own = _own(session)
    other = chosen_hosts(session, words[:1])[0]
    if other.name == own.name:
        raise failed(f"{own.name} is this node", "name another one")
    text = checked(_text(other), f"{other.name}: corosync.conf")
    own.write(own.settings.corosync_conf, _for(text, other, own).encode())
    session.note(f"corosync.conf copied from {other.name}; {_NEXT}")


def diff(session: Session, words: list[str]) -> None:
    """`diff [--checksum] [NODE…]`: how the files differ."""
    names = [w for w in words if w != "--checksum"]
    hosts = chosen_hosts(session, names)
    texts = {h.name: _common(_text(h), h) for h in hosts}
    if "--checksum" in words:
        for name, text in texts.items():
            session.out(f"{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}  {name}")
        return
    own = _own(session)
    base = _common(_text(own), own)
    different = [name for name, text in texts.items() if text != base]
    for name in different:
        for line in difflib.unified_diff(base.splitlines(), texts[name].splitlines(), own.name, name, lineterm=""):
            session.out(line)
    if not different:
        session.out(f"corosync.conf is the same on {', '.join(texts)}")


def log(session: Session, words: list[str]) -> None:
    """The log file that corosync.conf names."""
    own = _own(session)
    path = next(iter(CorosyncText(_text(own)).get("logging.logfile")), "")
    from hashell.shell.records import logs_of

    places = [Path(path)] if path and (not own.local or Path(path).is_file()) else logs_of(own.settings)
    if not places:
        raise failed("there is no log file of the ring", "see the system's journal: journalctl -u corosync")
    session.out(own.read(places[0]).decode("utf-8", "replace").rstrip("\n"))


# -- links -------------------------------------------------------------------------------------------------------


def link_show(session: Session, words: list[str]) -> None:
    text = CorosyncText(_text(_own(session)))
    for number, addresses in text.links().items():
        session.out(f"link {number}:")
        for name, address in addresses.items():
            session.out(f"  {name}: {address}")
        options = text.link_options(number)
        if options:
            session.out("  " + " ".join(f"{k}={v}" for k, v in options.items()))


def _pairs(words: list[str], usage: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Addresses before the word `options`, options after it."""
    cut = words.index("options") if "options" in words else len(words)
    for word in words[:cut] + words[cut + 1:]:
        if "=" not in word:
            raise HashellError(WrongArguments(command="corosync.link", usage=usage, problem=f"'{word}' has no '='"))
    return (dict(w.split("=", 1) for w in words[:cut]), dict(w.split("=", 1) for w in words[cut + 1:]))


def link_add(session: Session, words: list[str]) -> None:
    addresses, options = _pairs(words, "add NODE=ADDRESS… [options NAME=VALUE…]")
    _knet_only(session)
    change(session, lambda text: session.note(f"link {text.add_link(addresses, options)}"))


def link_update(session: Session, words: list[str]) -> None:
    number = _number(words[0])
    addresses, options = _pairs(words[1:], "update LINK [NODE=ADDRESS…] [options NAME=[VALUE]…]")
    change(session, lambda text: text.update_link(number, addresses, options))


def link_remove(session: Session, words: list[str]) -> None:
    number = _number(words[0])
    change(session, lambda text: text.remove_link(number))


def _number(word: str) -> int:
    if not word.isdigit():
        raise failed(f"'{word}' is not the number of a link", "`corosync link show` lists them")
    return int(word)


def _knet_only(session: Session) -> None:
    transport = next(iter(CorosyncText(_text(_own(session))).get("totem.transport")), "knet")
    if transport != "knet":
        raise failed(f"transport {transport} has one link", "corosync set totem.transport knet")
