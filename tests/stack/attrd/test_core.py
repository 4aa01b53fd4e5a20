"""The attribute managers' rules on a perfect group."""

from __future__ import annotations

import random

import pytest

from hashell.model.xmltext import compact, parse
from hashell.stack.attrd.attributes import expand, failure_pattern, seconds
from tests.stack.attrd.network import Network


@pytest.fixture
def net():
    return Network("n1", "n2", "n3")


def test_one_writer_is_elected_and_known_to_all(net):
    assert len(net.writers()) == 1
    (writer,) = net.writers()
    net[writer].set("a", "1")
    assert {node.core.writer for node in net.nodes.values()} == {writer}


def test_a_value_reaches_all_and_the_cib(net):
    net["n2"].set("a", "5")
    assert all(node.values("a") == {"n2": "5"} for node in net.nodes.values())
    assert net.written("a") == {"2": "5"}
    assert compact(net.cib.find("status")[1]) == (
        '<node_state id="2" uname="n2"><transient_attributes id="2"><instance_attributes id="status-2">'
        '<nvpair id="status-2-a" name="a" value="5"/></instance_attributes></transient_attributes></node_state>'
    )
    assert net["n2"].acks == [("c", 1, 112)]


def test_the_form_on_the_wire(net):
    net.sent.clear()
    net["n2"].set("a", "5", src="attrd_updater")
    updates = [text for _s, text, _t in net.sent if 'task="update"' in text]
    assert updates == [
        '<create_attrd_op t="attrd" task="update" attr_name="a" attr_value="5" src="attrd_updater" attr_host="n2" '
        f'attr_host_id="2" attr_version="7" confirm="false" attr_writer="{int(net["n2"].core.election.state)}"/>'
    ]


def test_values_of_other_nodes_and_remote_nodes(net):
    net["n1"].set("a", "x", attr_host="n3")
    net["n1"].set("a", "y", attr_host="far", attr_is_remote="1")
    net["n1"].set("a", "z", attr_host="stranger")
    assert net.written("a") == {"3": "x", "far": "y"}


def test_a_value_of_a_node_that_is_listed_later_is_written_then(net):
    net["n1"].set("a", "z", attr_host="Stranger")
    assert net.written("a") == {}
    for node in net.nodes.values():
        node.core.know({"stranger": "9"})
        node.run(node.core.peers(list(node.core.members.items()), 0.0))
    net.settle()
    assert net.written("a") == {"9": "z"}


def test_counting(net):
    for _ in range(2):
        net["n1"].set("f", "value++")
    net["n1"].set("f", "value+=10")
    assert net["n3"].values("f") == {"n1": "12"}
    assert expand("INFINITY", "value++") == "1000000" and expand(None, "value++") == "1"
    assert expand("3", "x++") == "x++" and expand("3", None) is None


def test_removing_a_value_removes_it_from_the_cib(net):
    net["n1"].set("a", "1")
    net["n1"].set("a", None)
    assert net.written("a") == {} and net["n2"].values("a") == {}


def test_private_attributes_stay_out_of_the_cib(net):
    net["n1"].set("secret", "1", attr_is_private="1")
    assert net["n3"].values("secret") == {"n1": "1"} and net.written("secret") == {}
    assert net.written("#attrd-protocol") == {}


def test_an_unchanged_value_is_not_written_again(net):
    net["n1"].set("a", "Yes")
    count = len(net.writes)
    net["n1"].set("a", "yes")
    assert len(net.writes) == count and net["n2"].values("a") == {"n1": "Yes"}


def test_dampening_waits_until_the_value_is_quiet(net):
    net["n1"].set("a", "1", attr_dampening="5s")
    for value in "234":
        net.wait(4)
        net["n1"].set("a", value)
    assert net.written("a") == {}
    net.wait(4.9)
    assert net.written("a") == {}
    net.wait(0.2)
    assert net.written("a") == {"1": "4"}


def test_dampening_can_be_changed_with_and_without_a_value(net):
    net["n1"].set("a", "1")
    net["n1"].set("a", "2", task="update-both", attr_dampening="3")
    assert net.written("a") == {"1": "1"}
    net.wait(3)
    assert net.written("a") == {"1": "2"}
    net["n1"].ask('<x task="update-delay" attr_name="a" attr_dampening="0"/>')
    net.settle()
    net["n1"].set("a", "3")
    assert net.written("a") == {"1": "3"}
    net["n1"].ask('<x task="update-delay" attr_name="none" attr_dampening="0"/>')
    net.settle()
    assert "none" in net["n1"].log[-1]
    assert seconds("5s") == 5 and seconds("500ms") == 0.5 and seconds("x") == 0 and seconds(None) == 0


