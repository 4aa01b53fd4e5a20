"""Version arithmetic of a CIB: the three counters, and feature sets (daemons specification, 1.4, 2.4 and 2.7)."""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree

from hashell.model.release import FEATURE_SET as FEATURE_SET
from hashell.model.values import integer

COUNTERS = ("admin_epoch", "epoch", "num_updates")


class CibVersion(NamedTuple):
    """The counters in order of weight; tuples compare as versions do."""

    admin_epoch: int
    epoch: int
    num_updates: int

    def __str__(self) -> str:
        return f"{self.admin_epoch}.{self.epoch}.{self.num_updates}"

    @classmethod
    def of(cls, element: etree._Element) -> CibVersion:
        """The counters of a `<cib>`, `<source>` or `<target>` element; a missing or unusable one counts as 0."""
        return cls(*(counter(element, name) for name in COUNTERS))


def counter(element: etree._Element, name: str, default: int = 0) -> int:
    """A non-negative integer attribute, or `default` when it is missing or not a number."""
    text = element.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else default


def compare_feature_sets(left: str, right: str) -> int:
    """-1, 0 or 1, comparing numerically component by component; a missing component is the lower one."""
    a, b = _parts(left), _parts(right)
    return (a > b) - (a < b)


def feature_set_compatible(dc: str, joiner: str) -> bool:
    """True when a node with feature set `joiner` may join a DC that has `dc`: same major, minor not lower."""
    a, b = _parts(dc), _parts(joiner)
    return len(a) > 1 and len(b) > 1 and a[0] == b[0] and b[1] >= a[1]


def _parts(version: str) -> list[int]:
    parts: list[int] = []
    for text in version.split("."):
        digits = "".join(c for c in text if c in "0123456789")
        if not digits:
            break
        parts.append(integer(digits))
    return parts
