"""One recorded operation (`lrm_rsc_op`) and the order of two of them (model spec 11.3, 12.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hashell.model.durations import history_interval
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.model.values import integer
from hashell.stack.pengine.mergesort import merge_sort

if TYPE_CHECKING:
    from lxml.etree import _Element

_KEY = re.compile(r"(-?\d+):(-?\d+):(-?\d+):(.+)", re.ASCII | re.DOTALL)
_MAGIC = re.compile(r"(-?\d+):(-?\d+);(.*)", re.ASCII | re.DOTALL)
_TASKS = frozenset({"monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "asyncmon"})
_CANNOT_RUN = (OcfCode.NOT_INSTALLED, OcfCode.INVALID_PARAM)


def parse_transition_key(text: str | None) -> tuple[int, int, int, str] | None:
    """(action id, transition id, target rc, uuid)."""
    match = _KEY.match(text) if text else None
    return (int(match[1]), int(match[2]), int(match[3]), match[4]) if match else None


def _target_rc(text: str | None) -> int:
    """The target rc in a transition key, -1 when it is none."""
    if not text:
        return -1
    parts = text.split(":", 3)
    if len(parts) == 4 and parts[3] and text.isascii() and "".join(parts[:3]).isdigit() and "" not in parts:
        return int(parts[2])
    key = parse_transition_key(text)
    return key[2] if key is not None else -1


class Entry:
    """The parsed fields of one entry. `status` and `rc` change while the result is interpreted."""

    __slots__ = (
        "xml", "id", "key", "task", "interval", "status", "rc", "call_id", "expected", "xml_rc", "xml_status",
        "last_change", "on_node",
    )  # fmt: skip

    def __init__(self, xml: _Element) -> None:
        get = xml.get
        self.xml = xml
        self.id = get("id") or ""
        self.key = get("operation_key") or self.id
        self.task = get("operation") or ""
        self.interval = history_interval(get("interval"))  #: ms
        self.xml_status = self.status = integer(get("op-status"), ExecStatus.UNKNOWN)
        self.xml_rc = self.rc = integer(get("rc-code"), -1)
        self.call_id = integer(get("call-id"), -1)
        self.last_change = integer(get("last-rc-change"), -1)  #: epoch seconds
        self.on_node = (get("on_node") or "").lower()
        self.expected = _target_rc(get("transition-key"))

    def usable(self) -> bool:
        """Whether status and result are in their ranges."""
        known = ExecStatus.PENDING <= self.xml_status <= ExecStatus.NO_SECRETS
        return known and self.xml_status != ExecStatus.CANCELLED and 0 <= self.xml_rc <= 255

    def relevant(self) -> bool:
        return self.task in _TASKS

    def is_probe(self) -> bool:
        return self.task == "monitor" and self.interval == 0

    def is_masked_probe(self) -> bool:
        """A probe that only says that the agent cannot run there, as recorded."""
        return (
            self.xml_rc in _CANNOT_RUN or self.xml_status == ExecStatus.NOT_INSTALLED
        ) and self.is_probe()


def compare_entries(a: Entry, b: Entry) -> int:
    """Negative when `a` happened first, positive when `b` did, 0 when nobody knows. Not a total order."""
    same_node = a.on_node == b.on_node
    if same_node and a.id == b.id:
        return 0
    if a.call_id == -1 and b.call_id == -1:
        return 0
    if same_node and a.call_id >= 0 and a.call_id < b.call_id:
        return -1
    if same_node and b.call_id >= 0 and a.call_id > b.call_id:
        return 1
    if a.call_id >= 0 and b.call_id >= 0 and (not same_node or a.call_id == b.call_id):
        if a.last_change >= 0 and a.last_change < b.last_change:
            return -1
        if b.last_change >= 0 and a.last_change > b.last_change:
            return 1
        return 0
    return _compare_pending(a, b)


def _compare_pending(a: Entry, b: Entry) -> int:
    first, second = _magic_key(a), _magic_key(b)
    if first is None or second is None:
        return 0
    if first[3].lower() != second[3].lower() or first[1] == second[1]:
        if b.call_id == -1:
            return -1
        return 1 if a.call_id == -1 else 0
    if (0 <= first[1] < second[1]) or second[1] == -1:
        return -1
    if (second[1] >= 0 and first[1] > second[1]) or first[1] == -1:
        return 1
    return 0


def _magic_key(entry: Entry) -> tuple[int, int, int, str] | None:
    magic = entry.xml.get("transition-magic")
    match = _MAGIC.match(magic) if magic else None
    return parse_transition_key(match[3]) if match else None


def sorted_entries(lrm_resource: _Element) -> list[Entry]:
    """The operations of one `lrm_resource` in the order in which they happened."""
    entries = [Entry(xml) for xml in lrm_resource.iterchildren("lrm_rsc_op")]
    if len(entries) < 2:
        return entries
    entries.reverse()
    return merge_sort(entries, compare_entries)


def active_range(entries: list[Entry]) -> tuple[int, int]:
    """(start index, stop index) of the entries that may still be in effect; -1 for none (spec 11.7)."""
    start = stop = monitor = promote = -1
    for index, entry in enumerate(entries):
        if entry.task == "stop" and entry.xml.get("op-status") == "0":
            stop = index
        elif entry.task in ("start", "migrate_from"):
            start = index
        elif monitor <= stop and entry.task == "monitor":
            if entry.xml.get("rc-code") in ("0", "8"):
                monitor = index
        elif entry.task in ("promote", "demote"):
            promote = index
    if start == -1:
        start = promote if promote != -1 else monitor
    return start, stop
