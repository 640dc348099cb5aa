"""Every error that the library raises on purpose, all of them a ``LazyAlchemyError``, and its warnings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = [
    "DriftError",
    "DriftWarning",
    "LazyAlchemyError",
    "ModelError",
    "ReflectionError",
    "TableNotFoundError",
    "UnknownTypeWarning",
    "callers_level",
]


class LazyAlchemyError(Exception):
    """The root of the library's errors: catch it to catch them all."""


class TableNotFoundError(LazyAlchemyError, AttributeError, LookupError):
    """One or more tables do not exist in the database.

    It is an ``AttributeError``, so that ``hasattr`` and ``getattr`` with a default work on an accessor, and a
    ``LookupError``, because ``db["name"]`` is a lookup.

    Attributes:
        names: The names that were asked for and do not exist.
        database: What the database is called in the message.
        schema: The schema that was searched, or None for the connection's default.
        available: The names of the tables and views that do exist there, sorted.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        database: str,
        available: Collection[str],
        schema: str | None = None,
    ) -> None:
        """Word the message for ``names``; see the class for the arguments."""
        self.names: tuple[str, ...] = tuple(names)
        self.database = database
        self.schema = schema
        self.available: tuple[str, ...] = tuple(sorted(available))
        self._args = (self.names, database, self.available, schema)
        super().__init__(self._message())
        if len(self.names) == 1:
            self.name: str | None = self.names[0]

    def _message(self) -> str:
        where = f"database {self.database!r}"
        if self.schema is not None:
            where = f"schema {self.schema!r} of {where}"
        if len(self.names) == 1:
            lines = [f"Table {self.names[0]!r} not found in {where}."]
        else:
            lines = [f"Tables {', '.join(map(repr, self.names))} not found in {where}."]
        lines.append(f"Available tables: {self._shown()}")
        close = [match for name in self.names for match in self._closest(name)]
        if close:
            lines.append(f"Did you mean: {', '.join(dict.fromkeys(close))}?")
        return "\n".join(lines)

    def _closest(self, name: str) -> list[str]:
        import difflib  # here alone: whoever imports the package needs no errors yet

        by_folded = {candidate.casefold(): candidate for candidate in reversed(self.available)}
        matches = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
        return [by_folded[match] for match in matches]

    def _shown(self, most: int = 50) -> str:
        if not self.available:
            return "(none)"
        shown = ", ".join(self.available[:most])
        hidden = len(self.available) - most
        return shown if hidden <= 0 else f"{shown}, ... and {hidden} more"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Pickle by the arguments, which ``Exception`` alone would lose."""
        return _table_not_found, self._args


def _table_not_found(
    names: tuple[str, ...], database: str, available: tuple[str, ...], schema: str | None
) -> TableNotFoundError:
    return TableNotFoundError(names, database=database, available=available, schema=schema)


class ReflectionError(LazyAlchemyError):
    """The database could not be asked, or what it answered cannot be made into a table.

    The cause, a driver's or SQLAlchemy's error, is chained (``__cause__``) where there is one.
    """


class ModelError(LazyAlchemyError):
    """A table cannot be made into the class that was asked for; the message says what to do."""


class DriftError(LazyAlchemyError):
    """A declared table is not what its annotations say, and its registry has ``on_drift="raise"``.

    The message lists each difference. ``lazy-alchemy check`` finds them all before anything runs.
    """


class DriftWarning(UserWarning):
    """A declared table is not what its annotations say; the message lists each difference."""


class UnknownTypeWarning(UserWarning):
    """A column's type is one that nobody knows in Python: its field is ``Any``. The message says what to do."""


def callers_level() -> int:
    """Return the ``stacklevel`` at which a warning names the line that called this package."""
    package = __name__.partition(".")[0]
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
