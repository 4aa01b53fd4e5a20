"""A file is replaced as a whole or left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hashell.atomicfile import write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_gets_the_mode_asked_for(tmp_path: Path) -> None:
    write_atomically(tmp_path / "secret", "grün\n")
    write_atomically(tmp_path / "open", b"\x00\xff", mode=0o644)
    assert (tmp_path / "secret").read_text(encoding="utf-8") == "grün\n" and mode(tmp_path / "secret") == 0o600
    assert (tmp_path / "open").read_bytes() == b"\x00\xff" and mode(tmp_path / "open") == 0o644


def test_an_old_file_keeps_its_mode_and_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink() and target.read_text() == "new" and mode(target) == 0o640
    write_atomically(target, "newer", mode=0o600)
    assert mode(target) == 0o600


def test_a_failure_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def no_space(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]
