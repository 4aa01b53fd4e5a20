"""Completion: candidates from the table and the CIB, and the scripts for login shells."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Hashell

from hashell.shell.completion import complete, split_partial
from hashell.shell.scripts import SHELLS, completion_script
from hashell.shell.session import Session

REPO = Path(__file__).resolve().parents[2]
FILES = {"bash": "hashell.bash", "zsh": "_hashell", "fish": "hashell.fish"}


@pytest.fixture
def session(hashell: Hashell) -> Iterator[Session]:
    hashell("configure", stdin="primitive web IPaddr2 ip=127.0.0.9\nprimitive db Dummy\nprimitive x Dummy\ngroup g x\n")
    made = Session()
    yield made
    made.close()


@pytest.mark.parametrize(("line", "expected"), [
    ("conf", ["configure"]), ("resource mo", ["move"]), ("resource move w", ["web"]),
    ("resource move web node", ["node1", "node2", "node3"]), ("resource meta web s", ["set", "show"]),
    ("configure modgroup g add d", ["db"]), ("configure clone c ", ["web", "db", "g"]),
    ("configure order o Man", ["Mandatory:"]), ("configure location l web inf: node1", ["node1"]),
    ("configure primitive p IPaddr2 params i", ["ip=", "iflabel="]),
    ("configure primitive p IPaddr2 op mon", ["monitor"]),
    ("configure primitive p IPaddr2 op monitor timeout=20s in", ["interval=10s", "interval="]),
    ("configure primitive p Dummy op monitor on-fail=re", ["on-fail=restart"]),
    ("configure primitive p IPaddr2 params arp_count=", ["arp_count=5"]),
    ("configure clone c db meta interleave=t", ["interleave=true"]),
    ("configure property no-q", ["no-quorum-policy="]), ("configure show related:w", ["related:web"]),
    ("configure show web x", ["x", "xml"]), ("help res", ["resource"]), ("cd con", ["configure"]), ("nonsense x", []),
])
def test_candidates(session: Session, line: str, expected: list[str]) -> None:
    assert [c.text for c in complete(session, line)] == expected


def test_candidates_are_described(session: Session) -> None:
    assert complete(session, "configure primitive p IPaddr2 params ip")[0].about.startswith("required")


def test_candidates_without_a_cluster(session: Session, cib_file: Path) -> None:
    cib_file.unlink()
    assert complete(Session(), "resource move w") == []


@pytest.mark.parametrize(("text", "expected"), [
    ("a b", (["a"], "b")), ("a b ", (["a", "b"], "")), ("", ([], "")), ('a "b c', (["a"], "b c")),
])
def test_split_partial(text: str, expected: tuple[list[str], str]) -> None:
    assert split_partial(text) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_checked_in_scripts_are_current(shell: str) -> None:
    assert (REPO / "completions" / FILES[shell]).read_text() == completion_script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_well_formed(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([program, "-n", str(REPO / "completions" / FILES[shell])], check=True)


def _program(folder: Path) -> None:
    """`hashell` in a folder of its own, as an installation has it on the PATH."""
    program = folder / "hashell"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hashell.cli "$@"\n')
    program.chmod(0o755)


@pytest.mark.parametrize(("line", "expected"), [
    ("hashell conf", {"configure"}), ("hashell -F resource clean", {"cleanup"}),
    ("hashell configure load ", {"xml", "update", "replace", "push"}), ("hashell resource move we", {"web"}),
    ("hashell maintenance o", {"on", "off"}), ("hashell --ver", {"--version"}),
    ("hashell -F -w node stan", {"standby"}),
    ("hashell configure show type:ta", {"tag"}),
    ("hashell completion ", {"bash", "zsh", "fish"}),
])
def test_bash_completes(session: Session, tmp_path: Path, line: str, expected: set[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    _program(tmp_path)
    words = line.split(" ")
    empty = "" if words[-1] else '""'
    script = (f'PATH={tmp_path}:$PATH; source {REPO}/completions/hashell.bash\n'
              f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({line} {empty})\n'
              f'COMP_CWORD={len(words) - 1}; _hashell; printf "%s\\n" "${{COMPREPLY[@]}}"\n')
    result = subprocess.run([bash, "-c", script], capture_output=True, text=True, cwd=REPO)
    assert set(result.stdout.split()) == expected, result.stderr


def test_zsh_script_keeps_off_tied_variables() -> None:
    """In zsh `path` is PATH: a local of that name would hide every program."""
    script = completion_script("zsh")
    assert "local path" not in script and "local -a path" not in script


def test_zsh_completes(session: Session, tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("zsh is not installed")
    _program(tmp_path)
    script = (f"PATH={tmp_path}:$PATH; compdef() {{ : }}; _files() {{ print FILES }}\n"
              '_describe() { shift; print -l -- "${(P@)1}" }\n'
              f"source {REPO}/completions/_hashell\n"
              'words=(hashell resource move we); CURRENT=4; BUFFER="hashell resource move we"; CURSOR=${#BUFFER}\n'
              "_hashell\n")
    result = subprocess.run([zsh, "-f", "-c", script], capture_output=True, text=True, cwd=REPO)
    assert result.stdout.splitlines()[:1] == ["web:primitive"], result.stderr


def test_fish_completes(session: Session, tmp_path: Path) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed")
    _program(tmp_path)
    script = (f"set -x PATH {tmp_path} $PATH; source {REPO}/completions/hashell.fish; "
              "complete -C 'hashell resource move we'; complete -C 'hashell maintenance o'")
    result = subprocess.run([fish, "-N", "-c", script], capture_output=True, text=True, cwd=REPO)
    assert result.stdout.splitlines()[0] == "web\tprimitive", result.stderr
    assert [line.split("\t")[0] for line in result.stdout.splitlines()[1:]] == ["off", "on"]
