"""The fencer's core: several of them on a virtual group."""

from __future__ import annotations

import pytest

from hashell.model.outcomes import ExecStatus
from hashell.model.xmltext import compact
from hashell.ra.agent import FenceResult
from hashell.stack.stonithd.topology import LevelKey
from tests.stack.stonithd.bus import BAD, GOOD, Bus, metadata

CALL = '<stonith_command t="stonith-ng" st_op="{}" st_callid="3" st_callopt="{}">{}</stonith_command>'


def status(element: object) -> tuple[str | None, str | None]:
    return element.get("op-status"), element.get("rc-code")  # type: ignore[attr-defined]


def test_fencing_by_a_peer() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n2", "F")
    client, watcher = bus.client("n1"), bus.client("n3")
    bus.fence(client, "n3", "reboot")
    bus.run()
    assert bus.runs == [
        ("n2", {"action": "reboot", "nodename": "n3", "plug": "n3"}),
    ]
    answer = bus.result(client)
    assert status(answer) == ("0", "0") and answer.get("st_delegate") == "n2"
    inner = answer.find("st_calldata/st-reply/st_calldata/st_notify_fence")
    assert inner is not None and inner.get("st_device_action") == "reboot" and inner.get("st_origin") == "n1"
    timeout, notify = bus.events[client]
    assert compact(timeout) == (
        '<st-async-timeout-value t="st-async-timeout-value" st_callid="2" st_timeout="72"/>'
    )
    assert compact(notify) == compact(bus.events[watcher][0]) == (
        '<notify t="st_notify" subt="st_notify_fence" st_op="st_notify_fence" op-status="0" rc-code="0" st_rc="0">'
        '<st_calldata><st_notify_fence state="2" st_target="n3" st_device_action="reboot" st_delegate="n2" '
        f'st_remote_op="{inner.get("st_remote_op")}" st_origin="n1" st_clientid="n1/tool" st_clientname="tool.42"/>'
        "</st_calldata></notify>"
    )
    for name in bus.cores:
        (op,) = bus.cores[name].history.ops.values()
        assert (op.state, op.delegate, op.target) == (2, "n2", "n3") and op.completed


def test_query_reply_has_the_original_form() -> None:
    bus = Bus("n1")
    bus.device("n1", "F", pcmk_reboot_timeout="99s", pcmk_delay_base="2", pcmk_delay_max="5")
    client = bus.client("n1")
    bus.ask(client, CALL.format("st_query", 4096, '<st_calldata><st_device_id st_target="n9" st_device_action="off"/>'
                                "</st_calldata>"))  # fmt: skip
    assert compact(bus.result(client)) == (
        '<st-reply st_origin="fenced_construct_reply" t="stonith-ng" op-status="0" rc-code="0" st_rc="0" '
        'st_op="st_query" st_callid="3" st_clientid="n1/tool" st_clientname="tool.42" st_callopt="4096"><st_calldata>'
        '<stonith_query_capable_device_cb st_target="n9" st-available-devices="0"/></st_calldata></st-reply>'
    )
    bus.ask(client, CALL.format("st_query", 0, '<st_calldata><st_device_id st_device_action="off"/></st_calldata>'))
    answer = bus.result(client)
    device = next(answer.iter("st_device_id"))
    assert device.get("st_device_support_flags") == "47" and device.get("st_monitor_verified") == "1"
    assert (device.get("st_delay_max"), device.get("st_delay_base")) == ("5", "2")
    assert device.find("attributes").get("pcmk_host_list") == "n1"  # type: ignore[union-attr]


def test_nobody_has_a_device() -> None:
    bus = Bus("n1", "n2")
    client = bus.client("n1")
    bus.fence(client, "n2")
    bus.run()
    answer = bus.result(client)
    assert status(answer) == ("10", "1") and answer.get("st_rc") == "-19"
    inner = next(answer.iter("st_notify_fence"))
    assert inner.get("state") == "4"
    assert bus.now < 1010, "must not wait for a timeout when all have answered"


