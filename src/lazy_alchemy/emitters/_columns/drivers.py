"""The peculiarities of PostgreSQL's drivers: values that a driver cannot send, sends or returns as text, or changes.

SQLAlchemy leaves the values of domains and the items of many arrays to the driver. Each fact is tested with psycopg,
psycopg2, pg8000 and asyncpg. If the driver is unknown, it is None, and only what is true of all of them applies.
"""

from __future__ import annotations

import datetime
import enum
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql

from lazy_alchemy.emitters._fields.python_types import MULTIRANGES, RANGES, base_of
from lazy_alchemy.emitters._values.array_text import ArrayText, ItemText
from lazy_alchemy.emitters._values.checks import Check, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.types import TypeEngine

__all__ = [
    "UNSENT",
    "UNSENT_ARRAY",
    "array_text",
    "has_flat_arrays",
    "is_sent_as_text",
    "is_unsent",
    "is_unsent_array",
    "item_checks",
    "time_checks",
]


class _Place(enum.Flag):
    """Where values of a type occur."""

    COLUMN = enum.auto()
    DOMAIN = enum.auto()
    """A column of a domain over the type."""
    ARRAY = enum.auto()
    ARRAY_OF_DOMAINS = enum.auto()
    """An array whose items are of a domain over the type."""
    DOMAIN_OF_ARRAYS = enum.auto()
    """A domain over an array."""


_COLUMN, _DOMAIN, _ARRAY, _ARRAY_OF_DOMAINS, _DOMAIN_OF_ARRAYS = _Place
_IN_DOMAINS = _DOMAIN | _ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS
_IN_ARRAYS = _ARRAY | _ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS
_EVERYWHERE = _COLUMN | _IN_DOMAINS | _IN_ARRAYS

_Types: TypeAlias = "tuple[type[Any], ...]"  # Any: only one of SQLAlchemy 2.0 and 2.1 makes the classes generic
_Facts: TypeAlias = "Sequence[tuple[_Types, _Place]]"

_ADDRESSES: _Types = (postgresql.INET, postgresql.CIDR)
_BITS: _Types = (postgresql.BIT,)
_HSTORE: _Types = (postgresql.HSTORE,)
_PLAIN_TEXTS: _Types = (
    sqltypes.Enum,
    postgresql.MACADDR,
    postgresql.MACADDR8,
    postgresql.MONEY,
    postgresql.TSQUERY,
    postgresql.TSVECTOR,
)
_MAKES_BITS = hasattr(postgresql, "BitString")
"""Whether SQLAlchemy converts bits to the class that asyncpg accepts, as 2.1 does."""

# Values that cannot be sent, or cannot be read back.
_UNSENT_BY_ALL: _Facts = (
    ((sqltypes.JSON,), _IN_DOMAINS),
    ((sqltypes.ARRAY, *RANGES, *MULTIRANGES, *_HSTORE), _ARRAY_OF_DOMAINS),
)
_UNSENT_BY: Mapping[str, _Facts] = {
    "psycopg2": (
        # It sends a list of these as ``text[]``, which PostgreSQL does not convert to a domain over an array of them.
        ((*_ADDRESSES, *_BITS, *_PLAIN_TEXTS, *RANGES, *MULTIRANGES), _DOMAIN_OF_ARRAYS),
        *([(_BITS, _ARRAY)] if _MAKES_BITS else []),  # SQLAlchemy makes a bit string of each character of the text
    ),
    "pg8000": (
        (_HSTORE, _DOMAIN | _IN_ARRAYS),
        (MULTIRANGES, _IN_ARRAYS),  # SQLAlchemy treats each as a list of items
        *([(_BITS, _ARRAY)] if _MAKES_BITS else []),  # as with psycopg2
    ),
    "asyncpg": (
        (_BITS, _IN_DOMAINS if _MAKES_BITS else _EVERYWHERE),
        (_HSTORE, _DOMAIN | _DOMAIN_OF_ARRAYS),
        (RANGES, _DOMAIN | _DOMAIN_OF_ARRAYS),
        (MULTIRANGES, _DOMAIN | _IN_ARRAYS),
    ),
}

# Values that can only be sent as text.
_SENT_AS_TEXT: Mapping[str, _Facts] = {
    "psycopg": ((RANGES, _IN_DOMAINS), (MULTIRANGES, _IN_DOMAINS | _IN_ARRAYS)),
    "psycopg2": ((_ADDRESSES, _EVERYWHERE), (RANGES, _IN_DOMAINS), (MULTIRANGES, _EVERYWHERE)),
    "pg8000": (((*RANGES, *MULTIRANGES), _IN_ARRAYS),),
}

# Arrays of these are returned as text by at least one of psycopg, psycopg2 and pg8000.
_ARRAY_READ_AS_TEXT: _Types = (
    postgresql.BIT,
    postgresql.DOMAIN,
    postgresql.CITEXT,
    postgresql.MACADDR,
    postgresql.MACADDR8,
    postgresql.MONEY,
    postgresql.OID,
    postgresql.REGCLASS,
    postgresql.TSQUERY,
    postgresql.TSVECTOR,
    sqltypes.Time,
    *MULTIRANGES,
)
_ARRAY_READ_AS_TEXT_IN_DOMAIN: _Types = (sqltypes.Enum, postgresql.HSTORE)


