"""Operation results as the CIB records them: keys, magic, digests and the `lrm_rsc_op` element.

Rules and attribute order: daemons specification, sections 3.7 and 3.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from hashell.model.digest import digest_v1
from hashell.model.outcomes import ExecStatus, OcfCode, attempt_words, exit_words
from hashell.model.values import integer_of
from hashell.model.version import FEATURE_SET

NO_UUID: Final = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
PENDING_RC: Final = int(OcfCode.UNKNOWN)
_DEGRADED: Final[dict[int, int]] = {OcfCode.DEGRADED: OcfCode.OK, OcfCode.DEGRADED_PROMOTED: OcfCode.PROMOTED}
_NOT_DIGESTED: Final = frozenset(
    {"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"}
)
#: Operations whose result goes back by message only.
NOT_RECORDED: Final = frozenset({"cancel", "delete", "notify", "meta-data"})


@dataclass(frozen=True, slots=True)
class TransitionKey:
    """`ACTION:TRANSITION:TARGET_RC:UUID`, the name of one action of one transition; transition -1 is outside any."""

    action: int
    transition: int
    target_rc: int
    uuid: str

    def __str__(self) -> str:
        return f"{self.action}:{self.transition}:{self.target_rc}:{self.uuid}"

    @classmethod
    def parse(cls, text: str | None) -> TransitionKey | None:
        """The key in `text`, or None when it is not one."""
        parts = (text or "").split(":", 3)
        try:
            return cls(int(parts[0]), int(parts[1]), int(parts[2]), parts[3])
        except (ValueError, IndexError):
            return None


@dataclass(slots=True)
class Operation:
    """One operation of a resource and its result. Intervals and durations in ms, times in epoch seconds."""

    resource: str
    task: str
    interval_ms: int = 0
    key: str = ""
    rc: int = PENDING_RC
    status: int = ExecStatus.PENDING
    call_id: int = -1
    parameters: dict[str, str] = field(default_factory=dict)
    timeout_ms: int = 0
    start_delay_ms: int = 0
    run_time: int = 0
    rc_change: int = 0
    exec_time: int = 0
    queue_time: int = 0
    exit_reason: str = ""
    removed: bool = False

    @property
    def op_key(self) -> str:
        return f"{self.resource}_{self.task}_{self.interval_ms}"

    @property
    def target_rc(self) -> int:
        """What the scheduler expects; a result without a key expects its task's usual one."""
        parsed = TransitionKey.parse(self.key)
        return parsed.target_rc if parsed else 0

    @property
    def failed(self) -> bool:
        """Wrong result or bad execution; a pending or cancelled operation has not failed."""
        if self.status in (ExecStatus.PENDING, ExecStatus.CANCELLED):
            return False
        return self.status != ExecStatus.DONE or effective_rc(self.rc) != self.target_rc


def told_values(done: Operation, node: str) -> dict[str, str]:
    """What alert agents are told of a completed operation (section 6.6)."""
    desc = exit_words(done.rc) if done.status == ExecStatus.DONE else attempt_words(done.status)
    return {
        "node": node, "rsc": done.resource, "task": done.task, "interval": str(done.interval_ms), "desc": desc,
        "status": str(int(done.status)), "rc": str(int(done.rc)), "target_rc": str(done.target_rc),
        "exec_time": str(done.exec_time),
    }  # fmt: skip


def effective_rc(rc: int) -> int:
    """Degraded results count as the healthy ones."""
    return int(_DEGRADED.get(rc, rc))


def parameters_digest(parameters: dict[str, str], *, recurring: bool, leave_out: frozenset[str] = frozenset()) -> str:
    """Digest v1 of the operation's own parameters, sorted by name (`op-digest`)."""
    element = etree.Element("parameters")
    for name in sorted(parameters):
        keep = not name.startswith("CRM_meta_") or (recurring and name == "CRM_meta_timeout")
        if keep and name not in _NOT_DIGESTED and name not in leave_out:
            element.set(name, parameters[name])
    return digest_v1(element)


_USUALLY_PRIVATE = frozenset({"passwd", "password"})


@dataclass(frozen=True, slots=True)
class AgentTraits:
    """What an agent's metadata says about its parameters; `reloads` when it has a reload action."""

    reloads: bool = False
    fixed: tuple[str, ...] = ()  #: parameters that need a restart, in the order of the metadata
    private: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: etree._Element | None) -> AgentTraits:
        """Read agent metadata; None is that of an agent that has none.

        Where nothing is marked as private, parameters of the names that passwords usually have are.
        """
        if metadata is None:
            return cls()
        actions = {a.get("name") for a in metadata.iter("action")}
        modern = "reload-agent" in actions
        fixed, private, usual = [], [], []
        for parameter in metadata.iter("parameter"):
            name = parameter.get("name") or ""
            if modern and parameter.get("reloadable") != "1" or not modern and parameter.get("unique") == "1":
                fixed.append(name)
            if parameter.get("private") == "1":
                private.append(name)
            if name in _USUALLY_PRIVATE:
                usual.append(name)
        return cls(modern or "reload" in actions, tuple(fixed), tuple(private or usual))


