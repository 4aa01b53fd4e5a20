"""The prompt, driven through a pipe as by a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hashell
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from hashell.shell.interactive import history_file, run_interactive
from hashell.shell.session import Session


def drive(text: str, monkeypatch: pytest.MonkeyPatch, answers: list[str] | None = None) -> None:
    replies = iter(answers or [])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(replies))
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(text)
        session = Session(interactive=True)
        run_interactive(session)
        session.close()


def test_typing_committing_and_leaving(hashell: Hashell, cib_file: Path, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    drive("configure\nprimitive p Dummy\ncommit\nprimitive q \\\nDummy\nquit\n", monkeypatch, ["y"])
    assert 'id="p"' in cib_file.read_text() and 'id="q"' in cib_file.read_text()
    out = capsys.readouterr().out
    assert "+primitive q Dummy" in out and out.endswith("bye\n")
    assert "primitive p Dummy" in history_file().read_text()


def test_declined_changes_are_dropped(hashell: Hashell, cib_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive("configure\nprimitive p Dummy\nup\nquit\n", monkeypatch, ["n"])
    assert 'id="p"' not in cib_file.read_text()


def test_tab_completes(hashell: Hashell, cib_file: Path, monkeypatch: pytest.MonkeyPatch,
                       capsys: pytest.CaptureFixture[str]) -> None:
    drive("configure sh\t\n\x04", monkeypatch)
    assert "node 1: node1" in capsys.readouterr().out


def test_prompt_names_cib_and_level(cib_file: Path) -> None:
    session = Session()
    session.stack.append(session.root.level("configure"))  # type: ignore[arg-type]
    assert session.prompt() == "hashell(cib.xml)configure# "
