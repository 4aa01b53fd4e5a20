"""Fail counts of a resource on a node, from node attributes (model spec 12.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hashell.model.durations import history_interval, interval_ms, ms_to_s
from hashell.model.scores import add_scores, parse_score
from hashell.model.values import integer
from hashell.stack.pengine.messages import config_warning
from hashell.stack.pengine.unpack.entry import Entry

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def base_name(id: str) -> str:
    """The id without a trailing `:digits`."""
    stem, colon, number = id.rpartition(":")
    return stem if colon and number.isdigit() and number.isascii() else id


def failcount(
    ws: WorkingSet,
    node: Node,
    rsc: Resource,
    *,
    effective: bool = True,
    launched: bool = False,
    entry: Entry | None = None,
) -> tuple[int, int]:
    """(fail count, epoch seconds of the last failure or 0).

    effective: expired counts are 0. launched: with those of the resources that this one launches.
    """
    count, last = _recorded(ws, node, rsc)
    if count > 0 and rsc.failure_expiration_ms > 0 and _blocks(ws, node, rsc, entry):
        rsc.failure_expiration_ms = 0
        config_warning(ws, "option", rsc.xml, id=rsc.id, name="failure-timeout with on-fail=block", value="")
    if effective and count > 0 and last > 0 and rsc.failure_expiration_ms > 0 \
            and ws.now_s() > last + ms_to_s(rsc.failure_expiration_ms):  # fmt: skip
        count = 0
    if launched and rsc.launched and not rsc.is_bundled():
        for other in rsc.launched:
            other_count, other_last = failcount(ws, node, other, effective=effective)
            count = add_scores(count, other_count)
            last = max(last, other_last)
    return count, last if count > 0 else 0


def _recorded(ws: WorkingSet, node: Node, rsc: Resource) -> tuple[int, int]:
    cache: dict[Node, dict[str, str]] = ws.caches.setdefault("fail_attributes", {})
    attrs = cache.get(node)
    if attrs is None:
        attrs = cache[node] = {
            name: value
            for name, value in node.attrs.items()
            if name.startswith(("fail-count-", "last-failure-"))
        }
    if not attrs:
        return 0, 0
    name = rsc.history_id or rsc.id
    instance = ""
    if not rsc.unique:
        name, instance = base_name(name), "(:[0-9]+)?"
    try:
        pattern = re.compile(f"^(fail-count|last-failure)-{name}{instance}#.+_[0-9]+$")
    except re.error:
        pattern = re.compile(f"^(fail-count|last-failure)-{re.escape(name)}{instance}#.+_[0-9]+$")
    count = last = 0
    for attribute, value in attrs.items():
        match = pattern.match(attribute)
        if match is None:
            continue
        if match[1] == "fail-count":
            score = parse_score(value)
            count = add_scores(count, score if score is not None else 0)
        else:
            last = max(last, integer(value))
    return count, last


def _blocks(ws: WorkingSet, node: Node, rsc: Resource, entry: Entry | None) -> bool:
    """Whether a failure that is recorded for the resource is of an operation with on-fail=block."""
    base = base_name(rsc.id)
    ops = [op for primitive in _primitives(ws, base) for op in primitive.iter("op") if op.get("on-fail") == "block"]
    if not ops:
        return False
    entries = [entry] if entry is not None else _entries(ws, node, base)
    for op in ops:
        name, interval = op.get("name") or "", interval_ms(op.get("interval"))
        if any(_matches(base, name, interval, each) for each in entries):
            return True
    return False


def _primitives(ws: WorkingSet, id: str) -> list[_Element]:
    index: dict[str, list[_Element]] | None = ws.caches.get("primitives")
    if index is None:
        index = ws.caches["primitives"] = {}
        for element in ws.cib.iter("primitive"):
            index.setdefault(element.get("id") or "", []).append(element)
    return index.get(id, [])


def _entries(ws: WorkingSet, node: Node, base: str) -> list[Entry]:
    return [
        Entry(op)
        for state in ws.cib.iter("node_state")
        if state.get("uname") == node.name
        for lrm in state.iter("lrm_resource")
        if lrm.get("id") == base
        for op in lrm.iterchildren("lrm_rsc_op")
    ]


def _matches(base: str, name: str, interval: int, entry: Entry) -> bool:
    if entry.task.lower() != name.lower() or history_interval(entry.xml.get("interval")) != interval:
        return False
    if entry.id == f"{base}_last_failure_0":
        return True
    return entry.id == f"{base}_{name}_{interval}" and entry.xml_rc != entry.expected