def test_a_failing_peer_is_replaced() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n1", "F")
    bus.device("n2", "F")
    bus.behaviour = lambda node, o: (1, BAD if node == "n1" else GOOD)
    client = bus.client("n1")
    bus.fence(client, "n3")
    bus.run()
    assert [node for node, _ in bus.fencing_runs()] == ["n1", "n1", "n2"], "one retry by the device, then the next"
    assert bus.result(client).get("st_delegate") == "n2"


def test_a_hanging_peer_times_out_and_is_replaced() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n1", "F")
    bus.device("n2", "F")
    bus.behaviour = lambda node, o: None if node == "n1" else (1, GOOD)
    client = bus.client("n1")
    bus.fence(client, "n3", timeout=30)
    bus.run()
    assert [node for node, _ in bus.fencing_runs()] == ["n1", "n2"]
    assert status(bus.result(client)) == ("0", "0")


def test_the_peer_that_fences_dies() -> None:
    bus = Bus("n1", "n2", "n3", "n4")
    bus.device("n2", "F")
    bus.device("n3", "F")
    bus.behaviour = lambda node, o: (20, GOOD)
    client = bus.client("n1")
    bus.fence(client, "n4")
    bus.run(2)
    bus.kill("n2")
    bus.run()
    assert [node for node, _ in bus.fencing_runs()] == ["n2", "n3"]
    assert bus.result(client).get("st_delegate") == "n3"


def test_the_target_dying_early_is_not_taken_for_success() -> None:
    bus = Bus("n1", "n2")
    bus.device("n1", "F")
    bus.behaviour = lambda node, o: (5, BAD)
    client = bus.client("n1")
    bus.fence(client, "n2", timeout=20)
    bus.run(1)
    bus.kill("n2")
    bus.run()
    assert status(answer := bus.result(client)) == ("4", "1") and answer.get("st_delegate") == "n1"


def test_a_silent_peer_does_not_stop_it() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.alive.remove("n2")  # frozen: a member that does not answer
    bus.device("n1", "F", verified=False)
    client = bus.client("n1")
    bus.fence(client, "n3", timeout=10)
    bus.run(11)
    assert bus.fencing_runs() == []
    bus.run()
    assert status(bus.result(client)) == ("0", "0")


def test_verified_device_starts_before_all_have_answered_and_wins() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n1", "F", verified=False)
    bus.device("n2", "F")
    client = bus.client("n1")
    bus.fence(client, "n3")
    bus.run()
    assert bus.fencing_runs() == [("n2", "off")]


def test_same_request_of_another_client_shares_the_result() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n2", "F")
    bus.behaviour = lambda node, o: (5, GOOD)
    one, two = bus.client("n1", "one"), bus.client("n1", "two")
    bus.fence(one, "n3")
    bus.run(1)
    bus.fence(two, "n3")
    bus.run()
    assert len(bus.fencing_runs()) == 1
    assert status(bus.result(one)) == status(bus.result(two)) == ("0", "0")
    assert [op.state for op in bus.cores["n1"].history.ops.values()] == [2, 2]


def test_fencing_oneself_is_relayed() -> None:
    bus = Bus("n1", "n2")
    bus.device("n2", "F")
    client = bus.client("n1")
    bus.fence(client, "n1", "reboot")
    bus.run()
    assert bus.fencing_runs() == [("n2", "reboot")]
    assert status(bus.result(client)) == ("0", "0")
    assert len(bus.cores["n1"].history.ops) == 1


def test_only_the_target_has_a_device() -> None:
    for options, expected in ((2, ("0", "0")), (0, ("10", "1"))):
        bus = Bus("n1", "n2")
        bus.device("n2", "F")
        client = bus.client("n1")
        bus.fence(client, "n2", options=options)
        bus.run()
        assert status(bus.result(client)) == expected


