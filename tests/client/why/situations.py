"""The situations that an explanation is held against, as CIBs: one builder a situation, named by what is the matter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.stack.pengine.cibs import cib, clone, group, options, primitive, ran, state

GOLDEN = Path(__file__).with_name("golden.txt")  #: ours, and below it what `crm_resource --why` says


FENCE = '<primitive id="fence" class="stonith" type="fence_ipmilan"/>'


@dataclass(frozen=True)
class Situation:
    """A CIB and the question put about it."""

    name: str
    xml: str
    ask: str  #: RESOURCE[@NODE]


def location(id: str, rsc: str, node: int, score: str = "-INFINITY", more: str = "") -> str:
    return f'<rsc_location id="{id}" rsc="{rsc}" node="n{node}" score="{score}"{more}/>'


def rule(id: str, rsc: str, score: str, expression: str) -> str:
    inner = f'<rule id="{id}-rule" score="{score}">{expression}</rule>'
    return f'<rsc_location id="{id}" rsc="{rsc}">{inner}</rsc_location>'


def colocation(id: str, rsc: str, other: str, score: str = "INFINITY") -> str:
    return f'<rsc_colocation id="{id}" rsc="{rsc}" with-rsc="{other}" score="{score}"/>'


def failed(rsc: str, task: str, rc: int = 1, call: int = 5, reason: str = "") -> str:
    """A failed operation in the history."""
    key = "3:3:0:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
    return (
        f'<lrm_rsc_op id="{rsc}_last_failure_0" operation="{task}" operation_key="{rsc}_{task}_0" '
        f'transition-key="{key}" transition-magic="0:{rc};{key}" call-id="{call}" rc-code="{rc}" op-status="0" '
        f'interval="0" exit-reason="{reason}" crm_feature_set="3.20.0"/>'
    )


def failcount(rsc: str, task: str, count: str = "3") -> dict[str, str]:
    return {f"fail-count-{rsc}#{task}_0": count, f"last-failure-{rsc}#{task}_0": "1700000000"}


def ticket(id: str, granted: bool) -> str:
    word = "true" if granted else "false"
    return f'<tickets><ticket_state id="{id}" granted="{word}" standby="false"/></tickets>'


def standby_node(text: str, node: int, name: str = "standby") -> str:
    """The CIB with a permanent attribute of the node."""
    block = (
        f'<instance_attributes id="nodes-{node}"><nvpair id="nodes-{node}-{name}" name="{name}" value="on"/>'
        "</instance_attributes>"
    )
    return text.replace(f'uname="n{node}"></node>', f'uname="n{node}">{block}</node>', 1)


def _where() -> list[Situation]:
    """About nodes and constraints."""
    web = primitive("web")
    running = state(1, ran("web")) + state(2)
    lost = state(1, ran("web"), online=False) + state(2)
    return [
        Situation("ban", cib(web, location("ban-web", "web", 1)), "web@n1"),
        Situation("cli-ban", cib(web, location("cli-ban-web-on-n1", "web", 1) + location("never", "web", 2)), "web"),
        Situation("standby", standby_node(cib(web, states=running), 1), "web"),
        Situation("node-maintenance", standby_node(cib(web, states=running), 1, "maintenance"), "web"),
        Situation("unclean-fenced", cib(web + FENCE, states=lost, config=options(stonith_enabled="true")), "web"),
        Situation("no-quorum",
                  cib(web, quorum=False, nodes=3, states=state(1, ran("web")) + state(2, online=False)), "web"),
        Situation("health", cib(web, config=options(node_health_strategy="migrate-on-red"),
                                states=state(1, ran("web"), attrs={"#health-disk": "red"}) + state(2)), "web"),
        Situation("opt-in",
                  cib(web, location("on-n1", "web", 1, "100"), config=options(symmetric_cluster="false")), "web@n2"),
        Situation("exclusive-discovery",
                  cib(web, location("only-n1", "web", 1, "0", ' resource-discovery="exclusive"')),
                  "web@n2"),
        Situation("rule-expired", cib(web, rule("by-day", "web", "500", '<date_expression id="d" operation="lt" '
                                                'end="2020-01-01"/>')), "web"),
        Situation("rule-idle",
                  cib(web, rule("on-ssd", "web", "500", '<expression id="e" attribute="disk" operation="eq" '
                                             'value="ssd"/>')), "web@n2"),
        Situation("rule-ban", cib(web, rule("not-small", "web", "-INFINITY", '<expression id="e" attribute="#uname" '
                                            'operation="eq" value="n2"/>')), "web@n2"),
        Situation("stickiness", cib(primitive("web", resource_stickiness="200"), location("likes-n2", "web", 2, "100"),
                                    states=running), "web"),
        Situation("moves-back", cib(primitive("web", resource_stickiness="50", allow_migrate="true"),
                                    location("home", "web", 2, "100"), states=running), "web"),
        Situation("utilization", cib(
            primitive("big", utilization={"memory": "3000"}, priority="10")
            + primitive("web", utilization={"memory": "2000"}),
            node_utilization={"memory": "4000"}, nodes=1, config=options(placement_strategy="utilization")), "web"),
    ]


def _resources() -> list[Situation]:
    """About the resource itself, its failures and what it depends on."""
    web, db = primitive("web"), primitive("db")
    stopped_db = primitive("db", target_role="Stopped")
    running = state(1, ran("web")) + state(2)
    return [
        Situation("target-role", cib(primitive("web", target_role="Stopped"), states=running), "web"),
        Situation("group-target-role", cib(group("g", db, web, target_role="Stopped")), "web"),
        Situation("unmanaged", cib(primitive("web", is_managed="false"), states=running), "web"),
        Situation("maintenance-mode", cib(web, config=options(maintenance_mode="true"), states=running), "web"),
        Situation("stop-all", cib(web, config=options(stop_all_resources="true"), states=running), "web"),
        Situation("colocation-stopped", cib(web + stopped_db, colocation("web-with-db", "web", "db")), "web"),
        Situation("colocation-chain", cib(web + db + primitive("fs"), colocation("web-with-db", "web", "db")
                                          + colocation("db-with-fs", "db", "fs") + location("no-fs-1", "fs", 1)
                                          + location("no-fs-2", "fs", 2)), "web"),
        Situation("colocation-elsewhere",
                  cib(web + db, colocation("web-with-db", "web", "db") + location("no-db", "db", 1)),
                  "web@n1"),
        Situation("anti-colocation", cib(db + web, colocation("apart", "web", "db", "-INFINITY"), nodes=1), "web"),
        Situation("ordering-stopped", cib(web + stopped_db, '<rsc_order id="db-first" first="db" then="web"/>'), "web"),
        Situation("ordering-wait", cib(web + db, '<rsc_order id="db-first" first="db" then="web"/>'), "web"),
        Situation("threshold", cib(primitive("web", migration_threshold="3"), nodes=2,
                                   states=state(1, attrs=failcount("web", "monitor")) + state(2)), "web@n1"),
        Situation("start-failed", cib(web, nodes=1, states=state(1, ran("web", "stop", more=failed(
            "web", "start", reason="port 80 is in use")), attrs=failcount("web", "start", "INFINITY"))), "web"),
        Situation("not-installed", cib(web, states=state(1, ran("web", "monitor", 7, more=failed("web", "start", 5)))
                                       + state(2)), "web@n1"),
        Situation("failed-stop", cib(web, states=state(1, ran("web", more=failed("web", "stop", reason="will not die")))
                                     + state(2)), "web"),
        Situation("ticket", cib(web, '<rsc_ticket id="web-needs-T" rsc="web" ticket="T" loss-policy="stop"/>',
                                states=ticket("T", False) + running), "web"),
        Situation("no-fence-device", cib(web, config=options(stonith_enabled="true")), "web"),
        Situation("orphan", cib(db, states=running), "web"),
    ]


def _clones() -> list[Situation]:
    db = primitive("db")
    return [
        Situation("clone-max", cib(clone("cl", db, clone_max="1")), "cl@n2"),
        Situation("clone-standby", standby_node(cib(clone("cl", db), states=state(1, ran("db")) + state(2)), 2), "cl"),
        Situation("promoted", cib(clone("ms", db, promotable="true"),
                                  states=state(1, ran("db"), attrs={"master-db": "10"})
                                  + state(2, ran("db"), attrs={"master-db": "5"})), "ms"),
        Situation("no-promotion-score", cib(clone("ms", db, promotable="true"),
                                            states=state(1, ran("db")) + state(2, ran("db"))), "ms"),
        Situation("promoted-with", cib(
            primitive("ip") + clone("ms", db, promotable="true"),
            location("ip-home", "ip", 2, "INFINITY")
            + '<rsc_colocation id="ms-with-ip" rsc="ms" rsc-role="Promoted" with-rsc="ip" score="INFINITY"/>',
            states=state(1, ran("db"), attrs={"master-db": "10"})
            + state(2, ran("db"), attrs={"master-db": "5"})), "ms"),
        Situation("parameters", cib(db, states=state(1, ran("db").replace('op-digest="', 'op-digest="0'))), "db"),
        Situation("with-promoted", cib(
            primitive("web") + clone("ms", db, promotable="true"),
            '<rsc_colocation id="web-with-ms" rsc="web" with-rsc="ms" with-rsc-role="Promoted" score="INFINITY"/>',
            states=state(1, ran("db")) + state(2, ran("db"))), "web"),
    ]


def situations() -> list[Situation]:
    return _where() + _resources() + _clones()
