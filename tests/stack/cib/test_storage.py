"""The CIB on disk: nothing that was written is lost, wherever a write is cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.digest import digest_v1
from hashell.model.document import Rc, empty_cib
from hashell.model.version import CibVersion
from hashell.model.xmltext import parse, pretty
from hashell.stack.cib.storage import CibStorage, Folder, Untouched


class Crash(BaseException):
    pass


class Memory:
    """Files in memory. The operation numbered `crash_at` does not happen; `torn` leaves half of a write."""

    def __init__(self, crash_at: int = 0, torn: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.count = 0
        self.crash_at, self.torn = crash_at, torn

    def _step(self) -> None:
        self.count += 1
        if self.count == self.crash_at:
            raise Crash

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return self.files[name]

    def changed_at(self, name: str) -> float:
        return self.times[name]

    def write_new(self, name: str, data: bytes, mode: int) -> None:
        try:
            self._step()
        except Crash:
            if self.torn:
                self._put(name, data[: len(data) // 2])
            raise
        self._put(name, data)

    def _put(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.times[name] = float(self.count)

    def link(self, old: str, new: str) -> None:
        self._step()
        assert new not in self.files
        self._put(new, self.files[old])

    def rename(self, old: str, new: str) -> None:
        self._step()
        self._put(new, self.files.pop(old))

    def remove(self, name: str) -> None:
        self._step()
        self.files.pop(name, None)

    def sync(self) -> None:
        self._step()


def cib(epoch: int) -> etree._Element:
    document = empty_cib()
    document.set("epoch", str(epoch))
    document.set("num_updates", "7")
    document.set("dc-uuid", "1")
    etree.SubElement(document.find("status"), "node_state", id="1")
    return document


def codes(notes) -> list[str]:
    return [note.code for note in notes]


def loaded_epoch(files: Memory) -> tuple[int, list[str]]:
    found = CibStorage(files).load()
    return CibVersion.of(found.document).epoch, codes(found.notes)


def test_the_form_on_disk_and_after_loading():
    files = Memory()
    assert CibStorage(files).save(cib(1), "Mon Nov 23 11:22:45 2026") == []
    stored = parse(files.files["cib.xml"])
    assert stored.get("num_updates") == "0" and stored.find("status") is None
    assert stored.get("cib-last-written") == "Mon Nov 23 11:22:45 2026"
    assert files.files["cib.xml"].decode() == pretty(stored)
    assert files.files["cib.xml.sig"].decode() == digest_v1(stored)
    found = CibStorage(files).load()
    assert found.notes == [] and found.status == 0
    assert len(found.document.find("status")) == 0 and "dc-uuid" not in found.document.attrib


def test_backups_are_numbered_and_wrap():
    files = Memory()
    storage = CibStorage(files)
    for epoch in range(1, 104):
        storage.save(cib(epoch))
    assert files.files["cib.last"] == b"2" and len([n for n in files.names() if n.endswith(".raw")]) == 100
    assert CibVersion.of(parse(files.files["cib-99.raw"])).epoch == 100
    assert CibVersion.of(parse(files.files["cib-1.raw"])).epoch == 102


def test_a_change_of_status_alone_writes_nothing():
    files = Memory()
    storage = CibStorage(files)
    storage.save(cib(1))
    before = files.count
    again = cib(1)
    again.set("num_updates", "9")
    again.find("status").clear()
    assert storage.save(again) == [] and files.count == before
    files.remove("cib.xml")
    storage.save(again)
    assert "cib.xml" in files.files


@pytest.mark.parametrize("torn", [False, True])
def test_every_point_of_a_crash_keeps_the_old_or_the_new(torn):
    steps = Memory()
    CibStorage(steps).save(cib(1))
    CibStorage(steps).save(cib(2))
    first = steps.count
    CibStorage(steps).save(cib(3))
    assert steps.count - first > 8
    seen = []
    for point in range(first + 1, steps.count + 1):
        files = Memory(point, torn)
        CibStorage(files).save(cib(1))
        CibStorage(files).save(cib(2))
        with pytest.raises(Crash):
            CibStorage(files).save(cib(3))
        epoch, said = loaded_epoch(files)
        assert epoch in (2, 3) and said == [], f"crash at step {point - first}"
        seen.append(epoch)
        files.crash_at = 0
        assert CibStorage(files).save(cib(4)) == [] and loaded_epoch(files) == (4, [])
    assert seen == sorted(seen) and seen[-1] == 3


@pytest.mark.parametrize("torn", [False, True])
def test_every_point_of_a_crash_of_the_first_save(torn):
    steps = Memory()
    CibStorage(steps).save(cib(1))
    for point in range(1, steps.count + 1):
        files = Memory(point, torn)
        with pytest.raises(Crash):
            CibStorage(files).save(cib(1))
        epoch, said = loaded_epoch(files)
        assert (epoch, said) in ((0, ["H313"]), (1, [])), f"crash at step {point}"


@pytest.mark.parametrize(
    "damage",
    [b"", b"   \n", b"<cib", b"<crm/>", b"\xff\xfe", b"<cib epoch='9'/>"],
)
def test_a_damaged_file_is_kept_and_the_newest_backup_used(damage):
    files = Memory()
    for epoch in (1, 2, 3):
        CibStorage(files).save(cib(epoch))
    files._put("cib.xml", damage)
    found = CibStorage(files, "/x").load()
    assert CibVersion.of(found.document).epoch == 2 and codes(found.notes) == ["H310", "H311"]
    assert files.files["cib.auto.000000"] == damage and "cib.auto.000000.sig" in files.files
    assert "/x/cib.auto.000000" in found.notes[0].text() and found.notes[0].remedy()
    files._put("cib.xml", b"again")
    CibStorage(files).load()
    assert files.files["cib.auto.000001"] == b"again"


def test_damaged_backups_are_passed_over_also_the_oldest_is_tried():
    files = Memory()
    for epoch in (1, 2, 3):
        CibStorage(files).save(cib(epoch))
    files._put("cib.xml", b"?")
    files.files["cib-1.raw"] = b"?"
    assert loaded_epoch(files) == (1, ["H310", "H312", "H311"])
    files.files["cib-0.raw"] = b"?"
    assert loaded_epoch(files) == (0, ["H312", "H312", "H313"])


def test_a_missing_signature_counts_as_valid():
    files = Memory()
    CibStorage(files).save(cib(1))
    files.remove("cib.xml.sig")
    assert loaded_epoch(files) == (1, [])


def test_a_cib_that_breaks_the_schema_is_loaded_but_not_usable():
    files = Memory()
    files._put("cib.xml", b'<cib validate-with="pacemaker-77"><configuration/></cib>')
    found = CibStorage(files).load()
    assert found.status == Rc.SCHEMA_VALIDATION and codes(found.notes) == ["H314"]
    assert found.document.get("epoch") == "0"


def test_a_file_changed_behind_our_back_is_kept():
    files = Memory()
    storage = CibStorage(files)
    storage.save(cib(1))
    files._put("cib.xml", files.files["cib.xml"].replace(b'epoch="1"', b'epoch="8"'))
    assert codes(storage.save(cib(2))) == ["H310"]
    assert b'epoch="8"' in files.files["cib.auto.000000"] and loaded_epoch(files) == (2, [])


def test_a_full_disk_is_reported_and_the_next_save_succeeds():
    files = Memory()
    storage = CibStorage(files)
    storage.save(cib(1))
    write = files.write_new

    def full(name: str, data: bytes, mode: int) -> None:
        raise OSError(28, "No space left on device")

    files.write_new = full  # type: ignore[method-assign]
    (note,) = storage.save(cib(2))
    assert note.code == "H315" and "No space left" in note.text() and loaded_epoch(files) == (1, [])
    files.write_new = write  # type: ignore[method-assign]
    assert storage.save(cib(2)) == [] and loaded_epoch(files) == (2, [])


def test_modes_of_real_files(tmp_path):
    storage = CibStorage(Folder(tmp_path / "cib"))
    for epoch in (1, 2):
        assert storage.save(cib(epoch)) == []
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "cib").iterdir()}
    assert modes == {
        "cib.xml": "0o600", "cib.xml.sig": "0o600", "cib-0.raw": "0o600", "cib-0.raw.sig": "0o600", "cib.last": "0o640",
    }  # fmt: skip
    assert CibVersion.of(CibStorage(Folder(tmp_path / "cib")).load().document).epoch == 2


_WRITER = """
import sys
from pathlib import Path
from hashell.model.document import empty_cib
from hashell.stack.cib.storage import CibStorage, Folder, Untouched
storage = CibStorage(Folder(Path(sys.argv[1])))
document = empty_cib()
for epoch in range(1, 10**6):
    document.set("epoch", str(epoch))
    assert not storage.save(document)
    print(epoch, flush=True)
