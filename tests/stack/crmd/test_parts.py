"""The pure parts of the controller: state table, records, graphs, CIB findings, limits, options."""

from __future__ import annotations

import contextlib

import pytest
from lxml import etree

from hashell.stack.crmd import graph as graphs
from hashell.stack.crmd.aborts import Finding, Reason, Removed, Result, findings, touches
from hashell.stack.crmd.context import CAN_CREATE, Context, compatible
from hashell.stack.crmd.effects import AttrdUpdate, CibRequest
from hashell.stack.crmd.fsa import ACTIONS, NEXT_STATE, PRIORITY, State, step
from hashell.stack.crmd.graph import Completion, GraphError, unpack
from hashell.stack.crmd.history import (
    AgentTraits,
    ExecStatus,
    Operation,
    TransitionKey,
    parameters_digest,
    record,
    was_active,
)
from hashell.stack.crmd.join import DcJoin
from hashell.stack.crmd.office import Office
from hashell.stack.crmd.options import Options, score, seconds
from hashell.stack.crmd.peers import JoinPhase, Peer, PeerTable, node_state, set_phase
from hashell.stack.crmd.throttle import Mode, Throttle, load_mode
from hashell.stack.crmd.transitioner import Transitioner

KEY = "4:5:0:fdf62400-faff-4935-bc70-b7fc010cbff8"

# The state table


def test_every_input_has_a_line_for_every_state() -> None:
    assert len(NEXT_STATE) == len(ACTIONS) == 33 * len(State)
    assert {action for actions in ACTIONS.values() for action in actions} <= set(PRIORITY)


@pytest.mark.parametrize(
    ("state", "event", "following", "some"),
    [
        (State.STA, "PENDING", State.PEN, "CL_JOIN_QUERY"),
        (State.PEN, "DC_TIMEOUT", State.ELEC, "ELECTION_VOTE"),
        (State.ELEC, "ELECTION_DC", State.INT, "DC_TAKEOVER"),
        (State.IDLE, "NODE_JOIN", State.INT, "TE_HALT"),
        (State.TE, "STOP", State.STO, "EXIT_0"),
        (State.NDC, "JOIN_OFFER", State.PEN, "CL_JOIN_REQUEST"),
        (State.REL, "RELEASE_SUCCESS", State.PEN, "LOG"),
    ],
)
def test_table(state: State, event: str, following: State, some: str) -> None:
    reached, actions = step(state, event)
    assert reached is following and some in actions
    assert list(actions) == sorted(actions, key=PRIORITY.index)


# Records


def test_digests_of_the_specification() -> None:
    assert parameters_digest({"fake": "abc"}, recurring=False) == "6379a44c170e955c6bf4d011edba09ba"
    assert parameters_digest({}, recurring=False) == "f2317cad3d54cec5d7d7aa7d0bf35cf8"
    both = {"fake": "abc", "CRM_meta_timeout": "20000"}
    assert parameters_digest(both, recurring=True) == "2ae6877da435dc702b98a6202f50208b"
    assert parameters_digest(both, recurring=False) == "6379a44c170e955c6bf4d011edba09ba"


def test_record_of_a_start() -> None:
    op = Operation("d1", "start", 0, KEY, 0, ExecStatus.DONE, 7, {"fake": "abc", "crm_feature_set": "3.20.0"})
    op.run_time, op.exec_time, op.queue_time = 1795431600, 12, 1
    (element,) = record(op, "dd1", "x", AgentTraits())
    assert etree.tostring(element).decode() == (
        '<lrm_rsc_op id="d1_last_0" operation_key="d1_start_0" operation="start" crm-debug-origin="x" '
        f'crm_feature_set="3.20.0" transition-key="{KEY}" transition-magic="0:0;{KEY}" exit-reason="" '
        'on_node="dd1" call-id="7" rc-code="0" op-status="0" interval="0" last-rc-change="1795431600" '
        'exec-time="12" queue-time="1" op-digest="6379a44c170e955c6bf4d011edba09ba"/>'
    )


