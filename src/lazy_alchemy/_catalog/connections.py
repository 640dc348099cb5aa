"""How a load uses a connection and leaves the transaction of its owner untouched.

No schema is read here: that is the reflectors' work.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.pool import SingletonThreadPool, StaticPool

from lazy_alchemy._drivers import end_transaction, in_transaction

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection
    from sqlalchemy.pool import Pool

__all__ = ["Loan", "caller_loan", "not_a_connection", "pooled_loan", "savepoint", "shares_connections"]


class Loan(NamedTuple):
    """A connection for reading.

    Attributes:
        connection: The connection.
        foreign: Whether it is in a transaction that the load did not begin.
    """

    connection: Connection
    foreign: bool

    @property
    def sees_uncommitted(self) -> bool:
        """Whether it may see uncommitted changes."""
        return self.foreign and in_transaction(self.connection)

    @property
    def is_shared(self) -> bool:
        """Whether all users of the engine (with a SingletonThreadPool, of this thread) see what it sees."""
        return shares_connections(self.connection.engine.pool)


@contextmanager
def pooled_loan(connection: Connection, *, autocommit: bool = False) -> Generator[Loan, None, None]:
    """Yield a connection that was just taken from its pool, and end no transaction that another user began on it.

    A StaticPool gives all callers the same connection, a SingletonThreadPool all callers of a thread. If that
    connection is in a transaction, the load reads within it, and neither commits nor rolls back.

    Args:
        connection: The connection.
        autocommit: Whether the reader needs no transaction; a load without one saves round trips.
    """
    pool = connection.engine.pool
    # Reading from SQLite begins no transaction, so there the guard is always right: also against a transaction that
    # another thread begins meanwhile.
    shared = shares_connections(pool)
    if not shared or (not in_transaction(connection) and connection.dialect.name != "sqlite"):
        if not (autocommit and not shared and _may_autocommit(connection)):
            yield Loan(connection, foreign=False)
            return
        dbapi: Any = connection.connection.dbapi_connection  # Any: each driver has attributes of its own
        dbapi.autocommit = True
        try:
            yield Loan(connection, foreign=False)
        finally:
            if not connection.invalidated:
                if in_transaction(connection):
                    end_transaction(dbapi)
                dbapi.autocommit = False
        return
    if connection.dialect.name == "sqlite":
        # Private, and without effect where it does not exist: the Connection announces no transaction. Otherwise a
        # "begin" listener, which SQLAlchemy recommends for SQLite, would begin one that is never ended.
        connection._allow_autobegin = False  # pyright: ignore[reportPrivateUsage]
    # A SingletonThreadPool has one proxy per thread: it is also the user's, who returns it.
    with _guarding_transaction(connection, for_good=isinstance(pool, StaticPool)):
        yield Loan(connection, foreign=True)


def _may_autocommit(connection: Connection) -> bool:
    """Return whether ``connection`` can switch to autocommit for a read, and back to exactly its former state.

    Not if a transaction is open (a listener executed something), if there is a "begin" listener (it may say ``SET
    LOCAL``, which needs a transaction), if cursors are server-side (they need one too), or if the driver cannot tell.
    SQLAlchemy's ``isolation_level`` is no help: it resets to the engine's level, not to that of a listener or creator.
    """
    options = connection.get_execution_options()
    return not (
        connection.in_transaction()
        or connection.dispatch.begin
        or options.get("stream_results")
        or options.get("yield_per")
        or getattr(connection.connection.dbapi_connection, "autocommit", None) is not False
        or in_transaction(connection)
    )


def shares_connections(pool: Pool) -> bool:
    """Return whether ``pool`` hands out a connection that is in use."""
    return isinstance(pool, (StaticPool, SingletonThreadPool))


def not_a_connection(given: object) -> TypeError:
    """Return the error for a ``connection=`` that is not a connection."""
    remedy = {
        "Session": "session.connection()",
        "AsyncSession": "await session.connection()",
        "Engine": "what engine.connect() returns",
        "AsyncEngine": "what engine.connect() returns",
    }.get(type(given).__name__, "what engine.connect() returns, or session.connection()")
    return TypeError(f"connection= takes a connection of SQLAlchemy, not {type(given).__name__}: pass {remedy}.")


@contextmanager
def caller_loan(connection: Connection) -> Generator[Loan, None, None]:
    """Yield the caller's own connection for reading; afterwards it is in the same transaction as before, or in none."""
    if connection.in_transaction():
        yield Loan(connection, foreign=True)
    elif in_transaction(connection):  # begun behind SQLAlchemy's back, which would roll it back with its own
        with _guarding_transaction(connection):
            yield Loan(connection, foreign=True)
    else:
        try:
            yield Loan(connection, foreign=False)
        finally:
            if connection.in_transaction():
                connection.rollback()  # the reading began it


@contextmanager
def _guarding_transaction(connection: Connection, *, for_good: bool = False) -> Generator[None, None, None]:
    """End SQLAlchemy's record of a transaction without a COMMIT or ROLLBACK to the database."""
    # Any: the attribute is public and the stubs of SQLAlchemy forbid to assign it.
    fairy: Any = connection.connection
    real = fairy.dbapi_connection
    fairy.dbapi_connection = guard = _TransactionGuard(real)
    try:
        yield
    finally:
        connection.rollback()
        if not for_good and fairy.dbapi_connection is guard:  # else it broke and was discarded
            fairy.dbapi_connection = real


class _TransactionGuard:
    """A DBAPI connection whose commit and rollback do nothing."""

    def __init__(self, connection: Any) -> None:
        # Any: a DBAPI connection has attributes that only its driver knows.
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        """Do nothing."""

    def rollback(self) -> None:
        """Do nothing."""


def savepoint(connection: Connection, *, foreign: bool) -> AbstractContextManager[object]:
    """Protect a transaction that is not ours from being aborted by a failing query; two round trips.

    Does nothing on SQLite, MariaDB and MySQL, where a failing statement aborts no transaction. Results are fetched as a
    whole: PostgreSQL has no cursor for a SAVEPOINT.
    """
    given = connection.get_execution_options()
    streaming = {option: given[option] for option in _NOT_STREAMING if given.get(option)}
    aborts = connection.dialect.name not in ("sqlite", "mysql", "mariadb")
    needed = foreign and aborts and in_transaction(connection)
    return _savepoint(connection, streaming, needed=needed) if streaming or needed else nullcontext()


_NOT_STREAMING = {"stream_results": False, "yield_per": None}


@contextmanager
def _savepoint(connection: Connection, streaming: dict[str, Any], *, needed: bool) -> Generator[None, None, None]:
    # Any: the values of execution options
    if streaming:
        connection.execution_options(**{option: _NOT_STREAMING[option] for option in streaming})
    try:
        with connection.begin_nested() if needed else nullcontext():
            yield
    finally:
        if streaming:
            connection.execution_options(**streaming)
