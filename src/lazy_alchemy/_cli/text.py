"""Text that is safe to print: without control characters.

All text from a database, a driver or the command line passes through here on its way to the terminal.
"""

from __future__ import annotations

__all__ = ["one_line", "printable"]


def printable(text: str) -> str:
    r"""Return ``text`` with unprintable characters escaped: a newline as ``\n``, ESC as ``\x1b``."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def one_line(text: str) -> str:
    """Return ``text`` printable and on one line, with a single space for each run of white space."""
    return printable(" ".join(text.split()))