def ids(op: Operation) -> list[str]:
    return [str(e.get("id")) for e in record(op, "n", "x", AgentTraits())]


@pytest.mark.parametrize(
    ("task", "interval", "rc", "expected"),
    [
        ("start", 0, 0, ["d_last_0"]),
        ("start", 0, 1, ["d_last_failure_0", "d_last_0"]),
        ("monitor", 10000, 0, ["d_monitor_10000"]),
        ("monitor", 10000, 7, ["d_last_failure_0"]),
        ("migrate_to", 0, 0, ["d_migrate_to_0"]),
        ("monitor", 10000, 190, ["d_monitor_10000"]),
    ],
)
def test_record_ids(task: str, interval: int, rc: int, expected: list[str]) -> None:
    assert ids(Operation("d", task, interval, KEY, rc, ExecStatus.DONE)) == expected


def test_reload_and_notify_records() -> None:
    assert record(Operation("d", "reload-agent", 0, KEY, 0, 0), "n", "x", AgentTraits())[0].get("operation") == "start"
    assert record(Operation("d", "reload", 0, KEY, 1, 0), "n", "x", AgentTraits())[0].get("operation") == "monitor"
    parameters = {"CRM_meta_notify_type": "pre", "CRM_meta_notify_operation": "start"}
    assert ids(Operation("d", "notify", 0, KEY, 0, 0, 1, parameters)) == ["d_pre_notify_start_0"]


def test_restart_digest_needs_an_agent_that_reloads() -> None:
    metadata = etree.fromstring(
        '<resource-agent><parameters><parameter name="state" reloadable="0"/><parameter name="fake" reloadable="1"/>'
        '<parameter name="passwd" private="1"/></parameters><actions><action name="reload-agent"/></actions>'
        "</resource-agent>"
    )
    traits = AgentTraits.of(metadata)
    op = Operation("d", "start", 0, KEY, 0, 0, 1, {"fake": "abc", "passwd": "x"})
    (element,) = record(op, "n", "x", traits)
    assert element.get("op-force-restart") == "  state passwd  "
    assert element.get("op-secure-params") == "  passwd  "
    assert element.get("op-secure-digest") == parameters_digest({"fake": "abc"}, recurring=False)
    assert record(op, "n", "x", AgentTraits())[0].get("op-force-restart") is None


def test_transition_keys() -> None:
    assert str(TransitionKey.parse(KEY)) == KEY
    for bad in ("", None, "1:2:3", "a:b:c:d", ":::"):
        assert TransitionKey.parse(bad) is None


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([("start", "0", "0", "3")], True),
        ([("start", "0", "0", "3"), ("stop", "0", "0", "4")], False),
        ([("monitor", "7", "0", "1")], False),
        ([("monitor", "0", "0", "1")], True),
        ([("stop", "1", "0", "4")], True),
        ([("monitor", "7", "0", "1"), ("start", "193", "-1", "-1")], True),
    ],
)
def test_activity_of_a_lost_resource(operations: list[tuple[str, str, str, str]], expected: bool) -> None:
    resource = etree.Element("lrm_resource", id="d")
    for task, rc, status, call in operations:
        op = etree.SubElement(resource, "lrm_rsc_op", operation=task, interval="0")
        op.set("rc-code", rc)
        op.set("op-status", status)
        op.set("call-id", call)
    assert was_active(resource) is expected


# Graphs

