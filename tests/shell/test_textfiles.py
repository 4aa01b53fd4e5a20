"""`hashell check` and `hashell fmt`: files of statements without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hashell

BROKEN = """\
# the web
primitive web Dummy params fak=1 op monitor interval=10s timeout=5s
primitve b Dummy
group g web wep
location l web 10 node1
rsc_defaults x="
"""


@pytest.fixture
def away(hashell: Hashell, monkeypatch: pytest.MonkeyPatch) -> Hashell:
    """No cluster anywhere."""
    monkeypatch.delenv("CIB_file")
    return hashell


def test_check_names_every_fault_with_its_place(away: Hashell, tmp_path: Path) -> None:
    (tmp_path / "x.crm").write_text(BROKEN)
    result = away("check", "x.crm")
    assert result.code == 65
    for text in ("x.crm:2:28: error: web: parameter \"fak\" is not known (did you mean 'fake'?)",
                 "x.crm:2:37: warning: web: specified timeout 5s", "x.crm:3:1: error: 'primitve'",
                 "x.crm:4:13: warning: g: resource wep is not defined in this file (did you mean 'web'?)",
                 "x.crm:5:16: error: location: expected", "x.crm:6:16: error: no closing quotation mark"):
        assert text in result.err, result.err
    assert "\n" + " " * 31 + "^^^^^\n" in result.err
    assert "4 errors, 2 warnings" in result.out


def test_check_warnings_alone_are_no_failure(away: Hashell, tmp_path: Path) -> None:
    (tmp_path / "x.crm").write_text("location l elsewhere 10: node1\n")
    result = away("check", "x.crm")
    assert result.code == 0 and "x.crm:1:12: warning" in result.err and "error" not in result.err
    assert away("check", "--strict", "x.crm").code == 65


@pytest.mark.parametrize("words", [("check",), ("fmt",), ("check", "--odd", "x"), ("check", "none.crm")])
def test_check_and_fmt_say_what_is_wrong_with_the_line(away: Hashell, words: tuple[str, ...]) -> None:
    result = away(*words)
    assert result.code in (64, 66) and len(result.err.splitlines()) == 1


def test_fmt_keeps_comments_and_what_it_cannot_read(away: Hashell, tmp_path: Path) -> None:
    path = tmp_path / "x.crm"
    path.write_text("# one\n\n\n\nprimitive   a Dummy params fake='x y' op monitor \\\n  interval=10s  \n"
                    "odd   line\n  # two\ngroup  g   a\n\n# tail\n\n")
    result = away("fmt", "x.crm")
    assert result.code == 65 and "x.crm:7:1" in result.err
    wanted = ("# one\n\nprimitive a Dummy \\\n\tparams fake=\"x y\" \\\n\top monitor interval=10s\nodd   line\n# two\n"
              "group g a\n\n# tail\n")
    assert path.read_text() == wanted
    away("fmt", "x.crm")
    assert path.read_text() == wanted


def test_fmt_check_and_diff_change_nothing(away: Hashell, tmp_path: Path) -> None:
    path = tmp_path / "x.crm"
    path.write_text("group  g a\n")
    assert away("fmt", "--check", "x.crm").code == 1
    assert "+group g a" in away("fmt", "--diff", "x.crm").out
    assert path.read_text() == "group  g a\n"
    assert away("fmt", "-", stdin="group  g a\n").out == "group g a\n"