def test_confirmation_by_a_human() -> None:
    bus = Bus("n1", "n2")
    client, other = bus.client("n1"), bus.client("n2")
    bus.fence(client, "n2", options=4106, timeout=0)
    bus.run()
    assert bus.result(client).get("st_delegate") == "a human" and bus.runs == []
    assert next(bus.events[other][0].iter("st_notify_fence")).get("st_delegate") == "a human"


def test_tolerance_takes_a_recent_success() -> None:
    bus = Bus("n1", "n2")
    bus.device("n1", "F")
    client = bus.client("n1")
    for tolerance, runs in ((0, 1), (300, 1), (0, 2)):
        bus.fence(client, "n2", tolerance=tolerance)
        bus.run()
        assert status(bus.result(client)) == ("0", "0") and len(bus.fencing_runs()) == runs


def test_tolerance_takes_no_success_from_before_the_clock_was_set_back() -> None:
    bus = Bus("n1", "n2")
    bus.device("n1", "F")
    client = bus.client("n1")
    for step, runs in ((0, 1), (-3600, 2)):
        bus.epoch += step
        bus.fence(client, "n2", tolerance=300)
        bus.run(60)
        assert status(bus.result(client)) == ("0", "0") and len(bus.fencing_runs()) == runs


def test_reboot_without_support_is_off() -> None:
    bus = Bus("n1", "n2")
    bus.metadata["fence_off"] = metadata("on", "off", "monitor")
    bus.device("n1", "F", "fence_off", pcmk_off_timeout="7")
    client = bus.client("n1")
    bus.fence(client, "n2", "reboot")
    bus.run()
    assert bus.fencing_runs() == [("n1", "off")]


def test_delays() -> None:
    bus = Bus("n1", "n2")
    bus.device("n1", "F", pcmk_delay_base="n2:5;n3:9", pcmk_delay_max="10")
    client = bus.client("n1")
    for delay, expected in ((0, 5 + 7 % 5), (3, 3 + 5 + 7 % 5), (-1, 0)):
        begun = bus.now
        bus.fence(client, "n2", delay=delay)
        bus.run()
        assert bus.now - begun - 0.5 == pytest.approx(expected, abs=0.1)


def test_one_action_of_a_device_at_a_time() -> None:
    for limit, seconds in (("1", 10), ("-1", 5)):
        bus = Bus("n1", "n2", "n3")
        bus.device("n1", "F", pcmk_action_limit=limit)
        bus.behaviour = lambda node, o: (5, GOOD)
        client, begun = bus.client("n1"), bus.now
        bus.fence(client, "n2")
        bus.fence(client, "n3")
        bus.run()
        assert bus.now - begun == pytest.approx(seconds, abs=0.5)
        assert [status(a) for a in bus.answers[client]] == [("0", "0")] * 2


def test_dynamic_list_is_asked_once_a_minute() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.behaviour = lambda node, o: (0.1, FenceResult(0, ExecStatus.DONE, "", "n2,x\nn4\n"))
    bus.device("n1", "F", pcmk_host_list="")
    client = bus.client("n1")
    for target, expected in (("n2", "0"), ("n3", "10"), ("x", "0")):
        bus.fence(client, target)
        bus.run()
        assert bus.result(client).get("op-status") == expected
    assert [o["action"] for _, o in bus.runs] == ["list", "off", "off"]


def test_status_check_and_broken_list() -> None:
    bus = Bus("n1", "n2", "n3")

    def agent(node: str, options: dict[str, str]) -> tuple[float, FenceResult]:
        if options["action"] == "list":
            return 0.1, BAD
        if options["action"] == "status":
            rc = 2 if options["plug"] == "n2" else 1
            return 0.1, FenceResult(rc, ExecStatus.ERROR)
        return 0.1, GOOD

    bus.behaviour = agent
    bus.device("n1", "F", pcmk_host_list="")
    client = bus.client("n1")
    for target, expected in (("n2", "0"), ("n3", "10")):
        bus.fence(client, target)
        bus.run()
        assert bus.result(client).get("op-status") == expected


