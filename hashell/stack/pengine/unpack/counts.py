"""How many resource instances there are, disabled or blocked, for the head line of displays (spec chapter 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.unpack.resources import is_disabled

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet


def count_resources(ws: WorkingSet) -> None:
    for rsc in ws.resources:
        _count(ws, rsc)


def _count(ws: WorkingSet, rsc: Resource) -> None:
    if rsc.variant == Variant.PRIMITIVE:
        if rsc.removed and not rsc.active_nodes:
            return
        ws.ninstances += 1
        if is_disabled(rsc):
            ws.disabled_resources += 1
        if rsc.blocked:
            ws.blocked_resources += 1
        return
    for child in rsc.children:
        _count(ws, child)
