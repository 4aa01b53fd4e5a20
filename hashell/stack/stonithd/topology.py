"""Fencing levels: which devices, in which order, fence a node (daemons specification, section 5.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_LEVEL = 9


@dataclass(frozen=True)
class LevelKey:
    """Whom a level is for. `kind` is `target` (a name), `pattern` (an extended regular expression) or `attribute`
    (`value` is `name=value`)."""

    kind: str
    value: str

    def matches(self, node: str, attributes: Mapping[str, str]) -> bool:
        if self.kind == "target":
            return self.value.lower() == node.lower()
        if self.kind == "pattern":
            try:
                return re.search(self.value, node, re.IGNORECASE) is not None
            except re.error:
                return False
        name, _, value = self.value.partition("=")
        return attributes.get(name, "").lower() == value.lower()


class Topology:
    """All levels. `attributes` of nodes (by lower-case name) serve the levels keyed by an attribute."""

    def __init__(self) -> None:
        self._levels: dict[LevelKey, dict[int, list[str]]] = {}
        self._from_cib: dict[tuple[LevelKey, int], bool] = {}
        self.attributes: dict[str, Mapping[str, str]] = {}

    def add(self, key: LevelKey, index: int, devices: list[str], *, cib: bool = False) -> bool:
        """Add or replace one level, 1 to 9; False when it cannot be one."""
        if not 1 <= index <= MAX_LEVEL or not key.value or not devices:
            return False
        self._levels.setdefault(key, {})[index] = devices
        self._from_cib[key, index] = cib
        return True

    def remove(self, key: LevelKey, index: int) -> None:
        """Remove one level, or with index 0 all levels of the key."""
        levels = self._levels.get(key, {})
        for number in [n for n in levels if index in (0, n)]:
            del levels[number]
            self._from_cib.pop((key, number), None)
        if not levels:
            self._levels.pop(key, None)

    def replace_cib(self, wanted: list[tuple[LevelKey, int, list[str]]]) -> None:
        """Make the levels that come from the CIB exactly these."""
        for key, index in [item for item, cib in self._from_cib.items() if cib]:
            self.remove(key, index)
        for key, index, devices in wanted:
            self.add(key, index, devices, cib=True)

    def levels_for(self, node: str) -> dict[int, list[str]]:
        """Levels of a node by number, ascending; a level for its name wins over a pattern, that over an attribute."""
        attributes = self.attributes.get(node.lower(), {})
        for kind in ("target", "pattern", "attribute"):
            for key, levels in self._levels.items():
                if key.kind == kind and levels and key.matches(node, attributes):
                    return {number: list(levels[number]) for number in sorted(levels)}
        return {}
