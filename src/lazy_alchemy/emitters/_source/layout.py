"""Python statements formatted as by ``ruff format``, in lines of up to 88 characters. Pure functions of text.

Only the few forms that generated modules use are supported. A statement that cannot be made to fit (such as a name of
80 characters) stays on one line with ``# fmt: skip``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "alias",
    "call",
    "class_header",
    "comment_line",
    "docstring",
    "field",
    "fits",
    "imports",
    "string",
    "subscript",
]

_WIDTH = 88
_INDENT = "    "


def string(text: str) -> str:
    """Return a string literal, in double quotes unless single ones need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    written: list[str] = []
    for character in text:
        if character in (quote, "\\"):
            written.append(f"\\{character}")
        elif character.isprintable():
            written.append(character)
        else:
            written.append(repr(character)[1:-1])
    return f"{quote}{''.join(written)}{quote}"


def comment_line(text: str) -> str:
    """Return ``text`` on one line, without unprintable characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def docstring(text: str, indent: str = _INDENT) -> str:
    """Return a one-line docstring, or an empty string if ``text`` has no printable characters."""
    words = comment_line(text).replace("\\", "\\\\").replace('"', "'")
    return f'{indent}"""{words}"""' if words else ""


def subscript(head: str, arguments: Sequence[str], indent: str = "", tail: str = "") -> str:
    """Return ``head[a, b]tail`` at ``indent``, with one argument per line if it does not fit on one line."""
    line = f"{indent}{head}[{', '.join(arguments)}]{tail}"
    if fits(line):
        return line
    if len(arguments) == 1:
        return _unwrapped(line)
    inner = "".join(f"{indent}{_INDENT}{argument},\n" for argument in arguments)
    return f"{indent}{head}[\n{inner}{indent}]{tail}"


def call(head: str, arguments: Sequence[tuple[str, str]], indent: str = _INDENT) -> str:
    """Return ``head(a=1, b=2)`` at ``indent``, with one argument per line if it does not fit on one line."""
    line = f"{indent}{head}({', '.join(f'{name}={value}' for name, value in arguments)})"
    if fits(line) or not arguments:
        return _unwrapped(line)
    if not fits(f"{indent}{head}("):
        return _unwrapped(line)
    inner = "".join(f"{_argument(name, value, indent + _INDENT)}\n" for name, value in arguments)
    return f"{indent}{head}(\n{inner}{indent})"


def _argument(name: str, value: str, indent: str) -> str:
    line = f"{indent}{name}={value},"
    pairs = re.fullmatch(r"\{(\"validation_alias\": (?P<alias>.+), \"serialization_alias\": (?P=alias))\}", value)
    if fits(line) or pairs is None:
        return line
    keys = ("validation_alias", "serialization_alias")
    inner = "".join(f'{indent}{_INDENT}"{key}": {pairs["alias"]},\n' for key in keys)
    return f"{indent}{name}={{\n{inner}{indent}}},"


def field(name: str, type_: str, default: str | None = None, indent: str = _INDENT) -> str:
    """Return ``name: type = default``, on one line."""
    line = f"{indent}{name}: {type_}" if default is None else f"{indent}{name}: {type_} = {default}"
    return _unwrapped(line)


def alias(name: str, members: Sequence[str], operator: str) -> str:
    """Return ``name: TypeAlias = ...`` for a union (``operator`` is "|") or a Literal, whose name is ``operator``."""
    if operator != "|":
        head = f"{name}: TypeAlias = {operator}"
        return subscript(head, members)
    line = f"{name}: TypeAlias = {' | '.join(members)}"
    if fits(line) or len(members) == 1:
        return _unwrapped(line)
    return f"{name}: TypeAlias = (\n" + f"{_INDENT}{f'{chr(10)}{_INDENT}| '.join(members)}" + "\n)"


def class_header(name: str, arguments: Sequence[str]) -> str:
    """Return ``class name(base, key=value):``."""
    line = f"class {name}({', '.join(arguments)}):"
    return line if fits(line) else f"{line}  # fmt: skip"


def imports(module: str, names: Sequence[str]) -> str:
    """Return ``from module import names``."""
    line = f"from {module} import {', '.join(names)}"
    if fits(line):
        return line
    return f"from {module} import (\n" + "".join(f"{_INDENT}{name},\n" for name in names) + ")"


def fits(line: str) -> bool:
    """Return whether a line has at most 88 columns; East Asian characters may take two, combining ones take none."""
    if line.isascii():
        return len(line) <= _WIDTH
    return sum(map(_columns, line)) <= _WIDTH


def _columns(character: str) -> int:
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def _unwrapped(line: str) -> str:
    return line if fits(line) else f"{line}  # fmt: skip"
