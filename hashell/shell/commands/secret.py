"""Handler of `resource secret`: parameters kept out of the CIB, in files of the nodes (daemons specification, 5.2)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.client import changes
from hashell.client.source import LiveSource, embedded_dir, embedded_nodes
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.ra.secrets import PLACEHOLDER, secrets_folder
from hashell.shell.commands.resource import change, failed
from hashell.shell.diagnostics import Warned, WrongArguments
from hashell.shell.session import Session

_USAGE = "secret RESOURCE set PARAMETER VALUE | stash|unstash|delete|show|check PARAMETER"


def secret(session: Session, words: list[str]) -> ExitCode | None:
    name, verb, parameter = words[0], words[1], words[2]
    if verb not in ("set", "stash", "unstash", "delete", "show", "check") or (verb == "set") != (len(words) == 4):
        raise HashellError(WrongArguments(command="resource.secret", usage=_USAGE, given=len(words)))
    if any("/" in part or part in (".", "..") for part in (name, parameter)):
        raise failed(f"there can be no secret {parameter} of {name}", "names of resources and parameters have no /")
    folders = _folders(session)
    cib = changes.Cib(session.run(session.cluster().cib()))
    cib.resource(name)
    pair = cib.pair(name, "instance_attributes", parameter)
    value = pair.get("value", "") if pair is not None else ""
    if verb == "set":
        _store(session, folders, name, parameter, words[3], value)
    elif verb == "stash":
        if pair is None or value == PLACEHOLDER:
            raise failed(f"{parameter} of {name} " + ("is a secret already" if pair is not None else "is not set"),
                         f"resource secret {name} set {parameter} VALUE")
        _store(session, folders, name, parameter, value, value)
    elif verb == "check":
        return _check(session, folders, name, parameter, value)
    else:
        _take_out(session, verb, folders, name, parameter, value)
    return None


def _folders(session: Session) -> dict[str, Path]:
    """The secrets folders that can be written from here, by node. Raises HashellError on a CIB file."""
    if session.is_file:
        raise failed("secrets are files of the nodes, and this is a CIB file",
                     "unset CIB_file, or leave the shadow CIB with: cib use live")
    source = session.cluster().source
    here = source.settings if isinstance(source, LiveSource) else None
    if here is not None and here.embedded:
        return {s.name: secrets_folder(s.state_dir) for s in embedded_nodes(embedded_dir(session.environ()))}
    return {os.uname().nodename: secrets_folder(here.state_dir)} if here is not None else {}


def _digest(value: str) -> str:
    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


def _store(session: Session, folders: dict[str, Path], name: str, parameter: str, value: str, old: str) -> None:
    for node, folder in folders.items():
        path = folder / name / parameter
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file, text in ((path, value), (path.with_name(parameter + ".sign"), _digest(value))):
                if not file.exists():
                    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
                write_atomically(file, text + "\n")
        except OSError as error:
            raise failed(f"cannot write {path} of {node}: {error.strerror}", "run as root") from None
    if old != PLACEHOLDER:
        change(session, lambda c: c.set_attribute(name, "instance_attributes", parameter, PLACEHOLDER))
    session.note(f"{parameter} of {name} is kept in {len(folders)} file{'s' * (len(folders) != 1)}, not in the CIB")
    _others(session, folders, name)


def _others(session: Session, folders: dict[str, Path], name: str) -> None:
    """Name the nodes that were not reached."""
    missing = [n for n in changes.Cib(session.run(session.cluster().cib())).nodes() if n not in folders]
    if missing:
        folder = next(iter(folders.values())) / name
        session.tell(Warned(message=f"not written on {' '.join(missing)}: other machines are not reached from here",
                            hint=f"copy {folder} to the same place there"))


def _read(folder: Path, name: str, parameter: str) -> str | None:
    try:
        return (folder / name / parameter).read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return None


def _take_out(session: Session, verb: str, folders: dict[str, Path], name: str, parameter: str, value: str) -> None:
    stored = next((v for f in folders.values() if (v := _read(f, name, parameter)) is not None), None)
    if stored is None:
        raise failed(f"{parameter} of {name} is no secret on this machine", f"resource secret {name} stash {parameter}")
    if verb == "show":
        session.out(stored)
        return
    if verb == "unstash":
        change(session, lambda c: c.set_attribute(name, "instance_attributes", parameter, stored))
    elif value == PLACEHOLDER:
        change(session, lambda c: c.delete_attribute(name, "instance_attributes", parameter))
    for folder in folders.values():
        for file in (folder / name / parameter, folder / name / (parameter + ".sign")):
            file.unlink(missing_ok=True)
    session.note(f"{parameter} of {name} is " + ("in the CIB again" if verb == "unstash" else "deleted"))


def _check(session: Session, folders: dict[str, Path], name: str, parameter: str, value: str) -> ExitCode:
    good = value == PLACEHOLDER
    if not good:
        session.out(f"the CIB holds {'a value' if value else 'nothing'} for {parameter}, not the word {PLACEHOLDER}")
    for node, folder in folders.items():
        stored, sign = _read(folder, name, parameter), _read(folder, name, parameter + ".sign")
        state = ("missing" if stored is None else "ok" if sign is not None and sign.strip() == _digest(stored)
                 else "does not fit its checksum")
        good = good and state == "ok"
        session.out(f"{node}: {state}")
    return ExitCode.OK if good else ExitCode.ERROR
