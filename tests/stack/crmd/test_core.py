"""The controller on a perfect network: elections, joins, transitions, failures, fencing, shutdown, local clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from lxml import etree

from hashell.stack.crmd.core import Controller
from hashell.stack.crmd.effects import AttrdUpdate
from hashell.stack.crmd.fsa import State
from tests.simulation.perfect import PerfectWorld

DUMMY = '<primitive id="{0}" class="ocf" provider="heartbeat" type="Dummy"/>'
KEY = "415:0:0:xxxxxxxx-xrsc-opxx-xcrm-resourcexxxx"


def cluster(count: int = 3, *resources: str, fencing: bool = False) -> PerfectWorld:
    """A settled cluster with these primitives running."""
    world = PerfectWorld(count)
    world.start(*range(1, count + 1))
    world.run_until(world.settled, 60)
    if fencing:
        world.configure(
            "crm_config",
            '<crm_config><cluster_property_set id="x"><nvpair id="x-f" name="stonith-enabled" value="true"/>'
            "</cluster_property_set></crm_config>",
        )
    if resources:
        world.configure("resources", "<resources>" + "".join(DUMMY.format(r) for r in resources) + "</resources>")
        world.run_until(lambda: world.settled() and all(world.holders(r) for r in resources), 60)
        world.run(1)
    return world


def state_of(world: PerfectWorld, name: str) -> etree._Element:
    return world.cib.xpath(f"status/node_state[@uname='{name}']")[0]


def attribute(world: PerfectWorld, name: str, attribute_name: str) -> str | None:
    found = world.cib.xpath(
        f"status/node_state[@uname='{name}']/transient_attributes//nvpair[@name='{attribute_name}']/@value"
    )
    return str(found[0]) if found else None


def client_ask(world: PerfectWorld, node_id: int, text: str) -> list[etree._Element]:
    host = world.hosts[node_id]
    host.client_replies.clear()
    host.do(lambda core: core.client_request("client-uuid", etree.fromstring(text), world.now))
    world.run(2)
    return host.client_replies


def envelope(task: str, system: str, *, host: str = "", data: str = "", extra: str = "") -> str:
    to = f'crm_host_to="{host}" ' if host else ""
    inner = f"<crm_xml>{data}</crm_xml>" if data else ""
    return (
        f'<message origin="t" t="crmd" subt="request" version="3.20.0" reference="r1" crm_sys_from="9_tool" {to}'
        f'crm_sys_to="{system}" crm_task="{task}" {extra}>{inner}</message>'
    )


def test_three_nodes_elect_the_busiest_and_join() -> None:
    world = cluster()
    assert world.dc() == "n3"
    assert world.primary == ["n3"]
    assert world.cib.get("dc-uuid") == "3" and world.cib.get("have-quorum") == "1"
    assert [n.get("uname") for n in world.cib.iterfind("configuration/nodes/node")] == ["n1", "n2", "n3"]
    for name in ("n1", "n2", "n3"):
        state = state_of(world, name)
        assert (state.get("join"), state.get("expected")) == ("member", "member")
        assert state.get("in_ccm", "0").startswith("17954") and state.get("crmd", "0").startswith("17954")
    assert all(host.ipc_open for host in world.hosts.values())


def test_a_single_node_forms_a_cluster() -> None:
    assert cluster(1).dc() == "n1"


def test_resource_is_probed_started_and_monitored_once() -> None:
    world = cluster(3, "a")
    assert world.holders("a") == [1]
    operations = [op for host in world.hosts.values() for op in host.operations]
    assert sorted(operations) == ["a_monitor_0"] * 3 + ["a_monitor_10000", "a_start_0"]
    ids = world.cib.xpath("status/node_state[@uname='n1']//lrm_rsc_op/@id")
    assert ids == ["a_last_0", "a_monitor_10000"]


def test_a_late_node_joins_the_running_cluster() -> None:
    world = PerfectWorld(3)
    world.start(1, 2)
    world.run_until(world.settled, 60)
    world.start(3)
    world.run_until(world.settled, 30)
    assert world.dc() in ("n2", "n3")


def test_loss_of_the_dc_elects_another_and_recovers_its_resource() -> None:
    world = cluster(3, "a", fencing=True)
    world.crash(3)
    world.run_until(lambda: world.settled() and world.dc() == "n2", 60)
    world.crash(1)
    assert world.holders("a") == []
    world.run(5)
    assert world.holders("a") == [], "no quorum, nothing may start"
    world.start(3)
    world.run_until(lambda: world.settled() and world.holders("a") != [], 120)


def test_loss_of_a_node_is_fenced_before_recovery() -> None:
    world = cluster(3, "a", fencing=True)
    world.crash(1)
    world.machines[1].active["a"] = None
    world.run_until(lambda: 2 in world.holders("a"), 60)
    assert world.holders("a") == [2]
    assert world.hosts[3].fencing == ["n1"]
    state = state_of(world, "n1")
    assert (state.get("join"), state.get("expected"), state.get("in_ccm")) == ("down", "down", "0")
    assert state.find("lrm") is None


def test_failed_fencing_is_tried_again_and_nothing_starts_meanwhile() -> None:
    world = cluster(3, "a", fencing=True)
    attempts = []

    def refuse(by: int, target: str, action: str, done) -> None:  # type: ignore[no-untyped-def]
        attempts.append(target)
        world.at(0.5, lambda: done(len(attempts) >= 3))

    world.fence = refuse  # type: ignore[method-assign]
    world.crash(1)
    world.run_until(lambda: world.holders("a") == [2], 60)
    assert attempts == ["n1"] * 3


def test_orderly_stop_of_a_node_moves_its_resources_first() -> None:
    world = cluster(3, "a")
    host = world.hosts[1]
    host.do(lambda core: core.shutdown(world.now))
    world.run_until(lambda: not host.alive, 30)
    assert host.exit_code == 0
    assert world.holders("a") in ([], [2])
    world.reap()
    world.run_until(lambda: world.settled() and world.holders("a") == [2], 30)
    assert state_of(world, "n1").get("expected") == "down"
    assert attribute(world, "n1", "shutdown") is None


def test_orderly_stop_of_the_dc_hands_over() -> None:
    world = cluster(3, "a")
    dc = world.hosts[3]
    dc.do(lambda core: core.shutdown(world.now))
    world.run_until(lambda: not dc.alive, 30)
    assert dc.exit_code == 0
    world.reap()
    world.run_until(lambda: world.settled() and world.dc() == "n2", 30)
    assert state_of(world, "n3").get("expected") == "down"
    assert world.holders("a") == [1]


def test_orderly_stop_of_everything_at_once() -> None:
    world = cluster(3, "a", "b")
    hosts = list(world.hosts.values())
    for host in hosts:
        host.do(lambda core: core.shutdown(world.now))
    for _ in range(120):
        world.run(1)
        world.reap()
        if not world.hosts:
            break
    assert [h.exit_code for h in hosts] == [0, 0, 0]
    assert world.holders("a") == world.holders("b") == []


def test_a_killed_controller_adopts_what_runs() -> None:
    world = cluster(3, "a")
    world.crash(1, machine=False)
    assert world.holders("a") == [1]
    world.run(0.5)
    world.start(1)
    world.run_until(lambda: world.settled() and "a_monitor_0" in world.hosts[1].operations, 60)
    world.run(3)
    assert "a_stop_0" not in world.hosts[1].operations
    assert world.holders("a") == [1]


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_set_clock_delays_nothing_and_makes_nobody_late(step: float) -> None:
    """The DC's time of day is set while a controller is away, then while a request for fencing runs."""
    world = cluster(3, "a", fencing=True)
    dc = world.hosts[3]
    assert world.dc() == "n3"
    world.crash(1, machine=False)
    world.run(0.5)
    dc.machine.clock_shift = step
    world.start(1)
    world.run_until(world.settled, 15)
    assert not any("was not answered in time" in line for host in world.hosts.values() for line in host.log)
    world.crash(2)
    world.run_until(lambda: bool(dc.fencing), 30)
    dc.machine.clock_shift = 0
    world.run_until(lambda: state_of(world, "n2").get("expected") == "down", 30)
    world.start(2)
    world.run_until(world.settled, 30)
    assert state_of(world, "n2").get("join") == "member" and len(dc.fencing) == 1


