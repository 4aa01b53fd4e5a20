"""Changing objects of a working copy by command: delete, rename, modgroup, monitor, set, erase (section 5.1)."""

from __future__ import annotations

import re

from lxml import etree

from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.diagnostics import ChangeNote, ObjectFault
from hashell.grammar.tree import CONTAINERS, detach, keyword_of
from hashell.model.diagnostics import Diagnostic, HashellError

Element = etree._Element

_REFERENCES = ("rsc", "with-rsc", "first", "then")
_ROLES = {name.lower(): name for name in ("Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave")}
_CONSTRAINTS = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")


_OPTIONAL_SECTIONS = ("rsc_defaults", "op_defaults", "acls", "alerts")


def fault(message: str, hint: str = "") -> HashellError:
    return HashellError(ObjectFault(message=message, hint=hint))


class Editor:
    """Edits one Configuration. Side effects are told in `notes`."""

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.notes: list[Diagnostic] = []

    def _note(self, message: str) -> None:
        self.notes.append(ChangeNote(message=message))

    # -- delete --------------------------------------------------------------------------------------------

    def delete(self, names: list[str]) -> None:
        """Remove objects with everything that would hang in the air. Raises HashellError, nothing changed then."""
        for name in names:
            self.config.get(name)
        for name in names:
            element = self.config.find(name)
            if element is not None:
                self._delete(element)
        for section in list(self.config.configuration):
            if section.tag in _OPTIONAL_SECTIONS and not len(section):
                detach(section)

    def _delete(self, element: Element) -> None:
        if element.tag == "template":
            ident = element.get("id", "")
            for user in [e for e in self.config.objects() if e.get("template") == ident]:
                if user.getparent() is not None:
                    self._delete(user)
        heir = ""
        if element.tag in CONTAINERS:
            members = [c for c in element if c.tag in ("primitive", "group")]
            heir = members[0].get("id", "") if members else ""
            for child in members:
                self.config.section("resources").append(child)
        container = self.config.container_of(element)
        name = object_id(element)
        detach(element)
        if element.tag == "node":
            return
        self._drop_from_tags(name)
        self._drop_from_constraints(name, heir)
        if container is not None and not [c for c in container if c.tag in ("primitive", "group")]:
            self._note(f"hanging {container.tag}:{container.get('id')} deleted")
            self._delete(container)

    def _drop_from_tags(self, name: str) -> None:
        for tag in self.config.configuration.findall("tags/tag"):
            for ref in tag.findall("obj_ref"):
                if ref.get("id") == name:
                    tag.remove(ref)
                    if not tag.findall("obj_ref"):
                        self._note(f"hanging tag:{tag.get('id')} deleted")
                        self._delete(tag)

    def _drop_from_constraints(self, name: str, heir: str) -> None:
        for constraint in list(self.config.section("constraints")):
            if constraint.tag not in _CONSTRAINTS:
                continue
            before = etree.tostring(constraint)
            what = f"{keyword_of(constraint)}:{constraint.get('id')}"
            keep = self._drop_from_constraint(constraint, name, heir)
            if not keep:
                self._note(f"hanging {what} deleted")
                self._delete(constraint)
            elif etree.tostring(constraint) != before:
                self._note(f"constraint {what} updated")

    def _drop_from_constraint(self, constraint: Element, name: str, heir: str) -> bool:
        """Take `name` out of a constraint; False if nothing useful is left of it."""
        for attribute in _REFERENCES:
            if constraint.get(attribute) == name:
                if not heir:
                    return False
                constraint.set(attribute, heir)
        touched = False
        for ref in list(constraint.iter("resource_ref")):
            if ref.get("id") == name:
                if heir:
                    ref.set("id", heir)
                    continue
                holder = ref.getparent()
                detach(ref)
                touched = True
                if holder is not None and not len(holder):
                    constraint.remove(holder)
        if constraint.get("rsc") and constraint.get("rsc") == constraint.get("with-rsc"):
            return False
        if constraint.get("first") and constraint.get("first") == constraint.get("then"):
            return False
        if touched:
            refs = list(constraint.iter("resource_ref"))
            least = 1 if constraint.tag in ("rsc_location", "rsc_ticket") else 2
            if len(refs) < least:
                return False
            if len(refs) == 2 and constraint.tag in ("rsc_colocation", "rsc_order"):
                _simplify(constraint, refs)
        return True

    # -- rename --------------------------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        """Change an object's id and what refers to it: constraints, tags, fencing levels, access roles."""
        element = self.config.get(old)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", new):
            raise fault(f"'{new}' is not a valid object id", "ids begin with a letter or _")
        if self.config.find(new) is not None or new in self.config.ids():
            raise fault(f"{new}: id is already in use", "choose another id")
        if element.tag in ("node", "fencing-topology"):
            raise fault(f"{old}: a {keyword_of(element)} cannot be renamed", "")
        element.set("id", new)
        for inner in self.config.configuration.iter(etree.Element):
            if inner.tag in _CONSTRAINTS:
                for name in _REFERENCES:
                    if inner.get(name) == old:
                        inner.set(name, new)
            elif inner.tag in ("resource_ref", "obj_ref", "role", "role_ref") and inner.get("id") == old:
                inner.set("id", new)
            elif inner.tag in ("primitive",) and inner.get("template") == old:
                inner.set("template", new)
            elif inner.tag == "fencing-level":
                devices = inner.get("devices", "").split(",")
                inner.set("devices", ",".join(new if d == old else d for d in devices))

    # -- groups, operations, values ------------------------------------------------------------------------

    def modgroup(self, name: str, verb: str, member: str, where: str = "", anchor: str = "") -> None:
        """`add R [after|before M]` or `remove R`."""
        group = self.config.find(name)
        if group is None:
            raise fault(f"modgroup: group {name} does not exist")
        if group.tag != "group":
            raise fault(f"modgroup: element {name} is not a group")
        members = [c.get("id", "") for c in group if c.tag == "primitive"]
        if verb == "remove":
            if member not in members:
                raise fault(f"modgroup: {member} is not member of {name}", f"its members: {' '.join(members)}")
            if len(members) == 1:
                raise fault(f"modgroup: {member} is the last member of {name}", f"use `delete {name}`")
            child = self.config.get(member)
            self.config.section("resources").append(child)
            return
        if verb != "add":
            raise fault(f"modgroup: expected add|remove (found {verb})")
        child = self.config.get(member)
        if child.tag != "primitive":
            raise fault(f"modgroup: {member} is not a primitive")
        holder = self.config.container_of(child)
        if holder is not None:
            raise fault(f"modgroup: {member} is already in {holder.tag}:{holder.get('id')}")
        if where not in ("", "after", "before"):
            raise fault(f"modgroup: expected after|before (found {where})")
        target = anchor or members[-1]
        if target not in members:
            raise fault(f"modgroup: {target} is not member of {name}", f"its members: {' '.join(members)}")
        place = self.config.get(target)
        index = list(group).index(place) + (0 if where == "before" else 1)
        group.insert(index, child)

    def monitor(self, target: str, interval: str, timeout: str = "") -> None:
        """Append a monitor operation to `RSC[:ROLE]`."""
        name, _, role = target.partition(":")
        element = self.config.get(name)
        if element.tag not in ("primitive", "template"):
            raise fault(f"monitor: {name} is not a primitive", "monitor operations belong to primitives")
        if role and role.lower() not in _ROLES:
            raise fault(f"monitor: '{role}' is not a role", f"roles are {', '.join(list(_ROLES.values())[:4])}")
        operations = element.find("operations")
        if operations is None:
            operations = etree.SubElement(element, "operations")
        for op in operations.findall("op"):
            if op.get("name") == "monitor" and op.get("interval") == interval:
                raise fault(f"{name} already has a monitor op with interval {interval}", "choose another interval")
        op = etree.SubElement(operations, "op", name="monitor")
        if role:
            op.set("role", _ROLES[role.lower()])
        op.set("interval", interval)
        if timeout:
            op.set("timeout", timeout)
        op.set("id", self.config.ids().new(f"{name}-monitor-{interval}"))

    def set_value(self, path: str, value: str) -> None:
        """`ID.NAME`, `ID.OP.NAME` or `ID.OP.INTERVAL.NAME`."""
        parts = path.split(".")
        if len(parts) == 2:
            element = self.config.get(parts[0])
            found = [p for p in element.iter("nvpair") if p.get("name") == parts[1]]
            if len(found) != 1:
                what = "Attribute not found" if not found else "More than one attribute"
                raise fault(f"set: {what}: {path}", "" if found else f"`show {parts[0]}` lists its attributes")
            found[0].set("value", value)
            return
        if len(parts) not in (3, 4):
            raise fault(f'set: invalid path "{path}"', 'valid: "id.[op_type.][interval.]name"')
        element = self.config.get(parts[0])
        ops = [o for o in element.iter("op") if o.get("name") == parts[1]]
        if len(parts) == 4:
            ops = [o for o in ops if o.get("interval") == parts[2]]
        if len(ops) != 1:
            raise fault(f"set: {'Operation not found' if not ops else 'More than one operation'}: {path}",
                        "name the interval too: id.op.interval.name" if ops else "")
        self._set_op(parts[0], ops[0], parts[-1], value)

    def _set_op(self, owner: str, op: Element, name: str, value: str) -> None:
        if name in ("interval", "timeout"):
            value = _with_unit(value)
        op.set(name, value)
        if name == "interval":
            op.set("id", self.config.ids().new(f"{owner}-{op.get('name')}-{value}"))

    def default_timeouts(self, names: list[str]) -> None:
        """Set advised timeouts on existing operations and add the ones that are missing."""
        for name in names:
            element = self.config.get(name)
            info = self.config.agents.info(
                element.get("class", ""), element.get("provider", ""), element.get("type", "")
            ) if element.tag == "primitive" else None
            if info is None:
                raise fault(f"default-timeouts: {name}: no agent metadata", "it needs a primitive whose agent is known")
            operations = element.find("operations")
            if operations is None:
                operations = etree.SubElement(element, "operations")
            present = [o.get("name") for o in operations]
            for op in operations.findall("op"):
                advised = info.action(op.get("name", ""), op.get("role", ""))
                if advised is not None and advised.timeout:
                    op.set("timeout", advised.timeout)
            for action in ("start", "stop"):
                advised = info.action(action)
                if action in present or advised is None or not advised.timeout:
                    continue
                etree.SubElement(operations, "op", name=action, timeout=advised.timeout, interval="0",
                                 id=self.config.ids().new(f"{name}-{action}-0"))

    def erase(self, nodes: bool = False) -> None:
        """Everything but the nodes goes, or (nodes) the nodes alone."""
        for section in list(self.config.configuration):
            if not isinstance(section.tag, str) or (section.tag == "nodes") != nodes:
                continue
            if section.tag in ("crm_config", "nodes", "resources", "constraints"):
                for child in list(section):
                    section.remove(child)
            else:
                self.config.configuration.remove(section)


def _with_unit(value: str) -> str:
    return f"{value}s" if value.isdigit() else value


def _simplify(constraint: Element, refs: list[Element]) -> None:
    """Two members left become a simple constraint, unless they are in one set that is not sequential."""
    sets = constraint.findall("resource_set")
    if any(len(s) > 1 and (s.get("sequential") == "false" or s.get("require-all") == "false") for s in sets):
        return
    names = ("rsc", "with-rsc") if constraint.tag == "rsc_colocation" else ("first", "then")
    suffix = "role" if constraint.tag == "rsc_colocation" else "action"
    if constraint.tag == "rsc_colocation" and len(sets) == 1:
        refs = refs[::-1]
    found = [(r.get("id", ""), s.get(suffix)) for r in refs for s in sets if r in s]
    for one in sets:
        constraint.remove(one)
    for name, (ident, qualifier) in zip(names, found):
        constraint.set(name, ident)
        if qualifier:
            constraint.set(f"{name}-{suffix}", qualifier)
