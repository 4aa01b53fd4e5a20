"""The table of node attributes: names, their settings and a value for each node (daemons specification, section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from hashell.model.document import CallOption
from hashell.model.durations import milliseconds
from hashell.model.ids import sanitize_id, sanitize_nvpair_id
from hashell.model.scores import add_scores, score
from hashell.model.values import integer

INSTANCE, UTILIZATION = "instance_attributes", "utilization"
PROTOCOL_NAME = "#attrd-protocol"
_FAILURES = "^(fail-count|last-failure)-"


@dataclass(slots=True)
class Value:
    """The value on one node; `text` None means it is unset. `node_id` is '' until somebody told it."""

    host: str
    text: str | None = None
    node_id: str = ""
    is_remote: bool = False
    untold: bool = False  #: changed since alert agents were told


@dataclass(slots=True)
class Attribute:
    """One attribute. `dampening` is in seconds. `changed`: not yet written; `writing`: number of the running write."""

    name: str
    set_type: str = INSTANCE
    set_id: str = ""
    user: str = ""
    dampening: float = 0.0
    private: bool = False
    values: dict[str, Value] = field(default_factory=dict)
    changed: bool = False
    waiting: bool = False  #: the dampening timer runs
    writing: int = 0

    def value(self, host: str) -> Value | None:
        """The entry of a node; names compare without regard to case."""
        return self.values.get(host.lower())

    def entry(self, host: str) -> Value:
        """The entry of a node, made when it is new."""
        return self.values.setdefault(host.lower(), Value(host))

    def text(self, host: str) -> str | None:
        found = self.value(host)
        return found.text if found else None


class AttributeTable:
    def __init__(self) -> None:
        self._attributes: dict[str, Attribute] = {}

    def __iter__(self) -> Iterator[Attribute]:
        return iter(list(self._attributes.values()))

    def __len__(self) -> int:
        return len(self._attributes)

    def get(self, name: str) -> Attribute | None:
        return self._attributes.get(name)

    def make(self, name: str, source: etree._Element) -> Attribute:
        """The attribute; a new one takes its settings from the message."""
        found = self._attributes.get(name)
        if found is None:
            found = Attribute(
                name,
                set_type=source.get("attr_set_type") or INSTANCE,
                set_id=source.get("attr_set") or "",
                user=source.get("attr_user") or "",
                dampening=seconds(source.get("attr_dampening")),
                private=truth(source.get("attr_is_private")),
            )
            self._attributes[name] = found
        return found

    def matching(self, pattern: str) -> list[Attribute]:
        """Attributes whose name the extended regular expression finds; none for one that is not one."""
        try:
            expression = re.compile(pattern)
        except re.error:
            return []
        return [attribute for attribute in self if expression.search(attribute.name)]

    def drop_host(self, host: str) -> None:
        """Forget all values of a node that left."""
        for attribute in self._attributes.values():
            attribute.values.pop(host.lower(), None)

    def hosts(self) -> list[str]:
        """All nodes that have a value, in the order in which they were first heard of."""
        return list(dict.fromkeys(v.host for a in self._attributes.values() for v in a.values.values()))

    def protocol(self) -> int:
        """The lowest attrd protocol among the nodes known, 0 when none is."""
        found = self._attributes.get(PROTOCOL_NAME)
        texts = [v.text for v in found.values.values()] if found else []
        versions = [integer(text) for text in texts if text and text.isdecimal()]
        return min(versions, default=0)


def truth(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1", "yes", "y", "on")


def seconds(text: str | None) -> float:
    """A dampening: an interval such as `5s` or plain seconds; what cannot be read is 0."""
    if not text:
        return 0.0
    span = milliseconds(text)
    return span / 1000 if span is not None else 0.0


def expand(old: str | None, value: str | None) -> str | None:
    """`value++` and `value+=N` become a number; everything else is as it is."""
    if value == "value++":
        amount = "1"
    elif value is not None and value.startswith("value+="):
        amount = value[len("value+=") :]
    else:
        return value
    return str(add_scores(score(old), score(amount)))


def failure_pattern(resource: str | None, operation: str | None, interval: str | None) -> str:
    """The expression for the names of failure attributes; `interval` may be any duration, missing is 0."""
    if not resource:
        return _FAILURES
    prefix = f"{_FAILURES}{re.escape(resource)}#"
    if not operation:
        return f"{prefix}.+_[0-9]+$"
    return f"{prefix}{re.escape(operation)}_{round(1000 * seconds(interval))}$"


def write_commands(attribute: Attribute, ids: dict[str, str]) -> list[etree._Element]:
    """The transaction's commands that bring all values of an attribute into the CIB.

    `ids` gives the node id of each known node by lower-case name; values of nodes without one are left out.
    """
    commands: list[etree._Element] = []
    for value in attribute.values.values():
        node_id = value.host if value.is_remote else value.node_id or ids.get(value.host.lower(), "")
        if node_id:
            commands.append(_write_one(attribute, value, node_id))
    return commands


def _quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text else f'"{text}"'


def _write_one(attribute: Attribute, value: Value, node_id: str) -> etree._Element:
    set_id = sanitize_id(attribute.set_id or f"status-{node_id}")
    pair_id = f"{set_id}-{sanitize_nvpair_id(attribute.name)}"
    options = CallOption.TRANSACTION | (CallOption.XPATH if value.text is None else CallOption.CAN_CREATE)
    command = etree.Element("cib_command", t="cib")
    command.set("cib_op", "cib_delete" if value.text is None else "cib_modify")
    if value.text is None:
        path = f"/cib/status/node_state[@id='{node_id}']/transient_attributes[@id='{node_id}']"
        path += f"/{attribute.set_type}[@id='{set_id}']/nvpair[@id='{pair_id}' and @name={_quoted(attribute.name)}]"
        command.set("cib_section", path)
    else:
        command.set("cib_section", "status")
    command.set("cib_user", attribute.user or "root")
    command.set("cib_callid", "0")
    command.set("cib_callopt", str(int(options)))
    if value.text is not None:
        state = etree.SubElement(etree.SubElement(command, "cib_calldata"), "node_state", id=node_id)
        transient = etree.SubElement(state, "transient_attributes", id=node_id)
        block = etree.SubElement(transient, attribute.set_type, id=set_id)
        etree.SubElement(block, "nvpair", id=pair_id, name=attribute.name, value=value.text)
    return command
