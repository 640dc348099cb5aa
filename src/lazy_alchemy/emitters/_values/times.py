"""Times with and without an offset from UTC, and intervals, checked for what PostgreSQL and Python can both represent.

No SQL types here.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from lazy_alchemy._drivers import plain_interval
from lazy_alchemy.emitters._values.array_text import with_minutes
from lazy_alchemy.emitters._values.checks import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, ValidatorFunctionWrapHandler

__all__ = ["Duration", "OffsetTime", "storable_datetime", "storable_time", "with_offset", "without_offset"]

_DAY = 24 * 60 * 60 * 10**6
# Exclusive, in both directions: MAX_TZDISP_HOUR in src/include/datatype/timestamp.h is 15.
_LARGEST_OFFSET = datetime.timedelta(hours=16)
_MINUTE = datetime.timedelta(minutes=1)
_MICROSECOND = datetime.timedelta(microseconds=1)
_SECONDS = {"day": 24 * 60 * 60, "hour": 60 * 60, "minute": 60}
_DURATION = r"^-?P([0-9]{1,9}D)?(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}(\.[0-9]{1,6})?S)?)?$"


@dataclass(frozen=True)
class Duration:
    """A PostgreSQL interval; in JSON a duration of days, hours, minutes and seconds.

    Pydantic would write 365 days as a year. In ISO 8601 years have no such length; in RFC 3339, which defines
    ``duration`` for JSON schema, days cannot follow years, and there are neither signs nor fractions.

    Attributes:
        precision: The number of digits to which the column rounds fractions of a second; None for all.
        fields: The fields of the column, such as "day to hour"; a value with others is refused. None for all fields.
    """

    precision: int | None = None
    fields: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type, then the column's limits."""
        serialization = core_schema.plain_serializer_function_ser_schema(
            _write_duration, return_schema=core_schema.str_schema(pattern=_DURATION), when_used="json-unless-none"
        )
        return core_schema.no_info_wrap_validator_function(self._read, handler(source), serialization=serialization)

    def _read(self, value: Any, handler: ValidatorFunctionWrapHandler) -> datetime.timedelta:
        try:
            # Either line may overflow: Pydantic only checks the range of whole days.
            read: datetime.timedelta = handler(plain_interval(value))
            _ = read + _MICROSECOND * _half_unit(self.precision)
        except OverflowError:
            raise refusal("interval_range", "The interval should have at most 999999999 days") from None
        last = (self.fields or "second").rpartition(" ")[2]
        if last in ("year", "month"):
            if read:
                raise refusal("interval_fields", "The column only stores years and months, which durations do not have")
        elif last != "second" and (read.microseconds or read.seconds % _SECONDS[last]):
            raise refusal("interval_fields", f"The column stores no unit smaller than one {last}")
        return read


def _write_duration(value: datetime.timedelta) -> str:
    size = abs(value)
    minutes, seconds = divmod(size.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{size.microseconds:06}".rstrip(".0")
    parts = [("H", f"{hours}"), ("M", f"{minutes}"), ("S", f"{seconds}{fraction}")]
    # Zero minutes between hours and seconds are kept: RFC 3339, appendix A.
    while parts and parts[-1][1] == "0":
        parts.pop()
    while parts and parts[0][1] == "0":
        parts.pop(0)
    time = "".join(number + unit for unit, number in parts)
    text = f"{size.days}D" if size.days else ""
    return f"{'-' if value < size else ''}P{text}{f'T{time}' if time else ''}" if text or time else "PT0S"


@dataclass(frozen=True)
class OffsetTime:
    """A time with an offset from UTC, which a driver may return as PostgreSQL's text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Add minutes to an offset without them, which Pydantic cannot parse."""
        return core_schema.no_info_before_validator_function(
            lambda value: with_minutes(value) if isinstance(value, str) else value, handler(source)
        )


def without_offset(value: Any) -> Any:
    """Refuse a time with an offset from UTC, which the column would lose, or the driver would reject."""
    if value.tzinfo is not None:
        raise refusal("timezone_aware", "The column has no time zone: omit the time's offset from UTC")
    return value


def with_offset(value: Any) -> Any:
    """Refuse a time without an offset from UTC: each driver would assume a different time zone."""
    if value.tzinfo is None:
        raise refusal("timezone_naive", "The column has a time zone: include the time's offset from UTC")
    return value


def storable_time(precision: int | None) -> Callable[[datetime.time], datetime.time]:
    """Return a check that a time is not rounded up to the next day at ``precision`` digits of a second."""
    half = _half_unit(precision)

    def check(value: datetime.time) -> datetime.time:
        offset = value.utcoffset() or datetime.timedelta()
        _check_offset(offset)
        if offset % _MINUTE:  # asyncpg drops the seconds when sending, and Pydantic cannot parse what pg8000 returns
            raise refusal("timezone_offset", "The offset from UTC should not include seconds")
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        if seconds * 10**6 + value.microsecond + half >= _DAY:
            raise refusal("time_rounding", "The column would round the time up to 24:00:00")
        return value

    return check


def storable_datetime(precision: int | None) -> Callable[[datetime.datetime], datetime.datetime]:
    """Return a check that a time, rounded to ``precision`` digits of a second, is in the years 1 to 9999 in UTC."""
    margin = _MICROSECOND * _half_unit(precision)

    def check(value: datetime.datetime) -> datetime.datetime:
        offset = value.utcoffset() or datetime.timedelta()
        _check_offset(offset)
        try:
            # Either operation may overflow.
            _ = value.replace(tzinfo=None) - offset + margin
        except OverflowError:
            raise refusal("datetime_range", "The time should be in the years 1 to 9999 in UTC") from None
        return value

    return check


def _half_unit(precision: int | None) -> int:
    """Return half the unit of the last digit, in microseconds: at least this much is rounded up."""
    return 10 ** (6 - precision) // 2 if precision is not None else 0


def _check_offset(offset: datetime.timedelta) -> None:
    if abs(offset) >= _LARGEST_OFFSET:
        raise refusal("timezone_offset", "The offset from UTC should be less than 16 hours")
