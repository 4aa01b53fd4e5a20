"""Live migrations in the history: where the resource ended up (model spec 12.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.stack.pengine.kinds import Role
from hashell.stack.pengine.unpack.activity import add_running, fail
from hashell.stack.pengine.unpack.entry import Entry, compare_entries

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_MOVING = ("start", "stop", "migrate_to", "migrate_from")


def _entries_on(ws: WorkingSet, rsc: Resource, node_name: str) -> list[Entry]:
    """All entries recorded for the resource's own id on a node of exactly that name."""
    index: dict[tuple[str, str], list[Entry]] | None = ws.caches.get("history_by_node")
    if index is None:
        index = ws.caches["history_by_node"] = {}
        for state in ws.cib.iter("node_state"):
            for lrm in state.iter("lrm_resource"):
                entries = index.setdefault((state.get("uname") or "", lrm.get("id") or ""), [])
                entries.extend(Entry(op) for op in lrm.iterchildren("lrm_rsc_op"))
    return index.get((node_name, rsc.id), [])


def _find(
    ws: WorkingSet, rsc: Resource, node_name: str, task: str, source: str | None = None, target: str | None = None
) -> Entry | None:
    """The only entry of that task, with that source or target of a migration."""
    found = [
        entry
        for entry in _entries_on(ws, rsc, node_name)
        if entry.task == task
        and (source is None or entry.xml.get("migrate_source") == source)
        and (target is None or entry.xml.get("migrate_target") == target)
    ]
    return found[0] if len(found) == 1 else None


def _non_monitor_after(ws: WorkingSet, rsc: Resource, node_name: str, entry: Entry) -> bool:
    return any(
        other.xml is not entry.xml and other.task in _MOVING and compare_entries(other, entry) > 0
        for other in _entries_on(ws, rsc, node_name)
    )


def _not_running_after(ws: WorkingSet, rsc: Resource, node_name: str, entry: Entry) -> bool:
    monitor = _find(ws, rsc, node_name, "monitor")
    return (
        monitor is not None
        and monitor.xml_rc == OcfCode.NOT_RUNNING
        and monitor.xml_status == ExecStatus.DONE
        and compare_entries(monitor, entry) > 0
    )


def _newer_state(
    ws: WorkingSet, rsc: Resource, node_name: str, migrate_to: Entry | None, migrate_from: Entry | None
) -> bool:
    entry = migrate_from or migrate_to
    if migrate_from is not None and migrate_to is not None:
        source = migrate_from.xml.get("migrate_source") or ""
        if source.lower() == node_name.lower():
            entry = migrate_to
    if entry is None:
        return False
    return _non_monitor_after(ws, rsc, node_name, entry) or _not_running_after(ws, rsc, node_name, entry)


def _unknown_on(ws: WorkingSet, rsc: Resource, node_name: str) -> bool:
    return not any(entry.xml.get("rc-code") != str(OcfCode.UNKNOWN) for entry in _entries_on(ws, rsc, node_name))


def _ends(node: Node, entry: Entry, own: str) -> tuple[str, str] | None:
    """(source, target) names; None when one is missing or this side is not this node."""
    source, target = entry.xml.get("migrate_source"), entry.xml.get("migrate_target")
    if not source or not target:
        return None
    mine = source if own == "source" else target
    return (source, target) if mine.lower() == node.name.lower() else None


def migrate_to_success(ws: WorkingSet, rsc: Resource, node: Node, entry: Entry) -> None:
    """The resource left this node; what happened on the other side decides."""
    ends = _ends(node, entry, "source")
    if ends is None:
        return
    source, target = ends
    source_newer = _non_monitor_after(ws, rsc, source, entry)
    arrival = _find(ws, rsc, target, "migrate_from", source=source)
    rc: int = OcfCode.OK
    status: int = ExecStatus.PENDING
    if arrival is not None:
        if source_newer:
            return
        rc, status = arrival.xml_rc, arrival.xml_status
    target_newer = _newer_state(ws, rsc, target, entry, arrival)
    if source_newer and target_newer:
        return
    if rc == OcfCode.OK and status == ExecStatus.DONE:
        rsc.orig_role = Role.STOPPED
        rsc.dangling_migration_sources.append(node)
        return
    rsc.orig_role = Role.STARTED
    target_node = ws.find_node(target)
    target_active = not target_newer and target_node is not None and target_node.online
    if status != ExecStatus.PENDING:
        if target_active:
            assert target_node is not None
            add_running(ws, rsc, target_node, failed=True)
        else:
            fail(rsc)
            rsc.migratable = False
        return
    if target_node is not None and target_node.online and _unknown_on(ws, rsc, target):
        return
    if target_active:
        assert target_node is not None
        add_running(ws, rsc, target_node, failed=False)
        source_node = ws.find_node(source)
        if source_node is not None and source_node.online:
            rsc.partial_migration_target = target_node
            rsc.partial_migration_source = source_node
    elif not source_newer:
        fail(rsc)
        rsc.migratable = False


def migrate_to_failure(ws: WorkingSet, rsc: Resource, node: Node, entry: Entry) -> None:
    """The resource failed to leave this node; it may be active on either side."""
    ends = _ends(node, entry, "source")
    if ends is None:
        return
    source, target = ends
    rsc.orig_role = Role.STARTED
    arrival = _successful(_find(ws, rsc, target, "migrate_from", source=source))
    if not _unknown_on(ws, rsc, target) and not _newer_state(ws, rsc, target, entry, arrival):
        target_node = ws.find_node(target)
        if target_node is not None and target_node.online:
            add_running(ws, rsc, target_node, failed=False)
    elif not _non_monitor_after(ws, rsc, source, entry):
        rsc.dangling_migration_sources.append(node)


def migrate_from_failure(ws: WorkingSet, rsc: Resource, node: Node, entry: Entry) -> None:
    """The resource failed to arrive on this node; it may still be active where it came from."""
    ends = _ends(node, entry, "target")
    if ends is None:
        return
    source, target = ends
    rsc.orig_role = Role.STARTED
    departure = _successful(_find(ws, rsc, source, "migrate_to", target=target))
    if not _unknown_on(ws, rsc, source) and not _newer_state(ws, rsc, source, departure, entry):
        source_node = ws.find_node(source)
        if source_node is not None and source_node.online:
            add_running(ws, rsc, source_node, failed=True)


def _successful(entry: Entry | None) -> Entry | None:
    if entry is None or entry.xml_rc != OcfCode.OK or entry.xml_status != ExecStatus.DONE:
        return None
    return entry
