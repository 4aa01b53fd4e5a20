"""Handlers of the corosync level: they ask the ring's services directly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hashell.client.diagnostics import NeedsLiveCluster, NotConnected
from hashell.client.source import LiveSource, find_source
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed, UnreadableFile
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

if TYPE_CHECKING:
    from hashell.client.ring.view import RingView

T = TypeVar("T")
C = TypeVar("C")


def _settings(session: Session) -> NodeSettings:
    source = find_source(session.base_environ(), session.options.node)
    if not isinstance(source, LiveSource):
        raise HashellError(NeedsLiveCluster(what="looking at the ring"))
    return source.settings


def _ask(session: Session, client: Any, work: Callable[[Any], Awaitable[T]]) -> T:
    """Connect a service client, do the work, close. Raises HashellError."""
    from hashell.stack.wire.corosync.clients import CorosyncError
    from hashell.stack.wire.ipcclient import IpcError

    async def talk() -> T:
        await client.connect()
        try:
            return await work(client)
        finally:
            await client.close()

    try:
        return session.run(talk())
    except IpcError as error:
        raise HashellError(NotConnected(where="the ring of this node", reason=str(error.strerror or error))) from None
    except (CorosyncError, TimeoutError) as error:
        message = f"the ring refused: {error}"
        raise HashellError(CommandFailed(message=message, hint="see the log of the ring")) from None


def _node_names(session: Session, settings: NodeSettings) -> dict[int, str]:
    from hashell.stack.wire.corosync.clients import CmapClient

    async def work(client: CmapClient) -> dict[int, str]:
        found: dict[int, str] = {}
        for key in await client.keys("nodelist.node."):
            if key.endswith(".nodeid"):
                number = await client.get(key)
                name = await client.get(key.removesuffix("nodeid") + "name")
                if isinstance(number, int):
                    found[number] = str(name or number)
        return found

    return _ask(session, CmapClient(settings), work)


def _form(words: list[str], usage: str) -> tuple[list[str], str]:
    """The words without --output-as, and the form it asks for. Raises HashellError."""
    form = "text"
    rest = []
    for word in words:
        if not word.startswith("--output-as="):
            rest.append(word)
            continue
        form = word.partition("=")[2]
        if form not in ("text", "json", "xml"):
            raise HashellError(CommandFailed(message=f"there is no form '{form}'", hint=usage))
    return rest, form


def status(session: Session, words: list[str]) -> None:
    usage = "corosync status [ring|quorum|cpg|qdevice|qnetd] [--output-as=text|json|xml]"
    words, form = _form(words, usage)
    settings = _settings(session)
    kind = words[0] if words else "ring"
    if kind in ("qdevice", "qnetd"):
        _device(session, kind)
        return
    if kind not in ("ring", "quorum", "cpg"):
        raise HashellError(CommandFailed(message=f"'{kind}' is not part of the ring's status", hint=usage))
    if kind == "ring":
        from hashell.client.ring import forms

        view = _view(session, settings)
        session.out({"text": forms.status_text, "json": forms.status_json, "xml": forms.status_xml}[form](view))
        return
    if form != "text":
        raise HashellError(CommandFailed(message=f"{kind} has no form '{form}'", hint="only ring has json and xml"))
    {"quorum": _quorum, "cpg": _cpg}[kind](session, settings)


def tune(session: Session, words: list[str]) -> None:
    words, form = _form(words, "corosync tune [--output-as=text|json|xml]")
    from hashell.client.ring import forms
    from hashell.client.ring.tune import propose

    proposal = propose(_view(session, _settings(session)))
    session.out({"text": forms.tune_text, "json": forms.tune_json, "xml": forms.tune_xml}[form](proposal))


def _view(session: Session, settings: NodeSettings) -> RingView:
    from hashell.client.ring.collect import collect
    from hashell.stack.wire.corosync.clients import CorosyncError
    from hashell.stack.wire.ipcclient import IpcError

    try:
        return session.run(collect(settings))
    except IpcError as error:
        raise HashellError(NotConnected(where="the ring of this node", reason=str(error.strerror or error))) from None
    except (CorosyncError, TimeoutError) as error:
        message = f"the ring refused: {error}"
        raise HashellError(CommandFailed(message=message, hint="see the log of the ring")) from None


def _quorum(session: Session, settings: NodeSettings) -> None:
    from hashell.stack.wire.corosync.clients import QuorumClient, VotequorumClient

    names = _node_names(session, settings)

    async def quorate(client: QuorumClient) -> bool:
        await client.type()
        return await client.quorate()

    async def votes(client: VotequorumClient) -> list[str]:
        own = await client.info(0)
        lines = [f"expected votes: {own.expected_votes}", f"total votes:    {own.total_votes}",
                 f"quorum:         {own.quorum}", ""]
        for nodeid, name in names.items():
            info = await client.info(nodeid)
            state = {1: "member", 2: "dead", 3: "leaving"}.get(info.state, f"state {info.state}")
            lines.append(f"  {name} ({nodeid}): {info.votes} vote{'s' * (info.votes != 1)}, {state}")
        return lines

    have = _ask(session, QuorumClient(settings, on_notification=lambda event: None), quorate)
    session.out(f"quorate:        {'yes' if have else 'NO'}")
    session.out("\n".join(_ask(session, VotequorumClient(settings), votes)))


def _device(session: Session, kind: str) -> None:
    """What the quorum device says of itself; it is a program of its own, beside the ring."""
    import shutil
    import subprocess

    program = f"corosync-{kind}-tool"
    found = shutil.which(program)
    if found is None:
        raise HashellError(CommandFailed(message=f"{program} is not installed, so there is no {kind} here",
                                         hint=f"it is a program of its own: apt install corosync-{kind}"))
    result = subprocess.run([found, "-s", "-v"], capture_output=True, text=True)
    session.out((result.stdout or result.stderr).rstrip("\n"))
    if result.returncode:
        raise HashellError(CommandFailed(message=f"{program} ended with status {result.returncode}"))


def _cpg(session: Session, settings: NodeSettings) -> None:
    from hashell.stack.wire.corosync import cpg
    from hashell.stack.wire.corosync.clients import CpgClient

    names = _node_names(session, settings)

    async def work(client: CpgClient) -> list[cpg.IterEntry]:
        return await client.processes()

    entries = _ask(session, CpgClient(settings, on_deliver=_ignore, on_confchg=_ignore), work)
    for entry in entries:
        group = entry.group.rstrip(b"\0").decode("utf-8", "replace")
        session.out(f"{group:<24} {names.get(entry.nodeid, entry.nodeid)}  pid {entry.pid}")


def _ignore(*event: object) -> None:
    """Events of a group are of no interest here."""


def show(session: Session, words: list[str]) -> None:
    path = _settings(session).corosync_conf
    try:
        session.out(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
    except OSError as error:
        raise HashellError(UnreadableFile(path=str(path), reason=error.strerror or str(error))) from None


def get(session: Session, words: list[str]) -> None:
    """A value of corosync.conf, else the keys of the run-time map that begin so."""
    from hashell.shell.commands import ringconf

    if values := ringconf.get(session, words):
        session.out("\n".join(values))
        return
    from hashell.stack.wire.corosync.clients import CmapClient

    async def work(client: CmapClient) -> list[str]:
        return [f"{key} = {_text(await client.get(key))}" for key in await client.keys(words[0])]

    lines = _ask(session, CmapClient(_settings(session)), work)
    if not lines:
        raise HashellError(CommandFailed(message=f"no key begins with {words[0]}", hint="try: corosync get nodelist."))
    session.out("\n".join(lines))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def reload(session: Session, words: list[str]) -> None:
    from hashell.stack.wire.corosync.clients import CfgClient

    _ask(session, CfgClient(_settings(session)), lambda client: client.reload())
    session.note("the ring has read corosync.conf again")


def ring_addresses(session: Session) -> dict[str, list[str]]:
    """The addresses of each node of the node list, by link. Raises HashellError."""
    from hashell.stack.wire.corosync.clients import CmapClient

    async def work(client: CmapClient) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key in await client.keys("nodelist.node."):
            if key.endswith(".nodeid"):
                base = key.removesuffix("nodeid")
                name = _text(await client.get(base + "name") or await client.get(key))
                links = [k for k in await client.keys(base + "ring") if k.endswith("_addr")]
                found[name] = [_text(await client.get(k)) for k in links]
        return found

    return _ask(session, CmapClient(_settings(session)), work)
