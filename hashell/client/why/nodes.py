"""Why a node can run nothing at all: offline, unclean, standby, maintenance and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Node


def node_causes(case: Case, node: Node) -> list[Cause]:
    """The causes, the gravest first."""
    if node.is_guest():
        return _guest(node)
    if node.unclean:
        return [_unclean(case, node)]
    if not node.online:
        return [Cause(kind="offline", node=node.name, text=f"{node.name} is offline",
                      remedy=f"cluster start {node.name}")]
    found = []
    if node.shutdown:
        found.append(Cause(kind="shutdown", node=node.name, text=f"{node.name} is shutting down"))
    if node.pending:
        found.append(Cause(kind="joining", node=node.name, text=f"{node.name} is still joining the cluster"))
    elif node.fail_standby:
        found.append(Cause(kind="standby", node=node.name, remedy="resource cleanup",
                           text=f"{node.name} was put in standby by a failure (on-fail=standby)"))
    elif node.standby:
        id, _ = case.node_pair(node, "standby")
        found.append(Cause(kind="standby", node=node.name, id=id, text=f"{node.name} is in standby",
                           remedy=f"node online {node.name}"))
    if node.maintenance:
        found.append(maintenance(case, node))
    return found


def maintenance(case: Case, node: Node) -> Cause:
    id, _ = case.node_pair(node, "maintenance")
    return Cause(kind="node-maintenance", node=node.name, id=id, text=f"{node.name} is in maintenance",
                 remedy=f"node ready {node.name}")


def _unclean(case: Case, node: Node) -> Cause:
    fencing = next((a for a in case.ws.actions if a.task == "stonith" and a.node is node), None)
    reason = f" ({fencing.reason})" if fencing is not None and fencing.reason else ""
    said = f"{node.name} is unclean{reason}: what runs there is not known"
    confirm = f"node clearstate {node.name}"
    if fencing is not None and not fencing.optional and fencing.runnable:
        return Cause(kind="unclean", node=node.name, text=f"{said}, it is being fenced")
    if not case.ws.fencing_enabled:
        why, id = "; it cannot be fenced, fencing is off", case.option("stonith-enabled")
    elif not case.ws.have_fencing:
        why, id = "; it cannot be fenced, there is no fence device", ""
    elif not case.ws.quorate:
        why, id = "; it cannot be fenced without quorum", ""
    else:
        why, id = "", ""
    return Cause(kind="unclean", node=node.name, id=id, remedy=confirm,
                 text=f"{said}{why} (make sure it is off before you confirm that)")


def _guest(node: Node) -> list[Cause]:
    launcher = node.remote.launcher if node.remote is not None else None
    if launcher is not None and launcher.assigned_node is None:
        return [Cause(kind="guest", node=node.name, text=f"{node.name} is down because {launcher.id} is stopped",
                      remedy=f"why {launcher.id}")]
    if not node.online and (node.remote is None or node.remote.assigned_node is None):
        return [Cause(kind="offline", node=node.name, text=f"the guest {node.name} is not connected")]
    return []
