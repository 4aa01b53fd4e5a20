"""What the attribute manager's core asks for besides timers and log lines."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.model.alerts import AlertEvent
from hashell.stack.effects import Effect


@dataclass(frozen=True, slots=True)
class SendPeer(Effect):
    """Send to the node named `to`, or to all with None; both come back to us if we are meant."""

    element: etree._Element
    to: str | None


@dataclass(frozen=True, slots=True)
class ReplyClient(Effect):
    """Answer a request on the response channel."""

    client_id: str
    request_id: int
    element: etree._Element


@dataclass(frozen=True, slots=True)
class AckClient(Effect):
    """Acknowledge a request with an exit code, telling the protocol version."""

    client_id: str
    request_id: int
    status: int


@dataclass(frozen=True, slots=True)
class CibCommit(Effect):
    """Carry out the commands as one CIB transaction; the result comes back through `cib_result(number, …)`."""

    number: int
    commands: tuple[etree._Element, ...]
    user: str


@dataclass(frozen=True, slots=True)
class TellAlerts(Effect):
    """A value changed that alert agents may want to hear of."""

    event: AlertEvent


@dataclass(frozen=True, slots=True)
class CibDelete(Effect):
    """Delete what the XPath selects from the CIB, without an answer."""

    xpath: str
