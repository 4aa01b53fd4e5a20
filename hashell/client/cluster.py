"""One API over a live cluster or a CIB file: what the shell, the monitor and scripts are written against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.source import FileSource, Source
from hashell.model.diagnostics import HashellError

if TYPE_CHECKING:
    from hashell.client.board import Board, FencingView


class Cluster(ABC):
    """A connection. Every method may raise HashellError with a diagnostic that says what to do.

    A CIB that is handed out is the caller's own copy.
    """

    live = False

    def __init__(self, source: Source) -> None:
        self.source = source

    @abstractmethod
    async def cib(self) -> etree._Element:
        """The whole CIB, status included."""

    @abstractmethod
    async def commit(self, old: etree._Element, new: etree._Element) -> None:
        """Make the difference between `old` (as read) and `new` real, if the configuration is still that of `old`.

        Raises HashellError with Conflict when somebody else changed it, with Refused when the cluster says no.
        """

    @abstractmethod
    async def replace(self, new: etree._Element) -> None:
        """Make `new` the whole CIB whatever was there before."""

    @abstractmethod
    async def set_ticket(self, ticket: str, values: Mapping[str, str] | None) -> None:
        """Set attributes of a site ticket's state (granted, standby, last-granted); None deletes the state."""

    def on_change(self, callback: Callable[[], None]) -> None:  # noqa: B027  # a file never calls back
        """Call back after every change of the CIB. A file does not change by itself."""

    async def wait_lost(self) -> str:
        """Return with the reason when the connection is gone."""
        raise self._needs_live("following changes")

    async def alive(self) -> None:  # noqa: B027  # a file is always there
        """Return when the cluster answers; whoever cannot wait cancels. Raises HashellError when it says it is gone."""

    async def close(self) -> None:  # noqa: B027  # a file has nothing to close
        """End the connection."""

    async def board(self) -> Board:
        """What the cluster looks like now."""
        from hashell.client.boardbuilder import build_board

        fencing = tuple(await self.fencing_history()) if self.live else ()
        return build_board(await self.cib(), fencing)

    # -- what only a running cluster can do ---------------------------------------------------------------------

    async def fencing_history(self, target: str = "") -> list[FencingView]:
        """Fencing actions of one target or all, newest first."""
        raise self._needs_live("the fencing history")

    async def fence(self, node: str, action: str = "reboot", timeout: float = 120.0) -> None:
        """Have a node fenced; returns when it is confirmed. action: reboot, off or on."""
        raise self._needs_live(f"fencing {node}")

    async def confirm_fenced(self, node: str) -> None:
        """Tell the cluster that a human made sure the node is down."""
        raise self._needs_live(f"confirming that {node} is down")

    async def set_attribute(self, node: str, name: str, value: str | None, *, dampen: str = "") -> None:
        """Set a transient node attribute; None deletes it."""
        raise self._needs_live(f"attribute {name}")

    async def attributes(self, name: str) -> dict[str, str]:
        """The values of a transient attribute by node name."""
        raise self._needs_live(f"attribute {name}")

    async def cleanup(self, resource: str = "", node: str = "", operation: str = "", interval: str = "") -> None:
        """Forget failures, so that the cluster tries again. Empty arguments mean all."""
        raise self._needs_live("cleanup")

    async def refresh(self, resource: str = "", node: str = "") -> None:
        """Forget the history and probe again. Empty arguments mean all."""
        raise self._needs_live("refresh")

    async def fail(self, resource: str, node: str) -> None:
        """Tell the cluster that a resource failed on a node."""
        raise self._needs_live("fail")

    async def forget_node(self, node: str) -> None:
        """Remove a node that is down for good from every daemon's memory."""
        raise self._needs_live(f"removing {node}")

    async def wait_idle(self, seconds: float, on_wait: Callable[[str], None] | None = None) -> bool:
        """Wait until the DC has nothing left to do; False when `seconds` ran out."""
        raise self._needs_live("waiting for the cluster")

    def _needs_live(self, what: str) -> HashellError:
        from hashell.client.diagnostics import NeedsLiveCluster

        return HashellError(NeedsLiveCluster(what=what))


async def open_cluster(source: Source) -> Cluster:
    """Connect. Raises HashellError with NotConnected, NotPermitted or UnreadableCib."""
    if isinstance(source, FileSource):
        from hashell.client.file import CibFile

        return await CibFile.open(source)
    from hashell.client.live import LiveCluster

    return await LiveCluster.open(source)
