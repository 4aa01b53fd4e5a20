"""The prompt, driven through a pipe as by a terminal."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Hashell
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from hashell.shell.completion import joined
from hashell.shell.interactive import Prompt, TableCompleter, fuzzy, history_file, run_interactive, unfinished
from hashell.shell.session import Session

REPO = Path(__file__).resolve().parents[2]


def drive(text: str, monkeypatch: pytest.MonkeyPatch, answers: list[str] | None = None) -> None:
    replies = iter(answers or [])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(replies))
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(text)
        session = Session(interactive=True)
        run_interactive(session)
        session.close()


def _menu(prompt: Prompt) -> bool:
    state = prompt._prompt.app.current_buffer.complete_state
    return state is not None and bool(state.completions)


def _text(prompt: Prompt) -> str:
    return prompt._prompt.app.current_buffer.text


def _empty(prompt: Prompt) -> bool:
    return not _text(prompt)


def drive_steps(steps: list[tuple[str, Callable[[Prompt], bool]]], monkeypatch: pytest.MonkeyPatch,
                answer: str = "n") -> None:
    """Send each text when what the one before it was to bring about is there: menus take a moment."""
    prompts: list[Prompt] = []
    monkeypatch.setattr("hashell.shell.interactive.Prompt", lambda s: prompts.append(Prompt(s)) or prompts[0])
    failed: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt="": answer)
    monkeypatch.setenv("TERM", "xterm")  # on a dumb terminal there are no menus

    def feed() -> None:
        while not prompts or not prompts[0]._prompt.app.is_running:
            time.sleep(0.02)
        for text, there in steps:
            pipe.send_text(text)
            deadline = time.monotonic() + 60
            while not there(prompts[0]):
                if time.monotonic() > deadline:
                    failed.append(f"after {text!r}: {_text(prompts[0])!r}")
                    pipe.send_text("\x03\x03\x04")
                    return
                time.sleep(0.02)

    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        thread = threading.Thread(target=feed)
        thread.start()
        session = Session(interactive=True)
        run_interactive(session)
        session.close()
        thread.join()
    assert not failed


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


def test_a_proposal_is_taken_with_the_keys(hashell: Hashell, cib_file: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab takes the only command that begins so; Enter takes the chosen proposal and does not run the line yet."""
    steps = [("configure\nprimitive p Dummy\nren", _menu), ("\t", lambda prompt: _text(prompt) == "rename "),
             ("p q\n", _empty), ("rename ", _menu), ("\t", lambda prompt: len(_text(prompt)) > 8),
             ("\n", lambda prompt: not _menu(prompt) and len(_text(prompt)) > 8), ("\x15", _empty),
             ("commit\nquit\n", lambda prompt: True)]
    drive_steps(steps, monkeypatch)
    assert 'id="q"' in cib_file.read_text()


def test_pasted_lines_all_run(hashell: Hashell, cib_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pasted = "\x1b[200~primitive p Dummy\nprimitive q Dummy \\\n op monitor interval=10s\x1b[201~"
    drive(f"configure\n{pasted}\ncommit\nquit\n", monkeypatch)
    assert 'id="p"' in cib_file.read_text() and 'id="q-monitor-10s"' in cib_file.read_text()


def test_history_is_searched_by_scattered_letters(hashell: Hashell, cib_file: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """ctrl-r, letters, down, Enter to take the line, Enter to run it."""
    history_file().parent.mkdir(parents=True)
    history_file().write_text("\n# 1\n+configure primitive earlier Dummy\n\n# 2\n+status\n")
    line = "configure primitive earlier Dummy"
    found = lambda prompt: _text(prompt) == "cfg prm erl" and _menu(prompt)  # noqa: E731
    drive_steps([("\x12", _menu), ("cfg prm erl", found), ("\x1b[B", lambda prompt: _text(prompt) == line),
                 ("\n", lambda prompt: not _menu(prompt)), ("\nquit\n", lambda prompt: True)], monkeypatch, "y")
    assert 'id="earlier"' in cib_file.read_text()


@pytest.mark.parametrize(("pattern", "expected"), [
    ("rsm", ["r sometimes m", "resource move"]), ("", ["b", "a"]), ("zz", []), ("WEB", ["the web", "web x"]),
])
def test_fuzzy(pattern: str, expected: list[str]) -> None:
    lines = {"rsm": ["resource move", "r sometimes m", "resource status"], "": ["a", "b"], "zz": ["a", "z"],
             "WEB": ["web x", "w.e.b", "the web"]}[pattern]
    assert fuzzy(pattern, lines)[:2] == expected


@pytest.mark.parametrize(("text", "more"), [
    ("primitive a \\", True), ("primitive a \\ ", True), ("show", False), ('x "a b', True), ("x 'a", True),
    ("a \\\n b", False), ("a \\\n 'b", True),
])
def test_what_goes_on_in_the_next_line(text: str, more: bool) -> None:
    assert unfinished(text) is more


@pytest.mark.parametrize(("text", "expected"), [
    ("a \\\n   b c", "a b c"), ("a\\\n b", "ab"), ("a", "a"), ("a \\\nb \\\n  c", "a b c"),
    ("show\nprim", "prim"),
])
def test_joined(text: str, expected: str) -> None:
    assert joined(text) == expected


def test_on_a_real_terminal(hashell: Hashell, cib_file: Path, tmp_path: Path) -> None:
    """tmux: the menu with its descriptions, the mark with its message, the toolbar."""
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("tmux is not installed")
    base = [tmux, "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    program = f"env TERM=tmux-256color CIB_file={cib_file} HOME={tmp_path} {sys.executable} -m hashell.cli"
    subprocess.run([*base, "new-session", "-d", "-s", "t", "-x", "80", "-y", "24", program], check=True, cwd=REPO)

    def expect(*wanted: str) -> str:
        screen = ""
        for _ in range(300):
            screen = subprocess.run([*base, "capture-pane", "-p", "-t", "t"], capture_output=True, text=True).stdout
            if all(word in screen for word in wanted):
                return screen
            time.sleep(0.2)
        raise AssertionError(f"{wanted} did not appear:\n{screen}")

    def send(*keys: str) -> None:
        subprocess.run([*base, "send-keys", "-t", "t", *keys], check=True)

    try:
        expect("hashell(cib.xml)#", "CIB file │ 3 nodes")
        send("configure", "Enter")
        expect("configure#")
        send("-l", "primitive ip ocf:hashell:IPaddr2 params ")
        expect("required: IPv4 or IPv6 address (string)", "cidr_netmask=")
        send("-l", "ipp=1 ")
        expect("✗ ocf:hashell:IPaddr2 has no parameter ipp; did you mean 'ip'?")
        send("C-c")
        send("primitive p Dummy", "Enter")
        expect("1 pending: commit, diff")
    finally:
        subprocess.run([*base, "kill-server"], check=False)


def test_prompt_names_cib_and_level(cib_file: Path) -> None:
    session = Session()
    session.stack.append(session.root.level("configure"))  # type: ignore[arg-type]
    assert session.prompt() == "hashell(cib.xml)configure# "
