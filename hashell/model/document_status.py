"""Requests that touch only the status section, carried out in place.

Copying and comparing a whole CIB for every result of a monitor would cost more than all other work of a busy
cluster. Here only the elements an operation can change are copied beforehand, the operation runs on the document
itself, and the copies are compared with what became of them. The result is that of `document_apply.perform`,
patchset included; a request that fails is undone from the copies.
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from hashell.model import acl, document_edit, patchset
from hashell.model.document import CallOption, Rc, attributes, copy_tree, shallow, strip_text
from hashell.model.document_apply import CibOutcome, CibRequest, Surroundings, operation_kind
from hashell.model.version import counter


def perform_in_status(cib: etree._Element, request: CibRequest, around: Surroundings) -> CibOutcome | None:
    """Carry out the request on `cib` itself, or return None when it is not one for this module.

    The outcome's document is `cib`; something was changed if and only if there is a patchset and the code is 0.
    """
    status = cib.find("status")
    if status is None or around.with_digest or acl.needed(cib, request.user):
        return None
    if request.is_update or request.options & CallOption.DRYRUN:
        return None
    parts = _parts(request)
    if parts is None or any(_scopes(cib, status, part) is None for part in parts):
        return None
    work = _Work(cib, status)
    for part in parts:
        rc = work.carry_out(part)
        if rc is None or rc:
            work.undo()
            return None if rc is None else CibOutcome(rc, cib)
        if len(parts) > 1 or request.op == "cib_commit_transact":
            work.count()
    return work.finish()


def _parts(request: CibRequest) -> list[CibRequest] | None:
    """The request itself or, of a transaction, its members; None for operations that are not ours."""
    if request.op in ("cib_modify", "cib_delete"):
        return [request] if request.data is not None or request.options & CallOption.XPATH else None
    data = request.data
    if request.op != "cib_commit_transact" or data is None or data.tag != "cib_transaction" or not len(data):
        return None
    parts = []
    for element in data.iterchildren(etree.Element):
        part = CibRequest.of(element)
        kind = operation_kind(part.op)
        if part.op not in ("cib_modify", "cib_delete") or kind is None or element.get("cib_host") is not None:
            return None
        parts.append(replace(part, user=request.user))
    return parts


def _scopes(cib: etree._Element, status: etree._Element, part: CibRequest) -> list[etree._Element] | None:
    """The elements of the status section within which the request changes anything, or None for another section."""
    if part.options & CallOption.XPATH:
        if part.op != "cib_delete":
            return None
        matches = document_edit.matches_of(cib, part.section or "")
        if not part.options & CallOption.MULTIPLE:
            matches = matches[:1]
        parents = [parent for match in matches if (parent := match.getparent()) is not None]
        inside = len(parents) == len(matches) and all(_below(status, parent) for parent in parents)
        return list(dict.fromkeys(parents)) if inside else None
    data = part.data
    if part.section != "status" or data is None or data.tag in ("cib", "status"):
        return None
    if part.op == "cib_delete":
        target = document_edit.find_with(status, data)
        parent = target.getparent() if target is not None else None
        return [parent] if parent is not None else []
    target = document_edit.find_like(status, data)
    return [status if target is None else _narrow(target, data)]


def _narrow(target: etree._Element, data: etree._Element) -> etree._Element:
    """The innermost element that holds everything the payload changes of its counterpart `target`."""
    while True:
        children = [child for child in data if isinstance(child.tag, str)]
        if len(children) != 1 or any(target.get(k) != v for k, v in attributes(data).items()):
            return target
        match = document_edit.child_like(target, children[0])
        if match is None:
            return target
        target, data = match, children[0]


def _below(status: etree._Element, element: etree._Element) -> bool:
    return element is status or any(above is status for above in element.iterancestors())


class _Work:
    """The copies made so far: for each scope its element and what it was; no scope lies within another."""

    def __init__(self, cib: etree._Element, status: etree._Element) -> None:
        self._cib, self._status = cib, status
        self._root = shallow(cib)
        self._saved: dict[etree._Element, etree._Element] = {}
        self._effective = False

    def carry_out(self, part: CibRequest) -> int | None:
        """The operation's code; None when, after the parts before it, it is not one for the status section."""
        scopes = _scopes(self._cib, self._status, part)
        if scopes is None:
            return None
        for scope in scopes:
            self._save(scope)
        before = [_text(scope) for scope in scopes]
        if part.op == "cib_modify":
            rc, _ = document_edit.modify(self._cib, part.section, part.options, part.data)
        else:
            rc, _ = document_edit.delete(self._cib, part.section, part.options, part.data)
        for scope in scopes:
            strip_text(scope)
        self._effective = before != [_text(scope) for scope in scopes]
        return rc

    def count(self) -> None:
        """The number of updates of a transaction's member that changed something."""
        if self._effective:
            self._cib.set("num_updates", str(counter(self._cib, "num_updates") + 1))

    def _save(self, scope: etree._Element) -> None:
        if any(above in self._saved for above in (scope, *scope.iterancestors())):
            return
        copy = copy_tree(scope)
        for inner in [e for e in self._saved if any(above is scope for above in e.iterancestors())]:
            node = copy
            for index in _way(scope, inner):
                node = node[index]
            parent = node.getparent()
            assert parent is not None  # `inner` lies below `scope`
            parent.replace(node, self._saved.pop(inner))
        self._saved[scope] = copy

    def undo(self) -> None:
        for scope, old in self._saved.items():
            parent = scope.getparent()
            if parent is not None:
                parent.replace(scope, old)
        self._restore_root()

    def _restore_root(self) -> None:
        self._cib.set("num_updates", self._root.get("num_updates", "0"))

    def finish(self) -> CibOutcome:
        order = {element: index for index, element in enumerate(self._cib.iter())} if len(self._saved) > 1 else {}
        pairs = [(old, scope) for scope, old in self._saved.items() if scope.getparent() is not None]
        pairs.sort(key=lambda pair: order.get(pair[1], 0))
        found = patchset.changes_within(pairs)
        if not found and self._cib.get("num_updates") == self._root.get("num_updates"):
            return CibOutcome(Rc.OK, self._cib)
        self._cib.set("num_updates", str(counter(self._cib, "num_updates") + 1))
        deletes = [change for change in found if change.get("operation") == "delete"]
        rest = found[len(deletes) :]
        found = deletes + patchset.compare_attributes(self._root, self._cib, "/cib") + rest
        return CibOutcome(Rc.OK, self._cib, None, patchset.create(self._root, self._cib, found=found))


def _text(element: etree._Element) -> bytes:
    return etree.tostring(element, with_tail=False)


def _way(above: etree._Element, below: etree._Element) -> list[int]:
    """The child indices that lead from one element to one below it."""
    way: list[int] = []
    node = below
    while node is not above:
        parent = node.getparent()
        assert parent is not None  # `above` is an ancestor
        way.append(parent.index(node))
        node = parent
    return way[::-1]
