"""Primitives counted by agent and node, for the brief form of a status display."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hashell.client.view.primitives import agent_name
from hashell.stack.pengine.kinds import Role

if TYPE_CHECKING:
    from hashell.client.view.display import Display
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Resource


def write_briefly(resources: list[Resource], out: Outline, display: Display, *, totals: bool) -> None:
    """One item for each agent and node. totals: with the number of all resources of that agent, started or not."""
    active: dict[str, Counter[str]] = {}
    known: Counter[str] = Counter()
    for rsc in resources:
        agent = agent_name(rsc)
        known[agent] += 1
        place = active.setdefault(agent, Counter())
        for node in rsc.active_nodes:
            if rsc.orig_role > Role.STOPPED and (node.online or node.unclean or not rsc.managed):
                place[node.name] += 1
    for agent in sorted(known):
        if not active[agent] and totals:
            out.item(f"0/{known[agent]}\t({agent}):\tActive")
        for name in sorted(active[agent]):
            number = str(active[agent][name])
            if totals:
                number += f"/{known[agent]}"
            out.item(f"{number}\t({agent}):\tActive {'' if display.by_node else name}")
