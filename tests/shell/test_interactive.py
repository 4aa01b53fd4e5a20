"""The prompt, driven through a pipe as by a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from conftest import Hashell
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from hashell.shell.interactive import TableCompleter, history_file, run_interactive
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


async def test_completion_asks_the_cluster_while_the_prompt_runs(hashell: Hashell, cib_file: Path) -> None:
    session = Session()
    session.run(asyncio.sleep(0))
    cib_file.write_text(cib_file.read_text().replace("<resources/>", '<resources><primitive id="web" class="ocf" '
                                                     'provider="heartbeat" type="Dummy"/></resources>'))
    found = list(TableCompleter(session).get_completions(Document("resource stop we"), CompleteEvent()))
    session.close()
    assert [(c.text, c.start_position, c.display_meta_text) for c in found] == [("web ", -2, "primitive")]


async def test_completion_sees_the_cluster_as_it_is_now(hashell: Hashell, cib_file: Path) -> None:
    session = Session()
    completer = TableCompleter(session)

    def texts() -> list[str]:
        return [c.text for c in completer.get_completions(Document("node standby n"), CompleteEvent())]

    assert texts() == ["node1 ", "node2 ", "node3 "]
    cib_file.write_text(cib_file.read_text().replace('uname="node3"', 'uname="n4"'))
    assert texts() == ["node1 ", "node2 ", "n4 "]
    session.close()


def test_prompt_names_cib_and_level(cib_file: Path) -> None:
    session = Session()
    session.stack.append(session.root.level("configure"))  # type: ignore[arg-type]
    assert session.prompt() == "hashell(cib.xml)configure# "