def test_on_needs_an_agent_that_can() -> None:
    bus = Bus("n1", "n2")
    bus.metadata["fence_off"] = metadata("off", "monitor")
    bus.device("n1", "F", "fence_off")
    client = bus.client("n1")
    bus.fence(client, "n2", "on")
    bus.run()
    assert bus.result(client).get("op-status") == "10"


def test_agent_without_metadata_is_asked_again() -> None:
    bus = Bus("n1", "n2")
    bus.metadata["fence_x"] = None
    bus.device("n1", "F")
    bus.run(25)
    assert bus.cores["n1"].table.devices["F"].meta is None
    bus.metadata["fence_x"] = metadata()
    bus.run(60)
    assert bus.cores["n1"].table.devices["F"].meta is not None


def topology(bus: Bus, *levels: list[str]) -> None:
    for core in bus.cores.values():
        for number, devices in enumerate(levels, 1):
            core.topology.add(LevelKey("target", "n3"), number, devices)


def test_level_needs_all_its_devices_and_reboots_in_parts() -> None:
    bus = Bus("n1", "n2", "n3")
    topology(bus, ["A", "B"])
    bus.device("n1", "A")
    bus.device("n2", "B")
    client = bus.client("n1")
    bus.fence(client, "n3", "reboot")
    bus.run()
    assert bus.fencing_runs() == [("n1", "off"), ("n2", "off"), ("n1", "on"), ("n2", "on")]
    assert status(bus.result(client)) == ("0", "0")
    (op,) = bus.cores["n2"].history.ops.values()
    assert op.action == "reboot"


def test_a_failed_on_after_off_does_not_count() -> None:
    bus = Bus("n1", "n3")
    topology(bus, ["A", "B"])
    bus.device("n1", "A")
    bus.device("n1", "B")
    bus.behaviour = lambda node, o: (0.1, BAD if o["action"] == "on" else GOOD)
    client = bus.client("n1")
    bus.fence(client, "n3", "reboot")
    bus.run()
    assert status(bus.result(client)) == ("0", "0")


def test_next_level_after_a_failed_one() -> None:
    bus = Bus("n1", "n2", "n3")
    topology(bus, ["A", "B"], ["C"])
    for device in "ABC":
        bus.device("n1", device, tag=device)
    bus.behaviour = lambda node, o: (0.1, BAD if o["tag"] == "B" else GOOD)
    client = bus.client("n1")
    bus.fence(client, "n3", "reboot")
    bus.run()
    assert [o["tag"] + o["action"] for _, o in bus.runs] == ["Aoff", "Boff", "Boff", "Creboot"]
    assert status(bus.result(client)) == ("0", "0")


def test_levels_by_pattern_and_attribute() -> None:
    bus = Bus("n1")
    top = bus.cores["n1"].topology
    assert not top.add(LevelKey("target", "x"), 10, ["A"]) and not top.add(LevelKey("target", "x"), 1, [])
    top.add(LevelKey("attribute", "rack=1"), 1, ["R"])
    top.add(LevelKey("pattern", "^n[0-9]+$"), 2, ["P2"])
    top.add(LevelKey("pattern", "^n[0-9]+$"), 1, ["P1"])
    top.add(LevelKey("pattern", "(("), 1, ["broken"])
    top.attributes = {"x": {"rack": "1"}}
    assert top.levels_for("N3") == {1: ["P1"], 2: ["P2"]}
    assert top.levels_for("x") == {1: ["R"]} and top.levels_for("y") == {}
    top.remove(LevelKey("pattern", "^n[0-9]+$"), 0)
    assert top.levels_for("n3") == {}


