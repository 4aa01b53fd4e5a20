"""The common agents of resource-agents 4.16 and Pacemaker 3.0 by their interface: names of parameters and actions.

For configuring a cluster from a machine where they are not installed. `catalogue.json` has an entry for each agent:
its parameters as `NAME:TYPE[:FLAGS]` parted by blanks (r: required and without default, u: unique in the cluster), and
its actions as `NAME|TIMEOUT|INTERVAL|ROLE`. It was made from what the agents answer to `meta-data`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from hashell.model.agentmeta import Action, AgentMetadata, Parameter


@cache
def _entries() -> dict[str, tuple[str, list[str]]]:
    text = files("hashell.ra").joinpath("catalogue.json").read_text(encoding="utf-8")
    return {name: (parameters, actions) for name, (parameters, actions) in json.loads(text).items()}


def known_agents() -> list[str]:
    """The agents as `class:[provider:]type`, in the order of the file."""
    return list(_entries())


def providers_of(agent: str) -> list[str]:
    """The OCF providers that have an agent of that name."""
    found = [name.split(":") for name in _entries() if name.startswith("ocf:") and name.endswith(f":{agent}")]
    return [parts[1] for parts in found if len(parts) == 3]


def known_metadata(standard: str, provider: str, agent: str) -> AgentMetadata | None:
    """What is recorded of an agent, without descriptions and defaults; None for one that is not known."""
    entry = _entries().get(":".join(part for part in (standard, provider, agent) if part))
    if entry is None:
        return None
    parameters, actions = entry
    return AgentMetadata(
        name=agent, parameters=tuple(_parameter(word) for word in parameters.split()),
        actions=tuple(_action(word) for word in actions),
    )


def _parameter(word: str) -> Parameter:
    name, _, rest = word.partition(":")
    kind, _, flags = rest.partition(":")
    return Parameter(name=name, type=kind, required="r" in flags, unique_group=name if "u" in flags else "")


def _action(word: str) -> Action:
    name, timeout, interval, role, *_ = (*word.split("|"), "", "", "")
    return Action(name=name, timeout=timeout, interval=interval, role=role)