def is_unsent(type_: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether the driver cannot send values of ``type_``, or of a domain over it."""
    return _is_unsent_in(_DOMAIN if in_domain else _COLUMN, type_, driver)


def is_unsent_array(item: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether an array of these items, or a domain over it, cannot be sent, or its row cannot be read back."""
    base = base_of(item)
    if base is item:
        return _is_unsent_in(_DOMAIN_OF_ARRAYS if in_domain else _ARRAY, base, driver)
    return _is_unsent_in(_ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS if in_domain else _ARRAY_OF_DOMAINS, base, driver)


def _is_unsent_in(place: _Place, type_: TypeEngine[Any], driver: str | None) -> bool:
    return _is_among((*_UNSENT_BY_ALL, *_UNSENT_BY.get(driver or "", ())), type_, place)


def is_sent_as_text(type_: TypeEngine[Any], driver: str | None, *, in_domain: bool, in_array: bool) -> bool:
    """Return whether the driver only accepts text for a value of ``type_``."""
    if in_array:
        place = _ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS if in_domain else _ARRAY
    else:
        place = _DOMAIN if in_domain else _COLUMN
    return _is_among(_SENT_AS_TEXT.get(driver or "", ()), type_, place)


def _is_among(facts: _Facts, type_: TypeEngine[Any], place: _Place) -> bool:
    return any(isinstance(type_, types) and place & places for types, places in facts)


def array_text(item: TypeEngine[Any], driver: str | None, *, in_domain: bool, in_array: bool) -> ArrayText | None:
    """Return the annotation that parses an array of these items if the driver may return it as text, else None."""
    if driver == "asyncpg":
        return None
    as_text = isinstance(item, _ARRAY_READ_AS_TEXT) or (in_domain and isinstance(item, _ARRAY_READ_AS_TEXT_IN_DOMAIN))
    return ArrayText(_item_text(base_of(item)), characters=not in_domain) if in_array or as_text else None


def _item_text(type_: TypeEngine[Any]) -> ItemText:
    if isinstance(type_, sqltypes.JSON):
        return "json"
    if isinstance(type_, sqltypes.LargeBinary):
        return "bytes"
    return "offset" if getattr(type_, "timezone", False) else "plain"


def has_flat_arrays(item: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether SQLAlchemy can write nested lists of these items but cannot read them back."""
    return isinstance(item, sqltypes.Enum) and driver != "asyncpg" and not in_domain


# -- Values that are refused


def _refuse(_: Any) -> Any:
    raise refusal("not_sent", "The database driver cannot send values of the column's type")


def _refuse_array(_: list[Any]) -> list[Any]:
    raise refusal("array_items", "The database driver does not support arrays of the column's item type")


UNSENT = Check(_refuse)
"""Refuses any value."""
UNSENT_ARRAY = Check(_refuse_array)
"""Refuses any array."""


def _not_empty(item: Any) -> Any:
    """Refuse an item whose text is empty: asyncpg returns a null pointer for it, and accessing it ends the process."""
    if not item:
        raise refusal("empty_item", "The database driver cannot read an array of this type with an empty item")
    return item


def _not_blank(item: str) -> str:
    """Refuse an item whose text becomes empty in PostgreSQL; see ``_not_empty``."""
    _not_empty(item.strip())
    return item


def _not_null(item: Any) -> Any:
    """Refuse a text that pg8000 writes into an array without quotes, so that PostgreSQL reads it as NULL."""
    if isinstance(item, str) and item != "NULL" and item.upper() == "NULL":
        raise refusal("null_item", "The database driver stores this array item as NULL")
    return item


_ITEM_CHECKS: Mapping[str, Sequence[tuple[_Types, Check]]] = {
    "pg8000": (((sqltypes.String,), Check(_not_null)),),
    "asyncpg": (
        ((postgresql.TSVECTOR, postgresql.TSQUERY), Check(_not_blank)),
        ((postgresql.CITEXT, postgresql.HSTORE), Check(_not_empty)),
    ),
}


def item_checks(item: TypeEngine[Any], driver: str | None) -> tuple[Check, ...]:
    """Return the checks that refuse array items which the driver changes or cannot read back."""
    base = base_of(item)
    return tuple(check for types, check in _ITEM_CHECKS.get(driver or "", ()) if isinstance(base, types))


def _finite(value: datetime.date) -> datetime.date:
    """Refuse the minimum and the maximum, which asyncpg sends as -infinity and infinity."""
    if isinstance(value, datetime.datetime):
        in_utc = value.replace(tzinfo=None) - (value.utcoffset() or datetime.timedelta())
        infinite = in_utc in (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  all three are in UTC
    else:
        infinite = value in (datetime.date.min, datetime.date.max)
    if infinite:
        raise refusal("infinite_time", "The database driver stores the value as infinity")
    return value


def time_checks(driver: str | None) -> tuple[Check, ...]:
    """Return the checks that refuse dates and times which the driver changes."""
    return (Check(_finite),) if driver == "asyncpg" else ()
