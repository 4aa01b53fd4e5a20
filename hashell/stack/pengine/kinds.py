"""The enumerations of the policy engine: numeric order is significant, code compares with `<` (model spec 1.1).

Plain integer constants on classes: they are compared millions of times in a large cluster.
"""

from __future__ import annotations

INF = 1000000


class Role:
    UNKNOWN = 0
    STOPPED = 1
    STARTED = 2
    UNPROMOTED = 3
    PROMOTED = 4

    TEXT = ("Unknown", "Stopped", "Started", "Unpromoted", "Promoted")


_ROLES = {
    "stopped": Role.STOPPED,
    "started": Role.STARTED,
    "unpromoted": Role.UNPROMOTED,
    "slave": Role.UNPROMOTED,
    "promoted": Role.PROMOTED,
    "master": Role.PROMOTED,
}


def parse_role(text: str | None) -> int:
    """The role of a text, ignoring case; Role.UNKNOWN for anything else."""
    return _ROLES.get(text.lower(), Role.UNKNOWN) if text else Role.UNKNOWN


class OnFail:
    """What to do after a failure; greater is worse."""

    IGNORE = 0
    DEMOTE = 1
    RESTART = 2
    RESET_REMOTE = 3
    RESTART_CONTAINER = 4
    BAN = 5
    BLOCK = 6
    STOP = 7
    STANDBY_NODE = 8
    FENCE_NODE = 9


class Variant:
    UNKNOWN = -1
    PRIMITIVE = 0
    GROUP = 1
    CLONE = 2
    BUNDLE = 3

    TEXT = ("primitive", "group", "clone", "bundle")


class ProbeMode:
    ALWAYS = 0
    NEVER = 1
    EXCLUSIVE = 2


class MultiplyActive:
    RESTART = "stop_start"
    STOP = "stop_only"
    BLOCK = "block"
    UNEXPECTED = "stop_unexpected"


class QuorumPolicy:
    FREEZE = "freeze"
    STOP = "stop"
    IGNORE = "ignore"
    FENCE = "fence"
    DEMOTE = "demote"


class NodeVariant:
    CLUSTER = "cluster"
    REMOTE = "remote"


class Needs:
    """What an action needs before it may run."""

    NOTHING = 0
    QUORUM = 1
    FENCING = 2


class DigestResult:
    UNKNOWN = "unknown"
    MATCH = "match"
    MISMATCH = "mismatch"
    RESTART = "restart"


class OrderKind:
    OPTIONAL = "Optional"
    MANDATORY = "Mandatory"
    SERIALIZE = "Serialize"


class TicketLoss:
    STOP = "stop"
    DEMOTE = "demote"
    FENCE = "fence"
    FREEZE = "freeze"


class ActionFlag:
    """Bits of Action.flags (actions spec 11.1)."""

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


class Order:
    """Bits of an ordering relation (model spec 14.4, actions spec 11.1)."""

    NONE = 0
    ORDERED = 1 << 0
    IF_FIRST_UNMIGRATABLE = 1 << 1
    THEN_IMPLIES_FIRST = 1 << 4
    FIRST_IMPLIES_THEN = 1 << 5
    PROMOTED_THEN_IMPLIES_FIRST = 1 << 6
    UNMIGRATABLE_THEN_BLOCKS = 1 << 7
    UNRUNNABLE_FIRST_BLOCKS = 1 << 8
    FIRST_ELSE_THEN = 1 << 9
    FIRST_IMPLIES_SAME_NODE_THEN = 1 << 10
    NESTED_REMOTE_PROBE = 1 << 11
    INTERMEDIATE_STOP = 1 << 12
    SERIALIZE = 1 << 14
    IF_ON_SAME_NODE = 1 << 15
    THEN_IMPLIES_FIRST_GRAPHED = 1 << 16
    FIRST_IMPLIES_THEN_GRAPHED = 1 << 17
    ASYMMETRIC = 1 << 20
    IF_ON_SAME_NODE_OR_TARGET = 1 << 21
    MIN_RUNNABLE = 1 << 22
    IF_REQUIRED_ON_SAME_NODE = 1 << 23
    GUEST_ALLOWED = 1 << 24
    THEN_CANCELS_FIRST = 1 << 25
