"""When a value needs quotation marks on output (section 1.4)."""

from __future__ import annotations

import re

_BARE = re.compile(r"[\w.-]+\Z")


def quote(value: str) -> str:
    """The value bare if it is a simple word, else between double quotes."""
    if _BARE.match(value):
        return value
    return always_quote(value)


def always_quote(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'


def name_value(name: str, value: str) -> str:
    return f"{name}={quote(value)}"
