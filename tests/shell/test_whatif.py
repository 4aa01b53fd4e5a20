"""The questions: `hashell simulate --why`, `--survive`, and `resource why` of the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashell.cli import main as hashell
from hashell.shell.simulate import main
from tests.stack.pengine.cibs import cib, primitive


def test_why_after_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(_asked(tmp_path)), "-d", "n2", "--why", "web@n1", "--why", "web@n2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "web cannot run on n1:",
        "  - a location constraint keeps it off n1  [ban]",
        "      to lift it: configure delete ban",
        "web cannot run on n2:",
        "  - n2 is offline",
        "      to lift it: cluster start n2",
    ]


def test_why_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(_asked(tmp_path)), "--why", "web", "--output-as", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["question"] == "starts"


def test_why_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(_asked(tmp_path)), "--why", "wob"]) != 0
    said = capsys.readouterr()
    assert "there is no resource 'wob'" in said.err
    assert said.out == ""


def test_survive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(_asked(tmp_path)), "--survive", "1"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "Worst: loss of n2: web would be down."
    assert said.err == ""


def test_survive_needs_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(_asked(tmp_path)), "--survive", "0"]) == 64
    assert "use 1 or more" in capsys.readouterr().err


def _asked(folder: Path) -> Path:
    path = folder / "cib.xml"
    ban = '<rsc_location id="ban" rsc="web" node="n1" score="-INFINITY"/>'
    path.write_text(cib(primitive("web"), ban), encoding="utf-8")
    return path


@pytest.mark.parametrize("words", [["resource", "why", "web", "n1"], ["why", "web", "n1"]])
def test_in_the_shell(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIB_file", str(_asked(tmp_path)))
    assert hashell(words) == 0
    assert capsys.readouterr().out.splitlines()[0] == "web cannot run on n1:"
    assert hashell([*words, "--output-as=json"]) == 0
    assert json.loads(capsys.readouterr().out)["node"] == "n1"


def test_in_the_shell_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIB_file", str(_asked(tmp_path)))
    assert hashell(["resource", "why", "web", "n9"]) != 0
    assert "there is no node 'n9'" in capsys.readouterr().err
