"""The messages attribute managers exchange (daemons specification, section 4; protocol 7)."""

from __future__ import annotations

from lxml import etree

from hashell.stack.attrd.attributes import PROTOCOL_NAME, Attribute, Value

PROTOCOL = "7"


def stamp(element: etree._Element, state: int, confirm: bool = False) -> etree._Element:
    """What every message to peers carries at its end; `state` is the sender's election state."""
    for name, value in (
        ("t", "attrd"),
        ("attr_version", PROTOCOL),
        ("confirm", "true" if confirm else "false"),
        ("attr_writer", str(state)),
    ):
        if name in element.attrib and name != "t":
            del element.attrib[name]
        element.set(name, value)
    return element


def protocol_broadcast(host: str, node_id: str) -> etree._Element:
    """Tells the peers which protocol we speak, as a private attribute."""
    element = etree.Element("attrd_broadcast_protocol", t="attrd", src="pacemaker-attrd", task="update")
    for name, value in (
        ("attr_name", PROTOCOL_NAME),
        ("attr_value", PROTOCOL),
        ("attr_is_private", "1"),
        ("attr_host", host),
        ("attr_host_id", node_id),
    ):
        element.set(name, value)
    return element


def sync_response(attributes: list[Attribute]) -> etree._Element:
    """All values of the attributes."""
    element = etree.Element("attrd_peer_sync", task="sync-response")
    for attribute in attributes:
        for value in attribute.values.values():
            element.append(entry(attribute, value))
    return element


def entry(attribute: Attribute, value: Value) -> etree._Element:
    """One value with all settings of its attribute."""
    element = etree.Element("attrd_add_value_xml", attr_name=attribute.name, attr_set_type=attribute.set_type)
    for name, text in (
        ("attr_set", attribute.set_id or None),
        ("attr_user", attribute.user or None),
        ("attr_host", value.host),
        ("attr_host_id", value.node_id or None),
        ("attr_is_remote", "1" if value.is_remote else None),
        ("attr_value", value.text),
        ("attr_dampening", str(round(attribute.dampening))),
        ("attr_is_private", "1" if attribute.private else "0"),
        ("attrd_is_force_write", "0"),
    ):
        if text is not None:
            element.set(name, text)
    return element


def own_value(attribute: Attribute, host: str, node_id: str, text: str | None) -> etree._Element:
    """What we say to a peer that is wrong about our node."""
    element = entry(attribute, Value(host, text, node_id))
    element.tag = "op"
    element.set("task", "update")
    return element


def query_reply(attribute: Attribute | None, host: str | None) -> etree._Element:
    """The answer to a client's query for one node, or all when `host` is None."""
    element = etree.Element("build_query_reply", t="attrd", subt="query", attr_version=PROTOCOL)
    if attribute is None:
        return element
    element.set("attr_name", attribute.name)
    for value in attribute.values.values():
        if host is not None and value.host.lower() != host.lower():
            continue
        node = etree.SubElement(element, "node", attr_host=value.host)
        if value.text is not None:
            node.set("attr_value", value.text)
    return element


def confirmation(call_id: str) -> etree._Element:
    """Tells the sender of an update with a sync point that it was applied here."""
    element = etree.Element("attrd_send_confirmation", task="confirm", src="pacemaker-attrd")
    element.set("call-id", call_id)
    return element
