"""Cancellation: nobody else suffers from it, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from lazy_alchemy import AsyncLazyDBAccessor, ReflectionError
from lazy_alchemy._concurrency.loops import in_thread
from tests.fakes import FakeReflector, Watched, collecting_only_what_is_new, info

from .ways import (
    LOOPS,
    NATIVE,
    SECONDS,
    THREADED,
    Gate,
    Touching,
    answer,
    checked_out,
    close_undelivered,
    collect,
    flights,
    run_in,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .ways import Place, Way

every_loop = pytest.mark.parametrize("place", LOOPS, ids=str, indirect=True)
every_thread = pytest.mark.parametrize("place", THREADED, ids=str, indirect=True)
every_asyncio = pytest.mark.parametrize(
    "place", [way for way in LOOPS if way.backend == "asyncio"], ids=str, indirect=True
)
every_async_engine = pytest.mark.parametrize("place", NATIVE, ids=str, indirect=True)
on_sqlite = pytest.mark.parametrize("place", [w for w in LOOPS if w.database == "sqlite"], ids=str, indirect=True)


@pytest.fixture(autouse=True)
def finalized(nothing_logged: None) -> Iterator[None]:
    """What a test leaves behind is finalized within it, so that what that says is the test's own."""
    with collecting_only_what_is_new():
        yield
        close_undelivered()
        collect()


SLEEP = {
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000) SELECT COUNT(*) FROM c",
    "postgresql": "SELECT pg_sleep(0.3)",
    "mariadb": "SELECT SLEEP(0.3)",
}
"""A statement that takes a third of a second or so."""


async def wakers(db: Any, count: int) -> None:
    """Wait until `count` tasks wait for flights that others carry."""
    await until(lambda: sum(len(flight._wakers) for flight in flights(db)) == count)


@every_loop
def test_cancelled_leader_fails_no_follower(place: Place) -> None:
    """When the task that asked first is cancelled in the middle of the load, its followers get that load's table."""

    async def main() -> None:
        gate = Gate(place)
        reflector = Watched(Touching(info("users")))
        reflector.before = gate.stop
        db = place.accessor(reflector=reflector)
        got: list[str] = []

        async def follow() -> None:
            got.append((await db.users).name)

        async with anyio.create_task_group() as tasks:
            leader = anyio.CancelScope()

            async def lead() -> None:
                with leader:
                    await db.users

            tasks.start_soon(lead)
            await gate.came()
            for _ in range(3):
                tasks.start_soon(follow)
            await wakers(db, 4 if place.native else 3)
            leader.cancel()
            await anyio.sleep(0.01)
            assert [] == got
            gate.open()
        assert ["users"] * 3 == got
        assert 1 == reflector.count("users")

    place.run(main)


@every_loop
def test_cancelled_follower_leaves_no_trace(place: Place) -> None:
    """A follower that is cancelled ends at once, and the flight does not know of it any more."""

    async def main() -> None:
        gate = Gate(place)
        reflector = Watched(Touching(info("users")))
        reflector.before = gate.stop
        db = place.accessor(reflector=reflector)
        alone = 1 if place.native else 0  # a leader over an AsyncEngine waits for a background task
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(db.get, "users")
            await gate.came()
            async with anyio.create_task_group() as followers:
                for _ in range(5):
                    followers.start_soon(db.get, "users")
                await wakers(db, 5 + alone)
                followers.cancel_scope.cancel()
            await wakers(db, alone)
            gate.open()
        assert 1 == reflector.count("users")
        assert set() == flights(db)
        assert set() == db._catalog._loads.holders._waiting

    place.run(main)


@on_sqlite
@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("follower_first", [False, True])
def test_leader_cancelled_at_any_step(place: Place, steps: int, follower_first: bool) -> None:
    """Cancelled after whatever number of steps of its loop, also before its worker starts, a leader hangs nobody."""

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        db = place.accessor(reflector=reflector)
        got: list[str] = []

        async def follow() -> None:
            got.append((await db.users).name)

        scope = anyio.CancelScope()

        async def lead() -> None:
            with scope:
                await db.users

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lead)
            if follower_first:
                tasks.start_soon(follow)
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            scope.cancel()
            if not follower_first:
                tasks.start_soon(follow)
        assert ["users"] == got
        assert 1 == reflector.count("users")
        await until(lambda: not flights(db))
        assert set() == db._catalog._loads.holders._waiting

    place.run(main)


