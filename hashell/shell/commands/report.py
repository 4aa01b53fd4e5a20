"""Handler of `report`: configuration, state, scheduler inputs and logs of the nodes reached, in one tar file."""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import pretty
from hashell.shell.commands.history import parse_time
from hashell.shell.diagnostics import Warned, WrongArguments
from hashell.shell.records import Records, failed, logs_of, node_places
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

_USAGE = "report [-f FROM] [-t TO] [-n NODE]… [-p PATTERN]… [-Z] [DEST]"
_LOG_BYTES = 64 << 20


class _Job:
    """The options of one report."""

    def __init__(self, words: list[str]) -> None:
        now = time.time()
        self.start, self.end, self.dest = now - 12 * 3600, now, ""
        self.nodes: list[str] = []
        self.patterns = ["passw*"]
        self.force = False
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word in ("-f", "-t", "-n", "-p"):
                if not rest:
                    raise HashellError(WrongArguments(command="report", usage=_USAGE, problem=f"{word} needs a value"))
                self._take(word, rest.pop(0), now)
            elif word == "-Z":
                self.force = True
            elif word.startswith("-") or self.dest:
                raise HashellError(WrongArguments(command="report", usage=_USAGE, problem=f"'{word}' is not known"))
            else:
                self.dest = word
        self.dest = self.dest or time.strftime("hashell-report-%Y%m%d-%H%M%S", time.localtime(now))

    def _take(self, option: str, value: str, now: float) -> None:
        if option == "-f":
            self.start = parse_time(value, now)
        elif option == "-t":
            self.end = parse_time(value, now)
        elif option == "-n":
            self.nodes += value.split()
        else:
            self.patterns += value.split()

    @property
    def path(self) -> Path:
        path = Path(self.dest).expanduser()
        return path if path.name.endswith((".tar.gz", ".tgz")) else path.with_name(path.name + ".tar.gz")


def report(session: Session, words: list[str]) -> None:
    job = _Job(words)
    places = node_places(session)
    here = os.uname().nodename
    known = [s.name or here for s in places]
    for name in job.nodes:
        if name not in known:
            raise failed(f"the files of {name} are not reached from here", f"run `hashell report` on {name} too")
    chosen = [s for s in places if not job.nodes or (s.name or here) in job.nodes]
    path = job.path
    if path.exists() and not job.force:
        raise failed(f"{path} exists already", "name another file, or overwrite it with -Z")
    temporary = path.with_name(f".{path.name}.part")
    try:
        with tarfile.open(temporary, "w:gz") as tar:
            top = path.name.split(".tar")[0].removesuffix(".tgz")
            for settings in chosen:
                _node(session, tar, f"{top}/{settings.name or here}", settings, job)
            _cluster(session, tar, top, job)
        os.replace(temporary, path)
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}", "name another place") from None
    finally:
        temporary.unlink(missing_ok=True)
    session.note(f"the report is {path}; look into it with: history source {path}")
    _others(session, known)


def _others(session: Session, known: list[str]) -> None:
    try:
        cib = session.run(session.cluster().cib())
    except HashellError:
        return
    missing = [n.get("uname", "") for n in cib.iterfind("configuration/nodes/node") if n.get("uname") not in known]
    if missing:
        session.tell(Warned(message=f"without the files of {', '.join(missing)}, which are not reached from here",
                            hint="run `hashell report` there too"))


def _add(tar: tarfile.TarFile, name: str, data: bytes, when: float) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), int(when), 0o600
    tar.addfile(entry, io.BytesIO(data))


def _node(session: Session, tar: tarfile.TarFile, top: str, settings: NodeSettings, job: _Job) -> None:
    now = time.time()
    for path in logs_of(settings):
        data = _tail(path)
        if data is not None:
            _add(tar, f"{top}/{path.name}", _masked(data, job), now)
    for path in (settings.corosync_conf, settings.cib_dir / "cib.xml"):
        if (data := _tail(path)) is not None:
            _add(tar, f"{top}/{path.name}", _masked(data, job), now)
    name = settings.name or os.uname().nodename
    records = Records("live", [(name, [settings.pengine_dir], [])], job.start, job.end)
    for one in records.inputs():
        if (data := _tail(one.path)) is not None:
            _add(tar, f"{top}/pengine/{one.path.name}", _masked_input(data, job), one.when)


def _tail(path: Path) -> bytes | None:
    """The end of a file, at most 64 MiB; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            return file.read()
    except OSError:
        return None


def _cluster(session: Session, tar: tarfile.TarFile, top: str, job: _Job) -> None:
    """What the running cluster says of itself; a cluster that is down has only files."""
    from hashell.client.statusreport.gather import facts_of
    from hashell.client.statusreport.report import status_report
    from hashell.client.view.display import Display
    from hashell.grammar.configuration import Configuration

    now = time.time()
    try:
        cib = session.run(session.cluster().cib())
    except HashellError as error:
        _add(tar, f"{top}/status.txt", (str(error) + "\n").encode(), now)
        return
    config = Configuration(cib)
    config.obscure = tuple(job.patterns)
    facts = facts_of(cib, Display(failcounts=True), int(now))
    _add(tar, f"{top}/status.txt", status_report(facts, "text").encode(), now)
    _add(tar, f"{top}/configuration.crm", (config.show() + "\n").encode(), now)
    _add(tar, f"{top}/cib.xml", _masked(pretty(cib).encode(), job), now)


def _masked(data: bytes, job: _Job) -> bytes:
    """The text with the values of secret names replaced, wherever an nvpair or NAME=VALUE shows them."""
    text = data.decode("utf-8", "replace")
    for glob in job.patterns:
        name = "".join(r"[\w-]*" if c == "*" else r"[\w-]" if c == "?" else re.escape(c) for c in glob)
        text = re.sub(rf'(name="{name}"[^>]*?\bvalue=")[^"]*', r"\1******", text)
        text = re.sub(rf'(\bvalue=")[^"]*("[^>]*?\bname="{name}")', r"\1******\2", text)
        text = re.sub(rf"\b({name}=\"?)[^\s\",]+", r"\1******", text)
    return text.encode()


def _masked_input(data: bytes, job: _Job) -> bytes:
    import bz2

    try:
        return bz2.compress(_masked(bz2.decompress(data), job))
    except (OSError, ValueError):
        return _masked(data, job)
