"""What nodes keep of the past: scheduler inputs and logs, of this machine, embedded nodes, a folder or a report."""

from __future__ import annotations

import bz2
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from hashell.client.source import LiveSource, embedded_dir, embedded_nodes, find_source
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse
from hashell.shell.diagnostics import CommandFailed, UnreadableFile
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

_NAME = re.compile(r"pe-(input|warn|error)-(\d+)(\.bz2)?\Z")
_OURS = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d),\d+ (\S+) (.*)\Z")
_THEIRS = re.compile(r"([A-Z][a-z]{2} +\d+) (\d\d:\d\d:\d\d)(?:\.\d+)? (\S+) +(.*)\Z")
_EVENT = re.compile(
    r"result of |transition \d+ with [1-9]|fenc|stonith|quorum|lost|joined|left|failed|error|became|elected|"
    r"Result of |Initiating|State transition|Forming new|shut", re.IGNORECASE)


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


@dataclass(frozen=True)
class PeInput:
    """One saved input of the scheduler; `when` is epoch seconds."""

    path: Path
    node: str
    series: str
    number: int
    when: float

    @property
    def name(self) -> str:
        return f"pe-{self.series}-{self.number}"


@dataclass(frozen=True)
class LogLine:
    """One line of a node's log; `when` is epoch seconds."""

    when: float
    node: str
    text: str

    def __str__(self) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.when))
        return f"{stamp} {self.node} {self.text}"


@dataclass
class Records:
    """The past of one source between two times (epoch seconds)."""

    source: str
    places: list[tuple[str, list[Path], list[Path]]]  #: node, folders of inputs, logs
    start: float = 0.0
    end: float = float("inf")
    exclude: list[str] = field(default_factory=list)
    kept: object = None  #: keeps an unpacked report alive
    view: str = ""  #: the saved session it belongs to
    detail: int = 0  #: 1: events with every line of the log

    def inputs(self) -> list[PeInput]:
        """Saved inputs in order of time; each once, though several nodes have been DC."""
        found: dict[tuple[str, str], PeInput] = {}
        for node, folders, _ in self.places:
            for path in sorted(p for folder in folders for p in folder.glob("pe-*")):
                match = _NAME.match(path.name)
                if match is None:
                    continue
                try:
                    when = path.stat().st_mtime
                except OSError:
                    continue
                if self.start <= when <= self.end:
                    found[node, path.name] = PeInput(path, node, match[1], int(match[2]), when)
        return sorted(found.values(), key=lambda one: (one.when, one.number))

    def choose(self, word: str) -> PeInput:
        """An input by number, name or path; '' is the newest, -1 the one before it. Raises HashellError."""
        inputs = self.inputs()
        if Path(word).is_file():
            match = _NAME.match(Path(word).name)
            return PeInput(Path(word), "", match[1] if match else "input", int(match[2]) if match else 0,
                           Path(word).stat().st_mtime)
        if word in ("", "-0") or re.fullmatch(r"-\d+", word):
            back = 1 + int(word[1:] or 0)
            if back > len(inputs):
                raise failed(f"there are only {len(inputs)} transitions in {self.source}", "history limit widens it")
            return inputs[-back]
        chosen = [i for i in inputs if word in (str(i.number), i.name, i.path.name)]
        if not chosen:
            raise failed(f"there is no transition {word} in {self.source}", "`history peinputs` lists them")
        return chosen[-1]

    def lines(self, nodes: list[str] | None = None) -> list[LogLine]:
        """Log lines of the nodes (all by default) in order of time, excluded ones left out."""
        found: list[LogLine] = []
        patterns = [re.compile(p) for p in self.exclude]
        for node, _, logs in self.places:
            if nodes and node not in nodes:
                continue
            for path in logs:
                found += [line for line in _read_log(path, node) if self.start <= line.when <= self.end
                          and not any(p.search(line.text) for p in patterns)]
        return sorted(found, key=lambda line: line.when)

    def events(self, nodes: list[str] | None = None) -> list[LogLine]:
        """Lines that tell what happened, rather than how."""
        return [line for line in self.lines(nodes) if self.detail or _EVENT.search(line.text)]

    def nodes(self) -> list[str]:
        return [node for node, _, _ in self.places]


def _read_log(path: Path, node: str) -> Iterator[LogLine]:
    year = time.localtime().tm_year
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    when, name = 0.0, node
    for raw in text.splitlines():
        match = _OURS.match(raw)
        other = None if match else _THEIRS.match(raw)
        try:
            if match:
                when = time.mktime(time.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S"))
                name, raw = match[3], match[4]
            elif other:
                when = time.mktime(time.strptime(f"{year} {other[1]} {other[2]}", "%Y %b %d %H:%M:%S"))
                name, raw = other[3], other[4]
        except ValueError:
            pass
        yield LogLine(when, name, raw)


def read_input(path: Path) -> etree._Element:
    """The CIB of a saved input. Raises HashellError (UnreadableFile)."""
    try:
        data = path.read_bytes()
        root = parse(bz2.decompress(data) if data[:3] == b"BZh" else data)
    except (OSError, ValueError, EOFError, etree.XMLSyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HashellError(UnreadableFile(path=str(path), reason=reason)) from None
    if root.tag != "cib":
        raise HashellError(UnreadableFile(path=str(path), reason=f"its root is <{root.tag}>, not <cib>"))
    return root


def node_places(session: Session) -> list[NodeSettings]:
    """The nodes whose files can be read from here. Raises HashellError when there is none."""
    source = find_source(session.base_environ(), session.options.node)
    if not isinstance(source, LiveSource):
        raise failed("the past of a cluster is in its nodes' files, and this is a CIB file",
                     "unset CIB_file, or name a report: history source FILE")
    if source.settings.embedded:
        return embedded_nodes(embedded_dir(session.environ()))
    return [source.settings]


def logs_of(settings: NodeSettings) -> list[Path]:
    """The log files of a node: ours, or Pacemaker's and Corosync's."""
    folders = [settings.log_dir] if settings.embedded else [
        settings.log_dir, Path("/var/log/pacemaker"), Path("/var/log/cluster"), Path("/var/log/corosync")]
    return [path for folder in folders for path in sorted(folder.glob("*.log")) if path.is_file()]


def live_records(session: Session) -> Records:
    import os

    places = [(s.name or os.uname().nodename, [s.pengine_dir], logs_of(s)) for s in node_places(session)]
    return Records("live", places)


def stored_records(path: Path) -> Records:
    """Records of a folder or of a report's tar file. Raises HashellError."""
    kept = None
    folder = path
    if path.is_file():
        kept = tempfile.TemporaryDirectory(prefix="hashell-history-")
        folder = Path(kept.name)
        try:
            with tarfile.open(path) as tar:
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise HashellError(UnreadableFile(path=str(path), reason=f"it is no report: {error}")) from None
    elif not path.is_dir():
        raise HashellError(UnreadableFile(path=str(path), reason="there is no such file or folder"))
    tops = sorted({p.parent.parent if p.parent.name == "pengine" else p.parent
                   for pattern in ("**/pe-*", "**/*.log") for p in folder.glob(pattern)})
    places = [(top.name, [d for d in (top / "pengine", top) if d.is_dir()], sorted(top.glob("*.log"))) for top in tops]
    if not places:
        raise failed(f"{path} holds no scheduler inputs and no logs", "name a report of `hashell report`")
    return Records(str(path), places, kept=kept)
