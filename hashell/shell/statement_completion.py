"""Completion inside statements: agents, parameters with their descriptions, operations, resources, nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.grammar.agents import AgentInfo, Parameter, resolve_provider
from hashell.grammar.check import META_ATTRIBUTES
from hashell.model.diagnostics import HashellError
from hashell.shell.completers import Candidate, values

if TYPE_CHECKING:
    from hashell.shell.completers import Source

_RESOURCE_KEYWORDS = (("params", "parameters of the agent"), ("meta", "how the cluster treats it"),
                      ("op", "operations"), ("utilization", "what it uses"),
                      ("operations", "a named list of operations"),
                      ("description=", "free text"))
_CONTAINER_KEYWORDS = (("meta", "how the cluster treats it"), ("params", "parameters"), ("description=", "free text"))
_KINDS = ("Mandatory:", "Optional:", "Serialize:")
_OP_WORDS = ("interval=", "timeout=", "role=", "on-fail=", "enabled=", "start-delay=", "record-pending=")


def complete_statement(session: Source, words: list[str], current: str) -> list[Candidate]:
    """Candidates for the word after `words`, the first of which is the statement."""
    keyword, given = words[0], words[1:]
    try:
        if "=" in current and (found := _values_of(session, keyword, given, current.partition("=")[0])):
            return found
        if keyword in ("primitive", "resource", "rsc_template"):
            return _primitive(session, given)
        if keyword in ("group", "clone"):
            return _container(session, keyword, given)
        if keyword == "location":
            return _location(session, given)
        if keyword in ("colocation", "collocation", "order", "rsc_ticket"):
            return _ordered(session, keyword, given)
    except HashellError:
        return []
    if keyword in ("property", "rsc_defaults", "op_defaults"):
        return _options(session, keyword)
    if keyword in ("node",) and not given:
        return values(session, "nodes", current)
    if keyword == "monitor" and not given:
        return values(session, "primitives", current)
    if keyword == "tag" and given:
        return values(session, "ids", current)
    if keyword == "fencing_topology":
        targets = [Candidate(f"{c.text}:", "node") for c in values(session, "nodes", current)]
        return targets + values(session, "primitives", current)
    return []


_BOOLEANS = ("true", "false")
#: Values of operation and meta attributes.
_VALUES = {"on-fail": ("restart", "ignore", "block", "stop", "standby", "fence", "demote"),
           "role": ("Started", "Promoted", "Unpromoted", "Stopped"), "enabled": _BOOLEANS,
           "target-role": ("Started", "Stopped", "Promoted", "Unpromoted"), "is-managed": _BOOLEANS,
           "maintenance": _BOOLEANS, "interleave": _BOOLEANS, "promotable": _BOOLEANS, "globally-unique": _BOOLEANS,
           "ordered": _BOOLEANS, "notify": _BOOLEANS, "symmetrical": _BOOLEANS, "sequential": _BOOLEANS,
           "require-all": _BOOLEANS, "multiple-active": ("stop_start", "stop_only", "stop_unexpected", "block"),
           "loss-policy": ("stop", "demote", "fence", "freeze"), "resource-discovery": ("always", "never", "exclusive"),
           "no-quorum-policy": ("stop", "ignore", "freeze", "demote", "fence"), "stonith-enabled": _BOOLEANS,
           "symmetric-cluster": _BOOLEANS, "maintenance-mode": _BOOLEANS, "stonith-action": ("reboot", "off")}


def _values_of(session: Source, keyword: str, given: list[str], name: str) -> list[Candidate]:
    """`name=value` words for an attribute of known values, or a parameter by what its agent says of it."""
    words, about = _VALUES.get(name, ()), ""
    if keyword in ("primitive", "rsc_template") and len(given) > 1 and _section(given[2:])[0] in ("", "params"):
        info = _agent(session, given[1])
        parameter = info.parameters.get(name) if info is not None else None
        if parameter is not None:
            about = parameter.short
            words = _BOOLEANS if parameter.kind == "boolean" else (parameter.default,) if parameter.default else ()
    return [Candidate(f"{name}={word}", about) for word in words]


def _agent(session: Source, spec: str) -> AgentInfo | None:
    agents = session.workspace.agents
    parts = spec.split(":")
    if spec.startswith("@"):
        template = session.workspace.config.find(spec[1:])
        if template is None:
            return None
        parts = [template.get("class", ""), template.get("provider", ""), template.get("type", "")]
    if len(parts) == 1:
        parts = ["stonith", "", spec] if spec.startswith("fence_") else ["ocf", resolve_provider(agents, spec), spec]
    if len(parts) == 2:
        parts = [parts[0], resolve_provider(agents, parts[1]) if parts[0] == "ocf" else "", parts[1]]
    return agents.info(parts[0], parts[1], parts[2])


def _primitive(session: Source, given: list[str]) -> list[Candidate]:
    if not given:
        return []
    if len(given) == 1:
        return values(session, "agents", "")
    section, after = _section(given[2:])
    keywords = [Candidate(name, about) for name, about in _RESOURCE_KEYWORDS if name != section or after]
    info = _agent(session, given[1])
    if section in ("params", ""):
        used = [w.split("=")[0] for w in given[2:]]
        found = [
            Candidate(f"{p.name}=", _about(p))
            for p in (info.parameters.values() if info is not None else ()) if p.name not in used
        ]
        return found + keywords
    if section == "meta":
        return [Candidate(f"{name}=", "meta attribute") for name in sorted(META_ATTRIBUTES)] + keywords
    if section == "op":
        return _operation(info, after) + (keywords if after else [])
    return keywords


def _about(parameter: Parameter) -> str:
    """A parameter's short text, type and default."""
    kind = parameter.kind + (f", default {parameter.default}" if parameter.default else "")
    return f"{'required: ' if parameter.required else ''}{parameter.short} ({kind})"


