"""Bans: no part of a resource may run on a node (scheduler actions §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.unpack.locations import resource_location

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def ban(ws: WorkingSet, rsc: Resource, node: Node | None = None, cause: str = "") -> None:
    """No part of the resource may run on the node (None = anywhere)."""
    resource_location(ws, rsc, node, -INF, cause=cause)
