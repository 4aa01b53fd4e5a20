"""Results of operations and changes of nodes written into the status section of a CIB (actions spec 18.3, 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.values import integer
from hashell.model.version import FEATURE_SET
from hashell.stack.pengine.unpack.digests import parameters_digest

if TYPE_CHECKING:
    from lxml.etree import _Element

_NOT_IN_ID = re.compile(r"[^\w.\-:]", re.ASCII)
_UUID = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_MIGRATIONS = ("migrate_to", "migrate_from")


class Recorder:
    """Edits one CIB. `now_s` (epoch seconds) is the time of everything it records.

    new_nodes: nodes that are not configured become so when something is recorded of them, as the original has it in
    a simulation that brings nodes online.
    """

    def __init__(self, cib: _Element, now_s: int, *, new_nodes: bool = False) -> None:
        self.cib = cib
        self.now_s = now_s
        self.new_nodes = new_nodes

    def status(self) -> _Element:
        status = self.cib.find("status")
        return status if status is not None else etree.SubElement(self.cib, "status")

    def node_state(self, name: str, id: str | None = None) -> _Element:
        """The state of the node, made when there is none. Without id: that of its `<node>` entry, or its name."""
        node = next((n for n in self.cib.iterfind("configuration/nodes/node") if n.get("uname") == name), None)
        nodes = self.cib.find("configuration/nodes")
        if node is None and self.new_nodes and nodes is not None:
            node = etree.SubElement(nodes, "node", id=name, uname=name)
        if id is None:
            id = (node.get("id") if node is not None else None) or name
        states = list(self.status().iterchildren("node_state"))
        state = next((s for s in states if (s.get("uname") or "").lower() == name.lower()), None)
        if state is None:
            state = next((s for s in states if s.get("id") == id), None)
        if state is None:
            state = etree.SubElement(self.status(), "node_state", id=id)
        state.set("uname", name)
        return state

    def set_up(self, name: str) -> None:
        """The node is there as a full member."""
        self._set_state(name, "true", "online", "member", "member")

    def set_down(self, name: str) -> None:
        """The node has left in good order: nothing runs on it."""
        state = self._set_state(name, "false", "offline", "down", "down")
        _drop_history(state)

    def set_failed(self, name: str) -> None:
        """The node is gone without a word."""
        self._set_state(name, "false", "online", "member", "member")

    def fence(self, name: str, id: str) -> None:
        """The node has been fenced."""
        self.node_state(name, id)
        self.set_down(name)

    def _set_state(self, name: str, in_ccm: str, crmd: str, join: str, expected: str) -> _Element:
        state = self.node_state(name)
        state.set("in_ccm", in_ccm)
        state.set("crmd", crmd)
        state.set("join", join)
        state.set("expected", expected)
        state.set("crm-debug-origin", "crm_simulate")
        return state

    def lrm_resource(
        self, node: str, node_id: str | None, name: str, primitive: _Element, config_name: str = ""
    ) -> tuple[_Element, bool]:
        """The history of a resource on a node, found by any of its names or made, and whether it is the only one."""
        state = self.node_state(node, node_id)
        lrm = state.find("lrm")
        if lrm is None:
            lrm = etree.SubElement(state, "lrm", id=state.get("id") or node)
        resources = lrm.find("lrm_resources")
        if resources is None:
            resources = etree.SubElement(lrm, "lrm_resources")
        config_name = config_name or primitive.get("id") or name
        for wanted in (name, config_name):
            found = [element for element in resources.iterchildren("lrm_resource") if element.get("id") == wanted]
            if found:
                return found[0], len(found) == 1
        element = etree.SubElement(resources, "lrm_resource", id=config_name)
        for attribute in ("class", "provider", "type"):
            value = primitive.get(attribute)
            if value is not None:
                element.set(attribute, value)
        return element, True

    def record(
        self, action: _Element, primitive: _Element, name: str, params: dict[str, str], rc: int, target_rc: int
    ) -> None:
        """Write the result of an operation of the graph."""
        node, node_id = action.get("on_node") or "", action.get("on_node_uuid")
        if action.get("router_node"):
            node_id = node
        resource, only = self.lrm_resource(node, node_id, name, primitive)
        operation = action.get("operation") or ""
        self.write_entry(resource, primitive.get("id") or name, node, operation, params, rc, target_rc, only)

    def write_entry(
        self,
        resource: _Element,
        name: str,
        node: str,
        operation: str,
        params: dict[str, str],
        rc: int,
        target_rc: int,
        only: bool = True,
        injected: bool = False,
    ) -> None:
        """Write one entry under the configured name, and its twin for a failure that is not recurring.

        Where a resource has several histories on a node (only = False), call ids start again: none of them is found
        as the one to continue.
        """
        operation = "start" if operation == "reload-agent" else operation
        interval = params.get("CRM_meta_interval") or "0"
        known = [integer(op.get("call-id")) for op in resource.iterchildren("lrm_rsc_op")] if only else []
        call_id = 1 + max(known, default=0)
        for id, key in _entry_ids(name, operation, interval, params, rc != target_rc):
            self._write(resource, id, key, node, operation, interval, call_id, params, rc, target_rc, injected)

    def _write(
        self,
        resource: _Element,
        id: str,
        operation_key: str,
        node: str,
        operation: str,
        interval: str,
        call_id: int,
        params: dict[str, str],
        rc: int,
        target_rc: int,
        injected: bool,
    ) -> None:
        entry = next((op for op in resource.iterchildren("lrm_rsc_op") if op.get("id") == id), None)
        if entry is None:
            entry = etree.SubElement(resource, "lrm_rsc_op", id=id)
        key = f"{call_id}:-1:{target_rc}:{_UUID}"
        values = {
            "operation_key": operation_key,
            "operation": operation,
            "crm-debug-origin": "crm_simulate",
            "crm_feature_set": FEATURE_SET,
            "transition-key": key,
            "transition-magic": f"0:{rc};{key}",
            "exit-reason": "Simulated action result" if injected and rc != 0 else "",
            "on_node": node,
            "call-id": str(call_id),
            "rc-code": str(rc),
            "op-status": "0",
            "interval": interval,
            "last-rc-change": str(self.now_s),
            "exec-time": "0",
            "queue-time": "0",
        }
        if operation in _MIGRATIONS:
            values["migrate_source"] = params.get("CRM_meta_migrate_source", "")
            values["migrate_target"] = params.get("CRM_meta_migrate_target", "")
        if not injected:
            values["op-digest"] = _digest(params)
        for name, value in values.items():
            entry.set(name, value)

    def add_failcount(self, node: str, rsc: str, operation: str, interval: str, rc: int, fatal: bool) -> list[str]:
        """Count one failure of an operation, or all that ever may be; what was done, in words.

        Success, and a probe or one-time operation that finds the resource stopped, are no failures.
        """
        if rc == 0 or (interval == "0" and rc == 7):
            return []
        suffix = f"{rsc}#{operation}_{interval}"
        attributes = self._transient(node)
        count = attributes.get(f"fail-count-{suffix}")
        if fatal:
            text = "INFINITY"
        else:
            text = str(integer(count.get("value")) + 1) if count is not None else "1"
        id = self.node_state(node).get("id")
        said = []
        for name, value in ((f"fail-count-{suffix}", text), (f"last-failure-{suffix}", str(self.now_s))):
            self.set_attribute(node, name, value)
            said.append(f"Injecting attribute {name}={value} into /node_state '{id}'")
        return said

    def _block(self, node: str) -> _Element:
        state = self.node_state(node)
        id = state.get("id") or node
        transient = state.find("transient_attributes")
        if transient is None:
            transient = etree.SubElement(state, "transient_attributes", id=id)
        block = transient.find("instance_attributes")
        if block is None:
            block = etree.SubElement(transient, "instance_attributes", id=id)
        return block

    def _transient(self, node: str) -> dict[str, _Element]:
        return {pair.get("name") or "": pair for pair in self._block(node).iterchildren("nvpair")}

    def set_attribute(self, node: str, name: str, value: str) -> None:
        """A transient attribute of the node."""
        pair = self._transient(node).get(name)
        if pair is None:
            block = self._block(node)
            pair = etree.SubElement(block, "nvpair", id=_pair_id(f"{block.get('id')}-{name}"), name=name)
        pair.set("value", value)


def _pair_id(text: str) -> str:
    """As the original's tools make ids: a first character that cannot stand first is replaced."""
    clean = _NOT_IN_ID.sub(".", text)
    return clean if clean[:1].isalpha() or clean[:1] == "_" else f"_{clean[1:]}"


