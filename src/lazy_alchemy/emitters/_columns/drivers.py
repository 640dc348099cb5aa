"""What only one driver of PostgreSQL does: which values it does not send, sends or gives as text, or makes others of.

SQLAlchemy leaves the values of a domain to the driver, and the items of many arrays. Each fact is tested with psycopg,
psycopg2, pg8000 and asyncpg. Where the driver is not known, it is None, and only what holds for all of them is said.
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
    """Where values of a type stand."""

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

_Types: TypeAlias = "tuple[type[Any], ...]"  # Any: generic on one line of SQLAlchemy and not on the other
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
"""Whether SQLAlchemy makes of bits what asyncpg takes, as 2.1 does."""

# What is not sent, or not read again.
_UNSENT_BY_ALL: _Facts = (
    ((sqltypes.JSON,), _IN_DOMAINS),
    ((sqltypes.ARRAY, *RANGES, *MULTIRANGES, *_HSTORE), _ARRAY_OF_DOMAINS),
)
_UNSENT_BY: Mapping[str, _Facts] = {
    "psycopg2": (
        # It sends a list of these as ``text[]``, which PostgreSQL makes no domain over an array of them.
        ((*_ADDRESSES, *_BITS, *_PLAIN_TEXTS, *RANGES, *MULTIRANGES), _DOMAIN_OF_ARRAYS),
        *([(_BITS, _ARRAY)] if _MAKES_BITS else []),  # SQLAlchemy makes one of each character of the text
    ),
    "pg8000": (
        (_HSTORE, _DOMAIN | _IN_ARRAYS),
        (MULTIRANGES, _IN_ARRAYS),  # SQLAlchemy takes each for a list of items
        *([(_BITS, _ARRAY)] if _MAKES_BITS else []),  # as with psycopg2
    ),
    "asyncpg": (
        (_BITS, _IN_DOMAINS if _MAKES_BITS else _EVERYWHERE),
        (_HSTORE, _DOMAIN | _DOMAIN_OF_ARRAYS),
        (RANGES, _DOMAIN | _DOMAIN_OF_ARRAYS),
        (MULTIRANGES, _DOMAIN | _IN_ARRAYS),
    ),
}

# What is sent as text, and as nothing else.
_SENT_AS_TEXT: Mapping[str, _Facts] = {
    "psycopg": ((RANGES, _IN_DOMAINS), (MULTIRANGES, _IN_DOMAINS | _IN_ARRAYS)),
    "psycopg2": ((_ADDRESSES, _EVERYWHERE), (RANGES, _IN_DOMAINS), (MULTIRANGES, _EVERYWHERE)),
    "pg8000": (((*RANGES, *MULTIRANGES), _IN_ARRAYS),),
}

# Arrays of these one or another of psycopg, psycopg2 and pg8000 gives as text.
_ARRAY_GIVEN_AS_TEXT: _Types = (
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
_ARRAY_GIVEN_AS_TEXT_IN_DOMAIN: _Types = (sqltypes.Enum, postgresql.HSTORE)


def is_unsent(type_: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether the driver sends no values of ``type_``, or of a domain over it."""
    return _is_unsent_in(_DOMAIN if in_domain else _COLUMN, type_, driver)


