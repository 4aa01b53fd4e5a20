"""The executor's core in virtual time."""

from __future__ import annotations

import random

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.xmltext import compact, parse
from hashell.ra.agent import AgentResult
from hashell.stack.effects import CancelTimer, Effect, SetTimer
from hashell.stack.lrmd.core import Executor
from hashell.stack.lrmd.effects import FetchMetadata, Kill, Notify, Reply, Run, RunAlert

OK = AgentResult(0, ExecStatus.DONE)


class Bench:
    """An executor with a clock and one registered client `c`; resource D is registered."""

    def __init__(self, options: int = 1) -> None:
        self.now = 100.0
        self.core = Executor(started=90.0)
        self.core.connected("c", True)
        self.ask('<lrmd_command t="lrmd" lrmd_op="register" lrmd_clientname="crmd" lrmd_protocol_version="1.2"/>')
        self.register("D", options)

    def ask(self, text: str, client: str = "c") -> list[Effect]:
        return self.check(self.core.request(client, "token", parse(text), self.now))

    def check(self, effects: list[Effect]) -> list[Effect]:
        self.core.check_invariants()
        return effects

    def register(self, name: str, options: int = 1, kind: str = "Dummy") -> list[Effect]:
        return self.ask(
            f'<lrmd_command t="lrmd" lrmd_op="lrmd_rsc_register" lrmd_callopt="{options}"><lrmd_calldata>'
            f'<lrmd_rsc lrmd_rsc_id="{name}" lrmd_class="ocf" lrmd_provider="pacemaker" lrmd_type="{kind}"/>'
            "</lrmd_calldata></lrmd_command>"
        )

    def exec(self, action: str, interval: int = 0, delay: int = 0, options: int = 4, rsc: str = "D", client: str = "c",
             userdata: str = "u") -> list[Effect]:  # fmt: skip
        return self.ask(
            f'<lrmd_command t="lrmd" lrmd_op="lrmd_rsc_exec" lrmd_callopt="{options}"><lrmd_calldata>'
            f'<lrmd_rsc lrmd_rsc_id="{rsc}" lrmd_rsc_action="{action}" lrmd_rsc_userdata_str="{userdata}" '
            f'lrmd_rsc_interval="{interval}" lrmd_timeout="20000" lrmd_rsc_start_delay="{delay}">'
            '<attributes CRM_meta_timeout="20000"><param name="1st" value="v"/></attributes></lrmd_rsc>'
            "</lrmd_calldata></lrmd_command>",
            client,
        )

    def cancel(self, action: str, interval: int) -> list[Effect]:
        return self.ask(
            '<lrmd_command t="lrmd" lrmd_op="lrmd_rsc_cancel"><lrmd_rsc lrmd_rsc_id="D" '
            f'lrmd_rsc_action="{action}" lrmd_rsc_interval="{interval}"/></lrmd_command>'
        )

    def finish(self, run: int, result: AgentResult = OK, seconds: float = 0.0) -> list[Effect]:
        self.now += seconds
        return self.check(self.core.finished(run, result, self.now, 1_000_000 + self.now))

    def fire(self, name: str, seconds: float = 0.0) -> list[Effect]:
        self.now += seconds
        return self.check(self.core.timer(name, self.now))


def runs(effects: list[Effect]) -> list[tuple[int, str]]:
    return [(e.run, e.job.action) for e in effects if isinstance(e, Run)]


def events(effects: list[Effect]) -> list[etree._Element]:
    return [e.element for e in effects if isinstance(e, Notify)]


def rc(effects: list[Effect]) -> int:
    (reply,) = [e for e in effects if isinstance(e, Reply)]
    return int(reply.element.get("lrmd_rc"))


def test_register_reply_and_events() -> None:
    bench = Bench()
    bench.core.connected("x", True)
    effects = bench.ask(
        '<lrmd_command t="lrmd" lrmd_op="register" lrmd_clientname="x" lrmd_protocol_version="1.2"/>', "x"
    )
    assert [compact(e.element) for e in effects if isinstance(e, Reply | Notify)] == [
        '<lrmd_reply lrmd_origin="process_lrmd_signon" lrmd_rc="0" lrmd_callid="3" lrmd_op="register" '
        'lrmd_clientid="x" lrmd_protocol_version="1.2" uptime="10"/>',
        '<lrmd_notify lrmd_origin="notify_of_new_client" lrmd_op="lrmd_rsc_new_client"/>',
    ]
    old = '<lrmd_command t="lrmd" lrmd_op="register" lrmd_clientname="y" lrmd_protocol_version="0.9"/>'
    assert rc(bench.ask(old, "x")) == -71


