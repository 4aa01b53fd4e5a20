"""Changing corosync.conf in place: what is asked for changes, everything else stays, and the ring would take it."""

from __future__ import annotations

import pytest

from hashell.model.diagnostics import HashellError
from hashell.shell.commands.geo import booth_conf, sites
from hashell.shell.commands.ringconf import checked
from hashell.shell.commands.sessions import words_changed
from hashell.shell.corosynctext import CorosyncText, new_text

NODES = {"node1": "192.0.2.1", "node2": "192.0.2.2"}


def fresh(transport: str = "knet") -> CorosyncText:
    return CorosyncText("# ours\n" + new_text("office", NODES, transport).replace("totem {", "totem {  "))


@pytest.mark.parametrize("transport", ["udpu", "knet"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_new_file_is_one_the_ring_takes(transport: str, count: int) -> None:
    nodes = {f"node{n}": f"192.0.2.{n}" for n in range(1, count + 1)}
    text = checked(new_text("office", nodes, transport, encrypted=True), bundled=True)
    assert ("two_node: 1" in text) == (count == 2)
    assert CorosyncText(text).names() == list(nodes)


def test_values_change_in_place_and_comments_stay() -> None:
    text = fresh()
    before = str(text).splitlines()
    text.set("totem.cluster_name", "paris")
    text.set("totem.token", "5000")
    text.set("nodelist.node.quorum_votes", "2", 1)
    after = str(text).splitlines()
    assert "# ours" in after and len(after) == len(before) + 2
    assert text.get("totem.token") == ["5000"] and text.get("totem.cluster_name") == ["paris"]
    assert text.nodes()[1]["quorum_votes"] == "2" and "quorum_votes" not in text.nodes()[0]
    checked(str(text))


@pytest.mark.parametrize(("path", "value", "index"), [
    ("nosuch.key", "1", 0), ("token", "1", 0), ("totem.token", "1", 7)])
def test_values_without_a_section_are_refused(path: str, value: str, index: int) -> None:
    with pytest.raises(HashellError):
        fresh().set(path, value, index)


@pytest.mark.parametrize(("path", "value"), [("totem.token", "abc"), ("totem.crypto_cipher", "aes256")])
def test_what_the_ring_would_refuse_is_refused(path: str, value: str) -> None:
    text = fresh("udpu")
    text.set(path, value)
    with pytest.raises(HashellError):
        checked(str(text), bundled=True)


def test_nodes_come_and_go_with_the_rule_for_two() -> None:
    text = fresh()
    assert text.add_node("node3", "192.0.2.3") == 3 and "two_node" not in str(text)
    text.remove_node("node1")
    assert text.names() == ["node2", "node3"] and text.get("quorum.two_node") == ["1"]
    with pytest.raises(HashellError, match="already"):
        text.add_node("node4", "192.0.2.3")
    with pytest.raises(HashellError, match="not in the node list"):
        text.remove_node("node1")
    checked(str(text))


def test_links() -> None:
    text = fresh()
    assert text.add_link({"node1": "198.51.100.1", "node2": "198.51.100.2"}, {"knet_link_priority": "2"}) == 1
    assert text.links()[1] == {"node1": "198.51.100.1", "node2": "198.51.100.2"}
    text.update_link(1, {"node2": "198.51.100.9"}, {"knet_link_priority": "", "mcastport": "5409"})
    assert text.links()[1]["node2"] == "198.51.100.9" and text.link_options(1) == {"mcastport": "5409"}
    checked(str(text))
    text.remove_link(1)
    assert str(text) == str(fresh())
    for work in (lambda: text.remove_link(0), lambda: text.remove_link(5), lambda: text.add_link({"node1": "x"}, {}),
                 lambda: text.update_link(0, {}, {"colour": "red"})):
        with pytest.raises(HashellError):
            work()


def test_the_ticket_manager_s_file() -> None:
    conf = booth_conf(sites("paris=192.0.2.10 rome=192.0.2.20"), ["t"], "192.0.2.30")
    assert conf.count("site=") == 2 and 'arbitrator="192.0.2.30"' in conf and 'ticket="t"' in conf
    with pytest.raises(HashellError, match="not NAME=IP"):
        sites("paris")


@pytest.mark.parametrize(("before", "after", "shown"), [
    ("a b c", "a x c", "a [-b-]{+x+} c"), ("", "new", "{+new+}"), ("gone", "", "[-gone-]"), ("same", "same", "same"),
])
def test_differences_by_words(before: str, after: str, shown: str) -> None:
    assert words_changed(before, after) == shown
