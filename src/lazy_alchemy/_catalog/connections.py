"""How a load gets a connection without harm to anybody's transaction.

No catalog query is made here: that is the reflectors' work.
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
        foreign: Whether it is in a transaction of somebody else.
    """

    connection: Connection
    foreign: bool

    @property
    def sees_uncommitted(self) -> bool:
        """Whether it may see what is not committed."""
        return self.foreign and in_transaction(self.connection)

    @property
    def is_shared(self) -> bool:
        """Whether everybody who uses the engine (or, with a SingletonThreadPool, this thread) sees what it sees."""
        return shares_connections(self.connection.engine.pool)


@contextmanager
def pooled_loan(connection: Connection, *, autocommit: bool = False) -> Generator[Loan, None, None]:
    """Yield a connection that was just taken from its pool; no transaction that somebody else began on it is ended.

    A StaticPool gives everybody the same connection and a SingletonThreadPool everybody in a thread. Where that one is
    in a transaction, it is read from within the transaction, and neither committed nor rolled back.

    Args:
        connection: The connection.
        autocommit: Whether the reader would like to do without a transaction, to save its round trips.
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
        # Private, and without effect where it does not exist: the Connection announces no transaction, so that a
        # "begin" listener, which SQLAlchemy recommends for SQLite, does not begin one that nobody would end.
        connection._allow_autobegin = False  # pyright: ignore[reportPrivateUsage]
    # A SingletonThreadPool's one proxy in a thread is the user's as well, and goes back when the user is done.
    with _guarding_transaction(connection, for_good=isinstance(pool, StaticPool)):
        yield Loan(connection, foreign=True)


def _may_autocommit(connection: Connection) -> bool:
    """Return whether ``connection`` can read without a transaction, and be then as it was.

    It cannot where a transaction is open (a listener has executed something), where somebody listens for "begin" (to
    say ``SET LOCAL``, which needs a transaction), where cursors are the server's, which live in a transaction, and
    where the driver cannot tell. Not through SQLAlchemy's ``isolation_level``, which is set back to the engine's and
    not to what a listener or a ``creator`` has set.
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
    """Return whether ``pool`` hands out a connection that somebody else has already."""
    return isinstance(pool, (StaticPool, SingletonThreadPool))


def not_a_connection(given: object) -> TypeError:
    """Return the error for what was passed as ``connection=`` and is none."""
    remedy = {
        "Session": "session.connection()",
        "AsyncSession": "await session.connection()",
        "Engine": "what engine.connect() returns",
        "AsyncEngine": "what engine.connect() returns",
    }.get(type(given).__name__, "what engine.connect() returns, or session.connection()")
    return TypeError(f"connection= takes a connection of SQLAlchemy, not {type(given).__name__}: pass {remedy}.")


@contextmanager
def caller_loan(connection: Connection) -> Generator[Loan, None, None]:
    """Yield the caller's own connection for reading, and leave it in the transaction that it was in, or in none."""
    if connection.in_transaction():
        yield Loan(connection, foreign=True)
    elif in_transaction(connection):  # begun past SQLAlchemy, which would roll it back with its own
        with _guarding_transaction(connection):
            yield Loan(connection, foreign=True)
    else:
        try:
            yield Loan(connection, foreign=False)
        finally:
            if connection.in_transaction():
                connection.rollback()  # it was begun by reading


@contextmanager
def _guarding_transaction(connection: Connection, *, for_good: bool = False) -> Generator[None, None, None]:
    """Let ``connection`` end SQLAlchemy's record of a transaction only: the database hears nothing of it."""
    # Any: the attribute is public and the stubs of SQLAlchemy forbid to assign it.
    fairy: Any = connection.connection
    real = fairy.dbapi_connection
    fairy.dbapi_connection = guard = _TransactionGuard(real)
    try:
        yield
    finally:
        connection.rollback()
        if not for_good and fairy.dbapi_connection is guard:  # else it broke, and was thrown away
            fairy.dbapi_connection = real


class _TransactionGuard:
    """A DBAPI connection without the power to end a transaction."""

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
    """Keep a query that fails from aborting a transaction that is not ours.

    Only where a failing statement does that: not on SQLite, MariaDB and MySQL. It costs two round trips. Results are
    fetched as a whole: PostgreSQL has no cursor for a SAVEPOINT.
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
