"""One load for all who ask, and never one that is too old: I2 and I4."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from lazy_alchemy import CustomTable, ReflectionError, TableNotFoundError, get_lazy_class
from tests.databases import count_queries, warm
from tests.fakes import (
    FakeReflector,
    Gate,
    Started,
    Waiters,
    Watched,
    count_checkouts,
    info,
    together,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