@every_asyncio
@pytest.mark.parametrize("steps", range(8))
def test_task_cancelled_at_any_step(place: Place, steps: int) -> None:
    """The same with asyncio's own `Task.cancel`, of the leader and of a follower at once."""

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        db = place.accessor(reflector=reflector)
        tasks = [asyncio.ensure_future(answer(db.users)) for _ in range(4)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert ["users", "users"] == [outcomes[1].name, outcomes[3].name]  # type: ignore[union-attr]
        assert 1 == reflector.count("users")
        await until(lambda: not flights(db))

    place.run(main)


@every_async_engine
@pytest.mark.parametrize("steps", range(0, 40, 3))
def test_carrying_task_cancelled_at_any_step(place: Place, steps: int) -> None:
    """Cancelling the task that asks and the one that carries the load leaves an accessor that works, and no leak."""

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)
        task = asyncio.ensure_future(answer(db.users))
        for _ in range(steps):
            await asyncio.sleep(0)
        # Not all tasks: SQLAlchemy has one of its own that gives a connection back.
        doomed: set[Any] = {task, *db._catalog._loads.flights.loop().tasks}
        for one in doomed:
            one.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        assert task.done()
        with anyio.fail_after(5):
            assert "users" == (await db.users).name
        await until(lambda: not flights(db))
        assert set() == db._catalog._loads.holders._waiting

    place.run(main)


@every_async_engine
@pytest.mark.parametrize("steps", range(3))
def test_carrying_task_cancelled_before_it_starts(place: Place, steps: int) -> None:
    """When the background task is cancelled before its first step, those who wait for it load the table themselves."""

    async def main() -> None:
        reflector = Watched(Touching(info("users")))
        db = place.accessor(reflector=reflector)
        tasks = [asyncio.ensure_future(answer(db.users)) for _ in range(3)]
        known = {*tasks, asyncio.current_task()}
        others: set[Any] = set()
        for _ in range(50):
            others = {task for task in asyncio.all_tasks() if task not in known}
            if others:
                break
            await asyncio.sleep(0)
        for _ in range(steps):
            await asyncio.sleep(0)
        assert 1 == len(others)
        for other in others:
            other.cancel()
        assert ["users"] * 3 == [table.name for table in await asyncio.gather(*tasks)]

    place.run(main)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12")
@every_async_engine
def test_event_loop_that_starts_tasks_eagerly(place: Place) -> None:
    """With asyncio's eager tasks, tables are loaded once, and a load that re-enters its own key is refused as ever."""

    async def main() -> None:
        # Not asyncio.eager_task_factory: in Python 3.13.0 it does not take what uvloop passes.
        asyncio.get_running_loop().set_task_factory(
            lambda loop, coroutine, **options: asyncio.Task(coroutine, loop=loop, **options | {"eager_start": True})
        )
        reflector = Watched(Touching(info("users")))
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)

        def reenter(*_: object) -> None:
            await_only(db.get("users"))

        event.listen(engine.sync_engine, "do_connect", reenter)
        with anyio.fail_after(5), pytest.raises(ReflectionError, match="re-entered"):
            await db.users
        event.remove(engine.sync_engine, "do_connect", reenter)
        tables = await asyncio.gather(*[db.users] * 5, *[db.get("users") for _ in range(5)])
        assert 1 == len(set(map(id, tables)))
        assert 1 == reflector.count("users")

    place.run(main)


# -- Timeouts ----------------------------------------------------------------


