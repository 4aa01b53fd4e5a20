"""Waits for its end; says in the node's log what happens to it."""

from __future__ import annotations

import asyncio
import logging
import os

from hashell.stack.settings import NodeSettings


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    (settings.run_dir / f"idle.{os.getpid()}").touch()
    logging.getLogger().info("idle starts")
    await stop.wait()
    logging.getLogger().info("idle stops")
    return 0
