"""Runs on a lab host: notes each version of the CIB that the node shows, and makes small changes.

Words: the folder of the diary `cib`, and the name of the node. Changes are made while the file `write` stands there;
each sets a property of its own in the set `lab`. Lines of the diary: uptime, then `life` (connected to a CIB manager),
`version ADMIN_EPOCH.EPOCH.NUM_UPDATES`, `acknowledged ID`, `refused ID REASON` or, for what was acknowledged in a
partition without quorum, `alone ID`: nobody promises that it survives the meeting with the majority.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lxml import etree

from hashell.model.document import CallOption
from hashell.model.version import CibVersion
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cibclient import CibClient, CibError
from hashell.stack.wire.corosync.clients import CorosyncError, QuorumClient
from hashell.stack.wire.ipcclient import IpcError


class Watcher:
    """Follows the CIB manager of this host for ever, through all its lives."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._diary = (folder / "cib").open("a", buffering=1)

    def _note(self, *words: object) -> None:
        uptime = Path("/proc/uptime").read_text().split()[0]
        self._diary.write(" ".join([uptime, *(str(word) for word in words)]) + "\n")

    async def run(self) -> None:
        while True:
            gone = asyncio.Event()
            client = CibClient(NodeSettings(), "lab", on_diff=lambda _: self._seen(client), on_lost=gone.set)  # noqa: B023
            try:
                await client.connect(60.0)
                self._note("life")
                self._seen(client)
                writing = asyncio.ensure_future(self._write(client))
                await gone.wait()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            except (IpcError, CibError, TimeoutError):
                pass
            await client.close()
            await asyncio.sleep(0.1)

    def _seen(self, client: CibClient) -> None:
        if client.cib is not None:
            version = CibVersion.of(client.cib)
            self._note("version", f"{version.admin_epoch}.{version.epoch}.{version.num_updates}")

    async def _write(self, client: CibClient) -> None:
        while client.connected:
            await asyncio.sleep(1.5)
            if (self._folder / "write").exists():
                await self._change(client)

    async def _change(self, client: CibClient) -> None:
        ident = f"lab-{self._name}-{Path('/proc/uptime').read_text().split()[0]}"
        pair = etree.Element("nvpair", id=ident, name=ident, value="1")
        section = etree.Element("crm_config")
        etree.SubElement(section, "cluster_property_set", id="lab").append(pair)
        try:
            await client.modify("crm_config", section, CallOption.CAN_CREATE)
        except (IpcError, CibError, TimeoutError) as error:
            self._note("refused", ident, error)
        else:
            self._note("acknowledged" if await _quorate() else "alone", ident)


async def _quorate() -> bool:
    """Whether this node is of a partition with quorum; without a ring daemon it is of none."""
    client = QuorumClient(NodeSettings(), on_notification=lambda _: None)
    try:
        await client.connect()
        await client.type()
        return await client.quorate()
    except (IpcError, CorosyncError, TimeoutError):
        return False
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(Watcher(Path(sys.argv[1]), sys.argv[2]).run())