def record(op: Operation, node: str, origin: str, traits: AgentTraits, *, with_id: str = "") -> list[etree._Element]:
    """The `<lrm_rsc_op>` elements that record a result: one, or two for the failure of a one-time operation."""
    task = _recorded_task(op)
    key = f"{op.resource}_{task}_{op.interval_ms}"
    if with_id:
        return [_element(op, with_id, task, key, node, origin, traits)]
    if op.task == "notify":
        kind = op.parameters.get("CRM_meta_notify_type", "")
        of = op.parameters.get("CRM_meta_notify_operation", "")
        notify_id = f"{op.resource}_{kind}_notify_{of}_0"
        return [_element(op, notify_id, task, notify_id, node, origin, traits)]
    if op.task in ("migrate_to", "migrate_from"):
        return [_element(op, key, task, key, node, origin, traits)]
    last = f"{op.resource}_last_0"
    if op.failed:
        found = [_element(op, f"{op.resource}_last_failure_0", task, key, node, origin, traits)]
        if op.interval_ms == 0:
            found.append(_element(op, last, task, key, node, origin, traits))
        return found
    return [_element(op, key if op.interval_ms else last, task, key, node, origin, traits)]


def _recorded_task(op: Operation) -> str:
    """A successful reload counts as a start, a failed one as a monitor, whatever the agent called it."""
    if op.task in ("reload", "reload-agent"):
        return "monitor" if op.failed else "start"
    return op.task


def _element(
    op: Operation, op_id: str, task: str, key: str, node: str, origin: str, traits: AgentTraits
) -> etree._Element:
    transition_key = op.key or f"{op.call_id}:-1:{op.target_rc}:{NO_UUID}"
    element = etree.Element("lrm_rsc_op", id=op_id)
    for name, value in (
        ("operation_key", key),
        ("operation", task),
        ("crm-debug-origin", origin),
        ("crm_feature_set", op.parameters.get("crm_feature_set", FEATURE_SET)),
        ("transition-key", transition_key),
        ("transition-magic", f"{int(op.status)}:{op.rc};{transition_key}"),
        ("exit-reason", op.exit_reason if op.failed else ""),
        ("on_node", node),
        ("call-id", str(op.call_id)),
        ("rc-code", str(op.rc)),
        ("op-status", str(int(op.status))),
        ("interval", str(op.interval_ms)),
    ):
        element.set(name, value)
    if op.run_time or op.rc_change or op.exec_time or op.queue_time:
        changed = op.rc_change if op.interval_ms and op.rc_change else op.run_time
        element.set("last-rc-change", str(changed))
        element.set("exec-time", str(op.exec_time))
        element.set("queue-time", str(op.queue_time))
    if op.task in ("migrate_to", "migrate_from"):
        element.set("migrate_source", op.parameters.get("CRM_meta_migrate_source", ""))
        element.set("migrate_target", op.parameters.get("CRM_meta_migrate_target", ""))
    _add_digests(element, op, traits)
    return element


def _add_digests(element: etree._Element, op: Operation, traits: AgentTraits) -> None:
    recurring = op.interval_ms > 0
    element.set("op-digest", parameters_digest(op.parameters, recurring=recurring))
    if traits.reloads and not recurring and op.task not in NOT_RECORDED:
        restart = {name: op.parameters[name] for name in traits.fixed if name in op.parameters}
        element.set("op-force-restart", f"  {' '.join(traits.fixed)}  ")
        element.set("op-restart-digest", parameters_digest(restart, recurring=False))
    if traits.private:
        element.set("op-secure-params", f"  {' '.join(traits.private)}  ")
        hidden = frozenset(traits.private)
        element.set("op-secure-digest", parameters_digest(op.parameters, recurring=recurring, leave_out=hidden))


def node_history(node_id: str, node: str, origin: str, resource: etree._Element) -> etree._Element:
    """A `<node_state>` update that carries one `<lrm_resource>`."""
    state = etree.Element("node_state", id=node_id, uname=node)
    state.set("crm-debug-origin", origin)
    resources = etree.SubElement(etree.SubElement(state, "lrm", id=node_id), "lrm_resources")
    resources.append(resource)
    return state


def was_active(resource: etree._Element) -> bool:
    """True when an `<lrm_resource>` leaves open that its resource runs: the last one-time operation decides."""
    latest, active = -2, False
    for op in resource.iterchildren("lrm_rsc_op"):
        task, rc, call = op.get("operation"), op.get("rc-code"), integer_of(op, "call-id", -1)
        if op.get("op-status") == str(int(ExecStatus.PENDING)):
            if task not in ("monitor", "notify"):
                return True
            continue
        if op.get("interval", "0") == "0" and call >= latest:
            latest = call
            gone = (task in ("stop", "migrate_to") and rc == "0") or (task == "monitor" and rc == "7")
            active = not gone
    return active
