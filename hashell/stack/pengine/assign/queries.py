"""What resources of every variant are and where: role, location, activity (scheduler actions §10.4, §21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import Role, Variant

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource

ACTIVE = 1
ASSIGNED = 2
PENDING = 4


def role_of(rsc: Resource, current: bool) -> int:
    """The current or next role; for collectives the highest of the children, for bundles always unknown."""
    if rsc.variant == Variant.PRIMITIVE:
        return rsc.orig_role if current else rsc.next_role
    if rsc.variant == Variant.BUNDLE:
        return Role.UNKNOWN
    return max((role_of(child, current) for child in rsc.children), default=Role.UNKNOWN)


def location_nodes(rsc: Resource, which: int) -> list[Node]:
    """Distinct nodes of all leaves, as wanted by the ACTIVE, ASSIGNED and PENDING bits."""
    found: dict[str, Node] = {}
    _collect_nodes(rsc, which, found)
    return list(found.values())


def _collect_nodes(rsc: Resource, which: int, found: dict[str, Node]) -> None:
    if rsc.children:
        for child in rsc.children:
            _collect_nodes(child, which, found)
        return
    if which & ACTIVE:
        for node in rsc.active_nodes:
            found.setdefault(node.id, node)
    if which & PENDING and rsc.pending_node is not None:
        found.setdefault(rsc.pending_node.id, rsc.pending_node)
    if which & ASSIGNED and rsc.assigned_node is not None:
        found.setdefault(rsc.assigned_node.node.id, rsc.assigned_node.node)


def single_location(rsc: Resource, which: int) -> Node | None:
    """The node, if there is exactly one."""
    if rsc.variant == Variant.PRIMITIVE and which == ASSIGNED:
        return rsc.assigned_node.node if rsc.assigned_node else None
    nodes = location_nodes(rsc, which)
    return nodes[0] if len(nodes) == 1 else None


def is_active(rsc: Resource, all_parts: bool = False) -> bool:
    """Whether any part, or all parts, of the resource run on a node where that can be so."""
    if rsc.variant == Variant.PRIMITIVE:
        return any(node.unclean or node.online or not rsc.managed for node in rsc.active_nodes)
    if rsc.variant == Variant.BUNDLE:
        return _bundle_active(rsc, all_parts)
    active = (is_active(child, all_parts) for child in rsc.children)
    return all(active) if all_parts else any(active)


def _bundle_active(rsc: Resource, all_parts: bool) -> bool:
    for replica in rsc.bundle.replicas:
        for part in (replica.ip, replica.child, replica.container, replica.remote):
            if part is not None and is_active(part, all_parts) != all_parts:
                return not all_parts
    return all_parts


def active_node(rsc: Resource) -> tuple[Node | None, int, int]:
    """The node that counts as the current one, the number of active nodes and of clean ones among them."""
    if rsc.variant == Variant.BUNDLE:
        return _select(rsc, _bundle_nodes(rsc))
    return _select(rsc, rsc.active_nodes)


def _bundle_nodes(rsc: Resource) -> list[Node]:
    containers = [r.container for r in rsc.bundle.replicas if is_active(r.container)]
    if len(containers) == 1:
        return containers[0].active_nodes
    found: dict[str, Node] = {}
    for container in containers:
        for node in container.active_nodes:
            found.setdefault(node.id, node)
    return list(found.values())


def _select(rsc: Resource, nodes: list[Node]) -> tuple[Node | None, int, int]:
    if not nodes:
        return None, 0, 0
    clean = [node for node in nodes if node.online and not node.unclean]
    chosen = nodes[0]
    if rsc.partial_migration_source is not None:
        if rsc.partial_migration_source in nodes:
            chosen = rsc.partial_migration_source
    elif not rsc.needs_fencing and clean:
        chosen = clean[0]
    return chosen, len(nodes), len(clean)


def current_node(rsc: Resource) -> Node | None:
    return active_node(rsc)[0]


def any_leaf(rsc: Resource, name: str) -> bool:
    """Whether the flag of that name is set on the resource or anything below it."""
    return bool(getattr(rsc, name)) or any(any_leaf(child, name) for child in rsc.children)


def is_multiply_active(rsc: Resource) -> bool:
    _, total, clean = active_node(rsc)
    return (total if rsc.needs_fencing else clean) > 1


def is_known_on(rsc: Resource, node: Node) -> bool:
    """Whether the state of every leaf, or of any for clones, has been learnt on the node."""
    if rsc.children and rsc.variant != Variant.PRIMITIVE:
        return any(is_known_on(child, node) for child in rsc.children)
    return node.id in rsc.probed_nodes


def matches(rsc: Resource, node: Node, role: int, current: bool) -> bool:
    """Whether the instance is in the role (UNKNOWN = any) and has its single location on the node (§7.5)."""
    if role != Role.UNKNOWN and role != role_of(rsc, current):
        return False
    if any_leaf(rsc, "blocked"):
        return False
    return single_location(rsc, ACTIVE if current else ASSIGNED) is node
