"""The map from SQLAlchemy's column types to Python types, shared by all emitters. No I/O and no model library."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import types
import uuid
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql.ranges import MultiRange

from lazy_alchemy._errors import ModelError, UnknownTypeWarning, callers_level
from lazy_alchemy._reflected import column_infos
from lazy_alchemy.emitters._fields.user_types import UserTypes, checked_type, spelling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Table
    from sqlalchemy.types import TypeEngine

__all__ = [
    "MULTIRANGES",
    "RANGES",
    "TypeMap",
    "Unknown",
    "base_of",
    "database_type_name",
    "forbids_null",
    "is_mysql_boolean",
    "python_type",
    "range_bound",
]

Unknown = Callable[["Column[Any]"], Any]
"""A function that returns the Python type of a column whose SQL type is unknown, or None to leave it unknown."""

_IP_ADDRESS = ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Interface | ipaddress.IPv6Interface
_IP_NETWORK = ipaddress.IPv4Network | ipaddress.IPv6Network

# Searched from top to bottom, so a class comes before its bases.
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
    (postgresql.BIT, str),
    (postgresql.OID, int),
    (postgresql.REGCLASS, str),
    (postgresql.TSVECTOR, str),
    (postgresql.TSQUERY, str),
    (postgresql.MONEY, str),
    (postgresql.INET, _IP_ADDRESS),
    (postgresql.CIDR, _IP_NETWORK),
    (postgresql.MACADDR, str),
    (postgresql.MACADDR8, str),
    (postgresql.HSTORE, dict[str, str | None]),
)

# PostgreSQL's built-in range types, with the SQL types of their bounds.
# Any: only one of SQLAlchemy 2.0 and 2.1 makes the classes generic.
_RANGE_BOUNDS: tuple[tuple[type[Any], type[Any], TypeEngine[Any]], ...] = (
    (postgresql.INT4RANGE, postgresql.INT4MULTIRANGE, sqltypes.INTEGER()),
    (postgresql.INT8RANGE, postgresql.INT8MULTIRANGE, sqltypes.BIGINT()),
    (postgresql.NUMRANGE, postgresql.NUMMULTIRANGE, sqltypes.NUMERIC()),
    (postgresql.DATERANGE, postgresql.DATEMULTIRANGE, sqltypes.DATE()),
    (postgresql.TSRANGE, postgresql.TSMULTIRANGE, sqltypes.TIMESTAMP()),
    (postgresql.TSTZRANGE, postgresql.TSTZMULTIRANGE, sqltypes.TIMESTAMP(timezone=True)),
)

RANGES = tuple(one for one, _, _ in _RANGE_BOUNDS)
MULTIRANGES = tuple(many for _, many, _ in _RANGE_BOUNDS)

# The ``python_type`` of a SQL type outside these tables is used if it is one of these. SQLAlchemy's defaults mean
# "unknown" and are not included: ``object`` (2.1), and ``dict`` for JSON (2.0).
_TRUSTED: frozenset[type[Any]] = frozenset(
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


@dataclass(frozen=True)
class TypeMap:
    """The map for one emitter, including the user's own types.

    Attributes:
        user_types: The user's types.
        unknown: A function that is called with each column whose SQL type is unknown.
        strict: Whether such a column is an error, instead of ``Any`` with a warning.
    """

    user_types: UserTypes = field(default_factory=UserTypes)
    unknown: Unknown | None = None
    strict: bool = False

    def column_type(self, column: Column[Any], type_: TypeEngine[Any], dialect: str | None) -> tuple[Any, bool]:
        """Return the Python type of a column of SQL type ``type_``, and whether the user chose it.

        Raises:
            ModelError: The type is unknown, and the map is strict.
            TypeError: ``unknown`` did not return a type.
        """
        table = column.table
        name = database_type_name(column, table)
        user_type = self.user_types.find(type_, name)
        if user_type is not ...:
            return user_type, True
        known = self.python_type(type_)
        if known is not Any or not is_unknown(type_, dialect):
            return known, False
        if name is not None and name.lower() in _BY_NAME:
            return _BY_NAME[name.lower()], False
        where = f"column {str(column.name)!r} of table {table.fullname!r}"
        if self.unknown is not None and (user_type := self.unknown(column)) is not None:
            return checked_type(user_type, f"unknown: {user_type!r}, returned for {where},"), True
        spelled = name or spelling(type_)
        message = (
            f"No Python type is known for the SQL type {spelled!r} of {where}: pass one with"
            f" types={{{spelled.partition('(')[0].lower()!r}: ...}}"
        )
        if self.strict:
            raise ModelError(f"{message}, or omit strict to use Any.")
        _warn_once(f"{message}. It defaults to Any.", column, table)
        return Any, False

    def python_type(self, type_: TypeEngine[Any]) -> Any:
        """Return the Python type of the values of a column of SQL type ``type_``; see the function ``python_type``."""
        user_type = self.user_types.find(type_)
        if user_type is not ...:
            return user_type
        if isinstance(type_, postgresql.DOMAIN):
            return self.python_type(type_.data_type)
        if isinstance(type_, sqltypes.ARRAY):
            # isinstance does not narrow the item type.
            return self._array(type_)  # pyright: ignore[reportUnknownArgumentType]
        return _scalar(type_)

    def _array(self, type_: sqltypes.ARRAY[Any]) -> Any:
        item = self.python_type(type_.item_type) | None  # PostgreSQL cannot forbid NULL items
        for _ in range(type_.dimensions or 1):
            item = types.GenericAlias(list, (item,))
        return item


_PLAIN = TypeMap()


def python_type(type_: TypeEngine[Any]) -> Any:
    """Return the Python type of the values of a column of SQL type ``type_``.

    Args:
        type_: A column's type, as SQLAlchemy reflects it.

    Returns:
        A class, or a form from ``typing`` such as ``list[int | None]`` or ``Literal["sad", "ok"]``; ``Any`` for JSON
        and for an unknown type. It does not include None, because nullability belongs to the column, not to its type.
    """
    return _PLAIN.python_type(type_)


def range_bound(type_: TypeEngine[Any]) -> tuple[TypeEngine[Any], bool] | None:
    """Return the type of a range's bounds and whether it is a multirange; None if it is neither."""
    for one, many, bound in _RANGE_BOUNDS:
        if isinstance(type_, (one, many)):
            return bound, isinstance(type_, many)
    return None