GRAPH = """<transition_graph cluster-delay="60s" stonith-timeout="30s" batch-limit="0" transition_id="4">
<synapse id="0"><action_set><rsc_op id="1" operation="monitor" operation_key="a_monitor_0" on_node="n1"/></action_set>
<inputs/></synapse>
<synapse id="1"><action_set><rsc_op id="2" operation="start" operation_key="a_start_0" on_node="n1"/></action_set>
<inputs><trigger><rsc_op id="1"/></trigger></inputs></synapse>
<synapse id="2" priority="1000000"><action_set><pseudo_event id="3" operation="x" operation_key="x"/></action_set>
<inputs><trigger><rsc_op id="2"/></trigger></inputs></synapse></transition_graph>"""


def fire(transition: graphs.Transition) -> list[int]:
    fired = []
    for synapse in transition.ready(lambda action: True):
        synapse.executed = True
        for action in synapse.actions:
            action.executed = True
            fired.append(action.id)
    return fired


def test_graph_order_failure_and_abort() -> None:
    transition = unpack(etree.fromstring(GRAPH))
    assert (transition.id, transition.cluster_delay, transition.stonith_timeout) == (4, 60.0, 30.0)
    assert fire(transition) == [1] and fire(transition) == []
    transition.actions[1].confirmed = True
    assert fire(transition) == [2]
    transition.actions[2].confirmed = True
    transition.fail(transition.actions[2])
    assert fire(transition) == [3], "infinite priority fires even after a failure"


def test_an_aborted_graph_starts_nothing_real() -> None:
    transition = unpack(etree.fromstring(GRAPH))
    transition.abort(1000000, Completion.RESTART, "test")
    transition.abort(5, Completion.DONE, "weaker")
    assert fire(transition) == []
    assert (transition.completion, transition.abort_reason, transition.skipped()) == (Completion.RESTART, "test", 1)


@pytest.mark.parametrize(
    "text",
    ["<graph/>", "<transition_graph/>", '<transition_graph transition_id="x"/>', GRAPH.replace('id="1"', 'id="one"')],
)
def test_unusable_graphs_are_refused(text: str) -> None:
    with pytest.raises(GraphError):
        unpack(etree.fromstring(text))


# Changes of the CIB


def diff(*changes: str) -> etree._Element:
    return etree.fromstring(f'<diff format="2">{"".join(changes)}</diff>')


STATUS = "/cib/status/node_state[@id='1']"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ('<change operation="create" path="/cib/configuration/resources"><primitive id="a"/></change>', Reason),
        (f'<change operation="delete" path="{STATUS}/transient_attributes[@id=\'1\']"/>', Reason),
        (f'<change operation="delete" path="{STATUS}/lrm[@id=\'1\']"/>', Reason),
        (
            f'<change operation="create" path="{STATUS}/lrm[@id=\'1\']/lrm_resources/lrm_resource[@id=\'a\']">'
            '<lrm_rsc_op id="a_last_0"/></change>',
            Result,
        ),
        (
            f'<change operation="delete" path="{STATUS}/lrm[@id=\'1\']/lrm_resources/lrm_resource[@id=\'a\']'
            "/lrm_rsc_op[@id='a_monitor_10000']\"/>",
            Removed,
        ),
        ('<change operation="move" path="/cib/configuration/constraints/rsc_location[@id=\'l\']"/>', None),
        (
            f'<change operation="modify" path="{STATUS}"><change-result><node_state id="1"/></change-result></change>',
            None,
        ),
    ],
)
def test_findings(change: str, kind: type[Finding] | None) -> None:
    found = findings(diff(change), lambda node: False, busy=False)
    assert [type(f) for f in found] == ([kind] if kind else [])


def test_departures_that_were_expected_are_no_reason() -> None:
    change = f'<change operation="delete" path="{STATUS}/transient_attributes[@id=\'1\']"/>'
    assert findings(diff(change), lambda node: node == "1", busy=False) == []


def test_a_new_history_of_several_resources_is_a_refresh() -> None:
    change = (
        f'<change operation="create" path="{STATUS}"><lrm id="1"><lrm_resources>'
        '<lrm_resource id="a"><lrm_rsc_op id="a_last_0"/></lrm_resource><lrm_resource id="b"/>'
        "</lrm_resources></lrm></change>"
    )
    assert findings(diff(change), lambda node: False, busy=False) == [Reason("History refresh")]
    (result,) = findings(diff(change), lambda node: False, busy=True)
    assert isinstance(result, Result) and result.node_id == "1"