def _drop_history(state: _Element) -> None:
    for tag in ("lrm", "transient_attributes"):
        for element in list(state.iterchildren(tag)):
            state.remove(element)


def _entry_ids(
    rsc: str, operation: str, interval: str, params: dict[str, str], failed: bool
) -> list[tuple[str, str]]:
    """(entry id, operation key) of what is recorded for a result."""
    key = f"{rsc}_{operation}_{interval}"
    if operation == "notify":
        kind, about = params.get("CRM_meta_notify_type"), params.get("CRM_meta_notify_operation")
        return [(f"{rsc}_{kind}_notify_{about}_0", key)]
    if operation in _MIGRATIONS:
        return [(key, key)]
    last = (f"{rsc}_last_0", key)
    if failed:
        ids = [(f"{rsc}_last_failure_0", key)]
        return [*ids, last] if interval == "0" else ids
    return [(key, key)] if interval != "0" else [last]


def _digest(params: dict[str, str]) -> str:
    """As the executor would: without meta attributes, but with the timeout of recurring operations."""
    plain = {
        name: value
        for name, value in params.items()
        if not name.startswith("CRM_meta_") and name not in ("crm_feature_set", "pcmk_external_ip", "id")
    }
    if params.get("CRM_meta_interval", "0") != "0" and "CRM_meta_timeout" in params:
        plain["CRM_meta_timeout"] = params["CRM_meta_timeout"]
    return parameters_digest(plain)
