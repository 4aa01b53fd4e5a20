"""A random but valid cluster from a seed: nodes, options, resources of every kind; status and constraints are added.

The same seed makes the same CIB and the same extra arguments. Everything is chosen so that a scheduler has something
to decide: names are drawn from what exists, odd values are rare.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from tests.lab.random_values import CLONE_META, META, ON_FAIL, OPTIONS, PROMOTABLE_META

Element = etree._Element

#: Epoch seconds at which every generated cluster is looked at.
NOW = 1700000000

@dataclass
class Leaf:
    """A primitive as the status needs it: how its history is named and what it may be."""

    id: str
    agent: tuple[str, str, str]  #: class, provider, type
    instances: int = 0  #: 0 outside a clone
    unique: bool = False
    promotable: bool = False
    node: str = ""  #: the guest node on which alone it runs (bundles)
    monitors: list[int] = field(default_factory=list)  #: ms
    migratable: bool = False


class Cluster:
    """Builds one CIB; `root` is the result, `args` the extra arguments of the simulation."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.serial = 0
        self.nodes: list[str] = []
        self.guests: list[str] = []  #: bundle and guest nodes, remote nodes
        self.tops: list[str] = []
        self.anything: list[str] = []  #: ids that constraints may name
        self.promotables: list[str] = []
        self.leaves: list[Leaf] = []
        self.templates: list[str] = []
        self.args: list[str] = []
        self.root = etree.Element(
            "cib", {"crm_feature_set": "3.20.0", "validate-with": "pacemaker-3.10", "admin_epoch": "0", "epoch": "1",
                    "num_updates": "0", "have-quorum": "0" if self.chance(0.12) else "1", "dc-uuid": "1",
                    "execution-date": str(NOW)}
        )  # fmt: skip
        if self.chance(0.1):
            self.root.set("no-quorum-panic", "1")
        configuration = etree.SubElement(self.root, "configuration")
        self.section = {
            name: etree.SubElement(configuration, name)
            for name in ("crm_config", "nodes", "resources", "constraints", "op_defaults", "rsc_defaults", "tags")
        }
        self.status = etree.SubElement(self.root, "status")
        self.fencing = self.chance(0.7)

    # -- small words ------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, *values: str) -> str:
        return self.random.choice(values)

    def id(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}-{self.serial}"

    def pairs(self, parent: Element, tag: str, values: Mapping[str, str], at: int | None = None) -> Element | None:
        """A block of name/value pairs, when there are any."""
        if not values:
            return None
        block = etree.Element(tag, id=self.id(tag))
        for name, value in values.items():
            etree.SubElement(block, "nvpair", id=self.id("nv"), name=name, value=value)
        parent.append(block) if at is None else parent.insert(at, block)
        return block

    def some(self, table: Mapping[str, Sequence[str]], probability: float) -> dict[str, str]:
        return {name: self.random.choice(values) for name, values in table.items() if self.chance(probability)}

    def related(self, id: str) -> list[str]:
        """The resource itself, what it is in and what is in it; for tags all that they name.

        Orderings between these end the original with a failed assertion.
        """
        tags = {str(tag.get("id")): [str(ref.get("id")) for ref in tag] for tag in self.section["tags"]}
        near = list(tags.get(id, [id]))
        for name in list(near):
            for element in self.section["resources"].iter("primitive", "group", "clone", "bundle"):
                if element.get("id") == name:
                    family = [*element.iterancestors("group", "clone", "bundle"), *element.iterdescendants()]
                    near += [str(e.get("id")) for e in family if e.get("id")]
                elif element.get("template") == name:
                    near += self.related(str(element.get("id")))
        near += [tag for tag, names in tags.items() if any(name in names for name in near)]
        near += [str(e.get("template")) for e in self.section["resources"].iter("primitive") if e.get("id") in near]
        return [*near, id]

    # -- nodes and options ------------------------------------------------------------------------------------

    def build_nodes(self) -> None:
        for number in range(1, self.random.choice((1, 2, 2, 3, 3, 3, 4, 5)) + 1):
            name = f"node{number}"
            self.nodes.append(name)
            node = etree.SubElement(self.section["nodes"], "node", id=str(number), uname=name)
            if self.chance(0.1):
                node.set("type", self.pick("member", "member") if self.chance(0.3) else "member")
            if self.chance(0.05):
                node.set("score", self.pick("0", "10", "-5", "INFINITY", "-INFINITY"))
            self.pairs(node, "instance_attributes", self._node_attributes())
            if self.chance(0.5):
                values = {"cpu": self.pick("1", "2", "4", "8"), "memory": self.pick("0", "10", "100", "x")}
                self.pairs(node, "utilization", values)

    def _node_attributes(self) -> dict[str, str]:
        return self.some(
            {
                "site": ("a", "b"),
                "weight": ("5", "INFINITY", "-20", "x"),
                "standby": ("on", "true", "false") if self.chance(0.3) else ("off",),
                "maintenance": ("true", "false") if self.chance(0.2) else ("false",),
                "#health-disk": ("red", "yellow", "green", "-10", "20"),
            },
            0.2,
        )

    def build_options(self) -> None:
        values = self.some(OPTIONS, 0.12)
        for name in ("maintenance-mode", "stop-all-resources"):
            if self.chance(0.7):
                values.pop(name, "")
        if not self.fencing or self.chance(0.3):
            values["stonith-enabled"] = "true" if self.fencing else "false"
        self.pairs(self.section["crm_config"], "cluster_property_set", values)
        if values and self.chance(0.05):
            block = self.pairs(self.section["crm_config"], "cluster_property_set", self.some(OPTIONS, 0.1))
            if block is not None:
                self.rule(block, score="10")
        for section, table in (
            ("rsc_defaults", self.some(META, 0.05)),
            (
                "op_defaults",
                self.some({"timeout": ("17s", "2min"), "on-fail": ON_FAIL, "record-pending": ("true",)}, 0.1),
            ),
        ):
            block = self.pairs(self.section[section], "meta_attributes", table)
            if block is not None and self.chance(0.4):
                self.defaults_rule(block, section)

    # -- rules ------------------------------------------------------------------------------------------------

    def rule(self, parent: Element, **attributes: str) -> Element:
        """A rule about dates only, as everything but locations allows."""
        rule = etree.Element("rule", {"id": self.id("rule"), "boolean-op": self.pick("and", "or"), **attributes})
        parent.insert(0, rule)
        for _ in range(self.random.choice((1, 1, 2))):
            self.date(rule)
        return rule

    def location_rule(self, parent: Element, depth: int = 0, **attributes: str) -> Element:
        rule = etree.SubElement(
            parent, "rule", {"id": self.id("rule"), "boolean-op": self.pick("and", "or"), **attributes}
        )
        for _ in range(self.random.choice((1, 1, 2))):
            kind = self.random.random()
            if kind < 0.2:
                self.date(rule)
            elif kind < 0.3 and depth < 2:
                self.location_rule(rule, depth + 1)
            else:
                self.expression(rule)
        return rule

    def expression(self, rule: Element) -> None:
        expression = etree.SubElement(rule, "expression", id=self.id("expr"))
        expression.set(
            "attribute", self.pick("#uname", "#kind", "site", "weight", "pingd", "standby", "#id", "#cluster-name")
        )
        if self.chance(0.25):
            expression.set("operation", self.pick("defined", "not_defined"))
            return
        expression.set("operation", self.pick("eq", "ne", "lt", "gt", "lte", "gte"))
        expression.set("value", self.pick("a", "b", "1", "100", "cluster", "remote", "container", "true", *self.nodes))
        if self.chance(0.4):
            expression.set("type", self.pick("string", "integer", "number", "version"))

    def date(self, rule: Element) -> None:
        expression = etree.SubElement(rule, "date_expression", id=self.id("date"))
        operation = self.pick("in_range", "gt", "lt", "date_spec")
        expression.set("operation", operation)
        if operation == "date_spec":
            spec = etree.SubElement(expression, "date_spec", id=self.id("spec"))
            for name, values in (("weekdays", ("1-5", "6-7", "2")), ("hours", ("9-17", "22")),
                                 ("years", ("2010-2023", "2024")),
                                 ("months", ("1-6", "11")), ("monthdays", ("14", "15-31")),
                                 ("yeardays", ("318", "1-100"))):  # fmt: skip
                if self.chance(0.3):
                    spec.set(name, self.pick(*values))
            return
        if operation != "lt":
            expression.set("start", self.pick("2001-01-01", "2023-11-14 22:00:00Z", "2023-11-14 22:20:00Z", "2040-001"))
        if operation == "lt" or (operation == "in_range" and self.chance(0.5)):
            expression.set("end", self.pick("2002-02-02", "2023-11-14 23:00:00Z", "2041-01-01T01:01:01Z"))
        elif operation == "in_range":
            etree.SubElement(expression, "duration", id=self.id("duration")).set(
                self.pick("years", "hours", "months", "days", "weeks"), self.pick("1", "30")
            )

    def defaults_rule(self, block: Element, section: str) -> None:
        rule = etree.Element("rule", {"id": self.id("rule"), "boolean-op": self.pick("and", "or")})
        block.insert(0, rule)
        if self.chance(0.3):
            self.date(rule)
        elif section == "op_defaults" and self.chance(0.6):
            expression = etree.SubElement(rule, "op_expression", id=self.id("op"), name=self.pick("monitor", "start"))
            if self.chance(0.4):
                expression.set("interval", self.pick("10s", "0"))
        else:
            expression = etree.SubElement(rule, "rsc_expression", id=self.id("rsc"))
            for name, values in (
                ("class", ("ocf", "stonith")),
                ("provider", ("pacemaker", "heartbeat")),
                ("type", ("Dummy", "IPaddr2")),
            ):
                if self.chance(0.5):
                    expression.set(name, self.pick(*values))

    # -- resources --------------------------------------------------------------------------------------------

    def build_resources(self) -> None:
        if self.fencing and self.chance(0.9):
            for _ in range(self.random.choice((1, 1, 2))):
                self.fence_device()
        for _ in range(self.random.choice((1, 2, 2, 3, 3, 4, 5, 7))):
            kind = self.random.random()
            resources = self.section["resources"]
            if kind < 0.3:
                self.tops.append(str(self.primitive(resources).get("id")))
            elif kind < 0.5:
                self.tops.append(str(self.group(resources).get("id")))
            elif kind < 0.8:
                self.clone()
            elif kind < 0.9:
                self.bundle()
            elif kind < 0.95:
                self.guest()
            else:
                self.remote()

    def fence_device(self) -> None:
        agent = ("stonith", "", self.pick("fence_xvm", "fence_scsi"))
        primitive = self.primitive(self.section["resources"], agent=agent)
        if self.chance(0.15):
            self.pairs(primitive, "meta_attributes", {"provides": "unfencing"}, at=0)
        self.tops.append(str(primitive.get("id")))

    def primitive(self, parent: Element, agent: tuple[str, str, str] | None = None, **leaf: object) -> Element:
        id = self.pick("rsc", "db", "ip", "A", "z") + str(len(self.leaves) + 1)
        agent = agent or self.random.choice((
            ("ocf", "pacemaker", "Dummy"), ("ocf", "heartbeat", "IPaddr2"), ("ocf", "pacemaker", "Stateful"),
            ("systemd", "", "httpd"), ("lsb", "", "mysql"), ("ocf", "pacemaker", "Dummy"),
        ))  # fmt: skip
        primitive = etree.SubElement(parent, "primitive", id=id)
        made = Leaf(id, agent)
        for name, value in leaf.items():
            setattr(made, name, value)
        self.leaves.append(made)
        target = primitive
        if agent[0] != "stonith" and self.chance(0.1):
            target = self._template(agent, primitive)
        else:
            for name, value in zip(("class", "provider", "type"), agent, strict=True):
                if value:
                    primitive.set(name, value)
        meta = self.some(META, 0.06)
        made.migratable = meta.get("allow-migrate") == "true"
        self.pairs(self.random.choice((primitive, target)), "meta_attributes", meta)
        parameters = self.some({"state": ("/a", "/b"), "fake": ("1", "2"), "passwd": ("x",), "op_sleep": ("3",)}, 0.15)
        block = self.pairs(primitive, "instance_attributes", parameters)
        if block is not None and self.chance(0.15):
            self.location_rule_first(block)
        if self.chance(0.85):
            self._operations(target, made)
        if self.chance(0.4):
            self.pairs(
                primitive, "utilization", {"cpu": self.pick("1", "2", "4"), "memory": self.pick("1", "10", "50")}
            )
        _order_children(primitive)
        self.anything.append(id)
        return primitive

    def location_rule_first(self, block: Element) -> None:
        rule = self.location_rule(block)
        block.insert(0, rule)

    def _template(self, agent: tuple[str, str, str], primitive: Element) -> Element:
        template = etree.Element("template", id=self.id("template"))
        for name, value in zip(("class", "provider", "type"), agent, strict=True):
            if value:
                template.set(name, value)
        self.section["resources"].insert(0, template)
        primitive.set("template", str(template.get("id")))
        self.templates.append(str(template.get("id")))
        return template

    def _operations(self, primitive: Element, leaf: Leaf) -> None:
        operations = etree.SubElement(primitive, "operations")
        wanted: list[tuple[str, str, str]] = []
        if self.chance(0.7):
            wanted.append(("monitor", self.pick("10s", "30s", "1min"), ""))
        if leaf.promotable and self.chance(0.8):
            wanted.append(("monitor", self.pick("11s", "31s"), "Promoted"))
        if self.chance(0.08):
            wanted.append(("monitor", "45s", self.pick("Stopped", "Started", "Unpromoted")))
        for name in ("start", "stop", "promote", "demote", "migrate_to"):
            if self.chance(0.15):
                wanted.append((name, "0", ""))
        for name, interval, role in wanted:
            op = etree.SubElement(operations, "op", id=self.id("op"), name=name, interval=interval)
            if role:
                op.set("role", role)
            if name == "monitor":
                leaf.monitors.append({"1min": 60000}.get(interval) or int(interval[:-1]) * 1000)
            for key, values in (("timeout", ("33s", "2min")), ("enabled", ("true", "false")), ("on-fail", ON_FAIL),
                                ("record-pending", ("true", "false")),
                             ("start-delay", ("5s",)), ("interval-origin", ("2020-01-01",))):  # fmt: skip
                if self.chance(0.3 if key == "timeout" else 0.12) and not (
                    key == "interval-origin" and op.get("start-delay")
                ):
                    op.set(key, self.pick(*values))
            if self.chance(0.05):
                self.pairs(op, "instance_attributes", {"OCF_CHECK_LEVEL": "10"})
            if self.chance(0.05):
                self.pairs(op, "meta_attributes", {"timeout": "44s"})

    def group(self, parent: Element, **leaf: object) -> Element:
        group = etree.SubElement(parent, "group", id=self.id("grp"))
        self.pairs(group, "meta_attributes", {**self.some(META, 0.04),

                             **self.some({"ordered": ("false",), "collocated": ("false",)}, 0.05)})  # fmt: skip
        self.anything.append(str(group.get("id")))
        for _ in range(self.random.choice((1, 2, 2, 3, 4))):
            self.primitive(group, **leaf)
        return group

    def clone(self) -> None:
        clone = etree.SubElement(self.section["resources"], "clone", id=self.id("clone"))
        meta = {**self.some(META, 0.04), **self.some(CLONE_META, 0.15)}
        promotable = self.chance(0.45)
        if promotable:
            meta.update(promotable="true", **self.some(PROMOTABLE_META, 0.25))
        self.pairs(clone, "meta_attributes", meta)
        id = str(clone.get("id"))
        self.tops.append(id)
        self.anything.append(id)
        if promotable:
            self.promotables.append(id)
        leaf = {
            "instances": int(meta.get("clone-max", len(self.nodes))),
            "unique": meta.get("globally-unique") == "true"
            or meta.get("clone-node-max", "1") != "1"
            and self.chance(0.5),
            "promotable": promotable,
        }
        if self.chance(0.3):
            self.group(clone, **leaf)
        else:
            agent = ("ocf", "pacemaker", "Stateful") if promotable else None
            self.primitive(clone, agent=agent, **leaf)

    def bundle(self) -> None:
        id = self.id("bundle")
        bundle = etree.SubElement(self.section["resources"], "bundle", id=id)
        self.pairs(bundle, "meta_attributes", self.some(META, 0.05))
        kind = self.pick("docker", "podman")
        replicas = self.random.choice((1, 2, 3))
        container = etree.SubElement(bundle, kind, image="x", replicas=str(replicas))
        for name, values in (
            ("replicas-per-host", ("1", "2")),
            ("run-command", ("/bin/x",)),
            ("network", ("host",)),
            ("options", ("--a --b",)),
        ):
            if self.chance(0.15):
                container.set(name, self.pick(*values))
        promotable = self.chance(0.4)
        if promotable:
            container.set("promoted-max", self.pick("1", "2"))
            self.promotables.append(id)
        network, inside = self.chance(0.7), self.chance(0.75)
        number = len(self.guests) // 8 + 131
        if network or inside:
            element = etree.SubElement(bundle, "network")
            if network:
                element.set("ip-range-start", f"192.168.122.{number}")
                for name, value in (("host-interface", "eth0"), ("host-netmask", "24")):
                    if self.chance(0.4):
                        element.set(name, value)
            if not network or self.chance(0.3):
                element.set("control-port", "3121")
            if self.chance(0.5):
                etree.SubElement(element, "port-mapping", id=self.id("port"), port="80")
        if self.chance(0.5):
            storage = etree.SubElement(bundle, "storage")
            mapping = etree.SubElement(
                storage, "storage-mapping", {"id": self.id("map"), "target-dir": "/var", "options": "rw"}
            )
            mapping.set(self.pick("source-dir", "source-dir-root"), "/srv")
        for index in range(replicas):
            self.leaves.append(Leaf(f"{id}-{kind}-{index}", ("ocf", "heartbeat", kind), monitors=[60000]))
            if network:
                self.leaves.append(
                    Leaf(f"{id}-ip-192.168.122.{number + index}", ("ocf", "heartbeat", "IPaddr2"), monitors=[60000])
                )
        if inside:
            for index in range(replicas):
                self.leaves.append(Leaf(f"{id}-{index}", ("ocf", "pacemaker", "remote"), monitors=[30000]))
                self.guests.append(f"{id}-{index}")
            self.primitive(
                bundle,
                agent=("ocf", "pacemaker", "Stateful" if promotable else "Dummy"),
                promotable=promotable,
                node=id,
                instances=replicas,
            )
        self.tops.append(id)
        self.anything.append(id)

    def guest(self) -> None:
        """A virtual machine that is a node."""
        primitive = self.primitive(self.section["resources"], agent=("ocf", "heartbeat", "VirtualDomain"))
        name = f"guest{len(self.guests) + 1}"
        values = {
            "remote-node": name,
            **self.some({"remote-allow-migrate": ("false",), "remote-addr": ("10.0.0.1",)}, 0.3),
        }
        block = primitive.find("meta_attributes")
        if block is None:
            self.pairs(primitive, "meta_attributes", values, at=0)
        else:
            for key, value in values.items():
                if not any(pair.get("name") == key for pair in block):
                    etree.SubElement(block, "nvpair", id=self.id("nv"), name=key, value=value)
        _order_children(primitive)
        self.guests.append(name)
        self.leaves.append(Leaf(name, ("ocf", "pacemaker", "remote"), monitors=[30000]))
        self.tops.append(str(primitive.get("id")))

    def remote(self) -> None:
        name = f"remote{len(self.guests) + 1}"
        primitive = etree.SubElement(
            self.section["resources"],
            "primitive",
            {"id": name, "class": "ocf", "provider": "pacemaker", "type": "remote"},
        )
        self.pairs(primitive, "meta_attributes", self.some(META, 0.04))
        self.pairs(
            primitive,
            "instance_attributes",
            self.some({"reconnect_interval": ("60", "10min"), "server": ("10.0.0.2",)}, 0.4),
        )
        leaf = Leaf(name, ("ocf", "pacemaker", "remote"))
        self._operations(primitive, leaf)
        self.leaves.append(leaf)
        self.guests.append(name)
        self.tops.append(name)
        if self.chance(0.6):
            node = etree.SubElement(self.section["nodes"], "node", id=name, uname=name, type="remote")
            self.pairs(node, "instance_attributes", self._node_attributes())


def _order_children(primitive: Element) -> None:
    """The order that the schema wants of what was put in as it came."""
    order = ("meta_attributes", "instance_attributes", "operations", "utilization")
    primitive[:] = sorted(primitive, key=lambda e: order.index(str(e.tag)) if e.tag in order else 9)
