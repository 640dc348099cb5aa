"""The ways to use a database: with and without an event loop, each with the engines that it can use.

A `Place` is a way on one database. Its tests are coroutines that await `answer(db.get("users"))`, whatever `db.get` is:
with a `LazyDB` the answer is there already, and the coroutine is run without an event loop.
"""

from __future__ import annotations

import gc
import inspect
import sqlite3
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import await_only

from lazy_alchemy import AsyncLazyDBAccessor, LazyDB
from tests.databases import count_queries
from tests.fakes import FakeReflector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import URL, Connection, Engine

    from lazy_alchemy import TableInfo
    from tests.databases import Database, QueryCounter

T = TypeVar("T")

SECONDS = 20
"""How long anything that must happen may take before the test fails instead of hanging."""


@dataclass(frozen=True)
class Way:
    """A way to use a database.

    Attributes:
        name: What it is called.
        database: "sqlite", "postgresql" or "mariadb".
        backend: "asyncio" or "trio"; None for no event loop.
        uvloop: Whether asyncio is uvloop's.
        driver: The asynchronous driver of an AsyncEngine; None for an Engine.
    """

    name: str
    database: str
    backend: str | None = None
    uvloop: bool = False
    driver: str | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.driver or self.database}"


DRIVERS = {
    "sqlite": ["sqlite+aiosqlite"],
    "postgresql": ["postgresql+asyncpg", "postgresql+psycopg"],
    "mariadb": ["mysql+aiomysql"],
}

WAYS = [
    way
    for database, drivers in DRIVERS.items()
    for way in (
        Way("sync", database),
        Way("asyncio", database, "asyncio"),
        Way("uvloop", database, "asyncio", uvloop=True),
        Way("trio", database, "trio"),
        *(Way("asyncio", database, "asyncio", driver=driver) for driver in drivers),
        *(Way("uvloop", database, "asyncio", uvloop=True, driver=driver) for driver in drivers),
    )
]
"""Every way on every database."""

ONCE = {
    *(str(way) for way in WAYS if way.database == "sqlite"),
    "asyncio-postgresql+asyncpg",
    "uvloop-postgresql+psycopg",
    "asyncio-mysql+aiomysql",
}
"""The ways of every run: each on SQLite, and each asynchronous driver of the servers."""

ONCE_WITH_AN_ENGINE = {
    *(str(way) for way in WAYS if way.database == "sqlite"),
    "trio-postgresql",
    "uvloop-mariadb",
}
"""The same for a test that has no way with an AsyncEngine."""

LOOPS = [way for way in WAYS if way.backend is not None]
"""Those with an event loop."""

THREADED = [way for way in LOOPS if way.driver is None]
"""Those with an event loop and an Engine, whose loads run in worker threads."""

NATIVE = [way for way in LOOPS if way.driver is not None]
"""Those with an AsyncEngine."""


def run_in(way: Way, main: Callable[[], Awaitable[T]], seconds: float = SECONDS) -> T:
    """Run a coroutine function as `way` does, and fail if that takes longer than `seconds`."""
    if way.backend is None:
        coroutine: Any = main()
        try:
            coroutine.send(None)
        except StopIteration as stopped:
            value: T = stopped.value
            return value
        raise AssertionError("without an event loop there is nothing to wait for")

    async def bounded() -> T:
        with anyio.fail_after(seconds):
            return await main()

    options = {"use_uvloop": way.uvloop} if way.backend == "asyncio" else {}
    return anyio.run(bounded, backend=way.backend, backend_options=options)


async def answer(value: Any) -> Any:
    """Return `value`, awaited if it is to be awaited."""
    return await value if inspect.isawaitable(value) else value


async def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return when `condition` holds, letting other tasks go on meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to hold"
        await anyio.sleep(0.001)


class Caller:
    """A connection of the test's own, of whatever engine."""

    def __init__(self, place: Place, connection: Any) -> None:
        self.raw = connection
        self._place = place

    async def execute(self, sql: str) -> None:
        """Run a statement."""
        await self._place.do(self.raw.exec_driver_sql, sql)

    async def scalar(self, sql: str) -> Any:
        """Run a query and return the first column of its first row."""
        return (await self._place.do(self.raw.exec_driver_sql, sql)).scalar()

    async def commit(self) -> None:
        """Commit."""
        await self._place.do(self.raw.commit)


