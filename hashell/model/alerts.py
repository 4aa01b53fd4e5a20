"""Alerts: which agents a CIB has told of what, and the environment they are told it in (daemons spec, section 6.6)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.model.dates import DateTime
from hashell.model.durations import milliseconds
from hashell.model.nvpairs import expand
from hashell.model.rules import Context
from hashell.model.values import is_true

if TYPE_CHECKING:
    from lxml.etree import _Element

NODE, FENCING, RESOURCE, ATTRIBUTE = "node", "fencing", "resource", "attribute"
#: What an alert without a selection is told of.
UNASKED = frozenset({NODE, FENCING, RESOURCE})
TIMEOUT_MS = 30_000
TIMESTAMP = "%H:%M:%S.%06N"
_SELECTS = {f"select_{kind}s": kind for kind in (NODE, RESOURCE, ATTRIBUTE)} | {"select_fencing": FENCING}
_FRACTION = re.compile(r"%(?:0?(\d))?N")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_VERSION = "3.0.0"


@dataclass(frozen=True)
class AlertEvent:
    """Something that happened. `values` are those of its own kind, by the name after `CRM_alert_`."""

    kind: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Alert:
    """One agent to be run for one recipient ('' = without). `attributes` None means all."""

    ident: str
    path: str
    recipient: str = ""
    kinds: frozenset[str] = UNASKED
    attributes: frozenset[str] | None = None
    timeout_ms: int = TIMEOUT_MS
    timestamp: str = TIMESTAMP
    params: Mapping[str, str] = field(default_factory=dict)

    def wants(self, event: AlertEvent) -> bool:
        """Whether this agent is told of the event."""
        if event.kind not in self.kinds:
            return False
        named = self.attributes is None or event.values.get("attribute_name") in self.attributes
        return event.kind != ATTRIBUTE or named

    def environment(self, event: AlertEvent, wall: float) -> dict[str, str]:
        """The variables of one run; `wall` is when it happened, in seconds since the epoch."""
        microseconds = int(wall * 1_000_000)
        told = {
            "kind": event.kind, "version": _VERSION, "recipient": self.recipient,
            "timestamp": timestamp(self.timestamp, microseconds),
            "timestamp_epoch": str(microseconds // 1_000_000), "timestamp_usec": f"{microseconds % 1_000_000:06}",
            **event.values,
        }  # fmt: skip
        own = {name: value for name, value in self.params.items() if _VARIABLE.match(name)}
        return {**own, **{f"CRM_alert_{name}": value for name, value in told.items()}}


def timestamp(pattern: str, microseconds: int) -> str:
    """strftime in local time, with `%N` (`%02N`, `%3N`) for the first digits of the second's fraction."""
    fraction = f"{microseconds % 1_000_000:06}"
    filled = _FRACTION.sub(lambda match: fraction[: int(match[1] or 6)].ljust(int(match[1] or 6), "0"), pattern)
    return datetime.datetime.fromtimestamp(microseconds // 1_000_000).strftime(filled)


def read_alerts(alerts: _Element | None, now: DateTime) -> list[Alert]:
    """All agents and recipients of the section `alerts`; `now` is for rules of their attributes."""
    found: list[Alert] = []
    for element in alerts.iterchildren("alert") if alerts is not None else ():
        kinds, attributes = _selection(element)
        recipients: list[_Element | None] = [*element.iterchildren("recipient")]
        for recipient in recipients or [None]:
            meta = _pairs("meta_attributes", recipient, element, now)
            if not is_true(meta.get("enabled", "true")):
                continue
            params = _pairs("instance_attributes", recipient, element, now)
            timeout = milliseconds(meta.get("timeout"))
            found.append(
                Alert(
                    element.get("id", ""), element.get("path", ""),
                    recipient.get("value", "") if recipient is not None else "", kinds, attributes,
                    timeout if timeout else TIMEOUT_MS, meta.get("timestamp-format", TIMESTAMP), params,
                )  # fmt: skip
            )
    return found


def _selection(element: _Element) -> tuple[frozenset[str], frozenset[str] | None]:
    select = element.find("select")
    if select is None:
        return UNASKED, None
    kinds = frozenset(_SELECTS[child.tag] for child in select.iterchildren("*") if child.tag in _SELECTS)
    names = frozenset(name for a in select.iterfind("select_attributes/attribute") if (name := a.get("name")))
    return kinds, names or None


def _pairs(tag: str, recipient: _Element | None, alert: _Element, now: DateTime) -> dict[str, str]:
    """A recipient's own values before those of its alert."""
    table: dict[str, str] = {}
    for holder in (recipient, alert):
        if holder is not None:
            expand(holder, tag, Context(now), table)
    return table