ORDER = (
    '<rsc_op id="9" operation="start" operation_key="a_start_0" transition-key="9:9:0:x"><primitive id="a" '
    'class="ocf" provider="heartbeat" type="Dummy"/><attributes CRM_meta_timeout="20000"/></rsc_op>'
)


def order(world: PerfectWorld, sender: str, node_id: int) -> None:
    """The transition of `sender` has `a` started on a node."""
    text = envelope("lrm_invoke", "lrmd", data=ORDER).replace("9_tool", "tengine")
    world.hosts[node_id].do(lambda core: core.peer_message(sender, etree.fromstring(text), world.now))


def test_orders_are_taken_from_our_own_dc_only() -> None:
    world = cluster(3, "a")
    assert world.dc() == "n3" and world.holders("a") != [2]
    order(world, "n1", 2)
    world.run(1)
    assert "a_start_0" not in world.hosts[2].operations
    order(world, "n3", 2)
    assert "a_start_0" in world.hosts[2].operations


def test_a_controller_that_did_not_run_begins_nothing_before_the_ring_was_heard() -> None:
    world = cluster(3, "a")
    host = world.hosts[2]
    host.do(lambda core: core.stalled(5.0, world.now))
    order(world, "n3", 2)
    assert "a_start_0" not in host.operations
    world.run(0.1)
    assert "a_start_0" in host.operations