def test_a_write_under_way_is_followed_by_one_for_what_came_meanwhile(net):
    (writer,) = net.writers()
    node = net[writer]
    node.set("a", "1", settle=False)
    while net.queue:
        sender, text, _to = net.queue.popleft()
        for other in net.nodes.values():
            other.run(other.core.peer_message(sender, parse(text), net.now))
    assert len(net.results) == 1
    node.set("a", "2", settle=False)
    net.settle()
    assert net.written("a") == {node.node_id: "2"}


def test_a_failed_write_is_repeated(net):
    net.fail_writes = 2
    net["n1"].set("a", "1")
    assert net.written("a") == {}
    net.wait(2.1)
    assert net.written("a") == {}
    net.wait(2.1)
    assert net.written("a") == {"1": "1"}


def test_the_loss_of_the_writer_loses_no_value(net):
    (writer,) = net.writers()
    others = [name for name in net.nodes if name != writer]
    net[writer].set("a", "w")
    net[others[0]].set("a", "o")
    net.leave(writer)
    net.cib = parse(compact(net.cib).replace('value="o"', 'value="stale"'))
    net.wait(130)
    assert len(net.writers()) == 1 and net[others[1]].values("a") == {others[0]: "o"}
    net[others[1]].set("b", "1")
    net[others[0]].ask('<x task="refresh"/>')
    net[others[1]].ask('<x task="refresh"/>')
    net.settle()
    assert net.written("a")[others[0][1:]] == "o"


def test_a_node_that_joins_learns_everything_and_starts_clean(net):
    net["n1"].set("a", "1")
    net["n3"].set("a", "3")
    net["n3"].set("p", "x", attr_is_private="1")
    net.leave("n3")
    assert net["n1"].values("a") == {"n1": "1"}
    node = net.join("n3")
    net.wait(130)
    assert node.values("a") == {"n1": "1"} and len(net.writers()) == 1
    node.set("a", "4")
    assert net["n1"].values("a") == {"n1": "1", "n3": "4"}


def test_a_node_is_right_about_itself(net):
    net["n2"].set("a", "mine")
    lie = (
        '<attrd_peer_sync task="sync-response" t="attrd" attr_writer="2"><x attr_name="a" attr_host="n2" '
        'attr_value="yours"/><x attr_name="b" attr_host="n2" attr_value="new"/></attrd_peer_sync>'
    )
    net.queue.append(("n3", lie, None))
    net.settle()
    assert {tuple(node.values("a").items()) for node in net.nodes.values()} == {(("n2", "mine"),)}
    assert all(node.values("b") == {} for node in net.nodes.values())


def test_two_writers_elect_anew():
    net = Network("n1", "n2")
    for name in ("n1", "n2"):
        net[name].core.election.state = type(net[name].core.election.state).WON
        net[name].core.writer = name
    net["n1"].set("a", "1")
    net["n2"].set("b", "2")
    net.wait(130)
    assert len(net.writers()) == 1
    assert net.written("a") == {"1": "1"} and net.written("b") == {"2": "2"}


def fail(net: Network, host: str, *operations: str) -> None:
    for operation in operations:
        net[host].set(f"fail-count-r#{operation}", "1")
        net[host].set(f"last-failure-r#{operation}", "99")


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        ('attr_resource="r"', {}),
        ("", {}),
        ('attr_resource="r" attr_host="n1"', {"n2": ["start_0"]}),
        ('attr_resource="r" attr_clear_operation="start"', {"n1": ["monitor_10000"]}),
        (
            'attr_resource="r" attr_clear_operation="monitor" attr_clear_interval="10s"',
            {"n1": ["start_0"], "n2": ["start_0"]},
        ),
        ('attr_resource="other"', {"n1": ["monitor_10000", "start_0"], "n2": ["start_0"]}),
    ],
)  # fmt: skip
def test_clearing_failures(net, request_, left):
    fail(net, "n1", "monitor_10000", "start_0")
    fail(net, "n2", "start_0")
    net["n1"].set("fail-countess", "1")
    net["n3"].ask(f'<x t="attrd" task="clear-failure" {request_}/>')
    net.settle()
    for node in net.nodes.values():
        found: dict[str, list[str]] = {}
        for operation in ("monitor_10000", "start_0"):
            for host in node.values(f"fail-count-r#{operation}"):
                found.setdefault(host, []).append(operation)
            assert node.values(f"fail-count-r#{operation}").keys() == node.values(f"last-failure-r#{operation}").keys()
        assert found == left
    assert net.written("fail-countess") == {"1": "1"}


def test_names_of_failures_are_taken_literally():
    assert failure_pattern("a.b", "start", None) == r"^(fail-count|last-failure)-a\.b#start_0$"
    assert failure_pattern("a", None, "5s") == "^(fail-count|last-failure)-a#.+_[0-9]+$"


