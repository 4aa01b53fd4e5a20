"""Bit flags of relations between actions and of actions themselves (scheduler actions §11.1).

Plain integers rather than enum.Flag: relations are tested millions of times in a large cluster.
"""

from __future__ import annotations


class Rel:
    """Relation flags of an ordering, first before then. Some are compared for equality with the whole value."""

    NONE = 0
    ORDERED = 0x1
    IF_FIRST_UNMIGRATABLE = 0x2
    THEN_IMPLIES_FIRST = 0x10
    FIRST_IMPLIES_THEN = 0x20
    PROMOTED_THEN_IMPLIES_FIRST = 0x40
    UNMIGRATABLE_THEN_BLOCKS = 0x80
    UNRUNNABLE_FIRST_BLOCKS = 0x100
    FIRST_ELSE_THEN = 0x200
    FIRST_IMPLIES_SAME_NODE_THEN = 0x400
    NESTED_REMOTE_PROBE = 0x800
    INTERMEDIATE_STOP = 0x1000
    SERIALIZE = 0x4000
    IF_ON_SAME_NODE = 0x8000
    THEN_IMPLIES_FIRST_GRAPHED = 0x10000
    FIRST_IMPLIES_THEN_GRAPHED = 0x20000
    ASYMMETRIC = 0x100000
    IF_ON_SAME_NODE_OR_TARGET = 0x200000
    MIN_RUNNABLE = 0x400000
    IF_REQUIRED_ON_SAME_NODE = 0x800000
    GUEST_ALLOWED = 0x1000000
    THEN_CANCELS_FIRST = 0x2000000


class Act:
    """Action flags."""

    PSEUDO = 0x1
    RUNNABLE = 0x2
    OPTIONAL = 0x4
    ALWAYS_IN_GRAPH = 0x8
    ATTRS_EVALUATED = 0x10
    MIGRATABLE = 0x80
    ADDED_TO_GRAPH = 0x100
    MIGRATION_ABORT = 0x800
    RESCHEDULE = 0x2000
    DETECT_LOOP = 0x4000
    INPUTS_DEDUPLICATED = 0x8000
    ON_DC = 0x10000


#: Task names whose completion has a task of its own, as collectives order against it.
COMPLETED = {"stop": "stopped", "start": "running", "notify": "notified", "promote": "promoted", "demote": "demoted"}

#: The operation that a completion belongs to.
BASE_TASK = {done: task for task, done in COMPLETED.items()}

#: Tasks that undo each other, for the inverse of a symmetric ordering.
INVERSE = {
    "start": "stop",
    "stop": "start",
    "promote": "demote",
    "demote": "promote",
    "promoted": "demoted",
    "demoted": "promoted",
    "running": "stopped",
    "stopped": "running",
}
