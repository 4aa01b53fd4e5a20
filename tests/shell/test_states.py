"""site ticket and the made-up states of cibstatus on a CIB file."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hashell


def test_ticket_life(hashell: Hashell, cib_file: Path) -> None:
    hashell("configure", stdin="primitive a Dummy\nrsc_ticket t T: a loss-policy=stop\n")
    assert hashell("site", "ticket", "show", "T").code == 1
    assert hashell("site", "ticket", "grant", "T").code == 0
    assert 'id="T"' in cib_file.read_text() and "granted, last" in hashell("site", "ticket", "show", "T").out
    assert hashell("site", "ticket", "standby", "T").code == 0
    assert "granted, standby" in hashell("site", "ticket", "show", "T").out
    assert "revoke it first" in hashell("site", "ticket", "delete", "T").err
    assert hashell("site", "ticket", "revoke", "T").code == 0
    assert hashell("site", "ticket", "delete", "T").code == 0 and "ticket_state" not in cib_file.read_text()


@pytest.mark.parametrize("words", [("bogus", "T"), ("revoke", "none"), ("time", "none")])
def test_ticket_faults(hashell: Hashell, words: tuple[str, str]) -> None:
    result = hashell("site", "ticket", *words)
    assert result.code != 0 and len(result.err.splitlines()) == 1


def test_a_made_up_state_shows_what_would_be_done(hashell: Hashell, cib_file: Path, tmp_path: Path) -> None:
    hashell("configure", stdin="primitive a ocf:pacemaker:Dummy op monitor interval=10s\n")
    before = cib_file.read_text()
    result = hashell("cib", "cibstatus", stdin="quorum true\nnode node1 online\nrun\nop start a success node1\n"
                     "op monitor:10s a not_running node1\nrun\nshow changed\nsave made.xml\n")
    assert result.code == 0, result.err
    assert "starts 1" in result.out and "restarts 1" in result.out and '+  <node_state' in result.out, result.out
    assert cib_file.read_text() == before and "a_monitor_10000" in (tmp_path / "made.xml").read_text()
    again = hashell("cib", "cibstatus", stdin="load made.xml\norigin\nrun\n")
    assert again.code == 0 and "made.xml" in again.out and "restarts 1" in again.out


@pytest.mark.parametrize("line", ["node node9 online", "node node1 sick", "op monitor a odd node1", "quorum maybe",
                                  "op monitor none success node1", "load none.xml", "ticket T odd"])
def test_made_up_faults(hashell: Hashell, line: str) -> None:
    result = hashell("cib", "cibstatus", stdin=line + "\n")
    assert result.code != 0 and len(result.err.splitlines()) == 1, result.err
