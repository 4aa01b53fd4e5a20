"""Which actions, and which inputs of them, belong to the transition graph (scheduler actions §16.2, §16.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Variant

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action, Relation

_SEQUENCING = Rel.ORDERED | Rel.THEN_IMPLIES_FIRST_GRAPHED | Rel.FIRST_IMPLIES_THEN_GRAPHED


def deduplicate_inputs(action: Action) -> None:
    """One relation an input, with the flags of all of them; afterwards in ascending order of action ids."""
    if action.flags & Act.INPUTS_DEDUPLICATED:
        return
    action.flags |= Act.INPUTS_DEDUPLICATED
    merged: dict[int, Relation] = {}
    for relation in sorted(action.before, key=lambda item: item.action.id):
        known = merged.setdefault(relation.action.id, relation)
        if known is not relation:
            known.flags |= relation.flags
            known.graphed = known.graphed or relation.graphed
    action.before = list(merged.values())


def belongs_in_graph(action: Action) -> bool:
    """Whether the action is to be carried out, or shown as a step."""
    if not action.flags & Act.RUNNABLE:
        return False
    if action.flags & Act.OPTIONAL and not action.flags & Act.ALWAYS_IN_GRAPH:
        return False
    rsc = action.rsc
    if rsc is not None and not rsc.managed and action.task != "monitor" and action.meta.get("interval", "0") == "0":
        return False
    if action.flags & Act.PSEUDO or action.task in ("stonith", "do_shutdown"):
        return True
    node = action.node
    if node is None:
        return False
    if action.flags & Act.ON_DC or (node.is_guest() and not node.remote_reset):
        return True
    return node.online and not node.unclean


def input_listed(action: Action, relation: Relation) -> bool:
    """Whether the input is to be waited for in the graph; a relation that turns out void is zeroed."""
    first, flags = relation.action, relation.flags
    if relation.graphed:
        return True
    if not flags:
        return False
    if not first.flags & Act.RUNNABLE and (
        not flags & ~_SEQUENCING or flags & (Rel.MIN_RUNNABLE | Rel.UNMIGRATABLE_THEN_BLOCKS)
    ):
        return False
    if first.flags & Act.MIGRATABLE and (
        flags & Rel.IF_FIRST_UNMIGRATABLE or (flags == Rel.ORDERED and first.key.endswith("_stop_0"))
    ):
        return False
    if flags == Rel.IF_ON_SAME_NODE_OR_TARGET:
        return _listed_on_same_node_or_target(action, relation)
    if flags == Rel.IF_REQUIRED_ON_SAME_NODE:
        if (first.node is not None and action.node is not None and first.node is not action.node) \
                or first.flags & Act.OPTIONAL:  # fmt: skip
            relation.flags = 0
            return False
        return True
    rsc = first.rsc
    if (
        rsc is not None
        and rsc is not action.rsc
        and rsc.failed
        and not rsc.managed
        and first.key.endswith("_stop_0")
        and action.rsc is not None
        and action.rsc.variant == Variant.CLONE
    ):
        return False
    return not (
        first.flags & Act.OPTIONAL
        and not first.flags & (Act.ALWAYS_IN_GRAPH | Act.ADDED_TO_GRAPH)
        and not belongs_in_graph(first)
    )


def _listed_on_same_node_or_target(action: Action, relation: Relation) -> bool:
    first = relation.action
    where = action.node
    if action.rsc is not None and action.task == "migrate_to":
        where = action.rsc.assigned_node.node if action.rsc.assigned_node else None
        void = where is None or first.node is not where
    else:
        void = first.node is None or where is None or first.node is not where
    if void or first.flags & Act.OPTIONAL:
        relation.flags = 0
        return False
    return True


def makes_loop(init: Action, action: Action, relation: Relation) -> bool:
    """Whether listing the input leads back to `init`."""
    first = relation.action
    if first.flags & Act.DETECT_LOOP:
        return False
    if not input_listed(action, relation):
        return False
    if first is init:
        return True
    first.flags |= Act.DETECT_LOOP
    found = False
    for other in reversed(first.before):
        if makes_loop(init, first, other):
            found = True
            break
    first.flags &= ~Act.DETECT_LOOP
    return found
