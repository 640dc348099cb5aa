"""I2: a check that is stuck keeps no one waiting who has the table, nor a first touch of another one."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from lazy_alchemy import get_async_lazy_class, get_lazy_class
from tests.fakes import FakeReflector, Started, Watched, info
from tests.stalling import StallingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.databases import Database

PATIENCE = 0.5
SLACK = 1.0
"""What a busy machine may add."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + SLACK


@pytest.fixture
def server_db(request: pytest.FixtureRequest) -> Database:
    """An empty database on a server."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("server_db", ["postgresql_db", "mariadb_db"], indirect=True)
def test_dead_connection_keeps_no_thread_waiting(server_db: Database) -> None:
    """While the connection of a check is dead, whoever has a table gets it within half a second, and then at once."""
    server_db.execute(
        "CREATE TABLE u (id INTEGER)", *(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY)" for n in range(10))
    )
    with StallingProxy(server_db.url) as proxy:
        engine = create_engine(proxy.url)
        db = get_lazy_class(engine, cache_ttl=0.3)
        tables = [db[f"t{number}"] for number in range(10)]
        time.sleep(0.4)
        proxy.stall()
        with at_most(PATIENCE):
            assert tables[0] is db.t0
        with at_most(0):
            assert tables == [db[f"t{number}"] for number in range(10)]
        with at_most(1):
            assert "u" == db.u.name
        engine.dispose()


def test_first_touch_that_comes_with_a_stuck_check_does_not_hang(engine: Engine) -> None:
    """A table that is got for the first time while a check is stuck is loaded by a flight of its own."""
    reflector = Watched(FakeReflector(info("a"), info("b")))
    db = get_lazy_class(engine, cache_ttl=0.05, reflector=reflector)
    table = db.a
    time.sleep(0.1)
    gate = reflector.gate("a")
    try:
        check = Started(lambda: db.a)
        gate.await_reached()
        with at_most(0):
            assert "b" == db.b.name
        with at_most(PATIENCE):
            assert check.result() is table
    finally:
        gate.open()


def test_four_stuck_checks_stop_no_fifth_table(engine: Engine) -> None:
    """Checks take no slot of first touches, however many are stuck."""
    reflector = Watched(FakeReflector(*(info(name) for name in "abcde")))
    db = get_lazy_class(engine, cache_ttl=0.05, reflector=reflector)
    db.preload("a", "b", "c", "d")
    for name in "abcd":
        db.get(name)
    time.sleep(0.1)
    gate = reflector.gate("a")
    try:
        users = [Started(lambda name=name: db.get(name)) for name in "abcd"]
        gate.await_reached()
        with at_most(0):
            assert "e" == db.e.name
        with at_most(PATIENCE):
            assert ["a", "b", "c", "d"] == [user.result().name for user in users]
    finally:
        gate.open()


def test_refresh_waits(engine: Engine) -> None:
    """``refresh`` waits for its check as long as it takes."""
    reflector = Watched(FakeReflector(info("a")))
    db = get_lazy_class(engine, reflector=reflector)
    old = db.a
    gate = reflector.gate("a")
    refreshing = Started(lambda: db.refresh("a"))
    gate.await_reached()
    time.sleep(PATIENCE + 0.3)
    assert refreshing.is_running
    gate.open()
    refreshing.result()
    assert db.a is old


@pytest.mark.parametrize("pool", ["static", "one"])
def test_a_pool_of_one_connection_is_checked_by_the_caller(db: Database, pool: str) -> None:
    """Where the pool has one connection, or one for all, the caller's own thread carries the check."""
    if pool == "static" and not db.is_sqlite:
        pytest.skip("one is enough")
    options: dict[str, Any] = {"poolclass": StaticPool} if pool == "static" else {"pool_size": 1, "max_overflow": 0}
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    threads: set[int] = set()

    class Here(FakeReflector):
        def fingerprints(self, *arguments: Any, **keywords: Any) -> Any:
            threads.add(threading.get_ident())
            return super().fingerprints(*arguments, **keywords)

    lazy = get_lazy_class(db.make_engine(**options), cache_ttl=0.05, reflector=Here(info("t")))
    lazy.get("t")
    time.sleep(0.1)
    lazy.get("t")
    assert {threading.get_ident()} == threads


def test_dead_connection_keeps_no_task_waiting(postgresql_db: Database) -> None:
    """The same for 20 tasks over an AsyncEngine: each use takes half a second at most, and another table loads."""
    from sqlalchemy.ext.asyncio import create_async_engine

    postgresql_db.execute(*(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY)" for number in range(11)))

    async def main() -> None:
        with StallingProxy(postgresql_db.url) as proxy:
            engine = create_async_engine(proxy.url.set(drivername="postgresql+asyncpg"))
            db = get_async_lazy_class(engine, cache_ttl=0.3)
            tables = [await db[f"t{number}"] for number in range(10)]
            await asyncio.sleep(0.4)
            proxy.stall()
            with at_most(PATIENCE):
                assert tables * 2 == await asyncio.gather(*(db.get(f"t{number % 10}") for number in range(20)))
            with at_most(1):
                assert "t10" == (await db.t10).name
            await engine.dispose(close=False)

    asyncio.run(main())
