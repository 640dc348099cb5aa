"""The databases that the tests run on, and the means to count what is asked of them.

A `Server` makes and removes databases; a `Database` is one of them, empty at first, with the engines that a test
opens on it. `conftest.py` turns them into fixtures. Nothing here knows of lazy_alchemy.

SQLite is always there. The two servers are found through environment variables, whose values are SQLAlchemy URLs of
any database on which the user may create others:

    LAZY_ALCHEMY_TEST_POSTGRESQL    postgresql+psycopg://postgres@127.0.0.1:5432/test
    LAZY_ALCHEMY_TEST_MARIADB       mysql+pymysql://root@127.0.0.1:3306/test
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from .reuse import ReusedDatabase

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

NAMES = ("sqlite", "postgresql", "mariadb")
"""Every database that a parametrised test runs on, in the order in which it runs."""

# No test speaks TLS, and PyMySQL and pg8000 would read all of the machine's certificates for each connection, also to a
# server without TLS: 23 of the 24 milliseconds that it takes.
os.environ["SSL_CERT_FILE"] = os.devnull

_CONNECT_SECONDS = 5
_DROP_SECONDS = 20


class Server:
    """Where the databases of one kind are made and removed.

    A server is asked once a session whether it can be reached; `close` ends its only connection.
    """

    name: str

    def problem(self) -> str | None:
        """Return why there are no such databases here and what to do about it, or None when there are."""
        return None

    def create(self) -> URL:
        """Make an empty database and return its URL."""
        raise NotImplementedError

    def drop(self, url: URL) -> None:
        """Remove a database that `create` made, whoever is still connected to it."""
        raise NotImplementedError

    def close(self) -> None:
        """End the server's own connection."""


class SQLiteServer(Server):
    """Databases in files of one directory: in files, so that several connections see the same tables."""

    name = "sqlite"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self) -> URL:
        """Name a file that SQLite makes when it is first opened."""
        return URL.create("sqlite", database=str(self._directory / f"{_fresh_name()}.db"))

    def drop(self, url: URL) -> None:
        """Leave the file to pytest, which keeps the last directories for whoever looks into a failure."""


class NetworkServer(Server):
    """A database server at a URL, with one connection in autocommit that creates and drops."""

    title: str
    variable: str
    default: str

    def __init__(self, url: str | None = None) -> None:
        self.url = make_url(url or os.environ.get(self.variable) or self.default)
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
        )
        self._problem: str | None = None
        self._probed = False

    def problem(self) -> str | None:
        """Connect, the first time only."""
        if not self._probed:
            self._probed = True
            try:
                self._engine.connect().close()
            except SQLAlchemyError as error:
                reason = str(getattr(error, "orig", None) or error).splitlines()[0]
                self._problem = (
                    f"no {self.title} server at {self.url}: {reason}. "
                    f"Set {self.variable} to the SQLAlchemy URL of one, such as {self.default}"
                )
        return self._problem

    def create(self) -> URL:
        """Make a database with a name that no other test run has."""
        url = self.url.set(database=_fresh_name())
        with self._engine.connect() as connection:
            self._create(connection, str(url.database))
        return url

    def drop(self, url: URL) -> None:
        """End what is still connected to the database, then remove it."""
        with self._engine.connect() as connection:
            self._drop(connection, str(url.database))

    def close(self) -> None:
        """End the connection."""
        self._engine.dispose()

    def _create(self, connection: Connection, name: str) -> None:
        raise NotImplementedError

    def _drop(self, connection: Connection, name: str) -> None:
        raise NotImplementedError


