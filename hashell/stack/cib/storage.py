"""The CIB on disk: cib.xml with its signature, and the numbered backups (daemons specification, section 2.1).

Nothing that was once written completely is lost, whenever the power goes. The order of a save is: the current pair
is linked as backup `cib-N.raw`, the next number written, then both new files complete under temporary names, then
two renames. Between the renames the new cib.xml stands beside the old signature; the signature that belongs to it
still lies there under its temporary name, and loading finds it. Whatever cannot be used is renamed, never removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from lxml import etree

from hashell.model.diagnostics import Diagnostic, Severity
from hashell.model.digest import digest_v1, digest_v2
from hashell.model.document import Rc, copy_tree, empty_cib, strip_text
from hashell.model.exitcodes import ExitCode
from hashell.model.schema import problems
from hashell.model.version import COUNTERS, CibVersion
from hashell.model.xmltext import parse, pretty

SERIES = 100
_LIVE, _SIGNATURE, _SEQUENCE = "cib.xml", "cib.xml.sig", "cib.last"
_LAST_KNOWN = re.compile(rb"[0-9]{1,9}")
_BACKUP_NUMBER = re.compile(r"[0-9]{1,2}")
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class CibFileDiagnostic(Diagnostic):
    """Base of what is said about the files; `file` is the path."""

    file: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CibFileSetAside(CibFileDiagnostic):
    code: ClassVar[str] = "H310"
    severity: ClassVar[Severity] = Severity.WARNING
    kept: str = ""

    def text(self) -> str:
        return f"the configuration {self.file} is not usable ({self.reason}) and was kept as {self.kept}"

    def remedy(self) -> str:
        return "compare it with the running configuration; remove it when nothing is missing"


@dataclass(frozen=True, kw_only=True)
class CibBackupUsed(CibFileDiagnostic):
    code: ClassVar[str] = "H311"
    severity: ClassVar[Severity] = Severity.WARNING
    version: str = ""

    def text(self) -> str:
        return f"the configuration was read from the backup {self.file}, version {self.version}"

    def remedy(self) -> str:
        return "changes made after it come back from the other nodes when they join"


@dataclass(frozen=True, kw_only=True)
class CibBackupUnusable(CibFileDiagnostic):
    code: ClassVar[str] = "H312"
    severity: ClassVar[Severity] = Severity.WARNING

    def text(self) -> str:
        return f"the backup {self.file} is not usable ({self.reason}); trying the next older one"


@dataclass(frozen=True, kw_only=True)
class CibStartsEmpty(CibFileDiagnostic):
    code: ClassVar[str] = "H313"
    severity: ClassVar[Severity] = Severity.NOTE

    def text(self) -> str:
        return f"there is no configuration in {self.file}: starting with an empty one"


@dataclass(frozen=True, kw_only=True)
class CibNotValid(CibFileDiagnostic):
    code: ClassVar[str] = "H314"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    def text(self) -> str:
        return f"the configuration {self.file} is not valid: {self.reason}"

    def remedy(self) -> str:
        return "every request is refused until a valid configuration replaces it"


@dataclass(frozen=True, kw_only=True)
class CibNotWritten(CibFileDiagnostic):
    code: ClassVar[str] = "H315"
    exit_code: ClassVar[ExitCode] = ExitCode.CANTCREAT

    def text(self) -> str:
        return f"the configuration could not be written to {self.file}: {self.reason}"

    def remedy(self) -> str:
        return "make room or mend the permissions; it is tried again every few seconds"


class FileLayer(Protocol):
    """The file operations used, each of them atomic for a reader. Names are relative to the folder.

    All raise OSError; `read` FileNotFoundError for what is not there.
    """

    def names(self) -> list[str]: ...
    def read(self, name: str) -> bytes: ...
    def changed_at(self, name: str) -> float: ...
    def write_new(self, name: str, data: bytes, mode: int) -> None: ...
    def link(self, old: str, new: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def sync(self) -> None: ...


class Folder:
    """The real thing: one directory, made with mode 0750; files belong to `owner` (user id, group id) if given."""

    def __init__(self, path: Path, owner: tuple[int, int] | None = None) -> None:
        self.path = path
        self._owner = owner
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        if owner:
            with contextlib.suppress(OSError):
                os.chown(path, *owner)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.path) if entry.is_file(follow_symlinks=False))

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def changed_at(self, name: str) -> float:
        return os.stat(self.path / name).st_ctime

    def write_new(self, name: str, data: bytes, mode: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path / name)
        handle = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(handle, stat.S_IMODE(mode))
            if self._owner:
                os.fchown(handle, *self._owner)
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)

    def link(self, old: str, new: str) -> None:
        os.link(self.path / old, self.path / new)

    def rename(self, old: str, new: str) -> None:
        os.rename(self.path / old, self.path / new)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path / name)

    def sync(self) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(slots=True)
class Loaded:
    """What was found. `status` is 0, or -203 for a document that breaks the schema (it is there all the same)."""

    document: etree._Element
    status: int = 0
    notes: list[Diagnostic] = field(default_factory=list)


class Untouched:
    """A FileLayer that only looks: another folder's files as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.is_file(follow_symlinks=False))

    def read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def changed_at(self, name: str) -> float:
        return os.stat(self._folder / name).st_ctime

    def write_new(self, name: str, data: bytes, mode: int) -> None:
        raise OSError(errno.EROFS, "only looked at")

    def link(self, old: str, new: str) -> None:
        raise OSError(errno.EROFS, "only looked at")

    rename = link

    def remove(self, name: str) -> None:
        raise OSError(errno.EROFS, "only looked at")

    def sync(self) -> None:
        return


