"""The limits of numeric columns, such as the range of ``SMALLINT`` and the digits of ``NUMERIC(8, 2)``."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql

from lazy_alchemy.emitters._fields.python_types import is_mysql_boolean
from lazy_alchemy.emitters._values.checks import Check
from lazy_alchemy.emitters._values.numbers import Digits, fits_numeric, fits_real, multiple_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.types import TypeEngine

__all__ = ["float_limits", "integer_limits", "is_sent_as_float", "numeric_limits"]

# The sizes of the integer types: PostgreSQL manual, "8.1.1. Integer Types"; MariaDB Knowledge Base, "Data Types". In
# SQLite every INTEGER has up to 8 bytes ("Datatypes In SQLite", 2).
_BITS: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (mysql.TINYINT, 8),
    (mysql.MEDIUMINT, 24),
    (sqltypes.SmallInteger, 16),
    (sqltypes.BigInteger, 64),
    (sqltypes.Integer, 32),
)
_LARGEST_REAL = 3.4028234663852886e38
_LARGEST_DOUBLE = Decimal("1.7976931348623157e308")
_CONTEXT = 28  # the default precision of Python's decimal arithmetic, in digits
_ANY_NUMBER = Digits(300, 300)  # for a column without a precision: the digits of a DOUBLE, without an exponent


def integer_limits(type_: sqltypes.Integer, dialect: str | None) -> Iterator[Any]:
    """Yield the annotations of an integer: the range of its size in bytes."""
    if is_mysql_boolean(type_) or dialect not in ("postgresql", "mysql", "sqlite"):
        return  # in other databases the same names mean other sizes
    bits = 64 if dialect == "sqlite" else next(bits for known, bits in _BITS if isinstance(type_, known))
    if _is_unsigned(type_):
        yield Field(ge=0, le=2**bits - 1)
    else:
        yield Field(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)


def float_limits(type_: sqltypes.Float[Any], dialect: str | None, *, sent: bool) -> Iterator[Any]:
    """Yield the annotations of a floating-point number."""
    unsigned = 0 if _is_unsigned(type_) else None
    if type_.asdecimal and not is_sent_as_float(type_, dialect, sent=sent):
        if sent:  # values read may exceed it: SQLAlchemy returns all the digits that the float stands for
            yield Field(ge=-_LARGEST_DOUBLE if unsigned is None else unsigned, le=_LARGEST_DOUBLE)
            yield _ANY_NUMBER
        return
    if sent:
        yield Field(allow_inf_nan=False)
    if unsigned is not None:
        yield Field(ge=unsigned)
    precision, scale = type_.precision, getattr(type_, "scale", None)
    if dialect == "mysql" and precision is not None and scale is not None:
        if sent:
            yield _rounded_below(precision, scale)
    elif sent and (isinstance(type_, mysql.FLOAT) or (dialect == "postgresql" and isinstance(type_, sqltypes.REAL))):
        yield Check(fits_real, (("minimum", -_LARGEST_REAL), ("maximum", _LARGEST_REAL)))


def is_sent_as_float(type_: TypeEngine[Any], dialect: str | None, *, sent: bool) -> bool:
    """Return whether ``type_`` is a DOUBLE of MySQL. SQLAlchemy reads it as a Decimal, but it must be sent as a float.

    A Decimal would be sent as a literal, of which MySQL keeps no more than 65 digits.
    """
    return sent and dialect == "mysql" and isinstance(type_, sqltypes.Float) and bool(type_.asdecimal)


def numeric_limits(type_: sqltypes.Numeric[Any], dialect: str | None, *, sent: bool) -> Iterator[Any]:
    """Yield the annotations of a NUMERIC or DECIMAL: its digits and decimal places."""
    if not type_.asdecimal:
        return
    if _is_unsigned(type_):
        yield Field(ge=0)
    precision, scale = type_.precision, type_.scale or 0
    if precision is None:
        if sent and dialect == "postgresql":
            yield Check(fits_numeric)
        elif sent:
            yield Field(ge=-_LARGEST_DOUBLE, le=_LARGEST_DOUBLE)
        if sent:
            yield _ANY_NUMBER
        return
    if not sent and dialect == "postgresql":
        return  # it may be NaN, whose digits Pydantic cannot count
    if scale < 0:  # PostgreSQL rounds to tens or hundreds
        yield Field(max_digits=precision - scale, decimal_places=0)
        if sent:
            yield Field(multiple_of=10**-scale) if precision <= _CONTEXT else Check(multiple_of(10**-scale))
    elif scale >= precision:
        limit = Decimal(10) ** (precision - scale)
        yield Field(max_digits=scale + 1, decimal_places=scale, gt=-limit, lt=limit)  # Pydantic counts the digit of 0
    else:
        yield Field(max_digits=precision, decimal_places=scale)
    if sent:  # values read may have an exponent: 0.0000000 is Decimal("0E-7")
        yield Digits(max(precision - scale, 0), max(scale, 0), max(-scale, 0))


def _is_unsigned(type_: TypeEngine[Any]) -> bool:
    return bool(getattr(type_, "unsigned", False) or getattr(type_, "zerofill", False))


def _rounded_below(precision: int, scale: int) -> Any:
    """Return bounds for numbers that have at most ``precision`` digits after rounding. ``Any``: a FieldInfo."""
    limit = Decimal(10) ** (precision - scale) - Decimal(5) * Decimal(10) ** (-scale - 1)
    return Field(lt=limit, gt=-limit)