def test_what_asks_the_ring_after_a_pause_is_sent_again() -> None:
    world = cluster(3, "a")
    host = world.hosts[2]
    sent, world.send_peer = world.send_peer, lambda *_: None  # type: ignore[method-assign]
    host.do(lambda core: core.stalled(5.0, world.now))
    world.send_peer = sent  # type: ignore[method-assign]
    world.run(4)
    assert host.core.ctx.held
    world.run(2)
    assert not host.core.ctx.held


def test_an_order_from_before_the_pause_is_void_when_the_dc_has_changed() -> None:
    world = cluster(3, "a")
    host = world.hosts[2]
    host.do(lambda core: core.stalled(5.0, world.now))
    order(world, "n3", 2)
    world.crash(3)
    world.run_until(world.settled, 60)
    world.run_until(lambda: world.holders("a") != [], 60)
    assert world.dc() != "n3" and len(world.holders("a")) == 1
    assert not host.core.ctx.held


def test_a_dc_that_did_not_run_fires_nothing_before_the_ring_was_heard() -> None:
    world = cluster(3)
    dc = world.hosts[3]
    sent, world.send_peer = world.send_peer, lambda *_: None  # type: ignore[method-assign]
    dc.do(lambda core: core.stalled(5.0, world.now))
    world.configure("resources", f"<resources>{DUMMY.format('a')}</resources>")
    world.run(30)
    assert not any("a_monitor_0" in host.operations for host in world.hosts.values())
    world.send_peer = sent  # type: ignore[method-assign]
    dc.do(lambda core: core.stalled(1.0, world.now))
    world.run_until(lambda: len(world.holders("a")) == 1, 60)


def test_attributes_outlive_a_controller_but_not_its_node() -> None:
    """The attribute manager of a node that stays would not write again what is taken out."""
    world = cluster(3)
    for number in (1, 2):
        world.hosts[number]._attributes(AttrdUpdate(f"n{number}", (("colour", "red"),)))
    world.run(1)
    world.crash(1, machine=False)
    world.run(0.5)
    assert attribute(world, "n1", "colour") == attribute(world, "n2", "colour") == "red"
    world.crash(2)  # and the machine of n1 with it
    world.run_until(lambda: attribute(world, "n1", "colour") is attribute(world, "n2", "colour") is None, 60)


def test_failed_monitor_counts_and_moves() -> None:
    world = cluster(3, "a")
    world.hosts[1].resource_dies("a")
    world.run_until(lambda: world.holders("a") == [2], 30)
    assert attribute(world, "n1", "fail-count-a#monitor_10000") is not None
    assert world.cib.xpath("status/node_state[@uname='n1']//lrm_rsc_op[@id='a_last_failure_0']/@rc-code") == ["7"]


def test_failed_start_counts_infinity() -> None:
    world = cluster(3)
    world.machines[1].fail[("a", "start")] = 1
    world.configure("resources", f"<resources>{DUMMY.format('a')}</resources>")
    world.run_until(lambda: world.holders("a") == [2], 30)
    assert attribute(world, "n1", "fail-count-a#start_0") == "INFINITY"
    ids = world.cib.xpath("status/node_state[@uname='n1']//lrm_rsc_op/@id")
    assert "a_last_failure_0" in ids and "a_last_0" in ids


def test_lost_action_times_out_and_is_recorded() -> None:
    world = cluster(3)
    host = world.hosts[1]
    host._execute = lambda asked: None  # type: ignore[method-assign]
    world.configure("resources", f"<resources>{DUMMY.format('a')}</resources>")
    world.run(75)
    assert not any("no result in time" in line for line in world.hosts[3].log)
    world.run(10)
    assert any("a_monitor_0 on n1: no result in time" in line for line in world.hosts[3].log)
    found = world.cib.xpath("status/node_state[@uname='n1']//lrm_rsc_op[@op-status='2']")
    assert found and found[0].get("rc-code") == "1"