@every_loop
def test_fail_after_fires(place: Place) -> None:
    """`anyio.fail_after` ends the wait while the load still goes on, and the load serves the next access."""

    async def main() -> None:
        gate = Gate(place)
        reflector = Watched(Touching(info("users")))
        reflector.before = gate.stop
        db = place.accessor(reflector=reflector)

        async def set_deadline(scope: anyio.CancelScope) -> None:
            await gate.came()
            scope.deadline = anyio.current_time() + 0.01

        for ask in (lambda: db.get("users"), lambda: db.preload("users")):
            async with anyio.create_task_group() as tasks:
                with pytest.raises(TimeoutError):  # noqa: PT012 - raised by leaving the block
                    with anyio.fail_after(SECONDS) as scope:
                        tasks.start_soon(set_deadline, scope)
                        await ask()
            assert not gate.opened.is_set()
        gate.open()
        assert "users" == (await db.users).name
        assert 1 == reflector.count("users")

    place.run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is of Python 3.11")
@every_asyncio
def test_asyncio_timeout_fires(place: Place) -> None:
    """So does `asyncio.timeout`, and `asyncio.wait_for`, which takes an accessor's attribute as it is."""

    async def main() -> None:
        gate = Gate(place)
        reflector = Watched(Touching(info("users")))
        reflector.before = gate.stop
        db = place.accessor(reflector=reflector)

        async def set_deadline(timeout: asyncio.Timeout) -> None:  # noqa: ASYNC109 - not its own timeout
            await gate.came()
            timeout.reschedule(asyncio.get_running_loop().time() + 0.01)

        with pytest.raises(TimeoutError):  # noqa: PT012 - raised by leaving the block
            async with asyncio.timeout(None) as timeout, asyncio.TaskGroup() as tasks:
                tasks.create_task(set_deadline(timeout))
                await db.users
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(db.users, 0.05)
        assert gate.reached.is_set()
        assert not gate.opened.is_set()
        gate.open()
        assert "users" == (await asyncio.wait_for(db.users, 10)).name
        assert 1 == reflector.count("users")

    place.run(main)


@every_loop
def test_cancelled_in_the_middle_of_a_query(place: Place) -> None:
    """Cancelled while the database works, a load gives its connection back, and the accessor goes on working."""

    async def main() -> None:
        slow = Touching(info("users"), info("orders"), sql=SLEEP[place.way.database])
        engine = place.engine()
        db = place.accessor(engine, reflector=slow)
        for ask in (lambda: db.get("users"), lambda: db.preload("users", "orders"), db.list_tables):
            with anyio.move_on_after(0.05):
                await ask()
        await until(lambda: checked_out(engine) == 0)
        slow.sql = "SELECT 1"
        assert "users" == (await db.users).name
        assert "orders" == (await db.orders).name

    place.run(main)


# -- A caller's own connection ----------------------------------------------------------------


@every_loop
def test_cancelled_load_through_a_connection_has_let_go_of_it(place: Place) -> None:
    """When a load through the caller's connection is cancelled, nobody uses the connection after that."""

    async def main() -> None:
        inside: list[str] = []
        reflector = Watched(Touching(info("users"), sql=SLEEP[place.way.database]))
        reflector.before = lambda _: inside.append("in")
        touch = reflector.inner.reflect

        def reflect(*args: Any, **options: Any) -> Any:
            try:
                return touch(*args, **options)
            finally:
                inside.append("out")

        reflector.inner.reflect = reflect  # type: ignore[method-assign]
        engine = place.engine()
        db = place.accessor(engine, reflector=reflector)
        connection: Any = await place.do(engine.connect)
        task_ended = anyio.Event()
        if place.way.backend == "asyncio":
            task = asyncio.ensure_future(db.get("users", connection=connection))
            await until(lambda: inside)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            scope = anyio.CancelScope()

            async def load() -> None:
                with scope:
                    await db.get("users", connection=connection)
                task_ended.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(load)
                await until(lambda: inside)
                scope.cancel()
                await task_ended.wait()
        assert ["in", "out"] == inside
        await place.do(connection.close)

    place.run(main)


