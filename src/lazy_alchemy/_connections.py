"""How a load gets a connection without harm to anybody's transaction, and what of an engine's URL may be shown.

No catalog query is made here: that is the reflectors' work.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import AssertionPool, QueuePool, SingletonThreadPool, StaticPool

from lazy_alchemy._errors import LazyAlchemyError, ReflectionError
from lazy_alchemy._locks import current

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL, Dialect
    from sqlalchemy.pool import ConnectionPoolEntry, Pool

__all__ = [
    "Holders",
    "Loan",
    "autocommits",
    "borrow",
    "database_key",
    "database_name",
    "hands_off",
    "holders_of",
    "in_transaction",
    "is_locked",
    "lend",
    "not_a_connection",
    "pool_capacity",
    "reflection_error",
    "savepoint",
    "shares_connections",
]

_REMEDY = (
    "Load the table before the transaction begins (preload), pass the transaction's own connection (connection=), or "
    "give the pool one more connection."
)


class Holders:
    """Who holds each connection that is checked out of a pool, and who waits for one to load with.

    Every operation on its collections is one atomic step: it takes no lock, because a pool's events come from
    finalizers as well.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin to watch the pool of ``engine``, which is not kept alive by it; see ``holders_of``."""
        me = (threading.get_ident(), current())
        self._holders: dict[int, tuple[int, int]] = {}  # a thread, and the task of it or the thread again
        # Whoever makes the first accessor has most likely made the connections that are out.
        self._earlier: list[tuple[int, int]] = []
        self._waiting: set[int] = set()  # threads that block, and tasks
        if isinstance(engine.pool, QueuePool):
            self._earlier += [me] * engine.pool.checkedout()
            event.listen(engine, "checkout", self._checked_out)
            event.listen(engine, "checkin", self._checked_in)
            event.listen(engine, "detach", self._checked_in)

    def _checked_out(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        me = (threading.get_ident(), current())
        self._waiting.difference_update(me)
        self._holders[id(record)] = me

    def _checked_in(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if self._holders.pop(id(record), None) is None and self._earlier:
            with suppress(IndexError):
                self._earlier.pop()

    def wait(self, pool: Pool, *, blocking: bool) -> None:
        """Note that the caller is going to wait for a connection to load with, until ``stop_waiting``.

        Args:
            pool: The pool.
            blocking: Whether the whole thread is going to wait, and not just the current task.

        Raises:
            ReflectionError: ``pool`` is empty, and all who could give a connection back wait for one themselves.
        """
        capacity = pool_capacity(pool)
        if capacity is None or not isinstance(pool, QueuePool):
            return
        # First noted, then looked: of several that would wait for each other, the last to come here sees them all.
        self._waiting.add(threading.get_ident() if blocking else current())
        holders = [*self._holders.copy().values(), *self._earlier]
        out = pool.checkedout()
        # A connection that is out and has no holder yet is being made, by somebody who does not wait for another.
        if out < capacity or len(holders) < out or any(self._waiting.isdisjoint(holder) for holder in holders):
            return
        self.stop_waiting(blocking=blocking)
        connections = "The only connection" if capacity == 1 else f"All {capacity} connections"
        waiting = "thread" if blocking else "task"
        held = "it holds it itself" if capacity == 1 else "whoever holds them waits for a table as well"
        raise ReflectionError(
            f"{connections} of the pool cannot come back while this {waiting} waits, because {held}: loading a table "
            f"now would wait for ever. {_REMEDY}"
        )

    def stop_waiting(self, *, blocking: bool) -> None:
        """Note that the caller has what it waited for, or gives up."""
        self._waiting.discard(threading.get_ident() if blocking else current())


_watched: weakref.WeakKeyDictionary[Dialect, Holders] = weakref.WeakKeyDictionary()


def holders_of(engine: Engine) -> Holders:
    """Return who holds the connections of ``engine``. It is not for several threads at once.

    An engine and those that ``execution_options`` derives from it have one pool and one Dialect, which outlives
    ``dispose``: however many of them there are, and however often they are made, their pool is watched once.
    """
    holders = _watched.get(engine.dialect)
    if holders is None:
        holders = _watched[engine.dialect] = Holders(engine)
    return holders


def pool_capacity(pool: Pool) -> int | None:
    """Return how many connections ``pool`` hands out at most; None where there is no bound."""
    if not isinstance(pool, QueuePool):
        return None
    # Private: SQLAlchemy shows the pool's size and not its max_overflow. Without it no deadlock is foreseen, and the
    # pool's own timeout ends the wait.
    overflow: int = getattr(pool, "_max_overflow", -1)
    return pool.size() + overflow if pool.size() > 0 and overflow >= 0 else None


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
def lend(engine: Engine, *, autocommit: bool = False) -> Generator[Loan, None, None]:
    """Yield a connection of ``engine`` for reading; see ``hands_off``.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: There is no connection to be had.
    """
    with engine.connect() as connection, hands_off(connection, autocommit=autocommit) as loan:
        yield loan


@contextmanager
def hands_off(connection: Connection, *, autocommit: bool = False) -> Generator[Loan, None, None]:
    """Yield a connection that was just taken from its pool; no transaction that somebody else began on it is ended.

    A StaticPool gives everybody the same connection and a SingletonThreadPool everybody in a thread. Where that one is
    in a transaction, it is read from within the transaction, and neither committed nor rolled back.

    Args:
        connection: The connection.
        autocommit: Whether the reader would like to do without a transaction, to save its round trips.
    """
    pool = connection.engine.pool
    # Reading from SQLite begins no transaction, so there hands off is always right: also against one that another
    # thread begins meanwhile.
    shared = shares_connections(pool)
    if not shared or (not in_transaction(connection) and connection.dialect.name != "sqlite"):
        with _autocommit(connection, wanted=autocommit and not shared):
            yield Loan(connection, foreign=False)
        return
    if connection.dialect.name == "sqlite":
        # Private, and without effect where it does not exist: the Connection announces no transaction, so that a
        # "begin" listener, which SQLAlchemy recommends for SQLite, does not begin one that nobody would end.
        connection._allow_autobegin = False  # pyright: ignore[reportPrivateUsage]
    # A SingletonThreadPool's one proxy in a thread is the user's as well, and goes back when the user is done.
    with _hands_off(connection, for_good=isinstance(pool, StaticPool)):
        yield Loan(connection, foreign=True)


@contextmanager
def _autocommit(connection: Connection, *, wanted: bool) -> Generator[None, None, None]:
    """Read without a transaction if that is ``wanted`` and leaves no trace; the connection is then as it was.

    It is not where a transaction is open (a listener has executed something), where somebody listens for "begin" (to
    say ``SET LOCAL``, which needs a transaction), where cursors are the server's, which live in a transaction, and
    where the driver cannot tell. Not through SQLAlchemy's ``isolation_level``, which is set back to the engine's and
    not to what a listener or a ``creator`` has set.
    """
    options = connection.get_execution_options()
    dbapi: Any = connection.connection.dbapi_connection  # Any: each driver has attributes of its own
    if (
        not wanted
        or connection.in_transaction()
        or connection.dispatch.begin
        or options.get("stream_results")
        or options.get("yield_per")
        or getattr(dbapi, "autocommit", None) is not False
        or in_transaction(connection)
    ):
        yield
        return
    dbapi.autocommit = True
    try:
        yield
    finally:
        connection.rollback()  # SQLAlchemy's record of a transaction; the database has none
        if not connection.invalidated:
            dbapi.autocommit = False


def autocommits(connection: Connection) -> bool:
    """Return whether each statement on ``connection`` is a transaction by itself, as far as the driver can tell."""
    dbapi: Any = connection.connection.dbapi_connection  # Any: each driver has attributes of its own
    return getattr(dbapi, "autocommit", None) is True and not in_transaction(connection)


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
def borrow(connection: Connection) -> Generator[Loan, None, None]:
    """Yield the caller's own connection for reading, and leave it in the transaction that it was in, or in none."""
    if connection.in_transaction():
        yield Loan(connection, foreign=True)
    elif in_transaction(connection):  # begun past SQLAlchemy, which would roll it back with its own
        with _hands_off(connection):
            yield Loan(connection, foreign=True)
    else:
        try:
            yield Loan(connection, foreign=False)
        finally:
            if connection.in_transaction():
                connection.rollback()  # it was begun by reading


