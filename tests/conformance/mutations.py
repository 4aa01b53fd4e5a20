"""Random but valid changes to a CIB, for comparing two schedulers on inputs that nobody wrote."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy

from lxml import etree

Element = etree._Element

_OPTIONS = {
    "symmetric-cluster": ("true", "false"),
    "no-quorum-policy": ("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    "stonith-enabled": ("true", "false"),
    "stonith-action": ("reboot", "off"),
    "maintenance-mode": ("true", "false"),
    "stop-all-resources": ("true",),
    "placement-strategy": ("default", "utilization", "minimal", "balanced"),
    "stop-orphan-resources": ("true", "false"),
    "stop-orphan-actions": ("true", "false"),
    "start-failure-is-fatal": ("true", "false"),
    "enable-startup-probes": ("true", "false"),
    "concurrent-fencing": ("true", "false"),
    "startup-fencing": ("true", "false"),
    "priority-fencing-delay": ("0", "15s"),
    "node-health-strategy": ("none", "migrate-on-red", "only-green", "progressive", "custom"),
    "shutdown-lock": ("true",),
    "shutdown-lock-limit": ("0", "5min"),
    "node-pending-timeout": ("0", "2h"),
    "have-watchdog": ("true",),
    "migration-limit": ("-1", "3"),
}
_META = {
    "is-managed": ("true", "false"),
    "target-role": ("Stopped", "Started", "Promoted", "Unpromoted"),
    "priority": ("0", "1", "10", "-5", "INFINITY"),
    "resource-stickiness": ("0", "1", "100", "INFINITY", "-10"),
    "migration-threshold": ("0", "1", "3", "INFINITY"),
    "failure-timeout": ("0", "10s", "1h", "100d"),
    "multiple-active": ("stop_start", "stop_only", "block", "stop_unexpected"),
    "allow-migrate": ("true", "false"),
    "critical": ("true", "false"),
    "requires": ("nothing", "quorum", "fencing", "unfencing"),
    "maintenance": ("true", "false"),
    "allow-unhealthy-nodes": ("true",),
}
_CLONE_META = {
    "clone-max": ("0", "1", "2", "3", "5"),
    "clone-node-max": ("1", "2"),
    "globally-unique": ("true", "false"),
    "promotable": ("true", "false"),
    "promoted-max": ("0", "1", "2"),
    "promoted-node-max": ("1", "2"),
    "notify": ("true", "false"),
    "ordered": ("true", "false"),
    "interleave": ("true", "false"),
    "clone-min": ("1", "2"),
}
_GROUP_META = {"ordered": ("true", "false"), "collocated": ("true", "false")}
_ON_FAIL = ("ignore", "block", "stop", "restart", "standby", "fence", "restart-container", "demote")
_SCORES = ("INFINITY", "-INFINITY", "100", "-100", "1", "0", "5000")
_ROLES = ("Started", "Stopped", "Promoted", "Unpromoted")


class Mutator:
    """Changes one CIB in place; the same seed makes the same changes."""

    def __init__(self, cib: Element, seed: int) -> None:
        self.cib = cib
        self.random = random.Random(seed)
        self.serial = 0

    def apply(self, count: int) -> list[str]:
        """Make so many changes; their names."""
        done = []
        choices = self.choices()
        while len(done) < count:
            choice = self.random.choice(choices)
            if choice():
                done.append(choice.__name__)
        return done

    def choices(self) -> list[Callable[[], bool]]:
        """The changes to choose from; one that returns False was not possible."""
        return [
            self.option, self.option, self.quorum, self.meta, self.meta, self.meta, self.drop_resource,
            self.node_state, self.node_attribute, self.result, self.result, self.drop_history, self.move_history,
            self.location, self.location_rule, self.colocation, self.colocation, self.ordering, self.ordering,
            self.sets, self.ticket, self.drop_constraint, self.failcount, self.on_fail, self.utilization,
            self.defaults, self.tag, self.node_score, self.drop_state, self.pending, self.shutdown,
        ]  # fmt: skip

    def id(self, kind: str) -> str:
        self.serial += 1
        return f"mutation-{kind}-{self.serial}"

    def find(self, path: str) -> list[Element]:
        found = self.cib.xpath(path)
        return [e for e in found if isinstance(e, etree._Element)] if isinstance(found, list) else []

    def pick(self, path: str) -> Element | None:
        found = self.find(path)
        return self.random.choice(found) if found else None

    def nodes(self) -> list[str]:
        return [str(e.get("uname")) for e in self.find("//nodes/node") if e.get("uname")]

    def resources(self) -> list[str]:
        tags = "self::primitive or self::group or self::clone or self::master or self::bundle"
        found = self.find(f"//resources//*[{tags}]")
        return [str(e.get("id")) for e in found if e.get("id")]

    def _set(self, parent: Element, block_tag: str, name: str, value: str) -> None:
        block = parent.find(block_tag)
        if block is None:
            block = etree.Element(block_tag, id=self.id(block_tag))
            parent.insert(0, block)
        for pair in block.iterchildren("nvpair"):
            if pair.get("name") == name:
                pair.set("value", value)
                return
        etree.SubElement(block, "nvpair", id=self.id("pair"), name=name, value=value)

    def _section(self, name: str) -> Element | None:
        configuration = self.cib.find("configuration")
        if configuration is None:
            return None
        section = configuration.find(name)
        return section if section is not None else etree.SubElement(configuration, name)

    def option(self) -> bool:
        section = self.cib.find("configuration/crm_config")
        if section is None:
            return False
        name = self.random.choice(list(_OPTIONS))
        for pair in section.iter("nvpair"):
            if pair.get("name") in (name, name.replace("-", "_")):
                pair.set("value", self.random.choice(_OPTIONS[name]))
                return True
        self._set(section, "cluster_property_set", name, self.random.choice(_OPTIONS[name]))
        return True

    def quorum(self) -> bool:
        self.cib.set("have-quorum", self.random.choice(("0", "1")))
        return True

    def meta(self) -> bool:
        rsc = self.pick("//resources//*[self::primitive or self::group or self::clone or self::master or self::bundle]")
        if rsc is None:
            return False
        choices = dict(_META)
        if rsc.tag in ("clone", "master"):
            choices = {**choices, **_CLONE_META}
        elif rsc.tag == "group":
            choices = {**choices, **_GROUP_META}
        name = self.random.choice(list(choices))
        self._set(rsc, "meta_attributes", name, self.random.choice(choices[name]))
        return True

    def drop_resource(self) -> bool:
        rsc = self.pick("//resources/*[self::primitive or self::group or self::clone]")
        if rsc is None:
            return False
        ids = {e.get("id") for e in rsc.iter("primitive", "group", "clone")}
        for constraint in self.find("//constraints/*"):
            if any(e.get(a) in ids for e in constraint.iter() for a in ("rsc", "with-rsc", "first", "then", "id")):
                constraint.getparent().remove(constraint)  # type: ignore[union-attr]
        for ref in self.find("//tags//obj_ref"):
            if ref.get("id") in ids:
                return False
        rsc.getparent().remove(rsc)  # type: ignore[union-attr]
        return True

    def node_state(self) -> bool:
        state = self.pick("//status/node_state")
        if state is None:
            return False
        name, values = self.random.choice(
            (
                ("in_ccm", ("true", "false")),
                ("crmd", ("online", "offline")),
                ("join", ("member", "down", "pending", "banned")),
                ("expected", ("member", "down")),
            )
        )
        state.set(name, self.random.choice(values))
        return True

    def drop_state(self) -> bool:
        state = self.pick("//status/node_state")
        if state is None:
            return False
        state.getparent().remove(state)  # type: ignore[union-attr]
        return True

    def _transient(self, name: str, value: str) -> bool:
        state = self.pick("//status/node_state")
        if state is None:
            return False
        transient = state.find("transient_attributes")
        if transient is None:
            transient = etree.SubElement(state, "transient_attributes", id=state.get("id") or "x")
        self._set(transient, "instance_attributes", name, value)
        return True

    def node_attribute(self) -> bool:
        name, values = self.random.choice(
            (
                ("standby", ("true", "false", "on")),
                ("maintenance", ("true", "false")),
                ("terminate", ("true", "false")),
                ("#health-disk", ("red", "yellow", "green", "-10", "20")),
                ("role", ("a", "b", "10")),
            )
        )
        value = self.random.choice(values)
        if self.random.random() < 0.5:
            return self._transient(name, value)
        node = self.pick("//nodes/node")
        if node is None:
            return False
        self._set(node, "instance_attributes", name, value)
        return True

    def shutdown(self) -> bool:
        return self._transient("shutdown", self.random.choice(("0", "1400000000")))

    def node_score(self) -> bool:
        node = self.pick("//nodes/node")
        if node is None:
            return False
        node.set("score", self.random.choice(("0", "10", "-5", "INFINITY", "-INFINITY")))
        return True

    def result(self) -> bool:
        op = self.pick("//lrm_rsc_op")
        if op is None:
            return False
        rc = self.random.choice((0, 1, 2, 3, 5, 6, 7, 8, 9, 190, 191))
        status = self.random.choice((0, 0, 0, 2, 4, 7, 8))
        op.set("rc-code", str(rc))
        op.set("op-status", str(status))
        key = op.get("transition-key")
        if key:
            op.set("transition-magic", f"{status}:{rc};{key}")
        return True

    def pending(self) -> bool:
        op = self.pick("//lrm_rsc_op")
        key = op.get("transition-key") if op is not None else None
        if op is None or not key:
            return False
        for name, value in (("rc-code", "193"), ("op-status", "-1"), ("call-id", "-1")):
            op.set(name, value)
        op.set("transition-magic", f"-1:193;{key}")
        return True

    def drop_history(self) -> bool:
        element = self.pick("//lrm_rsc_op") if self.random.random() < 0.5 else self.pick("//lrm_resource")
        if element is None:
            return False
        element.getparent().remove(element)  # type: ignore[union-attr]
        return True

    def move_history(self) -> bool:
        source, target = self.pick("//lrm_resource"), self.pick("//lrm_resources")
        if source is None or target is None:
            return False
        if any(e.get("id") == source.get("id") for e in target):
            return False
        target.append(deepcopy(source))
        return True

    def _constraint(self, tag: str) -> Element | None:
        section = self._section("constraints")
        return None if section is None else etree.SubElement(section, tag, id=self.id(tag))

    def _two(self) -> tuple[str, str] | None:
        names = self.resources()
        return tuple(self.random.sample(names, 2)) if len(names) > 1 else None  # type: ignore[return-value]

    def location(self) -> bool:
        names, nodes = self.resources(), self.nodes()
        constraint = self._constraint("rsc_location") if names and nodes else None
        if constraint is None:
            return False
        if self.random.random() < 0.2:
            constraint.set("rsc-pattern", self.random.choice((".*", "^r", "!^r", "1$")))
        else:
            constraint.set("rsc", self.random.choice(names))
        constraint.set("node", self.random.choice(nodes))
        constraint.set("score", self.random.choice(_SCORES))
        if self.random.random() < 0.3:
            constraint.set("resource-discovery", self.random.choice(("always", "never", "exclusive")))
        if self.random.random() < 0.3:
            constraint.set("role", self.random.choice(_ROLES))
        return True

    def location_rule(self) -> bool:
        names, nodes = self.resources(), self.nodes()
        constraint = self._constraint("rsc_location") if names and nodes else None
        if constraint is None:
            return False
        constraint.set("rsc", self.random.choice(names))
        rule = etree.SubElement(constraint, "rule", id=self.id("rule"), score=self.random.choice(_SCORES))
        rule.set("boolean-op", self.random.choice(("and", "or")))
        if self.random.random() < 0.3:
            rule.set("role", self.random.choice(_ROLES))
        for _ in range(self.random.randint(1, 3)):
            expression = etree.SubElement(rule, "expression", id=self.id("expression"))
            expression.set("attribute", self.random.choice(("#uname", "role", "#kind", "#id", "nothing")))
            operation = self.random.choice(("eq", "ne", "lt", "gte", "defined", "not_defined"))
            expression.set("operation", operation)
            if "defined" not in operation:
                expression.set("value", self.random.choice([*nodes, "a", "10", "cluster"]))
        return True

    def colocation(self) -> bool:
        two = self._two()
        constraint = self._constraint("rsc_colocation") if two else None
        if constraint is None or two is None:
            return False
        constraint.set("rsc", two[0])
        constraint.set("with-rsc", two[1])
        constraint.set("score", self.random.choice(_SCORES))
        if self.random.random() < 0.3:
            constraint.set("rsc-role", self.random.choice(_ROLES))
        if self.random.random() < 0.3:
            constraint.set("with-rsc-role", self.random.choice(_ROLES))
        if self.random.random() < 0.2:
            constraint.set("influence", self.random.choice(("true", "false")))
        if self.random.random() < 0.2:
            constraint.set("node-attribute", "role")
        return True

    def ordering(self) -> bool:
        two = self._two()
        constraint = self._constraint("rsc_order") if two else None
        if constraint is None or two is None:
            return False
        constraint.set("first", two[0])
        constraint.set("then", two[1])
        constraint.set("kind", self.random.choice(("Mandatory", "Optional", "Serialize")))
        actions = ("start", "stop", "promote", "demote")
        if self.random.random() < 0.4:
            constraint.set("first-action", self.random.choice(actions))
        if self.random.random() < 0.4:
            constraint.set("then-action", self.random.choice(actions))
        if self.random.random() < 0.3:
            constraint.set("symmetrical", self.random.choice(("true", "false")))
        if self.random.random() < 0.2:
            constraint.set("require-all", self.random.choice(("true", "false")))
        return True

    def sets(self) -> bool:
        names = self.resources()
        if len(names) < 3:
            return False
        kind = self.random.choice(("rsc_order", "rsc_colocation"))
        constraint = self._constraint(kind)
        if constraint is None:
            return False
        if kind == "rsc_colocation":
            constraint.set("score", self.random.choice(_SCORES))
        else:
            constraint.set("kind", self.random.choice(("Mandatory", "Optional", "Serialize")))
        chosen = self.random.sample(names, min(len(names), self.random.randint(2, 5)))
        while chosen:
            size = self.random.randint(1, 3)
            members, chosen = chosen[:size], chosen[size:]
            resource_set = etree.SubElement(constraint, "resource_set", id=self.id("set"))
            if self.random.random() < 0.5:
                resource_set.set("sequential", self.random.choice(("true", "false")))
            if kind == "rsc_order" and self.random.random() < 0.4:
                resource_set.set("require-all", self.random.choice(("true", "false")))
            if kind == "rsc_order" and self.random.random() < 0.2:
                resource_set.set("action", self.random.choice(("start", "stop", "promote", "demote")))
            if kind == "rsc_colocation" and self.random.random() < 0.2:
                resource_set.set("role", self.random.choice(_ROLES))
            for member in members:
                etree.SubElement(resource_set, "resource_ref", id=member)
        return True

    def ticket(self) -> bool:
        names = self.resources()
        constraint = self._constraint("rsc_ticket") if names else None
        if constraint is None:
            return False
        constraint.set("rsc", self.random.choice(names))
        constraint.set("ticket", self.random.choice(("ticketA", "ticketB")))
        constraint.set("loss-policy", self.random.choice(("stop", "demote", "fence", "freeze")))
        if self.random.random() < 0.3:
            constraint.set("rsc-role", self.random.choice(_ROLES))
        status = self.cib.find("status")
        if status is not None and status.find("tickets") is None and self.random.random() < 0.5:
            state = etree.SubElement(etree.SubElement(status, "tickets"), "ticket_state", id="ticketA")
            state.set("granted", self.random.choice(("true", "false")))
            state.set("standby", self.random.choice(("true", "false")))
        return True

    def drop_constraint(self) -> bool:
        constraint = self.pick("//constraints/*")
        if constraint is None:
            return False
        constraint.getparent().remove(constraint)  # type: ignore[union-attr]
        return True

    def failcount(self) -> bool:
        primitive = self.pick("//resources//primitive")
        if primitive is None:
            return False
        operation = self.random.choice(("start_0", "monitor_10000", "stop_0"))
        count = self.random.choice(("1", "3", "INFINITY"))
        name = f"{primitive.get('id')}#{operation}"
        return self._transient(f"fail-count-{name}", count) and self._transient(f"last-failure-{name}", "1400000000")

    def on_fail(self) -> bool:
        op = self.pick("//resources//op")
        if op is None:
            return False
        value = self.random.choice(_ON_FAIL)
        if op.get("name") == "stop" and value in ("stop", "standby", "demote", "restart-container"):
            return False
        op.set("on-fail", value)
        return True

    def utilization(self) -> bool:
        element = self.pick("//resources//primitive") if self.random.random() < 0.6 else self.pick("//nodes/node")
        if element is None or element.get("template"):
            return False
        self._set(element, "utilization", self.random.choice(("cpu", "ram")), str(self.random.randint(1, 4)))
        return True

    def defaults(self) -> bool:
        section = self._section(self.random.choice(("rsc_defaults", "op_defaults")))
        if section is None:
            return False
        if section.tag == "op_defaults":
            self._set(section, "meta_attributes", "timeout", "90s")
        else:
            name = self.random.choice(("resource-stickiness", "migration-threshold", "failure-timeout"))
            self._set(section, "meta_attributes", name, self.random.choice(("1", "10", "100")))
        return True

    def tag(self) -> bool:
        names = self.resources()
        section = self._section("tags") if len(names) > 1 else None
        if section is None:
            return False
        id = self.id("tag")
        tag = etree.SubElement(section, "tag", id=id)
        for name in self.random.sample(names, 2):
            etree.SubElement(tag, "obj_ref", id=name)
        kind = self.random.choice(("rsc_location", "rsc_colocation", "rsc_order"))
        constraint = self._constraint(kind)
        assert constraint is not None
        if kind == "rsc_location":
            nodes = self.nodes()
            if not nodes:
                return False
            constraint.set("rsc", id)
            constraint.set("node", self.random.choice(nodes))
            constraint.set("score", "50")
            return True
        sides = ("rsc", "with-rsc") if kind == "rsc_colocation" else ("first", "then")
        order = self.random.sample(sides, 2)
        constraint.set(order[0], id)
        constraint.set(order[1], self.random.choice(names))
        if kind == "rsc_colocation":
            constraint.set("score", "INFINITY")
        return True