def test_membership_change_during_join_starts_anew() -> None:
    world = PerfectWorld(3)
    world.start(1, 2)
    world.run_until(lambda: any(h.core.state is State.FIN for h in world.hosts.values()), 60)
    world.start(3)
    world.run_until(world.settled, 60)


def test_partition_heals_into_one_dc() -> None:
    world = cluster(3)
    world.hosts[1].do(lambda core: core.quorum(False, "90", [(1, "n1")], world.now))
    world.hosts[1].do(lambda core: core.cpg_members([(1, "n1")], world.now))
    world.run(0.0001)
    assert world.hosts[1].core.state is State.ELEC
    world._views()
    world.run_until(world.settled, 120)
    world.run(1)
    assert world.settled()


# Local clients


def test_ping_and_node_questions() -> None:
    world = cluster()
    (answer,) = client_ask(world, 1, envelope("ping", "dc"))
    assert answer.get("crm_sys_to") == "client-uuid" and answer.get("subt") == "response"
    assert etree.tostring(answer[0][0]).decode() == (
        '<ping_response crm_subsystem="dc" crmd_state="S_IDLE" result="ok"/>'
    )
    (answer,) = client_ask(world, 1, envelope("ping", "crmd", host="n2"))
    assert answer[0][0].get("crmd_state") == "S_NOT_DC" and answer.get("src") == "n2"
    (answer,) = client_ask(world, 1, envelope("node-info", "crmd"))
    assert etree.tostring(answer[0][0]).decode() == (
        '<node crm_subsystem="crmd" have-quorum="true" id="1" uname="n1" crmd="member" remote_node="false"/>'
    )
    (answer,) = client_ask(world, 1, envelope("node-info", "crmd", extra='id="77"'))
    assert etree.tostring(answer[0][0]).decode() == '<node crm_subsystem="crmd" have-quorum="true"/>'
    (answer,) = client_ask(world, 2, envelope("list-nodes", "crmd"))
    assert [n.get("in_ccm") for n in answer[0][0]] == ["member"] * 3


@pytest.mark.parametrize("text", ["<message/>", "<nonsense/>", '<message crm_task="no_such_thing" crm_sys_to="crmd"/>'])
def test_bad_client_requests_change_nothing(text: str) -> None:
    world = cluster(1)
    assert client_ask(world, 1, text) == []
    assert world.settled()


def test_bad_peer_messages_change_nothing() -> None:
    world = cluster(2)
    for text in (
        "<junk/>",
        '<message crm_task="join_request" crm_sys_to="dc" join_id="x"/>',
        '<message crm_task="join_confirm" crm_sys_to="dc"/>',
        '<message crm_task="lrm_invoke" crm_sys_to="lrmd"/>',
        '<message crm_task="lrm_invoke" crm_sys_to="lrmd"><crm_xml><rsc_op/></crm_xml></message>',
        '<message crm_task="vote" crm_sys_to="crmd" election-id="z"/>',
        '<message crm_task="throttle" crm_sys_to="crmd" crm-limit-mode="much"/>',
        '<message crm_task="join_offer" crm_sys_to="crmd" version="z"/>',
        '<message crm_task="join_offer" crm_sys_to="crmd" join_id="1"/>',
        '<message crm_task="join_ack_nack" crm_sys_to="crmd" join_id="1"/>',
        '<message crm_task="req_shutdown" crm_sys_to="crmd"/>',
    ):
        sender = "n9" if "req_shutdown" in text else "n1"
        for host in world.hosts.values():
            host.do(partial(Controller.peer_message, sender=sender, message=etree.fromstring(text), now=world.now))
    world.run_until(world.settled, 60)
    assert sorted(world.hosts) == [1, 2] and all(host.alive for host in world.hosts.values())


def rsc_op(resource: str, node: str, extra: str = "") -> str:
    return (
        f'<rsc_op transition-key="{KEY}" on_node="{node}" {extra}>{DUMMY.format(resource)}'
        '<attributes crm_feature_set="3.20.0" CRM_meta_timeout="60000"/></rsc_op>'
    )


