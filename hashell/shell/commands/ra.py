"""Handlers of the ra level."""

from __future__ import annotations

from hashell.model.agentmeta import AgentMetadata
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.agents import ShellAgents
from hashell.shell.diagnostics import CommandFailed
from hashell.shell.session import Session


def classes(session: Session, words: list[str]) -> None:
    registry = ShellAgents(session).registry
    for name in registry.class_names():
        providers = registry.providers(name)
        session.out(f"{name} / {' '.join(providers)}" if providers else name)


def list_(session: Session, words: list[str]) -> None:
    agents = ShellAgents(session)
    standard = words[0]
    agents.registry.get(standard)
    providers = [words[1]] if len(words) > 1 else (agents.registry.providers(standard) or [""])
    names = sorted({name for provider in providers for name in agents.types(standard, provider)})
    if not names:
        raise HashellError(CommandFailed(message=f"no agents of class {' '.join(words)}", hint="see: ra classes"))
    width = max(map(len, names)) + 2
    columns = max(1, 80 // width)
    for start in range(0, len(names), columns):
        session.out("".join(f"{name:<{width}}" for name in names[start:start + columns]).rstrip())


def providers(session: Session, words: list[str]) -> None:
    agents = ShellAgents(session)
    found = [p for p in agents.registry.providers("ocf") if words[0] in agents.types("ocf", p)]
    if not found:
        raise HashellError(CommandFailed(message=f"no provider has an agent {words[0]}", hint="see: ra list ocf"))
    session.out(" ".join(found))


def info(session: Session, words: list[str]) -> None:
    agents = ShellAgents(session)
    parts = _split(agents, words[0])
    metadata = agents.metadata(parts[0], parts[1], parts[2])
    session.out("\n".join(info_lines(":".join(p for p in parts if p), metadata)))


def _split(agents: ShellAgents, name: str) -> tuple[str, str, str]:
    """Class, provider and type of an agent's name, whose first parts may be left out."""
    from hashell.grammar.agents import resolve_provider

    parts = name.split(":")
    if len(parts) == 1:
        parts = ["stonith", "", name] if name.startswith("fence_") else ["ocf", resolve_provider(agents, name), name]
    elif len(parts) == 2:
        parts = [parts[0], resolve_provider(agents, parts[1]) if parts[0] == "ocf" else "", parts[1]]
    return parts[0], parts[1], parts[2]


def validate(session: Session, words: list[str]) -> ExitCode:
    """`validate AGENT [NAME=VALUE…]`: the agent's own opinion of parameters."""
    from hashell.ra.agent import AgentId, AgentJob

    agents = ShellAgents(session)
    agent = AgentId(*_split(agents, words[0]))
    params = dict(w.partition("=")[::2] for w in words[1:])
    known = {p.name for p in agents.metadata(*_split(agents, words[0])).parameters}
    for name in params:
        if name not in known:
            raise HashellError(CommandFailed(message=f"{agent} has no parameter {name}", hint=f"ra info {words[0]}"))
    job = AgentJob(agent, "hashell-validate", "validate-all", 60.0, params=params)
    result = session.run(agents.registry.run(job))
    for text in (result.output.strip(), result.reason):
        if text:
            session.out(text)
    if int(result.rc) == 0:
        session.note(f"{agent} accepts these parameters")
        return ExitCode.OK
    raise HashellError(CommandFailed(message=f"{agent} refuses these parameters: rc={int(result.rc)}",
                                     hint=f"see: ra info {words[0]}"))


def info_lines(name: str, metadata: AgentMetadata) -> list[str]:
    """An agent's description, parameters (required ones marked *) and advised operations."""
    lines = [f"{metadata.shortdesc} ({name})", "", *metadata.longdesc.strip().splitlines(), "",
             "Parameters (*: required, []: default):", ""]
    for parameter in metadata.parameters:
        star = "*" if parameter.required else ""
        default = f", [{parameter.default}]" if parameter.default not in (None, "") else ""
        lines.append(f"{parameter.name}{star} ({parameter.type}{default}): {parameter.shortdesc}")
        lines += [f"    {line.strip()}" for line in parameter.longdesc.strip().splitlines()]
    lines += ["", "Operations' defaults (advisory minimum):", ""]
    for action in metadata.actions:
        if action.name in ("meta-data", "validate-all"):
            continue
        words = [f"    {action.name:<13}"]
        words += [f"{k}={v}" for k, v in (("timeout", action.timeout), ("interval", action.interval),
                                          ("role", action.role)) if v]
        lines.append(" ".join(words))
    return lines
