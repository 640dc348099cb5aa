"""One event loop after the other, several at once, none at all; and what never happens on an event loop's thread."""

from __future__ import annotations

import ast
import asyncio
import gc
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio
from blockbuster import BlockingError
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

import lazy_alchemy
from lazy_alchemy import AsyncLazyDBAccessor, LazyDB
from lazy_alchemy.caches import MemoryCache
from tests.fakes import FakeReflector, Started, Watched, collecting_only_what_is_new, info

from .ways import LOOPS, THREADED, Touching, answer, collect, flights, run_in, until

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lazy_alchemy import CacheEntry, TableKey
    from tests.databases import Database

    from .ways import Place, Way

every_loop = pytest.mark.parametrize("place", LOOPS, ids=str, indirect=True)
every_asyncio = pytest.mark.parametrize(
    "place", [way for way in LOOPS if way.backend == "asyncio"], ids=str, indirect=True
)
of_sqlite = [way for way in LOOPS if way.database == "sqlite"]

MODULE_LEVEL = AsyncLazyDBAccessor(
    create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
)
"""Made when this module is imported, without an event loop."""


@pytest.fixture
def bare() -> Any:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


# -- One after the other ----------------------------------------------------------------


def settle(threads: int, seconds: float = 10) -> None:
    """Wait until no more than `threads` are left, or for `seconds`: aiosqlite's end some time after `close()`."""
    end = time.monotonic() + seconds
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.01)


def grown(run: Any, count: int, spare: int = 0) -> tuple[int, int, int]:
    """Return how much memory, objects and threads grow by while `run` is called `count` times, after warming up.

    It waits a while for threads to end, but for `spare` of them.
    """
    for number in range(20):
        run(number)
    collect()
    threads = threading.active_count()
    with collecting_only_what_is_new():
        tracemalloc.start()
        for number in range(4):
            run(number)
        collect()
        memory, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for number in range(count):
            run(number)
        settle(threads + spare)
        collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return after - memory, len(gc.get_objects()) - objects, threading.active_count() - threads


async def load(db: Any, *, batch: bool) -> None:
    """Have a table checked that was loaded by another loop, by several tasks at once, and one that times out."""
    await db.invalidate_all()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(db.get, "users")
        if batch:
            tasks.start_soon(db.preload, "users", "orders")
    assert ["orders", "users"] == await db.list_tables()
    assert "users" == (await db.users).name


def test_hundred_event_loops_on_a_sync_engine() -> None:
    """A module-level accessor serves a hundred asyncio and trio loops one after the other, and nothing grows."""
    db = MODULE_LEVEL
    with db.engine.begin() as connection:  # type: ignore[union-attr]
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")

    def run(number: int) -> None:
        if number % 2:
            trio.run(lambda: load(db, batch=number % 4 == 1))
        else:
            asyncio.run(load(db, batch=number % 4 == 0))

    memory, objects, threads = grown(run, 100, spare=2)  # trio keeps idle workers for a while
    assert memory < 80_000  # what the interpreter keeps for itself; a loop kept each time would be more
    assert objects < 100
    assert threads <= 2
    assert 0 == len(db._catalog._loads.flights._loops._values)


def test_hundred_event_loops_on_an_async_engine(sqlite_db: Database) -> None:
    """A module-level accessor over an AsyncEngine without a pool serves a hundred asyncio loops, and nothing grows."""
    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)", "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    db = AsyncLazyDBAccessor(create_async_engine(sqlite_db.url.set(drivername="sqlite+aiosqlite"), poolclass=NullPool))
    memory, objects, threads = grown(lambda number: asyncio.run(load(db, batch=number % 2 == 0)), 100)
    assert memory < 80_000  # what the interpreter keeps for itself; a loop kept each time would be more
    assert objects < 100
    assert threads <= 0
    assert 0 == len(db._catalog._loads.flights._loops._values)


