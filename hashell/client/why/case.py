"""One CIB decided with the ledger kept, and everything that explanations look up in it."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import TYPE_CHECKING

from hashell.client.diagnostics import ChangeImpossible
from hashell.model.dates import DateTime, local_now
from hashell.model.diagnostics import HashellError
from hashell.stack.pengine import new_working_set, run
from hashell.stack.pengine.changes import resource_changes
from hashell.stack.pengine.kinds import INF, Variant
from hashell.stack.pengine.ledger import Entry, Kind, keep_ledger
from hashell.stack.pengine.ledger.book import Loss
from hashell.stack.pengine.unpack import effective_now
from hashell.stack.pengine.unpack.lookup import find_resource
from hashell.stack.pengine.unpack.upgrade import upgrade

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.changes import Line
    from hashell.stack.pengine.relations import Action, Colocation
    from hashell.stack.pengine.state import Node, Resource


def host_now() -> DateTime:
    """The present on this machine."""
    seconds = int(time.time())
    return local_now(seconds, time.localtime(seconds).tm_gmtoff)


class Case:
    """A decided CIB. The one given is left alone.

    now: the effective date; None for the CIB's own `execution-date`, else the present.
    Raises HashellError when the engine cannot work with the CIB.
    """

    def __init__(self, cib: _Element, now: DateTime | None = None) -> None:
        tree = deepcopy(cib)
        self.original = cib
        upgrade(tree)
        self.ws = new_working_set(tree, now=now or effective_now(tree, host_now()))
        self.ledger = keep_ledger(self.ws)
        result = run(self.ws)
        if not self.ws.accepted:
            raise HashellError(*result.messages)
        self.graph = result.graph
        self.elements: dict[str, _Element] = {}
        for element in tree.iter("*"):
            id = element.get("id")
            if id and "id-ref" not in element.attrib:
                self.elements.setdefault(id, element)
        self.changes: dict[str, Line] = {line.id: line for line in resource_changes(self.ws)}
        self._entries: dict[str, list[Entry]] = {}
        for entry in self.ledger.entries:
            self._entries.setdefault(entry.rsc.id, []).append(entry)
        self._losses: dict[int, list[Loss]] = {}
        for loss in self.ledger.losses:
            self._losses.setdefault(loss.action.id, []).append(loss)
        self._colocations: dict[tuple[str, str, str], Colocation] = {
            (coloc.id, coloc.dependent.id, coloc.primary.id): coloc for coloc in self.ws.colocation_constraints
        }

    def resource(self, name: str) -> Resource:
        """The resource of that name; for the name of a clone's child, its clone."""
        found = find_resource(self.ws, name)
        if found is None:
            for top in self.ws.resources:
                for rsc in top.walk():
                    if name in (rsc.xml_id(), rsc.display_id()):
                        return self.collective(rsc) or rsc
            known = ", ".join(top.id for top in self.ws.resources) or "none"
            raise HashellError(
                ChangeImpossible(message=f"there is no resource '{name}'", hint=f"the resources are: {known}")
            )
        return found

    def node(self, name: str) -> Node:
        found = self.ws.find_node(name)
        if found is None:
            known = ", ".join(node.name for node in self.ws.nodes) or "none"
            raise HashellError(ChangeImpossible(message=f"there is no node '{name}'", hint=f"the nodes are: {known}"))
        return found

    def collective(self, rsc: Resource) -> Resource | None:
        """The clone that the resource is an instance, or a part of one, of."""
        each: Resource | None = rsc
        while each is not None and each.variant != Variant.CLONE:
            each = each.parent
        return each

    def entries(self, rsc: Resource, node: Node | None) -> list[Entry]:
        """What the ledger has about the resource and what it is part of, on that node (or everywhere with None)."""
        found: list[Entry] = []
        each: Resource | None = rsc
        while each is not None:
            for entry in self._entries.get(each.id, ()):
                about_part = each is not rsc and entry.kind in (Kind.LOCATION, Kind.HEALTH)
                if not about_part and (entry.node is None or node is None or entry.node is node):
                    found.append(entry)
            each = each.parent
        return found

    def facts(self, rsc: Resource, *kinds: str) -> list[Entry]:
        return [entry for entry in self.entries(rsc, None) if entry.kind in kinds]

    def losses(self, action: Action) -> list[Loss]:
        return self._losses.get(action.id, [])

    def colocation(self, id: str, rsc: Resource, other: Resource) -> Colocation | None:
        """The constraint that an entry names."""
        for coloc in self.ws.colocation_constraints:
            if coloc.id == id and (coloc.primary is other or coloc.dependent is other):
                return coloc
        return None

    def ordering(self, first: Resource | None, then: Resource | None) -> str:
        """CIB id of an ordering constraint of the first before the then, or of what they are part of."""
        if first is None or then is None:
            return ""
        firsts, thens = _line(first), _line(then)
        for id, order in self.ledger.orders:
            if order.rsc1 in firsts and order.rsc2 in thens:
                return id
            if order.rsc1 is None and order.rsc2 in thens and order.task1 == f"clone-one-or-more:{id}":
                return id
        group = next((rsc for rsc in firsts[1:] if rsc in thens and rsc.variant == Variant.GROUP), None)
        return group.id if group is not None else ""

    def pair(self, rsc: Resource, name: str, tag: str = "meta_attributes") -> tuple[str, Resource | None]:
        """(id of the nvpair that sets an attribute of the resource, the resource it is set on; None for defaults)."""
        each: Resource | None = rsc
        while each is not None:
            for xml in (each.xml, each.orig_xml):
                if xml is None:
                    continue
                for block in xml.iterchildren(tag):
                    for pair in block.iterchildren("nvpair"):
                        if pair.get("name") == name:
                            return pair.get("id") or "", each
            each = each.parent
        if self.ws.rsc_defaults is not None:
            for pair in self.ws.rsc_defaults.iter("nvpair"):
                if pair.get("name") == name:
                    return pair.get("id") or "", None
        return "", None

    def option(self, name: str) -> str:
        """Id of the nvpair that sets a cluster option."""
        for section in self.ws.cib.iter("crm_config"):
            for pair in section.iter("nvpair"):
                if pair.get("name") == name:
                    return pair.get("id") or ""
        return ""

    def node_pair(self, node: Node, *names: str) -> tuple[str, bool]:
        """(id of the nvpair that sets one of the node attributes, whether it is a transient one)."""
        for transient, tag in ((True, "node_state"), (False, "node")):
            for element in self.ws.cib.iter(tag):
                if (element.get("uname") or "").lower() != node.name.lower():
                    continue
                for pair in element.iter("nvpair"):
                    if any((pair.get("name") or "").startswith(name) for name in names):
                        return pair.get("id") or "", transient
        return "", False


def _line(rsc: Resource) -> list[Resource]:
    found = [rsc]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def banned(entry: Entry) -> bool:
    """Whether the entry rules the node out."""
    return entry.value is not None and (entry.value <= -INF or (entry.after is not None and entry.after <= -INF))