"""


def test_a_writer_that_is_killed_loses_nothing_it_has_reported(tmp_path):
    root = Path(__file__).resolve().parents[3]
    for round_number in range(4):
        folder = tmp_path / str(round_number)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, cwd=root, text=True
        )
        assert writer.stdout is not None
        reported = int(writer.stdout.readline())
        time.sleep(0.01 * round_number)
        os.kill(writer.pid, signal.SIGKILL)
        reported = max([reported, *(int(line) for line in writer.stdout.read().split("\n") if line.strip())])
        writer.wait()
        found = CibStorage(Folder(folder)).load()
        assert found.notes == []
        assert CibVersion.of(found.document).epoch in (reported, reported + 1)


@pytest.mark.parametrize("saves", [3, 11, 130])
def test_the_newest_backup_is_known_without_its_time(saves):
    files = Memory()
    storage = CibStorage(files)
    for epoch in range(1, saves + 1):
        storage.save(cib(epoch))
    files.files["cib.xml"] = b"<cib"
    files.times = {name: float(zlib.crc32(name.encode())) for name in files.times}
    assert CibVersion.of(CibStorage(files).load().document).epoch == saves - 1


def test_looking_at_the_files_changes_nothing(tmp_path):
    storage = CibStorage(Folder(tmp_path))
    storage.save(cib(1))
    storage.save(cib(2))
    (tmp_path / "cib.xml").write_bytes(b"garbage")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = CibStorage(Untouched(tmp_path), str(tmp_path)).load().notes
    assert [note.code for note in said] == ["H310", "H311"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
