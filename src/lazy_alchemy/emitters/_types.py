"""The one map from SQLAlchemy's column types to Python's, shared by every emitter. No I/O, and no model library."""

from __future__ import annotations

import datetime
import decimal
import types
import uuid
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.types import TypeEngine

__all__ = ["python_type"]

# Looked up from top to bottom: a class stands before its bases.
_BY_CLASS: tuple[tuple[type[TypeEngine[Any]], Any], ...] = (
    (sqltypes.JSON, Any),
    (sqltypes.Boolean, bool),
    (sqltypes.Integer, int),
    (sqltypes.DateTime, datetime.datetime),
    (sqltypes.Date, datetime.date),
    (sqltypes.Time, datetime.time),
    (sqltypes.Interval, datetime.timedelta),
    (postgresql.INTERVAL, datetime.timedelta),
    (sqltypes.String, str),
    (sqltypes.LargeBinary, bytes),
    (mysql.BIT, int),
    (mysql.YEAR, int),
    (postgresql.OID, int),
    (postgresql.TSVECTOR, str),
    (postgresql.MONEY, str),
    (postgresql.HSTORE, dict[str, str | None]),
)

# What a type outside the table may say of itself and be believed. SQLAlchemy's defaults mean "unknown" and are not
# here: ``object`` (2.1), and ``dict`` for JSON (2.0).
_BELIEVED: frozenset[type[Any]] = frozenset(
    {
        bool,
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        decimal.Decimal,
        float,
        int,
        str,
        uuid.UUID,
    }
)


def python_type(type_: TypeEngine[Any]) -> Any:
    """Return the Python type of the values that a column of ``type_`` gives and takes.

    Args:
        type_: A column's type, as SQLAlchemy reflects it.

    Returns:
        A class, or a form from ``typing`` such as ``list[int]`` or ``Literal["sad", "ok"]``; ``Any`` for JSON and for
        a type that nobody knows. NULL is not in it: that is the column's matter, not its type's.
    """
    if isinstance(type_, postgresql.DOMAIN):
        return python_type(type_.data_type)
    if isinstance(type_, sqltypes.ARRAY):
        # isinstance tells nothing of the item type.
        return _array(type_)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(type_, sqltypes.Enum):
        return _enum(type_)
    if isinstance(type_, mysql.SET):
        return set[str]
    if isinstance(type_, sqltypes.Uuid):
        return uuid.UUID if type_.as_uuid else str
    if isinstance(type_, sqltypes.Numeric):
        return decimal.Decimal if type_.asdecimal else float
    if isinstance(type_, mysql.TINYINT) and _is_mysql_boolean(type_):
        return bool
    for known, python in _BY_CLASS:
        if isinstance(type_, known):
            return python
    return _own_word(type_)


def _array(type_: sqltypes.ARRAY[Any]) -> Any:
    item = python_type(type_.item_type)
    for _ in range(type_.dimensions or 1):
        item = types.GenericAlias(list, (item,))
    return item


def _enum(type_: sqltypes.Enum) -> Any:
    if type_.enum_class is not None:
        return type_.enum_class
    labels = cast("Sequence[str]", type_.enums)
    if not labels:
        return str
    # Any: a Literal whose labels are known only now is no form that a type checker knows.
    return cast("Any", Literal)[tuple(labels)]


def _is_mysql_boolean(type_: mysql.TINYINT) -> bool:
    """Tell what MySQL and MariaDB make of BOOLEAN, a signed ``tinyint(1)``, from a small number."""
    return type_.display_width == 1 and not type_.unsigned and not type_.zerofill


def _own_word(type_: TypeEngine[Any]) -> Any:
    try:
        own = type_.python_type
    except NotImplementedError:
        return Any
    return own if own in _BELIEVED else Any
