"""The language vectors: what the real shell did with each input, run through `hashell` in this process."""

from __future__ import annotations

import io
import shlex
import shutil
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from hashell.cli import main

REPO = Path(__file__).resolve().parents[2]
VECTORS = REPO.parent / "shared" / "spec" / "crm-vectors"
DEVIATIONS = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
ROOT_ATTRS = {"epoch", "num_updates", "admin_epoch", "cib-last-written", "update-origin", "update-client",
              "update-user", "have-quorum", "dc-uuid", "crm_feature_set"}
CASES = sorted(p.name for p in VECTORS.iterdir() if p.is_dir()) if VECTORS.is_dir() else []


def tree(element: ET.Element, top: bool = True) -> tuple[object, ...]:
    attrs = {k: v for k, v in element.attrib.items() if not (top and k in ROOT_ATTRS)}
    return element.tag, tuple(sorted(attrs.items())), tuple(tree(c, False) for c in element if isinstance(c.tag, str))


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    words = shlex.split(line)[1:]
    stdin = io.StringIO("")
    if "<" in words:
        stdin = io.StringIO(Path(words[words.index("<") + 1]).read_text(errors="replace"))
        words = words[:words.index("<")]
    monkeypatch.setattr("sys.stdin", stdin)
    return main(words)


def outcome(name: str, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What disagrees with the vector: '', 'rc', 'cib', 'show' or 'silent'."""
    case = VECTORS / name
    for path in case.iterdir():
        shutil.copy(path, work)
    start = case / "initial.xml"
    shutil.copy(start if start.exists() else VECTORS / "_initial.xml", work / "work.xml")
    monkeypatch.chdir(work)
    for key, value in {"CIB_file": str(work / "work.xml"), "HOME": str(work), "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(key, value)
    for variable in ("CIB_shadow", "HASHELL_TALK_TO"):
        monkeypatch.delenv(variable, raising=False)
    code = 0
    for line in (case / "cmd").read_text().splitlines():
        if line.startswith("crm"):
            code = run(line, monkeypatch)
    errors = capsys.readouterr().err
    assert code != 70, errors
    wanted = int((case / "rc").read_text().strip() or 0)
    if bool(code) != bool(wanted):
        return "rc"
    if tree(ET.parse(work / "work.xml").getroot()) != tree(ET.parse(case / "cib.xml").getroot()):
        return "cib"
    if wanted:
        return "" if errors.strip() else "silent"
    if (case / "show.crm").exists():
        run("crm configure show", monkeypatch)
        if capsys.readouterr().out != (case / "show.crm").read_text():
            return "show"
    return ""


@pytest.mark.skipif(not CASES, reason="the language vectors are not beside this checkout")
@pytest.mark.parametrize("name", CASES)
def test_vector(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    expected = DEVIATIONS.get(name, {}).get("differs", "")
    assert outcome(name, tmp_path, monkeypatch, capsys) == expected


def test_deviations_are_explained() -> None:
    assert all(len(entry["reason"]) > 5 and entry["differs"] in ("rc", "cib", "show") for entry in DEVIATIONS.values())
    if CASES:
        assert set(DEVIATIONS) <= set(CASES)
