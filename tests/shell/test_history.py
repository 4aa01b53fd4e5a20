"""The history level and report on stored records, without a cluster."""

from __future__ import annotations

import bz2
import os
import tarfile
from pathlib import Path

import pytest
from conftest import CIB, Hashell

ONLINE = '<node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/>'
P = '<primitive id="p" class="ocf" provider="pacemaker" type="Dummy"/>'
LOG = """\
2026-03-01 10:00:00,000 node1 crmd[7] INFO: idle talk
2026-03-01 10:00:01,000 node1 crmd[7] NOTICE: transition 5 with 1 actions (/x/pe-input-2.bz2)
2026-03-01 10:00:02,000 node1 crmd[7] NOTICE: result of p_start_0 on node1: rc=0 status=0
2026-03-01 10:00:03,000 node1 crmd[7] NOTICE: transition 5 complete
2026-03-01 10:00:04,000 node1 crmd[7] NOTICE: result of pp_stop_0 on node1: rc=0 status=0
"""


@pytest.fixture
def stored(cib_file: Path, tmp_path: Path) -> str:
    folder = tmp_path / "old" / "node1"
    (folder / "pengine").mkdir(parents=True)
    empty = CIB.replace("<status/>", f"<status>{ONLINE}</status>").replace("<cib ", '<cib have-quorum="1" ')
    for number, text in ((1, empty), (2, empty.replace("<resources/>", f"<resources>{P}</resources>"))):
        path = folder / "pengine" / f"pe-input-{number}.bz2"
        path.write_bytes(bz2.compress(text.encode()))
        os.utime(path, (1772355600 + number, 1772355600 + number))
    (folder / "hashell.log").write_text(LOG)
    return str(tmp_path / "old")


def look(hashell: Hashell, stored: str, line: str) -> tuple[int, str, str]:
    result = hashell("history", stdin=f"source {stored}\n{line}\n")
    return result.code, result.out, result.err


def test_transitions_are_listed_and_shown(hashell: Hashell, stored: str) -> None:
    assert "pe-input-2.bz2" in look(hashell, stored, "peinputs")[1]
    listed = look(hashell, stored, "transitions")[1]
    assert "pe-input-1      stops 0, moves 0, restarts 0, starts 0" in listed and "starts 1" in listed
    code, out, _ = look(hashell, stored, "transition 2 scores")
    assert code == 0 and "start    p" in out and "p_start_0 on node1: rc=0" in out and "pp_stop" not in out
    assert look(hashell, stored, "latest")[1].count("start    p") == 1
    assert "p_start_0 node1" in look(hashell, stored, "graph 2")[1]


def test_configurations_are_shown_and_compared(hashell: Hashell, stored: str) -> None:
    assert "primitive p ocf:pacemaker:Dummy" in look(hashell, stored, "show 2")[1]
    assert "+primitive p ocf:pacemaker:Dummy" in look(hashell, stored, "diff -1 2")[1]
    assert "-primitive p ocf:pacemaker:Dummy" in look(hashell, stored, "diff 2 live")[1]
    assert "<node_state" in look(hashell, stored, "show pe-input-1 status")[1]


def test_logs_by_node_resource_and_period(hashell: Hashell, stored: str) -> None:
    assert "idle talk" in look(hashell, stored, "log node1")[1] and "idle" not in look(hashell, stored, "events")[1]
    assert "pp_stop" not in look(hashell, stored, "resource p")[1]
    assert "p_start_0" not in look(hashell, stored, 'limit "2026-03-01 10:00:03"\nevents')[1]
    assert "p_start_0" not in look(hashell, stored, "exclude start\nevents")[1]
    assert "Log lines: 5" in look(hashell, stored, "info")[1]


@pytest.mark.parametrize("line", ["transition 9", "log node9", "limit never", "exclude (", "source none", "diff 1 77"])
def test_faults_are_one_line(hashell: Hashell, stored: str, line: str) -> None:
    code, _, err = look(hashell, stored, line)
    assert code != 0 and len(err.splitlines()) == 1


def test_a_file_has_no_history(hashell: Hashell) -> None:
    for words in (("history", "events"), ("report",)):
        assert "unset CIB_file" in hashell(*words).err


def test_a_tar_is_a_source_and_an_input_a_shadow(hashell: Hashell, stored: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "r.tar.gz", "w:gz") as tar:
        tar.add(stored, "r")
    result = hashell("history", stdin="source r.tar.gz\ntransition 2\n")
    assert result.code == 0 and "start    p" in result.out
    (tmp_path / "bad.tar").write_text("no tar")
    assert "it is no report" in hashell("history", "source", "bad.tar").err
    assert hashell("cib", "import", f"{stored}/node1/pengine/pe-input-2.bz2", "old").code == 0
    assert "primitive p" in hashell("-c", "old", "configure", "show").out


def test_the_source_may_be_an_option(hashell: Hashell, stored: str) -> None:
    assert "pe-input-2.bz2" in hashell("-H", stored, "history", "peinputs").out
    assert "there is no such file" in hashell("-H", "none", "history", "peinputs").err


def test_the_rc_file_is_run(hashell: Hashell, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hashell.shell.interactive import run_rc
    from hashell.shell.session import Session

    (tmp_path / ".config/hashell").mkdir(parents=True)
    (tmp_path / ".config/hashell/rc").write_text("# mine\nbogus\noptions set wait yes\n")
    session = Session()
    run_rc(session)
    session.close()
    assert session.preferences.on("core.wait") and "bogus: no such command" in capsys.readouterr().err
