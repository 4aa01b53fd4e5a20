"""The `<message>` envelope of controller, scheduler, pacemakerd and elections (pure; daemons.md section 1.4)."""

from __future__ import annotations

from lxml import etree

from hashell.model.version import FEATURE_SET


def request(
    task: str,
    *,
    t: str,
    sys_from: str,
    now: int,
    counter: int,
    sys_to: str = "",
    host_to: str = "",
    origin: str = "hashell",
    data: etree._Element | None = None,
    **extra: str,
) -> etree._Element:
    """A request; its reference is made of `now` (seconds since 1970) and the process's `counter` from 0.

    `extra` attributes follow at the end, with `_` for `-` in their names except where listed by the caller in
    exact form through `element.set`.
    """
    reference = f"{task}-{sys_from}-{now}-{counter}"
    return _message(origin, t, "request", reference, sys_from, host_to, sys_to, task, data, extra)


def reply(
    to: etree._Element, data: etree._Element | None = None, *, origin: str = "hashell", **extra: str
) -> etree._Element:
    """The response to the request `to`: from and to swapped, the same task and reference."""
    return _message(
        origin,
        to.get("t") or "crmd",
        "response",
        to.get("reference") or "",
        to.get("crm_sys_to") or "",
        to.get("src") or "",
        to.get("crm_sys_from") or "",
        to.get("crm_task") or "",
        data,
        extra,
    )


def payload(message: etree._Element) -> etree._Element | None:
    """What stands in `crm_xml`, or None."""
    wrapper = message.find("crm_xml")
    return wrapper[0] if wrapper is not None and len(wrapper) else None


def _message(
    origin: str,
    t: str,
    subt: str,
    reference: str,
    sys_from: str,
    host_to: str,
    sys_to: str,
    task: str,
    data: etree._Element | None,
    extra: dict[str, str],
) -> etree._Element:
    message = etree.Element("message")
    for name, value in (
        ("origin", origin),
        ("t", t),
        ("subt", subt),
        ("version", FEATURE_SET),
        ("reference", reference),
        ("crm_sys_from", sys_from),
        ("crm_host_to", host_to),
        ("crm_sys_to", sys_to),
        ("crm_task", task),
    ):
        if value or name == "reference":
            message.set(name, value)
    for name, value in extra.items():
        message.set(name, value)
    if data is not None:
        etree.SubElement(message, "crm_xml").append(data)
    return message
