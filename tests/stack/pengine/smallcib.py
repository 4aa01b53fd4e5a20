"""Small CIBs for tests of the policy engine."""

from __future__ import annotations

from lxml import etree

from hashell.model.dates import from_epoch
from hashell.stack.pengine import new_working_set
from hashell.stack.pengine.state import Resource, WorkingSet
from hashell.stack.pengine.unpack import unpack_cluster
from hashell.stack.pengine.unpack.lookup import find_resource

NOW = 1_700_000_000
DUMMY = 'class="ocf" provider="pacemaker" type="Dummy"'
KEY = "1:1:{rc}:00000000-0000-0000-0000-000000000000"


def operation(
    name: str,
    *,
    interval: int = 0,
    rc: int = 0,
    expected: int | None = None,
    call: int = 1,
    status: int = 0,
    **more: str,
) -> str:
    """One history entry (interval in ms); `more` are further attributes, which may replace those made here."""
    key = KEY.format(rc=rc if expected is None else expected)
    attributes = {
        "id": f"{name}_{interval}_{call}",
        "operation": name,
        "interval": str(interval),
        "rc-code": str(rc),
        "op-status": str(status),
        "call-id": str(call),
        "transition-key": key,
        "transition-magic": f"{status}:{rc};{key}",
        **more,
    }
    return "<lrm_rsc_op " + " ".join(f'{attribute}="{value}"' for attribute, value in attributes.items()) + "/>"


def history(rsc: str, *operations: str) -> str:
    return f'<lrm_resource id="{rsc}" {DUMMY}>{"".join(operations)}</lrm_resource>'


def node_state(number: int, *histories: str, attributes: str = "", **more: str) -> str:
    """A member of the cluster with what it has run."""
    given = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member", **more}
    text = "".join(f' {name}="{value}"' for name, value in given.items())
    transient = f'<transient_attributes id="{number}"><instance_attributes id="t{number}">{attributes}'
    transient += "</instance_attributes></transient_attributes>" if attributes else ""
    return (
        f'<node_state id="{number}" uname="n{number}"{text}>{transient if attributes else ""}'
        f'<lrm id="{number}"><lrm_resources>{"".join(histories)}</lrm_resources></lrm></node_state>'
    )


def nvpair(name: str, value: str) -> str:
    return f'<nvpair id="nv-{name}-{value}" name="{name}" value="{value}"/>'


def meta(**values: str) -> str:
    pairs = "".join(nvpair(name.replace("_", "-"), value) for name, value in values.items())
    return f'<meta_attributes id="m-{abs(hash(pairs))}">{pairs}</meta_attributes>'


def cib(
    resources: str = "",
    status: str | None = None,
    *,
    nodes: int = 2,
    constraints: str = "",
    options: dict[str, str] | None = None,
    extra: str = "",
) -> etree._Element:
    """A CIB with nodes n1, n2 …, all of them members unless `status` says otherwise."""
    pairs = "".join(nvpair(name, value) for name, value in (options or {}).items())
    members = "".join(f'<node id="{i}" uname="n{i}"/>' for i in range(1, nodes + 1))
    states = status if status is not None else "".join(node_state(i) for i in range(1, nodes + 1))
    return etree.fromstring(
        '<cib validate-with="pacemaker-4.0" have-quorum="1" crm_feature_set="3.20.0"><configuration>'
        f'<crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>'
        f"<nodes>{members}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints>{extra}"
        f"</configuration><status>{states}</status></cib>"
    )


def unpacked(*args: object, **kwargs: object) -> WorkingSet:
    """The model of a CIB (arguments of `cib`, or the element itself)."""
    root = args[0] if args and isinstance(args[0], etree._Element) else cib(*args, **kwargs)  # type: ignore[arg-type]
    ws = new_working_set(root, now=from_epoch(NOW))
    unpack_cluster(ws)
    return ws


def resource(ws: WorkingSet, id: str) -> Resource:
    found = find_resource(ws, id)
    assert found is not None, f"no resource {id}"
    return found