def test_cleanup_forgets_and_probes_again() -> None:
    world = cluster(3, "a")
    before = world.hosts[1].operations.count("a_monitor_0")
    (answer,) = client_ask(world, 2, envelope("lrm_delete", "crmd", host="n1", data=rsc_op("a", "n1")))
    assert answer.get("reference") == "direct-ack" and answer.get("crm_sys_to") == "client-uuid"
    (record,) = answer.iter("lrm_rsc_op")
    assert (record.get("operation"), record.get("transition-magic")) == ("delete", f"0:0;{KEY}")
    world.run_until(world.settled, 30)
    world.run(2)
    assert world.hosts[1].operations.count("a_monitor_0") == before + 1
    assert world.cib.xpath("configuration/crm_config//nvpair[@name='last-lrm-refresh']")
    assert world.holders("a") == [1] and "a_stop_0" not in world.hosts[1].operations


def test_cleanup_of_a_resource_that_is_starting_keeps_nobody_waiting() -> None:
    world = cluster(2)
    world.operation_time = lambda: 4.0  # type: ignore[method-assign]
    world.configure("resources", "<resources>" + DUMMY.format("a") + "</resources>")
    world.run_until(lambda: any("a_start_0" in h.operations for h in world.hosts.values()), 60)
    starting = next(n for n, h in world.hosts.items() if "a_start_0" in h.operations)
    name = world.name(starting)
    client_ask(world, starting, envelope("lrm_delete", "crmd", host=name, data=rsc_op("a", name)))
    world.run_until(lambda: world.settled() and world.holders("a") == [starting], 40)


def test_simulated_failure_is_recorded_and_answered() -> None:
    world = cluster(3, "a")
    (answer,) = client_ask(world, 1, envelope("lrm_fail", "crmd", host="n1", data=rsc_op("a", "n1")))
    (record,) = answer.iter("lrm_rsc_op")
    assert (record.get("operation"), record.get("exit-reason")) == ("asyncmon", "Simulated failure")
    assert attribute(world, "n1", "fail-count-a#asyncmon_0") is not None


def test_reprobe_answers_and_probes() -> None:
    world = cluster(3, "a")
    before = world.hosts[2].operations.count("a_monitor_0")
    text = envelope("probe_again", "crmd", host="n2", data='<data_for_probe_again on_node="n2"/>')
    answers = client_ask(world, 1, text)
    assert [a.get("crm_task") for a in answers] == ["probe_again"]
    world.run_until(world.settled, 30)
    assert world.hosts[2].operations.count("a_monitor_0") == before + 1


def test_a_removed_node_is_forgotten_by_all() -> None:
    world = cluster(3)
    world.crash(1)
    world.run(3)
    client_ask(world, 2, envelope("rm_node_cache", "crmd", extra='id="1" uname="n1"'))
    for host in world.hosts.values():
        assert host.core.ctx.peers.get("n1") is None


def test_news_of_a_former_life_are_no_news() -> None:
    world = cluster(3)
    world.crash(1)
    world.run(1)
    world.start(1)
    world.run(1)
    for host in list(world.hosts.values()):
        host.do(lambda core: core.fencing_notice("n1", "reboot", "n3", True, world.now))
    assert world.hosts[1].alive
    world.run_until(world.settled, 30)
    assert state_of(world, "n1").get("expected") == "member"
    assert not world.hosts[3].core.te.expects_down(world.hosts[3].core.ctx.peers.get("n1"))


def test_refused_and_fenced_nodes_stay_down() -> None:
    world = cluster(2, "a")
    host = world.hosts[1]
    host.do(lambda core: core.fencing_notice("n1", "reboot", "n2", True, world.now))
    assert (host.alive, host.exit_code) == (False, 100)
    other = PerfectWorld(2)
    other.start(1, 2)
    other.run(2)
    offer = etree.Element("message", crm_task="join_offer", crm_sys_from="dc", crm_sys_to="crmd")
    offer.set("crm_feature_set", "3.99.0")
    other.hosts[1].do(lambda core: core.peer_message("n2", offer, other.now))
    assert other.hosts[1].exit_code == 100


def test_external_fencing_is_recorded_by_the_dc() -> None:
    world = cluster(3, "a")
    world.crash(1)
    world.hosts[3].do(lambda core: core.fencing_notice("n1", "off", "n2", True, world.now))
    world.run_until(lambda: world.holders("a") == [2], 30)
    assert state_of(world, "n1").get("expected") == "down"


