"""Digests of operation parameters and their comparison with what was recorded (model spec chapter 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.rules import compare_versions
from hashell.model.xmltext import escape_attribute
from hashell.stack.pengine.kinds import DigestResult
from hashell.stack.pengine.unpack.lookup import parameters
from hashell.stack.pengine.unpack.operations import find_op, op_attributes, op_meta

try:  # hashlib loads OpenSSL, which takes longer than all digests of a large cluster
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet
    from hashell.stack.pengine.unpack.entry import Entry

_DROPPED = frozenset({"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"})
_DEFAULT_SECRETS = " passwd password user "


class DigestData:
    """Digests of one operation on one node and how they compare with an entry."""

    __slots__ = ("result", "digest_all", "digest_restart", "digest_secure", "preset", "secure_only")

    def __init__(self) -> None:
        self.result = DigestResult.MATCH
        self.digest_all = ""
        self.digest_restart: str | None = None
        self.digest_secure: str | None = None
        self.preset = DigestResult.UNKNOWN
        self.secure_only = False  #: what differs are private parameters of a fence device


def parameters_digest(params: dict[str, str]) -> str:
    """MD5 of the `parameters` element with sorted attributes."""
    text = "".join(f' {name}="{escape_attribute(value)}"' for name, value in sorted(params.items(), key=_bytes))
    return md5(f" <parameters{text}/>\n".encode(), usedforsecurity=False).hexdigest()


def _bytes(item: tuple[str, str]) -> bytes:
    return item[0].encode()


def _filtered(params: dict[str, str], timeout: str | None) -> dict[str, str]:
    kept = {
        name: value for name, value in params.items() if name not in _DROPPED and not name.startswith("CRM_meta_")
    }
    if timeout is not None:
        kept["CRM_meta_timeout"] = timeout
    return kept


def needs_address(rsc: Resource) -> bool:
    """Whether the resource is a bundle connection whose address is only known with its container's node.

    The parameters are evaluated for every resource: a rule in them may say when to look again.
    """
    return parameters(rsc.working_set, rsc, None).get("addr") == "#uname" and rsc.is_remote_connection


def bundle_address(rsc: Resource) -> str | None:
    """Name of the node where the container of a bundle connection is to be, else where it is."""
    launcher = rsc.launcher
    if launcher is None:
        return None
    if launcher.assigned_node is not None:
        return launcher.assigned_node.node.name
    return launcher.active_nodes[0].name if launcher.active_nodes else None


def operation_digests(
    ws: WorkingSet, rsc: Resource, task: str, interval: int, node: Node, entry: Entry | None
) -> DigestData:
    """The digests of an operation (interval in ms), cached per node; the first entry asked for decides."""
    key = f"{rsc.id}_{task}_{interval}"
    data: DigestData | None = node.digest_cache.get(key)
    if data is None:
        data = node.digest_cache[key] = _calculate(ws, rsc, task, interval, node, entry)
    return data


def _calculate(
    ws: WorkingSet, rsc: Resource, task: str, interval: int, node: Node, entry: Entry | None
) -> DigestData:
    data = DigestData()
    params: dict[str, str] = {}
    if needs_address(rsc) and rsc.is_bundled():
        address = bundle_address(rsc)
        if address is not None:
            params["addr"] = address
    instance = parameters(ws, rsc, node)
    for name, value in instance.items():
        params.setdefault(name, value)
    op = find_op(rsc, task, interval)
    if op is not None:
        extra = op_attributes(ws, op, node)
        if extra and interval == 0:
            data.preset = DigestResult.RESTART
        for name, value in extra.items():
            params.setdefault(name, value)
    timeout = op_meta(ws, rsc, node, task, interval, op).get("timeout") if interval != 0 else None
    everything = _filtered(params, timeout)
    data.digest_all = parameters_digest(everything)
    if ws.sanitized or rsc.fence_device:
        data.digest_secure = _secure_digest(rsc, params, instance, entry)
    if entry is not None and entry.xml.get("op-restart-digest") is not None:
        listed = entry.xml.get("op-force-restart")
        restart = everything
        if listed is not None:
            restart = {name: value for name, value in everything.items() if f" {name} " in listed}
        data.digest_restart = parameters_digest(restart)
    return data


def _secure_digest(
    rsc: Resource, params: dict[str, str], instance: dict[str, str], entry: Entry | None
) -> str:
    secrets = entry.xml.get("op-secure-params") if entry is not None else _DEFAULT_SECRETS
    version = entry.xml.get("crm_feature_set") if entry is not None else None
    modern = version is not None and compare_versions(version, "3.16.0") >= 0
    chosen = dict(params if modern else instance)
    if secrets is not None:
        chosen = {name: value for name, value in chosen.items() if f" {name} " not in secrets}
    if not modern and rsc.fence_device:
        chosen = {name: value for name, value in chosen.items() if not name.startswith("pcmk_")}
    return parameters_digest(_filtered(chosen, None))


def compare_digests(ws: WorkingSet, rsc: Resource, entry: Entry, node: Node) -> DigestData:
    """How the present parameters of a recorded operation compare with those it ran with."""
    data = operation_digests(ws, rsc, entry.task, entry.interval, node, entry)
    recorded = entry.xml.get("op-digest")
    restart = entry.xml.get("op-restart-digest")
    if restart is not None and data.digest_restart is not None and restart != data.digest_restart:
        data.result = DigestResult.RESTART
    elif recorded is None:
        data.result = DigestResult.UNKNOWN
    elif recorded != data.digest_all:
        mismatch = DigestResult.MISMATCH
        data.result = DigestResult.RESTART if not entry.interval and data.preset == DigestResult.RESTART else mismatch
    else:
        data.result = DigestResult.MATCH
    return data


def fencing_digest(ws: WorkingSet, rsc: Resource, agent: str, node: Node) -> DigestData:
    """The digests of a fence device for unfencing the node, compared with the node's attributes."""
    data = operation_digests(ws, rsc, "stonith-on", 0, node, None)
    recorded = node.attrs.get("#digests-all")
    if recorded is None:
        data.result = DigestResult.UNKNOWN
        return data
    if f"{rsc.id}:{agent}:{data.digest_all}" in recorded:
        data.result = DigestResult.MATCH
        return data
    secure = node.attrs.get("#digests-secure")
    matches = secure is not None and f"{rsc.id}:{agent}:{data.digest_secure}" in secure
    data.secure_only = matches
    data.result = DigestResult.MATCH if matches else DigestResult.MISMATCH
    return data
