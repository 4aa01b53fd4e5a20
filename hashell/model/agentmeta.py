"""Agent metadata as data: what a resource or fence agent says about its parameters and actions.

Both forms are read: the OCF 1.0/1.1 `<resource-agent>` and the fence agents' variant of it. Reading is lenient where
agents in the field are sloppy (missing descriptions, unknown attributes) and strict where a wrong answer would harm:
no root element, no name of a parameter or action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lxml import etree

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.model.xmltext import parse

_TRUE = frozenset({"1", "true", "yes", "on", "y"})
#: Parameters taken as secret when the agent does not say (daemons specification, section 3.8).
PRIVATE_BY_NAME = ("passwd", "password")


@dataclass(frozen=True, kw_only=True)
class BadAgentMetadata(Diagnostic):
    """The agent answered meta-data with something that cannot be used."""

    code: ClassVar[str] = "H601"
    exit_code: ClassVar[ExitCode] = ExitCode.DATAERR
    agent: str
    problem: str

    def text(self) -> str:
        return f"metadata of agent {self.agent} cannot be used: {self.problem}"

    def remedy(self) -> str:
        return "run the agent with the action meta-data and correct its output"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter. `default` is None when the agent states none; `choices` are those of a select type.

    `obsoletes` is a former name of it, which fence agents list as a parameter of its own.
    """

    name: str
    type: str = "string"
    default: str | None = None
    required: bool = False
    unique_group: str = ""
    reloadable: bool = False
    private: bool = False
    deprecated: bool = False
    obsoletes: str = ""
    choices: tuple[str, ...] = ()
    shortdesc: str = ""
    longdesc: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One advertised action; durations stay as the agent wrote them, such as `20s`, or '' when absent."""

    name: str
    timeout: str = ""
    interval: str = ""
    start_delay: str = ""
    depth: str = ""
    role: str = ""
    automatic: bool = False  #: fence agents: unfencing is done by the cluster (`on`)
    on_target: bool = False  #: fence agents: the action runs on its target only


@dataclass(frozen=True, kw_only=True)
class AgentMetadata:
    """All an agent says about itself. `ocf_version` is the API it follows, '' when it does not say."""

    name: str
    version: str = ""
    ocf_version: str = ""
    shortdesc: str = ""
    longdesc: str = ""
    parameters: tuple[Parameter, ...] = ()
    actions: tuple[Action, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), None)

    def action(self, name: str) -> Action | None:
        """The first action of that name (an agent may list monitor once for each role)."""
        return next((a for a in self.actions if a.name == name), None)

    def supports(self, name: str) -> bool:
        return self.action(name) is not None

    @property
    def promotable(self) -> bool:
        return self.supports("promote") and self.supports("demote")

    def non_reloadable(self) -> list[str] | None:
        """Parameters whose change needs a restart, or None for an agent that cannot reload at all (section 3.8)."""
        if self.supports("reload-agent"):
            return [p.name for p in self.parameters if not p.reloadable]
        if self.supports("reload"):
            return [p.name for p in self.parameters if p.unique_group]
        return None

    def private(self) -> list[str]:
        """Names of secret parameters, by declaration or, when none is declared, by name (section 3.8)."""
        declared = [p.name for p in self.parameters if p.private]
        return declared or [p.name for p in self.parameters if p.name in PRIVATE_BY_NAME]


def _flag(value: str | None) -> bool:
    return (value or "").strip().lower() in _TRUE


def _description(element: etree._Element, tag: str) -> str:
    """The description in English or without a language, else the first one, white space at its ends dropped."""
    found = element.findall(tag)
    best = next((d for d in found if (d.get("lang") or "en").startswith("en")), found[0] if found else None)
    return (best.text or "").strip() if best is not None else ""


def _parameter(element: etree._Element, agent: str) -> Parameter:
    name = element.get("name")
    if not name:
        raise HashellError(BadAgentMetadata(agent=agent, problem="a parameter has no name"))
    content = element.find("content")
    choices: tuple[str, ...] = ()
    kind, default = "string", None
    if content is not None:
        kind, default = content.get("type") or "string", content.get("default")
        choices = tuple(value for o in content.findall("option") if (value := o.get("value")) is not None)
    unique = name if _flag(element.get("unique")) else ""
    return Parameter(
        name=name,
        type=kind,
        default=default if default is not None else element.get("default"),
        required=_flag(element.get("required")),
        unique_group=element.get("unique-group") or unique,
        reloadable=_flag(element.get("reloadable")),
        private=_flag(element.get("private")),
        deprecated=_flag(element.get("deprecated")) or element.find("deprecated") is not None,
        obsoletes=element.get("obsoletes") or "",
        choices=choices,
        shortdesc=_description(element, "shortdesc"),
        longdesc=_description(element, "longdesc"),
    )


def _action(element: etree._Element, agent: str) -> Action:
    name = element.get("name")
    if not name:
        raise HashellError(BadAgentMetadata(agent=agent, problem="an action has no name"))
    return Action(
        name=name,
        timeout=element.get("timeout") or "",
        interval=element.get("interval") or "",
        start_delay=element.get("start-delay") or "",
        depth=element.get("depth") or "",
        role=element.get("role") or "",
        automatic=_flag(element.get("automatic")),
        on_target=_flag(element.get("on_target")),
    )


def parse_metadata(text: str | bytes, agent: str) -> AgentMetadata:
    """Read what `agent` (its name for messages, such as `ocf:heartbeat:IPaddr2`) printed for meta-data.

    Raises HashellError with BadAgentMetadata when it is not a usable `<resource-agent>` document.
    """
    try:
        root = parse(text.strip())
    except (etree.XMLSyntaxError, ValueError) as error:
        problem = "it is empty" if not text.strip() else f"it is not well-formed XML ({str(error)[:120]})"
        raise HashellError(BadAgentMetadata(agent=agent, problem=problem)) from None
    if root.tag != "resource-agent":
        raise HashellError(BadAgentMetadata(agent=agent, problem=f"its root is <{root.tag}>, not <resource-agent>"))
    api = root.find("version")
    return AgentMetadata(
        name=root.get("name") or agent.rsplit(":", 1)[-1],
        version=root.get("version") or "",
        ocf_version=(api.text or "").strip() if api is not None else "",
        shortdesc=_description(root, "shortdesc") or (root.get("shortdesc") or ""),
        longdesc=_description(root, "longdesc"),
        parameters=tuple(_parameter(p, agent) for p in root.iterfind("parameters/parameter")),
        actions=tuple(_action(a, agent) for a in root.iterfind("actions/action")),
    )
