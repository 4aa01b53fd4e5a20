"""Handler of `configure rsctest`: resources tried out with their agents, node by node, before the cluster has them."""

from __future__ import annotations

from lxml import etree

from hashell.client.source import LiveSource, embedded_dir, embedded_nodes
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.ra.agent import AgentId, AgentJob, AgentResult
from hashell.ra.registry import AgentRegistry
from hashell.shell.diagnostics import CommandFailed
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

Element = etree._Element
_RUNNING = (0, 8)
_STOPPED = 7
_SECONDS = 120.0


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


def rsctest(session: Session, words: list[str]) -> ExitCode:
    """`rsctest RESOURCE… [NODE…]`: probe, start, monitor, (promote, demote) and stop, in the order given."""
    config = session.workspace.config
    nodes = [w for w in words if config.find(w) is None or config.get(w).tag == "node"]
    names = [w for w in words if w not in nodes]
    primitives: list[Element] = []
    for name in names:
        element = config.get(name)
        primitives += [p for p in element.iter("primitive") if p not in primitives]
    if not primitives:
        raise failed("no primitive named", "rsctest RESOURCE… [NODE…]")
    _refuse_running(session, primitives)
    code = ExitCode.OK
    for name, registry in _places(session, nodes):
        session.out(f"testing on {name}:")
        if not _test_node(session, registry, primitives):
            code = ExitCode.ERROR
    return code


def _refuse_running(session: Session, primitives: list[Element]) -> None:
    if session.workspace.config.root.find("status/node_state") is None:
        return
    board = session.run(session.cluster().board())
    active = [r.id for r in board.resources if r.nodes]
    for element in primitives:
        name = element.get("id", "")
        if name in active:
            raise failed(f"{name} is running in the cluster", f"stop it first: resource stop {name}")


def _places(session: Session, nodes: list[str]) -> list[tuple[str, AgentRegistry]]:
    """The machines to test on: this one, or embedded nodes by name. Raises HashellError for others."""
    source = session.cluster().source
    here = source.settings if isinstance(source, LiveSource) else NodeSettings()
    known = {s.name: s for s in embedded_nodes(embedded_dir(session.environ()))}
    if not nodes:
        return [(here.name or "this machine", AgentRegistry.of(here))]
    places = []
    for name in nodes:
        settings = known.get(name) or (here if here.name == name else None)
        if settings is None:
            raise failed(f"{name} is not this machine and not an embedded node, so its agents cannot be run from here",
                         f"run it there: hashell configure rsctest … on {name}")
        places.append((name, AgentRegistry.of(settings)))
    return places


def _steps(element: Element, config_top: Element) -> list[tuple[str, tuple[int, ...]]]:
    """(action, exit codes that are right) in order; promotable resources are promoted and demoted too."""
    promotable = any(p.get("name") == "promotable" and p.get("value", "").lower() in ("true", "yes", "on", "1", "y")
                     for p in config_top.findall("meta_attributes/nvpair"))
    middle: list[tuple[str, tuple[int, ...]]] = [("promote", (0,)), ("monitor", (8,)), ("demote", (0,)),
                                                 ("monitor", (0,))] if promotable else []
    return [("start", (0,)), ("monitor", _RUNNING), *middle]


def _test_node(session: Session, registry: AgentRegistry, primitives: list[Element]) -> bool:
    config = session.workspace.config
    begun: list[Element] = []
    good = True
    try:
        for element in primitives:
            probe = _run(session, registry, element, "monitor")
            if probe.rc in _RUNNING:
                session.out(f"  {element.get('id')}: is already active here, not touched")
                good = False
                break
            if probe.rc != _STOPPED:
                good = _say(session, element, "probe", probe, (_STOPPED,))
                break
            begun.append(element)
            for action, right in _steps(element, config.top_of(element)):
                good = _say(session, element, action, _run(session, registry, element, action), right)
                if not good:
                    break
            if not good:
                break
    finally:
        for element in reversed(begun):
            good = _say(session, element, "stop", _run(session, registry, element, "stop"), (0,)) and good
    return good


def _run(session: Session, registry: AgentRegistry, element: Element, action: str) -> AgentResult:
    source = element
    if element.get("template"):
        source = session.workspace.config.get(element.get("template", ""))
    holders = [source, element] if source is not element else [element]
    params = {p.get("name", ""): p.get("value", "") for e in holders for p in e.findall("instance_attributes/nvpair")}
    agent = AgentId(source.get("class", ""), source.get("provider", ""), source.get("type", ""))
    return session.run(registry.run(AgentJob(agent, element.get("id", ""), action, _SECONDS, params=params)))


def _say(session: Session, element: Element, action: str, result: AgentResult, right: tuple[int, ...]) -> bool:
    good = int(result.rc) in right
    reason = "" if good else f": {result.reason or result.output.strip() or 'no reason given'}"
    session.out(f"  {element.get('id')} {action}: {'ok' if good else f'FAILED, rc={int(result.rc)}'}{reason}")
    return good
