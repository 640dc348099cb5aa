"""Checks for columns of text, and for columns without a type: characters, bytes, addresses. No SQL types here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import core_schema

from lazy_alchemy.emitters._values.charsets import size_in
from lazy_alchemy.emitters._values.checks import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

__all__ = ["CharacterSet", "storable_address", "storable_in_sqlite", "storable_pairs", "storable_text", "without_zone"]

_Address = TypeVar("_Address")


def storable_text(charset: str | None, most: int | None, *, nul: bool) -> Callable[[str], str]:
    """Return a check that a database can store a text.

    Args:
        charset: The column's character set, by its name in MariaDB; None if unknown.
        most: The maximum number of bytes in this character set; None for no limit.
        nul: Whether the text may contain U+0000.
    """
    size_of = size_in(charset)
    name = "Unicode" if charset in (None, "utf8mb4") else charset

    def check(value: str) -> str:
        if not nul and "\0" in value:
            raise refusal("text_nul", "The database cannot store the character U+0000 in text")
        try:
            size = size_of(value)
        except UnicodeEncodeError:
            raise refusal("text_charset", f"The text contains characters that are not in {name}") from None
        if most is not None and size > most:
            raise refusal("text_bytes", f"The text should have at most {most} bytes")
        return value

    return check


@dataclass(frozen=True)
class CharacterSet:
    """A text in a character set of MariaDB or MySQL, identified by its name there.

    For a set that is not in ``charsets``, only the number of bytes is checked, counting one per character.
    """

    character_set: str
    max_bytes: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse text with characters outside the set, or with too many bytes in it."""
        check = storable_text(self.character_set, self.max_bytes, nul=True)
        return core_schema.no_info_after_validator_function(check, handler(source))


def storable_address(version: Callable[[str], object]) -> Callable[[str], str]:
    """Return a check that a text is an IP address without a zone, by a class ``version`` that raises otherwise."""

    def check(value: str) -> str:
        try:
            version(value.replace("%", "/"))  # "/" is invalid in an address
        except ValueError:
            raise refusal("address", "The text should be an IP address of the column's version") from None
        return value

    return check


def without_zone(value: _Address) -> _Address:
    """Refuse an IP address with a zone (``fe80::1%eth0``), which PostgreSQL does not store."""
    if "%" in str(value):
        raise refusal("address_zone", "The column cannot store the zone of an IP address")
    return value


def storable_pairs(value: dict[str, str | None]) -> dict[str, str | None]:
    """Refuse keys and values that PostgreSQL cannot store in an HSTORE."""
    check = storable_text(None, None, nul=False)
    for text in (*value, *value.values()):
        if text is not None:
            check(text)
    return value


def storable_in_sqlite(value: Any) -> Any:
    """Refuse values that Python's ``sqlite3`` cannot send, or that SQLite stores as NULL."""
    if isinstance(value, str):
        return storable_text(None, None, nul=True)(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise refusal("integer_range", "An integer should have at most 64 bits")
    elif not isinstance(value, (float, bytes)):
        raise refusal("sqlite_type", "Input should be a number, a string or bytes")
    elif isinstance(value, float) and math.isnan(value):
        raise refusal("sqlite_nan", "The database cannot store NaN")
    return value
