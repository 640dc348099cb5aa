"""The limits that the databases enforce on a column's values, besides their Python type: times, ranges and the rest.

The limits of numbers are in ``number_limits``, those of texts in ``text_limits``. Limits depend only on the SQL type
and the database. Pydantic appears here only in the form of annotations.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql

from lazy_alchemy._reflected import dialect_of, driver_of
from lazy_alchemy.emitters._columns.drivers import time_checks
from lazy_alchemy.emitters._columns.number_limits import float_limits, integer_limits, numeric_limits
from lazy_alchemy.emitters._columns.text_limits import charset_of_table, text_limits
from lazy_alchemy.emitters._fields.python_types import database_type_name
from lazy_alchemy.emitters._values.arrays import rectangular
from lazy_alchemy.emitters._values.checks import Check
from lazy_alchemy.emitters._values.documents import JsonDocument
from lazy_alchemy.emitters._values.numbers import WrittenFloat, fits_money
from lazy_alchemy.emitters._values.texts import (
    storable_address,
    storable_in_sqlite,
    storable_pairs,
    storable_text,
    without_zone,
)
from lazy_alchemy.emitters._values.times import (
    Duration,
    OffsetTime,
    storable_datetime,
    storable_time,
    with_offset,
    without_offset,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Table
    from sqlalchemy.types import TypeEngine

__all__ = ["Limits"]

# Text types that SQLAlchemy does not know, by the database's name: MariaDB's addresses, and types that PostgreSQL
# parses.
_ADDRESSES = {"inet4": ipaddress.IPv4Address, "inet6": ipaddress.IPv6Address}
_PARSED = ("xml", "jsonpath")
# MariaDB Knowledge Base, "TIMESTAMP": up to 2038-01-19 03:14:07 UTC, before 11.5. One day less at either end, because
# values are in the session's time zone.
_FIRST_TIMESTAMP = datetime.datetime(1970, 1, 2)  # noqa: DTZ001  the column has no time zone
_LAST_TIMESTAMP = datetime.datetime(2038, 1, 18)  # noqa: DTZ001

_NAIVE = Check(without_offset, (("format", "date-time-local"),))
_NAIVE_TIME = Check(without_offset, (("format", "time-local"),))
_AWARE = Check(with_offset)
_DISCRETE: tuple[tuple[tuple[type[Any], ...], object], ...] = (
    ((postgresql.INT4RANGE, postgresql.INT4MULTIRANGE), 2**31 - 1),
    ((postgresql.INT8RANGE, postgresql.INT8MULTIRANGE), 2**63 - 1),
    ((postgresql.DATERANGE, postgresql.DATEMULTIRANGE), datetime.date.max),  # Python's last date
)
_MONEY = r"^-?\$?[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]{1,2})?$"


@dataclass(frozen=True)
class Limits:
    """The limits of one database's types.

    Attributes:
        dialect: The database's dialect, or None if unknown.
        sent: Whether values are sent to the database. Values read from it are only checked for what the database
            enforces itself: SQLite stores any length and any number of digits in any column.
        charset: The character set of texts whose types do not name one (MariaDB).
        driver: The driver that sends and reads the values, or None if unknown.
    """

    dialect: str | None
    sent: bool
    charset: str | None = None
    driver: str | None = None

    @classmethod
    def for_writing(cls, table: Table) -> Limits:
        """Return the limits of values written to ``table``."""
        return cls(dialect_of(table), sent=True, charset=charset_of_table(table), driver=driver_of(table))

    @classmethod
    def for_reading(cls, table: Table) -> Limits:
        """Return the limits of values read from ``table``."""
        return cls(dialect_of(table), sent=False, driver=driver_of(table))

    @classmethod
    def for_source(cls, table: Table, *, sent: bool) -> Limits:
        """Return the limits of values sent to ``table`` or read from it, independent of the driver."""
        return cls(dialect_of(table), sent=sent, charset=charset_of_table(table))

    def of_column(self, column: Column[Any]) -> tuple[Any, ...]:
        """Return the annotations of ``column`` in addition to those of its type."""
        if self.sent and self.dialect == "mysql" and column.autoincrement is True:
            # "No value was specified for the AUTO_INCREMENT column, so MySQL assigned sequence numbers automatically.
            # You can also explicitly assign 0 to the column" (MySQL Reference Manual, "Using AUTO_INCREMENT").
            return (Field(ge=1),)
        name = (database_type_name(column, column.table) or "").lower() if self.sent else ""
        if version := _ADDRESSES.get(name):
            return (Check(storable_address(version)),)
        if name in _PARSED:
            return (Check(storable_text(None, None, nul=False)),)
        return ()

    def of(self, type_: TypeEngine[Any]) -> tuple[Any, ...]:
        """Return the annotations that check values of ``type_``."""
        if not self.sent and self.dialect not in ("postgresql", "mysql"):
            return tuple(self._readable(type_))
        return (*self._readable(type_), *self._limits(type_))

    def of_lists(self) -> tuple[Any, ...]:
        """Return the annotations that check the nested lists of a multidimensional array."""
        return (Check(rectangular),) if self.sent else ()

    def largest_bound(self, type_: TypeEngine[Any]) -> object:
        """Return the largest value that can bound a discrete range; None for other ranges, and for values read."""
        return next((last for known, last in _DISCRETE if isinstance(type_, known)), None) if self.sent else None

    def _readable(self, type_: TypeEngine[Any]) -> Iterator[Any]:
        # NaN and infinity, which PostgreSQL and SQLite can store, but Pydantic refuses by default.
        if not self.sent and isinstance(type_, (sqltypes.Numeric, sqltypes.Float)) and self.dialect != "mysql":
            yield Field(allow_inf_nan=True) if type_.asdecimal else WrittenFloat()

    def _limits(self, type_: TypeEngine[Any]) -> Iterator[Any]:
        if isinstance(type_, sqltypes.JSON):
            if self.sent:
                yield JsonDocument(nul=not isinstance(type_, postgresql.JSONB), large=self.dialect != "sqlite")
        elif isinstance(type_, (sqltypes.Enum, mysql.SET)):
            return
        elif isinstance(type_, sqltypes.Integer):
            yield from integer_limits(type_, self.dialect)
        elif isinstance(type_, sqltypes.Float):
            yield from float_limits(type_, self.dialect, sent=self.sent)
        elif isinstance(type_, sqltypes.Numeric):
            yield from numeric_limits(type_, self.dialect, sent=self.sent)
        elif isinstance(type_, sqltypes.String):
            yield from text_limits(type_, self.dialect, self.charset, sent=self.sent)
        elif isinstance(type_, (sqltypes.DateTime, sqltypes.Time)):
            yield from self._time(type_)
        else:
            yield from self._other(type_)

    def _time(self, type_: sqltypes.DateTime | sqltypes.Time) -> Iterator[Any]:
        if not self.sent:
            if isinstance(type_, sqltypes.Time) and type_.timezone:
                yield OffsetTime()
            return
        # SQLite has no time zones, but SQLAlchemy passes the precision of its DATETIME(6) as the argument ``timezone``.
        zone = bool(type_.timezone) and self.dialect != "sqlite"
        if isinstance(type_, sqltypes.Time):
            yield _AWARE if zone else _NAIVE_TIME
            if self.dialect == "postgresql":
                yield Check(storable_time(getattr(type_, "precision", None)))
            return
        yield _AWARE if zone else _NAIVE
        if self.dialect == "postgresql":
            yield Check(storable_datetime(getattr(type_, "precision", None)))
            yield from time_checks(self.driver)
        if isinstance(type_, mysql.TIMESTAMP):
            yield Field(ge=_FIRST_TIMESTAMP, lt=_LAST_TIMESTAMP)

    def _other(self, type_: TypeEngine[Any]) -> Iterator[Any]:
        if isinstance(type_, mysql.BIT):
            yield Field(ge=0, le=2 ** (type_.length or 1) - 1)
        elif isinstance(type_, mysql.YEAR):
            if self.sent:
                yield Field(ge=1901, le=2155)
        elif isinstance(type_, postgresql.OID):
            yield Field(ge=0, le=2**32 - 1)
        elif isinstance(type_, postgresql.BIT):
            # BIT VARYING without a limit has the length None; SQLAlchemy reflects BIT as BIT(1).
            low, high = (0, type_.length) if type_.varying else (type_.length or 1, type_.length or 1)
            yield Field(pattern=rf"^[01]{{{low},{'' if high is None else high}}}$")
        elif isinstance(type_, (postgresql.INET, postgresql.CIDR)):
            if self.sent:
                yield Check(without_zone)
        elif isinstance(type_, (postgresql.MACADDR, postgresql.MACADDR8)):
            if self.sent:
                yield Field(pattern=_mac(8 if isinstance(type_, postgresql.MACADDR8) else 6))
        elif isinstance(type_, postgresql.MONEY):
            if self.sent:
                yield Field(pattern=_MONEY, max_length=27)
                yield Check(fits_money)
        elif isinstance(type_, postgresql.HSTORE):
            if self.sent:
                yield Check(storable_pairs)
        elif isinstance(type_, sqltypes.Date):
            if self.sent:
                yield from time_checks(self.driver)
        elif isinstance(type_, postgresql.INTERVAL):
            yield Duration(type_.precision, type_.fields) if self.sent else Duration()
        elif isinstance(type_, sqltypes.NullType):
            if self.sent and self.dialect == "sqlite":  # a column without a type, which accepts any value
                yield Check(storable_in_sqlite, (("type", ("number", "string")),))
        elif isinstance(type_, (postgresql.TSVECTOR, postgresql.TSQUERY, postgresql.REGCLASS)) and self.sent:
            yield Check(storable_text(None, None, nul=False))


def _mac(groups: int) -> str:
    """Return a pattern for MAC addresses in canonical notation, with colons or hyphens."""
    pair = "[0-9A-Fa-f]{2}"
    return rf"^({pair}(:{pair}){{{groups - 1}}}|{pair}(-{pair}){{{groups - 1}}})$"
