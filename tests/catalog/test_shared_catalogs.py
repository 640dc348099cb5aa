"""Accessors of one engine with the same reflector and cache objects share their tables; all others do not (I3, I6)."""

from __future__ import annotations

import gc
import weakref
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from lazy_alchemy import AsyncLazyDBAccessor, LazyDB, LazyTable, get_lazy_class
from lazy_alchemy.caches import MemoryCache
from tests.fakes import FakeReflector, Watched, info, together

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.databases import Database


class Declared(LazyDB):
    """A registry of one table."""

    a: LazyTable


def reflector() -> Watched:
    """Return a database of two tables."""
    return Watched(FakeReflector(info("a"), info("b", refers={"a_id": "a"})))


def test_same_objects_share(engine: Engine) -> None:
    """Accessors with one cache, one reflector, or both, have one MetaData, and load a table once."""
    cache, one = MemoryCache(), reflector()
    for options in ({"reflector": one}, {"reflector": one, "cache": cache}):
        one.reads.clear()
        first, second = get_lazy_class(engine, **options), Declared(engine, cache_ttl=5, **options)
        assert first.metadata is second.metadata
        assert first.a is second.a
        assert "JOIN a" in str(second.get("b").join(first.a))
        assert [frozenset("a"), frozenset("b")] == one.reads


def test_other_objects_share_nothing(engine: Engine) -> None:
    """Accessors whose caches or reflectors are different objects have different tables, however equal these are."""
    caches, reflectors = (MemoryCache(), MemoryCache()), (reflector(), reflector())
    accessors = [
        get_lazy_class(engine),
        *(get_lazy_class(engine, cache=cache) for cache in caches),
        *(get_lazy_class(engine, reflector=one) for one in reflectors),
        *(get_lazy_class(engine, cache=cache, reflector=one) for cache in caches for one in reflectors),
    ]
    for one, other in combinations(accessors, 2):
        assert one.metadata is not other.metadata


def test_schemas_over_one_cache_join(db: Database) -> None:
    """Tables of two schemas, whose accessors have one cache, join and are replaced together."""
    if db.is_sqlite:
        pytest.skip("SQLite's foreign keys do not cross schemas")
    other = f"{db.url.database}_other" if db.is_mariadb else "other"
    db.execute(f"CREATE SCHEMA {other}")
    try:
        db.execute(
            f"CREATE TABLE {other}.p (id INTEGER NOT NULL PRIMARY KEY)",
            f"CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, p_id INTEGER, "
            f"FOREIGN KEY (p_id) REFERENCES {other}.p (id))",
        )
        cache = MemoryCache()
        for _ in ("from the database", "from the cache"):
            engine = db.make_engine()
            here, there = LazyDB(engine, cache=cache), LazyDB(engine, cache=cache, schema=other)
            assert f"JOIN {other}.p" in str(here.kid.join(there.p))
            engine.dispose()
        db.execute(f"ALTER TABLE {other}.p ADD COLUMN added INTEGER")
        here.invalidate_all()
        assert f"JOIN {other}.p" in str(here.kid.join(there.p))
        assert "added" in there.p.c
        engine.dispose()
    finally:
        db.execute("DROP TABLE kid", f"DROP SCHEMA {other}{' CASCADE' if db.is_postgresql else ''}")


def test_attached_schemas_over_one_cache(db: Database) -> None:
    """A cache keeps the same name in two schemas apart; one MetaData has both."""
    if not db.is_sqlite:
        pytest.skip("test_schemas_over_one_cache_join does it there")
    db.execute("CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY)")
    cache = MemoryCache()
    here, main = LazyDB(db.engine, cache=cache), LazyDB(db.engine, cache=cache, schema="main")
    assert (None, "main") == (here.a.schema, main.a.schema)
    assert here.metadata is main.metadata
    assert {"a", "main.a"} == set(here.metadata.tables)


def test_async_accessor_shares(sqlite_db: Database) -> None:
    """An accessor of an AsyncEngine shares with one of its Engine, if both have the same objects."""
    engine = create_async_engine(sqlite_db.url.set(drivername="sqlite+aiosqlite"), poolclass=NullPool)
    cache = MemoryCache()
    shared: Any = AsyncLazyDBAccessor(engine, cache=cache)
    assert shared.metadata is get_lazy_class(engine.sync_engine, cache=cache).metadata
    assert shared.metadata is not AsyncLazyDBAccessor(engine).metadata


def test_change_is_heard_in_every_catalog(engine: Engine) -> None:
    """`invalidate` reaches accessors with other objects too, and `refresh` those with the same."""
    fake = FakeReflector(info("a"))
    cache = MemoryCache()
    plain = get_lazy_class(engine, reflector=fake)
    one, same = (get_lazy_class(engine, reflector=fake, cache=cache) for _ in range(2))
    for lazy in (plain, one, same):
        lazy.get("a")
    fake.put(info("a", "new"))
    one.refresh("a")
    assert ["new" in lazy.a.c for lazy in (plain, one, same)] == [False, True, True]
    one.invalidate("a")
    assert "new" in plain.a.c


def test_tables_live_as_long_as_an_accessor_that_shares_them(engine: Engine) -> None:
    """With the last accessor its tables go, and its cache too; other objects share nothing, whatever their ids."""
    cache = MemoryCache()
    lazy = get_lazy_class(engine, reflector=reflector(), cache=cache)
    other = lazy.__copy__()
    table = weakref.ref(lazy.a)
    del lazy
    gc.collect()
    assert table() is other.a
    del other
    gc.collect()
    assert table() is None
    gone = weakref.ref(cache)
    del cache
    gc.collect()
    assert gone() is None
    for _ in range(20):  # at addresses that have been used before
        assert "new" in get_lazy_class(engine, reflector=FakeReflector(info("a", "new")), cache=MemoryCache()).a.c
        assert "new" not in get_lazy_class(engine, reflector=FakeReflector(info("a")), cache=MemoryCache()).a.c


def test_accessors_that_are_made_at_once_share(engine: Engine) -> None:
    """Threads that make the first accessors of an engine at once get one catalog."""
    cache = MemoryCache()
    made = together(*[lambda: get_lazy_class(engine, cache=cache)] * 16)
    assert 1 == len({id(lazy.metadata) for lazy in made})


def test_cache_beside_a_plain_accessor(db: Database) -> None:
    """Tables of an accessor with a cache do not join those of one without, and both can be used."""
    db.execute("CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY)")
    plain, cached = get_lazy_class(db.engine), get_lazy_class(db.engine, cache=MemoryCache())
    assert plain.a is not cached.a
    assert plain.a.reflected == cached.a.reflected
    with db.engine.connect() as connection:
        assert 0 == connection.scalar(text("SELECT COUNT(*) FROM a"))
