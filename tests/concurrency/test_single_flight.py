"""One load for all who ask, and never one that is too old: I2 and I4, and the Cache that is asked in between."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from lazy_alchemy import CustomTable, ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy._protocols import CacheEntry
from lazy_alchemy.caches import MemoryCache
from tests.databases import count_queries, warm
from tests.fakes import (
    FakeReflector,
    Gate,
    Started,
    Waiters,
    Watched,
    WatchedCache,
    count_checkouts,
    info,
    together,
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


def tables(count: int, prefix: str = "t") -> list[str]:
    """Return statements that create tables, and nothing else in them."""
    return [f"CREATE TABLE {prefix}{number} (id INTEGER PRIMARY KEY)" for number in range(count)]


def columns(table: CustomTable) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in table.c]


# -- One load


def test_one_table_asked_for_by_many_threads_is_reflected_once(db: Database, waiters: Waiters) -> None:
    """Sixteen threads that first touch a table at once cost one reflection, and get the same object."""
    db.execute(*tables(1))
    reflector = Watched()
    lazy = get_lazy_class(db.engine, reflector=reflector)
    gate = reflector.gate("t0")
    threads = [Started(lambda: lazy.t0) for _ in range(16)]
    gate.await_reached()
    waiters.await_(15)
    gate.open()
    found = {id(thread.result()) for thread in threads}
    assert 1 == len(found)
    assert [frozenset({"t0"})] == reflector.reads


def test_accessors_of_one_engine_made_at_once_share_one_load(db: Database) -> None:
    """Accessors that threads make of one engine at the same moment share its tables and their loads."""
    db.execute(*tables(1))
    with count_queries(warm(db.engine)) as one:
        get_lazy_class(db.engine).get("t0")
    engine = warm(db.make_engine())
    with count_queries(engine) as counted:
        found = together(*[lambda: get_lazy_class(engine).t0] * 16)
    assert 1 == len({id(table) for table in found})
    assert one.count == counted.count


def test_first_touches_that_come_together_are_loaded_together(db: Database, waiters: Waiters) -> None:
    """What is asked for while every slot is taken goes in one batch, and no more than four connections are ever out."""
    db.execute(*tables(4, "slow"), *tables(10))
    reflector = Watched()
    lazy = get_lazy_class(db.engine, reflector=reflector)
    with count_checkouts(db.engine) as out:
        gates = [reflector.gate(f"slow{number}") for number in range(4)]
        slow = []
        for number, gate in enumerate(gates):
            slow.append(Started(lambda name=f"slow{number}": lazy[name]))  # type: ignore[misc]
            gate.await_reached()
        threads = [Started(lambda name=f"t{number}": lazy[name]) for number in range(10)]  # type: ignore[misc]
        waiters.await_(9)  # the tenth carries the batch, and waits for a slot
        gates[0].open()
        assert [f"t{number}" for number in range(10)] == [thread.result().name for thread in threads]
        for gate in gates[1:]:
            gate.open()
        for thread in slow:
            thread.result()
    assert frozenset(f"t{number}" for number in range(10)) == reflector.reads[-1]
    assert 5 == len(reflector.reads)
    assert 4 == reflector.peak
    assert 4 == max(out)


def test_many_different_tables_never_take_more_than_four_connections(db: Database) -> None:
    """Twenty threads that touch twenty tables at once have at most four connections out, and load each table once."""
    db.execute(*tables(20))
    reflector = Watched()
    lazy = get_lazy_class(db.engine, reflector=reflector)
    with count_checkouts(db.engine) as out:
        together(*[lambda name=f"t{number}": lazy[name] for number in range(20)])  # type: ignore[misc]
    assert max(out) <= 4
    assert {1} == {reflector.count(f"t{number}") for number in range(20)}


def test_slow_load_delays_no_cached_table_and_no_other_one(db: Database) -> None:
    """While one table is being read, a loaded table is served, another is loaded, and names are listed."""
    db.execute(*tables(3))
    reflector = Watched()
    lazy = get_lazy_class(db.engine, reflector=reflector)
    cached = lazy.t0
    gate = reflector.gate("t1")
    slow = Started(lambda: lazy.t1)
    gate.await_reached()
    assert cached is Started(lambda: lazy.t0).result()
    lazy.invalidate("t2")
    assert "t2" == Started(lambda: lazy.t2).result().name
    assert cached is Started(lambda: lazy.t0).result()
    assert ["t0", "t1", "t2"] == Started(lazy.list_tables).result()
    Started(lazy.cache_info).result()
    gate.open()
    assert "t1" == slow.result().name


def test_slow_load_delays_no_other_database(engine: Engine) -> None:
    """While every slot of one database is taken, another database is read."""
    reflector = Watched(FakeReflector(*(info(f"t{number}") for number in range(4))))
    lazy = get_lazy_class(engine, reflector=reflector)
    gates = [reflector.gate(f"t{number}") for number in range(4)]
    slow = [Started(lambda name=f"t{number}": lazy[name]) for number in range(4)]  # type: ignore[misc]
    other = get_lazy_class(create_engine("sqlite://", poolclass=NullPool), reflector=FakeReflector(info("t")))
    assert "t" == Started(lambda: other.t).result().name
    for gate in gates:
        gate.open()
    for thread in slow:
        thread.result()


def test_two_batches_that_overlap_read_each_table_once(engine: Engine, waiters: Waiters) -> None:
    """A batch that shares tables with one under way reads only what that one does not carry."""
    reflector = Watched(FakeReflector(info("a"), info("b"), info("c")))
    lazy = get_lazy_class(engine, reflector=reflector)
    gate = reflector.gate("a")
    first = Started(lambda: lazy.preload("a", "b"))
    gate.await_reached()
    second = Started(lambda: lazy.preload("b", "c"))
    waiters.await_()
    gate.open()
    first.result()
    second.result()
    assert [frozenset({"a", "b"}), frozenset({"c"})] == reflector.reads


# -- Failures


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_follower_takes_over_from_an_interrupted_leader(
    engine: Engine, waiters: Waiters, interruption: type[BaseException]
) -> None:
    """A thread that is interrupted in its load hears of it; one that waited for that load loads by itself."""
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, reflector=reflector)
    gate = Gate()

    def interrupt(_: frozenset[str]) -> None:
        if len(reflector.reads) == 1:
            gate.stop()
            raise interruption

    reflector.before = interrupt
    leader = Started(lambda: lazy.a)
    gate.await_reached()
    followers = [Started(lambda: lazy.a) for _ in range(3)]
    waiters.await_(3)
    gate.open()
    assert isinstance(leader.wait(), interruption)
    assert 1 == len({id(follower.result()) for follower in followers})
    assert 2 == reflector.count("a")


def test_follower_takes_over_from_a_leader_interrupted_before_it_has_a_connection(waiters: Waiters) -> None:
    """A thread that is interrupted while it connects leaves nobody waiting."""
    gate = Gate()

    def connect() -> Any:
        if not gate.reached.is_set():
            gate.stop()
            raise KeyboardInterrupt
        import sqlite3

        return sqlite3.connect(":memory:", check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a"), info("b")))
    leader = Started(lambda: lazy.a)
    gate.await_reached()
    followers = [Started(lambda: lazy.a), Started(lambda: lazy.b)]
    waiters.await_(2)
    gate.open()
    assert isinstance(leader.wait(), KeyboardInterrupt)
    assert ["a", "b"] == [follower.result().name for follower in followers]


def test_failed_load_fails_all_who_waited_each_with_an_error_of_its_own(engine: Engine, waiters: Waiters) -> None:
    """Each thread that waited for a load that failed gets an error of its own; the next call tries again."""
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, reflector=reflector)
    gate = Gate()
    cause = OSError("the network is gone")

    def fail(_: frozenset[str]) -> None:
        gate.stop()
        raise cause

    reflector.before = fail
    threads = [Started(lambda: lazy.a) for _ in range(4)]
    gate.await_reached()
    waiters.await_(3)
    gate.open()
    errors = [thread.wait() for thread in threads]
    assert {ReflectionError} == {type(error) for error in errors}
    assert 4 == len({id(error) for error in errors})
    assert all(error is not None and error.__cause__ is cause for error in errors)
    assert all("the network is gone" in str(error) for error in errors)
    assert 1 == reflector.count("a")
    reflector.before = lambda _: None
    assert "a" == lazy.a.name
    assert 2 == reflector.count("a")


def test_table_that_cannot_be_read_fails_nobody_else_in_its_batch(engine: Engine) -> None:
    """Of a batch with one table that raises, the others are loaded, and the error names that one."""
    fake = FakeReflector(*(info(f"t{number}") for number in range(16)))
    reflector = Watched(fake)

    def fail(names: frozenset[str]) -> None:
        if "t7" in names:
            raise RuntimeError("cannot read this")

    reflector.before = fail
    lazy = get_lazy_class(engine, reflector=reflector)
    with pytest.raises(ReflectionError, match=r"'t7'.*cannot read this"):
        lazy.preload(*(f"t{number}" for number in range(16)))
    assert 15 == lazy.cache_info().loaded


def test_logging_that_raises_leaves_nobody_waiting(
    engine: Engine, waiters: Waiters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load whose failure cannot even be logged still ends for those who wait for it."""
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.a  # noqa: B018  # loads it
    lazy.invalidate("a")
    gate = Gate()

    def fail(_: frozenset[str]) -> None:
        gate.stop()
        raise OSError("gone")

    def refuse(*_: object) -> bool:
        raise RuntimeError("no log")

    reflector.before = fail
    monkeypatch.setattr(logging.getLogger("lazy_alchemy"), "filters", [refuse])
    leader = Started(lambda: lazy.a)
    gate.await_reached()
    follower = Started(lambda: lazy.a)
    waiters.await_()
    gate.open()
    assert leader.wait() is not None
    assert isinstance(follower.wait(), (ReflectionError, RuntimeError))


