"""Three-way merging of CIBs: changes made to one version, carried over to another."""

from __future__ import annotations

import copy

from lxml import etree

from hashell.model import patchset


def merge(base: etree._Element, mine: etree._Element, current: etree._Element) -> etree._Element | None:
    """`current` with the changes from `base` to `mine`; None if both changed the same elements."""
    ours = {path for c in patchset.changes(base, mine) if (path := c.get("path", "")).startswith("/cib/configuration/")}
    theirs = {path for c in patchset.changes(base, current) for path in (c.get("path", ""),)
              if path.startswith("/cib/configuration/")}
    objects = {_object_path(path) for path in ours} & {_object_path(path) for path in theirs if "[@id" in path}
    patch = patchset.create(base, mine)
    if objects or patch is None:
        return None
    for change in [c for c in patch.findall("change") if c.get("path") == "/cib"]:
        patch.remove(change)
    merged = copy.deepcopy(current)
    return merged if patchset.apply(merged, patch, check=False) == 0 else None


def _object_path(path: str) -> str:
    """The path of the object that a changed element belongs to: section and the first id below it."""
    parts = path.split("/")
    return "/".join(parts[:5]) if len(parts) > 4 and "[@id" in path else path
