"""Client of the controller (`crmd`, ipc.md section 3.3), as the shell and the monitor use it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from hashell.model.values import integer_of
from hashell.model.version import FEATURE_SET
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import envelope
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient

CALL_TIMEOUT = 30.0


class CrmdError(Exception):
    """The controller did not do what it was asked for. `rc` is an exit code, `reason` its words or ''."""

    def __init__(self, rc: int, reason: str) -> None:
        super().__init__(reason or f"exit code {rc}")
        self.rc, self.reason = rc, reason


_Match = Callable[[etree._Element], bool]


@dataclass(frozen=True)
class ControllerState:
    """Answer to a ping: which subsystem answered, from which node, in which state of its state machine."""

    subsystem: str
    state: str
    node: str


@dataclass(frozen=True)
class ResourceAgent:
    """What the executor must know to forget or probe a resource."""

    id: str
    agent_class: str
    provider: str
    type: str
    long_id: str = ""  #: instance names, `clone:rsc:0`, when they differ


class CrmdClient:
    """A connection to the controller of this node. Calls raise IpcError when it is gone, TimeoutError (seconds)."""

    def __init__(
        self, settings: NodeSettings, *, name: str = "hashell", on_lost: Callable[[], None] | None = None
    ) -> None:
        self._name = name
        self._on_lost = on_lost
        self._counter = itertools.count()
        self._waiting: list[tuple[_Match, asyncio.Future[etree._Element]]] = []
        self._ipc = PacemakerClient(settings, "crmd", on_event=self._event, on_lost=self._lost)

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    async def connect(self, wait: float = 0.0, patience: float | None = None) -> None:
        """Connect and say who we are, waiting up to `wait` seconds for the controller to serve.

        TimeoutError when it does not accept us in `patience` seconds.
        """
        await self._ipc.connect(wait, patience)
        options = etree.Element("options", major_version="1", minor_version="0")
        options.set("client_name", self._name)
        options.set("client_uuid", str(os.getpid()))
        await self._ipc.request(self._request("hello", data=options))

    async def close(self) -> None:
        await self._ipc.close()

    # -- asking ----------------------------------------------------------------------------------------------

    async def ping_dc(self, timeout: float = CALL_TIMEOUT) -> ControllerState:
        """The DC's state. TimeoutError means that there is no DC: nobody answers then."""
        return _state(await self._call(self._request("ping", sys_to="dc"), timeout))

    async def ping(self, node: str, timeout: float = CALL_TIMEOUT) -> ControllerState:
        return _state(await self._call(self._request("ping", sys_to="crmd", host_to=node), timeout))

    async def members(self) -> dict[str, str]:
        """Node name to `member` or `lost`, as this node sees it."""
        answer = await self._call(self._request("list-nodes", sys_to="crmd"))
        return {node.get("uname") or node.get("id") or "": node.get("in_ccm") or "" for node in answer.iter("node")}

    # -- changing --------------------------------------------------------------------------------------------

    async def delete_history(self, rsc: ResourceAgent, node: str, *, cib_only: bool = False) -> None:
        """Have `node` forget what it knows of the resource; `cib_only` for a node that is not there.

        Raises CrmdError with 4 when access rules do not permit it to this user.
        """
        operation = self._resource_operation(rsc, node)
        if cib_only:
            operation.set("mode", "cib")
        message = self._request("lrm_delete", sys_to="crmd", host_to="" if cib_only else node, data=operation)
        answer = await self._call(message, matches=_acknowledges(rsc.id))
        result = next(answer.iter("lrm_rsc_op"), None)
        if result is not None and (rc := integer_of(result, "rc-code")):
            raise CrmdError(rc, result.get("exit-reason") or "")

    async def fail_resource(self, rsc: ResourceAgent, node: str) -> None:
        """Have `node` report a failure of the resource."""
        message = self._request(
            "lrm_fail", sys_to="crmd", host_to=node, data=self._resource_operation(rsc, node)
        )
        await self._call(message, matches=_acknowledges(rsc.id))

    async def reprobe(self, node: str = "") -> None:
        """Have one node, or all, forget every result and probe again."""
        data = etree.Element("data_for_probe_again")
        if node:
            data.set("on_node", node)
        message = self._request("probe_again", sys_to="crmd", host_to=node, data=data)
        await self._call(message, matches=lambda answer: answer.get("crm_task") == "probe_again")

    async def forget_node(self, name: str) -> None:
        """Remove a node from the controllers' memory."""
        message = self._request("rm_node_cache", sys_to="crmd")
        message.set("uname", name)
        await self._ipc.request(message)

    # -- messages --------------------------------------------------------------------------------------------

    def _request(
        self, task: str, *, sys_to: str = "", host_to: str = "", data: etree._Element | None = None
    ) -> etree._Element:
        return envelope.request(
            task, t="crmd", sys_from=f"{os.getpid()}_{self._name}", now=int(time.time()),
            counter=next(self._counter), sys_to=sys_to, host_to=host_to, data=data,
        )  # fmt: skip

    def _resource_operation(self, rsc: ResourceAgent, node: str) -> etree._Element:
        operation = etree.Element("rsc_op")
        operation.set("transition-key", f"{os.getpid()}:0:0:xxxxxxxx-xrsc-opxx-xcrm-resourcexxxx")
        operation.set("on_node", node)
        primitive = etree.SubElement(operation, "primitive", id=rsc.id)
        if rsc.long_id:
            primitive.set("long-id", rsc.long_id)
        primitive.set("class", rsc.agent_class)
        if rsc.provider:
            primitive.set("provider", rsc.provider)
        primitive.set("type", rsc.type)
        attributes = etree.SubElement(operation, "attributes", crm_feature_set=FEATURE_SET)
        attributes.set("CRM_meta_timeout", "60000")
        return operation

    async def _call(
        self, message: etree._Element, timeout: float = CALL_TIMEOUT, matches: _Match | None = None
    ) -> etree._Element:
        reference = message.get("reference")
        future: asyncio.Future[etree._Element] = asyncio.get_running_loop().create_future()
        entry = (matches or (lambda answer: answer.get("reference") == reference), future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await self._ipc.request(message, timeout)
                return await future
        finally:
            self._waiting.remove(entry)

    def _event(self, element: etree._Element) -> None:
        for matches, future in self._waiting:
            if not future.done() and matches(element):
                future.set_result(element)
                return

    def _lost(self) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(IpcError(errno.ENOTCONN, "the controller has gone away"))
        if self._on_lost:
            self._on_lost()


def _acknowledges(resource: str) -> _Match:
    def matches(answer: etree._Element) -> bool:
        found = next(answer.iter("lrm_resource"), None)
        return answer.get("crm_task") == "lrm_invoke" and found is not None and found.get("id") == resource

    return matches


def _state(answer: etree._Element) -> ControllerState:
    ping = next(answer.iter("ping_response"), None)
    if ping is None:
        raise IpcError(errno.EPROTO, "the controller's answer to a ping has no state")
    return ControllerState(ping.get("crm_subsystem") or "", ping.get("crmd_state") or "", answer.get("src") or "")
