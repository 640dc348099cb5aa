"""Any Cache: when it is asked and told, what is taken from it, and what it may do wrong (I4)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from lazy_alchemy import CustomTable, get_lazy_class
from lazy_alchemy._protocols import CacheEntry
from lazy_alchemy.caches import MemoryCache
from tests.databases import count_queries
from tests.fakes import (
    FakeReflector,
    Gate,
    Started,
    Waiters,
    Watched,
    WatchedCache,
    count_checkouts,
    info,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Engine

    from lazy_alchemy._protocols import TableKey
    from tests.databases import Database


@pytest.fixture
def waiters(monkeypatch: pytest.MonkeyPatch) -> Waiters:
    """Who waits for another thread's load."""
    return Waiters(monkeypatch)


def columns(table: CustomTable) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in table.c]


def tables(count: int, prefix: str = "t") -> list[str]:
    """Return statements that create tables, and nothing else in them."""
    return [f"CREATE TABLE {prefix}{number} (id INTEGER PRIMARY KEY)" for number in range(count)]


def test_cache_is_asked_before_the_database_and_told_after(engine: Engine) -> None:
    """A cache is asked first, told what was read, and told nothing that it said itself."""
    cache = WatchedCache()
    reflector = Watched(FakeReflector(info("a"), info("b")))
    reflector.before = lambda names: cache.log.append(("read", set(names)))
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    lazy.preload("a", "b")
    assert [("get", {"a", "b"}), ("read", {"a", "b"}), ("set", {"a", "b"})] == cache.log
    get_lazy_class(engine, reflector=FakeReflector(), cache=cache).preload("a", "b")
    assert [("get", {"a", "b"})] == cache.log[3:]
    lazy.invalidate("a")
    lazy.invalidate_all()
    assert [("discard", {"a"}), ("clear", "everything")] == cache.log[4:]


def test_cache_that_answers_costs_no_query_and_no_connection(db: Database) -> None:
    """A table that the cache knows is loaded without a connection, and equals the one that was reflected."""
    db.execute(*tables(2))
    cache = MemoryCache()
    reflected = get_lazy_class(db.engine, cache=cache)
    reflected.preload("t0", "t1")
    engine = db.make_engine()
    lazy = get_lazy_class(engine, cache=cache)
    with count_queries(engine) as counted, count_checkouts(engine) as out:
        assert reflected.t0.reflected == lazy.t0.reflected
        lazy.preload("t1")
    assert 0 == counted.count
    assert [] == out
    assert (2, 0) == (lazy.cache_info().from_cache, lazy.cache_info().reflected)
    assert 0 == lazy.cache_info().loads


def test_of_a_batch_only_what_the_cache_lacks_is_read(engine: Engine) -> None:
    """A cache that knows some of the tables saves reading those."""
    cache = MemoryCache()
    reflector = Watched(FakeReflector(info("a"), info("b"), info("c")))
    get_lazy_class(engine, reflector=reflector, cache=cache).preload("a", "b")
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    lazy.preload("a", "b", "c")
    assert frozenset({"c"}) == reflector.reads[-1]
    assert (2, 1) == (lazy.cache_info().from_cache, lazy.cache_info().reflected)


