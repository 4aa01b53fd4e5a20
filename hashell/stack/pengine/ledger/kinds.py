"""The kinds of causes that a ledger knows; the texts are stable, they are part of the JSON form of explanations."""

from __future__ import annotations


class Kind:
    """What made a score, a ban or a block."""

    LOCATION = "location"  #: a location constraint or its rule
    HEALTH = "health"  #: node health
    STICKINESS = "stickiness"
    THRESHOLD = "failures"  #: migration-threshold reached
    FAILED_STOP = "failed-stop"
    FAILURE_BAN = "failure-ban"  #: a failure that bans the resource from the node
    FATAL_FAILURE = "fatal-failure"  #: a failure that bans the resource from everywhere
    TICKET = "ticket"
    ORPHAN = "orphan"  #: active, but configured no more
    LOCK = "shutdown-lock"
    EXCLUSIVE = "exclusive-discovery"
    COLOCATION = "colocation"
    DEPENDENT = "dependent"  #: the wishes of what must or should run with the resource
    PARAMETERS = "parameters"  #: the parameters changed since the last operation
    ORDERING = "ordering"  #: an interleaved clone has no instance there that could be first
    CAPACITY = "utilization"
    CLONE_MAX = "clone-max"
    CLONE_NODE_MAX = "clone-node-max"
    UNMANAGED_HERE = "unmanaged-here"  #: an unmanaged resource stays where it is
    STOPPED = "stopped"  #: the wanted role is Stopped
    MULTIPLE = "multiply-active"
    CONNECTION = "remote-connection"  #: connections, fence devices and guests have nodes they cannot use
    PROMOTION_SCORE = "promotion-score"
    PROMOTED_WITH = "promotion-colocation"  #: a colocation of the promoted role, in the promotion score
    ON_FAIL_BLOCK = "on-fail-block"
    ON_FAIL_STOP = "on-fail-stop"
    NO_FENCING = "no-fence-device"
    NODE_MAINTENANCE = "node-maintenance"
    TICKET_FREEZE = "ticket-freeze"
    QUORUM_FREEZE = "quorum-freeze"
