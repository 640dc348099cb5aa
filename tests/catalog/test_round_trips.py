"""What a load costs on the wire: a proxy between the driver and the server counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import MetaData, Table, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from lazy_alchemy import get_async_lazy_class, get_lazy_class
from tests.benchmarks.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

    from tests.databases import Database

TABLES = ["t0", "t1", "t2", "t3", "t4"]


@pytest.fixture
def proxy(postgresql_db: Database) -> Iterator[Proxy]:
    """What lies between a program and a database of PostgreSQL that has the tables."""
    postgresql_db.execute(*(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in TABLES))
    with Proxy(postgresql_db.url.host or "127.0.0.1", postgresql_db.url.port or 5432, 0) as proxy:
        yield proxy


def by_way_of(proxy: Proxy, database: Database, driver: str) -> URL:
    """Return the URL of a database by way of the proxy, for a driver."""
    return proxy.url(database.url).set(drivername=f"postgresql+{driver}")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_load_is_one_round_trip(postgresql_db: Database, proxy: Proxy, driver: str) -> None:
    """Over a connection that is open, a first use is one round trip on the wire, and a preload of several too."""
    engine = create_engine(by_way_of(proxy, postgresql_db, driver))
    try:
        engine.connect().close()
        db = get_lazy_class(engine)
        trips = proxy.trips
        assert ["t0", "t1"] == [db.t0.name, db.t1.name]
        assert trips + 2 == proxy.trips
        db.preload("t2", "t3", "t4")
        assert trips + 3 == proxy.trips
        Table("t0", MetaData(), autoload_with=engine, resolve_fks=False)
        assert trips + 3 + 10 <= proxy.trips  # what SQLAlchemy itself needs
    finally:
        engine.dispose()


def test_a_load_is_one_round_trip_through_asyncpg(postgresql_db: Database, proxy: Proxy) -> None:
    """The first load of a connection prepares the statement, which is a round trip more; all others are one."""

    async def main() -> list[int]:
        engine = create_async_engine(by_way_of(proxy, postgresql_db, "asyncpg"))
        try:
            async with engine.connect():
                pass
            db = get_async_lazy_class(engine)
            took = []
            for name in TABLES:
                trips = proxy.trips
                await db.get(name)
                took.append(proxy.trips - trips)
            return took
        finally:
            await engine.dispose()

    assert [2, 1, 1, 1, 1] == asyncio.run(main())


def test_a_listener_for_begin_gets_its_transaction(postgresql_db: Database, proxy: Proxy) -> None:
    """Where somebody listens for `begin`, a load is in a transaction, whose beginning and end cost two round trips."""
    engine = create_engine(by_way_of(proxy, postgresql_db, "psycopg2"))
    begun: list[object] = []
    event.listen(engine, "begin", begun.append)
    try:
        engine.connect().close()
        db = get_lazy_class(engine)
        trips = proxy.trips
        assert "t0" == db.t0.name
        assert 1 == len(begun)
        assert trips + 1 < proxy.trips
    finally:
        engine.dispose()