def test_history_reaches_a_newcomer_and_can_be_cleaned() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n1", "F")
    controller, tool = bus.client("n1", "crmd"), bus.client("n2")
    bus.alive.remove("n3")
    bus.fence(controller, "n2", "off")
    bus.run()
    bus.alive.append("n3")
    assert not bus.cores["n3"].history.ops
    bus.ask(controller, CALL.format("st_fence_history", 1048576, ""))
    bus.run()
    (op,) = bus.cores["n3"].history.ops.values()
    assert (op.target, op.state, op.delegate) == ("n2", 2, "n1")
    bus.answers.clear()
    bus.ask(tool, CALL.format("st_fence_history", 0, ""))
    entry = next(bus.result(tool).iter("st_execute"))
    assert entry.get("st_state") == "2" and entry.get("st_date") == "1700001000" and entry.get("st_remote_op") is None
    data = '<st_calldata><stonith_api_history st_target="n2"/></st_calldata>'
    bus.ask(tool, CALL.format("st_fence_history", 524288, data))
    bus.run()
    assert all(not core.history.ops for core in bus.cores.values())
    bus.answers.clear()
    bus.ask(tool, CALL.format("st_fence_history", 0, ""))
    assert bus.result(tool).find("st_calldata") is None


def test_restarted_fencer_learns_the_history_again() -> None:
    from hashell.stack.stonithd.core import Fencer

    bus = Bus("n1", "n2")
    bus.device("n1", "F")
    bus.fence(bus.client("n1"), "n2")
    bus.run()
    bus.alive.remove("n2")
    bus.apply("n1", bus.cores["n1"].members(["n1"], [], ["n2"], bus.at()))
    bus.cores["n2"] = Fencer("n2")
    bus.alive.append("n2")
    bus.apply("n1", bus.cores["n1"].members(["n1", "n2"], ["n2"], [], bus.at()))
    bus.apply("n2", bus.cores["n2"].members(["n1", "n2"], ["n1", "n2"], [], bus.at()))
    bus.run()
    assert list(bus.cores["n2"].history.ops) == list(bus.cores["n1"].history.ops) != []


def test_histories_with_different_entries_become_the_same_and_calm_down() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n1", "F")
    bus.device("n2", "F")
    one, two = bus.client("n1"), bus.client("n2")
    everybody = list(bus.alive)
    for client, alone in ((one, "n1"), (two, "n2")):
        bus.alive[:] = [alone]
        for name in bus.alive:
            bus.cores[name].members([name], [], [], bus.at())
        bus.fence(client, "n3")
        bus.run()
    bus.alive[:] = everybody
    for name in everybody:
        bus.apply(name, bus.cores[name].members(everybody, everybody, [], bus.at()))
    bus.ask(one, CALL.format("st_fence_history", 1048576, ""))
    bus.run()
    assert not bus.agenda
    histories = [sorted(core.history.ops) for core in bus.cores.values()]
    assert histories[0] == histories[1] == histories[2] and len(histories[0]) == 2


def test_owner_that_leaves_ends_its_operation_in_the_records() -> None:
    bus = Bus("n1", "n2", "n3")
    bus.device("n2", "F")
    bus.behaviour = lambda node, o: (50, GOOD)
    bus.fence(bus.client("n1"), "n3")
    watcher = bus.client("n2")
    bus.run(1)
    bus.kill("n1")
    (op,) = bus.cores["n2"].history.ops.values()
    assert op.state == 4 and op.outcome and "left" in op.outcome.reason
    assert next(bus.events[watcher][0].iter("st_notify_fence")).get("state") == "4"