def test_the_first_reason_ends_the_walk() -> None:
    config = '<change operation="create" path="/cib/configuration/resources"><primitive id="a"/></change>'
    assert len(findings(diff(config, config), lambda node: False, busy=False)) == 1


def test_touched_sections() -> None:
    path = "/cib/configuration/crm_config/cluster_property_set[@id='x']"
    assert touches(diff(f'<change operation="delete" path="{path}"/>'), "crm_config")
    assert not touches(diff(f'<change operation="delete" path="{path}"/>'), "status")
    created = '<change operation="create" path="/cib"><configuration><crm_config/></configuration></change>'
    assert touches(diff(created), "crm_config")


# Limits, options, peers


@pytest.mark.parametrize(
    ("load", "share", "mode"),
    [
        (0.1, 0.0, Mode.NONE),
        (2.0, 0.0, Mode.LOW),
        (3.0, 0.0, Mode.MEDIUM),
        (9.0, 0.0, Mode.HIGH),
        (0.1, 1.3, Mode.EXTREME),
    ],
)
def test_load_modes(load: float, share: float, mode: Mode) -> None:
    assert load_mode(load, share, 2, 0.8) is mode


def test_limits() -> None:
    throttle = Throttle(local_limit=8)
    assert throttle.job_limit("n1") == 4, "a node that said nothing counts as a little busy"
    for mode, limit in ((0, 8), (1, 4), (16, 2), (256, 1), (4096, 1)):
        throttle.said("n1", str(mode), "8")
        assert throttle.job_limit("N1") == limit
    assert throttle.batch_limit(0, 4) == 1
    throttle.said("n1", "rubbish", "rubbish")
    assert throttle.job_limit("n1") == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20", 20), ("20s", 20), ("2min", 120), ("500ms", 0.5), ("1h", 3600), ("", 7), (None, 7), ("soon", 7)],
)
def test_durations(text: str | None, expected: float) -> None:
    assert seconds(text, 7) == expected


def test_options_and_scores() -> None:
    config = etree.fromstring(
        '<crm_config><cluster_property_set id="a"><nvpair name="dc-deadtime" value="3s"/>'
        '<nvpair name="stonith-max-attempts" value="0"/><nvpair name="load-threshold" value="50%"/>'
        '</cluster_property_set><cluster_property_set id="b"><nvpair name="dc-deadtime" value="9s"/>'
        "</cluster_property_set></crm_config>"
    )
    options = Options.read(config)
    assert (options.dc_deadtime, options.stonith_max_attempts, options.load_threshold) == (3, 10, 0.5)
    assert Options.read(None) == Options()
    assert [score(t) for t in ("INFINITY", "-INFINITY", "12", "x", None)] == [1000000, -1000000, 12, 0, 0]


def test_join_phases_go_forward_one_by_one() -> None:
    peer = Peer("n", 1)
    assert not set_phase(peer, JoinPhase.INTEGRATED) and peer.phase is JoinPhase.NONE
    for phase in (JoinPhase.WELCOMED, JoinPhase.INTEGRATED, JoinPhase.FINALIZED, JoinPhase.CONFIRMED, JoinPhase.NACK):
        assert set_phase(peer, phase)


