"""Setting a promotion score from an agent, against a server that speaks as the attribute manager does."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hashell.ra.agent import AgentId, AgentJob
from hashell.ra.promotion import main
from hashell.ra.registry import AgentRegistry
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request


async def test_stateful_sets_its_score(settings: NodeSettings) -> None:
    told: list[tuple[str | None, str | None]] = []

    def on_request(client: Client, request: Request) -> None:
        if request.element.get("attr_name"):
            told.append((request.element.get("attr_name"), request.element.get("attr_value")))
        client.ack(request, 112)

    server = PacemakerServer(settings, "attrd", on_request=on_request)
    await server.start()
    registry = AgentRegistry.of(settings)
    for action, rc in (("start", 0), ("promote", 0), ("monitor", 8), ("stop", 0)):
        job = AgentJob(AgentId("ocf", "pacemaker", "Stateful"), "s", action, 60)
        assert (await registry.run(job)).rc == rc
    await server.close()
    assert told == [("master-s", "5"), ("master-s", "10"), ("master-s", "10"), ("master-s", None)]


async def test_wrong_use_is_one_message(tmp_path: Path) -> None:
    broken = {"HASHELL_SETTINGS": "[]", "OCF_RESOURCE_INSTANCE": "s"}
    for words, env in ((["-v", "many"], {}), ([], {}), (["-D"], broken)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hashell.ra.promotion", *words, env={**os.environ, **env},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
        assert process.returncode and len(errors.splitlines()) == 1
    assert main(["-x"]) == 64