class CibStorage:
    """Loads and saves through a FileLayer; `where` is its name in messages."""

    def __init__(self, files: FileLayer, where: str = "") -> None:
        self._files = files
        self._where = where
        self._saved = ""  # version 2 digest of what was saved last

    # -- loading ---------------------------------------------------------------------------------------------

    def load(self) -> Loaded:
        """The newest usable CIB, prepared for use: empty status, counters there, no dc-uuid. Never raises."""
        notes: list[Diagnostic] = []
        document, source = self._live(notes)
        if document is None:
            document, source = self._backup(notes)
        if document is None:
            notes.append(CibStartsEmpty(file=self._where or "the CIB folder"))
            document = empty_cib()
        _prepare(document)
        wrong = [p for p in problems(document) if p.severity is Severity.ERROR]
        if wrong:
            notes.append(CibNotValid(file=self._path(source), reason=wrong[0].text()))
        return Loaded(document, Rc.SCHEMA_VALIDATION if wrong else 0, notes)

    def _live(self, notes: list[Diagnostic]) -> tuple[etree._Element | None, str]:
        try:
            data = self._files.read(_LIVE)
        except FileNotFoundError:
            return None, _LIVE
        except OSError as error:
            notes.append(self._aside(f"cannot be read: {error.strerror}"))
            return None, _LIVE
        document, reason = _parse(data)
        if document is not None:
            digest = digest_v1(document)
            wanted = self._signature(_SIGNATURE)
            if wanted in (None, digest) or self._adopt_signature(digest):
                return document, _LIVE
            reason = "its digest is not the one in cib.xml.sig"
        notes.append(self._aside(reason))
        return None, _LIVE

    def _adopt_signature(self, digest: str) -> bool:
        """Finish a save that was interrupted between its two renames."""
        for name in self._temporary():
            if self._signature(name) == digest:
                with contextlib.suppress(OSError):
                    self._files.rename(name, _SIGNATURE)
                    self._files.sync()
                return True
        return False

    def _aside(self, reason: str) -> CibFileSetAside:
        names = self._names()
        number = next(n for n in range(len(names) + 1) if f"cib.auto.{n:06d}" not in names)
        kept = f"cib.auto.{number:06d}"
        with contextlib.suppress(OSError):
            if _SIGNATURE in names:
                self._files.rename(_SIGNATURE, f"{kept}.sig")
            self._files.rename(_LIVE, kept)
            self._files.sync()
        return CibFileSetAside(file=self._path(_LIVE), reason=reason, kept=self._path(kept))

    def _backup(self, notes: list[Diagnostic]) -> tuple[etree._Element | None, str]:
        candidates = [n for n in self._names() if n.startswith("cib-") and not n.endswith(".sig")]
        candidates.sort(key=self._age)
        for name in candidates:
            try:
                document, reason = _parse(self._files.read(name))
            except OSError as error:
                document, reason = None, error.strerror or "cannot be read"
            wanted = self._signature(f"{name}.sig")
            if document is not None and wanted in (None, digest_v1(document)):
                version = CibVersion.of(document)
                notes.append(CibBackupUsed(file=self._path(name), version=str(version)))
                return document, name
            notes.append(CibBackupUnusable(file=self._path(name), reason=reason or "its digest does not fit"))
        return None, _LIVE

    def _age(self, name: str) -> tuple[int, float, str]:
        """Sorts backups from new to old: by their numbers, because copying the folder spoils their times.

        Without a usable cib.last, and for names without a number, the time has to do.
        """
        number = name.removeprefix("cib-").removesuffix(".raw")
        if not (_LAST_KNOWN.fullmatch(self._last()) and _BACKUP_NUMBER.fullmatch(number)):
            return SERIES, -self._changed_at(name), name
        back = (self._sequence() - 1 - int(number)) % SERIES
        if back == SERIES - 1 and f"cib-{(int(number) + 1) % SERIES}.raw" not in self._names():
            back = -1  # the series has not come round yet: a save was interrupted before it counted on
        return back, 0.0, name

    def _changed_at(self, name: str) -> float:
        try:
            return self._files.changed_at(name)
        except OSError:
            return 0.0

    def _signature(self, name: str) -> str | None:
        """The digest in a signature file; None when there is none. An unreadable one is '' and fits nothing."""
        try:
            text = self._files.read(name).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError:
            return ""
        return text if len(text) == 32 and _HEX.issuperset(text) else ""

    def _names(self) -> list[str]:
        try:
            return self._files.names()
        except OSError:
            return []

    def _temporary(self) -> Iterable[str]:
        return [name for name in self._names() if name.startswith("cib.tmp")]

    def _path(self, name: str) -> str:
        return f"{self._where}/{name}" if self._where else name

    # -- saving ----------------------------------------------------------------------------------------------

    def save(self, document: etree._Element, now_text: str = "") -> list[Diagnostic]:
        """Write the document; returns what there is to say, a CibNotWritten among it when nothing was written.

        `now_text` becomes cib-last-written when it is not empty. The document itself is not changed. A document that
        differs from the last one only in its status is not written again: backups are there for configurations.
        """
        notes: list[Diagnostic] = []
        stored = _stored_form(document, now_text)
        digest = digest_v2(stored)
        if digest == self._saved and _LIVE in self._names():
            return notes
        text = pretty(stored).encode()
        written, _reason = _parse(text)
        if written is None:
            return [CibNotWritten(file=self._path(_LIVE), reason="its text could not be read back")]
        try:
            self._check_live(notes)
            self._rotate()
            self._files.write_new("cib.tmp.xml", text, 0o600)
            self._files.write_new("cib.tmp.sig", digest_v1(written).encode(), 0o600)
            if self._files.read("cib.tmp.xml") != text:
                raise OSError(5, "what was read back is not what was written")
            self._files.rename("cib.tmp.xml", _LIVE)
            self._files.rename("cib.tmp.sig", _SIGNATURE)
            self._files.sync()
            self._saved = digest
        except OSError as error:
            notes.append(CibNotWritten(file=self._path(_LIVE), reason=error.strerror or str(error)))
        return notes

    def _check_live(self, notes: list[Diagnostic]) -> None:
        """A live pair that someone else changed is kept under another name before it is replaced."""
        try:
            data = self._files.read(_LIVE)
        except FileNotFoundError:
            return
        document, reason = _parse(data)
        wanted = self._signature(_SIGNATURE)
        if document is None or (wanted is not None and wanted != digest_v1(document)):
            if document is not None and self._adopt_signature(digest_v1(document)):
                return
            notes.append(self._aside(reason or "it was changed while the cluster was running"))

    def _rotate(self) -> None:
        if _LIVE not in self._names():
            return
        number = self._sequence()
        backup = f"cib-{number}.raw"
        self._files.remove(f"{backup}.sig")
        self._files.remove(backup)
        self._files.link(_LIVE, backup)
        if self._signature(_SIGNATURE) is not None:
            self._files.link(_SIGNATURE, f"{backup}.sig")
        self._files.write_new("cib.tmp.last", str((number + 1) % SERIES).encode(), 0o640)
        self._files.rename("cib.tmp.last", _SEQUENCE)
        self._files.sync()

    def _sequence(self) -> int:
        """The number of the next backup."""
        text = self._last()
        return int(text) % SERIES if _LAST_KNOWN.fullmatch(text) else 0

    def _last(self) -> bytes:
        try:
            return self._files.read(_SEQUENCE).strip()
        except OSError:
            return b""


def _parse(data: bytes) -> tuple[etree._Element | None, str]:
    """The document, or None and why not."""
    if not data.strip():
        return None, "the file is empty"
    try:
        document = parse(data)
    except etree.XMLSyntaxError as error:
        return None, f"line {error.lineno}: {error.msg}"
    if document.tag != "cib":
        return None, f"it holds a <{document.tag}>"
    return document, ""


def _stored_form(document: etree._Element, now_text: str) -> etree._Element:
    stored = copy_tree(document)
    stored.set("num_updates", "0")
    if now_text:
        stored.set("cib-last-written", now_text)
    for status in stored.findall("status"):
        stored.remove(status)
    strip_text(stored)
    return stored


def _prepare(document: etree._Element) -> None:
    strip_text(document)
    for status in document.findall("status"):
        document.remove(status)
    etree.SubElement(document, "status")
    for name in COUNTERS:
        if not document.get(name, "").isdigit():
            document.set(name, "0")
    if "dc-uuid" in document.attrib:
        del document.attrib["dc-uuid"]
