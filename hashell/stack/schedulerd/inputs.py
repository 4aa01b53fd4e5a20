"""The files that keep what the scheduler was asked: `pe-input-N.bz2`, `pe-warn-N.bz2`, `pe-error-N.bz2`.

A series has a maximum and wraps; `SERIES.last` holds the next number. The same input twice is saved once (ipc.md,
section 3.7).
"""

from __future__ import annotations

import bz2
import logging
from pathlib import Path

from lxml import etree

from hashell.atomicfile import write_atomically
from hashell.model.digest import digest_v1
from hashell.model.values import integer
from hashell.model.xmltext import pretty

log = logging.getLogger(__name__)

#: Files kept by default: -1 all, 0 none.
DEFAULTS = {"pe-error": -1, "pe-warn": 5000, "pe-input": 4000}
_MODE = 0o640


class InputStore:
    """Saves inputs below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last_digest = ""
        self._last_name = ""

    def save(self, cib: etree._Element, series: str, limit: int, made: int = 0) -> str:
        """Save an input in a series of at most `limit` files; its path, or '' when it could not or should not be.

        `made`, epoch seconds, is noted in the file; the same input at another time is still the same input.
        """
        if limit == 0:
            return ""
        cib.attrib.pop("execution-date", "")
        digest = digest_v1(cib) + series
        if digest == self._last_digest:
            return self._last_name
        cib.set("execution-date", str(made))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{series}-{self._next(series, limit)}.bz2"
            write_atomically(path, bz2.compress(pretty(cib).encode()), mode=_MODE)
        except OSError as error:
            log.warning("scheduler input not saved: %s", error)
            return ""
        self._last_digest, self._last_name = digest, str(path)
        return str(path)

    def _next(self, series: str, limit: int) -> int:
        counter = self.folder / f"{series}.last"
        number = integer(counter.read_text(errors="replace")) if counter.exists() else 0
        if number < 0 or 0 < limit <= number:
            number = 0
        following = number + 1
        write_atomically(counter, str(0 if 0 < limit <= following else following), mode=_MODE)
        return number
