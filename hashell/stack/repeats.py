"""One cause, one line: a log filter that holds back a complaint which is repeated word for word.

Whoever sends garbage a thousand times must not be able to push everything else out of the log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

WINDOW_SECONDS = 60.0
_REMEMBERED = 500


class RepeatFilter(logging.Filter):
    """Lets a warning or worse through once a minute; the next one that passes says how often it came meanwhile.

    `clock` gives seconds of any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, int, str], list[float]] = {}  #: cause to when it was told and how often since

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        text = record.getMessage()
        cause = (record.name, record.levelno, text)
        now = self._clock()
        told = self._seen.get(cause)
        if told is not None and now - told[0] < WINDOW_SECONDS:
            told[1] += 1
            return False
        self._seen.pop(cause, None)
        if told is not None and told[1]:
            record.msg, record.args = f"{text} ({told[1]:.0f} more in the last {now - told[0]:.0f} s)", ()
        if len(self._seen) >= _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[cause] = [now, 0]
        return True