def test_exec_answers_with_its_call_id_and_reports_in_the_original_form() -> None:
    bench = Bench()
    effects = bench.exec("start")
    assert rc(effects) == 3
    (run,) = [e for e in effects if isinstance(e, Run)]
    assert run.job.timeout == 20.0 and dict(run.job.params) == {"CRM_meta_timeout": "20000", "1st": "v"}
    (event,) = events(bench.finish(run.run, AgentResult(1, ExecStatus.DONE, "why\x02", "out"), 0.25))
    assert compact(event) == (
        '<lrmd_notify lrmd_origin="send_cmd_complete_notify" lrmd_timeout="20000" lrmd_rsc_interval="0" '
        'lrmd_rsc_start_delay="0" lrmd_exec_rc="1" lrmd_exec_op_status="0" lrmd_callid="3" lrmd_rsc_deleted="0" '
        'lrmd_run_time="1000100" lrmd_rcchange_time="0" lrmd_exec_time="250" lrmd_queue_time="0" '
        'lrmd_op="lrmd_rsc_exec" lrmd_rsc_id="D" lrmd_rsc_action="start" lrmd_rsc_userdata_str="u" '
        'lrmd_rsc_exit_reason="why\ufffd" lrmd_rsc_output="out">'
        '<attributes CRM_meta_timeout="20000"><param name="1st" value="v"/></attributes></lrmd_notify>'
    )


def test_one_active_operation_per_resource_in_order() -> None:
    bench = Bench()
    bench.register("E")
    assert runs(bench.exec("start")) == [(1, "start")]
    assert runs(bench.exec("monitor")) == []
    assert runs(bench.exec("start", rsc="E")) == [(3, "start")]
    effects = bench.finish(1, seconds=2)
    assert runs(effects) == [(2, "monitor")]
    (event,) = events(bench.finish(2))
    assert event.get("lrmd_queue_time") == "2000"


def test_recurring_reports_changes_only() -> None:
    bench = Bench()
    assert runs(bench.exec("monitor", 10000)) == [(1, "monitor")]
    effects = bench.finish(1, seconds=1)
    assert SetTimer("again:1", 10.0) in effects and len(events(effects)) == 1
    assert runs(bench.fire("again:1", 10)) == [(1, "monitor")]
    assert events(bench.finish(1)) == []
    bench.fire("again:1", 10)
    (event,) = events(bench.finish(1, AgentResult(7, ExecStatus.DONE)))
    assert (event.get("lrmd_exec_rc"), event.get("lrmd_rcchange_time")) == ("7", "1000121")
    bench.fire("again:1", 10)
    assert events(bench.finish(1, AgentResult(7, ExecStatus.DONE))) == []
    assert runs(bench.exec("monitor", 5000, options=0)) == [(2, "monitor")]
    for _ in range(2):
        assert len(events(bench.finish(2))) == 1
        bench.fire("again:2", 5)


def test_same_recurring_is_merged_and_runs_at_once() -> None:
    bench = Bench()
    bench.exec("monitor", 10000)
    bench.finish(1)
    effects = bench.exec("monitor", 10000, userdata="new")
    assert CancelTimer("again:1") in effects and runs(effects) == [(1, "monitor")]
    (event,) = events(bench.finish(1))
    assert (event.get("lrmd_callid"), event.get("lrmd_rsc_userdata_str")) == (str(rc(effects)), "new")
    bench.fire("again:1", 10)
    again = bench.exec("monitor", 10000, userdata="third")
    assert runs(again) == []
    (event,) = events(bench.finish(1))
    assert event.get("lrmd_rsc_userdata_str") == "third"


