"""What a column can hold beyond its Python type: lengths, digits, ranges. What is here is what the databases enforce.

Everything is said of the SQL type alone, by database; a model library appears only as the annotations that it reads.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql

from lazy_alchemy._reflected import dialect_of, driver_of
from lazy_alchemy.emitters._columns.drivers import time_checks
from lazy_alchemy.emitters._fields.python_types import database_name, is_mysql_boolean
from lazy_alchemy.emitters._values.arrays import rectangular
from lazy_alchemy.emitters._values.charsets import charset_of_collation
from lazy_alchemy.emitters._values.checks import Check
from lazy_alchemy.emitters._values.documents import JsonDocument
from lazy_alchemy.emitters._values.numbers import Digits, WrittenFloat, fits_money, fits_numeric, fits_real, multiple_of
from lazy_alchemy.emitters._values.texts import (
    CharacterSet,
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

__all__ = ["Limits", "most_bytes"]

# The classes of integers by size: PostgreSQL manual, "8.1.1. Integer Types"; MariaDB Knowledge Base, "Data Types";
# of SQLite's, "Datatypes In SQLite", 2: every INTEGER has up to 8 bytes.
_BITS: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (mysql.TINYINT, 8),
    (mysql.MEDIUMINT, 24),
    (sqltypes.SmallInteger, 16),
    (sqltypes.BigInteger, 64),
    (sqltypes.Integer, 32),
)
_LARGEST_REAL = 3.4028234663852886e38
_LARGEST_DOUBLE = Decimal("1.7976931348623157e308")

# MariaDB Knowledge Base, "Data Type Storage Requirements": L + 1, 2, 3 bytes.
_MOST_BYTES: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (mysql.TINYTEXT, 2**8 - 1),
    (mysql.MEDIUMTEXT, 2**24 - 1),
    (mysql.LONGTEXT, 2**32 - 1),
    (mysql.TINYBLOB, 2**8 - 1),
    (mysql.MEDIUMBLOB, 2**24 - 1),
    (mysql.LONGBLOB, 2**32 - 1),
    (sqltypes.TEXT, 2**16 - 1),
    (sqltypes.BLOB, 2**16 - 1),
)
# Texts of which SQLAlchemy has no type, by the database's name: MariaDB's addresses, and what PostgreSQL parses.
_ADDRESSES = {"inet4": ipaddress.IPv4Address, "inet6": ipaddress.IPv6Address}
_PARSED = ("xml", "jsonpath")
# Options of a table as SQLAlchemy has them, the dialect's name left out.
_CHARSET_OPTIONS = ("default charset", "charset", "default character set", "character set")
_COLLATE_OPTIONS = ("collate", "default collate")
# MySQL Reference Manual, "String Data Type Syntax".
_NAMED_CHARSETS = {"national": "utf8mb3", "ascii": "latin1", "unicode": "ucs2"}

# MariaDB Knowledge Base, "TIMESTAMP": up to 2038-01-19 03:14:07 UTC, before 11.5. A day less on either side, because
# the time is that of the session's time zone.
_FIRST_TIMESTAMP = datetime.datetime(1970, 1, 2)  # noqa: DTZ001  the column has no time zone
_LAST_TIMESTAMP = datetime.datetime(2038, 1, 18)  # noqa: DTZ001

_NAIVE = Check(without_offset, (("format", "date-time-local"),))
_NAIVE_TIME = Check(without_offset, (("format", "time-local"),))
_AWARE = Check(with_offset)
_CONTEXT = 28  # digits of Python's decimal arithmetic, unless it is told otherwise
_ANY_NUMBER = Digits(300, 300)  # of a column without a precision: what a DOUBLE holds, and no exponent
_DISCRETE: tuple[tuple[tuple[type[Any], ...], object], ...] = (
    ((postgresql.INT4RANGE, postgresql.INT4MULTIRANGE), 2**31 - 1),
    ((postgresql.INT8RANGE, postgresql.INT8MULTIRANGE), 2**63 - 1),
    ((postgresql.DATERANGE, postgresql.DATEMULTIRANGE), datetime.date.max),  # the last that Python has
)
_MONEY = r"^-?\$?[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]{1,2})?$"


@dataclass(frozen=True)
class Limits:
    """The limits of one database's types.

    Attributes:
        dialect: The database's dialect, or None where nobody knows it.
        sent: Whether values go into the database. What comes out of it is checked only for what the database sees to
            itself: SQLite stores any length, and whatever digits, in any column.
        charset: The character set of the table's texts where their types do not name one (MariaDB).
        driver: The driver that reads and writes, or None where nobody knows it.
    """

    dialect: str | None
    sent: bool
    charset: str | None = None
    driver: str | None = None

    @classmethod
    def for_values_in(cls, table: Table) -> Limits:
        """Return the limits of what is written into ``table``."""
        return cls(dialect_of(table), sent=True, charset=_charset_of_table(table), driver=driver_of(table))

    @classmethod
    def for_values_from(cls, table: Table) -> Limits:
        """Return the limits of what is read from ``table``."""
        return cls(dialect_of(table), sent=False, driver=driver_of(table))

    @classmethod
    def for_source(cls, table: Table, *, sent: bool) -> Limits:
        """Return the limits of what is written into ``table``, or read from it, by whatever driver."""
        return cls(dialect_of(table), sent=sent, charset=_charset_of_table(table))

    def of_column(self, column: Column[Any]) -> tuple[Any, ...]:
        """Return the annotations that ``column`` adds to those of its type."""
        if self.sent and self.dialect == "mysql" and column.autoincrement is True:
            # "No value was specified for the AUTO_INCREMENT column, so MySQL assigned sequence numbers automatically.
            # You can also explicitly assign 0 to the column" (MySQL Reference Manual, "Using AUTO_INCREMENT").
            return (Field(ge=1),)
        name = (database_name(column, column.table) or "").lower() if self.sent else ""
        if version := _ADDRESSES.get(name):
            return (Check(storable_address(version)),)
        if name in _PARSED:
            return (Check(storable_text(None, None, nul=False)),)
        return ()

    def of(self, type_: TypeEngine[Any]) -> tuple[Any, ...]:
        """Return the annotations that say what a value of ``type_`` may be."""
        if not self.sent and self.dialect not in ("postgresql", "mysql"):
            return tuple(self._readable(type_))
        return (*self._readable(type_), *self._limits(type_))

    def of_lists(self) -> tuple[Any, ...]:
        """Return the annotations that say which lists may be within the list that is an array."""
        return (Check(rectangular),) if self.sent else ()

    def is_sent_as_float(self, type_: TypeEngine[Any]) -> bool:
        """Return whether ``type_`` is a DOUBLE of MySQL, which SQLAlchemy reads as a Decimal.

        A Decimal goes to the database as a literal of up to 65 digits, and what is beyond these is lost.
        """
        return self.sent and self.dialect == "mysql" and isinstance(type_, sqltypes.Float) and bool(type_.asdecimal)

    def largest(self, type_: TypeEngine[Any]) -> object:
        """Return the bound of a discrete range that has no next one; None for any other range, and for what is read."""
        return next((last for known, last in _DISCRETE if isinstance(type_, known)), None) if self.sent else None

    def _readable(self, type_: TypeEngine[Any]) -> Iterator[Any]:
        # What Pydantic refuses by default, and PostgreSQL and SQLite hold.
        if not self.sent and isinstance(type_, (sqltypes.Numeric, sqltypes.Float)) and self.dialect != "mysql":
            yield Field(allow_inf_nan=True) if type_.asdecimal else WrittenFloat()

    def _limits(self, type_: TypeEngine[Any]) -> Iterator[Any]:
        if isinstance(type_, sqltypes.JSON):
            if self.sent:
                yield JsonDocument(nul=not isinstance(type_, postgresql.JSONB), large=self.dialect != "sqlite")
        elif isinstance(type_, (sqltypes.Enum, mysql.SET)):
            return
        elif isinstance(type_, sqltypes.Integer):
            yield from self._integer(type_)
        elif isinstance(type_, sqltypes.Float):
            yield from self._float(type_)
        elif isinstance(type_, sqltypes.Numeric):
            yield from self._numeric(type_)
        elif isinstance(type_, sqltypes.String):
            yield from self._string(type_)
        elif isinstance(type_, (sqltypes.DateTime, sqltypes.Time)):
            yield from self._time(type_)
        else:
            yield from self._other(type_)

    def _integer(self, type_: sqltypes.Integer) -> Iterator[Any]:
        if is_mysql_boolean(type_) or self.dialect not in ("postgresql", "mysql", "sqlite"):
            return  # elsewhere the same names mean other sizes
        bits = 64 if self.dialect == "sqlite" else next(bits for known, bits in _BITS if isinstance(type_, known))
        if getattr(type_, "unsigned", False) or getattr(type_, "zerofill", False):
            yield Field(ge=0, le=2**bits - 1)
        else:
            yield Field(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)

    def _float(self, type_: sqltypes.Float[Any]) -> Iterator[Any]:
        unsigned = 0 if getattr(type_, "unsigned", False) or getattr(type_, "zerofill", False) else None
        if type_.asdecimal and not self.is_sent_as_float(type_):
            if self.sent:  # the largest that is read is larger: SQLAlchemy has all the digits that the float stands for
                yield Field(ge=-_LARGEST_DOUBLE if unsigned is None else unsigned, le=_LARGEST_DOUBLE)
                yield _ANY_NUMBER
            return
        if self.sent:
            yield Field(allow_inf_nan=False)
        if unsigned is not None:
            yield Field(ge=unsigned)
        precision, scale = type_.precision, getattr(type_, "scale", None)
        if self.dialect == "mysql" and precision is not None and scale is not None:
            if self.sent:
                yield _rounded_below(precision, scale)
        elif self.sent and (
            isinstance(type_, mysql.FLOAT) or (self.dialect == "postgresql" and isinstance(type_, sqltypes.REAL))
        ):
            yield Check(fits_real, (("minimum", -_LARGEST_REAL), ("maximum", _LARGEST_REAL)))

    def _numeric(self, type_: sqltypes.Numeric[Any]) -> Iterator[Any]:
        if not type_.asdecimal:
            return
        if getattr(type_, "unsigned", False) or getattr(type_, "zerofill", False):
            yield Field(ge=0)
        precision, scale = type_.precision, type_.scale or 0
        if precision is None:
            if self.sent and self.dialect == "postgresql":
                yield Check(fits_numeric)
            elif self.sent:
                yield Field(ge=-_LARGEST_DOUBLE, le=_LARGEST_DOUBLE)
            if self.sent:
                yield _ANY_NUMBER
            return
        if not self.sent and self.dialect == "postgresql":
            return  # it holds NaN too, of which Pydantic can count no digits
        if scale < 0:  # PostgreSQL rounds to tens or hundreds
            yield Field(max_digits=precision - scale, decimal_places=0)
            if self.sent:
                yield Field(multiple_of=10**-scale) if precision <= _CONTEXT else Check(multiple_of(10**-scale))
        elif scale >= precision:
            limit = Decimal(10) ** (precision - scale)
            yield Field(max_digits=scale + 1, decimal_places=scale, gt=-limit, lt=limit)  # Pydantic counts the 0 of 0
        else:
            yield Field(max_digits=precision, decimal_places=scale)
        if self.sent:  # what is read may have an exponent: 0.0000000 is Decimal("0E-7")
            yield Digits(max(precision - scale, 0), max(scale, 0), max(-scale, 0))

    def _string(self, type_: sqltypes.String) -> Iterator[Any]:
        if type_.length is not None and not isinstance(type_, sqltypes.TEXT):
            yield Field(max_length=type_.length)
        if not self.sent:
            return
        charset: str | None = "utf8mb4"
        most = None
        if self.dialect == "mysql":
            charset = _charset_of_type(type_) or self.charset
            most = next((most for known, most in _MOST_BYTES if isinstance(type_, known)), None)
        elif type_.length is not None and isinstance(type_, sqltypes.TEXT):
            yield Field(max_length=type_.length)
        if charset not in (None, "utf8mb4"):
            yield CharacterSet(charset, most)
            return
        # Of every text, because half a surrogate pair, which JSON can carry, is no text to a driver.
        nul = self.dialect != "postgresql"
        yield Check(storable_text(charset, most, nul=nul), () if nul else (("pattern", "^[^\\u0000]*$"),))

    def _time(self, type_: sqltypes.DateTime | sqltypes.Time) -> Iterator[Any]:
        if not self.sent:
            if isinstance(type_, sqltypes.Time) and type_.timezone:
                yield OffsetTime()
            return
        # SQLite has no time zones: SQLAlchemy takes the precision of its DATETIME(6) for the argument ``timezone``.
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
            # The length of BIT VARYING is None for any; SQLAlchemy reflects BIT as BIT(1).
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
            if self.sent and self.dialect == "sqlite":  # a column without a type, which takes everything
                yield Check(storable_in_sqlite, (("type", ("number", "string")),))
        elif isinstance(type_, (postgresql.TSVECTOR, postgresql.TSQUERY, postgresql.REGCLASS)) and self.sent:
            yield Check(storable_text(None, None, nul=False))


def _charset_of_table(table: Table) -> str | None:
    options = {name.partition("_")[2].replace("_", " ").lower(): str(value) for name, value in table.kwargs.items()}
    charset = next((options[name] for name in _CHARSET_OPTIONS if name in options), None)
    collation = next((options[name] for name in _COLLATE_OPTIONS if name in options), None)
    return charset or charset_of_collation(collation)


def _charset_of_type(type_: sqltypes.String) -> str | None:
    named = next((charset for name, charset in _NAMED_CHARSETS.items() if getattr(type_, name, False)), None)
    return getattr(type_, "charset", None) or named or charset_of_collation(type_.collation)


def most_bytes(type_: TypeEngine[Any], dialect: str | None) -> int | None:
    """Return how many bytes a binary column may hold; None for any number of them."""
    length: int | None = getattr(type_, "length", None)
    if length is not None or dialect != "mysql":
        return length
    return next((most for known, most in _MOST_BYTES if isinstance(type_, known)), None)


def _rounded_below(precision: int, scale: int) -> Any:
    """Return the bounds of what has no more digits than ``precision`` when it is rounded. ``Any``: a FieldInfo."""
    limit = Decimal(10) ** (precision - scale) - Decimal(5) * Decimal(10) ** (-scale - 1)
    return Field(lt=limit, gt=-limit)


def _mac(groups: int) -> str:
    """Return the pattern of a MAC address in its canonical notation, with colons or hyphens."""
    pair = "[0-9A-Fa-f]{2}"
    return rf"^({pair}(:{pair}){{{groups - 1}}}|{pair}(-{pair}){{{groups - 1}}})$"
