"""One load for all who ask: tasks of one event loop, of several, threads among them, and a third of them cancelled."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool, StaticPool

from lazy_alchemy import AsyncLazyDBAccessor, LazyDB
from tests.effort import amount, more
from tests.fakes import FakeReflector, Started, Watched, count_checkouts, info

from .ways import LOOPS, THREADED, Gate, Touching, Way, answer, checked_out, flights, run_in, until

if TYPE_CHECKING:
    from tests.databases import Database

    from .ways import Place

every_loop = pytest.mark.parametrize("place", LOOPS, ids=str, indirect=True)
every_thread = pytest.mark.parametrize("place", THREADED, ids=str, indirect=True)

TASKS = 200
TABLES = [f"t{number}" for number in range(20)]

OFTEN = amount((), ("asyncio-sqlite", "trio-sqlite", "asyncio-postgresql+asyncpg"))
"""The ways that are tried five hundred rounds, in parts; the others are tried fifty."""


def parts() -> list[tuple[Way, int, int]]:
    """Return each way, a number, and how many rounds it has in the part of that number."""
    return [
        (way, part, 100 if str(way) in OFTEN else amount(5, 50))
        for way in LOOPS
        for part in range(5 if str(way) in OFTEN else 1)
    ]


@every_loop
def test_fifty_tasks_that_touch_one_table_load_it_once(place: Place) -> None:
    """Fifty tasks that first touch a table at once cost one reflection, and get the same object."""
    place.db.execute("CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY)")

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)
        got: set[int] = set()

        async def touch() -> None:
            got.add(id(await db.users))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(touch)
        assert 1 == len(got)
        assert [frozenset({"users"})] == reflector.reads

    place.run(main)


@every_loop
def test_tables_touched_together_are_loaded_together(place: Place) -> None:
    """Two hundred tasks over twenty tables load each once, with at most four connections out."""
    place.db.execute(*(f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY)" for name in TABLES))

    async def main() -> None:
        reflector = Watched()
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)
        with count_checkouts(engine.sync_engine if place.native else engine) as out:
            async with anyio.create_task_group() as tasks:
                for number in range(TASKS):
                    tasks.start_soon(db.get, TABLES[number % len(TABLES)])
        assert max(out) <= 4
        assert {1} == {reflector.count(name) for name in TABLES}

    place.run(main)


@every_loop
def test_at_most_four_loads_at_a_time(place: Place) -> None:
    """Tables that are asked for one after another while every load hangs are read four at a time, the rest together."""

    async def main() -> None:
        gate = Gate(place)
        reflector = Watched(Touching(*map(info, TABLES)))
        reflector.before = gate.stop
        db = place.accessor(reflector=reflector)
        async with anyio.create_task_group() as tasks:
            for number, name in enumerate(TABLES):
                tasks.start_soon(db.get, name)
                await until(lambda number=number: reflector.inside == min(number + 1, 4))  # type: ignore[misc]
            await anyio.sleep(0.01)
            gate.open()
        assert 4 == reflector.peak
        assert 5 == len(reflector.reads)

    place.run(main)


@pytest.mark.parametrize("place", [way for way in THREADED if way.database == "sqlite"], ids=str, indirect=True)
def test_threads_are_few(place: Place) -> None:
    """A hundred tasks that list the names of an Engine's tables have at most four threads at a time."""

    async def main() -> None:
        threads: list[int] = []
        before = threading.active_count()

        class Counting(Touching):
            def list_names(self, *args: Any, **options: Any) -> Any:
                threads.append(threading.active_count())
                return super().list_names(*args, **options)

        db = place.accessor(reflector=Counting())
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(db.list_tables)
        assert 100 == len(threads)
        assert max(threads) <= before + 4

    place.run(main)


