"""The character sets of MariaDB and MySQL: which characters one has, and in how many bytes. No SQL types here.

Measured on MariaDB 10.11, by what a column stores and gives back as it was. A test compares them with a server's.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["charset_of_collation", "size_in"]

# What is encoded in the place of others: in one byte, in two and in three of the encodings below; and in none, because
# it is half a surrogate pair.
_ONE, _TWO, _THREE, _NONE = "x", "\u4e00", "\u4e02", "\ud800"

_BEYOND_UCS2 = "\U00010000-\U0010ffff"
_UJIS_USER_DEFINED = {"\ue000-\ue3ab": _TWO, "\ue3ac-\ue757": _THREE}
_NEC_AND_IBM = {
    "\u2116\u2121\u2160-\u2169\u2211\u221f\u2225\u222e\u22bf\u2460-\u2473\u301d\u301f\u3231\u3232\u3239\u32a4-\u32a8"
    "\u3303\u330d\u3314\u3318\u3322\u3323\u3326\u3327\u332b\u3336\u333b\u3349\u334a\u334d\u3351\u3357\u337b-\u337e\u338e"
    "\u338f\u339c-\u339e\u33a1\u33c4\u33cd\uff0d\uff5e\uffe0-\uffe2": _TWO,
    "\u2170-\u2179\u4efc\u50f4\u51ec\u5307\u5324\u548a\u5759\u589e\u5bec\u5cf5\u5d53\u5fb7\u6085\u6120\u654e\u663b\u6665"
    "\u6801\u6a6b\u6ae2\u6df2\u6df8\u7028\u70bb\u7501\u7682\u769e\u7930\u7ae7\u7da0\u7dd6\u8362\u85b0\u8807\u8b7f\u8cf4"
    "\u8d76\u90de\u9115\u9592\u973b\u974d\u9751\u999e\u9ad9\u9b72\u9ed1\uf929\uf9dc\ufa0e-\ufa2d\uff02\uff07"
    "\uffe4": _THREE,
}

# By the name of a character set: Python's encoding that has nearly its characters, and those in which the two differ,
# as ranges of a regular expression, with what is encoded in their place.
_CHARSETS: dict[str, tuple[str, dict[str, str]]] = {
    "armscii8": (
        "ascii",
        {"\x80-\xa0\xa7\xab\xbb\u0531-\u0556\u055b-\u055f\u0561-\u0586\u0589\u2014\u2019\u2026\u2741": _ONE},
    ),
    "ascii": ("ascii", {}),
    "big5": ("big5", {"\u58bb\u5afa\u6052\u7881\u7ca7\u88cf\u92b9\ufffd": _TWO, "\u02cd\u2574\uffe3": _NONE}),
    "cp1250": ("cp1250", {}),
    "cp1251": ("cp1251", {}),
    "cp1256": ("cp1256", {"\u0679\u0688\u0691\u06a9\u06ba\u06be\u06c1\u06d2": _NONE}),
    "cp1257": ("cp1257", {}),
    "cp850": ("cp850", {}),
    "cp852": ("cp852", {}),
    "cp866": ("cp866", {"\xb2\u207f": _ONE, "\xa4\u2116": _NONE}),
    "cp932": ("cp932", {"\x80\xa2\xa3\xac\u2016\u2212\u301c\uf8f0-\uf8f3": _NONE}),
    "dec8": (
        "latin-1",
        {"\u0152\u0153\u0178": _ONE, "\xa6\xa8\xac-\xaf\xb4\xb8\xbe\xd0\xd7\xdd\xde\xf0\xf7\xfd\xfe": _NONE},
    ),
    "eucjpms": (
        "euc_jp",
        {**_NEC_AND_IBM, **_UJIS_USER_DEFINED, "\xa2\xa3\xa5\xa6\xac\u2016\u203e\u2212\u301c": _NONE},
    ),
    "euckr": ("cp949", {}),
    "gb18030": ("gb18030", {}),  # MySQL's only
    "gb2312": ("gb2312", {}),
    "gbk": ("gbk", {}),
    "geostd8": (
        "ascii",
        {
            "\xa0-\xbf\u10d0-\u10f5\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac"
            "\u2116": _ONE
        },
    ),
    "greek": ("iso8859-7", {"\u02bc\u02bd": _ONE, "\u037a\u2018\u2019\u20ac\u20af": _NONE}),
    "hebrew": ("iso8859-8", {"\u203e": _ONE, "\xaf": _NONE}),
    "hp8": ("hp-roman8", {}),
    "keybcs2": (
        "cp437",
        {
            "\xc1\xcd\xd3\xd4\xda\xdd\xfd\u010c-\u010f\u011a\u011b\u0139\u013a\u013d\u013e\u0147\u0148\u0154\u0155\u0158"
            "\u0159\u0160\u0161\u0164\u0165\u016e\u016f\u017d\u017e": _ONE,
            "\xa2\xa3\xa5\xaa\xac\xba\xbd\xbf\xc5-\xc7\xd1\xe0\xe2\xe5-\xe8\xea-\xec\xee\xef\xf1\xf2\xf9\xfb\xff\u0192"
            "\u20a7\u2310": _NONE,
        },
    ),
    "koi8r": ("koi8-r", {}),
    "koi8u": ("koi8-u", {"\u2022": _ONE, "\u2219": _NONE}),
    "latin1": ("cp1252", {"\x81\x8d\x8f\x90\x9d": _ONE}),
    "latin2": ("iso8859-2", {}),
    "latin5": ("iso8859-9", {}),
    "latin7": ("iso8859-13", {}),
    "macce": ("mac-latin2", {}),
    "macroman": ("mac-roman", {}),
    "sjis": ("shift_jis", {r"\\": _TWO, "\xa5\u203e\uff3c": _NONE}),
    "swe7": ("ascii", {"\xc4\xc5\xc9\xd6\xdc\xe4\xe5\xe9\xf6\xfc": _ONE, r"@\[-\^`{-\x7f": _NONE}),
    "tis620": ("tis-620", {"\ufffd": _ONE}),
    "ucs2": ("utf-16-be", {_BEYOND_UCS2: _NONE}),
    "ujis": ("euc_jp", {**_UJIS_USER_DEFINED, "\xa5\u203e\uff3c": _NONE}),
    "utf16": ("utf-16-be", {}),
    "utf16le": ("utf-16-le", {}),
    "utf32": ("utf-32-be", {}),
    "utf8": ("utf-8", {_BEYOND_UCS2: _NONE}),  # what servers called utf8mb3 before they had that name
    "utf8mb3": ("utf-8", {_BEYOND_UCS2: _NONE}),
    "utf8mb4": ("utf-8", {}),
}


@cache
def size_in(charset: str | None) -> Callable[[str], int]:
    """Return a function that says how many bytes a text has in a character set.

    It raises a UnicodeEncodeError for a text that has a character which the set has not. Of a set that nobody knows it
    gives the least that there may be, a byte for each character.
    """
    known = _CHARSETS.get((charset or "").lower())
    if known is None:
        return _least_size
    codec, differences = known
    substitutes = [(re.compile(f"[{ranges}]"), substitute) for ranges, substitute in differences.items()]

    def size(value: str) -> int:
        for pattern, substitute in substitutes:
            value = pattern.sub(substitute, value)
        return len(value.encode(codec))

    return size


def _least_size(value: str) -> int:
    value.encode()
    return len(value)


def charset_of_collation(collation: str | None) -> str | None:
    """Return the character set that a collation's name begins with; None for one that nobody knows."""
    charset = (collation or "").lower().partition("_")[0]
    return charset if charset in _CHARSETS else None
