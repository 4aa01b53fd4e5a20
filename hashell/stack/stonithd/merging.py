"""Exchange of histories between fencers, and levels as clients write them (daemons spec 5.3, ipc spec 3.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer_of
from hashell.stack.stonithd import protocol
from hashell.stack.stonithd.operation import FenceOp, History, Outcome, State
from hashell.stack.stonithd.protocol import CallOption
from hashell.stack.stonithd.topology import LevelKey

_EXPIRED = Outcome(ExecStatus.INVALID, 110, "Fencer was restarted while it was in charge")


@dataclass
class Merged:
    """What came of a merge: `closed` ended by what the peer knows, `news` are entries the peer does not know."""

    changed: bool = False
    closed: list[FenceOp] = field(default_factory=list)
    news: list[FenceOp] = field(default_factory=list)


def broadcast_message(ops: Sequence[FenceOp]) -> etree._Element:
    """All fencers are told these operations, and tell what they know beyond them."""
    options = int(CallOption.BROADCAST | CallOption.DISCARD_REPLY)
    message = etree.Element("stonith_command", t=protocol.TYPE, subt="broadcast", st_op="st_fence_history")
    message.set("st_callopt", str(options))
    wrapper = etree.SubElement(etree.SubElement(message, "st_calldata"), "stonith_send_broadcast_history")
    history = etree.SubElement(wrapper, "st_history")
    history.extend([protocol.history_entry(op, with_id=True) for op in ops])
    return message


def cleanup_message(target: str) -> etree._Element:
    """All fencers forget the completed operations of the target ('' = all)."""
    options = int(CallOption.CLEANUP | CallOption.DISCARD_REPLY)
    message = etree.Element("stonith_command", t=protocol.TYPE, subt="broadcast", st_op="st_fence_history")
    message.set("st_callopt", str(options))
    wrapper = etree.SubElement(etree.SubElement(message, "st_calldata"), "stonith_send_broadcast_history")
    if target:
        wrapper.set("st_target", target)
    return message


def merge(history: History, message: etree._Element, local: str, wall: float) -> Merged:
    """Take over what a peer's history has beyond ours: unknown entries, and ends of what is pending here."""
    merged = Merged()
    seen: dict[str, None] = {}
    for element in message.iter("st_execute"):
        entry = protocol.read_history_entry(element)
        if entry is None:
            continue
        seen[entry.id] = None
        known = history.ops.get(entry.id)
        if known is None:
            merged.changed = True
            if entry.pending and entry.origin == local:
                entry.state, entry.outcome, entry.completed = State.FAILED, _EXPIRED, wall
                merged.news.append(entry)
            history.add(entry)
        elif known.pending and not entry.pending and not known.completed:
            known.state, known.outcome = entry.state, entry.outcome
            known.delegate, known.completed = entry.delegate, entry.completed
            merged.changed = True
            merged.closed.append(known)
        elif entry.pending and not known.pending:
            merged.news.append(known)
    merged.news += [op for op in history.ops.values() if op.id not in seen]
    return merged


def read_level(element: etree._Element) -> tuple[LevelKey, int, list[str]] | None:
    """Key, index and devices of a `<fencing-level>`; None when it has no target."""
    get = element.get
    if target := get("target"):
        key = LevelKey("target", target)
    elif pattern := get("target-pattern"):
        key = LevelKey("pattern", pattern)
    elif (attribute := get("target-attribute")) and get("target-value") is not None:
        key = LevelKey("attribute", f"{attribute}={get('target-value')}")
    else:
        return None
    devices = [name.strip() for name in (get("devices") or "").split(",") if name.strip()]
    return key, integer_of(element, "index"), devices
