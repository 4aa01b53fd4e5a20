"""What the CIB says about fencing for this node: devices it may use, levels, attributes and ids of nodes. Pure.

Which devices this node may use is decided by the policy engine's location stage alone (daemons specification, 5.1).
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.dates import from_epoch
from hashell.stack.stonithd.merging import read_level
from hashell.stack.stonithd.table import DeviceSpec
from hashell.stack.stonithd.topology import LevelKey

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet

_RELEVANT = re.compile(
    r"/cib/configuration/(resources|constraints|rsc_defaults|nodes|fencing-topology|tags|crm_config)\b"
)
_WHOLE = ("/cib", "/cib/configuration")
_INSTANCE = re.compile(r":\d+\Z")


@dataclass
class FencingConfiguration:
    """Names of nodes are in lower case in `attributes` and `nodeids`."""

    devices: list[DeviceSpec] = field(default_factory=list)
    levels: list[tuple[LevelKey, int, list[str]]] = field(default_factory=list)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    nodeids: dict[str, str] = field(default_factory=dict)


def concerns_fencing(notification: etree._Element) -> bool:
    """Whether a CIB change notification touches anything that read_configuration reads."""
    for change in notification.iter("change"):
        path = change.get("path") or ""
        if change.get("operation") == "move":
            continue
        if _RELEVANT.match(path):
            return True
        if path in _WHOLE and change.get("operation") in ("create", "delete", "replace"):
            return True
    return False


def read_configuration(cib: etree._Element, local: str, wall: float) -> FencingConfiguration:
    """Fencing as configured, seen from node `local` at `wall` (epoch seconds). The CIB is not changed."""
    copy = deepcopy(cib)
    status = copy.find("status")
    if status is not None:
        status.clear()
    found = FencingConfiguration()
    _read_nodes(copy, found)
    for element in copy.iterfind("configuration/fencing-topology/fencing-level"):
        if (level := read_level(element)) is not None:
            found.levels.append(level)
    if copy.find("configuration/resources//*[@class='stonith']") is not None:
        found.devices = _read_devices(copy, local, wall)
    return found


def _read_nodes(cib: etree._Element, found: FencingConfiguration) -> None:
    for node in cib.iterfind("configuration/nodes/node"):
        name = (node.get("uname") or "").lower()
        if not name:
            continue
        found.nodeids[name] = node.get("id") or ""
        pairs = [pair for block in node.iterfind("instance_attributes") for pair in block.iterfind("nvpair")]
        found.attributes[name] = {pair.get("name") or "": pair.get("value") or "" for pair in pairs}


def _read_devices(cib: etree._Element, local: str, wall: float) -> list[DeviceSpec]:
    # The policy engine is the greater part of this daemon's memory, and a cluster without fencing needs none of it.
    from hashell.stack.pengine import new_working_set, run
    from hashell.stack.pengine.unpack.upgrade import upgrade

    upgrade(cib)
    ws = new_working_set(cib, now=from_epoch(int(wall)))
    ws.location_only = True
    run(ws)
    specs = [_device(ws, leaf, local) for top in ws.resources for leaf in top.leaves() if leaf.fence_device]
    devices = list({spec.id: spec for spec in reversed(specs) if spec is not None}.values())
    devices.reverse()
    return devices


def _device(ws: WorkingSet, rsc: Resource, local: str) -> DeviceSpec | None:
    """The device as this node may use it; None when it is switched off or banned here."""
    role = (rsc.meta.get("target-role") or "").lower()
    if role == "stopped":
        return None
    allowed = next((c for c in rsc.allowed_nodes.values() if c.node.name.lower() == local.lower()), None)
    if allowed is None or allowed.score < 0:
        return None
    from hashell.stack.pengine.unpack.lookup import parameters

    params = dict(parameters(ws, rsc, allowed.node))
    if (priority := rsc.meta.get("priority")) and "priority" not in params:
        params["priority"] = priority
    agent = rsc.xml.get("type") or ""
    return DeviceSpec(_INSTANCE.sub("", rsc.id), agent, params) if agent else None