def test_event_loops_at_once_each_load_through_an_async_engine(sqlite_db: Database) -> None:
    """Over an AsyncEngine a table is read once an event loop at most, however many loops ask at once."""
    reflector = Watched(Touching(info("users")))
    engine = create_async_engine(sqlite_db.url.set(drivername="sqlite+aiosqlite"), poolclass=NullPool)
    db = AsyncLazyDBAccessor(engine, reflector=reflector)
    start = threading.Barrier(4)

    async def warm() -> None:
        # An AsyncEngine's first connection ever takes a lock of SQLAlchemy's that two event loops cannot share.
        async with engine.connect():
            pass

    async def main() -> None:
        start.wait(10)
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(db.get, "users")

    asyncio.run(warm())
    for thread in [Started(lambda: asyncio.run(main())) for _ in range(4)]:
        thread.result()
    assert 1 <= reflector.count("users") <= 4
    assert set() == flights(db)


@pytest.mark.parametrize("way", of_sqlite, ids=str)
def test_accessor_made_outside_of_any_event_loop(way: Way, sqlite_db: Database) -> None:
    """Accessors are made, awaited in one loop, and awaited in another; what the first loaded the second has."""
    url = sqlite_db.url
    engine: Any = (
        create_async_engine(url.set(drivername=way.driver), poolclass=NullPool) if way.driver else create_engine(url)
    )
    reflector = Watched(Touching(info("users")))
    db = AsyncLazyDBAccessor(engine, reflector=reflector)

    async def main() -> Any:
        return await db.users

    assert run_in(way, main) is run_in(way, main)
    assert 1 == reflector.count("users")
    run_in(way, lambda: answer(engine.dispose()))


# -- On the event loop's thread ----------------------------------------------------------------


@pytest.mark.parametrize("way", [way for way in THREADED if way.database == "sqlite"], ids=str)
def test_detector_is_on(way: Way, bare: Any) -> None:
    """What blocks an event loop's thread is noticed in these tests: a load that a coroutine carries itself is."""

    class Sleeping(FakeReflector):
        def reflect(self, *args: Any, **options: Any) -> Any:
            time.sleep(0)
            return super().reflect(*args, **options)

    async def main() -> None:
        with pytest.raises(lazy_alchemy.ReflectionError) as raised:
            LazyDB(bare, reflector=Sleeping(info("users"))).get("users")
        assert isinstance(raised.value.__cause__, BlockingError)
        assert "users" == (await AsyncLazyDBAccessor(bare, reflector=Sleeping(info("users"))).users).name

    run_in(way, main)


@every_loop
def test_loaded_table_yields_to_nobody(place: Place) -> None:
    """Awaiting a table that is loaded lets no other task run in between, with and without a TTL."""

    async def main() -> None:
        for ttl in (None, 1000):
            db = place.accessor(reflector=Touching(info("users")), cache_ttl=ttl)
            await db.users
            for coroutine in (db.get("users"), db.users.__await__(), db["users"].__await__()):
                with pytest.raises(StopIteration) as stopped:
                    coroutine.send(None)
                assert "users" == stopped.value.value.name

    place.run(main)


