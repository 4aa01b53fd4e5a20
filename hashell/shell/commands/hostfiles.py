"""Handlers of `cluster run`, `copy` and `diff`: one command or file on all nodes."""

from __future__ import annotations

import difflib
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import failed
from hashell.shell.hosts import Host, chosen_hosts
from hashell.shell.session import Session


def run(session: Session, words: list[str]) -> ExitCode:
    """`run COMMAND [NODE…]`: at the same time on all, told node by node."""
    hosts = chosen_hosts(session, words[1:])
    bad = 0

    def one(host: Host) -> tuple[int, str]:
        try:
            result = host.run(words[0])
        except HashellError as error:
            return 255, error.diagnostics[0].text()
        return result.returncode, (result.stdout + result.stderr).decode("utf-8", "replace").rstrip("\n")

    with ThreadPoolExecutor(max_workers=16) as pool:
        for host, (code, text) in zip(hosts, pool.map(one, hosts)):
            session.out(f"{host.name}: {'done' if code == 0 else f'exit status {code}'}")
            for line in text.splitlines():
                session.out(f"  {line}")
            bad += code != 0
    return ExitCode.ERROR if bad else ExitCode.OK


def _others(session: Session, names: list[str], what: str) -> list[Host]:
    hosts = [h for h in chosen_hosts(session, names) if not h.local]
    if not hosts:
        raise failed(f"there is no other machine to {what}", "embedded nodes and this machine share their files")
    return hosts


def copy(session: Session, words: list[str]) -> None:
    """`copy FILE [NODE…]`: to the same place on the other machines."""
    path = Path(words[0]).absolute()
    try:
        data, mode = path.read_bytes(), path.stat().st_mode & 0o777
    except OSError as error:
        raise failed(f"{path}: {error.strerror}") from None
    for host in _others(session, words[1:], "copy to"):
        host.write(path, data, mode)
        session.note(f"{path} copied to {host.name}")


def diff(session: Session, words: list[str]) -> None:
    """`diff FILE [--checksum] [NODE…]`: a file on all nodes beside the one here."""
    path = Path(words[0]).absolute()
    hosts = chosen_hosts(session, [w for w in words[1:] if w != "--checksum"])
    texts = {h.name: h.read(path) for h in hosts}
    if "--checksum" in words:
        for name, data in texts.items():
            session.out(f"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}  {name}")
        return
    first, *rest = texts
    different = False
    for name in rest:
        one, other = (t.decode("utf-8", "replace").splitlines() for t in (texts[first], texts[name]))
        for line in difflib.unified_diff(one, other, first, name, lineterm=""):
            session.out(line)
            different = True
    if not different:
        session.out(f"{path} is the same on {', '.join(texts)}")
