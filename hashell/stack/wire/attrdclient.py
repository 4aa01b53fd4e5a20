"""Client of the attribute manager (`attrd`; ipc.md section 3.4): ours or the original's."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence

from lxml import etree

from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient


class AttrdClient:
    """One connection to the attribute manager of this node. `node` None means this node, unless said otherwise.

    Requests connect by themselves when there is no connection, and are carried out in the order of the calls. All
    raise IpcError when the manager cannot be reached or refuses, TimeoutError after `timeout` seconds.
    """

    def __init__(
        self,
        settings: NodeSettings,
        name: str,
        *,
        timeout: float = 30.0,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._timeout = timeout
        self._on_lost = on_lost
        self._ipc: PacemakerClient | None = None
        self._lock = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._ipc is not None and self._ipc.connected

    async def connect(self, wait: float = 0.0, patience: float | None = None) -> None:
        """Connect, waiting up to `wait` seconds for the manager to serve. Raises IpcError.

        TimeoutError when it does not accept us in `patience` seconds.
        """
        if self.connected:
            return
        ipc = PacemakerClient(self._settings, "attrd", on_lost=self._on_lost)
        await ipc.connect(wait, patience)
        self._ipc = ipc

    async def close(self) -> None:
        if self._ipc is not None:
            await self._ipc.close()
        self._ipc = None

    async def update(
        self,
        name: str,
        value: str | None,
        node: str | None = None,
        *,
        dampen: str | None = None,
        set_type: str = "instance_attributes",
        set_id: str | None = None,
        private: bool = False,
        remote: bool = False,
        node_id: str | None = None,
        user: str | None = None,
        pattern: bool = False,
        sync: str | None = None,
    ) -> None:
        """Set an attribute; `value` None removes it, `value++` and `value+=N` count.

        `dampen` (such as `5s`) sets the dampening together with the value. With `pattern` the name is an extended
        regular expression for existing attributes. `sync` (`local` or `cluster`) waits for the value to be there.
        """
        element = self._command("update" if dampen is None else "update-both")
        element.set("attr_regex" if pattern else "attr_name", name)
        element.set("attr_set_type", set_type)
        for key, text in (
            ("attr_value", value),
            ("attr_dampening", dampen),
            ("attr_set", set_id),
            ("attr_host", node),
            ("attr_host_id", node_id),
            ("attr_is_remote", "1" if remote else "0"),
            ("attr_is_private", "1" if private else "0"),
            ("attr_user", user),
            ("attr_sync_point", sync),
        ):
            if text is not None:
                element.set(key, text)
        await self._acknowledged(element)

    async def update_together(
        self,
        values: Sequence[tuple[str, str | None]],
        node: str | None = None,
        *,
        set_type: str = "instance_attributes",
    ) -> None:
        """Set several attributes of one node in one message, so that no reader sees one without the others."""
        element = self._command("update")
        for name, value in values:
            part = etree.SubElement(element, "op", task="update", attr_name=name, attr_set_type=set_type)
            for key, text in (("attr_value", value), ("attr_host", node)):
                if text is not None:
                    part.set(key, text)
            part.set("attr_is_remote", "0")
            part.set("attr_is_private", "0")
        await self._acknowledged(element)

    async def set_dampening(self, name: str, dampen: str, node: str | None = None) -> None:
        """Change how long an existing attribute must be quiet before it is written."""
        element = self._command("update-delay")
        element.set("attr_name", name)
        element.set("attr_dampening", dampen)
        if node is not None:
            element.set("attr_host", node)
        await self._acknowledged(element)

    async def query(self, name: str, node: str | None = None) -> dict[str, str | None] | None:
        """Values by node, of one node or all; None when there is no such attribute."""
        element = self._command("query")
        element.set("attr_name", name)
        if node is not None:
            element.set("attr_host", node)
        answer = await self._request(element)
        if answer.get("attr_name") is None:
            return None
        return {n.get("attr_host", ""): n.get("attr_value") for n in answer.iterchildren("node")}

    async def clear_failures(
        self,
        resource: str | None = None,
        operation: str | None = None,
        interval: str | None = None,
        node: str | None = None,
        *,
        remote: bool = False,
    ) -> None:
        """Remove fail counts and last failures, of one resource or all, on one node or (None) all of them.

        `interval` is a duration such as `10s` and only counts together with `operation`.
        """
        element = self._command("clear-failure")
        for key, text in (
            ("attr_host", node),
            ("attr_resource", resource),
            ("attr_clear_operation", operation),
            ("attr_clear_interval", interval),
            ("attr_is_remote", "1" if remote else "0"),
        ):
            if text is not None:
                element.set(key, text)
        await self._acknowledged(element)

    async def remove_node(self, node: str) -> None:
        """Forget all values of a node that is gone."""
        element = self._command("peer-remove")
        element.set("reap", "true")
        element.set("attr_host", node)
        await self._acknowledged(element)

    async def refresh(self) -> None:
        """Have all attributes written into the CIB again."""
        await self._acknowledged(self._command("refresh"))

    def _command(self, task: str) -> etree._Element:
        return etree.Element("create_attrd_op", t="attrd", src=self.name, task=task)

    async def _acknowledged(self, element: etree._Element) -> None:
        answer = await self._request(element)
        status = answer.get("status", "")
        if status not in (str(ExitCode.OK.value), str(ExitCode.INDETERMINATE.value)):
            raise IpcError(errno.EPROTO, f"the attribute manager refused the request with status {status or '?'}")

    async def _request(self, element: etree._Element) -> etree._Element:
        async with self._lock:
            await self.connect()
            assert self._ipc is not None
            return await self._ipc.request(element, self._timeout)
