"""What the command may print: text without control characters.

Everything that a database, a driver or the command line says is data, and passes through here on its way to a terminal.
"""

from __future__ import annotations

__all__ = ["one_line", "printable"]


def printable(text: str) -> str:
    r"""Return ``text`` with what is not printable escaped: a newline as ``\n``, ESC as ``\x1b``."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def one_line(text: str) -> str:
    """Return ``text`` printable and in one line, its runs of white space one space each."""
    return printable(" ".join(text.split()))