def test_cache_is_not_told_of_a_load_that_was_invalidated_meanwhile(engine: Engine) -> None:
    """What a load read before an invalidate never reaches the cache."""
    cache = WatchedCache()
    fake = FakeReflector(info("a", "old"), info("b"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    gate = reflector.gate("a")
    late = Started(lambda: lazy.preload("a", "b"))
    gate.await_reached()
    lazy.invalidate("a")
    gate.open()
    late.result()
    assert [("set", {"b"})] == [entry for entry in cache.log if entry[0] == "set"]


def test_invalidate_while_the_cache_is_being_told_is_not_lost(engine: Engine) -> None:
    """An invalidate that comes while the cache is being told leaves the old entry in the cache no longer than that."""
    gate = Gate()

    class Slow(MemoryCache):
        def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
            gate.stop()
            super().set_many(entries)

    cache = Slow()
    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a")), cache=cache)
    loading = Started(lambda: lazy.a)
    gate.await_reached()
    lazy.invalidate("a")
    gate.open()
    loading.result()
    assert 0 == len(cache)


class Broken:
    """A cache that raises whatever is asked of it."""

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Raise."""
        raise OSError("the cache is gone")

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Raise."""
        raise OSError("the cache is gone")

    def discard(self, keys: Collection[TableKey]) -> None:
        """Raise."""
        raise OSError("the cache is gone")

    def clear(self, database: str) -> None:
        """Raise."""
        raise OSError("the cache is gone")


def test_cache_that_raises_is_logged_and_survived(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure of a cache is a warning, and the database is asked instead."""
    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a")), cache=Broken())
    assert "a" == lazy.a.name
    assert ["cannot be read", "cannot be written"] == _said(caplog)
    caplog.clear()
    lazy.invalidate("a")
    lazy.invalidate_all()
    assert ["cannot be cleared"] * 2 == _said(caplog)
    assert {"lazy_alchemy"} == {record.name for record in caplog.records}
    assert {logging.WARNING} == {record.levelno for record in caplog.records}


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    words = ("cannot be read", "cannot be written", "cannot be cleared")
    return [word for record in caplog.records for word in words if word in record.message]


def test_cache_that_answers_what_it_was_not_asked_is_survived(engine: Engine) -> None:
    """Entries for other keys are left alone."""

    class Generous(MemoryCache):
        def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
            key = next(iter(keys))
            return {key._replace(name="other"): CacheEntry(info("other"), time.time(), "x")}

    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a")), cache=Generous())
    assert "a" == lazy.a.name
    assert 1 == lazy.cache_info().loaded


def _aged(cache: MemoryCache, seconds: float) -> None:
    """Make the entries of `cache` older."""
    for key, entry in list(cache._entries.items()):
        cache._entries[key] = CacheEntry(entry.info, entry.reflected_at - seconds, entry.fingerprint)


def test_cache_entry_older_than_the_ttl_is_not_taken(engine: Engine) -> None:
    """An accessor with a TTL takes from the cache what is younger than that, one without takes anything."""
    cache = MemoryCache()
    fake = FakeReflector(info("a", "old"))
    get_lazy_class(engine, reflector=fake, cache=cache).get("a")
    fake.put(info("a", "new"))
    _aged(cache, 50)
    assert ["id", "old"] == columns(get_lazy_class(engine, reflector=fake, cache=cache, cache_ttl=100).a)
    assert ["id", "old"] == columns(get_lazy_class(engine, reflector=fake, cache=cache).a)
    assert ["id", "new"] == columns(get_lazy_class(engine, reflector=fake, cache=cache, cache_ttl=20).a)
    assert ["id", "new"] == columns(get_lazy_class(engine, reflector=fake, cache=cache, cache_ttl=20).a)


def test_age_of_a_cached_table_counts_towards_its_ttl(engine: Engine) -> None:
    """A table that the cache knew for most of its TTL expires when that is over, not a TTL after it was loaded."""
    cache = MemoryCache()
    reflector = Watched(FakeReflector(info("a")))
    get_lazy_class(engine, reflector=reflector, cache=cache).get("a")
    _aged(cache, 99.95)
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache, cache_ttl=100)
    lazy.get("a")
    assert 1 == reflector.count("a")
    time.sleep(0.06)
    lazy.get("a")
    assert 2 == reflector.count("a")


def test_cache_entry_older_than_an_invalidation_is_not_taken(engine: Engine) -> None:
    """After an invalidate the database is asked, though the cache kept the old entry."""

    class Keeping(MemoryCache):
        def discard(self, keys: Collection[TableKey]) -> None:
            pass

        def clear(self, database: str) -> None:
            pass

    cache = Keeping()
    fake = FakeReflector(info("a", "1"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    assert ["id", "1"] == columns(lazy.a)
    fake.put(info("a", "2"))
    lazy.invalidate("a")
    assert ["id", "2"] == columns(lazy.a)
    fake.put(info("a", "3"))
    lazy.invalidate_all()
    assert ["id", "3"] == columns(lazy.a)
    assert ["id", "3"] == columns(get_lazy_class(engine, reflector=reflector, cache=cache).a)


def test_refresh_does_not_ask_the_cache(engine: Engine) -> None:
    """A refresh reads from the database what the cache knows."""
    cache = MemoryCache()
    fake = FakeReflector(info("a", "old"))
    get_lazy_class(engine, reflector=fake, cache=cache).get("a")
    fake.put(info("a", "new"))
    lazy = get_lazy_class(engine, reflector=fake, cache=cache)
    lazy.refresh("a")
    assert ["id", "new"] == columns(lazy.a)


def test_refresh_that_comes_while_the_cache_answers_goes_to_the_database(engine: Engine, waiters: Waiters) -> None:
    """A refresh that joins a load whose keys the cache has just answered makes it ask the database, and ends."""
    cache = WatchedCache()
    fake = FakeReflector(info("a", "old"))
    get_lazy_class(engine, reflector=fake, cache=cache).get("a")
    fake.put(info("a", "new"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    cache.gate = gate = Gate()
    first = Started(lambda: lazy.a)
    gate.await_reached()
    refreshing = Started(lambda: lazy.refresh("a"))
    waiters.await_()
    gate.open()
    refreshing.result()
    first.result()
    assert ["id", "new"] == columns(lazy.a)
    assert 1 == reflector.count("a")


def test_tables_asked_for_while_the_cache_answers_are_asked_of_it_too(engine: Engine, waiters: Waiters) -> None:
    """A table that joins a load while the cache is being asked is taken from the cache as well."""
    cache = WatchedCache()
    fake = FakeReflector(info("a"), info("b"))
    get_lazy_class(engine, reflector=fake, cache=cache).preload("a", "b")
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    cache.gate = gate = Gate()
    first = Started(lambda: lazy.a)
    gate.await_reached()
    second = Started(lambda: lazy.b)
    waiters.await_()
    gate.open()
    assert ["a", "b"] == [first.result().name, second.result().name]
    assert [] == reflector.reads


def test_old_answer_of_a_cache_is_not_handed_to_an_accessor_with_a_shorter_ttl(engine: Engine) -> None:
    """A load that took an old entry from the cache is not joined by one that wants it younger."""
    cache = MemoryCache()
    fake = FakeReflector(info("a", "old"), info("slow"))
    reflector = Watched(fake)
    get_lazy_class(engine, reflector=fake, cache=cache).get("a")
    _aged(cache, 50)
    fake.put(info("a", "new"))
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    young = get_lazy_class(engine, reflector=reflector, cache=cache, cache_ttl=10)
    gate = reflector.gate("slow")
    first = Started(lambda: lazy.preload("a", "slow"))
    gate.await_reached()
    second = Started(lambda: columns(young.a))
    assert ["id", "new"] == second.result()
    gate.open()
    first.result()
    assert ["id", "new"] == columns(young.a)
