"""The semantic check before a commit: agents and their parameters, references, fencing (section 6).

Errors can be overridden with `commit force`, except fatal ones; warnings never hold a commit up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from lxml import etree

from hashell.grammar.agents import AgentInfo
from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.diagnostics import CheckError, CheckWarning
from hashell.grammar.schema_rules import schema_version
from hashell.grammar.tree import keyword_of
from hashell.model.diagnostics import Diagnostic
from hashell.model.durations import milliseconds
from hashell.model.options import CLUSTER_OPTIONS

Element = etree._Element

META_ATTRIBUTES = frozenset({
    "allow-migrate", "allow-unhealthy-nodes", "clone-max", "clone-min", "clone-node-max", "container-attribute-target",
    "critical", "description", "failure-timeout", "globally-unique", "interleave", "is-managed", "maintenance",
    "master-max", "master-node-max", "migration-threshold", "multiple-active", "notify", "ordered", "priority",
    "promotable", "promoted-max", "promoted-node-max", "remote-addr", "remote-allow-migrate", "remote-clear-port",
    "remote-connect-timeout", "remote-node", "remote-port", "requires", "resource-stickiness", "target-role",
})
_GROUP_META = META_ATTRIBUTES - {"ordered", "clone-max", "clone-min", "clone-node-max", "interleave", "notify",
                                 "promotable"}
_OP_DEFAULTS = frozenset({
    "timeout", "interval", "on-fail", "record-pending", "enabled", "start-delay", "role", "interval-origin",
})
_TARGET_ROLES = ("started", "stopped", "promoted", "unpromoted", "master", "slave")
_FENCE_ONLY = frozenset({
    "stonith-timeout", "priority", "provides", "pcmk_host_argument", "pcmk_host_map", "pcmk_host_list",
    "pcmk_host_check", "pcmk_delay_max", "pcmk_delay_base", "pcmk_action_limit",
})
_FENCE_PATTERN = re.compile(r"pcmk_\w+_(action|timeout|retries)\Z")
_EXEMPT = ("action", "port", "plug", "method")
_INTERNAL_PROPERTIES = frozenset({"have-watchdog", "cluster-infrastructure", "dc-version", "last-lrm-refresh",
                                  "cluster-name", "no-quorum-policy", "election-timeout", "shutdown-escalation",
                                  "join-integration-timeout", "join-finalization-timeout", "transition-delay",
                                  "cluster-recheck-interval", "dc-deadtime", "stonith-max-attempts",
                                  "fence-reaction", "enable-acl", "cluster-ipc-limit", "load-threshold",
                                  "node-action-limit", "default-resource-stickiness"})


def check(config: Configuration, elements: list[Element]) -> list[Diagnostic]:
    """Findings about the given objects and about the cluster as a whole."""
    found: list[Diagnostic] = []
    for element in elements:
        keyword = keyword_of(element)
        if keyword in ("primitive", "rsc_template"):
            found += _resource(config, element)
        elif keyword in ("group", "clone", "ms", "bundle"):
            found += _meta(config, element)
        elif keyword in ("location", "colocation", "order", "rsc_ticket"):
            found += _constraint(config, element)
        elif keyword in ("property", "rsc_defaults", "op_defaults"):
            found += _options(element, keyword)
        elif keyword == "fencing_topology":
            found += _topology(config, element)
    found += _unique_parameters(config)
    found += _cluster(config)
    return found


def _error(element: Element, message: str, hint: str = "", fatal: bool = False) -> CheckError:
    return CheckError(owner=object_id(element), message=message, hint=hint, fatal=fatal)


def _warning(element: Element, message: str, hint: str = "") -> CheckWarning:
    return CheckWarning(owner=object_id(element), message=message, hint=hint)


def _agent_name(element: Element) -> str:
    return ":".join(filter(None, (element.get("class"), element.get("provider"), element.get("type"))))


def _template_of(config: Configuration, element: Element) -> Element | None:
    name = element.get("template")
    return next((e for e in config.objects() if e.tag == "template" and e.get("id") == name), None)


def _resource(config: Configuration, element: Element) -> Iterator[Diagnostic]:
    source = element
    if element.get("template"):
        template = _template_of(config, element)
        if template is None:
            yield _error(element, f"{element.get('template')}: no such resource template", "define the rsc_template")
            return
        source = template
    info = config.agents.info(source.get("class", ""), source.get("provider", ""), source.get("type", ""))
    if info is None and _is_false(property_value(config, "symmetric-cluster")):
        yield _warning(element, f"{_agent_name(source)} is not installed here; in an asymmetric cluster it need not be")
    elif info is None:
        yield _error(element, f"{_agent_name(source)}: no such resource agent is installed here",
                     "`ra list ocf` shows the agents; `commit force` takes it without a check")
    elif info.partial:
        yield _warning(element, f"{_agent_name(source)} is not installed here, so its parameters are not checked")
    else:
        if info.recorded:
            yield _warning(element, f"{_agent_name(source)} is not installed here; checked by what is known of it")
        yield from _parameters(element, source, info)
        yield from _operations(element, source, info)
    yield from _intervals(element)
    if element.find("operations//expression") is not None:
        yield _error(element, "rules about nodes in the parameters of an operation are deprecated",
                     "a rule there may name dates only")
    yield from _meta(config, element)


def _parameters(element: Element, source: Element, info: AgentInfo) -> Iterator[Diagnostic]:
    given = {p.get("name", "") for one in (element, source) for p in one.findall("instance_attributes/nvpair")}
    opaque = any(e.get("id-ref") for one in (element, source) for e in one.iter("instance_attributes", "nvpair"))
    if element.tag == "primitive" and not opaque:
        for parameter in info.parameters.values():
            fence = source.get("class") == "stonith" and parameter.name in _EXEMPT
            if parameter.required and not given & {parameter.name, parameter.former} and not fence:
                yield _error(element, f'required parameter "{parameter.name}" not defined',
                             f"add params {parameter.name}=…")
    for pair in element.findall("instance_attributes/nvpair"):
        name = pair.get("name", "")
        if not name or name in info.parameters:
            continue
        if source.get("class") == "stonith" and (name in _FENCE_ONLY or _FENCE_PATTERN.match(name)):
            continue
        yield _error(element, f'parameter "{name}" is not known',
                     _near(name, info.parameters) or f"`ra info {_agent_name(source)}` lists them")


def _operations(element: Element, source: Element, info: AgentInfo) -> Iterator[Diagnostic]:
    for op in element.findall("operations/op"):
        name = op.get("name", "")
        advised = info.action(name, op.get("role", ""))
        if advised is None:
            if source.get("class") == "stonith" and name in ("start", "stop", "monitor"):
                continue
            names = list(dict.fromkeys(a.name for a in info.actions))
            yield _error(element, f"action '{name}' is not in the metadata of the resource agent",
                         _near(name, names) or f"it has {', '.join(names)}", fatal=True)
            continue
        given, least = milliseconds(op.get("timeout")), milliseconds(advised.timeout)
        if given is not None and least is not None and given < least:
            yield _warning(element, f"specified timeout {op.get('timeout')} for {name} is smaller than the advised "
                                    f"{advised.timeout}")


def _intervals(element: Element) -> Iterator[Diagnostic]:
    seen: list[str] = []
    for op in element.findall("operations/op"):
        name, interval = op.get("name", ""), op.get("interval")
        if interval is None:
            continue
        span = milliseconds(interval)
        if name == "monitor":
            if span == 0:
                yield _warning(element, "interval in monitor should be larger than 0", "it is run only once otherwise")
            elif interval in seen:
                yield _warning(element, f"interval in monitor must be unique ({interval} is there twice)",
                               "make one of them a second longer")
            seen.append(interval)
        elif name in ("start", "stop") and span:
            yield _warning(element, f"the interval of {name} is {interval}, it must be 0")


def _meta(config: Configuration, element: Element) -> Iterator[Diagnostic]:
    known = _GROUP_META if element.tag == "group" else META_ATTRIBUTES
    for pair in element.findall("meta_attributes/nvpair"):
        name = pair.get("name")
        if name in ("collocated", "ordered") and element.tag == "group" and _is_false(pair.get("value")):
            yield _error(element, f"{name}=false of a group is deprecated", "write constraints with a set instead")
        elif name and name not in known:
            yield _warning(element, f"unknown attribute '{name}'", _near(name, known) or "the cluster ignores it")
        elif name == "target-role" and (pair.get("value") or "").lower() not in _TARGET_ROLES:
            yield _error(element, f"target-role cannot be '{pair.get('value')}'",
                         "it is Started, Stopped, Promoted or Unpromoted")
        elif name in ("master-max", "master-node-max"):
            new = name.replace("master", "promoted")
            yield _error(element, f"the meta attribute {name} is deprecated", f"write {new}")


def _near(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is like a known one, else ''."""
    near = difflib.get_close_matches(name, sorted(known), 1, 0.75)
    return f"did you mean '{near[0]}'?" if near else ""


