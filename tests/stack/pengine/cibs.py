"""Small CIBs in words: what the tests of the policy engine run on."""

from __future__ import annotations

from lxml import etree

from hashell.model.dates import from_epoch
from hashell.model.xmltext import parse
from hashell.stack.pengine import Schedule, schedule
from hashell.stack.pengine.invariants import check_invariants
from hashell.stack.pengine.relations import Action
from hashell.stack.pengine.state import Resource, WorkingSet
from hashell.stack.pengine.unpack.digests import parameters_digest

NOW = 1_700_000_000
_UUID = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


def options(**values: str) -> str:
    pairs = {"stonith-enabled": "false"} | {name.replace("_", "-"): value for name, value in values.items()}
    inner = "".join(f'<nvpair id="o-{name}" name="{name}" value="{value}"/>' for name, value in pairs.items())
    return f'<cluster_property_set id="cib-bootstrap-options">{inner}</cluster_property_set>'


def meta(owner: str, **values: str) -> str:
    if not values:
        return ""
    inner = "".join(
        f'<nvpair id="{owner}-m-{name}" name="{name.replace("_", "-")}" value="{value}"/>'
        for name, value in values.items()
    )
    return f'<meta_attributes id="{owner}-m">{inner}</meta_attributes>'


def table(tag: str, owner: str, values: dict[str, str]) -> str:
    inner = "".join(f'<nvpair id="{owner}-{tag}-{n}" name="{n}" value="{v}"/>' for n, v in values.items())
    return f'<{tag} id="{owner}-{tag}">{inner}</{tag}>' if values else ""


def primitive(id: str, ops: str = "", utilization: dict[str, str] | None = None, **values: str) -> str:
    return (
        f'<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy">{meta(id, **values)}'
        f"{table('utilization', id, utilization or {})}<operations>{ops}</operations></primitive>"
    )


def monitor(id: str, interval: str = "10s", role: str | None = None) -> str:
    extra = f' role="{role}"' if role else ""
    return f'<op id="{id}" name="monitor" interval="{interval}"{extra}/>'


def group(id: str, *members: str, **values: str) -> str:
    return f'<group id="{id}">{meta(id, **values)}{"".join(members)}</group>'


def clone(id: str, child: str, **values: str) -> str:
    return f'<clone id="{id}">{meta(id, **values)}{child}</clone>'


def entry(rsc: str, task: str = "start", rc: int = 0, call: int = 1, interval: int = 0) -> str:
    """One history entry that went as expected, with the digest of today's parameters."""
    key = f"1:1:{rc}:{_UUID}"
    name = f"{rsc}_{task}_{interval}" if interval else f"{rsc}_last_0"
    digest = parameters_digest({"CRM_meta_timeout": "20000"} if interval else {})
    return (
        f'<lrm_rsc_op id="{name}" operation="{task}" operation_key="{rsc}_{task}_{interval}" '
        f'crm_feature_set="3.20.0" transition-key="{key}" transition-magic="0:{rc};{key}" call-id="{call}" '
        f'rc-code="{rc}" op-status="0" interval="{interval}" op-digest="{digest}"/>'
    )


def ran(rsc: str, task: str = "start", rc: int = 0, more: str = "") -> str:
    """The history of one resource: an operation, and further entries."""
    first = entry(rsc, task, rc)
    return f'<lrm_resource id="{rsc}" class="ocf" provider="pacemaker" type="Dummy">{first}{more}</lrm_resource>'


def state(node: int, *history: str, online: bool = True, attrs: dict[str, str] | None = None) -> str:
    """A node that is a member, or was lost without a word."""
    words = ("true", "online", "member") if online else ("false", "offline", "down")
    transient = ""
    if attrs:
        block = table("instance_attributes", f"t{node}", attrs)
        transient = f'<transient_attributes id="{node}">{block}</transient_attributes>'
    return (
        f'<node_state id="{node}" uname="n{node}" in_ccm="{words[0]}" crmd="{words[1]}" join="{words[2]}" '
        f'expected="member">{transient}<lrm id="{node}"><lrm_resources>{"".join(history)}</lrm_resources></lrm>'
        "</node_state>"
    )


def cib(
    resources: str,
    constraints: str = "",
    *,
    nodes: int = 2,
    states: str | None = None,
    config: str | None = None,
    node_utilization: dict[str, str] | None = None,
    quorum: bool = True,
) -> str:
    names = "".join(
        f'<node id="{i}" uname="n{i}">{table("utilization", f"n{i}", node_utilization or {})}</node>'
        for i in range(1, nodes + 1)
    )
    status = "".join(state(i) for i in range(1, nodes + 1)) if states is None else states
    return (
        f'<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-4.0" have-quorum="{int(quorum)}" '
        f'dc-uuid="1"><configuration><crm_config>{options() if config is None else config}</crm_config>'
        f"<nodes>{names}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints>"
        f"</configuration><status>{status}</status></cib>"
    )


def decide(text: str) -> Schedule:
    """Run the engine, check its invariants."""
    result = schedule(parse(text), now=from_epoch(NOW, 0), output_scores=True)
    assert result.graph is not None
    check_invariants(result.working_set, result.graph)
    return result


def resource(ws: WorkingSet, id: str) -> Resource:
    return next(rsc for top in ws.resources for rsc in top.walk() if rsc.id == id)


def place(result: Schedule, id: str) -> str | None:
    entry = resource(result.working_set, id).assigned_node
    return entry.node.name if entry is not None else None


def score_of(result: Schedule, id: str, node: str, tag: str = "pcmk__primitive_assign") -> str:
    """The last score printed for the resource on the node."""
    start = f"{tag}: {id} allocation score on {node}: "
    return [line for line in result.scores if line.startswith(start)][-1].removeprefix(start)


def planned(result: Schedule) -> list[str]:
    """Key and node of every action of the graph, in order of emission."""
    assert result.graph is not None
    found = []
    for synapse in result.graph.iterchildren("synapse"):
        action = synapse[0][0]
        node = action.get("on_node")
        found.append(f"{action.get('operation_key')} {node}" if node else str(action.get("operation_key")))
    return found


def triggers(result: Schedule, key: str) -> list[str]:
    """Keys that the action of that key waits for."""
    assert result.graph is not None
    for synapse in result.graph.iterchildren("synapse"):
        if synapse[0][0].get("operation_key") == key:
            return [str(trigger[0].get("operation_key")) for trigger in synapse[1]]
    raise AssertionError(f"{key} is not in the graph: {etree.tostring(result.graph)!r}")


def action(result: Schedule, key: str) -> Action:
    return next(a for a in reversed(result.working_set.actions) if a.key == key)
