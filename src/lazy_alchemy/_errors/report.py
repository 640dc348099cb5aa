"""What a TableNotFoundError says: a bounded number of bounded names, however many and long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lazy_alchemy._errors.closest import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Report", "report"]

_SHOWN = 50
"""How many names a list shows."""

_BYTES = 3200
"""How long the names of a list are together, as UTF-8: 50 of 64 letters."""

_LONGEST = 128
"""How many letters of a name are shown. No server allows more."""


class Report(NamedTuple):
    """The contents of the message.

    Attributes:
        names: The first of the missing names.
        more_names: How many others are missing.
        database: The name of the database.
        schema: The schema that was searched, or None for the connection's default.
        available: The first of the names that exist.
        more_available: How many others exist.
        close: The names that were probably meant.
    """

    names: tuple[str, ...]
    more_names: int
    database: str
    schema: str | None
    available: tuple[str, ...]
    more_available: int
    close: tuple[str, ...]

    def __str__(self) -> str:
        where = f"database {self.database!r}"
        if self.schema is not None:
            where = f"schema {self.schema!r} of {where}"
        title = "Table" if len(self.names) == 1 and not self.more_names else "Tables"
        lines = [
            f"{title} {_listed(list(map(repr, self.names)), self.more_names)} not found in {where}.",
            f"Available tables: {_listed(self.available, self.more_available) or '(none)'}",
        ]
        if self.close:
            lines.append(f"Did you mean: {', '.join(self.close)}?")
        return "\n".join(lines)


def report(names: Sequence[str], database: str, schema: str | None, available: Sequence[str]) -> Report:
    """Return what to say of the missing ``names``; ``available`` is sorted."""
    shown, offered = _first(names), _first(available)
    return Report(
        shown,
        len(names) - len(shown),
        _shortened(database),
        None if schema is None else _shortened(schema),
        offered,
        len(available) - len(offered),
        _first(closest(names, available)),
    )


def _first(names: Sequence[str]) -> tuple[str, ...]:
    shown: list[str] = []
    left = _BYTES
    for name in map(_shortened, names[:_SHOWN]):
        left -= len(name.encode(errors="surrogatepass"))
        if left < 0:
            break
        shown.append(name)
    return tuple(shown)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def _listed(names: Sequence[str], more: int) -> str:
    return ", ".join([*names, f"... and {more} more"] if more else names)
