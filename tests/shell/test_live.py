"""The shell on a running cluster: one embedded node, real daemons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Hashell


@pytest.fixture
def live(hashell: Hashell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hashell:
    monkeypatch.delenv("CIB_file")
    monkeypatch.setenv("HASHELL_EMBEDDED_DIR", str(tmp_path / "embedded"))
    return hashell


def test_no_cluster_is_one_line(live: Hashell) -> None:
    result = live("status")
    assert result.code == 102 and "cluster start --embedded" in result.err and len(result.err.splitlines()) == 1


def test_life_of_a_cluster(live: Hashell, tmp_path: Path) -> None:
    assert live("cluster", "start", "--embedded", "1").code == 0
    try:
        _use(live, tmp_path)
    finally:
        assert live("cluster", "destroy").code == 0
    assert live("cluster", "status").code == 7


def _use(live: Hashell, tmp_path: Path) -> None:
    script = tmp_path / "s.crm"
    script.write_text("property stonith-enabled=false\nprimitive p ocf:pacemaker:Dummy op monitor interval=10s\n"
                      "primitive s ocf:pacemaker:Stateful\nclone c s meta promotable=true\n")
    assert live("-w", "cluster", "wait_for_startup", "60").code == 0
    loaded = live("-w", "configure", "load", "update", str(script))
    assert loaded.code == 0 and "settled" in loaded.out, loaded.err
    assert " on node1\n" in live("status").out
    board = json.loads(live("status", "json").out)
    assert {r["id"]: [n["name"] for n in r.get("nodes", ())] for r in board["resources"]}["p"] == ["node1"], board
    assert "running on: node1" in live("resource", "locate", "p").out
    refused = live("configure", "delete", "p")
    assert refused.code == 1 and "is running" in refused.err
    plan = live("configure", stdin="delete --force p\ncommit --plan\nrefresh force\n")
    assert "stops 1" in plan.out
    assert live("-w", "resource", "stop", "p").code == 0
    assert "NOT running" in live("resource", "locate", "p").out
    assert live("resource", "cleanup", "p").code == 0
    assert live("resource", "refresh", "p").code == 0
    assert live("node", "status-attr", "node1", "set", "rack", "7").code == 0
    assert "value=7" in live("node", "status-attr", "node1", "show", "rack").out
    assert "quorate:        yes" in live("corosync", "status", "quorum").out
    assert "nodelist.node.0.name = node1" in live("corosync", "get", "nodelist").out
    assert live("cluster", "start", "--embedded", "2").code == 108
