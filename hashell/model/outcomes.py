"""How an operation of an agent ended: execution status, OCF exit code, and the words for both.

Numbers are those of the daemons specification, sections 3.7 and 6.2; they stand in `op-status` and `rc-code` of a CIB.
"""

from __future__ import annotations

from enum import IntEnum


class ExecStatus(IntEnum):
    """How an attempt to run an action ended, apart from what the agent returned."""

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


class OcfCode(IntEnum):
    """Exit codes of OCF agents, and those the cluster itself records in their place."""

    OK = 0
    UNKNOWN_ERROR = 1
    INVALID_PARAM = 2
    UNIMPLEMENTED = 3
    INSUFFICIENT_PRIV = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    PROMOTED = 8
    FAILED_PROMOTED = 9
    CONNECTION_DIED = 189
    DEGRADED = 190
    DEGRADED_PROMOTED = 191
    UNKNOWN = 193


#: What an agent itself may exit with.
OCF_CODES = frozenset(int(code) for code in OcfCode) - {int(OcfCode.CONNECTION_DIED)}

#: As crm_mon words them.
_RC_WORDS = {
    0: "ok", 1: "error", 2: "invalid parameter", 3: "unimplemented feature", 4: "insufficient privileges",
    5: "not installed", 6: "not configured", 7: "not running", 8: "promoted", 9: "promoted (failed)",
    189: "connection died", 190: "degraded", 191: "degraded promoted", 193: "unknown",
}  # fmt: skip
_STATUS_WORDS = {
    -2: "unknown", -1: "pending", 0: "complete", 1: "cancelled", 2: "timed out", 3: "unsupported", 4: "error",
    5: "hard error", 6: "fatal error", 7: "not installed", 8: "not connected", 9: "invalid", 10: "no fence device",
    11: "no secrets",
}  # fmt: skip
#: As crm_simulate words them.
_ATTEMPT_WORDS = {
    -1: "Pending", 0: "Done", 1: "Cancelled", 2: "Timed out", 3: "Unsupported", 4: "Error", 5: "Hard error",
    6: "Fatal error", 7: "Not installed", 8: "Internal communication failure", 9: "Cannot execute now",
    10: "No fence device", 11: "CIB secrets unavailable",
}  # fmt: skip
_EXIT_WORDS = {
    0: "OK",
    1: "Error occurred",
    2: "Invalid parameter",
    3: "Unimplemented",
    4: "Insufficient privileges",
    5: "Not installed",
    6: "Not configured",
    7: "Not running",
    8: "Promoted",
    9: "Failed in promoted role",
    124: "Timeout occurred",
    190: "Service is active but might fail soon",
    191: "Service is promoted but might fail soon",
    193: "No exit status available",
}


def rc_words(rc: int) -> str:
    """An OCF exit code as a status display names it: `not running`."""
    return _RC_WORDS.get(rc, "unknown")


def status_words(status: int) -> str:
    """An execution status as a status display names it: `timed out`."""
    return _STATUS_WORDS.get(status, "unknown")


def attempt_words(status: int) -> str:
    """An execution status in the text form of crm_simulate: `Timed out`."""
    return _ATTEMPT_WORDS.get(status, "UNKNOWN!")


def exit_words(rc: int) -> str:
    """An exit code as a sentence of the text form of crm_simulate: `Not running`."""
    text = _EXIT_WORDS.get(rc)
    if text is not None:
        return text
    return "Interrupted by signal" if 128 < rc < 256 else "Unknown exit status"
