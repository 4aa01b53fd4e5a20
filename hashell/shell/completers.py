"""Where values for completion come from: the working copy, the agents, fixed lists. Never raises, never asks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hashell.model.diagnostics import HashellError

if TYPE_CHECKING:
    from hashell.shell.knowledge import Knowledge
    from hashell.shell.session import Session

    Source: TypeAlias = Session | Knowledge


#: Completers whose values come from a disk or from agents.
ON_DISK = ("files", "agents", "classes", "providers", "shadows", "scripts", "script_values", "templates", "sessions")


@dataclass(frozen=True)
class Candidate:
    """One proposal: the whole word, and what it is."""

    text: str
    about: str = ""


def values(session: Source, name: str, word: str) -> list[Candidate]:
    """Candidates of a completer named in the command table; [] if the cluster cannot be read."""
    source = {
        "ids": _ids, "specs": _specs, "resources": _resources, "primitives": _primitives, "groups": _groups,
        "nodes": _nodes, "agents": _agents, "classes": _classes, "providers": _providers,
        "properties": _properties, "schemas": _schemas, "load": _load, "shadows": _shadows, "options": _options,
        "scripts": _scripts, "templates": _templates, "script_values": _script_values, "tickets": _tickets,
        "sessions": _sessions,
    }.get(name)
    remembered = getattr(session, "remembered", None)
    if remembered is not None and name in ON_DISK:
        found: list[Candidate] = remembered(name, word)
        return [*found, *(_templates_of(session) if name == "agents" else ())]
    if name == "files":
        return _files(word)
    if source is None:
        return []
    try:
        return source(session)
    except HashellError:
        return []


def _objects(session: Any, *tags: str) -> list[Candidate]:
    from hashell.grammar.configuration import object_id
    from hashell.grammar.tree import keyword_of

    return [Candidate(object_id(e), keyword_of(e)) for e in session.workspace.config.objects()
            if not tags or e.tag in tags]


def _ids(session: Any) -> list[Candidate]:
    return _objects(session)


def _specs(session: Any) -> list[Candidate]:
    from hashell.grammar.tree import SECTIONS

    words = [Candidate("xml", "as XML"), Candidate("changed", "what is not committed yet")]
    words += [Candidate(f"type:{name}", f"every {name}") for name in SECTIONS]
    words += [Candidate(f"tag:{c.text}", "members of the tag") for c in _objects(session, "tag")]
    words += [Candidate(f"related:{c.text}", "it and what refers to it")
              for c in _objects(session, "primitive", "group", "clone")]
    return _objects(session) + words


def _resources(session: Any) -> list[Candidate]:
    return _objects(session, "primitive", "group", "clone", "master", "bundle")


def _primitives(session: Any) -> list[Candidate]:
    return _objects(session, "primitive")


def _groups(session: Any) -> list[Candidate]:
    return _objects(session, "group")


def _nodes(session: Any) -> list[Candidate]:
    return [Candidate(name, "node") for name in session.workspace.config.node_names()]


def _agents(session: Any) -> list[Candidate]:
    registry = session.workspace.agents.registry
    out = []
    for provider in registry.providers("ocf"):
        out += [Candidate(f"ocf:{provider}:{name}", "agent") for name in registry.types("ocf", provider)]
    out += [Candidate(f"stonith:{name}", "fencing agent") for name in session.workspace.agents.types("stonith")]
    return out + _templates_of(session)


def _templates_of(session: Any) -> list[Candidate]:
    return [Candidate(f"@{c.text}", "template") for c in _objects(session, "template")]


def _classes(session: Any) -> list[Candidate]:
    return [Candidate(name, "class of agents") for name in session.workspace.agents.registry.class_names()]


def _providers(session: Any) -> list[Candidate]:
    return [Candidate(name, "provider") for name in session.workspace.agents.registry.providers("ocf")]


def _properties(session: Any) -> list[Candidate]:
    from hashell.model.options import CLUSTER_OPTIONS

    return [Candidate(name, option.text) for name, option in CLUSTER_OPTIONS.items()]


def _schemas(session: Any) -> list[Candidate]:
    from hashell.model.schema import schema_names

    return [Candidate(name, "schema") for name in schema_names()]


def _shadows(session: Any) -> list[Candidate]:
    from hashell.shell.commands.cib import shadows

    return [Candidate(name, "shadow CIB") for name in shadows(session)] + [Candidate("live", "the cluster itself")]


def _options(session: Any) -> list[Candidate]:
    from hashell.shell.preferences import PREFERENCES

    return [Candidate(name, preference.about) for name, preference in PREFERENCES.items()]


def _scripts(session: Any) -> list[Candidate]:
    from hashell.shell.wizards import load_wizard, wizard_names

    return [Candidate(name, load_wizard(name).summary) for name in wizard_names()]


def _script_values(session: Any) -> list[Candidate]:
    from hashell.shell.wizards import load_wizard, wizard_names

    found = {p.name: p.about for name in wizard_names() for p in load_wizard(name).parameters}
    return [Candidate(f"{name}=", about) for name, about in sorted(found.items())]


def _templates(session: Any) -> list[Candidate]:
    from hashell.shell.commands.template import saved_names

    return [Candidate(name, "template") for name in saved_names()]


def _sessions(session: Any) -> list[Candidate]:
    from hashell.shell.commands.sessions import names

    return [Candidate(name, "session") for name in names()]


def _tickets(session: Any) -> list[Candidate]:
    found = session.workspace.config.configuration.iterfind("constraints/rsc_ticket")
    return [Candidate(name, "ticket") for name in dict.fromkeys(e.get("ticket", "") for e in found)]


def _load(session: Any) -> list[Candidate]:
    return [Candidate("xml", "the file is XML"), Candidate("update", "add and change"),
            Candidate("replace", "start from nothing but the nodes"), Candidate("push", "and delete what is not there")]


def _files(word: str) -> list[Candidate]:
    folder, _, beginning = word.rpartition("/")
    base = Path(folder or ("/" if word.startswith("/") else "."))
    try:
        names = sorted(p.name + ("/" if p.is_dir() else "") for p in base.expanduser().iterdir())
    except OSError:
        return []
    prefix = f"{folder}/" if folder or word.startswith("/") else ""
    return [Candidate(prefix + name, "file") for name in names
            if name.startswith(beginning) and (beginning.startswith(".") or not name.startswith(os.curdir))]
