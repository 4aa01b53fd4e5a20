"""Cluster options into the model (model spec chapter 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.durations import interval_ms
from hashell.model.nvpairs import expand
from hashell.model.options import CLUSTER_OPTIONS, NEWER_NAMES, option_value
from hashell.model.rules import Context
from hashell.model.scores import INFINITY, score
from hashell.model.values import boolean, integer, is_true
from hashell.stack.pengine.kinds import QuorumPolicy
from hashell.stack.pengine.messages import config_error

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet


def only(root: _Element, tag: str) -> _Element | None:
    """The only element of that name in the document; None when there are none or several (model spec 2.6)."""
    found = list(root.iter(tag))
    return found[0] if len(found) == 1 else None


def note_change(ws: WorkingSet, epoch: int | None) -> None:
    """Remember a moment at which the schedule has to be computed again, if it is the earliest in the future."""
    if epoch is not None and epoch > ws.now_s() and (ws.recheck_by == 0 or epoch < ws.recheck_by):
        ws.recheck_by = epoch


def unpack_options(ws: WorkingSet, crm_config: _Element | None) -> None:
    """Read `crm_config` and set everything that options decide."""
    table: dict[str, str] = {}
    if crm_config is not None:
        context = Context(ws.now)
        expand(crm_config, "cluster_property_set", context, table, "cib-bootstrap-options")
        note_change(ws, context.next_change)
    for newer, name in NEWER_NAMES.items():
        if newer in table:
            table[name] = table[newer]
    for name, option in CLUSTER_OPTIONS.items():
        if name not in table and option.default is not None:
            table[name] = option.default
    ws.options = table
    _health(ws)
    _fencing(ws)
    _flags(ws)
    _quorum_policy(ws)


def flag(ws: WorkingSet, name: str) -> bool:
    return is_true(option_value(ws.options, name))


def _fencing(ws: WorkingSet) -> None:
    ws.enable_unfencing = _unfencing_configured(ws.cib)
    ws.fence_timeout_ms = interval_ms(option_value(ws.options, "stonith-timeout"))
    ws.fencing_enabled = flag(ws, "stonith-enabled")
    ws.fence_action = option_value(ws.options, "stonith-action") or "reboot"
    ws.concurrent_fencing = flag(ws, "concurrent-fencing")
    ws.priority_fencing_ms = interval_ms(option_value(ws.options, "priority-fencing-delay"))
    if flag(ws, "have-watchdog"):
        ws.have_fencing = True
    ws.startup_fencing = ws.fencing_enabled and flag(ws, "startup-fencing")
    ws.node_pending_ms = interval_ms(option_value(ws.options, "node-pending-timeout"))


def _flags(ws: WorkingSet) -> None:
    ws.stop_all = flag(ws, "stop-all-resources")
    ws.symmetric_cluster = flag(ws, "symmetric-cluster")
    ws.stop_removed_resources = flag(ws, "stop-orphan-resources")
    ws.cancel_removed_actions = flag(ws, "stop-orphan-actions")
    ws.in_maintenance = flag(ws, "maintenance-mode")
    ws.start_failure_fatal = flag(ws, "start-failure-is-fatal")
    ws.probe_resources = flag(ws, "enable-startup-probes")
    ws.shutdown_lock = flag(ws, "shutdown-lock")
    if ws.shutdown_lock:
        ws.shutdown_lock_ms = interval_ms(option_value(ws.options, "shutdown-lock-limit"))
    ws.placement_strategy = (option_value(ws.options, "placement-strategy") or "default").lower()


def _quorum_policy(ws: WorkingSet) -> None:
    value = (option_value(ws.options, "no-quorum-policy") or "stop").lower()
    if value in ("ignore", "freeze", "demote"):
        ws.no_quorum_policy = value
        return
    ws.no_quorum_policy = QuorumPolicy.STOP
    if value not in ("fence", "suicide"):
        return
    if not ws.fencing_enabled:
        config_error(ws, "quorum-policy", value=value)
    elif integer(ws.cib.get("no-quorum-panic")) != 0 or boolean(ws.cib.get("have-quorum")):
        ws.no_quorum_policy = QuorumPolicy.FENCE


def _health(ws: WorkingSet) -> None:
    ws.health_strategy = (option_value(ws.options, "node-health-strategy") or "none").lower()
    if ws.health_strategy == "migrate-on-red":
        ws.health_scores["red"] = -INFINITY
    elif ws.health_strategy == "only-green":
        ws.health_scores.update(red=-INFINITY, yellow=-INFINITY)
    elif ws.health_strategy in ("progressive", "custom"):
        for colour in ("red", "yellow", "green"):
            value = score(option_value(ws.options, f"node-health-{colour}"), 0, ws.health_scores)
            ws.health_scores[colour] = value


def _unfencing_configured(cib: _Element) -> bool:
    """Whether any text of the configuration asks for unfencing, whoever uses it."""
    configuration = cib.find("configuration")
    if configuration is None:
        return False
    blocks = [b for section in configuration.iterchildren("resources") for b in section.iter("meta_attributes")]
    for defaults in configuration.iterchildren("rsc_defaults"):
        blocks.extend(defaults.iterchildren("meta_attributes"))
    return any(
        pair.get("name") in ("provides", "requires") and pair.get("value") == "unfencing"
        for block in blocks
        for pair in block.iter("nvpair")
    )
