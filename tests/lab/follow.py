"""A program for lab hosts: what feeds the monitor's screen, printed as lines of JSON instead of drawn."""

from __future__ import annotations

import asyncio
import json

from hashell.client.monitor.snapshot import Snapshot
from hashell.client.source import find_source
from hashell.tui.feed import Feed
from hashell.tui.sources import watched_source


def _shot(shot: Snapshot) -> None:
    places = {resource.id: list(resource.nodes) for resource in shot.board.resources}
    attributes = {f"{one.node} {one.name}": one.value for one in shot.attributes}
    print(json.dumps({"resources": places, "attributes": attributes}), flush=True)


def _state(text: str) -> None:
    print(json.dumps({"state": text}), flush=True)


if __name__ == "__main__":
    asyncio.run(Feed(watched_source(find_source()).connect, _shot, _state).run())
