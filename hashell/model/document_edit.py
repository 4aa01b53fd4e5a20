"""The operations on a CIB, each in place on a tree: query, create, modify, delete, replace, erase, bump.

Element and attribute order are part of the result, because every node repeats the operation on its own copy and
the copies are compared by digest (daemons specification, section 2.5). The functions return a code of `Rc` and
leave the tree as it was unless they return 0; counters and everything around are `document_apply`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.model.digest import digest_v2
from hashell.model.document import (
    CallOption,
    Rc,
    attributes,
    copy_tree,
    empty_cib,
    ensure_section,
    expand_score,
    find_section,
    nodes_matching,
    rc_text,
    section_path,
    shallow,
)
from hashell.model.patchset import element_path
from hashell.model.version import CibVersion, counter

Result = tuple[int, etree._Element | None]


def narrow(data: etree._Element | None, section: str | None) -> etree._Element | None:
    """The payload itself, or that section of it when a whole `<cib>` came along with a section name.

    None when the payload has no such section.
    """
    if data is None or data.tag != "cib" or section_path(section) in (None, "/cib"):
        return data
    return find_section(data, section)


def query(cib: etree._Element, section: str | None, options: CallOption) -> Result:
    """The whole CIB, a section, or what an XPath selects; -6 when there is nothing. The output is a copy."""
    if options & CallOption.XPATH:
        return _query_xpath(cib, section or "", options)
    if section in (None, "", "all"):
        found: etree._Element | None = cib
    else:
        found = find_section(cib, section)
    if found is None:
        return Rc.ENXIO, None
    if options & CallOption.NO_CHILDREN:
        return Rc.OK, shallow(found)
    return Rc.OK, copy_tree(found)


def _query_xpath(cib: etree._Element, expression: str, options: CallOption) -> Result:
    try:
        matches = nodes_matching(cib, expression)
    except ValueError:
        return Rc.ENXIO, None
    if not matches:
        return Rc.ENXIO, None
    if options & CallOption.XPATH_ADDRESS:
        listing = etree.Element("xpath-query")
        for match in matches:
            etree.SubElement(listing, "xpath-query-path", id=element_path(match))
        return Rc.OK, listing
    copies = [shallow(m) if options & CallOption.NO_CHILDREN else copy_tree(m) for m in matches]
    if len(copies) == 1:
        return Rc.OK, copies[0]
    listing = etree.Element("xpath-query")
    listing.extend(copies)
    return Rc.OK, listing


def modify(cib: etree._Element, section: str | None, options: CallOption, data: etree._Element | None) -> Result:
    """Merge the payload into the first element of the section with its name and id."""
    if options & CallOption.XPATH:
        return _modify_xpath(cib, section or "", options, data)
    payload = narrow(data, section)
    if payload is None:
        return Rc.EINVAL, None
    where = ensure_section(cib, section)
    if where is None:
        return Rc.EINVAL, None
    target = find_like(where, payload)
    if target is not None:
        merge(target, payload, options)
        return Rc.OK, None
    if not options & CallOption.CAN_CREATE:
        return Rc.ENXIO, None
    where.append(copy_tree(payload))
    return Rc.OK, None


def _modify_xpath(cib: etree._Element, path: str, options: CallOption, data: etree._Element | None) -> Result:
    if data is None:
        return Rc.EINVAL, None
    matches = matches_of(cib, path)
    if not matches:
        return Rc.ENXIO, None
    for match in matches if options & CallOption.MULTIPLE else matches[:1]:
        target = find_like(match, data)
        if target is None:
            return Rc.ENXIO, None
        merge(target, data, options)
    return Rc.OK, None


def matches_of(cib: etree._Element, path: str) -> list[etree._Element]:
    try:
        return nodes_matching(cib, path)
    except ValueError:
        return []


def find_like(where: etree._Element, payload: etree._Element) -> etree._Element | None:
    """Depth first from `where` itself: same name, and same id or neither has one."""
    wanted = payload.get("id")
    return next((node for node in where.iter(payload.tag) if node.get("id") == wanted), None)


def merge(target: etree._Element, payload: etree._Element, options: CallOption) -> None:
    """Copy the payload's attributes over and its children in, recursively, never removing anything.

    Score updates count only in elements that were there: in new ones the text stays as it is, like the peers'.
    """
    scores = bool(options & CallOption.SCORE_UPDATE)
    for name, value in attributes(payload).items():
        target.set(name, expand_score(name, target.get(name), value) if scores else value)
    for child in payload:
        if not isinstance(child.tag, str):
            continue
        match = child_like(target, child)
        if match is None:
            target.append(copy_tree(child))
        else:
            merge(match, child, options)


def child_like(parent: etree._Element, child: etree._Element) -> etree._Element | None:
    key = "id" if child.get("id") is not None else "id-ref"
    wanted = child.get(key)
    for candidate in parent.iterchildren(child.tag):
        if wanted is None or candidate.get(key) == wanted:
            return candidate
    return None


def create(cib: etree._Element, section: str | None, options: CallOption, data: etree._Element | None) -> Result:
    """Append the payload to its section; -17 with a `<failed>` listing when an element like it is there.

    The peers do not look at the XPath bit here: a section that is not a section's name means the root.
    """
    payload = narrow(data, section)
    if section in (None, "", "all", "cib") or (payload is not None and payload.tag == "cib"):
        return modify(cib, section, options, data)
    where = find_section(cib, section) if section_path(section) else cib
    if payload is None or where is None:
        return Rc.EINVAL, None
    additions = [c for c in payload if isinstance(c.tag, str)] if payload.tag == section else [payload]
    failed = etree.Element("failed")
    fresh: list[etree._Element] = []
    for addition in additions:
        ident = addition.get("id")
        siblings = [*where.iterchildren(addition.tag), *(f for f in fresh if f.tag == addition.tag)]
        if any(ident is None or sibling.get("id") == ident for sibling in siblings):
            failed.append(_failed_update(addition, "cib_create", Rc.EEXIST))
        else:
            fresh.append(copy_tree(addition))
    if len(failed):
        return Rc.EEXIST, failed
    where.extend(fresh)
    return Rc.OK, None


def _failed_update(element: etree._Element, operation: str, rc: int) -> etree._Element:
    entry = etree.Element("failed_update")
    if element.get("id") is not None:
        entry.set("id", element.get("id", ""))
    entry.set("object-type", element.tag)
    entry.set("operation", operation)
    entry.set("reason", rc_text(rc))
    entry.append(copy_tree(element))
    return entry


def delete(cib: etree._Element, section: str | None, options: CallOption, data: etree._Element | None) -> Result:
    """Remove the first element that has the payload's name and attributes; success also when there is none."""
    if options & CallOption.XPATH:
        return _delete_xpath(cib, section or "", options)
    payload = narrow(data, section)
    if payload is None:
        return Rc.EINVAL, None
    where = find_section(cib, section)
    if where is None:
        return (Rc.EINVAL if section_path(section) is None else Rc.OK), None
    same = payload.tag == where.tag and (payload.tag != "cib" or section == "cib")
    for criterion in [c for c in payload if isinstance(c.tag, str)] if same else [payload]:
        target = find_with(where, criterion)
        if target is not None:
            remove(target)
    return Rc.OK, None


