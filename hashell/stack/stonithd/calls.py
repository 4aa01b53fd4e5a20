"""Clients of the fencer and their commands that are still to be answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from hashell.stack.stonithd.protocol import CallOption


@dataclass
class Caller:
    """One client; `wanted` are the notifications it asked for."""

    id: str
    pid: int
    privileged: bool
    name: str = ""
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One command of a client; `token` identifies the request to the outside."""

    client: str
    token: Any
    element: etree._Element
    options: CallOption