def test_stop_cancels_recurring_ones() -> None:
    bench = Bench()
    bench.exec("monitor", 10000)
    bench.finish(1)
    bench.exec("monitor", 11000)
    effects = bench.exec("stop")
    assert Kill(2) in effects and CancelTimer("again:1") in effects
    (waiting,) = events(effects)
    assert (waiting.get("lrmd_exec_op_status"), waiting.get("lrmd_rsc_interval")) == ("1", "10000")
    assert runs(effects) == []
    effects = bench.finish(2, AgentResult(1, ExecStatus.ERROR))
    assert runs(effects) == [(3, "stop")]
    (killed,) = events(effects)
    assert (killed.get("lrmd_exec_op_status"), killed.get("lrmd_exec_rc")) == ("1", "0")
    assert not any(isinstance(e, SetTimer) for e in effects)


def test_cancel() -> None:
    bench = Bench()
    assert rc(bench.cancel("monitor", 10000)) == -95
    bench.exec("start")
    assert rc(bench.cancel("start", 0)) == -95
    bench.exec("monitor", 10000)
    effects = bench.cancel("monitor", 10000)
    assert rc(effects) == 0 and len(events(effects)) == 1
    assert runs(bench.finish(1)) == []
    bench.exec("monitor", 10000)
    effects = bench.cancel("monitor", 10000)
    assert rc(effects) == 0 and Kill(3) in effects and rc(bench.cancel("monitor", 10000)) == -95
    bench.finish(3)
    assert bench.core.resources["D"].operations() == []


def test_start_delay_holds_the_queue() -> None:
    bench = Bench()
    effects = bench.exec("start", delay=3000)
    assert SetTimer("delay:1", 3.0) in effects and runs(effects) == []
    assert runs(bench.exec("monitor")) == []
    assert runs(bench.fire("delay:1", 3)) == [(1, "start")]
    assert runs(bench.finish(1)) == [(2, "monitor")]
    bench.finish(2)
    bench.exec("monitor", 10000, delay=1000)
    bench.exec("monitor")
    effects = bench.cancel("monitor", 10000)
    assert CancelTimer("delay:3") in effects and runs(effects) == [(4, "monitor")]


def test_unregister_while_running() -> None:
    bench = Bench()
    bench.exec("start")
    bench.exec("monitor", 10000)
    unregister = '<lrmd_command t="lrmd" lrmd_op="lrmd_rsc_unregister"><lrmd_rsc lrmd_rsc_id="D"/></lrmd_command>'
    effects = bench.ask(unregister)
    assert rc(effects) == -115
    assert [e.get("lrmd_op") for e in events(effects)] == ["lrmd_rsc_exec", "lrmd_rsc_unregister"]
    assert rc(bench.ask(unregister)) == 0, "what is not there is gone"
    bench.register("D")
    assert runs(bench.exec("monitor")) == [(3, "monitor")]
    (event,) = events(bench.finish(1))
    assert event.get("lrmd_rsc_deleted") == "1"


def test_client_loss_drops_its_recurring_operations() -> None:
    for options, left in ((1, 0), (0, 1)):
        bench = Bench(options)
        bench.exec("monitor", 10000)
        bench.finish(1)
        bench.check(bench.core.disconnected("c", bench.now))
        assert len(bench.core.resources["D"].operations()) == left


def test_lost_client_frees_a_delayed_head() -> None:
    bench = Bench()
    bench.core.connected("x", True)
    bench.exec("monitor", 10000, delay=5000)
    bench.exec("monitor", client="x")
    assert runs(bench.check(bench.core.disconnected("c", bench.now))) == [(2, "monitor")]


def test_unprivileged_may_only_listen() -> None:
    bench = Bench()
    bench.core.connected("u", False)
    sign_on = '<lrmd_command t="lrmd" lrmd_op="register" lrmd_clientname="u" lrmd_protocol_version="1.2"/>'
    assert rc(bench.ask(sign_on, "u")) == 0
    assert rc(bench.exec("start", client="u")) == -13
    assert len(events(bench.ask('<lrmd_command lrmd_op="lrmd_rsc_poke"/>', "u"))) == 2


