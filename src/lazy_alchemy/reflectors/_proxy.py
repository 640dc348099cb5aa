"""What stands between SQLAlchemy and the database while SQLAlchemy reads tables.

SQLAlchemy knows what to make of what a database says. It asks for it statement by statement, through a connection;
whoever stands in for the connection hears what is asked, and may know the answer.
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
    """A connection in the very state of another one, whose subclasses hear or answer what the driver is to execute.

    It is to be used in the other one's place for a while: where it begins a transaction, the other one is in it.
    """

    # What a subclass has of its own is in slots, as the rest is the other connection's.
    __slots__ = ("_cache", "_connection")

    def __init__(self, connection: Connection) -> None:
        """Stand in for ``connection``."""
        self.__dict__ = connection.__dict__
        self._connection = connection
        self._cache: dict[object, object] = {}  # the dialect keeps in it what it needs more than once

    # Any: parameters as in Connection; and a CursorResult, or a Result that has the same rows and no cursor.
    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Have the database execute ``statement``."""
        return self._connection.exec_driver_sql(statement, parameters, execution_options)

    # Any: of the dialect's methods each returns something else, which whoever names one knows.
    def facts(self, fact: str, names: Iterable[str], schema: str | None) -> dict[tuple[str | None, str], Any]:
        """Return what the dialect's ``get_{fact}`` says of each of ``names`` that it can read, at its round trips.

        Raises:
            NotImplementedError: The dialect does not know such facts.
        """
        read: Callable[..., Any] = getattr(self.dialect, f"get_{fact}")
        found: dict[tuple[str | None, str], Any] = {}
        for name in names:
            try:
                found[schema, name] = read(self, name, schema=schema, info_cache=self._cache)
            except (NoSuchTableError, UnreflectableTableError):  # noqa: PERF203 - each has its own
                continue
        return found


def result_of(columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> Result[Any]:  # Any: rows of whatever type
    """Return what a connection returns for a statement that gives ``rows``."""
    return IteratorResult(_metadata(columns), iter(rows))


@lru_cache(maxsize=64)
def _metadata(columns: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(columns)