def test_patterns_update_what_exists(net):
    net["n1"].set("x1", "1")
    net["n1"].set("x2", "1")
    net["n1"].ask('<x task="update" attr_regex="^x[0-9]$" attr_value="7"/>')
    net["n1"].ask('<x task="update" attr_regex="(" attr_value="7"/>')
    net.settle()
    assert net.written("x1") == net.written("x2") == {"1": "7"}


def test_several_values_in_one_message(net):
    net["n1"].ask(
        '<x t="attrd" task="update" attr_host="n2"><op task="update" attr_name="a" attr_value="1"/>'
        '<op task="update" attr_name="b" attr_value="2"/></x>'
    )
    net.settle()
    assert net["n3"].values("a") == {"n2": "1"} and net.written("b") == {"2": "2"}


def test_queries(net):
    net["n1"].set("a", "1")
    net["n2"].set("a", "2")
    net["n1"].ask('<x task="query" attr_name="a"/>')
    net["n1"].ask('<x task="query" attr_name="a" attr_host="localhost"/>')
    net["n1"].ask('<x task="query" attr_name="none"/>')
    head = '<build_query_reply t="attrd" subt="query" attr_version="7"'
    assert [compact(reply) for reply in net["n1"].replies] == [
        f'{head} attr_name="a"><node attr_host="n1" attr_value="1"/><node attr_host="n2" attr_value="2"/>'
        "</build_query_reply>",
        f'{head} attr_name="a"><node attr_host="n1" attr_value="1"/></build_query_reply>',
        f"{head}/>",
    ]


def test_sync_points(net):
    node = net["n1"]
    for point in ("local", "cluster"):
        node.acks.clear()
        node.set("a", point, settle=False, attr_sync_point=point)
        assert node.acks == []
        net.settle()
        assert node.acks == [("c", 1, 112)]
    node.acks.clear()
    node.set("a", "z", settle=False, attr_sync_point="cluster")
    del net.nodes["n3"]
    net.settle()
    assert node.acks == []
    net.members()
    net.settle()
    assert node.acks == [("c", 1, 112)]


def test_removing_a_node(net):
    net["n1"].set("a", "1")
    net["n1"].set("a", "3", attr_host="gone", attr_host_id="9")
    net["n2"].ask('<x task="peer-remove" attr_host_id="9"/>')
    net["n2"].ask('<x task="peer-remove" attr_host_id="77"/>')
    net.settle()
    assert all(node.values("a") == {"n1": "1"} for node in net.nodes.values())


def test_bad_requests_are_said_and_harmless(net):
    node = net["n1"]
    node.ask('<x task="sing"/>', 5)
    node.ask('<x task="update" attr_value="1"/>', 6)
    assert node.acks == [("c", 5, 2), ("c", 6, 112)] and len(node.log) >= 2
    net.queue.append(("n2", '<x t="attrd" task="dance"/>', None))
    net.queue.append(("n2", '<x t="attrd" task="update" attr_host="n2"/>', None))
    net.queue.append(("n2", '<x t="attrd" crm_task="vote"/>', None))
    net.settle()
    assert len(net.writers()) == 1


def test_a_node_asked_to_leave_follows_the_others_until_it_ends(net):
    net["n2"].set("shutdown", "123")
    assert net["n2"].core.shutting_down and not net["n1"].core.shutting_down
    net["n1"].set("a", "1")
    assert net["n2"].values("a") == {"n1": "1"}, "a whole cluster may stop at once, and its attributes must be written"
    net["n2"].core.shutdown(0)
    net["n1"].set("a", "2")
    assert net["n2"].values("a") == {"n1": "1"} and net["n3"].values("a") == {"n1": "2"}


@pytest.mark.parametrize("seed", range(10))
def test_all_agree_whatever_happens(seed):
    rng = random.Random(seed)
    net = Network("n1", "n2", "n3")
    for _ in range(60):
        present = list(net.nodes)
        name = rng.choice(present)
        kind = rng.random()
        if kind < 0.08 and len(present) > 1:
            net.leave(name)
        elif kind < 0.16 and len(present) < 3:
            net.join(next(n for n in ("n1", "n2", "n3") if n not in net.nodes))
        else:
            value = rng.choice([None, "1", "2", "value++"])
            host = rng.choice(present)
            net[name].set(rng.choice("ab"), value, settle=rng.random() < 0.7, attr_host=host)
        net.wait(rng.random() * 5)
    net.settle()
    net.wait(300)
    assert len(net.writers()) == 1
    for name in "ab":
        views = {tuple(sorted(node.values(name).items())) for node in net.nodes.values()}
        assert len(views) == 1
        (view,) = views
        alive = {node.node_id for node in net.nodes.values()}
        written = {ident: value for ident, value in net.written(name).items() if ident in alive}
        assert written == {host[1:]: value for host, value in view if host[1:] in alive}