@pytest.mark.parametrize("way", [way for way in THREADED if way.database == "sqlite"], ids=str)
def test_thread_that_must_end_is_waited_for(way: Way) -> None:
    """A thread that is not to be abandoned is waited for, however often that is cancelled; unless it has not begun."""
    began, release, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert release.wait(10)
        ended.set()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: in_thread(work, abandon=False))
            await until(began.is_set)
            for _ in range(3):
                tasks.cancel_scope.cancel()
            threading.Timer(0.05, release.set).start()
        assert ended.is_set()
        with anyio.CancelScope() as scope:
            scope.cancel()
            ended.clear()
            await in_thread(ended.set, abandon=False)
        assert scope.cancelled_caught
        await anyio.sleep(0.01)
        assert not ended.is_set()
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0, abandon=False)
        assert "value" == await in_thread(lambda: "value", abandon=False)

    run_in(way, main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is of Python 3.11")
def test_thread_that_must_end_is_waited_for_by_asyncio() -> None:
    """The same holds for asyncio's own cancellation: of a task, again and again, and of a timeout."""
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        assert release.wait(10)
        ended.set()

    async def main() -> None:
        task = asyncio.ensure_future(in_thread(work, abandon=False))
        await asyncio.sleep(0.02)
        for _ in range(5):
            task.cancel()
            await asyncio.sleep(0.005)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
        release.clear()
        ended.clear()
        threading.Timer(0.1, release.set).start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await in_thread(work, abandon=False)
        assert ended.is_set()

    asyncio.run(main())


# -- The end of an event loop ----------------------------------------------------------------


@pytest.fixture
def bare() -> Any:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("end", ["run", "close"])
def test_loop_that_ends_while_a_worker_loads(bare: Any, end: str) -> None:
    """When an event loop ends during a load, the worker ends and publishes it silently; the next loop has the table."""
    reflector = Watched(FakeReflector(info("users")))
    gate = reflector.gate("users")
    db = AsyncLazyDBAccessor(bare, reflector=reflector)

    async def main() -> None:
        asyncio.ensure_future(answer(db.users))  # noqa: RUF006 - left behind on purpose
        await until(gate.reached.is_set)

    async def impatient() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(db.users, 0.05)

    if end == "run":
        asyncio.run(main())
    else:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(impatient())
        assert gate.reached.is_set()
        loop.close()
    collect()
    gate.open()
    assert "users" == asyncio.run(_await(db)).name
    assert 1 == reflector.count("users")
    for thread in threading.enumerate():
        if "AnyIO" in thread.name:
            thread.join(10)


async def _await(db: Any) -> Any:
    return await db.users


def test_loop_that_ends_under_followers_of_another(bare: Any) -> None:
    """A loop that ends while its task leads a load leaves the followers on another loop their table."""
    reflector = Watched(FakeReflector(info("users")))
    gate = reflector.gate("users")
    db = AsyncLazyDBAccessor(bare, reflector=reflector)
    follower: Any = None

    def follow() -> None:
        nonlocal follower
        follower = anyio.run(_await, db, backend="trio")

    async def main() -> None:
        asyncio.ensure_future(answer(db.users))  # noqa: RUF006 - left behind on purpose
        await until(gate.reached.is_set)

    thread = threading.Thread(target=follow)
    asyncio.run(main())
    thread.start()
    gate.open()
    thread.join(10)
    assert "users" == follower.name
    assert 1 == reflector.count("users")


@every_async_engine
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 10, 20, 50])
def test_loop_that_ends_while_an_async_engine_loads(place: Place, steps: int) -> None:
    """`asyncio.run` ends silently with a load over an AsyncEngine under way, and the next one loads the table."""
    engine = place.engine(poolclass=NullPool)
    reflector = Touching(info("users"), sql=SLEEP[place.way.database])
    db = place.accessor(engine, reflector=reflector)

    async def main() -> None:
        asyncio.ensure_future(answer(db.users))  # noqa: RUF006 - left behind on purpose
        for _ in range(steps):
            await asyncio.sleep(0)

    run_in(place.way, main)
    gc.collect()
    reflector.sql = "SELECT 1"
    assert "users" == run_in(place.way, lambda: _await(db)).name
    run_in(place.way, engine.dispose)