def is_unsent_array(item: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether an array of such items, or a domain over it, cannot be sent, or its row not be read again."""
    base = base_of(item)
    if base is item:
        return _is_unsent_in(_DOMAIN_OF_ARRAYS if in_domain else _ARRAY, base, driver)
    return _is_unsent_in(_ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS if in_domain else _ARRAY_OF_DOMAINS, base, driver)


def _is_unsent_in(place: _Place, type_: TypeEngine[Any], driver: str | None) -> bool:
    return _is_among((*_UNSENT_BY_ALL, *_UNSENT_BY.get(driver or "", ())), type_, place)


def is_sent_as_text(type_: TypeEngine[Any], driver: str | None, *, in_domain: bool, in_array: bool) -> bool:
    """Return whether the driver takes nothing but text for a value of ``type_``."""
    if in_array:
        place = _ARRAY_OF_DOMAINS | _DOMAIN_OF_ARRAYS if in_domain else _ARRAY
    else:
        place = _DOMAIN if in_domain else _COLUMN
    return _is_among(_SENT_AS_TEXT.get(driver or "", ()), type_, place)


def _is_among(facts: _Facts, type_: TypeEngine[Any], place: _Place) -> bool:
    return any(isinstance(type_, types) and place & places for types, places in facts)


def array_text(item: TypeEngine[Any], driver: str | None, *, in_domain: bool, in_array: bool) -> ArrayText | None:
    """Return how an array of such items is read where the driver may give its text; None where it never does."""
    if driver == "asyncpg":
        return None
    given = isinstance(item, _ARRAY_GIVEN_AS_TEXT) or (in_domain and isinstance(item, _ARRAY_GIVEN_AS_TEXT_IN_DOMAIN))
    return ArrayText(_item_text(base_of(item)), characters=not in_domain) if in_array or given else None


def _item_text(type_: TypeEngine[Any]) -> ItemText:
    if isinstance(type_, sqltypes.JSON):
        return "json"
    if isinstance(type_, sqltypes.LargeBinary):
        return "bytes"
    return "offset" if getattr(type_, "timezone", False) else "plain"


def has_flat_arrays(item: TypeEngine[Any], driver: str | None, *, in_domain: bool) -> bool:
    """Return whether SQLAlchemy would write lists of lists of such items, and not read them back."""
    return isinstance(item, sqltypes.Enum) and driver != "asyncpg" and not in_domain


# -- What is refused


def _refuse(_: Any) -> Any:
    raise refusal("not_sent", "The driver of the database does not send values of the column's type")


def _refuse_array(_: list[Any]) -> list[Any]:
    raise refusal("array_items", "The driver of the database does not know arrays of such items")


UNSENT = Check(_refuse)
"""Refuses any value."""
UNSENT_ARRAY = Check(_refuse_array)
"""Refuses any array."""


def _not_empty(item: Any) -> Any:
    """Refuse an item whose text is empty, for which asyncpg gives a null pointer: to look at it ends the process."""
    if not item:
        raise refusal("empty_item", "The driver of the database cannot read an array with an empty item of the type")
    return item


def _not_blank(item: str) -> str:
    """Refuse an item whose text PostgreSQL makes empty; see ``_not_empty``."""
    _not_empty(item.strip())
    return item


def _not_null(item: Any) -> Any:
    """Refuse a text that pg8000 writes into an array without quotes, where it is NULL to PostgreSQL."""
    if isinstance(item, str) and item != "NULL" and item.upper() == "NULL":
        raise refusal("null_item", "The driver of the database stores NULL for such an item of an array")
    return item


_ITEM_CHECKS: Mapping[str, Sequence[tuple[_Types, Check]]] = {
    "pg8000": (((sqltypes.String,), Check(_not_null)),),
    "asyncpg": (
        ((postgresql.TSVECTOR, postgresql.TSQUERY), Check(_not_blank)),
        ((postgresql.CITEXT, postgresql.HSTORE), Check(_not_empty)),
    ),
}


def item_checks(item: TypeEngine[Any], driver: str | None) -> tuple[Check, ...]:
    """Return what keeps items out of an array of which the driver makes others, or which it does not read."""
    base = base_of(item)
    return tuple(check for types, check in _ITEM_CHECKS.get(driver or "", ()) if isinstance(base, types))


def _finite(value: datetime.date) -> datetime.date:
    """Refuse the first and the last that there is, which asyncpg sends as those before and after all others."""
    if isinstance(value, datetime.datetime):
        in_utc = value.replace(tzinfo=None) - (value.utcoffset() or datetime.timedelta())
        infinite = in_utc in (datetime.datetime.min, datetime.datetime.max)  # noqa: DTZ901  in UTC, all three
    else:
        infinite = value in (datetime.date.min, datetime.date.max)
    if infinite:
        raise refusal("infinite_time", "The driver of the database stores the value as infinity")
    return value


def time_checks(driver: str | None) -> tuple[Check, ...]:
    """Return what keeps out dates and times of which the driver makes others."""
    return (Check(_finite),) if driver == "asyncpg" else ()
