"""Options, batch, one-shot and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hashell

from hashell.cli import PROGRAMS, main
from hashell.shell.commands import status


def test_one_shot_commits(hashell: Hashell, cib_file: Path) -> None:
    assert hashell("configure", "primitive", "p", "Dummy").code == 0
    text = cib_file.read_text()
    assert '<primitive id="p"' in text and 'epoch="6"' in text and 'num_updates="0"' in text


def test_batch_goes_on_after_an_error_and_fails(hashell: Hashell, cib_file: Path) -> None:
    result = hashell("configure", stdin="primitive a Dummy\nbogus x\nprimitive b Dummy\n")
    assert result.code == 1
    assert "stdin:2" in result.err or "no such command" in result.err
    assert 'id="a"' in cib_file.read_text() and 'id="b"' in cib_file.read_text()


def test_script_file(hashell: Hashell, tmp_path: Path) -> None:
    script = tmp_path / "s.crm"
    script.write_text("# a comment\nconfigure primitive p Dummy \\\n  op monitor interval=10\nresource stop p\n")
    assert hashell("-f", str(script)).code == 0
    assert "target-role=Stopped" in hashell("configure", "show", "p").out


def test_missing_script_is_exit_2(hashell: Hashell) -> None:
    result = hashell("-f", "nosuch.crm")
    assert result.code == 2 and "could not open nosuch.crm" in result.err


@pytest.mark.parametrize(("words", "code", "message"), [
    (["--bogus"], 64, "unknown option --bogus"), (["-f"], 64, "needs a value"),
    (["-D", "pink", "status"], 64, "-D is plain"), (["-o", "x"], 64, "SECTION.NAME=VALUE"),
    (["confgure"], 1, "did you mean 'configure'"), (["configure", "rename", "a"], 64, "usage: rename OLD NEW"),
    (["configure", "show", "nosuch"], 1, "object nosuch does not exist"),
    (["resource", "start", "nosuch"], 1, "resource nosuch does not exist"),
    (["configure", "load", "frob", "x"], 64, "unknown method frob"),
    (["configure", "primitive", "p", "x=y"], 1, "an agent"),
    (["cluster", "start", "--embedded", "many"], 64, "not a number of nodes"),
])
def test_bad_input_is_one_message_with_a_remedy(hashell: Hashell, words: list[str], code: int, message: str) -> None:
    result = hashell(*words)
    assert (result.code, message in result.err) == (code, True), result.err
    assert "(" in result.err


def test_echo_and_prefixes(hashell: Hashell) -> None:
    result = hashell("-R", "-f", "-", stdin="conf\nshow\nup\n")
    assert ".INP: show" in result.out and '"conf" is accepted as "configure"' in result.out
    assert "node 1: node1" in result.out


def test_not_a_cib(hashell: Hashell, cib_file: Path) -> None:
    cib_file.write_text("hello")
    result = hashell("configure", "show")
    assert result.code == 65 and "is not a CIB" in result.err and cib_file.read_text() == "hello"


def test_crash_leaves_a_file_and_one_line(monkeypatch: pytest.MonkeyPatch, cib_file: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    from hashell.cli import main

    def broken(session: object, words: list[str]) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(status, "status", broken)
    assert main(["status"]) == 70
    captured = capsys.readouterr().err
    files = list((tmp_path / ".cache" / "hashell" / "crash").iterdir())
    assert len(captured.splitlines()) == 1 and str(files[0]) in captured
    assert "RuntimeError: oops" in files[0].read_text()


def test_json_diagnostics(hashell: Hashell) -> None:
    import json

    result = hashell("--output-as=json", "configure", "show", "nosuch")
    assert json.loads(result.err)["code"] == "H211"


def test_levels_and_navigation(hashell: Hashell) -> None:
    result = hashell(stdin="resource\nls\ncd ../configure\nls\nup\nquit\nstatus\n")
    assert "cleanup" in result.out and "rsc_defaults" in result.out and "Node List" not in result.out
    assert result.code == 0


def test_options_are_kept_and_used(hashell: Hashell, tmp_path: Path) -> None:
    assert hashell("-f", "-", stdin="options set check-mode relaxed\noptions save\n").code == 0
    assert (tmp_path / ".config/hashell/hashell.conf").read_text() == "[core]\ncheck_mode = relaxed\n\n"
    result = hashell("configure", "primitive", "b", "ocf:none:None")
    assert result.code == 0 and "warning" in result.err
    assert hashell("-o", "core.check_mode=strict", "configure", "primitive", "c", "ocf:none:None").code == 1
    assert hashell("options", "show").out == "core.check_mode = relaxed\n"


def test_damaged_options_are_told_and_do_not_stop(hashell: Hashell, tmp_path: Path) -> None:
    path = tmp_path / ".config/hashell/hashell.conf"
    path.parent.mkdir(parents=True)
    for text in ("no section\n", "[core]\ncheck_mode = odd\n", "[core]\nnosuch = 1\n"):
        path.write_text(text)
        result = hashell("configure", "show")
        assert result.code == 0 and "warning" in result.err and "node 1: node1" in result.out


def test_what_a_command_shows_as_a_document(hashell: Hashell) -> None:
    import json
    from xml.etree import ElementTree

    hashell("configure", "primitive", "p", "Dummy")
    shown = json.loads(hashell("--output-as=json", "resource", "locate", "p").out)
    assert shown == {"command": "resource locate", "code": 0, "lines": ["resource p is NOT running"]}
    root = ElementTree.fromstring(hashell("configure", "show", "p", "--output-as=xml").out)
    assert root.get("command") == "configure show" and [line.text for line in root] == ["primitive p Dummy"]
    assert "board" not in hashell("status", "--output-as=json").out and "nodes" in json.loads(
        hashell("status", "--output-as=json").out)


def test_debug_says_how_long_each_line_took(hashell: Hashell) -> None:
    assert "OK after" in hashell("-d", "configure", "show").out


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_program_explains_itself(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([program, "--help"])
    except SystemExit as ended:  # argparse ends so
        code = int(ended.code or 0)
    assert code == 0 and capsys.readouterr().out.lower().startswith("usage: ")