def _section(words: list[str]) -> tuple[str, list[str]]:
    """The keyword in force after `words`, and the words since."""
    section = ""
    after: list[str] = []
    for word in words:
        if word in ("params", "meta", "op", "utilization", "operations"):
            section, after = word, []
        else:
            after.append(word)
    return section, after


def _operation(info: AgentInfo | None, after: list[str]) -> list[Candidate]:
    actions = info.actions if info is not None else ()
    if not after:
        names = dict.fromkeys(a.name for a in actions if a.name not in ("meta-data", "validate-all"))
        return [Candidate(name, "operation") for name in names]
    advised = info.action(after[0]) if info is not None else None
    out = []
    if advised is not None and advised.timeout:
        out.append(Candidate(f"timeout={advised.timeout}", "advised"))
    if advised is not None and advised.interval and after[0] == "monitor":
        out.append(Candidate(f"interval={advised.interval}", "advised"))
    used = [w.split("=")[0] for w in after]
    return [c for c in out + [Candidate(w, "operation attribute") for w in _OP_WORDS]
            if c.text.split("=")[0] not in used]


def _container(session: Source, keyword: str, given: list[str]) -> list[Candidate]:
    if not given:
        return []
    if "meta" in given:
        return [Candidate(f"{name}=", "meta attribute") for name in sorted(META_ATTRIBUTES)]
    keywords = [Candidate(name, about) for name, about in _CONTAINER_KEYWORDS]
    config = session.workspace.config
    allowed = ("primitive",) if keyword == "group" else ("primitive", "group")
    free = [Candidate(e.get("id", ""), e.tag) for e in config.objects()
            if e.tag in allowed and config.container_of(e) is None and e.get("id") not in given]
    if keyword == "clone" and len(given) > 1:
        return keywords
    return free + (keywords if len(given) > 1 else [])


def _location(session: Source, given: list[str]) -> list[Candidate]:
    if not given:
        return []
    if len(given) == 1:
        return values(session, "resources", "")
    if given[-1].endswith(":"):
        return values(session, "nodes", "")
    if "rule" in given:
        return [Candidate(w) for w in ("#uname", "defined", "not_defined", "date", "and", "or", "eq", "ne", "lt", "gt")]
    return [Candidate("inf:", "must run there"), Candidate("100:", "would rather run there"),
            Candidate("-inf:", "must not run there"), Candidate("rule", "where a rule is true"),
            Candidate("role=Promoted", "only for this role"), Candidate("resource-discovery=never", "do not even look")]


def _ordered(session: Source, keyword: str, given: list[str]) -> list[Candidate]:
    if not given:
        return []
    if len(given) == 1:
        if keyword == "order":
            return [Candidate(k) for k in _KINDS] + values(session, "resources", "")
        if keyword == "rsc_ticket":
            return []
        return [Candidate("inf:", "always together"), Candidate("-inf:", "never together"),
                Candidate("1000:", "together if possible")]
    return [c for c in values(session, "resources", "") if c.text not in given]


def _options(session: Source, keyword: str) -> list[Candidate]:
    if keyword == "property":
        return [Candidate(f"{c.text}=", c.about) for c in values(session, "properties", "")]
    if keyword == "rsc_defaults":
        return [Candidate(f"{name}=", "meta attribute") for name in sorted(META_ATTRIBUTES)]
    return [Candidate(w, "operation attribute") for w in _OP_WORDS]
