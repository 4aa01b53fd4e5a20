"""Ids of CIB elements: which texts may be one, making one of any text, finding a free one."""

from __future__ import annotations

import re
from collections.abc import Container

_NOT_NAME = re.compile(r"[^\w.\-]", re.ASCII)
_NAME = re.compile(r"[^\W\d][\w.\-]*\Z")


def is_id(text: str) -> bool:
    """True for an XML NCName: a letter or `_`, then letters, digits, `.`, `-`, `_`."""
    return bool(_NAME.match(text))


def sanitize_id(text: str) -> str:
    """Every character an id cannot have becomes `.`; a first one that cannot stand first gets `_` before it."""
    clean = _NOT_NAME.sub(".", text)
    return clean if not clean or clean[0].isalpha() or clean[0] == "_" else "_" + clean


def sanitize_nvpair_id(text: str) -> str:
    """The part of an id that follows others, such as a node attribute's name (daemons specification, section 4)."""
    return _NOT_NAME.sub(".", text)


def free_id(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or with the first of `-0`, `-1`, … that is not taken."""
    if wanted not in taken:
        return wanted
    number = 0
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
