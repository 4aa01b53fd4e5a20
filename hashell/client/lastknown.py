"""What a node last knew of its cluster, read from its files when its daemons do not answer.

The configuration alone would show every node as offline; a saved input of the policy engine has the status, too. The
DC saves one whenever something has to be decided: it is the state from which the cluster last decided, before it did
what followed. Other nodes have what they saw as DC.
"""

from __future__ import annotations

import bz2
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.model.values import integer
from hashell.model.xmltext import parse

if TYPE_CHECKING:
    from hashell.client.source import Source


@dataclass(frozen=True)
class LastKnown:
    """A CIB of the past; `when` is epoch seconds."""

    cib: etree._Element
    path: Path
    when: int

    def words(self, why: str) -> str:
        """What has to stand beside it, `why` being what the cluster failed to do."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.when))
        return f"{why}; this is what this node knew when it last decided, at {stamp}, before it did it: {self.path}"


def last_known(source: Source, error: HashellError) -> LastKnown | None:
    """What may be shown in place of a cluster that is there and does not answer; None when there is nothing.

    A cluster that is not running, or that refuses the user, is no such case.
    """
    if not isinstance(source, LiveSource) or error.exit_code != ExitCode.TIMEOUT:
        return None
    for path in _newest_first(source.settings.pengine_dir):
        found = _read(path)
        if found is not None:
            return found
    return None


def _newest_first(folder: Path) -> list[Path]:
    try:
        dated = [(path.stat().st_mtime, path.name, path) for path in folder.glob("pe-*-[0-9]*")]
    except OSError:
        return []
    return [path for _when, _name, path in sorted(dated, reverse=True)]


def _read(path: Path) -> LastKnown | None:
    """None for what is being written, removed, or no CIB."""
    try:
        data = path.read_bytes()
        cib = parse(bz2.decompress(data) if path.suffix == ".bz2" else data)
        when = integer(cib.get("execution-date")) or int(path.stat().st_mtime)
    except (OSError, EOFError, ValueError, etree.XMLSyntaxError):
        return None
    return LastKnown(cib, path, when) if cib.tag == "cib" else None