@contextmanager
def _hands_off(connection: Connection, *, for_good: bool = False) -> Generator[None, None, None]:
    """Let ``connection`` end SQLAlchemy's record of a transaction only: the database hears nothing of it."""
    # Any: the attribute is public and the stubs of SQLAlchemy forbid to assign it.
    fairy: Any = connection.connection
    real = fairy.dbapi_connection
    fairy.dbapi_connection = handsoff = _HandsOff(real)
    try:
        yield
    finally:
        connection.rollback()
        if not for_good and fairy.dbapi_connection is handsoff:  # else it broke, and was thrown away
            fairy.dbapi_connection = real


class _HandsOff:
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


def in_transaction(connection: Connection) -> bool:
    """Return whether the database connection is in a transaction, asked of the driver; True where it cannot tell."""
    driver: Any = connection.connection.driver_connection  # Any: each driver has attributes of its own
    flag = getattr(driver, "in_transaction", None)  # sqlite3, aiosqlite
    if isinstance(flag, bool):
        return flag
    status = getattr(getattr(driver, "info", None), "transaction_status", None)  # psycopg, psycopg2
    if status is not None:
        return int(status) != 0
    flags = getattr(driver, "server_status", None)  # pymysql; 1 is SERVER_STATUS_IN_TRANS
    if isinstance(flags, int):
        return bool(flags & 1)
    status = getattr(driver, "_transaction_status", None)  # pg8000, which has no public one
    if isinstance(status, bytes):
        return status != b"I"
    asked = getattr(driver, "is_in_transaction", None)  # asyncpg
    return bool(asked()) if callable(asked) else True


