"""The library's exceptions and warnings. Every exception is a ``LazyAlchemyError``."""

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
    """The base class of the library's exceptions: catch it to catch them all."""


class TableNotFoundError(LazyAlchemyError, AttributeError, LookupError):
    """One or more tables do not exist in the database.

    It is an ``AttributeError``, so that ``hasattr`` and ``getattr`` with a default work on an accessor, and a
    ``LookupError``, because ``db["name"]`` is a lookup.

    Attributes:
        names: The requested names that do not exist.
        database: The name of the database, as shown in the message.
        schema: The schema that was searched, or None for the connection's default.
        available: The names of the tables and views that do exist, sorted.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        database: str,
        available: Collection[str],
        schema: str | None = None,
    ) -> None:
        """Build the message; see the class for the arguments."""
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
        lines.append(f"Available tables: {self._available_names()}")
        close = [match for name in self.names for match in self._closest(name)]
        if close:
            lines.append(f"Did you mean: {', '.join(dict.fromkeys(close))}?")
        return "\n".join(lines)

    def _closest(self, name: str) -> list[str]:
        import difflib  # deferred: only an error needs it, not every import of the package

        by_folded = {candidate.casefold(): candidate for candidate in reversed(self.available)}
        matches = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
        return [by_folded[match] for match in matches]

    def _available_names(self, limit: int = 50) -> str:
        if not self.available:
            return "(none)"
        shown = ", ".join(self.available[:limit])
        hidden = len(self.available) - limit
        return shown if hidden <= 0 else f"{shown}, ... and {hidden} more"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Pickle the arguments, which ``Exception`` alone would lose."""
        return _table_not_found, self._args


def _table_not_found(
    names: tuple[str, ...], database: str, available: tuple[str, ...], schema: str | None
) -> TableNotFoundError:
    return TableNotFoundError(names, database=database, available=available, schema=schema)


class ReflectionError(LazyAlchemyError):
    """The database could not be read, or its answer cannot be turned into a table.

    If a driver or SQLAlchemy raised an error, it is chained as ``__cause__``.
    """


class ModelError(LazyAlchemyError):
    """The requested class cannot be made from a table; the message says what to do."""


class DriftError(LazyAlchemyError):
    """A declared table does not match its annotations, and its registry has ``on_drift="raise"``.

    The message lists each difference. To find them all before the program runs, use ``lazy-alchemy check``.
    """


class DriftWarning(UserWarning):
    """A declared table does not match its annotations; the message lists each difference."""


class UnknownTypeWarning(UserWarning):
    """A column's SQL type has no known Python type, so its field is ``Any``. The message says what to do."""


def callers_level() -> int:
    """Return the ``stacklevel`` at which a warning names the line that called this package."""
    package = __name__.partition(".")[0]
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
