"""More random changes to a CIB: rules, operations, migrations, bundles, templates, locks."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from tests.conformance.mutations import Element, Mutator

_KEY = "{}:{}:{}:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
_RESOURCE = "//resources//*[self::primitive or self::group or self::clone or self::master or self::bundle]"


class DeepMutator(Mutator):
    """All changes of Mutator, and those that need more knowledge of what a CIB means."""

    def choices(self) -> list[Callable[[], bool]]:
        own = [
            self.rule, self.rule, self.block, self.operation, self.operation, self.migration, self.migration,
            self.bundle, self.template, self.lock, self.joined, self.expiry, self.wrap_clone, self.wrap_group,
            self.duplicate_op, self.extra_meta, self.attribute_score, self.defaults_rule, self.digest, self.parameter,
            self.drop_pair,
        ]  # fmt: skip
        return super().choices() + own * 2

    def _condition(self, rule: Element) -> None:
        kind = self.random.choice(("node", "date", "spec", "agent"))
        if kind == "node":
            expression = etree.SubElement(rule, "expression", id=self.id("expression"))
            expression.set("attribute", self.random.choice(("#uname", "#kind", "role", "standby")))
            expression.set("operation", self.random.choice(("eq", "ne", "lt", "gt")))
            expression.set("value", self.random.choice(["a", "1", "cluster", "true", *self.nodes()]))
            if self.random.random() < 0.4:
                expression.set("type", self.random.choice(("string", "integer", "number", "version")))
        elif kind == "date":
            expression = etree.SubElement(rule, "date_expression", id=self.id("date"))
            operation = self.random.choice(("in_range", "gt", "lt"))
            expression.set("operation", operation)
            if operation != "lt":
                expression.set("start", self.random.choice(("2001-01-01", "2024-05-05 10:00:00Z", "2040-001")))
            if operation == "lt" or (operation == "in_range" and self.random.random() < 0.5):
                expression.set("end", self.random.choice(("2002-02-02", "2041-01-01T01:01:01Z")))
            elif operation == "in_range":
                etree.SubElement(expression, "duration", id=self.id("duration"), years="30")
        elif kind == "spec":
            expression = etree.SubElement(rule, "date_expression", id=self.id("date"), operation="date_spec")
            specs = (("weekdays", "1-5"), ("hours", "9-17"), ("years", "2010-"), ("months", "1-6"))
            name, value = self.random.choice(specs)
            etree.SubElement(expression, "date_spec", id=self.id("spec")).set(name, value)
        else:
            expression = etree.SubElement(rule, "expression", id=self.id("expression"))
            expression.set("attribute", "#uname")
            expression.set("operation", "defined")

    def _rule(self, parent: Element, **attributes: str) -> Element:
        rule = etree.Element("rule", id=self.id("rule"), **attributes)
        rule.set("boolean-op", self.random.choice(("and", "or")))
        parent.insert(0, rule)
        for _ in range(self.random.randint(1, 2)):
            self._condition(rule)
        return rule

    def rule(self) -> bool:
        """A rule on some block of name/value pairs."""
        tags = "self::instance_attributes or self::meta_attributes or self::cluster_property_set"
        block = self.pick(f"/cib/configuration//*[{tags}][nvpair][not(rule)]")
        if block is None:
            return False
        self._rule(block)
        return True

    def block(self) -> bool:
        """A second block with other values and a score."""
        block = self.pick("//resources//*[self::instance_attributes or self::meta_attributes][nvpair]")
        if block is None or block.get("id-ref"):
            return False
        copy = deepcopy(block)
        copy.set("id", self.id("block"))
        for element in copy.iterdescendants():
            if element.get("id"):
                element.set("id", self.id("copied"))
        copy.set("score", self.random.choice(("INFINITY", "10", "0", "-10")))
        for pair in copy.iterchildren("nvpair"):
            if self.random.random() < 0.5:
                pair.set("value", self.random.choice(("1", "true", "#default", "Stopped", "10")))
        block.addnext(copy)
        return True

    def operation(self) -> bool:
        op = self.pick("//resources//op")
        if op is None:
            return False
        name, values = self.random.choice(
            (
                ("timeout", ("33s", "2min", "PT10S", "0")),
                ("enabled", ("true", "false")),
                ("start-delay", ("5s", "1min")),
                ("interval-origin", ("2020-01-01 00:00:00Z", "2050-01-01 00:00:00Z")),
                ("interval", ("7s", "1min", "0", "PT20S", "P2D")),
                ("record-pending", ("true", "false")),
                ("role", ("Started", "Promoted", "Unpromoted", "Stopped")),
            )
        )
        if name == "role" and op.get("name") != "monitor":
            return False
        if name in ("start-delay", "interval-origin"):
            for other in ("start-delay", "interval-origin"):
                op.attrib.pop(other, "")
        op.set(name, self.random.choice(values))
        return True

    def duplicate_op(self) -> bool:
        op = self.pick("//resources//op[@name='monitor']")
        if op is None:
            return False
        copy = deepcopy(op)
        for element in copy.iter():
            if element.get("id"):
                element.set("id", self.id("op"))
        copy.set("interval", self.random.choice(("11s", "13s", "0")))
        op.addnext(copy)
        return True

    def migration(self) -> bool:
        """A migration in the history of both ends, more or less finished."""
        names = self.nodes()
        source = self.pick("//node_state[@uname]//lrm_resource[lrm_rsc_op]")
        if source is None or len(names) < 2:
            return False
        state = next(source.iterancestors("node_state"))
        from_node = str(state.get("uname"))
        others = [name for name in names if name != from_node]
        to_node = self.random.choice(others)
        target_state = self.pick(f"//node_state[@uname='{to_node}']/lrm/lrm_resources")
        if target_state is None:
            return False
        ends = {"migrate_source": from_node, "migrate_target": to_node}
        self._entry(source, from_node, "migrate_to", self.random.choice((0, 0, 1)), ends)
        stage = self.random.randint(0, 3)
        id = source.get("id")
        target = next((each for each in target_state if each.get("id") == id), None)
        if target is None:
            target = etree.SubElement(target_state, "lrm_resource", id=id or "")
            for name in ("class", "provider", "type"):
                if source.get(name):
                    target.set(name, str(source.get(name)))
        if stage > 0:
            self._entry(target, to_node, "migrate_from", self.random.choice((0, 0, 1)), ends)
        if stage > 1:
            self._entry(source, from_node, "stop", 0, {})
        primitive = self.pick(f"//resources//primitive[@id='{id}']")
        if primitive is not None and self.random.random() < 0.7:
            self._set(primitive, "meta_attributes", "allow-migrate", "true")
        return True

    def _entry(self, resource: Element, node: str, task: str, rc: int, more: dict[str, str]) -> None:
        calls = [int(op.get("call-id") or 0) for op in resource.iterchildren("lrm_rsc_op")]
        call, key = max(calls, default=0) + 1, _KEY.format(call_number := len(calls) + 5, 3, 0)
        id = f"{resource.get('id')}_{task}_0" if task.startswith("migrate") else f"{resource.get('id')}_last_0"
        for op in list(resource.iterchildren("lrm_rsc_op")):
            if op.get("id") == id:
                resource.remove(op)
        op = etree.SubElement(resource, "lrm_rsc_op", id=id, operation=task, interval="0")
        op.set("operation_key", f"{resource.get('id')}_{task}_0")
        op.set("transition-key", key)
        op.set("transition-magic", f"0:{rc};{key}")
        op.set("on_node", node)
        op.set("call-id", str(max(call, call_number)))
        op.set("rc-code", str(rc))
        op.set("op-status", "0")
        for name, value in more.items():
            op.set(name, value)

    def bundle(self) -> bool:
        container = self.pick("//bundle/*[self::docker or self::podman]")
        if container is None:
            return False
        name, values = self.random.choice(
            (
                ("replicas", ("1", "2", "3", "4")),
                ("replicas-per-host", ("1", "2")),
                ("promoted-max", ("0", "1", "2")),
                ("run-command", ("/bin/x",)),
                ("network", ("host", "bridge")),
                ("options", ("--a --b",)),
            )
        )
        container.set(name, self.random.choice(values))
        return True

    def template(self) -> bool:
        """A primitive becomes one made from a template."""
        primitive = self.pick("//resources//primitive[@class][not(@template)]")
        resources = self.cib.find("configuration/resources")
        if primitive is None or resources is None:
            return False
        id = self.id("template")
        template = etree.Element("template", id=id)
        for name in ("class", "provider", "type"):
            value = primitive.attrib.pop(name, "")
            if value:
                template.set(name, str(value))
        operations = primitive.find("operations")
        if operations is not None and self.random.random() < 0.6:
            template.append(operations)
        resources.insert(0, template)
        primitive.set("template", id)
        if self.random.random() < 0.5:
            constraint = self._constraint("rsc_location")
            nodes = self.nodes()
            if constraint is not None and nodes:
                constraint.set("rsc", id)
                constraint.set("node", self.random.choice(nodes))
                constraint.set("score", "77")
        return True

    def lock(self) -> bool:
        resource = self.pick("//lrm_resource")
        section = self.cib.find("configuration/crm_config")
        if resource is None or section is None:
            return False
        self._set(section, "cluster_property_set", "shutdown-lock", "true")
        resource.set("shutdown-lock", self.random.choice(("1400000000", "1699999990")))
        return True

    def joined(self) -> bool:
        """Membership as the times since when it lasts."""
        state = self.pick("//status/node_state")
        if state is None:
            return False
        state.set("in_ccm", self.random.choice(("1699999000", "0")))
        state.set("crmd", self.random.choice(("1699999001", "0")))
        return True

    def expiry(self) -> bool:
        op = self.pick("//lrm_rsc_op")
        if op is None:
            return False
        resource = op.getparent()
        assert resource is not None
        op.set("last-rc-change", self.random.choice(("1699999995", "1600000000")))
        failure = f"{resource.get('id')}_last_failure_0"
        if self.random.random() < 0.5 and not any(each.get("id") == failure for each in resource):
            op.set("id", failure)
        primitive = self.pick(f"//resources//primitive[@id='{resource.get('id')}']")
        if primitive is not None:
            self._set(primitive, "meta_attributes", "failure-timeout", self.random.choice(("10s", "100s", "0")))
        return True

    def _wrapped(self, tag: str) -> Element | None:
        primitive = self.pick("//resources/primitive")
        if primitive is None:
            return None
        wrapper = etree.Element(tag, id=self.id(tag))
        primitive.addprevious(wrapper)
        wrapper.append(primitive)
        return wrapper

    def wrap_clone(self) -> bool:
        clone = self._wrapped("clone")
        if clone is not None and self.random.random() < 0.5:
            self._set(clone, "meta_attributes", "interleave", "true")
        return clone is not None

    def wrap_group(self) -> bool:
        group = self._wrapped("group")
        if group is None:
            return False
        following = group.getnext()
        if following is not None and following.tag == "primitive":
            group.append(following)
        return True

    def extra_meta(self) -> bool:
        rsc = self.pick(_RESOURCE)
        if rsc is None:
            return False
        name, value = self.random.choice(
            (
                ("resource-stickiness", "default"),
                ("target-role", "#default"),
                ("migration-threshold", "-1"),
                ("is-managed", "default"),
                ("priority", "abc"),
                ("requires", "whatever"),
                ("failure-timeout", "xyz"),
                ("multiple-active", "odd"),
                ("container-attribute-target", "host"),
                ("globally-unique", "true"),
            )
        )
        self._set(rsc, "meta_attributes", name, value)
        return True

    def attribute_score(self) -> bool:
        """A location whose score is a node attribute."""
        names = self.resources()
        constraint = self._constraint("rsc_location") if names else None
        if constraint is None:
            return False
        constraint.set("rsc", self.random.choice(names))
        rule = self._rule(constraint)
        rule.set("score-attribute", "weight")
        for node in self.find("//nodes/node"):
            if self.random.random() < 0.7:
                self._set(node, "instance_attributes", "weight", self.random.choice(("5", "INFINITY", "-20", "x")))
        return True

    def defaults_rule(self) -> bool:
        """Defaults for some agents or operations only."""
        section = self._section(self.random.choice(("rsc_defaults", "op_defaults")))
        if section is None:
            return False
        block = etree.SubElement(section, "meta_attributes", id=self.id("defaults"))
        rule = etree.SubElement(block, "rule", id=self.id("rule"))
        rule.set("boolean-op", "and")
        if section.tag == "op_defaults" and self.random.random() < 0.6:
            name = self.random.choice(("monitor", "start"))
            expression = etree.SubElement(rule, "op_expression", id=self.id("op"), name=name)
            if self.random.random() < 0.4:
                expression.set("interval", "10s")
        else:
            expression = etree.SubElement(rule, "rsc_expression", id=self.id("rsc"))
            expression.set("class", self.random.choice(("ocf", "stonith")))
        pair = ("timeout", "88s") if section.tag == "op_defaults" else ("resource-stickiness", "44")
        etree.SubElement(block, "nvpair", id=self.id("pair"), name=pair[0], value=pair[1])
        return True

    def digest(self) -> bool:
        op = self.pick("//lrm_rsc_op[@op-digest]")
        if op is None:
            return False
        op.set("op-digest", "0123456789abcdef0123456789abcdef")
        if self.random.random() < 0.4:
            op.set("op-restart-digest", "f2317cad3d54cec5d7d7aa7d0bf35cf8")
            op.set("op-force-restart", self.random.choice((" state ", " ip  nic ", "  ")))
        return True

    def parameter(self) -> bool:
        primitive = self.pick("//resources//primitive")
        if primitive is None:
            return False
        self._set(primitive, "instance_attributes", self.random.choice(("state", "ip", "fake", "1st")), "new&<value>")
        return True

    def drop_pair(self) -> bool:
        pair = self.pick("/cib/configuration//nvpair")
        if pair is None:
            return False
        pair.getparent().remove(pair)  # type: ignore[union-attr]
        return True