def base_of(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the base type of a domain, through any domains in between; other types unchanged."""
    while isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    return type_


def forbids_null(type_: TypeEngine[Any]) -> bool:
    """Return whether the type is a domain that is NOT NULL itself or is based on one."""
    return isinstance(type_, postgresql.DOMAIN) and (bool(type_.not_null) or forbids_null(type_.data_type))


def is_unknown(type_: TypeEngine[Any], dialect: str | None) -> bool:
    """Return whether a ``type_`` mapped to ``Any`` is unknown, rather than a type that may hold any value."""
    if isinstance(type_, sqltypes.NullType):
        return dialect != "sqlite"  # where a column without a type accepts any value
    return not isinstance(type_, (sqltypes.JSON, sqltypes.ARRAY, postgresql.DOMAIN))


def is_mysql_boolean(type_: TypeEngine[Any]) -> bool:
    """Return whether it is a BOOLEAN of MySQL or MariaDB, which they turn into a signed ``tinyint(1)``."""
    return isinstance(type_, mysql.TINYINT) and type_.display_width == 1 and not type_.unsigned and not type_.zerofill


def database_type_name(column: Column[Any], table: Table) -> str | None:
    """Return the database's name for a column's type if SQLAlchemy does not know it and it was reflected, else None."""
    info = column_infos(table).get(str(column.name)) if isinstance(column.type, sqltypes.NullType) else None
    return None if info is None else info.type_name


# Types for which SQLAlchemy has no class, and whose values every driver returns as text.
_BY_NAME: Mapping[str, Any] = {"xml": str, "jsonpath": str, "inet4": str, "inet6": str}


def _scalar(type_: TypeEngine[Any]) -> Any:
    if isinstance(type_, sqltypes.Enum):
        return _enum(type_)
    if isinstance(type_, mysql.SET):
        return types.GenericAlias(set, (_literal(cast("Sequence[str]", type_.values)),))
    if isinstance(type_, sqltypes.Uuid):
        return uuid.UUID if type_.as_uuid else str
    if isinstance(type_, sqltypes.Numeric):
        return decimal.Decimal if type_.asdecimal else float
    if is_mysql_boolean(type_):
        return bool
    bound = range_bound(type_)
    if bound is not None:
        generic: Any = MultiRange if bound[1] else postgresql.Range  # Any: its type argument is only known at run time
        return generic[_scalar(bound[0])]
    for known, python in _BY_CLASS:
        if isinstance(type_, known):
            return python
    return _stated_type(type_)


def _enum(type_: sqltypes.Enum) -> Any:
    if type_.enum_class is not None:
        return type_.enum_class
    return _literal(cast("Sequence[str]", type_.enums))


def _literal(labels: Sequence[str]) -> Any:
    # Any: type checkers only accept a Literal with literal labels.
    return cast("Any", Literal)[tuple(labels)] if labels else str


def _stated_type(type_: TypeEngine[Any]) -> Any:
    try:
        stated = type_.python_type
    except NotImplementedError:
        return Any
    return stated if stated in _TRUSTED else Any


# The columns for which a warning was issued, because each of a table's three shapes would repeat it.
_warned: weakref.WeakKeyDictionary[Table, set[str]] = weakref.WeakKeyDictionary()


def _warn_once(message: str, column: Column[Any], table: Table) -> None:
    columns = _warned.setdefault(table, set())
    if str(column.name) not in columns:
        warnings.warn(message, UnknownTypeWarning, stacklevel=callers_level())
        columns.add(str(column.name))