@more
@pytest.mark.parametrize(("place", "part", "count"), parts(), ids=str, indirect=["place"])
def test_random_cancellation(place: Place, part: int, count: int) -> None:
    """Whoever is cancelled when, everybody else gets their table, each is read once a generation, nothing leaks."""
    rnd = random.Random(f"{place.way} {part}")

    async def main() -> None:
        reflector = Watched(Touching(*map(info, TABLES)))
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)

        async def touch(name: str, scope: anyio.CancelScope, got: set[str]) -> None:
            with scope:
                if name.endswith("7"):
                    await db.preload(name, "t1")
                assert name == (await db.get(name)).name
                got.add(name)
            assert scope.cancel_called or not scope.cancelled_caught

        async def cancel(scopes: list[anyio.CancelScope]) -> None:
            for scope in scopes:
                if rnd.random() < 0.3:
                    await anyio.sleep(0 if rnd.random() < 0.9 else 0.001)
                scope.cancel()

        for generation in range(count):
            reflector.reads.clear()
            got: set[str] = set()
            scopes = [anyio.CancelScope() for _ in range(TASKS)]
            doomed = rnd.sample(scopes, TASKS * rnd.choice([1, 3, 6]) // 6)
            async with anyio.create_task_group() as tasks:
                for number, scope in enumerate(scopes):
                    tasks.start_soon(touch, TABLES[number % len(TABLES)], scope, got)
                tasks.start_soon(cancel, doomed)
            await until(lambda: not flights(db))
            counts = {name: reflector.count(name) for name in TABLES}
            assert all(counts[name] == 1 for name in got), (generation, counts)
            assert max(counts.values()) <= 1, (generation, counts)
            await answer(db.invalidate_all())
        await until(lambda: checked_out(engine) == 0)
        assert count * len(TABLES) // 2 < db.cache_info().reflected + db.cache_info().revalidated

    place.run(main, seconds=50)


@pytest.mark.parametrize("seed", range(5))
def test_threads_and_event_loops_share_loads(db: Database, seed: int) -> None:
    """Four threads, an asyncio loop and a trio loop on one engine, a third of the tasks cancelled: one read a table."""
    engine = db.make_engine()
    reflector = Watched(Touching(*map(info, TABLES)))
    blocking = LazyDB(engine, reflector=reflector)
    awaited = AsyncLazyDBAccessor(engine, reflector=reflector)
    awaited._catalog = blocking._catalog  # as accessors without a reflector of their own have it
    names = TABLES.copy()
    random.Random(seed).shuffle(names)
    start = threading.Barrier(6)
    objects: set[tuple[str, int]] = set()

    def thread() -> None:
        start.wait(10)
        objects.update((name, id(blocking[name])) for name in names)

    async def tasks_of_a_loop() -> None:
        rnd = random.Random(seed)

        async def touch(name: str) -> None:
            with anyio.move_on_after(rnd.random() * 0.002 if rnd.random() < 1 / 3 else 30):
                objects.add((name, id(await awaited.get(name))))

        start.wait(10)
        async with anyio.create_task_group() as tasks:
            for number in range(TASKS):
                tasks.start_soon(touch, names[number % len(names)])

    ways = [Way("asyncio", db.name, "asyncio"), Way("trio", db.name, "trio")]
    threads = [
        *(Started(thread) for _ in range(4)),
        *(Started(lambda way=way: run_in(way, tasks_of_a_loop)) for way in ways),  # type: ignore[misc]
    ]
    for started in threads:
        started.result(30)
    assert {1} == {reflector.count(name) for name in TABLES}
    assert sorted(TABLES) == sorted(name for name, _ in objects)
    assert set() == flights(blocking)
    assert 0 == checked_out(engine)
    engine.dispose()


# -- A sync access within an event loop ----------------------------------------------------------------


@pytest.fixture
def bare() -> Any:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


LOOP_WAYS = [way for way in THREADED if way.database == "sqlite"]


@pytest.mark.parametrize("way", LOOP_WAYS, ids=str)
@pytest.mark.parametrize("steps", range(6))
def test_blocking_access_beside_a_task_that_leads_the_load(way: Way, steps: int, bare: Any, no_blocking: Any) -> None:
    """A LazyDB used on a loop whose own task leads that load gets the table, wherever the leader stands."""
    no_blocking.deactivate()  # blocking is the point
    reflector = Watched(FakeReflector(info("users")))
    blocking = LazyDB(bare, reflector=reflector)
    awaited = AsyncLazyDBAccessor(bare)
    awaited._catalog = blocking._catalog
    got: list[Any] = []

    async def lead() -> None:
        got.append(await awaited.users)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lead)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            got.append(blocking.users)
        assert got[0] is got[1]

    run_in(way, main)
    assert 1 == reflector.count("users")


@pytest.mark.parametrize("way", LOOP_WAYS, ids=str)
def test_blocking_access_while_the_leaders_worker_runs(way: Way, bare: Any, no_blocking: Any) -> None:
    """A LazyDB used on a loop waits for a worker thread that carries a load of that loop's own task."""
    no_blocking.deactivate()
    reflector = Watched(FakeReflector(info("users")))
    blocking = LazyDB(bare, reflector=reflector)
    awaited = AsyncLazyDBAccessor(bare)
    awaited._catalog = blocking._catalog
    gate = reflector.gate("users")

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(awaited.get, "users")
            await until(gate.reached.is_set)
            threading.Timer(0.05, gate.open).start()
            assert "users" == blocking.users.name
        assert (await awaited.users) is blocking.users

    run_in(way, main)
    assert 1 == reflector.count("users")


