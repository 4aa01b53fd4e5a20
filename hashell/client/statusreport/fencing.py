"""Fencing in a status report: what is pending, what failed, what succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from hashell.client.statusreport.facts import Facts


def add_fencing(facts: Facts, root: etree._Element) -> None:
    """The section `fence_history`; only where a fencer was asked."""


