"""Looks at a cluster that changes often: what did not change since the last look is not read again.

Only histories of resources change in daily life. When nothing else did, the resources they belong to are read as a
small cluster of their own and take the place of the old ones on the board. Whatever could reach further (failures,
nodes that change, remote nodes, bundles, many changes at once) is read as a whole.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace

from lxml import etree

from hashell.client.board import Board, FencingView, ResourceView
from hashell.client.boardbuilder import build_board
from hashell.client.monitor.ring import RingView
from hashell.client.monitor.snapshot import Snapshot, snapshot_of
from hashell.model.version import CibVersion

#: From this part of all histories on, reading everything is not slower.
_MANY = 0.2
_RESOURCES = ("primitive", "group", "clone", "master", "bundle")

Histories = dict[tuple[str, str], bytes]  #: node id and history name -> its text


class Reader:
    """Makes snapshots of one cluster, one after the other. `whole` counts those that were read as a whole."""

    def __init__(self) -> None:
        self._shot: Snapshot | None = None
        self._rest = b""
        self._histories: Histories = {}
        self._tops: dict[str, etree._Element] = {}
        self.whole = 0

    def read(self, cib: etree._Element, fencing: tuple[FencingView, ...] = (), ring: RingView | None = None,
             when: float | None = None) -> Snapshot:
        """A look at the cluster now. `cib` must not be changed afterwards."""
        moment = time.time() if when is None else when
        rest, histories = _prints(cib)
        shot = self._patched(cib, rest, histories, moment) if self._shot is not None else None
        if shot is None:
            self.whole += 1
            shot = snapshot_of(cib, fencing, when=moment, ring=ring)
            self._tops = _tops(cib)
        else:
            shot = replace(shot, board=replace(shot.board, fencing=fencing), ring=ring)
        self._shot, self._rest, self._histories = shot, rest, histories
        return shot

    def _patched(self, cib: etree._Element, rest: bytes, histories: Histories, moment: float) -> Snapshot | None:
        """The old look with new resources where histories changed; None when that could be wrong."""
        old = self._shot
        assert old is not None
        if rest != self._rest or old.board.failures or any(node.kind != "member" for node in old.board.nodes):
            return None
        keys = dict.fromkeys((*self._histories, *histories))
        changed = [key for key in keys if self._histories.get(key) != histories.get(key)]
        if len(changed) > max(len(keys) * _MANY, 4):
            return None
        tops: dict[str, etree._Element] = {}
        for _, name in changed:
            top = self._tops.get(name) if name in self._tops else self._tops.get(name.partition(":")[0])
            if top is None or top.tag == "bundle":
                return None
            tops[top.get("id") or ""] = top
        part = build_board(_part(cib, tops), now=moment) if tops else None
        board = old.board if part is None else _merged(old.board, part, list(tops))
        if board is None:
            return None
        version = CibVersion.of(cib)
        return replace(old, board=replace(board, version=version), cib=cib, when=moment, changed=frozenset(changed))


def _prints(cib: etree._Element) -> tuple[bytes, Histories]:
    """The text of everything but the histories and update counters, and that of each history."""
    histories: Histories = {}
    rest = [etree.tostring(child) for child in cib if child.tag != "status"]
    rest += [repr(pair).encode() for pair in cib.attrib.items() if pair[0] not in _COUNTERS]
    for child in cib.iterfind("status/*"):
        if child.tag != "node_state":
            rest.append(etree.tostring(child))
            continue
        rest.append(repr([pair for pair in child.attrib.items() if pair[0] != "crm-debug-origin"]).encode())
        rest += [etree.tostring(part) for part in child if part.tag != "lrm"]
        id = child.get("id") or ""
        for lrm in child.iterfind("lrm/lrm_resources/lrm_resource"):
            histories[id, lrm.get("id") or ""] = etree.tostring(lrm)
    return b"\0".join(rest), histories


_COUNTERS = frozenset({"num_updates", "cib-last-written", "update-origin", "update-client", "update-user"})


def _tops(cib: etree._Element) -> dict[str, etree._Element]:
    """The top-level resource of each primitive."""
    found: dict[str, etree._Element] = {}
    for top in cib.iterfind("configuration/resources/*"):
        if top.tag in _RESOURCES:
            for primitive in top.iter("primitive"):
                found[primitive.get("id") or ""] = top
    return found


def _part(cib: etree._Element, tops: dict[str, etree._Element]) -> etree._Element:
    """The cluster with these top-level resources only, and without constraints, which the board does not need."""
    root = etree.Element("cib", _attributes(cib))
    configuration = etree.SubElement(root, "configuration")
    for section in cib.iterfind("configuration/*"):
        if section.tag not in ("resources", "constraints", "fencing-topology", "acls", "alerts", "tags"):
            configuration.append(deepcopy(section))
    resources = etree.SubElement(configuration, "resources")
    for section in cib.iterfind("configuration/resources/*"):
        if section.tag == "template" or section.get("id") in tops:
            resources.append(deepcopy(section))
    etree.SubElement(configuration, "constraints")
    names = {p.get("id") for top in tops.values() for p in top.iter("primitive")}
    status = etree.SubElement(root, "status")
    for state in cib.iterfind("status/node_state"):
        copy = etree.SubElement(status, "node_state", _attributes(state))
        for child in state:
            if child.tag != "lrm":
                copy.append(deepcopy(child))
                continue
            place = etree.SubElement(etree.SubElement(copy, "lrm", _attributes(child)), "lrm_resources")
            for lrm in child.iterfind("lrm_resources/lrm_resource"):
                if (lrm.get("id") or "").partition(":")[0] in names:
                    place.append(deepcopy(lrm))
    return root


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(key): str(value) for key, value in element.attrib.items()}


def _merged(old: Board, part: Board, tops: list[str]) -> Board | None:
    """The old board with the blocks of `tops` from the part; None when the part shows more than that."""
    if part.failures or [(n.name, n.state) for n in part.nodes] != [(n.name, n.state) for n in old.nodes]:
        return None
    fresh = _blocks(part.resources)
    known = _blocks(old.resources)
    if any(top not in fresh or top not in known for top in tops) or len(fresh) != len(tops):
        return None
    running = {node.name: node.running for node in old.nodes}
    resources: list[ResourceView] = []
    for key, block in known.items():
        new = fresh.get(key, block)
        resources += new
        if new is not block:
            for views, sign in ((block, -1), (new, 1)):
                for view in views:
                    for node in view.nodes if view.kind == "primitive" else ():
                        running[node] += sign
    nodes = tuple(n if n.running == running[n.name] else replace(n, running=running[n.name]) for n in old.nodes)
    return replace(old, nodes=nodes, resources=tuple(resources))


def _blocks(views: tuple[ResourceView, ...]) -> dict[str, list[ResourceView]]:
    """Each top-level resource with its parts."""
    found: dict[str, list[ResourceView]] = {}
    block: list[ResourceView] = []
    for view in views:
        if view.depth == 0:
            block = found[view.key] = []
        block.append(view)
    return found