@pytest.mark.parametrize("way", LOOP_WAYS, ids=str)
def test_two_tasks_block_on_one_load(way: Way, bare: Any, no_blocking: Any) -> None:
    """Tasks that wait and tasks that block on one load all get the table."""
    no_blocking.deactivate()
    reflector = Watched(FakeReflector(info("users"), info("orders")))
    blocking = LazyDB(bare, reflector=reflector)
    awaited = AsyncLazyDBAccessor(bare)
    awaited._catalog = blocking._catalog
    got: list[str] = []

    async def wait(name: str) -> None:
        got.append((await awaited.get(name)).name)

    async def block(name: str) -> None:
        got.append(blocking.get(name).name)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for name in ("users", "orders") * 5:
                tasks.start_soon(wait, name)
                tasks.start_soon(block, name)

    run_in(way, main)
    assert 20 == len(got)
    assert {1} == {reflector.count("users"), reflector.count("orders")}


# -- Who carries a load may not wait for one ----------------------------------------------------------------


@every_loop
def test_load_that_reenters_its_own_key_is_refused(place: Place) -> None:
    """A reflector that asks for the very table that it reads gets a ReflectionError instead of waiting for itself."""
    from sqlalchemy.util import await_only

    from lazy_alchemy import ReflectionError

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)
        blocking = LazyDB(engine.sync_engine if place.native else engine)
        blocking._catalog = db._catalog

        def reenter(_: frozenset[str]) -> None:
            if place.native:
                await_only(db.get("users"))
            else:
                blocking.get("users")

        reflector.before = reenter
        with pytest.raises(ReflectionError, match="re-entered"):
            await db.users
        reflector.before = lambda _: None
        assert "users" == (await db.users).name

    place.run(main)


@every_loop
def test_failed_load_fails_all_who_waited(place: Place) -> None:
    """A load that fails fails every task that waited for it, each with its own error, and the next tries anew."""
    from lazy_alchemy import ReflectionError

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        db = place.accessor(reflector=reflector)
        errors: list[BaseException] = []

        def fail(_: frozenset[str]) -> None:
            raise OSError("disk on fire")

        async def touch() -> None:
            with pytest.raises(ReflectionError, match="disk on fire") as raised:
                await db.users
            errors.append(raised.value)

        reflector.before = fail
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(touch)
        assert 10 == len(set(map(id, errors)))
        assert 1 == len(reflector.reads)
        reflector.before = lambda _: None
        assert "users" == (await db.users).name

    place.run(main)


@every_loop
def test_slow_load_delays_no_cached_table_and_no_other_one(place: Place) -> None:
    """While a table is being read, a loaded one is served, another is loaded, and names are listed."""

    async def main() -> None:
        reflector = Watched(Touching(info("slow"), info("a"), info("b")))
        db = place.accessor(reflector=reflector)
        a = await db.a
        gate = Gate(place)
        reflector.before = lambda names: gate.stop() if "slow" in names else None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(db.get, "slow")
            await gate.came()
            with anyio.fail_after(5):
                assert a is await db.a
                await answer(db.invalidate("a"))
                assert a is await db.a
                assert "b" == (await db.b).name
                assert ["a", "b", "slow"] == await db.list_tables()
            assert 2 == db.cache_info().loaded
            gate.open()

    place.run(main)


@every_thread
def test_load_of_an_engine_pool_of_one(place: Place) -> None:
    """With one connection in the pool, two hundred tasks over twenty tables all get their tables."""

    async def main() -> None:
        reflector = Watched(Touching(*map(info, TABLES)))
        db = place.accessor(place.engine(pool_size=1, max_overflow=0, pool_timeout=10), reflector=reflector)
        async with anyio.create_task_group() as tasks:
            for number in range(TASKS):
                tasks.start_soon(db.get, TABLES[number % len(TABLES)])
        assert 1 == reflector.peak
        assert {1} == {reflector.count(name) for name in TABLES}

    place.run(main)


@pytest.mark.parametrize("way", LOOP_WAYS, ids=str)
def test_in_memory_sqlite_in_worker_threads(way: Way) -> None:
    """An in-memory SQLite that all threads share (StaticPool) is read from worker threads."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    db = AsyncLazyDBAccessor(engine)

    async def main() -> None:
        assert "users" == (await db.users).name

    run_in(way, main)
    engine.dispose()
