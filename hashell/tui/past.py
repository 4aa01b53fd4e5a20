"""Saved policy inputs and logs: what the monitor steps through with [ and ], and quotes in stories."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from hashell.client.monitor.snapshot import Snapshot, snapshot_of
from hashell.client.monitor.story import AROUND, LOG_LINES
from hashell.client.source import FileSource, Source, embedded_dir, embedded_nodes
from hashell.model.values import integer
from hashell.shell.records import PeInput, Records, logs_of, read_input, stored_records


class Past:
    """The inputs and logs of one source. Files that come later are seen by the next `refresh`."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.inputs: list[PeInput] = []
        self.refresh()

    def refresh(self) -> None:
        self.inputs = self._records.inputs()

    def load(self, index: int) -> Snapshot:
        """The board of one input, as of when it was made. Raises HashellError when it cannot be read."""
        chosen = self.inputs[index]
        cib = read_input(chosen.path)
        when = float(integer(cib.get("execution-date")) or chosen.when)
        return snapshot_of(cib, when=when, title=f"{chosen.name} of {chosen.node}" if chosen.node else chosen.name)

    def log_lines(self, words: tuple[str, ...], when: float) -> list[str]:
        """Lines that have one of the words, the newest, or those around a moment (epoch seconds)."""
        found: deque[str] = deque(maxlen=LOG_LINES)
        for line in self._lines():
            if any(word in line.text for word in words) and (not when or abs(line.when - when) <= AROUND):
                found.append(str(line))
        return list(found)

    def _lines(self) -> Iterable:
        return self._records.lines()


def past_of(source: Source) -> Past:
    """What belongs to a source: the nodes' own folders, none for a CIB file."""
    if isinstance(source, FileSource):
        return Past(Records(str(source), []))
    settings = source.settings
    nodes = [settings]
    if settings.embedded:
        base = settings.state_dir.parent.parent
        nodes = embedded_nodes(base) or embedded_nodes(embedded_dir(os.environ)) or [settings]
    return Past(Records("live", [(node.name, [node.pengine_dir], logs_of(node)) for node in nodes]))


def past_in(folder: Path) -> Past:
    """A folder of inputs, or a report. Raises HashellError when there is nothing in it."""
    past = Past(stored_records(folder))
    if not past.inputs:
        from hashell.shell.records import failed

        raise failed(f"{folder} holds no saved policy inputs (pe-input-N, pe-warn-N, pe-error-N)")
    return past


