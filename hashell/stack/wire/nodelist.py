"""The node list of corosync.conf as the ring's map has it, followed while it is changed."""

from __future__ import annotations

import ipaddress
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.background import BackgroundTasks
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.corosync import cmap
from hashell.stack.wire.corosync.clients import CmapClient, CorosyncError
from hashell.stack.wire.corosync.layout import CodecError
from hashell.stack.wire.ipcclient import IpcError

_ALL = cmap.TRACK_ADD | cmap.TRACK_DELETE | cmap.TRACK_MODIFY | cmap.TRACK_PREFIX

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DuplicateNodeName(Diagnostic):
    code: ClassVar[str] = "H531"
    exit_code: ClassVar[ExitCode] = ExitCode.FATAL

    name: str = ""
    first: int = 0
    second: int = 0

    def text(self) -> str:
        return f"nodes {self.first} and {self.second} have the same name {self.name}"

    def remedy(self) -> str:
        return "give every node of the nodelist in corosync.conf a name of its own"


class NodeList:
    """`on_change(names)` gets the names by node id each time that the list was changed."""

    def __init__(self, settings: NodeSettings, on_change: Callable[[dict[int, str]], None]) -> None:
        self._cmap = CmapClient(settings, on_notify=self._notified)
        self._on_change = on_change
        self._tasks = BackgroundTasks()
        self._stale = False  #: a key was changed after the last reading began
        self._reading = False

    async def connect(self) -> tuple[dict[int, str], str]:
        """Begin to follow the list; the names by node id, and the name of the cluster.

        Raises HashellError, IpcError, CorosyncError.
        """
        await self._cmap.connect()
        await self._cmap.track("nodelist.", _ALL)
        return await read_node_names(self._cmap), str(await self._cmap.get("totem.cluster_name") or "")

    async def close(self) -> None:
        await self._tasks.cancel()
        await self._cmap.close()

    def _notified(self, _key: cmap.Notify) -> None:
        """One reading for all keys of a change."""
        self._stale = True
        if not self._reading:
            self._reading = True
            self._tasks.start(self._read())

    async def _read(self) -> None:
        names: dict[int, str] = {}
        try:
            while self._stale:
                self._stale = False
                names = await read_node_names(self._cmap)
        except (HashellError, IpcError, CorosyncError, CodecError, TimeoutError) as error:
            log.warning("the changed node list cannot be used: %s", error)
            return
        finally:
            self._reading = False
        self._on_change(names)


async def read_node_names(cmap: CmapClient) -> dict[int, str]:
    """Node names by node id from the node list of cmap, section 1.5. Raises HashellError on a name given twice."""
    names: dict[int, str] = {}
    for position in itertools.count():
        key = f"nodelist.node.{position}."
        nodeid = await cmap.get(key + "nodeid")
        if not isinstance(nodeid, int):
            break
        name = str(await cmap.get(key + "name") or "")
        if not name:
            address = str(await cmap.get(key + "ring0_addr") or "")
            name = "" if _is_address(address) else address
        for other, taken in names.items():
            if name and taken.casefold() == name.casefold():
                raise HashellError(DuplicateNodeName(name=name, first=other, second=nodeid))
        names[nodeid] = name
    return {nodeid: name for nodeid, name in names.items() if name}


def _is_address(text: str) -> bool:
    if ":" in text:
        return True
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
