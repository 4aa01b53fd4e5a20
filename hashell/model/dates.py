"""Dates as Pacemaker reads them: an ISO 8601 subset with its quirks (scheduler model spec 6.4, 6.5).

Pure: the present moment and the host's offset to UTC come in with a DateTime named `now`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from hashell.model.values import scan_integer

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_MAX_ORDINAL = datetime.date.max.toordinal()
DAY = 86400


@dataclass(frozen=True, slots=True)
class DateTime:
    """A moment with the offset it was written in. `seconds` of the day and `offset` are seconds."""

    ordinal: int  #: day number, 1 = 0001-01-01, local
    seconds: int  #: of the day, local
    offset: int = 0  #: of this moment's zone, east positive
    host_offset: int = 0  #: of the evaluating host: zone of texts that name none

    def epoch(self) -> int:
        """Seconds since 1970-01-01 UTC."""
        return (self.ordinal - _EPOCH_ORDINAL) * DAY + self.seconds - self.offset

    def date(self) -> datetime.date:
        return datetime.date.fromordinal(self.ordinal)

    def plus(self, seconds: int) -> DateTime:
        days, rest = divmod(self.seconds + seconds, DAY)
        return DateTime(_bounded(self.ordinal + days), rest, self.offset, self.host_offset)

    def text(self) -> str:
        """`YYYY-MM-DD HH:MM:SSZ`, or with the offset written out."""
        hours, rest = divmod(self.seconds, 3600)
        if self.offset:
            sign, size = ("-" if self.offset < 0 else "+"), abs(self.offset)
            zone = f" {sign}{size // 3600:02}:{size % 3600 // 60:02}"
        else:
            zone = "Z"
        return f"{self.date().isoformat()} {hours:02}:{rest // 60:02}:{rest % 60:02}{zone}"


def _bounded(ordinal: int) -> int:
    return max(1, min(_MAX_ORDINAL, ordinal))


def from_epoch(seconds: int, host_offset: int = 0) -> DateTime:
    """The moment in UTC, `seconds` after 1970."""
    days, rest = divmod(seconds, DAY)
    return DateTime(_bounded(_EPOCH_ORDINAL + days), rest, 0, host_offset)


def local_now(seconds: int, host_offset: int) -> DateTime:
    """The same in the host's own zone."""
    days, rest = divmod(seconds + host_offset, DAY)
    return DateTime(_bounded(_EPOCH_ORDINAL + days), rest, host_offset, host_offset)


_UNSIGNED = re.compile(r"(\d+)(?:-(\d+))?(?:-(\d+))?", re.ASCII)
_WEEK = re.compile(r"(\d+)-W(\d+)-(\d)", re.ASCII)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_CLOCK = re.compile(r"(\d+)(?::(\d+))?(?::(\d+))?", re.ASCII)
_COMPACT_CLOCK = re.compile(r"(\d{1,2})(\d{1,2})?(\d{1,2})?", re.ASCII)
_DATE_CHARACTERS = re.compile(r"[0-9\-W]*", re.ASCII)


def parse_date(text: str | None, now: DateTime) -> DateTime | None:
    """The moment a text names, or None. A time without zone is in the host's; a date without time is midnight UTC."""
    if not text:
        return None
    if text[:5].lower() == "epoch" and text[5:6] in ("", "/", " "):
        return from_epoch(0, now.host_offset)
    if text[0] == "T" or text[2:3] == ":":
        return _with_time(now.ordinal, text.removeprefix("T"), now)
    ordinal = _parse_day(text)
    if ordinal is None:
        return None
    end = _DATE_CHARACTERS.match(text).end()  # type: ignore[union-attr]
    if text[end : end + 1] in ("T", " ") and text[end + 1 :]:
        return _with_time(ordinal, text[end + 1 :], now)
    return DateTime(ordinal, 0, 0, now.host_offset)


def _parse_day(text: str) -> int | None:
    week = _WEEK.match(text)
    match = _UNSIGNED.match(text)
    try:
        if week:
            year, number, day = (int(part) for part in week.groups())
            return datetime.date.fromisocalendar(year, number, day).toordinal()
        if match is None:
            return None
        first, second, third = match.groups()
        if second is None:
            compact = _COMPACT_DATE.match(text)
            if compact is None:
                return None
            first, second, third = compact.groups()
        if third is not None:
            return datetime.date(int(first), int(second), int(third)).toordinal()
        start, day = datetime.date(int(first), 1, 1), int(second)
        length = 366 if _leap(int(first)) else 365
        return start.toordinal() + day - 1 if 1 <= day <= length else None
    except ValueError:
        return None


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _clock(text: str) -> int | None:
    """Seconds of the day from HH[:MM[:SS]] or HHMMSS; 86400 for 24:00:00."""
    match = _CLOCK.match(text)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    if minutes is None:
        match = _COMPACT_CLOCK.match(text)
        assert match is not None
        hours, minutes, seconds = match.groups()
    h, m, s = int(hours), int(minutes or 0), int(seconds or 0)
    if (h, m, s) == (24, 0, 0):
        return DAY
    return h * 3600 + m * 60 + s if h < 24 and m < 60 and s < 60 else None


def _with_time(ordinal: int, text: str, now: DateTime) -> DateTime | None:
    seconds = _clock(text)
    if seconds is None:
        return None
    offset: int | None = now.host_offset
    zone, space = text.find("Z"), text.find(" ")
    if zone >= 0:
        offset = 0
    elif space >= 0 and text[space:].strip():
        offset = _offset(text[space:].lstrip())
    if offset is None:
        return None
    return DateTime(_bounded(ordinal + seconds // DAY), seconds % DAY, offset, now.host_offset)


def _offset(text: str) -> int | None:
    sign = -1 if text[0] == "-" else 1
    seconds = _clock(text[1:] if text[0] in "+-" else text)
    return None if seconds is None else sign * seconds


UNITS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")


def add_units(start: DateTime, get: Callable[[str], str | None]) -> DateTime | None:
    """`start` plus the units whose texts `get(unit)` gives, in the order of UNITS; None when one is invalid."""
    result = start
    for unit in UNITS:
        text = get(unit)
        if text is None:
            continue
        count, _ = scan_integer(text)
        if count is None or abs(count) > 2**31:
            return None
        result = _plus_unit(result, unit, count)
    return result


def _plus_unit(at: DateTime, unit: str, count: int) -> DateTime:
    if unit == "years":
        date = at.date()
        year = max(1, min(9999, date.year + count))
        day_of_year = date.timetuple().tm_yday
        return DateTime(
            _bounded(datetime.date(year, 1, 1).toordinal() + day_of_year - 1), at.seconds, at.offset, at.host_offset
        )
    if unit == "months":
        return _plus_months(at, count)
    size = {"weeks": 7 * DAY, "days": DAY, "hours": 3600, "minutes": 60, "seconds": 1}[unit]
    return at.plus(count * size)


def _plus_months(at: DateTime, count: int) -> DateTime:
    date = at.date()
    year, month = divmod(date.year * 12 + date.month - 1 + count, 12)
    year = max(1, min(9999, year))
    following = datetime.date(year, month + 1, 28) + datetime.timedelta(days=4)
    last = (following - datetime.timedelta(days=following.day)).day
    day = datetime.date(year, month + 1, min(date.day, last))
    return DateTime(day.toordinal(), at.seconds, at.offset, at.host_offset)
