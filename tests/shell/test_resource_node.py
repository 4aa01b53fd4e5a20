"""The resource, node, ra and status commands on a CIB file."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Hashell

SETUP = "primitive a ocf:pacemaker:Dummy\nprimitive s ocf:pacemaker:Stateful\nclone c s\n"


@pytest.fixture(autouse=True)
def objects(hashell: Hashell) -> None:
    assert hashell("configure", stdin=SETUP).code == 0


@pytest.mark.parametrize(("words", "shown"), [
    (["resource", "stop", "a"], "meta target-role=Stopped"),
    (["resource", "stop", "s"], "meta promotable=true interleave=true target-role=Stopped"),
    (["resource", "promote", "c"], "target-role=Promoted"),
    (["resource", "unmanage", "a"], "is-managed=false"),
    (["resource", "maintenance", "a"], "maintenance=true"),
    (["resource", "move", "a", "node2"], "location cli-prefer-a a role=Started inf: node2"),
    (["resource", "ban", "s", "node2"], "location cli-ban-c-on-node2 c role=Started -inf: node2"),
    (["resource", "meta", "a", "set", "priority", "7"], "meta priority=7"),
    (["resource", "param", "a", "set", "fake", "x y"], 'params fake="x y"'),
    (["resource", "utilization", "a", "set", "cpu", "2"], "utilization cpu=2"),
    (["node", "standby", "node1"], "attributes standby=on"),
    (["node", "maintenance", "node1"], "attributes maintenance=true"),
    (["node", "attribute", "node1", "set", "rack", "7"], "attributes rack=7"),
    (["node", "utilization", "node1", "set", "cpu", "7"], "utilization cpu=7"),
])
def test_change(hashell: Hashell, words: list[str], shown: str) -> None:
    result = hashell(*words)
    assert result.code == 0, result.err
    assert shown in hashell("configure", "show").out


def test_lifetime_becomes_a_rule(hashell: Hashell) -> None:
    assert hashell("resource", "move", "a", "node1", "PT10M").code == 0
    assert "rule #uname eq node1 and date lt" in hashell("configure", "show", "cli-prefer-a").out


def test_clear_removes_both_kinds(hashell: Hashell) -> None:
    hashell("resource", "move", "a", "node1")
    hashell("resource", "ban", "a", "node2")
    result = hashell("resource", "clear", "a")
    assert "cli-prefer-a" in result.out and "cli-ban-a-on-node2" in result.out
    assert "cli-" not in hashell("configure", "show").out


def test_start_overrules_members(hashell: Hashell) -> None:
    hashell("configure", stdin="group g a\n")
    hashell("resource", "stop", "a")
    hashell("resource", "start", "g")
    assert "Stopped" not in hashell("configure", "show").out


@pytest.mark.parametrize(("words", "message"), [
    (["resource", "move", "a", "mars"], "node mars does not exist"), (["resource", "move", "a"], "is not running"),
    (["resource", "promote", "a"], "not a promotable resource"), (["resource", "stop", "aa"], "did you mean 'a'"),
    (["resource", "meta", "a", "put", "x"], "usage"),
    (["resource", "cleanup", "a"], "needs a live cluster"), (["node", "fence", "node1"], "needs a live cluster"),
    (["node", "standby", "mars"], "node mars does not exist"), (["node", "clearstate", "node1"], "not confirmed"),
    (["ra", "info", "ocf:none:Nothing"], "Nothing"), (["ra", "list", "upstart"], "upstart"),
    (["resource", "status", "zz"], "resource zz does not exist"), (["status", "loud"], "not an option"),
    (["status", "--loud"], "unrecognized"),
])
def test_refusal(hashell: Hashell, words: list[str], message: str) -> None:
    result = hashell(*words)
    assert result.code != 0 and message in result.err, result.err
    assert len(result.err.splitlines()) == 1


def test_an_attribute_that_is_not_set_is_no_failure(hashell: Hashell) -> None:
    result = hashell("resource", "meta", "a", "show", "priority")
    assert result.code == 0 and "is not set" in result.out + result.err


def test_status_forms(hashell: Hashell) -> None:
    text = hashell("status").out
    assert "Node List:" in text and "a\t(ocf:pacemaker:Dummy):\t Stopped" in text
    board = json.loads(hashell("status", "json").out)
    assert [n["name"] for n in board["nodes"]] == ["node1", "node2", "node3"]
    root = ElementTree.fromstring(hashell("status", "--output-as=xml").out)
    detail = hashell("status", "detail", "-f").out
    assert "Node node1 (1): " in detail and "Active Resources:" in detail
    assert root.tag == "pacemaker-result" and root.find("resources/resource").get("id") == "a"  # type: ignore[union-attr]


def test_ra(hashell: Hashell) -> None:
    assert "webserver" in hashell("ra", "list", "ocf", "hashell").out
    assert "ip*" in hashell("ra", "info", "IPaddr2").out
    assert "heartbeat" in hashell("ra", "providers", "Dummy").out


def test_node_show(hashell: Hashell, cib_file: Path) -> None:
    hashell("node", "attribute", "node2", "set", "rack", "7")
    assert hashell("node", "show", "node2").out == "node2(2): member\n\track=7\n"


def test_shadow_cib(hashell: Hashell, cib_file: Path) -> None:
    before = cib_file.read_text()
    result = hashell(stdin="cib new try\nconfigure primitive extra Dummy\ncib diff\ncib list\n")
    assert result.code == 0 and "+primitive extra Dummy" in result.out and "try (in use)" in result.out
    assert cib_file.read_text() == before
    assert "extra" in hashell("-c", "try", "configure", "show").out
    assert hashell("cib", "commit", "try").code == 0
    assert 'id="extra"' in cib_file.read_text()
    assert hashell("cib", "delete", "try").code == 0
    assert "there is no shadow CIB try" in hashell("cib", "use", "try").err


def test_maintenance(hashell: Hashell) -> None:
    refused = hashell("maintenance", "action", "a", "stop")
    assert refused.code == 1 and "-F" in refused.err
    assert hashell("maintenance", "on").code == 0
    assert "maintenance-mode=true" in hashell("configure", "show").out
    assert "maintenance-mode=false" in (hashell("maintenance", "off"), hashell("configure", "show"))[1].out
    assert "rc=7" in hashell("maintenance", "action", "a", "monitor").out


def test_trace_and_untrace(hashell: Hashell) -> None:
    assert hashell("resource", "trace", "a").code == 0
    shown = hashell("configure", "show", "a").out
    assert shown.count("op_params trace_ra=1") == 2
    assert hashell("resource", "untrace", "a").code == 0
    assert "trace_ra" not in hashell("configure", "show", "a").out


def test_validate_all(hashell: Hashell, tmp_path: Path) -> None:
    hashell("resource", "param", "a", "set", "state", str(tmp_path / "a.state"))
    assert hashell("configure", "validate-all", "a").code == 0
    hashell("configure", "primitive", "v", "IPaddr2", "ip=not.an.address")
    refused = hashell("configure", "validate-all", "v")
    assert refused.code == 1 and "refuses v" in refused.err


def test_untrace_takes_everything_back(hashell: Hashell, cib_file: Path) -> None:
    hashell("configure", stdin="primitive t Dummy op monitor interval=10s timeout=20s\n"
            "primitive u ocf:pacemaker:Stateful\nclone k u\n")
    before = hashell("configure", "show").out
    assert hashell("resource", "trace", "t", "monitor", "10s").code == 0
    assert hashell("configure", "show").out.count("trace_ra=1") == 1
    for name in ("t", "u"):
        assert hashell("resource", "trace", name).code == 0
    assert "op promote interval=0" in hashell("configure", "show", "u").out
    missing = hashell("resource", "trace", "t", "monitor", "7s")
    assert missing.code == 1 and "operations: monitor start stop" in missing.err
    for name in ("t", "u"):
        assert hashell("resource", "untrace", name).code == 0
    assert hashell("configure", "show").out == before