def test_unprivileged_and_malformed_requests() -> None:
    bus = Bus("n1")
    client = bus.client("n1", privileged=False)
    bus.ask(client, CALL.format("st_device_remove", 0, '<st_calldata><st_device_id id="F"/></st_calldata>'))
    assert status(bus.result(client)) == ("9", "4")
    bus.ask(client, CALL.format("nonsense", 0, ""))
    answer = bus.result(client)
    assert (*status(answer), answer.get("st_rc")) == ("9", "76", "-71")
    bus.fence(client, "", "off")
    assert status(bus.result(client)) == ("9", "76")
    bus.fence(client, "n1", "explode")
    assert status(bus.result(client)) == ("9", "2")
    bus.ask(client, CALL.format("st_execute", 0, '<st_calldata><st_device_id st_device_id="F" st_device_action="list"/>'
                                "</st_calldata>"))  # fmt: skip
    answer = bus.result(client)
    assert (*status(answer), answer.get("exit-reason"), answer.get("st_rc")) == ("10", "1", "'F' not found", "-19")
    for text in ("<x/>", '<stonith_command st_op="st_query"/>', '<st-reply st_op="st_notify"/>',
                 '<stonith_command st_op="st_fence" st_timeout="x"/>', '<stonith_command st_op="st_relay"/>',
                 '<stonith_command st_op="st_fence_history"><st_execute st_state="9"/></stonith_command>'):  # fmt: skip
        from hashell.model.xmltext import parse

        bus.apply("n1", bus.cores["n1"].peer_message("n1", parse(text), bus.at()))
    bus.run()


def test_devices_and_levels_by_clients() -> None:
    bus = Bus("n1")
    client = bus.client("n1")
    register = ('<st_calldata><st_device_id id="X" agent="fence_x" namespace="stonith-ng">'
                '<attributes pcmk_host_list="zz"/></st_device_id></st_calldata>')  # fmt: skip
    bus.ask(client, '<stonith_set_notification st_op="st_notify" st_notify_activate="st_level_add"/>')
    bus.answers.clear()
    bus.ask(client, CALL.format("st_device_register", 4096, register))
    assert status(bus.result(client)) == ("0", "0") and "X" in bus.cores["n1"].table.devices
    level = '<st_calldata><fencing-level id="1" index="1" target="victim" devices="X"/></st_calldata>'
    bus.ask(client, CALL.format("st_level_add", 4096, level))
    assert status(bus.result(client)) == ("0", "0")
    assert compact(bus.events[client][-1]).endswith(
        '<st_calldata><st_level_add st_device_id="victim[1]"/></st_calldata></notify>'
    )
    bus.ask(client, CALL.format("st_level_remove", 4096, level))
    assert bus.cores["n1"].topology.levels_for("victim") == {}
    bus.answers.clear()
    bus.ask(client, CALL.format("st_device_remove", 4096, '<st_calldata><st_device_id id="X"/></st_calldata>'))
    assert status(bus.result(client)) == ("0", "0") and not bus.cores["n1"].table.devices


def test_monitor_verifies_a_device() -> None:
    bus = Bus("n1")
    bus.device("n1", "F", verified=False)
    client = bus.client("n1")
    bus.ask(client, CALL.format("st_execute", 0, '<st_calldata><st_device_id st_device_id="F" '
                                'st_device_action="monitor"/></st_calldata>'))  # fmt: skip
    bus.run()
    assert status(bus.result(client)) == ("0", "0") and bus.cores["n1"].table.devices["F"].verified


def test_device_stays_until_both_registrations_are_gone() -> None:
    from hashell.stack.stonithd.table import DeviceSpec

    bus = Bus("n1")
    core = bus.cores["n1"]
    spec = DeviceSpec("F", "fence_x", {"a": "1"})
    bus.apply("n1", core.configure([spec], [], {}, bus.now))
    again = DeviceSpec("F", "fence_x", {"a": "1", "CRM_meta_x": "y"})
    bus.apply("n1", core.table.register(again, api=True, now=bus.now))
    first = core.table.devices["F"]
    bus.apply("n1", core.configure([], [], {}, bus.now))
    assert core.table.devices["F"] is first
    bus.apply("n1", core.table.remove("F", api=True, now=bus.now))
    assert not core.table.devices