def find_with(where: etree._Element, criterion: etree._Element) -> etree._Element | None:
    """The first descendant with the same name and every given attribute equal, whatever the letter case."""
    wanted = [(name, value.lower()) for name, value in attributes(criterion).items()]
    for node in where.iterdescendants(criterion.tag):
        if all(node.get(name, "").lower() == value and name in node.attrib for name, value in wanted):
            return node
    return None


def _delete_xpath(cib: etree._Element, path: str, options: CallOption) -> Result:
    matches = matches_of(cib, path)
    if options & CallOption.MULTIPLE:
        chosen = dict.fromkeys(matches)
        matches = [m for m in matches if not any(above in chosen for above in m.iterancestors())]
    else:
        matches = matches[:1]
    if any(match.getparent() is None for match in matches):
        return Rc.EINVAL, None
    for match in matches:
        remove(match)
    return Rc.OK, None


def remove(element: etree._Element) -> None:
    """Take an element out of its tree, keeping the text that follows it out as well."""
    parent = element.getparent()
    if parent is not None:
        element.tail = None
        parent.remove(element)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What `replace` did: `root` is the tree to go on with; `touched` the path of an element that was exchanged.

    An exchange counts as a change of its section even when the new element is equal to the old one.
    """

    rc: int
    root: etree._Element
    touched: str = ""


def replace(
    cib: etree._Element, section: str | None, options: CallOption, data: etree._Element | None, digest: str | None
) -> Replaced:
    """Put the payload in the place of what it names.

    A `<cib>` older than ours, or one whose version 2 digest is not `digest`, gives -205.
    """
    if options & CallOption.XPATH:
        return _replace_xpath(cib, section or "", options, data)
    payload = narrow(data, section)
    if payload is None:
        return Replaced(Rc.EINVAL, cib)
    if payload.tag == "cib":
        if (digest and digest != digest_v2(payload)) or CibVersion.of(payload) < CibVersion.of(cib):
            return Replaced(Rc.OLD_DATA, cib)
        return Replaced(Rc.OK, copy_tree(payload))
    where = find_section(cib, section)
    if where is None:
        return Replaced(Rc.EINVAL, cib)
    target = _replaceable(where, payload)
    if target is None:
        return Replaced(Rc.ENXIO, cib)
    parent = target.getparent()
    assert parent is not None  # only `<cib>` is the root
    touched = element_path(target)
    parent.replace(target, copy_tree(payload))
    return Replaced(Rc.OK, cib, touched)


def _replace_xpath(cib: etree._Element, path: str, options: CallOption, data: etree._Element | None) -> Replaced:
    matches = matches_of(cib, path)
    if data is None or not matches:
        return Replaced(Rc.EINVAL if data is None else Rc.ENXIO, cib)
    touched = ""
    for match in matches if options & CallOption.MULTIPLE else matches[:1]:
        parent = match.getparent()
        if parent is None:
            return Replaced(Rc.EINVAL, cib)
        touched = element_path(match)
        remove(match)
        parent.append(copy_tree(data))
    return Replaced(Rc.OK, cib, touched)


def _replaceable(where: etree._Element, payload: etree._Element) -> etree._Element | None:
    wanted = payload.get("id")
    for node in where.iter(payload.tag):
        if node.getparent() is not None and (wanted is None or node.get("id") == wanted):
            return node
    return None


def erase(cib: etree._Element) -> etree._Element:
    """An empty CIB that keeps the root's attributes and has the next admin_epoch."""
    fresh = empty_cib()
    for name, value in attributes(cib).items():
        fresh.set(name, value)
    fresh.set("admin_epoch", str(counter(cib, "admin_epoch") + 1))
    return fresh


def bump(cib: etree._Element) -> None:
    cib.set("epoch", str(counter(cib, "epoch") + 1))