class Place:
    """A way on a database, and the engines that the test opens there.

    Attributes:
        way: The way.
        db: The database.
    """

    def __init__(self, way: Way, db: Database) -> None:
        self.way = way
        self.db = db
        self._engines: list[Engine | AsyncEngine] = []

    @property
    def native(self) -> bool:
        """Whether the engine is an AsyncEngine."""
        return self.way.driver is not None

    def engine(self, url: URL | None = None, **options: Any) -> Any:
        """Return a new engine of the way's kind; `run` disposes of it."""
        url = self.db.url if url is None else url
        engine: Engine | AsyncEngine
        if self.way.driver is not None:
            watched = self.way.driver == "sqlite+aiosqlite"
            if watched:
                options["connect_args"] = {"factory": Opened, "check_same_thread": False}
            engine = create_async_engine(url.set(drivername=self.way.driver), **options)
            if watched:
                event.listen(engine.sync_engine, "connect", lambda made, _: made.driver_connection._conn.deliver())
        else:
            engine = create_engine(url, **options)
        self._engines.append(engine)
        return engine

    def accessor(self, engine: Any = None, **options: Any) -> Any:
        """Return a LazyDB or an AsyncLazyDBAccessor of `engine`, or of a new one."""
        cls = LazyDB if self.way.backend is None else AsyncLazyDBAccessor
        return cls(self.engine() if engine is None else engine, **options)

    def count(self, engine: Any) -> AbstractContextManager[QueryCounter]:
        """Count the statements of an engine."""
        return count_queries(engine)

    async def do(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of SQLAlchemy's: awaited, in a worker thread, or plainly, as the way demands."""
        if self.way.backend is None:
            return function(*arguments)
        if self.native:
            return await function(*arguments)
        return await anyio.to_thread.run_sync(function, *arguments)

    @asynccontextmanager
    async def connect(self, engine: Any) -> AsyncIterator[Caller]:
        """Yield a connection of the test's own."""
        connection = await self.do(engine.connect)
        try:
            yield Caller(self, connection)
        finally:
            with anyio.CancelScope(shield=True) if self.way.backend else _nothing():
                await self.do(connection.close)

    async def warm(self, engine: Any) -> Any:
        """Connect once, so that what the dialect asks a server at first is over, and return the engine."""
        async with self.connect(engine):
            pass
        return engine

    def run(self, main: Callable[[], Coroutine[Any, Any, T]], seconds: float = SECONDS) -> T:
        """Run a coroutine function; in the end no connection is out of any pool."""

        async def whole() -> T:
            try:
                return await main()
            finally:
                if self.way.backend is None:
                    self._finish_sync()
                else:
                    with anyio.CancelScope(shield=True):
                        await self._finish()

        return run_in(self.way, whole, seconds)

    def _finish_sync(self) -> None:
        for engine in self._engines:
            assert 0 == checked_out(engine)
            engine.dispose()

    async def _finish(self) -> None:
        for engine in self._engines:
            await until(lambda engine=engine: checked_out(engine) == 0, 10)  # type: ignore[misc]
            if isinstance(engine, AsyncEngine):
                await engine.dispose()
            else:
                await anyio.to_thread.run_sync(engine.dispose)


def checked_out(engine: Any) -> int:
    """Return how many connections of an engine are out of its pool."""
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0


class Opened(sqlite3.Connection):
    """What aiosqlite opens; it loses a connection when the task that asked for it is cancelled meanwhile."""

    undelivered: ClassVar[set[Opened]] = set()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.undelivered.add(self)

    def deliver(self) -> None:
        """Leave it to SQLAlchemy, which has it, to close the connection."""
        self.undelivered.discard(self)


def close_undelivered() -> None:
    """Close the connections that aiosqlite has lost: SQLAlchemy never got them, so nobody else can."""
    while Opened.undelivered:
        Opened.undelivered.pop().close()


class _nothing:  # noqa: N801 - a context manager, used as a function
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def collect() -> None:
    """Have every object that nobody refers to finalized now."""
    for _ in range(3):
        gc.collect()


class Gate:
    """Stops whoever comes until it is opened, and says that they came; in a task without blocking its event loop."""

    def __init__(self, place: Place) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self._place = place

    def stop(self, *_: object) -> None:
        """Stand before the gate until it is opened."""
        self.reached.set()
        if self._place.native:
            await_only(until(self.opened.is_set))
        else:
            assert self.opened.wait(SECONDS), "nobody opened the gate"

    async def came(self) -> None:
        """Wait until somebody stands before it."""
        await until(self.reached.is_set)

    def open(self) -> None:
        """Let everybody through, now and later."""
        self.opened.set()


class Touching(FakeReflector):
    """A FakeReflector that sends the database one statement a call, so that connections are used."""

    def __init__(self, *infos: TableInfo, sql: str = "SELECT 1") -> None:
        super().__init__(*infos)
        self.sql = sql

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Ask the database something, and return the tables that there are."""
        connection.exec_driver_sql(self.sql)
        return super().reflect(connection, names, schema=schema)


def flights(db: Any) -> set[Any]:
    """Return the flights of an accessor that have not landed, of threads and of every event loop."""
    catalog = db._catalog._flights
    boards = [catalog.threads, *catalog._loops._values.values()]
    return {flight for board in boards for flight in (*board.begun, board.waiting) if flight is not None}
