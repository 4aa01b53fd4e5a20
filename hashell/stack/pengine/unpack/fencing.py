"""Requests to fence a node (model spec 10.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import fencing_op
from hashell.stack.pengine.kinds import NodeVariant
from hashell.stack.pengine.messages import config_warning

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, WorkingSet


def fence_node(ws: WorkingSet, node: Node, reason: str, priority_delay: bool = False) -> None:
    """Mark the node as one to be fenced; a guest is fenced by restarting what launches it."""
    connection = node.remote
    if node.is_guest():
        assert connection is not None and connection.launcher is not None
        launcher = connection.launcher
        if not launcher.failed and launcher.managed:
            node.remote_reset = True
            launcher.failed = launcher.stop_if_failed = True
        elif not launcher.managed:
            config_warning(ws, "failed", id=launcher.id, name="unmanaged launcher", value=node.name)
    elif connection is not None and connection.removed_launched and node.variant == NodeVariant.REMOTE:
        connection.failed = connection.stop_if_failed = True
    elif node.variant == NodeVariant.REMOTE:
        if (connection is None or connection.managed) and not node.remote_reset:
            node.remote_reset = True
        node.unclean = True
        fencing_op(ws, node, None, True, reason, False)
    elif not node.unclean:
        node.unclean = True
        fencing_op(ws, node, None, True, reason, priority_delay)
