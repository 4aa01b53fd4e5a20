"""A CIB of the 1.x or 2.x schemas brought to 3.0 (model spec chapter 3, second table)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element

_PREFIX = "_cibtr-3"
_DASHED = frozenset(
    {
        "no_quorum_policy", "stonith_enabled", "stonith_action", "startup_fencing", "stop_orphan_actions",
        "stop_orphan_resources", "symmetric_cluster", "cluster_recheck_interval", "dc_deadtime", "election_timeout",
        "shutdown_escalation", "remove_after_stop",
    }
)  # fmt: skip
_DROPPED = frozenset(
    {
        "default-migration-threshold", "default_migration_threshold", "notification-agent", "notification_agent",
        "notification-recipient", "notification_recipient", "expected-quorum-votes", "expected_quorum_votes",
    }
)  # fmt: skip
_OLD_STACKS = ("heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman")
_RSC_DEFAULTS = {
    "default-resource-stickiness": "resource-stickiness",
    "default_resource_stickiness": "resource-stickiness",
    "is-managed-default": "is-managed",
    "is_managed_default": "is-managed",
}
_FAILURE_STICKINESS = ("default-resource-failure-stickiness", "default_resource_failure_stickiness")
_FENCE_COMMANDS = {
    f"pcmk_{name}_cmd": f"pcmk_{name}_action" for name in ("list", "monitor", "off", "on", "reboot", "status")
}
_OP_META = frozenset(
    {"name", "interval", "interval-origin", "start-delay", "enabled", "on-fail", "record-pending", "role", "timeout"}
)


def upgrade_from_2(cib: _Element) -> None:
    """Rewrite the tree in place to the 3.0 schema."""
    _options(cib)
    for node in cib.iterfind("configuration/nodes/node"):
        if node.get("type") == "normal":
            node.set("type", "member")
    resources = cib.find("configuration/resources")
    if resources is not None:
        for element in list(resources.iter("template", "primitive", "group", "clone", "master", "bundle")):
            _instance_attributes(element)
            _meta_attributes(element)
            _operations(element)
    for colocation in cib.iterfind("configuration/constraints/rsc_colocation"):
        for name in ("score-attribute", "score-attribute-mangle"):
            colocation.attrib.pop(name, "")


def _defaults(cib: _Element, section: str, name: str, value: str) -> None:
    """Add one default below `section` unless there is one of that name."""
    configuration = cib.find("configuration")
    if configuration is None:
        return
    defaults = configuration.find(section)
    if defaults is None:
        defaults = etree.SubElement(configuration, section)
    block = defaults.find("meta_attributes")
    if block is None:
        block = etree.SubElement(defaults, "meta_attributes", id=f"{_PREFIX}_{section}")
    if not any(pair.get("name") == name for pair in block.iter("nvpair")):
        etree.SubElement(block, "nvpair", id=f"{_PREFIX}_{section}_{name}", name=name, value=value)


def _options(cib: _Element) -> None:
    for pair in [p for block in cib.iter("cluster_property_set") for p in block.iter("nvpair")]:
        name, value = pair.get("name") or "", pair.get("value") or ""
        keep = False
        if name in _DASHED:
            pair.set("name", name.replace("_", "-"))
            keep = True
        elif name in ("transition_idle_timeout", "transition-idle-timeout"):
            pair.set("name", "cluster-delay")
            keep = True
        elif name in ("default-action-timeout", "default_action_timeout"):
            _defaults(cib, "op_defaults", "timeout", value)
        elif name in _RSC_DEFAULTS:
            _defaults(cib, "rsc_defaults", _RSC_DEFAULTS[name], value)
        elif name in _FAILURE_STICKINESS:
            if value == "-INFINITY":
                _defaults(cib, "rsc_defaults", "migration-threshold", "1")
        elif name not in _DROPPED:
            keep = name != "cluster-infrastructure" or value not in _OLD_STACKS
        parent = pair.getparent()
        if not keep and parent is not None:
            parent.remove(pair)


def _pairs(parent: _Element, block_tag: str) -> list[_Element]:
    return [pair for block in parent.iterchildren(block_tag) for pair in block.iterchildren("nvpair")]


def _instance_attributes(element: _Element) -> None:
    for pair in _pairs(element, "instance_attributes"):
        name, value = pair.get("name") or "", pair.get("value") or ""
        if name in _FENCE_COMMANDS:
            pair.set("name", _FENCE_COMMANDS[name])
        elif name == "pcmk_arg_map" and value.startswith("port:"):
            pair.set("name", "pcmk_host_argument")
            pair.set("value", value.removeprefix("port:"))


def _meta_attributes(element: _Element) -> None:
    for pair in _pairs(element, "meta_attributes"):
        name = (pair.get("name") or "").replace("_", "-")
        if name.startswith("isolation"):
            pair.set("name", "target-role")
            pair.set("value", "Stopped")
        elif name == "resource-failure-stickiness":
            if pair.get("value") == "-INFINITY":
                pair.set("name", "migration-threshold")
                pair.set("value", "1")
            else:
                pair.getparent().remove(pair)  # type: ignore[union-attr]


def _operations(element: _Element) -> None:
    for operations in element.iterchildren("operations"):
        for op in operations.iterchildren("op"):
            requires = str(op.attrib.pop("requires", "")) or None
            for pair in _pairs(op, "instance_attributes"):
                name = pair.get("name") or ""
                block = pair.getparent()
                assert block is not None
                if name == "requires":
                    requires = requires or pair.get("value")
                    block.remove(pair)
                elif name in _OP_META:
                    _move_to_meta(op, pair)
            if requires is not None and op.get("name") in ("start", "promote"):
                _add_meta(element, "requires", requires)


def _move_to_meta(op: _Element, pair: _Element) -> None:
    meta = op.find("meta_attributes")
    if meta is None:
        meta = etree.SubElement(op, "meta_attributes", id=f"{_PREFIX}_{op.get('id')}-meta")
    meta.append(pair)


def _add_meta(element: _Element, name: str, value: str) -> None:
    if any(pair.get("name") == name for pair in _pairs(element, "meta_attributes")):
        return
    id = f"{_PREFIX}_{element.get('id')}-meta"
    block = etree.Element("meta_attributes", id=id)
    etree.SubElement(block, "nvpair", id=f"{id}-{name}", name=name, value=value)
    element.insert(0, block)