class PostgreSQLServer(NetworkServer):
    """PostgreSQL: a database for every test, since a schema would not be the default one.

    Making and removing one takes longer than most tests, so one that is given back is emptied and given out again. If
    anything is left in it then, and at the end, it is removed.
    """

    name = "postgresql"
    title = "PostgreSQL"
    variable = "LAZY_ALCHEMY_TEST_POSTGRESQL"
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/test"

    def __init__(self, url: str | None = None) -> None:
        super().__init__(url)
        self._out: dict[URL, ReusedDatabase] = {}
        self._idle: list[ReusedDatabase] = []

    def create(self) -> URL:
        """Give out a database that was emptied, or make one."""
        database = self._idle.pop() if self._idle else ReusedDatabase(super().create())
        self._out[database.url] = database
        return database.url

    def drop(self, url: URL) -> None:
        """Empty the database for the next who needs one, or remove it."""
        database = self._out.pop(url)
        if database.empty():
            self._idle.append(database)
        else:
            self._remove(database)

    def close(self) -> None:
        """Remove the databases, also those that nobody gave back, and end the connection."""
        for database in (*self._idle, *self._out.values()):
            self._remove(database)
        self._idle, self._out = [], {}
        super().close()

    def _remove(self, database: ReusedDatabase) -> None:
        database.close()
        super().drop(database.url)

    def _create(self, connection: Connection, name: str) -> None:
        # template0, because copying template1 fails while anybody is connected to it; C, because it goes with UTF8
        # whatever the server's own locale is.
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )

    def _drop(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class MariaDBServer(NetworkServer):
    """MariaDB, where a database and a schema are the same."""

    name = "mariadb"
    title = "MariaDB"
    variable = "LAZY_ALCHEMY_TEST_MARIADB"
    default = "mysql+pymysql://root@127.0.0.1:3306/test"

    def _create(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")

    def _drop(self, connection: Connection, name: str) -> None:
        # A transaction left open would keep its tables locked for a day, which is lock_wait_timeout's default.
        others = connection.exec_driver_sql("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
        for process in others.scalars().all():
            with suppress(OperationalError):  # it has ended by itself
                connection.exec_driver_sql(f"KILL {process}")
        connection.exec_driver_sql(f"SET lock_wait_timeout = {_DROP_SECONDS}")
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


class Database:
    """A database of one test's own, and the engines that the test opens on it.

    Attributes:
        name: "sqlite", "postgresql" or "mariadb".
        url: Where it is; nothing else is in it.
        engine: An Engine with SQLAlchemy's defaults that has not connected yet.
    """

    def __init__(self, name: str, url: URL) -> None:
        self.name = name
        self.url = url
        self._engines: list[Engine] = []
        self._own: Engine | None = None
        self.engine = self.make_engine()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.name == "sqlite"

    @property
    def is_postgresql(self) -> bool:
        """Whether this is PostgreSQL."""
        return self.name == "postgresql"

    @property
    def is_mariadb(self) -> bool:
        """Whether this is MariaDB."""
        return self.name == "mariadb"

    def make_engine(self, **options: Any) -> Engine:
        """Return another Engine on this database, disposed of with the others.

        Args:
            options: What `sqlalchemy.create_engine` takes.
        """
        engine = create_engine(self.url, **options)
        self._engines.append(engine)
        return engine

    def execute(self, *statements: str) -> None:
        """Run each statement as it is and commit it, on a connection that no engine of the test knows."""
        with self._connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query as it is, on a connection that no engine of the test knows, and return its rows."""
        with self._connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def quote(self, name: str) -> str:
        """Return a name as `execute` and `fetch` need it, whatever is in it."""
        mark = "`" if self.is_mariadb else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"

    def dispose(self) -> None:
        """Close every connection of every engine."""
        for engine in self._engines:
            engine.dispose()
        if self._own is not None:
            self._own.dispose()

    def _connect(self) -> Connection:
        if self._own is None:
            self._own = create_engine(self.url, isolation_level="AUTOCOMMIT")
        # Without parameters a driver leaves a percent sign alone.
        return self._own.connect().execution_options(no_parameters=True)

    def __repr__(self) -> str:
        return f"<Database {self.url!r}>"


class QueryCounter:
    """The statements that were sent, in order, from whatever thread."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.statements)

    def clear(self) -> None:
        """Begin again at zero."""
        self.statements.clear()

    def __repr__(self) -> str:
        return "\n".join([f"{self.count} statements", *self.statements])


@contextmanager
def count_queries(*engines: Engine | AsyncEngine) -> Generator[QueryCounter]:
    """Count the statements that engines send while the block runs.

    The first connection of an engine also sends what the dialect wants to know of the server: `warm` it before.
    """
    counter = QueryCounter()

    def record(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        counter.statements.append(statement)

    targets = [engine.sync_engine if isinstance(engine, AsyncEngine) else engine for engine in engines]
    for target in targets:
        event.listen(target, "before_cursor_execute", record)
    try:
        yield counter
    finally:
        for target in targets:
            event.remove(target, "before_cursor_execute", record)


def warm(engine: Engine) -> Engine:
    """Connect once, so that what the dialect asks a server at first is over, and return the engine."""
    engine.connect().close()
    return engine


@contextmanager
def database_on(server: Server) -> Generator[Database]:
    """Make a database for the length of a block, and remove it however the block ends."""
    url = server.create()
    try:
        database = Database(server.name, url)
        try:
            yield database
        finally:
            database.dispose()
    finally:
        server.drop(url)


def require(server: Server) -> None:
    """Skip the test when the server is not there, or fail it when CI=true: there nothing may pass unseen."""
    problem = server.problem()
    if problem is not None:
        _give_up(problem)


def _give_up(problem: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(problem, pytrace=False)
    pytest.skip(problem)


def _fresh_name() -> str:
    return f"lazy_alchemy_{uuid.uuid4().hex[:16]}"
