"""Connection resources of guest and bundle nodes, which exist without being configured (model spec 7.3, 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from hashell.stack.pengine.unpack.nodes import create_node

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet

DEFAULT_PORT = "3121"


def is_remote_primitive(element: _Element) -> bool:
    """Whether the element is an ocf:pacemaker:remote primitive."""
    return (
        element.tag == "primitive"
        and (element.get("class") or "").lower() == "ocf"
        and (element.get("provider") or "").lower() == "pacemaker"
        and (element.get("type") or "").lower() == "remote"
    )


def add_pairs(parent: _Element, tag: str, id: str, pairs: list[tuple[str, str | None]]) -> None:
    """A name/value block with those pairs that have a value."""
    block = etree.SubElement(parent, tag, id=id)
    for name, value in pairs:
        if value is not None:
            etree.SubElement(block, "nvpair", id=f"{id}-{name}", name=name, value=value)


def add_operation(parent: _Element, id: str, name: str, interval: str, timeout: str | None) -> None:
    op = etree.SubElement(parent, "op", id=f"{id}-{name}-{interval}")
    op.set("interval", interval)
    op.set("name", name)
    if timeout is not None:
        op.set("timeout", timeout)


def connection_xml(
    id: str,
    launcher: str,
    *,
    migratable: str | None = None,
    managed: str | None = None,
    start_timeout: str | None = None,
    server: str | None = None,
    port: str | None = None,
) -> _Element:
    """The primitive that stands for the connection to a guest node of that name."""
    xml = etree.Element("primitive", id=id)
    xml.set("class", "ocf")
    xml.set("provider", "pacemaker")
    xml.set("type", "remote")
    meta = [
        ("internal_rsc", "true"),
        ("container", launcher),
        ("allow-migrate", migratable),
        ("is-managed", managed),
    ]
    add_pairs(xml, "meta_attributes", f"{id}-meta_attributes", meta)
    if server or port:
        add_pairs(xml, "instance_attributes", f"{id}-instance_attributes", [("addr", server), ("port", port)])
    operations = etree.SubElement(xml, "operations")
    add_operation(operations, id, "monitor", "30s", "30s")
    if start_timeout:
        add_operation(operations, id, "start", "0", start_timeout)
    return xml


def create_implicit_nodes(ws: WorkingSet, resources: _Element) -> None:
    """Nodes of remote connections and guests, with connections appended to the resources for the guests."""
    for element in resources.iterchildren("*"):
        if is_remote_primitive(element):
            id = element.get("id")
            if id and ws.find_node(id) is None:
                create_node(ws, id, id, "remote", 0)
        elif element.tag == "primitive":
            _create_guest(ws, resources, element)
        elif element.tag == "group":
            for child in element.iterchildren("*"):
                _create_guest(ws, resources, child)


def _create_guest(ws: WorkingSet, resources: _Element, element: _Element) -> None:
    values: dict[str, str] = {}
    for block in element.iterchildren("meta_attributes"):
        for pair in block.iterchildren("nvpair"):
            name, value = pair.get("name"), pair.get("value")
            if name and value is not None:
                values[name] = value
    name = values.get("remote-node")
    if not name:
        return
    resources.append(
        connection_xml(
            name,
            element.get("id") or "",
            migratable=values.get("remote-allow-migrate"),
            managed=values.get("is-managed"),
            start_timeout=values.get("remote-connect-timeout", "60s"),
            server=values.get("remote-addr"),
            port=values.get("remote-port"),
        )
    )
    if ws.find_node(name) is None:
        create_node(ws, name, name, "remote", 0)
