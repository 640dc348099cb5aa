"""A proxy for the connection through which SQLAlchemy reads tables.

SQLAlchemy knows how to interpret a database's answers, but queries it statement by statement. The proxy sees every
statement, and may answer it itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import NoSuchTableError, UnreflectableTableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Result

__all__ = ["ConnectionProxy", "result_of"]


class ConnectionProxy(Connection):
    """A connection that shares its state with another one. Subclasses record or answer statements for the driver.

    It temporarily replaces the other connection: a transaction that one of them begins is the other's too.
    """

    # Its own attributes are in slots, because its __dict__ is the other connection's.
    __slots__ = ("_cache", "_connection")

    def __init__(self, connection: Connection) -> None:
        """Create a proxy for ``connection``."""
        self.__dict__ = connection.__dict__
        self._connection = connection
        self._cache: dict[object, object] = {}  # the dialect's cache of what it needs more than once

    # Any: parameters as in Connection; returns a CursorResult, or a Result with the same rows but without a cursor.
    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Execute ``statement`` in the database."""
        return self._connection.exec_driver_sql(statement, parameters, execution_options)

    # Any: each of the dialect's methods returns another type; the caller knows which.
    def facts(self, fact: str, names: Iterable[str], schema: str | None) -> dict[tuple[str | None, str], Any]:
        """Return the results of the dialect's ``get_{fact}`` for those of ``names`` that it can read.

        Round trips: those of the dialect.

        Raises:
            NotImplementedError: The dialect does not support this fact.
        """
        read: Callable[..., Any] = getattr(self.dialect, f"get_{fact}")
        found: dict[tuple[str | None, str], Any] = {}
        for name in names:
            try:
                found[schema, name] = read(self, name, schema=schema, info_cache=self._cache)
            except (NoSuchTableError, UnreflectableTableError):  # noqa: PERF203 - one failure must not prevent the others
                continue
        return found


def result_of(columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> Result[Any]:  # Any: rows of any type
    """Return the Result of a statement that returns ``rows``."""
    return IteratorResult(_metadata(columns), iter(rows))


@lru_cache(maxsize=64)
def _metadata(columns: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(columns)
