"""What one watched cluster shows: its newest look, the past it is seen in, its events and operations."""

from __future__ import annotations

import time
from collections import deque

from hashell.client.monitor.events import Event, events_between, events_of
from hashell.client.monitor.operations import OperationLog
from hashell.client.monitor.problems import Problem, dated, problems_of
from hashell.client.monitor.snapshot import Snapshot
from hashell.client.source import LiveSource
from hashell.tui.boardrows import Folds, RowCache
from hashell.tui.operator import Change
from hashell.tui.sources import Watched

#: Events that are kept.
MOST_EVENTS = 2_000


class ClusterView:
    """The state behind the widgets. `shown` is what is on the screen: the present, a saved input or a prospect."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.live = Snapshot()
        self.other: Snapshot | None = None
        self.position: int | None = None  #: of the saved input that is shown
        self.trouble = "connecting"
        self.folds = Folds()
        self.row_cache = RowCache()
        self.operations = OperationLog()
        self.done: list[Change] = []  #: what was carried out and can be taken back, newest last
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._fed = False

    @property
    def shown(self) -> Snapshot:
        return self.other if self.other is not None else self.live

    @property
    def is_followed(self) -> bool:
        """Whether this is a running cluster."""
        return isinstance(self.watched.source, LiveSource)

    @property
    def is_present(self) -> bool:
        return self.other is None

    def came(self, shot: Snapshot) -> None:
        """A newer look at the present."""
        old, self.live = self.live, shot
        if shot.cib is None:
            return
        if not self._fed:
            self._events.extend(events_of(shot.cib, shot.board))
            self._fed = True
        else:
            self._events.extend(events_between(old.board, shot.board, time.time()))
        self.operations.add(shot.cib, shot.changed)

    def events(self) -> list[Event]:
        """Of the present those that were seen; of another time what its CIB knows."""
        if self.other is not None and self.other.cib is not None:
            return events_of(self.other.cib, self.other.board)
        return list(self._events)

    def operation_log(self) -> OperationLog:
        if self.other is None or self.other.cib is None:
            return self.operations
        log = OperationLog()
        log.add(self.other.cib)
        return log

    def problems(self) -> list[Problem]:
        return dated(problems_of(self.shown.board), self.events())

    def show(self, shot: Snapshot | None, position: int | None = None) -> None:
        """Show something else than the present; None is the present."""
        self.other, self.position = shot, position
