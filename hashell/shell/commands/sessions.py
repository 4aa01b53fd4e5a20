"""Handlers of the history level about its views: session, setnodes, detail, and differences by words."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import tarfile
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.shell.commands.history import records
from hashell.shell.preferences import preferences_file
from hashell.shell.records import Records, failed, stored_records
from hashell.shell.session import Session

_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*\Z")


def folder() -> Path:
    """Where sessions are kept: below the user's configuration folder."""
    return preferences_file().parent / "history"


def _path(name: str, *, there: bool = True) -> Path:
    if not _NAME.match(name):
        raise failed(f"'{name}' cannot be the name of a session", "use letters, digits, . _ -")
    path = folder() / name
    if there and not (path / "session.json").is_file():
        known = names()
        raise failed(f"there is no session {name}", f"there are: {' '.join(known)}" if known else "session save NAME")
    return path


def names() -> list[str]:
    return sorted(p.parent.name for p in folder().glob("*/session.json"))


def session(session_: Session, words: list[str]) -> None:
    """`session [save|load|delete NAME | pack [NAME] | update | list]`."""
    verb, name = (words[0] if words else ""), (words[1] if len(words) > 1 else "")
    found = records(session_)
    current = found.view
    if verb == "list":
        for one in names():
            session_.out(one + (" (in use)" if one == current else ""))
    elif not verb:
        session_.out(current or "no session is in use")
    elif verb == "update":
        _save(session_, found, current or _needed(name))
    elif verb == "save":
        _save(session_, found, _needed(name))
    elif verb == "load":
        session_.history = _load(_path(_needed(name)))
    elif verb == "delete":
        shutil.rmtree(_path(_needed(name)))
        session_.note(f"session {name} deleted")
    elif verb == "pack":
        _pack(session_, _path(name or current or _needed("")))
    else:
        raise failed(f"session knows no '{verb}'", "session [save|load|delete NAME | pack [NAME] | update | list]")


def _needed(name: str) -> str:
    if not name:
        raise failed("which session?", "name it; `history session list` lists them")
    return name


def _save(session_: Session, found: Records, name: str) -> None:
    """Keep period and patterns; of a running cluster the files too, as nodes throw them away."""
    path = _path(name, there=False)
    source = found.source
    try:
        path.mkdir(parents=True, exist_ok=True)
        if source == "live" or source == str(path):
            _copy_files(found, path)
            source = str(path)
        values = {"source": source, "start": found.start, "end": None if found.end == float("inf") else found.end,
                  "exclude": found.exclude, "detail": found.detail}
        write_atomically(path / "session.json", json.dumps(values, indent=2) + "\n")
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}") from None
    found.view = name
    session_.note(f"session {name} saved")


def _copy_files(found: Records, path: Path) -> None:
    for one in found.inputs():
        target = path / one.node / "pengine"
        target.mkdir(parents=True, exist_ok=True)
        if one.path.parent != target:
            shutil.copy2(one.path, target)
    for node, _, logs in found.places:
        (path / node).mkdir(exist_ok=True)
        for log in logs:
            if log.parent != path / node and log.exists():
                shutil.copy2(log, path / node)


def _load(path: Path) -> Records:
    try:
        values = json.loads((path / "session.json").read_text(encoding="utf-8"))
        found = stored_records(Path(values["source"]))
        found.start = float(values["start"])
        found.end = float("inf") if values["end"] is None else float(values["end"])
        found.exclude, found.detail = [str(e) for e in values["exclude"]], int(values.get("detail", 0))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise failed(f"{path} is not a session: {error}", f"history session delete {path.name}") from None
    found.view = path.name
    return found


def _pack(session_: Session, path: Path) -> None:
    target = Path(f"{path.name}.tar.gz")
    try:
        with tarfile.open(target, "w:gz") as tar:
            tar.add(path, path.name)
    except OSError as error:
        raise failed(f"cannot write {target}: {error.strerror}") from None
    session_.note(f"session {path.name} is in {target}; look into it with: history source {target}")


def setnodes(session_: Session, words: list[str]) -> None:
    """Only the records of these nodes."""
    found = records(session_)
    for word in words:
        if word not in found.nodes():
            raise failed(f"no records of node {word}", f"there are those of {', '.join(found.nodes())}")
    found.places = [place for place in found.places if place[0] in words]
    session_.note(f"looking at {', '.join(found.nodes())}; `history source` starts anew")


def detail(session_: Session, words: list[str]) -> None:
    """0: events are told in short; 1: every line of the log around them."""
    if words[0] not in ("0", "1"):
        raise failed(f"'{words[0]}' is not a level of detail", "0 or 1")
    records(session_).detail = int(words[0])


def wdiff(session_: Session, words: list[str]) -> None:
    """`wdiff A B [status]`: differences of two configurations word by word: [-gone-] and {+new+}."""
    from hashell.shell.commands.history import configuration_lines

    before, after = (configuration_lines(session_, word, "status" in words) for word in words[:2])
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        old, new = before[a:b], after[c:d]
        for index in range(max(len(old), len(new))):
            left, right = ("".join(x[index:index + 1]) for x in (old, new))
            session_.out(words_changed(left, right))


def words_changed(before: str, after: str) -> str:
    """One line with [-gone-] and {+new+} words."""
    old, new = re.findall(r"\s+|\S+", before), re.findall(r"\s+|\S+", after)
    out = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            out.append("".join(old[a:b]))
            continue
        out += [f"[-{''.join(old[a:b])}-]"] if a < b else []
        out += [f"{{+{''.join(new[c:d])}+}}"] if c < d else []
    return "".join(out)