def test_malformed_requests_are_refused() -> None:
    bench = Bench()
    assert rc(bench.ask("<x/>")) == -95
    assert rc(bench.ask('<lrmd_command lrmd_op="nonsense"/>')) == -95
    for op in ("lrmd_rsc_exec", "lrmd_rsc_cancel", "lrmd_rsc_register", "lrmd_alert_exec", "lrmd_rsc_metadata"):
        assert rc(bench.ask(f'<lrmd_command lrmd_op="{op}"/>')) == -22
    assert rc(bench.exec("start", rsc="nobody")) == -19
    assert rc(bench.ask('<lrmd_command lrmd_op="lrmd_rsc_info"><lrmd_rsc lrmd_rsc_id="no"/></lrmd_command>')) == -19
    odd = 'lrmd_rsc_id="D" lrmd_rsc_action="monitor" lrmd_rsc_interval="ten" lrmd_timeout="-5"'
    assert rc(bench.ask(f'<lrmd_command lrmd_op="lrmd_rsc_exec"><lrmd_rsc {odd}/></lrmd_command>')) > 0


def test_info_recurring_metadata_and_alerts() -> None:
    bench = Bench()
    effects = bench.ask('<lrmd_command lrmd_op="lrmd_rsc_info"><lrmd_rsc lrmd_rsc_id="D"/></lrmd_command>')
    assert compact(effects[0].element).endswith(  # type: ignore[attr-defined]
        'lrmd_rsc_id="D" lrmd_class="ocf" lrmd_provider="pacemaker" lrmd_type="Dummy"/>'
    )
    bench.exec("monitor", 10000)
    (reply,) = bench.ask('<lrmd_command lrmd_op="lrmd_get_recurring"/>')
    assert compact(reply.element[0]) == (  # type: ignore[attr-defined]
        '<lrmd_rsc lrmd_rsc_id="D"><lrmd_rsc_op lrmd_rsc_action="monitor" lrmd_rsc_interval="10000" '
        'lrmd_timeout="20000"/></lrmd_rsc>'
    )
    (fetch,) = bench.ask(
        '<lrmd_command lrmd_op="lrmd_rsc_metadata"><lrmd_rsc lrmd_class="stonith" lrmd_type="fence_x"/></lrmd_command>'
    )
    assert isinstance(fetch, FetchMetadata)
    assert rc(bench.core.metadata(fetch.token, fetch.call_id, fetch.agent, None, "gone")) == -19
    effects = bench.ask(
        '<lrmd_command lrmd_op="lrmd_alert_exec" lrmd_callopt="2"><lrmd_alert lrmd_alert_id="a" lrmd_alert_path="/a" '
        'lrmd_timeout="5000"><attributes CRM_alert_kind="node"/></lrmd_alert></lrmd_command>'
    )
    (alert,) = [e for e in effects if isinstance(e, RunAlert)]
    assert (alert.path, alert.timeout) == ("/a", 5.0)
    assert alert.env == {"CRM_alert_kind": "node", "CRM_alert_node_sequence": "1"}
    (event,) = events(bench.finish(alert.run))
    assert event.get("lrmd_op") == "lrmd_alert_exec"


def test_late_and_unknown_inputs_are_harmless() -> None:
    bench = Bench()
    assert not runs(bench.finish(99))
    assert bench.fire("again:99") == [] and bench.fire("nonsense") == []
    assert bench.check(bench.core.disconnected("nobody", 0.0)) == []


def test_random_requests_keep_the_invariants() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        bench = Bench()
        bench.register("E")
        timers: list[str] = []
        active: list[int] = []
        for _ in range(150):
            bench.now += chance.random()
            kind = chance.randrange(6)
            rsc = chance.choice("DE")
            if kind == 0:
                action = chance.choice(["start", "stop", "monitor"])
                effects = bench.exec(action, rsc=rsc, delay=chance.choice([0, 0, 5]))
            elif kind == 1:
                effects = bench.exec("monitor", chance.choice([1000, 2000]), rsc=rsc)
            elif kind == 2:
                effects = bench.cancel("monitor", chance.choice([1000, 2000]))
            elif kind == 3 and active:
                effects = bench.finish(active.pop(chance.randrange(len(active))))
            elif kind == 4 and timers:
                effects = bench.fire(timers.pop(chance.randrange(len(timers))))
            elif chance.random() < 0.1:
                effects = bench.register(rsc, kind=chance.choice(["Dummy", "Stateful"]))
            else:
                continue
            active += [run for run, _ in runs(effects)]
            timers += [e.name for e in effects if isinstance(e, SetTimer)]
        while active:
            active += [run for run, _ in runs(bench.finish(active.pop()))]
