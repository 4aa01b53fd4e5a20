"""What the controller core asks of its daemon, beside the effects every core may ask for.

Durations are milliseconds where the field name ends in `_ms`, seconds otherwise. Each request with a `call_id` or
`token` is answered exactly once through the input method named in its docstring.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from hashell.model.alerts import AlertEvent
from hashell.stack.effects import Effect


@dataclass(frozen=True, slots=True)
class SendPeer(Effect):
    """Send an envelope in the group `crmd`; `to` None is everybody, `to_daemon` the frame's destination daemon."""

    element: etree._Element
    to: str | None
    to_daemon: str = "crmd"


@dataclass(frozen=True, slots=True)
class CibRequest(Effect):
    """A request to the CIB manager, answered through `cib_reply(call_id, rc, output, now)`.

    `options` are the `cib_callopt` bits; `section` an XPath when bit 2 is set; `user` is whose access rules count.
    """

    call_id: int
    op: str
    section: str | None
    element: etree._Element | None
    options: int
    host: str | None = None
    user: str = "hacluster"


@dataclass(frozen=True, slots=True)
class InvokeScheduler(Effect):
    """Have a transition computed; answered through `scheduler_reply(reference, graph, input_file, now)`."""

    reference: str
    cib: etree._Element


@dataclass(frozen=True, slots=True)
class RegisterResource(Effect):
    """Make the resource known to the executor (again)."""

    resource: str
    standard: str
    provider: str
    agent: str


@dataclass(frozen=True, slots=True)
class UnregisterResource(Effect):
    """Make the executor forget the resource and its recurring operations."""

    resource: str


@dataclass(frozen=True, slots=True)
class ExecuteOperation(Effect):
    """Run an operation; its results come through `operation_result`, a refusal through `operation_refused(token)`."""

    token: int
    resource: str
    action: str
    interval_ms: int
    timeout_ms: int
    start_delay_ms: int
    userdata: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelOperation(Effect):
    """Stop a recurring operation; answered through `operation_cancelled(token, rc, now)`."""

    token: int
    resource: str
    action: str
    interval_ms: int


@dataclass(frozen=True, slots=True)
class GetMetadata(Effect):
    """Fetch an agent's metadata; answered through `metadata(standard, provider, agent, text, now)`."""

    standard: str
    provider: str
    agent: str


@dataclass(frozen=True, slots=True)
class RequestFencing(Effect):
    """Have a node fenced; answered through `fencing_result(token, ok, has_device, now)`."""

    token: int
    target: str
    action: str
    timeout: float
    delay: int


@dataclass(frozen=True, slots=True)
class TellAlerts(Effect):
    """Something happened that alert agents may want to hear of."""

    event: AlertEvent


@dataclass(frozen=True, slots=True)
class AttrdUpdate(Effect):
    """Set transient attributes of node `host` in one request; value None deletes."""

    host: str
    values: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class AttrdClearFailures(Effect):
    """Remove fail counts and failure times; empty `operation` means all operations."""

    host: str
    resource: str
    operation: str = ""
    interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class AttrdPurge(Effect):
    """Make the attribute manager forget a node that was removed from the cluster."""

    host: str


@dataclass(frozen=True, slots=True)
class ReplyClient(Effect):
    """Send an event to a local IPC client."""

    client_id: str
    element: etree._Element


@dataclass(frozen=True, slots=True)
class OpenIpc(Effect):
    """Start accepting local IPC clients."""


@dataclass(frozen=True, slots=True)
class ExitDaemon(Effect):
    """Leave with this exit code; nothing follows."""

    code: int