# -- A load that is re-entered


@pytest.mark.parametrize("names", [["a"], ["b"], ["a", "b"], ["b", "a"]])
def test_reflector_that_asks_the_accessor_is_refused(engine: Engine, names: list[str]) -> None:
    """A reflector that loads through the accessor that called it gets an error, and nobody hangs, then or later."""
    reflector = Watched(FakeReflector(info("a"), info("b")))
    lazy = get_lazy_class(engine, reflector=reflector)
    reflector.before = lambda _: lazy.preload(*names)
    error = Started(lambda: lazy.a).wait()
    assert isinstance(error, ReflectionError)
    assert "re-entered" in str(error)
    reflector.before = lambda _: None
    assert ["a", "b"] == [Started(lambda name=name: lazy[name]).result().name for name in "ab"]  # type: ignore[misc]


def test_reflectors_that_ask_for_one_another_are_refused(engine: Engine) -> None:
    """Two loads whose reflectors ask for each other's table end with errors instead of waiting for ever."""
    reflector = Watched(FakeReflector(info("a"), info("b")))
    lazy = get_lazy_class(engine, reflector=reflector)
    first, second = Gate(), Gate()

    def ask(names: frozenset[str]) -> None:
        if "a" in names:
            first.stop()
            lazy.get("b")
        else:
            second.stop()
            lazy.get("a")

    reflector.before = ask
    threads = [Started(lambda: lazy.a)]
    first.await_reached()
    threads.append(Started(lambda: lazy.b))
    second.await_reached()
    first.open()
    second.open()
    assert {ReflectionError} == {type(thread.wait()) for thread in threads}


