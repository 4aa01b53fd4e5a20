"""What a status report is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.client.board import FencingView

if TYPE_CHECKING:
    from lxml import etree

    from hashell.client.view.display import Display
    from hashell.stack.pengine.state import WorkingSet


@dataclass
class Facts:
    """The model of a CIB, the CIB as it was read, what the fencer knows, and what is wanted."""

    ws: WorkingSet = field(init=False)
    cib: etree._Element
    display: Display
    now: int  #: epoch seconds
    request: str = "hashell monitor --once"
    fencing: list[FencingView] = field(default_factory=list)  #: newest first
    host: str = ""
    stale: str = ""  #: why this is not the state of now, and whose it is; '' for the state of now
    daemons: str = ""  #: state of pacemakerd, for live clusters: running, shutting_down …
