"""The executor's messages as XML: reading requests and building replies and notifications (ipc specification, 3.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from hashell.model.values import integer
from hashell.model.xmltext import representable
from hashell.ra.agent import AgentId

PROTOCOL_VERSION = "1.2"
DROP_RECURRING, NOTIFY_ORIG_ONLY, NOTIFY_CHANGES_ONLY = 1, 2, 4

ENODEV, EINVAL, EACCES, EOPNOTSUPP, EINPROGRESS, EPROTO = 19, 22, 13, 95, 115, 71

_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")


def find(element: etree._Element, tag: str) -> etree._Element | None:
    """The first descendant of that tag: clients wrap the data in lrmd_calldata."""
    return next(element.iter(tag), None)


def read_parameters(element: etree._Element | None) -> dict[str, str]:
    """Parameters below `element`: attributes of <attributes>, and <param name= value=/> for names XML cannot hold."""
    attributes = element.find("attributes") if element is not None else None
    if attributes is None:
        return {}
    found = {str(k): str(v) for k, v in attributes.items()}
    for param in attributes.iterfind("param"):
        if name := param.get("name"):
            found[name] = param.get("value") or ""
    return found


def write_parameters(parent: etree._Element, params: dict[str, str]) -> None:
    attributes = etree.SubElement(parent, "attributes")
    for name, value in params.items():
        if _XML_NAME.match(name):
            attributes.set(name, representable(value))
        else:
            etree.SubElement(attributes, "param", {"name": representable(name), "value": representable(value)})


def reply(origin: str, rc: int, call_id: int) -> etree._Element:
    return etree.Element("lrmd_reply", {"lrmd_origin": origin, "lrmd_rc": str(rc), "lrmd_callid": str(call_id)})


def generic_notify(rc: int, call_id: int, op: str, resource: str) -> etree._Element:
    found = etree.Element("lrmd_notify", {"lrmd_origin": "send_generic_notify", "lrmd_rc": str(rc)})
    found.set("lrmd_callid", str(call_id))
    found.set("lrmd_op", op)
    if resource:
        found.set("lrmd_rsc_id", resource)
    return found


def new_client_notify() -> etree._Element:
    return etree.Element(
        "lrmd_notify", {"lrmd_origin": "notify_of_new_client", "lrmd_op": "lrmd_rsc_new_client"}
    )


def describe_agent(element: etree._Element, agent: AgentId) -> None:
    element.set("lrmd_class", agent.klass)
    if agent.provider:
        element.set("lrmd_provider", agent.provider)
    element.set("lrmd_type", agent.type)


def read_agent(element: etree._Element) -> AgentId | None:
    klass, kind = element.get("lrmd_class"), element.get("lrmd_type")
    return AgentId(klass, element.get("lrmd_provider") or "", kind) if klass and kind else None


@dataclass(frozen=True)
class ExecRequest:
    """What lrmd_rsc_exec asks for. Times are milliseconds."""

    resource: str
    action: str
    interval_ms: int
    timeout_ms: int
    start_delay_ms: int
    userdata: str
    params: dict[str, str] = field(default_factory=dict)


def read_exec(element: etree._Element) -> ExecRequest | None:
    """The lrmd_rsc of an exec request, or None when it names no resource or action."""
    rsc = find(element, "lrmd_rsc")
    if rsc is None or not rsc.get("lrmd_rsc_id") or not rsc.get("lrmd_rsc_action"):
        return None
    return ExecRequest(
        resource=rsc.get("lrmd_rsc_id") or "",
        action=rsc.get("lrmd_rsc_action") or "",
        interval_ms=max(0, integer(rsc.get("lrmd_rsc_interval"))),
        timeout_ms=max(0, integer(rsc.get("lrmd_timeout"))),
        start_delay_ms=max(0, integer(rsc.get("lrmd_rsc_start_delay"))),
        userdata=rsc.get("lrmd_rsc_userdata_str") or "",
        params=read_parameters(rsc),
    )
