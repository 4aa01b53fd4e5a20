"""Gives up with a message for the user."""

from __future__ import annotations

import asyncio

from hashell.model.diagnostics import HashellError
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.prepare import NoConfiguration


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    raise HashellError(NoConfiguration(path="/nowhere", reason="a test"))
