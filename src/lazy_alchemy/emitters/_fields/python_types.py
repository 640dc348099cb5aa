"""The one map from SQLAlchemy's column types to Python's, shared by every emitter. No I/O, and no model library."""

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
"""What is asked for the Python type of a column that nobody knows; None leaves it unknown."""

_IP_ADDRESS = ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Interface | ipaddress.IPv6Interface
_IP_NETWORK = ipaddress.IPv4Network | ipaddress.IPv6Network

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

# The bounds of PostgreSQL's own range types, as SQL types.
# Any: the classes are generic on one line of SQLAlchemy and not on the other.
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


@dataclass(frozen=True)
class TypeMap:
    """The map as one emitter sees it: with its user's own types in it.

    Attributes:
        user_types: What the user gives.
        unknown: What is asked for the type of a column that nobody knows.
        strict: Whether such a column is an error, and not ``Any`` with a warning.
    """

    user_types: UserTypes = field(default_factory=UserTypes)
    unknown: Unknown | None = None
    strict: bool = False

    def column_type(self, column: Column[Any], type_: TypeEngine[Any], dialect: str | None) -> tuple[Any, bool]:
        """Return the Python type of the values of a column, which is of ``type_``, and whether the user gave it.

        Raises:
            ModelError: Nobody knows the type, and the map is strict.
            TypeError: What ``unknown`` returned is no type.
        """
        table = column.table
        name = database_type_name(column, table)
        given = self.user_types.find(type_, name)
        if given is not ...:
            return given, True
        known = self.python_type(type_)
        if known is not Any or not is_unknown(type_, dialect):
            return known, False
        if name is not None and name.lower() in _BY_NAME:
            return _BY_NAME[name.lower()], False
        if self.unknown is not None and (given := self.unknown(column)) is not None:
            where = f"column {str(column.name)!r} of table {table.fullname!r}"
            return checked_type(given, f"unknown: {given!r}, given to {where},"), True
        spelled = name or spelling(type_)
        message = (
            f"Nobody knows what the type {spelled!r} of column {str(column.name)!r} of table {table.fullname!r} is in"
            f" Python; give it a type: types={{{spelled.partition('(')[0].lower()!r}: ...}}"
        )
        if self.strict:
            raise ModelError(f"{message}, or leave strict out to have Any.")
        _warn_once(f"{message}. It is Any.", column, table)
        return Any, False

    def python_type(self, type_: TypeEngine[Any]) -> Any:
        """Return the Python type of the values that a column of ``type_`` gives and takes; see ``python_type``."""
        given = self.user_types.find(type_)
        if given is not ...:
            return given
        if isinstance(type_, postgresql.DOMAIN):
            return self.python_type(type_.data_type)
        if isinstance(type_, sqltypes.ARRAY):
            # isinstance tells nothing of the item type.
            return self._array(type_)  # pyright: ignore[reportUnknownArgumentType]
        return _scalar(type_)

    def _array(self, type_: sqltypes.ARRAY[Any]) -> Any:
        item = self.python_type(type_.item_type) | None  # PostgreSQL cannot forbid a NULL among the items
        for _ in range(type_.dimensions or 1):
            item = types.GenericAlias(list, (item,))
        return item


_PLAIN = TypeMap()


def python_type(type_: TypeEngine[Any]) -> Any:
    """Return the Python type of the values that a column of ``type_`` gives and takes.

    Args:
        type_: A column's type, as SQLAlchemy reflects it.

    Returns:
        A class, or a form from ``typing`` such as ``list[int | None]`` or ``Literal["sad", "ok"]``; ``Any`` for JSON
        and for a type that nobody knows. NULL is not in it: that is the column's matter, not its type's.
    """
    return _PLAIN.python_type(type_)


def range_bound(type_: TypeEngine[Any]) -> tuple[TypeEngine[Any], bool] | None:
    """Return the type of the bounds of a range, and whether it is a multirange; None for what is neither."""
    for one, many, bound in _RANGE_BOUNDS:
        if isinstance(type_, (one, many)):
            return bound, isinstance(type_, many)
    return None


def base_of(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return what a domain is over, be it by way of others; any other type as it is."""
    while isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    return type_


def forbids_null(type_: TypeEngine[Any]) -> bool:
    """Return whether a type itself is NOT NULL: a domain, or one over such a domain."""
    return isinstance(type_, postgresql.DOMAIN) and (bool(type_.not_null) or forbids_null(type_.data_type))


def is_unknown(type_: TypeEngine[Any], dialect: str | None) -> bool:
    """Return whether ``Any`` is there for ``type_`` because nobody knows it, and not because it may be anything."""
    if isinstance(type_, sqltypes.NullType):
        return dialect != "sqlite"  # there, a column without a type takes everything
    return not isinstance(type_, (sqltypes.JSON, sqltypes.ARRAY, postgresql.DOMAIN))


def is_mysql_boolean(type_: TypeEngine[Any]) -> bool:
    """Tell what MySQL and MariaDB make of BOOLEAN, a signed ``tinyint(1)``, from a small number."""
    return isinstance(type_, mysql.TINYINT) and type_.display_width == 1 and not type_.unsigned and not type_.zerofill


def database_type_name(column: Column[Any], table: Table) -> str | None:
    """Return what the database calls the type of a column that SQLAlchemy has no type for, where that was kept."""
    info = column_infos(table).get(str(column.name)) if isinstance(column.type, sqltypes.NullType) else None
    return None if info is None else info.type_name


# Types that SQLAlchemy has no class for, and whose values every driver gives as text.
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
        generic: Any = MultiRange if bound[1] else postgresql.Range  # Any: of what is known at run time only
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
    # Any: a Literal whose labels are known only now is no form that a type checker knows.
    return cast("Any", Literal)[tuple(labels)] if labels else str


def _stated_type(type_: TypeEngine[Any]) -> Any:
    try:
        stated = type_.python_type
    except NotImplementedError:
        return Any
    return stated if stated in _BELIEVED else Any


# The columns that a warning was given for: each of the three shapes of a table would repeat it.
_warned: weakref.WeakKeyDictionary[Table, set[str]] = weakref.WeakKeyDictionary()


def _warn_once(message: str, column: Column[Any], table: Table) -> None:
    columns = _warned.setdefault(table, set())
    if str(column.name) not in columns:
        warnings.warn(message, UnknownTypeWarning, stacklevel=callers_level())
        columns.add(str(column.name))