def test_a_confirmation_ends_the_wait_for_a_hanging_device() -> None:
    world = cluster(3, "a", fencing=True)
    asked: list[Callable[[bool], None]] = []
    world.fence = lambda by, target, action, done: asked.append(done)  # type: ignore[method-assign]
    world.crash(1)
    world.run(40)
    assert len(asked) == 1 and world.holders("a") == []
    for host in list(world.hosts.values()):
        host.do(lambda core: core.fencing_notice("n1", "off", "n2", True, world.now))
    world.run_until(lambda: world.settled() and len(world.holders("a")) == 1, 30)
    asked[0](False)  # the device gives up at last: nobody asks again
    world.run_until(world.settled, 30)
    assert len(asked) == 1 and state_of(world, "n1").get("expected") == "down"


def test_load_is_told_once_per_mode() -> None:
    world = cluster(1)
    host = world.hosts[1]
    host.sent.clear()
    for mode in (0, 0, 256):
        host.do(partial(Controller.load, mode=mode, limit=8, now=world.now))
    modes = [m.get("crm-limit-mode") for _, m in host.sent if m.get("crm_task") == "throttle"]
    assert modes == ["0", "256"]


def test_shutdown_at_the_start_is_quick() -> None:
    world = PerfectWorld(1)
    world.start(1)
    host = world.hosts[1]
    host.do(lambda core: core.shutdown(world.now))
    world.run(0.1)
    assert host.exit_code == 0


def test_shutdown_after_a_crash_stops_what_was_left_behind() -> None:
    world = cluster(3, "a")
    world.crash(1, machine=False)
    world.run(0.5)
    world.start(1)
    host = world.hosts[1]
    host.do(lambda core: core.shutdown(world.now))
    world.run_until(lambda: not host.alive, 60)
    assert host.exit_code == 0 and 1 not in world.holders("a")


def test_an_unanswered_cib_request_does_not_block_for_ever() -> None:
    world = cluster(3, "a")
    apply, swallowed = world._apply, []

    def swallow(node_id, asked, text):  # type: ignore[no-untyped-def]
        if asked.op == "cib_query" and asked.section is None and not swallowed:
            swallowed.append(asked)
            return
        apply(node_id, asked, text)

    world._apply = swallow  # type: ignore[method-assign]
    world.hosts[1].resource_dies("a")
    world.run_until(lambda: bool(swallowed), 10)
    world.run_until(lambda: world.holders("a") == [2], 90)


def test_a_failed_synchronisation_starts_one_new_round_not_many() -> None:
    world = PerfectWorld(2)
    apply, failed = world._apply, []

    def fail_once(node_id, asked, text):  # type: ignore[no-untyped-def]
        if asked.op == "cib_sync" and not failed:
            failed.append(asked)
            world.hosts[node_id].do(lambda core: core.cib_reply(asked.call_id, -62, None, world.now))
            return
        apply(node_id, asked, text)

    world._apply = fail_once  # type: ignore[method-assign]
    world.start(1, 2)
    world.run_until(world.settled, 60)
    world.run(5)
    assert failed and world.settled()
    sent = [message for host in world.hosts.values() for _, message in host.sent]
    offers = {message.get("join_id") for message in sent if message.get("crm_task") == "join_offer"}
    assert offers == {"1", "2"}


def test_a_node_that_only_wanted_to_stop_is_fenced_when_it_crashes() -> None:
    world = cluster(3, "a", fencing=True)
    host = world.hosts[1]
    host._execute = lambda asked: None  # type: ignore[method-assign]
    host.do(lambda core: core.shutdown(world.now))
    world.run(1)
    world.crash(1)
    world.run_until(lambda: world.holders("a") == [2], 60)
    assert world.hosts[3].fencing == ["n1"]


def test_refused_starts_do_not_keep_the_dc_busy_and_a_lost_wish_to_stop_is_told_again() -> None:
    world = cluster(1, "a")
    host = world.hosts[1]
    deaf_until = world.now + 20
    attributes = host._attributes

    def late(effect):  # type: ignore[no-untyped-def]
        if world.now >= deaf_until:
            attributes(effect)

    host._attributes = late  # type: ignore[method-assign]
    host.do(lambda core: core.shutdown(world.now))
    world.configure("resources", "<resources>" + DUMMY.format("a") + DUMMY.format("b") + "</resources>")
    before = len(host.log)
    world.run(19)
    started = [line for line in host.log[before:] if "with" in line and "transition" in line]
    refused = [line for line in host.log[before:] if "refused b_start_0" in line]
    assert host.alive and 5 <= len(refused) <= len(started) <= 30, host.log[-10:]
    world.run_until(lambda: not host.alive, 30)
    assert host.exit_code == 0 and world.holders("a") == []
