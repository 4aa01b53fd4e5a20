"""A complaint that is repeated word for word is told once a minute, with how often it came."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from hashell.stack.repeats import WINDOW_SECONDS, RepeatFilter


class Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.lines: list[str] = []
        self.addFilter(RepeatFilter(lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    logger = logging.getLogger("repeats")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)


def test_once_a_minute_with_the_number(log: Log) -> None:
    logger = logging.getLogger("repeats")
    for _ in range(1000):
        logger.warning("refused %s", "x")
    logger.error("refused %s", "x")
    assert log.lines == ["refused x", "refused x"]
    log.now = WINDOW_SECONDS
    logger.warning("refused %s", "x")
    logger.warning("refused 100%")
    assert log.lines[2:] == ["refused x (999 more in the last 60 s)", "refused 100%"]
    log.now *= 2
    logger.warning("refused %s", "x")
    assert log.lines[4:] == ["refused x"]


def test_what_is_no_complaint_or_has_a_traceback_is_never_held_back(log: Log) -> None:
    logger = logging.getLogger("repeats")
    for _ in range(3):
        logger.info("state changed")
        try:
            raise ValueError
        except ValueError:
            logger.exception("failed")
    assert log.lines == ["state changed", "failed"] * 3


def test_causes_without_end_take_no_memory_without_end(log: Log) -> None:
    logger = logging.getLogger("repeats")
    for number in range(3000):
        logger.warning("refused %d", number)
    filter_ = log.filters[0]
    assert isinstance(filter_, RepeatFilter)
    assert len(log.lines) == 3000 and len(filter_._seen) <= 500