def _is_false(value: str | None) -> bool:
    return (value or "").lower() in ("false", "no", "off", "0", "n")


def _names(config: Configuration, element: Element) -> list[str]:
    names = [element.get(a, "") for a in ("rsc", "with-rsc", "first", "then") if element.get(a)]
    return names + [r.get("id", "") for r in element.iter("resource_ref")]


def _constraint(config: Configuration, element: Element) -> Iterator[Diagnostic]:
    for name in _names(config, element):
        target = config.find(name)
        if target is None:
            yield _error(element, f"resource {name} does not exist")
            continue
        if target.tag == "tag":
            members = [(ref.get("id", ""), config.find(ref.get("id", ""))) for ref in target.iterfind("obj_ref")]
            for member, found in members:
                if found is not None:
                    yield from _unresolved(config, element, member, config.top_of(found))
        holder = config.container_of(target)
        if holder is None:
            continue
        if element.tag == "rsc_colocation" and holder.tag == "group":
            yield _warning(element, f"resource {name} is grouped, constraints should apply to the group",
                           f"name {holder.get('id')}")
        elif holder.tag in ("clone", "master", "bundle"):
            yield _warning(element, f"resource {name} ambiguous, apply constraints to container",
                           f"name {holder.get('id')}")
        yield from _unresolved(config, element, name, config.top_of(target))
    pattern = element.get("rsc-pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            yield _error(element, f"'{pattern}' is not a valid regular expression ({error})")
    nodes = [n.lower() for n in config.node_names()]
    named = [element.get("node", "")] if element.get("node") else []
    named += [e.get("value", "") for e in element.iter("expression") if e.get("attribute") == "#uname"]
    for node in named:
        if node.lower() not in nodes:
            yield _warning(element, f"referenced node {node} does not exist")
    if schema_version(config) >= (3, 7):
        yield from _legacy_roles(element)


def _unresolved(config: Configuration, element: Element, name: str, outermost: Element) -> Iterator[Diagnostic]:
    """The cluster knows what is inside a clone or bundle by its own name only once that has run somewhere."""
    if outermost.tag not in ("clone", "master", "bundle") or outermost.get("id") == name:
        return
    path = "status/node_state/lrm/lrm_resources/lrm_resource/lrm_rsc_op"
    if not any(op.getparent().get("id") == name for op in config.root.iterfind(path)):  # type: ignore[union-attr]
        yield _error(element, f"the cluster does not find {name}, which is inside {outermost.get('id')}, "
                     "by its own name and would ignore the constraint", f"name {outermost.get('id')}")  # fmt: skip


def _legacy_roles(element: Element) -> Iterator[Diagnostic]:
    for inner in element.iter(etree.Element):
        for name in ("role", "rsc-role", "with-rsc-role"):
            if inner.get(name) in ("Master", "Slave"):
                new = "Promoted" if inner.get(name) == "Master" else "Unpromoted"
                yield _error(element, f"the role {inner.get(name)} is deprecated", f"write {new}")


def _options(element: Element, keyword: str) -> Iterator[Diagnostic]:
    if keyword == "property" and element.get("id") != "cib-bootstrap-options":
        return
    if keyword == "op_defaults" and element.find(".//expression") is not None:
        yield _error(element, "rules about nodes in op_defaults are deprecated", "a rule there may name dates only")
    known = {"property": {*CLUSTER_OPTIONS, *_INTERNAL_PROPERTIES}, "rsc_defaults": META_ATTRIBUTES,
             "op_defaults": _OP_DEFAULTS}[keyword]
    for pair in element.findall("nvpair"):
        name, value = pair.get("name") or "", pair.get("value")
        if name and name not in known:
            yield _warning(element, f"unknown attribute '{name}'", _near(name, known) or "the cluster ignores it")
        elif keyword == "property" and name in CLUSTER_OPTIONS and value is not None:
            option = CLUSTER_OPTIONS[name]
            if not option.valid(value):
                hint = f"it is one of {', '.join(option.choices)}" if option.choices else f"it is a {option.kind}"
                yield _error(element, f"'{value}' is not a value of {name}: {option.default} would be used", hint)


def _topology(config: Configuration, element: Element) -> Iterator[Diagnostic]:
    nodes = config.node_names()
    for level in element.findall("fencing-level"):
        target = level.get("target")
        if target is not None and target not in nodes:
            yield _warning(element, f"target {target} not a node")
        for device in level.get("devices", "").split(","):
            resource = config.find(device)
            if resource is None:
                yield _warning(element, f"resource {device} does not exist")
            elif resource.get("class") != "stonith":
                yield _warning(element, f"{device} not a stonith resource")


def _unique_parameters(config: Configuration) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, str, str], list[str]] = {}
    for element in config.objects():
        if element.tag != "primitive" or element.get("template"):
            continue
        info = config.agents.info(element.get("class", ""), element.get("provider", ""), element.get("type", ""))
        for pair in element.findall("instance_attributes/nvpair") if info is not None else []:
            parameter = info.parameters.get(pair.get("name", "")) if info is not None else None
            if parameter is not None and parameter.unique:
                key = (_agent_name(element), parameter.name, pair.get("value", ""))
                seen.setdefault(key, []).append(object_id(element))
    for (_, name, value), owners in seen.items():
        if len(owners) > 1:
            yield CheckWarning(message=f'Resources {",".join(owners)} violate uniqueness for parameter "{name}": '
                                       f'"{value}"')


def property_value(config: Configuration, name: str) -> str | None:
    """The value of a cluster property, from the default set first."""
    sets = config.configuration.findall("crm_config/cluster_property_set")
    sets.sort(key=lambda s: s.get("id") != "cib-bootstrap-options")
    for one in sets:
        for pair in one.findall("nvpair"):
            if pair.get("name") == name:
                return pair.get("value")
    return None


def _cluster(config: Configuration) -> Iterator[Diagnostic]:
    fencing = (property_value(config, "stonith-enabled") or "true").lower() in ("true", "yes", "on", "1", "y")
    if fencing and not any(e.get("class") == "stonith" for e in config.objects() if e.tag == "primitive"):
        yield CheckError(message="fencing is enabled (stonith-enabled) and there is no fencing device, so no resource "
                                 "would be started",
                         hint="configure a stonith: primitive, or property stonith-enabled=false")
    if not fencing:
        for ticket in config.configuration.findall("constraints/rsc_ticket"):
            if ticket.get("loss-policy") == "fence":
                yield _error(ticket, "loss-policy=fence needs fencing, which is disabled", "enable stonith-enabled")
