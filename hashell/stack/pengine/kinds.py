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


class ExecStatus:
    UNKNOWN = -2
    PENDING = -1
    DONE = 0
    CANCELLED = 1
    TIMEOUT = 2
    NOT_SUPPORTED = 3
    ERROR = 4
    ERROR_HARD = 5
    ERROR_FATAL = 6
    NOT_INSTALLED = 7
    NOT_CONNECTED = 8
    INVALID = 9
    NO_FENCE_DEVICE = 10
    NO_SECRETS = 11


class OcfRc:
    OK = 0
    UNKNOWN_ERROR = 1
    INVALID_PARAM = 2
    UNIMPLEMENT_FEATURE = 3
    INSUFFICIENT_PRIV = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    RUNNING_PROMOTED = 8
    FAILED_PROMOTED = 9
    CONNECTION_DIED = 189
    DEGRADED = 190
    DEGRADED_PROMOTED = 191
    UNKNOWN = 193


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
