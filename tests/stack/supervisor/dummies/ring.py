"""A cmap service that knows nothing: enough for the node to count as started."""

from __future__ import annotations

import asyncio

from hashell.stack.settings import NodeSettings
from hashell.stack.wire.ipcserver import IpcServer


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    server = IpcServer(
        settings.ipc_name("cmap"),
        on_connect=lambda connection: None,
        on_message=lambda connection, message: None,
        on_close=lambda connection: None,
        authorise=lambda who: 0,
    )
    await server.start()
    await stop.wait()
    await server.close()
    return 0
