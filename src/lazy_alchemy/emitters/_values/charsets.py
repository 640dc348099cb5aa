"""The common character sets of MariaDB and MySQL: their characters and the number of bytes of each. No SQL types here.

Others, such as greek, sjis and gbk, are not covered: many differ in some characters from Python's encoding of the same
name. The database itself refuses characters that are not in them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["charset_of_collation", "size_in"]

# The Python encodings.
_ENCODINGS = {
    "ascii": "ascii",
    "latin1": "cp1252",
    "ucs2": "utf-16-be",
    "utf8": "utf-8",  # the former name of utf8mb3
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}
_UP_TO_FFFF = ("ucs2", "utf8", "utf8mb3")
# MariaDB's latin1 includes these, each as one byte; Python's cp1252 does not.
_CONTROLS = str.maketrans(dict.fromkeys("\x81\x8d\x8f\x90\x9d", "x"))


@cache
def size_in(charset: str | None) -> Callable[[str], int]:
    """Return a function that returns the number of bytes of a text in a character set.

    It raises a UnicodeEncodeError for a character that is not in the set. For an unknown set it returns the minimum,
    one byte per character.
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
    """Return the character set that a collation's name begins with; None if it does not begin with one."""
    charset = (collation or "").lower().partition("_")[0]
    return None if charset.startswith("uca") else charset or None  # MariaDB's uca1400_ai_ci applies to any set
