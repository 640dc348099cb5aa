"""Times with and without an offset from UTC, and those that PostgreSQL gives back as ones that Python has.

No SQL types here.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ._checks import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["storable_datetime", "storable_time", "with_offset", "without_offset"]

_DAY = 24 * 60 * 60 * 10**6
# Less than this on either side: MAX_TZDISP_HOUR in src/include/datatype/timestamp.h is 15.
_LARGEST_OFFSET = datetime.timedelta(hours=16)
_MICROSECOND = datetime.timedelta(microseconds=1)


def without_offset(value: Any) -> Any:
    """Refuse a time with an offset from UTC: the column would lose it, or the driver raise."""
    if value.tzinfo is not None:
        raise refusal("timezone_aware", "The column has no time zone: give the time without an offset from UTC")
    return value


def with_offset(value: Any) -> Any:
    """Refuse a time without an offset from UTC: each driver would take it for that of another time zone."""
    if value.tzinfo is None:
        raise refusal("timezone_naive", "The column has a time zone: give the time with its offset from UTC")
    return value


def storable_time(precision: int | None) -> Callable[[datetime.time], datetime.time]:
    """Return a check that a time is still one of its day when it is rounded to so many digits of a second."""
    half = _half_unit(precision)

    def check(value: datetime.time) -> datetime.time:
        _check_offset(value.utcoffset())
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        if seconds * 10**6 + value.microsecond + half >= _DAY:
            raise refusal("time_rounding", "The column rounds the time up to 24:00:00")
        return value

    return check


def storable_datetime(precision: int | None) -> Callable[[datetime.datetime], datetime.datetime]:
    """Return a check that a time is in the years 1 to 9999 in UTC, rounded to so many digits of a second."""
    margin = _MICROSECOND * _half_unit(precision)

    def check(value: datetime.datetime) -> datetime.datetime:
        offset = value.utcoffset() or datetime.timedelta()
        _check_offset(offset)
        try:
            # Each may be the one that has no such time.
            _ = value.replace(tzinfo=None) - offset + margin
        except OverflowError:
            raise refusal("datetime_range", "The time should be in the years 1 to 9999 in UTC") from None
        return value

    return check


def _half_unit(precision: int | None) -> int:
    """Return how many microseconds are rounded up to the last digit."""
    return 10 ** (6 - precision) // 2 if precision is not None else 0


def _check_offset(offset: datetime.timedelta | None) -> None:
    if offset is not None and abs(offset) >= _LARGEST_OFFSET:
        raise refusal("timezone_offset", "The offset from UTC should be less than 16 hours")
