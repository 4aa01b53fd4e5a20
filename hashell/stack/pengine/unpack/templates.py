"""Resources made from templates (model spec 8.3)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.config import only

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet

_PLAIN_ROLES = frozenset({"", "started", "unpromoted", "slave"})


def expand_template(ws: WorkingSet, element: _Element) -> _Element | None:
    """The element with its template merged in, itself when it uses none, None when the template is unusable."""
    name, id = element.get("template"), element.get("id")
    if name is None:
        return element
    template = None
    resources = only(ws.cib, "resources")
    if name != id and resources is not None:
        template = next((t for t in resources.iterchildren("template") if t.get("id") == name), None)
    if template is None:
        config_error(ws, "template", element, id=id or "", value=name)
        return None
    merged = deepcopy(template)
    merged.tail = None
    merged.tag = element.tag
    merged.set("id", id or "")
    instance = element.get("clone")
    if instance is not None:
        merged.set("clone", instance)
    inherited = merged.find("operations")
    own = None
    for child in element.iterchildren("*"):
        copy = deepcopy(child)
        merged.append(copy)
        if child.tag == "operations" and own is None:
            own = copy
    if inherited is not None and own is not None:
        _merge_operations(own, inherited)
        merged.remove(inherited)
    return merged


def _merge_operations(own: _Element, inherited: _Element) -> None:
    known = {_operation_key(op) for op in own.iterchildren("op")}
    for op in inherited.iterchildren("op"):
        if _operation_key(op) not in known:
            own.append(deepcopy(op))


def _operation_key(op: _Element) -> tuple[str | None, str]:
    role = (op.get("role") or "").lower()
    return op.get("name"), "unknown" if role in _PLAIN_ROLES else role
