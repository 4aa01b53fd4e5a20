"""From a CIB to the model: configuration, status, constraints and what they imply for nodes (scheduler model spec)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.dates import DateTime, from_epoch
from hashell.model.rules import compare_versions
from hashell.model.values import is_true, scan_integer
from hashell.model.version import FEATURE_SET
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.config import only, unpack_options
from hashell.stack.pengine.unpack.connections import create_implicit_nodes
from hashell.stack.pengine.unpack.constraints import unpack_constraint_section
from hashell.stack.pengine.unpack.counts import count_resources
from hashell.stack.pengine.unpack.criteria import apply_criteria
from hashell.stack.pengine.unpack.health import apply_health
from hashell.stack.pengine.unpack.levels import check_fencing_levels
from hashell.stack.pengine.unpack.nodes import unpack_nodes
from hashell.stack.pengine.unpack.resources import unpack_resources, unpack_tags
from hashell.stack.pengine.unpack.status import unpack_status

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet

__all__ = ["apply_criteria", "effective_now", "unpack_cluster", "unpack_constraints"]



def effective_now(cib: _Element, now: DateTime) -> DateTime:
    """The date a stored input was made at (`execution-date`, epoch seconds), else `now`."""
    value, _ = scan_integer(cib.get("execution-date"))
    return now if value is None else from_epoch(value, now.host_offset)


def unpack_cluster(ws: WorkingSet) -> None:
    """Configuration and status into the model (spec chapter 0, step 2)."""
    ws.unpacked = True
    version = ws.cib.get("crm_feature_set")
    if version is not None and compare_versions(version, FEATURE_SET) > 0:
        config_error(ws, "feature-set", ws.cib, name=FEATURE_SET, value=version)
        ws.accepted = False
        return
    ws.quorate = is_true(ws.cib.get("have-quorum"))
    ws.op_defaults = only(ws.cib, "op_defaults")
    ws.rsc_defaults = only(ws.cib, "rsc_defaults")
    unpack_options(ws, only(ws.cib, "crm_config"))
    unpack_nodes(ws, only(ws.cib, "nodes"))
    resources = only(ws.cib, "resources")
    if resources is not None:
        create_implicit_nodes(ws, resources)
    unpack_resources(ws, resources)
    check_fencing_levels(ws)
    unpack_tags(ws)
    if ws.location_only:
        return
    status = only(ws.cib, "status")
    if status is not None:
        unpack_status(ws, status)
    if not ws.no_counts:
        count_resources(ws)


def unpack_constraints(ws: WorkingSet) -> None:
    """Node health, then the constraints in document order."""
    apply_health(ws)
    unpack_constraint_section(ws)
