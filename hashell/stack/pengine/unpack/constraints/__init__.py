"""The constraints section into constraint objects, in document order (model spec chapter 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.config import only
from hashell.stack.pengine.unpack.constraints.colocation import unpack_colocation
from hashell.stack.pengine.unpack.constraints.location import unpack_location
from hashell.stack.pengine.unpack.constraints.ordering import unpack_ordering
from hashell.stack.pengine.unpack.constraints.ticket import unpack_ticket

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet

_KINDS = {
    "rsc_order": unpack_ordering,
    "rsc_colocation": unpack_colocation,
    "rsc_location": unpack_location,
    "rsc_ticket": unpack_ticket,
}


def unpack_constraint_section(ws: WorkingSet) -> None:
    section = only(ws.cib, "constraints")
    if section is None:
        return
    for element in section.iterchildren("*"):
        if not element.get("id"):
            config_error(ws, "no-id", element, name=str(element.tag))
            continue
        unpack = _KINDS.get(str(element.tag))
        if unpack is None:
            config_error(ws, "constraint", element, id=element.get("id") or "", value=f"unknown kind {element.tag}")
            continue
        if ws.ledger is not None:
            ws.ledger.order_id = element.get("id") or "" if element.tag == "rsc_order" else ""
        unpack(ws, element)
    if ws.ledger is not None:
        ws.ledger.order_id = ""
