"""The usual character sets of MariaDB and MySQL: which characters one has, and in how many bytes. No SQL types here.

Of the others, such as greek, sjis and gbk, nothing is known: many differ in some characters from Python's encoding of
the name. The database refuses what is not in them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["charset_of_collation", "size_in"]

# Python's encoding of each.
_ENCODINGS = {
    "ascii": "ascii",
    "latin1": "cp1252",
    "ucs2": "utf-16-be",
    "utf8": "utf-8",  # what servers called utf8mb3 before they had that name
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}
_UP_TO_FFFF = ("ucs2", "utf8", "utf8mb3")
# To MariaDB these are in latin1, each in a byte; to Python they are not in cp1252.
_CONTROLS = str.maketrans(dict.fromkeys("\x81\x8d\x8f\x90\x9d", "x"))


@cache
def size_in(charset: str | None) -> Callable[[str], int]:
    """Return a function that says how many bytes a text has in a character set.

    It raises a UnicodeEncodeError for a text that has a character which the set has not. Of a set that is not known it
    gives the least that there may be, a byte for each character.
    """
    name = (charset or "").lower()
    encoding = _ENCODINGS.get(name)
    if encoding is None:
        return _least_size

    def size(value: str) -> int:
        if name in _UP_TO_FFFF and value and max(value) > "\uffff":
            raise UnicodeEncodeError(encoding, value, 0, len(value), "characters beyond U+FFFF")
        return len((value.translate(_CONTROLS) if name == "latin1" else value).encode(encoding))

    return size


def _least_size(value: str) -> int:
    value.encode()
    return len(value)


def charset_of_collation(collation: str | None) -> str | None:
    """Return the character set that a collation's name begins with; None for one whose name does not tell it."""
    charset = (collation or "").lower().partition("_")[0]
    return None if charset.startswith("uca") else charset or None  # MariaDB's uca1400_ai_ci is of any set
