"""The library's exceptions and warnings. Every exception is a ``LazyAlchemyError``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lazy_alchemy._errors.report import Report

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
        available: The names of the tables and views that do exist, sorted. A pickle has the first 50 of them at most.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        database: str,
        available: Collection[str],
        schema: str | None = None,
    ) -> None:
        """See the class for the arguments. ``hasattr`` makes the error and drops it, so this takes no time."""
        super().__init__()
        self.names: tuple[str, ...] = tuple(names)
        self.database = database
        self.schema = schema
        self._available = available if isinstance(available, tuple) else tuple(available)
        self._is_sorted = False
        self._report: Report | None = None
        if len(self.names) == 1:
            self.name: str | None = self.names[0]

    @property
    def available(self) -> tuple[str, ...]:
        """The names of the tables and views that do exist, sorted; see the class."""
        if not self._is_sorted:
            self._available = tuple(sorted(self._available))
            self._is_sorted = True
        return self._available

    def _tell(self) -> Report:
        """Make the message, when it is first read: until then the base class has no arguments."""
        if self._report is None:
            from lazy_alchemy._errors.report import report  # deferred: few of these errors are read

            self._report = report(self.names, self.database, self.schema, self.available)
        if not super().args:
            BaseException.__init__(self, str(self._report))  # that of AttributeError would reset ``name``
        return self._report

    @property
    def args(self) -> tuple[Any, ...]:
        """The message, in a tuple. ``Any``: it can be replaced."""
        self._tell()
        return super().args

    @args.setter
    def args(  # pyright: ignore[reportIncompatibleVariableOverride]  # it can be read and set like the attribute
        self, value: tuple[Any, ...]
    ) -> None:
        BaseException.__init__(self, *value)

    def __str__(self) -> str:
        self._tell()
        return super().__str__()

    def __repr__(self) -> str:
        self._tell()
        return super().__repr__()

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Pickle what the message says, which is bounded."""
        return TableNotFoundError._told, tuple(self._tell())

    @staticmethod
    def _told(*parts: Any) -> TableNotFoundError:  # Any: the parts of a Report
        from lazy_alchemy._errors.report import Report

        told = Report(*parts)
        error = TableNotFoundError(told.names, database=told.database, available=told.available, schema=told.schema)
        error._report = told
        return error

    def __copy__(self) -> TableNotFoundError:
        """Return a copy, with all names."""
        copied = TableNotFoundError(self.names, database=self.database, available=self._available, schema=self.schema)
        copied._report = self._report
        return copied

    def __deepcopy__(self, memo: dict[int, object]) -> TableNotFoundError:
        """Return a copy, with all names."""
        return self.__copy__()


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
