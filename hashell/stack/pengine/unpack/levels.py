"""Fencing topology: only checked here, the fencer uses it (model spec 14.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.values import scan_integer
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.config import only

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet

_MAX_INDEX = 9


def check_fencing_levels(ws: WorkingSet) -> None:
    topology = only(ws.cib, "fencing-topology")
    if topology is None:
        return
    for level in topology.iterchildren("fencing-level"):
        id = level.get("id")
        if not id:
            config_error(ws, "no-id", level, name="fencing-level")
            continue
        index, _ = scan_integer(level.get("index"))
        if index is None or not 1 <= index <= _MAX_INDEX:
            config_error(ws, "fencing-level", level, id=id, value=f"its index must be 1 to {_MAX_INDEX}")