def test_peer_views_and_node_state() -> None:
    table = PeerTable()
    table.set_members([(1, "n1"), (2, "n2")], 100.5)
    table.set_online([(1, "n1")], 1.5, 101.5)
    assert table.active_names() == ["n1"]
    state = node_state(table.all()[0], "o", "cluster", "peer", "join", "expected")
    assert etree.tostring(state).decode() == (
        '<node_state id="1" uname="n1" in_ccm="100" crmd="101" join="down" crm-debug-origin="o"/>'
    )
    table.set_online([], 2, 102)
    assert node_state(table.all()[0], "o", "cluster", "peer").get("in_ccm") == "1"
    table.set_members([], 103)
    assert node_state(table.all()[0], "o", "cluster").get("in_ccm") == "0"
    assert table.get("N1") is table.by_id("1")


def test_a_node_that_was_only_glimpsed_is_never_written_down_as_safely_gone() -> None:
    """A state without `expected` reads as down for sure: what such a node runs would be started elsewhere."""
    context = Context(1, "n1")
    table = context.peers
    table.set_members([(1, "n1"), (2, "n2"), (3, "n3")], 100)
    table.set_online([(1, "n1"), (3, "n3")], 0.5, 100)
    table.set_members([(1, "n1")], 101)
    table.set_online([(1, "n1")], 1.5, 101)
    gone = table.by_id("3")
    assert gone is not None
    gone.expected = "member"
    states, glimpsed = DcJoin(context, lambda: False).states("o")
    assert [s.get("uname") for s in states] == ["n1", "n3"] and [s.get("uname") for s in glimpsed] == ["n2"]
    office = Office(context, DcJoin(context, lambda: False), Transitioner(context, lambda _message: None), {})
    context.out.clear()
    office.write_all_states()
    made = [e for e in context.out if isinstance(e, CibRequest) and e.section == "status" and e.options & CAN_CREATE]
    kept = [e for e in context.out if isinstance(e, CibRequest) and e.section == "status" and not e.options]
    assert not any(n.get("uname") == "n2" for e in made for n in e.element) and [
        e.element.get("uname") for e in kept
    ] == ["n2"]


def test_a_failure_from_outside_counts_once() -> None:
    context = Context(1, "n1")
    context.peers.set_members([(1, "n1")], 100)
    te = Transitioner(context, lambda _message: None)
    failed = Operation("d", "asyncmon", 0, str(TransitionKey(0, -1, 0, KEY.rpartition(":")[2])), 1, ExecStatus.DONE)
    records = record(failed, "n1", "controld_update_resource_history", AgentTraits())
    assert [element.get("id") for element in records] == ["d_last_failure_0", "d_last_0"]
    for element in records:
        te.record("1", element)
    counts = [e for e in context.out if isinstance(e, AttrdUpdate)]
    assert [dict(e.values)["fail-count-d#asyncmon_0"] for e in counts] == ["value++"]


@pytest.mark.parametrize(
    ("dc", "joiner", "fits"),
    [
        ("3.20.0", "3.20.1", True),
        ("3.20.0", "3.21", True),
        ("3.20.0", "3.19.0", False),
        ("3.20", "4.0", False),
        ("3.20", None, False),
    ],
)
def test_feature_sets(dc: str, joiner: str | None, fits: bool) -> None:
    assert compatible(dc, joiner) is fits


@pytest.mark.parametrize("odd", ["²", "--5", "9" * 5000, "", "x"])
def test_odd_numbers_from_peers_and_configuration_do_no_harm(odd: str) -> None:
    config = etree.fromstring("<crm_config><nvpair name='load-threshold'/></crm_config>")
    config[0].set("value", f"{odd}%")
    assert Options.read(config).load_threshold > 0
    throttle = Throttle()
    throttle.said("n2", odd, odd)
    assert throttle.nodes["n2"].limit >= 0
    resource = etree.fromstring("<lrm_resource id='r'><lrm_rsc_op operation='start' rc-code='0'/></lrm_resource>")
    resource[0].set("call-id", odd)
    assert was_active(resource)
    graph = etree.fromstring("<transition_graph transition_id='1'><synapse/></transition_graph>")
    graph.set("transition_id", odd)
    with contextlib.suppress(GraphError):
        unpack(graph)
