"""From a CIB to a board: the policy engine reads the status section, because only it knows what history means."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator

from lxml import etree

from hashell.client.board import Board, FailureView, FencingView, NodeView, ResourceView
from hashell.model.outcomes import rc_words, status_words
from hashell.model.values import integer
from hashell.model.version import CibVersion
from hashell.stack.pengine import new_working_set
from hashell.stack.pengine.kinds import Role, Variant
from hashell.stack.pengine.state import Node, Resource, WorkingSet

_PENDING_ROLES = {
    "start": "Starting", "stop": "Stopping", "promote": "Promoting", "demote": "Demoting",
    "migrate_to": "Migrating", "migrate_from": "Migrating",
}  # fmt: skip


def read_status(cib: etree._Element, now: float) -> WorkingSet:
    """A working set with configuration and status unpacked; `cib` itself is left alone.

    now: epoch seconds, the effective date of rules and failure timeouts.
    """
    from hashell.model.dates import from_epoch
    from hashell.stack.pengine.unpack import unpack_cluster
    from hashell.stack.pengine.unpack.upgrade import upgrade

    upgraded = copy.deepcopy(cib)
    upgrade(upgraded)
    working_set = new_working_set(upgraded, now=from_epoch(int(now), time.localtime(now).tm_gmtoff))
    unpack_cluster(working_set)
    return working_set


def build_board(
    cib: etree._Element,
    fencing: tuple[FencingView, ...] = (),
    now: float | None = None,
    look: Callable[[WorkingSet], object] = lambda ws: None,
) -> Board:
    """The board of a CIB. `now` in epoch seconds, the present when None; `look` is shown the model it is made from."""
    working_set = read_status(cib, time.time() if now is None else now)
    look(working_set)
    dc = working_set.dc_node
    return Board(
        cluster_name=working_set.options.get("cluster-name", ""),
        dc=dc.name if dc else "",
        have_quorum=working_set.quorate,
        maintenance=working_set.in_maintenance,
        stonith_enabled=working_set.fencing_enabled,
        version=CibVersion.of(cib),
        last_change=cib.get("cib-last-written") or "",
        nodes=tuple(_node(node, dc) for node in working_set.nodes),
        resources=tuple(view for rsc in working_set.resources for view in _resource(rsc, 0)),
        failures=tuple(_failures(working_set)),
        fencing=fencing,
        left_over=tuple(_left_over(cib)),
    )


def node_state(node: Node) -> str:
    """One word for the state of a node, the most urgent first."""
    if node.unclean:
        return "UNCLEAN"
    if node.pending:
        return "pending"
    if not node.online:
        return "offline"
    if node.maintenance:
        return "maintenance"
    return "standby" if node.standby or node.fail_standby else "online"


def _node(node: Node, dc: Node | None) -> NodeView:
    kind = "guest" if node.is_guest() else "remote" if node.is_pacemaker_remote() else "member"
    return NodeView(node.name, node.id, node_state(node), dc=node is dc, kind=kind, running=len(node.running_rsc))


def _resource(rsc: Resource, depth: int) -> Iterator[ResourceView]:
    if rsc.removed and not rsc.active_nodes and not rsc.children:
        return
    yield _view(rsc, depth)
    for child in rsc.children:
        anonymous_spare = rsc.variant == Variant.CLONE and not rsc.unique and not _active_anywhere(child)
        if not anonymous_spare:
            yield from _resource(child, depth + 1)


def _active_anywhere(rsc: Resource) -> bool:
    return any(leaf.active_nodes for leaf in rsc.leaves())


def _view(rsc: Resource, depth: int) -> ResourceView:
    leaves = list(rsc.leaves())
    nodes: list[str] = []
    for leaf in leaves:
        nodes += [node.name for node in leaf.active_nodes if node.name not in nodes]
    kind = Variant.TEXT[rsc.variant]
    return ResourceView(
        key=rsc.id,
        id=rsc.display_id(),
        kind="promotable" if rsc.variant == Variant.CLONE and rsc.promotable else kind,
        depth=depth,
        agent=":".join(filter(None, (rsc.xml.get(name) for name in ("class", "provider", "type")))),
        role=_role(rsc, leaves),
        nodes=tuple(nodes),
        target_role=rsc.meta.get("target-role", ""),
        managed=rsc.managed,
        maintenance=rsc.maintenance,
        failed=any(leaf.failed for leaf in leaves),
        blocked=any(leaf.blocked for leaf in leaves),
        orphan=rsc.removed,
        pending=_pending(rsc),
    )


def _role(rsc: Resource, leaves: list[Resource]) -> str:
    if rsc.variant == Variant.PRIMITIVE:
        return _PENDING_ROLES.get(rsc.pending_action or "") or _settled_role(rsc)
    active = [leaf for leaf in leaves if leaf.orig_role > Role.STOPPED and leaf.pending_action != "start"]
    if not active:
        return "Stopped"
    if rsc.variant == Variant.GROUP and len(active) < len(leaves):
        return f"Partial {len(active)}/{len(leaves)}"
    return f"Started {len(active)}" if rsc.variant == Variant.CLONE else "Started"


def _pending(rsc: Resource) -> str:
    action = rsc.pending_action
    return f"{action} pending" if action and action not in _PENDING_ROLES else ""


def _settled_role(rsc: Resource) -> str:
    if rsc.orig_role in (Role.STARTED, Role.UNPROMOTED):
        return Role.TEXT[Role.UNPROMOTED if rsc.top().promotable else Role.STARTED]
    return Role.TEXT[rsc.orig_role]


def _failures(working_set: WorkingSet) -> Iterator[FailureView]:
    for entry in working_set.failed:
        rc, status = integer(entry.get("rc-code")), integer(entry.get("op-status"))
        yield FailureView(
            resource=entry.get("rsc_id") or (entry.get("operation_key") or "").rsplit("_", 2)[0],
            node=entry.get("uname") or entry.get("on_node") or "",
            operation=entry.get("operation") or "",
            interval_ms=integer(entry.get("interval")),
            rc=rc,
            rc_text=rc_words(rc),
            status=status_words(status),
            reason=entry.get("exit-reason") or "",
            when=integer(entry.get("last-rc-change")),
        )


def _left_over(cib: etree._Element) -> Iterator[str]:
    for constraint in cib.iterfind("configuration/constraints/rsc_location"):
        if (constraint.get("id") or "").startswith(("cli-prefer-", "cli-ban-")):
            yield constraint.get("id") or ""