def test_attribute_makes_no_coroutine(bare: Any) -> None:
    """An attribute or an item that nobody awaits makes no coroutine, asks nothing, and warns of nothing."""
    db = AsyncLazyDBAccessor(bare, reflector=Watched(FakeReflector(info("users"))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (db.users, db["users"]):
            assert not asyncio.iscoroutine(value)
            del value
        collect()
    assert 0 == db.cache_info().loads
    with pytest.raises(AttributeError, match="await"):
        _ = db.users.c


def test_attribute_may_be_awaited_twice(bare: Any) -> None:
    """What an attribute gives can be awaited more than once, and gathered."""
    db = AsyncLazyDBAccessor(bare, reflector=FakeReflector(info("users"), info("orders")))

    async def main() -> None:
        users = db.users
        assert await users is await users
        assert ["users", "orders"] == [table.name for table in await asyncio.gather(db.users, db.orders)]

    asyncio.run(main())


class Threads(MemoryCache):
    """A MemoryCache that notes in which threads it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def _note(self, what: str) -> None:
        self.calls.append((what, threading.get_ident()))

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Get."""
        self._note("get")
        return super().get_many(keys)

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Set."""
        self._note("set")
        super().set_many(entries)

    def discard(self, keys: Collection[TableKey]) -> None:
        """Discard."""
        self._note("discard")
        super().discard(keys)

    def clear(self, database: str) -> None:
        """Clear."""
        self._note("clear")
        super().clear(database)


@every_loop
def test_cache_is_never_called_on_the_event_loops_thread(place: Place) -> None:
    """A cache is asked and told in worker threads only, and does for an accessor what it does for a LazyDB."""

    async def main() -> None:
        me = threading.get_ident()
        cache = Threads()
        reflector = Watched(Touching(info("users"), info("orders")))
        engine = place.engine()
        db = place.accessor(engine, cache=cache, reflector=reflector)
        users = await db.users
        await db.preload("orders")
        await until(lambda: [what for what, _ in cache.calls].count("set") == 2)
        assert ["get", "get", "set", "set"] == sorted(what for what, _ in cache.calls)
        other = place.accessor(place.engine(), cache=cache, reflector=reflector)
        assert users.reflected == (await other.users).reflected
        assert 2 == len(reflector.reads)
        assert 1 == other.cache_info().from_cache
        await other.invalidate("users")
        await other.users
        await other.invalidate_all()
        await other.refresh()
        await until(lambda: not flights(db) and not flights(other))
        assert {"get", "set", "discard", "clear"} == {what for what, _ in cache.calls}
        assert me not in {thread for _, thread in cache.calls}

    place.run(main)


@every_loop
def test_cache_that_answers_takes_no_connection(place: Place) -> None:
    """Tables that the cache has cost no connection."""

    async def main() -> None:
        cache = MemoryCache()
        reflector = Watched(Touching(info("users")))
        engine = place.engine()
        db = place.accessor(engine, cache=cache, reflector=reflector)
        await db.users
        await until(lambda: cache.get_many(list(cache._entries)))
        other = place.accessor(engine, cache=cache, reflector=reflector)
        with place.count(engine) as counted:
            assert "users" == (await other.users).name
        assert 0 == counted.count
        assert 1 == len(reflector.reads)

    place.run(main)


@every_loop
def test_cache_that_raises_is_survived(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that fails is logged, and the database asked instead."""

    class Broken(MemoryCache):
        def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
            raise OSError("broken")

        set_many = discard = clear = get_many  # type: ignore[assignment]

    async def main() -> None:
        db = place.accessor(cache=Broken(), reflector=Touching(info("users")))
        assert "users" == (await db.users).name
        await db.invalidate_all()
        assert "users" == (await db.users).name

    place.run(main)
    assert "cannot be read" in caplog.text


# -- The source ----------------------------------------------------------------

SOURCE = Path(str(lazy_alchemy.__file__)).parent


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_one_module_knows_of_event_loops() -> None:
    """No module but `_concurrency/loops.py` imports asyncio, anyio, trio or sniffio."""
    knowing = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if {name.partition(".")[0] for name in _imports(path)} & {"asyncio", "anyio", "trio", "sniffio", "uvloop"}
    }
    assert {"_concurrency/loops.py"} == knowing


def test_import_brings_no_event_loop() -> None:
    """Importing the package, and making an accessor of either kind over an Engine, imports neither anyio nor trio."""
    code = """
import sys, sqlalchemy
before = set(sys.modules)
from lazy_alchemy import get_async_lazy_class, get_lazy_class
engine = sqlalchemy.create_engine("sqlite://")
get_async_lazy_class(engine), get_lazy_class(engine)
print(sorted({"anyio", "trio", "uvloop"} & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "[]" == done.stdout.strip()
