"""Handlers of the cib level. A shadow CIB is the file shadow.NAME in CIB_shadow_dir or the home folder."""

from __future__ import annotations

import bz2
import difflib
import re
from pathlib import Path

from lxml import etree

from hashell.atomicfile import write_atomically
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import FileSource, find_source
from hashell.grammar.configuration import Configuration
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse, pretty
from hashell.shell.diagnostics import CommandFailed, UnreadableFile, WrongArguments
from hashell.shell.session import Session


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


def shadow_folder(session: Session) -> Path:
    environ = session.environ()
    return Path(environ.get("CIB_shadow_dir") or environ.get("HOME", "/"))


def shadow_path(session: Session, name: str) -> Path:
    """The file of a shadow CIB. Raises HashellError for a name that cannot be one."""
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name):
        raise failed(f"'{name}' cannot be the name of a shadow CIB", "use letters, digits, . _ -")
    return shadow_folder(session) / f"shadow.{name}"


def _existing(session: Session, name: str) -> Path:
    path = shadow_path(session, name)
    if not path.is_file():
        known = shadows(session)
        raise failed(f"there is no shadow CIB {name}", f"there are: {' '.join(known)}" if known else "see: cib new")
    return path


def shadows(session: Session) -> list[str]:
    """Names of the shadow CIBs there are."""
    try:
        return sorted(p.name.removeprefix("shadow.") for p in shadow_folder(session).glob("shadow.*"))
    except OSError:
        return []


async def _origin(session: Session) -> Cluster:
    """The cluster behind the shadows: the one of the session without -c and CIB_shadow."""
    environ = {k: v for k, v in session.base_environ().items() if k != "CIB_shadow"}
    return await open_cluster(find_source(environ, session.options.node))


async def _read_origin(session: Session) -> etree._Element:
    cluster = await _origin(session)
    try:
        return await cluster.cib()
    finally:
        await cluster.close()


def _write(path: Path, cib: etree._Element, with_status: bool) -> None:
    status = cib.find("status")
    if status is not None and not with_status:
        status.clear()
    try:
        write_atomically(path, pretty(cib))
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}") from None


def new(session: Session, words: list[str]) -> None:
    options = [w for w in words if w in ("withstatus", "force", "empty")]
    names = [w for w in words if w not in options]
    if len(names) > 1:
        raise HashellError(WrongArguments(command="cib.new", usage="new [NAME] [withstatus] [force] [empty]",
                                          problem=f"'{names[1]}' is not an option"))
    name = names[0] if names else "temporary"
    path = shadow_path(session, name)
    if path.exists() and names and "force" not in options and not session.options.force:
        raise failed(f"there is a shadow CIB {name} already",
                     f"use it: cib use {name}; or start anew: cib new {name} force")
    cib = session.run(_read_origin(session))
    if "empty" in options:
        for section in cib.findall("configuration/*"):
            section.clear()
    _write(path, cib, "withstatus" in options)
    session.note(f"{name} shadow CIB created and in use")
    _switch(session, name)


def _switch(session: Session, name: str) -> None:
    session.end_line()
    session.drop_workspace()
    session.options.shadow = name


def use(session: Session, words: list[str]) -> None:
    if session.pending:
        raise failed("there are uncommitted changes", "commit or refresh first")
    name = words[0] if words else "live"
    if name != "live":
        _existing(session, name)
    _switch(session, "" if name == "live" else name)
    session.ignore_shadow = name == "live"


def _current(session: Session, words: list[str]) -> str:
    name = words[0] if words else session.options.shadow or session.environ().get("CIB_shadow", "")
    if not name:
        raise failed("no shadow CIB is in use", "name one: cib commit NAME")
    return name


def commit(session: Session, words: list[str]) -> None:
    name = _current(session, words)
    path = _existing(session, name)
    session.run(_commit(session, path))
    session.note(f"committed the shadow CIB {name} to the cluster")


async def _commit(session: Session, path: Path) -> None:
    shadow = await open_cluster(FileSource(path))
    cluster = await _origin(session)
    try:
        wanted, target = await shadow.cib(), await cluster.cib()
        old = await cluster.cib()
        configuration, present = wanted.find("configuration"), target.find("configuration")
        if configuration is None or present is None:
            raise failed(f"{path} has no configuration")
        target.replace(present, configuration)
        if wanted.get("validate-with"):
            target.set("validate-with", wanted.get("validate-with", ""))
        await cluster.commit(old, target)
    finally:
        await cluster.close()


def diff(session: Session, words: list[str]) -> None:
    path = _existing(session, _current(session, words))
    ours = Configuration(session.run(_file(path))).show(reveal=True).splitlines()
    theirs = Configuration(session.run(_read_origin(session))).show(reveal=True).splitlines()
    for line in list(difflib.unified_diff(theirs, ours, lineterm=""))[2:]:
        session.out(line)


async def _file(path: Path) -> etree._Element:
    cluster = await open_cluster(FileSource(path))
    return await cluster.cib()


def reset(session: Session, words: list[str]) -> None:
    path = _existing(session, words[0])
    _write(path, session.run(_read_origin(session)), False)
    session.note(f"copied the configuration of the cluster to {words[0]}")


def delete(session: Session, words: list[str]) -> None:
    path = _existing(session, words[0])
    if session.options.shadow == words[0]:
        raise failed(f"{words[0]} is in use", "leave it first: cib use live")
    try:
        path.unlink()
    except OSError as error:
        raise failed(f"cannot delete {path}: {error.strerror}") from None
    session.note(f"{words[0]} shadow CIB deleted")


def list_(session: Session, words: list[str]) -> None:
    for name in shadows(session):
        session.out(name + (" (in use)" if name == session.options.shadow else ""))


def import_(session: Session, words: list[str]) -> None:
    source = Path(words[0])
    if not source.exists() and words[0].isdigit():
        from hashell.shell.commands.history import records

        source = records(session).choose(words[0]).path
    name = words[1] if len(words) > 1 else source.name.split(".")[0]
    path = shadow_path(session, name)
    try:
        data = source.read_bytes()
        root = parse(bz2.decompress(data) if data[:3] == b"BZh" else data)
    except (OSError, ValueError, etree.XMLSyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HashellError(UnreadableFile(path=str(source), reason=reason)) from None
    if root.tag != "cib":
        raise HashellError(UnreadableFile(path=str(source), reason=f"its root is <{root.tag}>, not <cib>"))
    _write(path, root, True)
    _switch(session, name)
    session.note(f"{source} imported as shadow CIB {name}, which is in use")