def savepoint(connection: Connection, *, foreign: bool) -> AbstractContextManager[object]:
    """Keep a query that fails from aborting a transaction that is not ours.

    Only where a failing statement does that: not on SQLite, MariaDB and MySQL. It costs two round trips. Results are
    fetched as a whole: PostgreSQL has no cursor for a SAVEPOINT.
    """
    given = connection.get_execution_options()
    streaming = {option: given[option] for option in ("stream_results", "yield_per") if given.get(option)}
    aborts = connection.dialect.name not in ("sqlite", "mysql", "mariadb")
    needed = foreign and aborts and in_transaction(connection)
    return _savepoint(connection, streaming, needed=needed) if streaming or needed else nullcontext()


@contextmanager
def _savepoint(connection: Connection, streaming: dict[str, Any], *, needed: bool) -> Generator[None, None, None]:
    # Any: the values of execution options
    if streaming:
        connection.execution_options(stream_results=False, yield_per=None)
    try:
        with connection.begin_nested() if needed else nullcontext():
            yield
    finally:
        if streaming:
            connection.execution_options(**{"stream_results": False, **streaming})


def is_locked(error: DBAPIError) -> bool:
    """Return whether SQLite has waited in vain for somebody else's lock."""
    return error.orig is not None and "locked" in str(error.orig)


def database_name(engine: Engine) -> str:
    """Return what messages call the database."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.database or url.host or url.get_backend_name()


# Arguments of a URL's query that say which database or schema it leads to, and hold no secret. Only a digest of them is
# kept.
_LEADS_TO = frozenset({"host", "port", "dbname", "database", "service", "options", "unix_socket", "uri", "mode"})


def database_key(engine: Engine, token: str) -> str:
    """Return the engine's URL without password and query; two engines whose URLs lead to different databases differ.

    Args:
        engine: The engine.
        token: An identifier of this engine alone, which an in-memory SQLite database gets: its URL does not name it.
    """
    url = engine.url
    shown = f"{url.get_backend_name()}://"
    if url.username:
        shown += f"{url.username}@"
    if url.host:
        shown += url.host
    if url.port:
        shown += f":{url.port}"
    shown += f"/{url.database or ''}"
    leading = sorted((name, value) for name, value in url.query.items() if name in _LEADS_TO)
    if leading:
        shown += f"?{hashlib.sha256(repr(leading).encode()).hexdigest()[:12]}"
    if url.get_backend_name() == "sqlite" and _in_memory(url):
        shown += f"#{token}"
    return shown


def _in_memory(url: URL) -> bool:
    database = url.database or ":memory:"
    return ":memory:" in database or url.query.get("mode") == "memory" or "mode=memory" in database


def reflection_error(engine: Engine | None, what: str, error: BaseException) -> ReflectionError:
    """Return a ReflectionError that says ``what`` failed and why, chained to ``error``, without any secret."""
    if isinstance(error, ReflectionError):
        return error
    secrets = _secrets(engine.url) if engine is not None else []
    reason = str(error.__cause__ or error) if isinstance(error, SQLAlchemyError) else str(error)
    if isinstance(error, AssertionError) and engine is not None and isinstance(engine.pool, AssertionPool):
        reason = f"{reason.partition(' at:')[0]}, and an AssertionPool has no other. {_REMEDY}"
    kind = type(error).__name__
    raised = ReflectionError(f"{what}: {kind}: {_redact(reason.strip(), secrets)}")
    texts = [str(link) for link in _links(error)]
    if any(secret in text for secret in secrets for text in texts):
        # What the driver said holds a secret: its kind and the redacted text stand in for it.
        raised.__cause__ = LazyAlchemyError(f"{kind}: {_redact(str(error), secrets)}")
    else:
        raised.__cause__ = error
    return raised


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_SHORTEST_SECRET = 3  # hiding every "1" of a message would hide nothing and spoil it


def _secrets(url: URL) -> list[str]:
    """Return what must not be shown: the password and every value of the query; a very short one is no use to hide."""
    values = [str(url.password)] if url.password else []
    for value in url.query.values():
        values.extend([value] if isinstance(value, str) else value)
    # As they are, and as a URL has them.
    forms = {
        form for value in values for form in (value, quote(value, safe=" +"), quote(value, safe=""), quote_plus(value))
    }
    return sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)


def _redact(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
