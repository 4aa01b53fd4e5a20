"""A cluster that is only a CIB file: read, changed with the same rules as a live one, written atomically."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping

from lxml import etree

from hashell.client.cluster import Cluster
from hashell.client.diagnostics import Conflict, UnreadableCib, UnwritableCib
from hashell.client.source import FileSource
from hashell.model.diagnostics import HashellError
from hashell.model.version import CibVersion
from hashell.model.xmltext import compact, parse, pretty


class CibFile(Cluster):
    """The CIB in one file. Nothing is kept: other programs may change the file at any time."""

    def __init__(self, source: FileSource) -> None:
        super().__init__(source)
        self.path = source.path
        #: What `open` has read and nobody has taken yet, with the state of the file then.
        self._opened: tuple[tuple[int, ...], etree._Element] | None = None

    @classmethod
    async def open(cls, source: FileSource) -> CibFile:
        """Check that the file is a readable CIB. Raises HashellError with UnreadableCib."""
        cluster = cls(source)
        state = cluster._state()
        cluster._opened = (state, cluster.read())
        return cluster

    def _state(self) -> tuple[int, ...]:
        """What tells one content of the file from another; empty without a file."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read(self) -> etree._Element:
        """The CIB as it is in the file now."""
        try:
            root = parse(self.path.read_bytes())
        except OSError as error:
            raise HashellError(UnreadableCib(path=str(self.path), reason=error.strerror or str(error))) from None
        except (etree.XMLSyntaxError, ValueError) as error:
            raise HashellError(UnreadableCib(path=str(self.path), reason=str(error))) from None
        if root.tag != "cib":
            raise HashellError(UnreadableCib(path=str(self.path), reason=f"its root is <{root.tag}>, not <cib>"))
        return root

    async def cib(self) -> etree._Element:
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] and opened[0] == self._state():
            return opened[1]
        return self.read()

    async def commit(self, old: etree._Element, new: etree._Element) -> None:
        current = self.read()
        expected, found = CibVersion.of(old), CibVersion.of(current)
        if expected != found:
            raise HashellError(Conflict(expected=str(expected), found=str(found)))
        if compact(old) != compact(new):
            self._write(_bumped(current, new))

    async def replace(self, new: etree._Element) -> None:
        self._write(_bumped(self.read(), new))

    async def set_ticket(self, ticket: str, values: Mapping[str, str] | None) -> None:
        root = self.read()
        status = root.find("status")
        status = status if status is not None else etree.SubElement(root, "status")
        tickets = status.find("tickets")
        tickets = tickets if tickets is not None else etree.SubElement(status, "tickets")
        state = next((t for t in tickets if t.get("id") == ticket), None)
        if values is None:
            if state is not None:
                tickets.remove(state)
        else:
            state = state if state is not None else etree.SubElement(tickets, "ticket_state", id=ticket)
            for name, value in values.items():
                state.set(name, value)
        self._write(_bumped(self.read(), root))

    def _write(self, root: etree._Element) -> None:
        from hashell.atomicfile import write_atomically

        try:
            write_atomically(self.path, pretty(root))
        except OSError as error:
            raise HashellError(UnwritableCib(path=str(self.path), reason=error.strerror or str(error))) from None


def _bumped(old: etree._Element, new: etree._Element) -> etree._Element:
    """`new` with the counters a live CIB would have after this change (daemons specification, section 2.4)."""
    from hashell.model import patchset

    result = copy.deepcopy(new)
    before = CibVersion.of(old)
    changes = patchset.changes(old, result)
    result.set("admin_epoch", str(max(before.admin_epoch, CibVersion.of(result).admin_epoch)))
    if patchset.touches_configuration(changes):
        result.set("epoch", str(before.epoch + 1))
        result.set("num_updates", "0")
        result.set("cib-last-written", time.ctime())
    else:
        result.set("epoch", str(before.epoch))
        result.set("num_updates", str(before.num_updates + 1))
    return result
