"""Events, problems, operations, stories and prospects of clusters we make."""

from __future__ import annotations

from dataclasses import replace

from hashell.client.board import FencingView
from hashell.client.monitor.events import events_between, events_of
from hashell.client.monitor.operations import OperationLog
from hashell.client.monitor.problems import dated, problems_of
from hashell.client.monitor.snapshot import snapshot_of
from hashell.client.monitor.story import element_story, node_story, resource_story
from hashell.client.monitor.whatif import fail_resource, lose_node
from tests.tui.clusters import cluster

NOW = 1_700_000_100.0


def test_events_between_two_looks() -> None:
    old, new = (snapshot_of(cib, when=NOW).board for cib in (cluster(), cluster(web_on=2, lost=1, db_failed=True)))
    texts = [event.text for event in events_between(old, new, NOW)]
    assert "node1: online → offline" in texts
    assert "ip: Started on node1 → Started on node2" in texts
    assert any(text.startswith("monitor of db failed on node2") for text in texts)
    assert events_between(old, old, NOW) == []


def test_events_of_the_history_are_in_order_and_without_monitors() -> None:
    cib = cluster(db_failed=True)
    events = events_of(cib, snapshot_of(cib, when=NOW).board)
    assert [e.when for e in events] == sorted(e.when for e in events)
    assert events[-1].bad and "the database is gone" in events[-1].text
    assert not any(e.text.startswith("monitor of ip") for e in events)


def test_problems_are_worst_first_and_say_who_waits() -> None:
    fencing = (FencingView("node2", "reboot", "pending", "", "node1", "crmd.1", 1_700_000_090),)
    board = snapshot_of(cluster(db_failed=True), fencing, when=NOW).board
    found = problems_of(board)
    assert found[0].text == "fencing of node2 is pending, asked for by crmd.1@node1; waiting: disk db"
    assert found[0].since == 1_700_000_090
    assert [p.subject for p in found[1:3]] == ["db", "cli-prefer-db"]
    assert "the database is gone" in found[1].text


def test_a_problem_dates_from_what_was_seen_to_happen() -> None:
    old, new = (snapshot_of(cib, when=NOW).board for cib in (cluster(), cluster(web_on=2, lost=1)))
    new = replace(new, have_quorum=False)
    events = [*events_between(old, new, NOW - 60), *events_between(new, new, NOW)]
    since = {p.text: p.since for p in dated(problems_of(new), events)}
    assert since["node node1 is offline"] == since["this partition has no quorum"] == int(NOW - 60)
    disabled = replace(new, stonith_enabled=False, dc="")
    since = {p.text: p.since for p in dated(problems_of(disabled), events)}
    assert since["no DC elected: no decisions are being made"] == 0
    assert all(when == 0 for text, when in since.items() if "disabled" in text)


def test_durations_are_sorted_by_how_near_the_timeout_is() -> None:
    log = OperationLog()
    log.add(cluster())
    log.add(cluster())
    first = log.by_agent()[0]
    assert (first.agent, first.task, first.timeout, first.took) == (
        "ocf:heartbeat:IPaddr2", "monitor every 10s", 20_000, [15_500])
    assert abs(first.share - 0.775) < 1e-9
    www = next(t for t in log.by_agent() if t.agent == "ocf:heartbeat:apache")
    assert www.timeout == 40_000 and www.slowest is not None and www.slowest.took == 4_000


def test_the_story_of_a_failed_resource_quotes_the_log_and_names_what_helps() -> None:
    asked = []

    def logs(words: tuple[str, ...], when: float) -> list[str]:
        asked.append((words, when))
        return ["a line of the log"]

    shot = snapshot_of(cluster(db_failed=True), when=NOW)
    story = resource_story(shot, "db", logs=logs)
    assert "it said: the database is gone" in story.text() and "a line of the log" in story.text()
    assert asked == [(("db",), 1_700_000_020.0)]
    assert any(command.startswith("resource cleanup db") for command in story.commands)


def test_stories_of_nodes_and_constraints() -> None:
    shot = snapshot_of(cluster(standby=3), when=NOW)
    assert "node online node3" in node_story(shot, "node3").commands
    assert "ip: Started" in node_story(shot, "node1").text()
    story = element_story(shot, "cli-prefer-db")
    assert story.commands == ["resource clear db", "configure delete cli-prefer-db"]


def test_losing_a_node_moves_what_runs_there() -> None:
    cib = cluster()
    prospect = lose_node(cib, "node1")
    after = {r.id: r.nodes for r in prospect.after.board.resources}
    assert after["ip"] and after["ip"] != ("node1",)
    assert any("Promote" in line for line in prospect.lines)
    assert snapshot_of(cib, when=NOW).board == snapshot_of(cluster(), when=NOW).board, "the CIB is left alone"


def test_a_failing_resource_is_recovered() -> None:
    prospect = fail_resource(cluster(), "db", "node2")
    assert any("Recover" in line and "db" in line for line in prospect.lines)
