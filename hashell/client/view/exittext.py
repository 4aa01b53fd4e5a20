"""What the exit status of an agent means, in words."""

from __future__ import annotations

_TEXT = {
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


def exit_text(status: int) -> str:
    """The words for an exit status of a resource agent."""
    text = _TEXT.get(status)
    if text is not None:
        return text
    return "Interrupted by signal" if 128 < status < 256 else "Unknown exit status"