@pytest.mark.parametrize("asked", ["t0", "t1"])
def test_connect_listener_that_asks_the_accessor_is_refused(db: Database, asked: str) -> None:
    """A connect listener that loads a table, of all things, makes the load fail and does not hang it."""
    db.execute(*tables(2))
    lazy = get_lazy_class(db.engine)
    listening = True

    def listener(*_: object) -> None:
        if listening:
            lazy.get(asked)

    event.listen(db.engine, "connect", listener)
    error = Started(lambda: lazy.t0).wait()
    assert isinstance(error, ReflectionError)
    assert "re-entered" in str(error)
    listening = False
    assert ["t0", "t1"] == [Started(lambda: lazy.t0).result().name, Started(lambda: lazy.t1).result().name]


def test_reflector_may_use_what_is_loaded(engine: Engine) -> None:
    """A reflector that asks for a table that is loaded gets it."""
    reflector = Watched(FakeReflector(info("a"), info("b")))
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.preload("a")
    seen: list[str] = []
    reflector.before = lambda _: seen.append(lazy.a.name)
    assert "b" == Started(lambda: lazy.b).result().name
    assert ["a"] == seen


# -- Never too old


def test_load_that_began_before_an_invalidate_is_not_for_whoever_came_after(engine: Engine) -> None:
    """Whoever calls after an invalidate loads anew although a load is under way."""
    fake = FakeReflector(info("a", "old"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    gate = reflector.gate("a")
    before = Started(lambda: columns(lazy.a))
    gate.await_reached()  # it has read the old one
    fake.put(info("a", "new"))
    lazy.invalidate("a")
    assert ["id", "new"] == Started(lambda: columns(lazy.a)).result()
    gate.open()
    assert before.result() in (["id", "old"], ["id", "new"])
    assert ["id", "new"] == columns(lazy.a)
    assert 2 == reflector.count("a")


@pytest.mark.parametrize("everything", [False, True])
def test_late_load_does_not_overwrite_a_newer_one(engine: Engine, everything: bool) -> None:
    """A load that lands after a newer one changes nothing, whether the newer one found the table changed or gone."""
    for change in ("changed", "gone", "arrived"):
        fake = FakeReflector() if change == "arrived" else FakeReflector(info("a", "old"))
        reflector = Watched(fake)
        lazy = get_lazy_class(engine, reflector=reflector)
        gate = reflector.gate("a")
        late = Started(lambda lazy=lazy: lazy.get("a"))  # type: ignore[misc]
        gate.await_reached()
        if change == "gone":
            fake.drop("a")
        else:
            fake.put(info("a", "new"))
        if everything:
            lazy.invalidate_all()
        else:
            lazy.invalidate("a")
        if change == "gone":
            with pytest.raises(TableNotFoundError):
                lazy.get("a")
        else:
            newer = lazy.get("a")
        gate.open()
        late.wait()
        if change == "gone":
            with pytest.raises(TableNotFoundError):
                lazy.get("a")
        else:
            assert newer is lazy.get("a")
            assert ["id", "new"] == columns(newer)


@pytest.mark.parametrize("loaded", [False, True])
def test_late_load_does_not_bring_back_what_a_refresh_found_gone(engine: Engine, loaded: bool) -> None:
    """A table that `refresh` found dropped stays gone when a load from before it lands."""
    fake = FakeReflector(info("a"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    if loaded:
        lazy.get("a")
        lazy.invalidate("a")
    gate = reflector.gate("a")
    late = Started(lambda: lazy.get("a"))
    gate.await_reached()
    fake.drop("a")
    with pytest.raises(TableNotFoundError):
        lazy.refresh("a")
    gate.open()
    late.wait()
    with pytest.raises(TableNotFoundError):
        lazy.get("a")


def test_follower_of_a_load_that_is_too_old_waits_for_its_own(engine: Engine, waiters: Waiters) -> None:
    """All who come after one invalidate share one new load, and none of them the old one."""
    fake = FakeReflector(info("a", "old"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    old = reflector.gate("a")
    first = Started(lambda: columns(lazy.a))
    old.await_reached()
    fake.put(info("a", "new"))
    lazy.invalidate_all()
    new = reflector.gate("a")
    later = [Started(lambda: columns(lazy.a)) for _ in range(5)]
    new.await_reached()
    waiters.await_(4)
    old.open()
    first.result()
    new.open()
    assert [["id", "new"]] * 5 == [thread.result() for thread in later]
    assert 2 == reflector.count("a")


def test_refresh_is_not_satisfied_with_a_load_that_began_before_it(engine: Engine) -> None:
    """A refresh reads by itself although a load is under way."""
    fake = FakeReflector(info("a", "old"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    gate = reflector.gate("a")
    slow = Started(lambda: lazy.a)
    gate.await_reached()
    fake.put(info("a", "new"))
    lazy.refresh("a")
    assert ["id", "new"] == columns(lazy.a)
    gate.open()
    slow.result()
    assert ["id", "new"] == columns(lazy.a)


def test_readers_advance_under_a_storm_of_invalidations(engine: Engine) -> None:
    """With an invalidate every millisecond and loads of ten, every read ends after at most two loads."""
    reflector = Watched(FakeReflector(info("a")))
    pause = threading.Event()
    reflector.before = lambda _: pause.wait(0.01)  # what a slow database takes
    lazy = get_lazy_class(engine, reflector=reflector)
    over = threading.Event()

    def storm() -> int:
        count = 0
        while not over.wait(0.001):
            lazy.invalidate("a")
            count += 1
        return count

    invalidator = Started(storm)

    def read() -> set[int]:
        return {id(lazy.a) for _ in range(25)}

    found = together(*[read] * 4)
    over.set()
    assert invalidator.result() > 0
    assert 1 == len(set().union(*found))  # nothing has changed, so it is the same object throughout
    assert reflector.count("a") <= 2 * 100


# -- The cache


def test_cache_is_asked_before_the_database_and_told_after(engine: Engine) -> None:
    """A cache is asked first, told what was read, and told nothing that it said itself."""
    cache = WatchedCache()
    reflector = Watched(FakeReflector(info("a"), info("b")))
    reflector.before = lambda names: cache.log.append(("read", set(names)))
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    lazy.preload("a", "b")
    assert [("get", {"a", "b"}), ("read", {"a", "b"}), ("set", {"a", "b"})] == cache.log
    get_lazy_class(engine, reflector=reflector, cache=cache).preload("a", "b")
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
    old = get_lazy_class(engine, reflector=reflector, cache=cache)
    old.get("a")
    _aged(cache, 50)
    fake.put(info("a", "new"))
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    young = get_lazy_class(engine, reflector=reflector, cache=cache, cache_ttl=10)
    young._catalog = lazy._catalog  # two accessors of one catalog that has a cache
    young._begin()
    gate = reflector.gate("slow")
    first = Started(lambda: lazy.preload("a", "slow"))
    gate.await_reached()
    second = Started(lambda: columns(young.a))
    assert ["id", "new"] == second.result()
    gate.open()
    first.result()
    assert ["id", "new"] == columns(young.a)
