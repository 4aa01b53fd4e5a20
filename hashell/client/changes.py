"""Changes to a CIB that commands and monitor make, with the ids that Pacemaker's own tools would use. Pure."""

from __future__ import annotations

import copy
import difflib

from lxml import etree

from hashell.client.diagnostics import ChangeImpossible
from hashell.model.diagnostics import HashellError
from hashell.model.ids import free_id, sanitize_id

Element = etree._Element

RESOURCES = ("primitive", "group", "clone", "master", "bundle")


def _failed(message: str, hint: str = "") -> HashellError:
    return HashellError(ChangeImpossible(message=message, hint=hint))


class Cib:
    """A copy of a CIB to be changed; `notes` are things to tell the user."""

    def __init__(self, cib: Element) -> None:
        self.root = copy.deepcopy(cib)
        self.notes: list[str] = []

    # -- finding -------------------------------------------------------------------------------------------

    def section(self, name: str) -> Element:
        configuration = self.root.find("configuration")
        if configuration is None:
            configuration = etree.SubElement(self.root, "configuration")
        found = configuration.find(name)
        return found if found is not None else etree.SubElement(configuration, name)

    def resource(self, name: str) -> Element:
        """The resource of that id. Raises HashellError."""
        known: list[str] = []
        for element in self.section("resources").iter(*RESOURCES):
            if element.get("id") == name:
                return element
            known.append(element.get("id", ""))
        near = difflib.get_close_matches(name, known, 1)
        raise _failed(f"resource {name} does not exist", f"did you mean '{near[0]}'?" if near else
                      "`resource status` lists all")

    def node(self, name: str) -> Element:
        """The node of that name or id. Raises HashellError."""
        for element in self.section("nodes").findall("node"):
            if name in (element.get("uname"), element.get("id")):
                return element
        raise _failed(f"node {name} does not exist", f"nodes: {' '.join(self.nodes())}")

    def nodes(self) -> list[str]:
        return [n.get("uname", "") for n in self.section("nodes").findall("node")]

    def _ids(self) -> list[str]:
        return [e.get("id", "") for e in self.root.iter(etree.Element) if e.get("id")]

    def top(self, element: Element, kinds: tuple[str, ...] = ("clone", "master", "bundle")) -> Element:
        """The outermost container of those kinds, or the element itself."""
        best = element
        parent = element.getparent()
        while parent is not None:
            if parent.tag in kinds:
                best = parent
            parent = parent.getparent()
        return best

    def movable(self, name: str) -> str:
        """The id that move and ban constraints name: a group's or clone's rather than its member's."""
        return self.top(self.resource(name), RESOURCES).get("id", name)

    # -- name/value pairs ----------------------------------------------------------------------------------

    def _set_pair(self, owner: Element, tag: str, set_id: str, name: str, value: str, own_set: bool = False) -> None:
        """own_set: a new pair goes into the set of that id only, as the original's crm_resource does it."""
        sets = [s for s in owner.findall(tag) if s.get("id-ref") is None]
        for block in sets:
            for pair in block.findall("nvpair"):
                if pair.get("name") == name:
                    pair.set("value", value)
                    return
        plain = next((s for s in sets if s.find("rule") is None and (not own_set or s.get("id") == set_id)), None)
        target = plain if plain is not None else etree.SubElement(owner, tag, id=free_id(set_id, self._ids()))
        ident = free_id(sanitize_id(f"{target.get('id')}-{name}"), self._ids())
        etree.SubElement(target, "nvpair", id=ident, name=name, value=value)

    def _delete_pair(self, owner: Element, tag: str, name: str, keep: bool = False) -> bool:
        """Whether there was one. keep: leave a set that has become empty."""
        found = [p for block in owner.findall(tag) for p in block.findall("nvpair") if p.get("name") == name]
        for pair in found:
            block = pair.getparent()
            if block is None:
                continue
            block.remove(pair)
            if not keep and not len(block) and (holder := block.getparent()) is not None:
                holder.remove(block)
        return bool(found)

    def pair(self, name: str, tag: str, attribute: str) -> Element | None:
        for block in self.resource(name).findall(tag):
            for pair in block.findall("nvpair"):
                if pair.get("name") == attribute:
                    return pair
        return None

    def set_attribute(self, name: str, tag: str, attribute: str, value: str) -> None:
        owner = self.resource(name)
        self._set_pair(owner, tag, f"{name}-{tag}", attribute, value, own_set=True)

    def delete_attribute(self, name: str, tag: str, attribute: str, *, keep: bool = True) -> None:
        """Delete one; a set that has become empty stays, as the original leaves it, unless `keep` is off."""
        if not self._delete_pair(self.resource(name), tag, attribute, keep=keep):
            raise _failed(f"{attribute} of {name} is not set")

    def set_meta(self, name: str, attribute: str, value: str) -> None:
        owner = self.top(self.resource(name))
        if owner.find("meta_attributes") is not None or owner.find("instance_attributes") is not None:
            for member in [c for c in owner if c.tag in RESOURCES]:
                owner.append(member)  # behind the sets, where a container that is edited has them
        self._set_pair(owner, "meta_attributes", f"{owner.get('id')}-meta_attributes", attribute, value)
        for block in owner.findall("meta_attributes"):  # a rule may make any of them the one that counts
            names = [p.get("name") for p in block.findall("nvpair")]
            if block.get("id-ref") is None and attribute not in names:
                ident = free_id(sanitize_id(f"{block.get('id')}-{attribute}"), self._ids())
                etree.SubElement(block, "nvpair", id=ident, name=attribute, value=value)
            for pair in block.findall("nvpair"):
                if pair.get("name") == attribute:
                    pair.set("value", value)

    def contradicting(self, name: str, role: str) -> list[Element]:
        """Members of what `name` belongs to whose own target-role is another."""
        owner = self.top(self.resource(name))
        return [child for child in owner.iter(*RESOURCES) if child is not owner and any(
            p.get("name") == "target-role" and p.get("value") != role
            for block in child.findall("meta_attributes") for p in block.findall("nvpair"))]

    def set_target_role(self, name: str, role: str, *, follow: bool = True) -> None:
        """Start or stop: on the clone of a clone's member; members that say otherwise follow, unless told not to."""
        owner = self.top(self.resource(name))
        if role in ("Promoted", "Unpromoted"):
            self.set_attribute(owner.get("id", ""), "meta_attributes", "target-role", role)
            return
        self.set_meta(name, "target-role", role)
        for child in self.contradicting(name, role) if follow else ():
            self._delete_pair(child, "meta_attributes", "target-role")
            self.notes.append(f"target-role of {child.get('id')} removed, so that {owner.get('id')} decides")

    @staticmethod
    def _promotable(owner: Element) -> bool:
        return owner.tag == "master" or any(
            p.get("name") == "promotable" and p.get("value", "").lower() in ("true", "yes", "on", "1", "y")
            for block in owner.findall("meta_attributes") for p in block.findall("nvpair")
        )

    def set_promotion(self, name: str, role: str) -> None:
        owner = self.top(self.resource(name))
        if owner.tag != "bundle" and not self._promotable(owner):
            raise _failed(f"{name} is not a promotable resource", "a clone is promotable with meta promotable=true")
        if role in ("Promoted", "Unpromoted"):
            self.set_attribute(owner.get("id", ""), "meta_attributes", "target-role", role)
            return
        self.set_meta(name, "target-role", role)

    # -- placement -----------------------------------------------------------------------------------------

    def prefer(self, name: str, node: str, lifetime: str = "") -> None:
        """The constraint of `move`: cli-prefer-NAME."""
        self.node(node)
        self._remove(f"cli-prefer-{name}")
        self._remove(f"cli-ban-{name}-on-{node}")
        self._constraint(f"cli-prefer-{name}", name, node, "INFINITY", lifetime)
        self.notes.append(f"Move constraint created for {name} to {node}; `resource clear {name}` removes it")

    def ban(self, name: str, node: str, lifetime: str = "") -> None:
        """The constraint of `ban`: cli-ban-NAME-on-NODE."""
        self.node(node)
        self._remove(f"cli-ban-{name}-on-{node}")
        self._constraint(f"cli-ban-{name}-on-{node}", name, node, "-INFINITY", lifetime)
        self.notes.append(f"{name} will not run on {node} until `resource clear {name}`")

    def _constraint(self, ident: str, name: str, node: str, score: str, lifetime: str) -> None:
        location = etree.SubElement(self.section("constraints"), "rsc_location", id=ident, rsc=name, role="Started")
        if not lifetime:
            location.set("node", node)
            location.set("score", score)
            return
        rule = etree.SubElement(location, "rule", {"id": f"{ident}-rule", "score": score, "boolean-op": "and"})
        etree.SubElement(rule, "expression", id=f"{ident}-expr", attribute="#uname", operation="eq", value=node)
        etree.SubElement(rule, "date_expression", id=f"{ident}-lifetime", operation="lt", end=expiry(lifetime))

    def _remove(self, ident: str) -> bool:
        for element in self.section("constraints").findall("rsc_location"):
            if element.get("id") == ident:
                self.section("constraints").remove(element)
                return True
        return False

    def clear(self, name: str, node: str = "") -> None:
        """Remove what move and ban made for a resource, on one node or all."""
        names = {name, self.movable(name)}
        removed = []
        for element in list(self.section("constraints").findall("rsc_location")):
            ident = element.get("id", "")
            if element.get("rsc") not in names or not ident.startswith(("cli-prefer-", "cli-ban-", "cli-standby-")):
                continue
            target = element.get("node") or next(
                (e.get("value", "") for e in element.iter("expression") if e.get("attribute") == "#uname"), "")
            if node and target != node:
                continue
            self.section("constraints").remove(element)
            removed.append(ident)
        self.notes.append(f"removed {', '.join(removed)}" if removed else f"{name} has no move or ban constraints")

    # -- tracing -------------------------------------------------------------------------------------------

    def _operations(self, name: str, operation: str, interval: str) -> list[Element]:
        owner = self.resource(name)
        if owner.tag != "primitive":
            raise _failed(f"{name} is not a primitive", "name one of its members")
        return [op for op in owner.findall("operations/op") if (not operation or op.get("name") == operation)
                and (not interval or op.get("interval") == interval)]

    def trace(self, name: str, operation: str = "", interval: str = "", folder: str = "") -> None:
        """Set trace_ra (and trace_dir) on operations; start and stop are made if they are not configured."""
        owner = self.resource(name)
        made = ["start", "stop"] + (["promote", "demote"] if self._promotable(self.top(owner)) else [])
        if operation and operation not in made and not self._operations(name, operation, interval):
            known = dict.fromkeys(op.get("name", "") for op in self._operations(name, "", ""))
            raise _failed(f"{name} has no operation {operation}{f' with interval {interval}' if interval else ''}",
                          f"operations: {' '.join([*known, *(m for m in made if m not in known)])}")
        for action in [operation] if operation in made else [] if operation else made:
            if owner.tag == "primitive" and not self._operations(name, action, interval):
                holder = owner.find("operations")
                target = holder if holder is not None else etree.SubElement(owner, "operations")
                ident = free_id(f"{name}-{action}-{interval or '0'}", self._ids())
                etree.SubElement(target, "op", id=ident, name=action, interval=interval or "0")
        for op in self._operations(name, operation, interval):
            self._set_pair(op, "instance_attributes", f"{op.get('id')}-instance_attributes", "trace_ra", "1")
            if folder:
                self._set_pair(op, "instance_attributes", f"{op.get('id')}-instance_attributes", "trace_dir", folder)
        self.notes.append(f"{name} is traced; `resource untrace {name}` ends it")

    def untrace(self, name: str, operation: str = "", interval: str = "") -> None:
        found = [op for op in self._operations(name, operation, interval)
                 if self._delete_pair(op, "instance_attributes", "trace_ra")]
        for op in found:
            self._delete_pair(op, "instance_attributes", "trace_dir")
            self._drop_bare(op, name)
        self.notes.append(f"{name} is not traced any more" if found else f"{name} was not traced")

    def _drop_bare(self, op: Element, name: str) -> None:
        """Remove an operation that says nothing any more, as `trace` makes them."""
        bare = {"id": f"{name}-{op.get('name')}-0", "name": op.get("name"), "interval": "0"}
        holder = op.getparent()
        if len(op) or dict(op.items()) != bare or holder is None:
            return
        holder.remove(op)
        if not len(holder) and not holder.items() and (owner := holder.getparent()) is not None:
            owner.remove(holder)

    # -- nodes ---------------------------------------------------------------------------------------------

    def set_node_attribute(
        self, name: str, attribute: str, value: str | None, tag: str = "instance_attributes"
    ) -> None:
        """Set (or, with None, delete) a permanent attribute of a node."""
        node = self.node(name)
        suffix = "-utilization" if tag == "utilization" else ""
        if value is None:
            self._delete_pair(node, tag, attribute, keep=True)
        else:
            self._set_pair(node, tag, f"nodes-{node.get('id')}{suffix}", attribute, value)

    def node_attribute(self, name: str, attribute: str, tag: str = "instance_attributes") -> str | None:
        for block in self.node(name).findall(tag):
            for pair in block.findall("nvpair"):
                if pair.get("name") == attribute:
                    return pair.get("value")
        return None

    def delete_node(self, name: str) -> None:
        """Remove a node from configuration and status."""
        node = self.node(name)
        ident = node.get("id")
        self.section("nodes").remove(node)
        for state in self.root.findall("status/node_state"):
            if state.get("id") == ident or state.get("uname") == name:
                status = state.getparent()
                if status is not None:
                    status.remove(state)


def expiry(lifetime: str) -> str:
    """The end of an ISO 8601 duration from now, in UTC. Raises HashellError."""
    from datetime import UTC, datetime, timedelta

    from hashell.model.durations import iso_seconds

    seconds = iso_seconds(lifetime.upper())
    if seconds is None:
        raise _failed(f"{lifetime} is not a duration", "write P1D for a day, PT1H30M for an hour and a half")
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%SZ")
