"""The time to live: what is checked when it is over, and what is served while the database cannot be asked."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from lazy_alchemy import CustomTable, LazyDB, ReflectionError, TableNotFoundError, get_lazy_class
from tests.databases import count_queries, warm
from tests.fakes import Clock, FakeReflector, Started, Waiters, Watched, info

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.databases import Database


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


def columns(table: CustomTable) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in table.c]


def create(db: Database, *names: str) -> None:
    """Create tables with nothing but an id."""
    db.execute(*(f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY)" for name in names))


class Outage:
    """Makes an engine's database unreachable while it lasts."""

    def __init__(self, engine: Engine) -> None:
        self.attempts = 0
        self.lasts = False
        event.listen(engine, "do_connect", self._connect)
        self._engine = engine

    def _connect(self, *_: object) -> None:
        self.attempts += 1
        if self.lasts:
            raise OperationalError("connect", None, OSError("no route to host"))

    def begin(self) -> None:
        """Cut the connections."""
        self.lasts = True
        self.attempts = 0
        self._engine.dispose()

    def end(self) -> None:
        """Bring the database back."""
        self.lasts = False


# -- What is checked


def test_before_it_is_over_nothing_is_asked(db: Database, clock: Clock) -> None:
    """Within the TTL a loaded table costs no query, however often it is used."""
    create(db, "a")
    lazy = get_lazy_class(warm(db.engine), cache_ttl=10)
    table = lazy.a
    with count_queries(db.engine) as counted:
        clock.now += 9.99
        assert [table] * 3 == [lazy.a, lazy["a"], lazy.get("a")]
    assert 0 == counted.count


def test_first_access_past_it_checks_all_that_has_expired_in_one_batch(db: Database, clock: Clock) -> None:
    """The first access past the TTL checks all that has expired in one call, and replaces what has changed."""
    names = [f"t{number}" for number in range(6)]
    create(db, *names)
    reflector = Watched()
    lazy = get_lazy_class(db.engine, cache_ttl=10, reflector=reflector)
    lazy.preload(*names[:5])
    before = {name: lazy[name] for name in names[:5]}
    clock.now += 6
    late = lazy.t5
    db.execute("ALTER TABLE t3 ADD COLUMN added INTEGER")
    clock.now += 5  # t5 has 5 seconds left
    reflector.reads.clear()
    assert before["t0"] is lazy.t0
    assert frozenset(names[:5]) == reflector.reads[0]
    assert reflector.reads[1:] == [{"t3"}]  # the one that has changed is read
    assert late is lazy.t5
    after = {name: lazy[name] for name in names[:5]}
    assert 2 == len(reflector.reads)
    assert [name != "t3" for name in names[:5]] == [before[name] is after[name] for name in names[:5]]
    assert ["id", "added"] == columns(after["t3"])
    assert (4, 1) == (lazy.cache_info().revalidated, lazy.cache_info().replaced)


def test_check_begins_the_time_anew(engine: Engine, clock: Clock) -> None:
    """A table that was found unchanged is not checked again before another TTL is over."""
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=reflector)
    for round_ in range(1, 5):
        for _ in range(3):
            lazy.get("a")
        assert round_ == reflector.count("a")
        clock.now += 10


def test_table_that_is_gone_is_not_found_past_it(engine: Engine, clock: Clock) -> None:
    """A table that was dropped is not found at its next use past the TTL, and found again once it is back."""
    fake = FakeReflector(info("a"), info("b"))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    lazy.preload("a", "b")
    b = lazy.b
    fake.drop("a")
    assert "a" == lazy.a.name
    clock.now += 10
    assert b is lazy.b
    with pytest.raises(TableNotFoundError):
        lazy.get("a")
    fake.put(info("a"))
    assert "a" == lazy.a.name


def test_table_that_cannot_be_read_keeps_no_other_from_being_checked(db: Database, clock: Clock) -> None:
    """A table that cannot be read any more is served as it was, and what expired with it is checked."""
    create(db, "base", "other", "third")
    db.execute("CREATE VIEW broken AS SELECT id FROM base")
    reflector = Watched()

    def refuse(names: frozenset[str]) -> None:
        if "broken" in names and refusing:
            raise RuntimeError("cannot read it")

    refusing = False
    reflector.before = refuse
    lazy = get_lazy_class(db.engine, cache_ttl=10, reflector=reflector)
    lazy.preload("broken", "other", "third")
    broken, third = lazy.broken, lazy.third
    db.execute("ALTER TABLE other ADD COLUMN added INTEGER")
    refusing = True
    clock.now += 10
    assert ["id", "added"] == columns(lazy.other)
    assert third is lazy.third
    assert broken is lazy.broken
    lazy.invalidate("other")
    assert ["id", "added"] == columns(lazy.other)


def test_view_whose_table_is_gone_keeps_no_other_from_being_checked(db: Database, clock: Clock) -> None:
    """A view that lost its table, which some databases refuse to describe, does not stop the checks of the others."""
    if db.is_postgresql:
        pytest.skip("PostgreSQL drops the view, or refuses to drop the table")
    create(db, "base", "other")
    db.execute("CREATE VIEW broken AS SELECT id FROM base")
    lazy = get_lazy_class(db.engine, cache_ttl=10)
    lazy.preload("broken", "other")
    broken = lazy.broken
    db.execute("DROP TABLE base", "ALTER TABLE other ADD COLUMN added INTEGER")
    clock.now += 10
    assert ["id", "added"] == columns(lazy.other)
    assert broken is lazy.broken
    clock.now += 10
    assert broken is lazy.broken


def test_table_that_links_a_held_one_to_one_that_expires_earlier(engine: Engine, clock: Clock) -> None:
    """A table expires with what it leads to, also by way of one that was loaded after it."""
    fake = FakeReflector(info("a"), info("x", refers={"a_id": "a"}), info("b", refers={"x_id": "x"}))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    assert "a" == lazy.a.name
    clock.now += 5
    assert ["b", "x"] == [lazy.b.name, lazy.x.name]
    fake.put(info("a", "new"))
    clock.now += 6
    b = lazy.b
    x = lazy.x
    assert "JOIN x" in str(b.join(x))
    assert "new" in lazy.a.c


def test_table_that_lands_after_one_that_refers_to_it(engine: Engine, clock: Clock) -> None:
    """A table expires with what it refers to, though that one was asked for earlier and came later."""
    fake = FakeReflector(info("a"), info("b", refers={"a_id": "a"}))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=reflector)
    gate = reflector.gate("a")
    early = Started(lambda: lazy.a)
    gate.await_reached()
    clock.now += 5
    assert "b" == lazy.b.name
    gate.open()
    assert "a" == early.result().name
    fake.put(info("a", "new"))
    clock.now += 6
    b = lazy.b
    a = lazy.a
    assert "JOIN a" in str(b.join(a))


def test_many_threads_past_it_check_once(engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that come together past the TTL share one check."""
    waiters = Waiters(monkeypatch)
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=reflector)
    table = lazy.a
    clock.now += 10
    gate = reflector.gate("a")
    threads = [Started(lambda: lazy.a) for _ in range(8)]
    gate.await_reached()
    waiters.await_(7)
    gate.open()
    assert [table] * 8 == [thread.result() for thread in threads]
    assert 2 == reflector.count("a")


# -- Unreachable


def test_expired_table_is_served_while_the_database_is_away(
    db: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An expired table is served, the failure is logged, few accesses try, and a change is seen afterwards."""
    create(db, "a", "b")
    outage = Outage(db.engine)
    lazy = get_lazy_class(db.engine, cache_ttl=10)
    lazy.preload("a", "b")
    a, b = lazy.a, lazy.b
    outage.begin()
    clock.now += 10
    assert [a, b, a, b] == [lazy.a, lazy.b, lazy.a, lazy.b]
    assert 1 == outage.attempts
    (record,) = caplog.records
    assert ("lazy_alchemy", logging.WARNING) == (record.name, record.levelno)
    assert "'a', 'b'" in record.message
    assert "no route to host" in record.message
    clock.now += 5.01
    assert [a, b, a, b] == [lazy.a, lazy.b, lazy.a, lazy.b]
    assert 2 == outage.attempts
    assert 2 == len(caplog.records)
    db.execute("ALTER TABLE b ADD COLUMN added INTEGER")
    outage.end()
    assert [a, b] == [lazy.a, lazy.b]
    clock.now += 5.01
    assert ["id", "added"] == columns(lazy.b)
    assert a is lazy.a


def test_what_must_be_asked_raises_while_the_database_is_away(db: Database, clock: Clock) -> None:
    """While the database is away `refresh`, an invalidated table and a new one raise, and what is loaded stays."""
    create(db, "a", "b", "c")
    outage = Outage(db.engine)
    lazy = get_lazy_class(db.engine, cache_ttl=10)
    lazy.preload("a", "b")
    a, b = lazy.a, lazy.b
    outage.begin()
    for failing in (
        lambda: lazy.refresh("a"),
        lazy.refresh,
        lambda: lazy.c,
        lambda: lazy.preload("c"),
        lazy.list_tables,
    ):
        with pytest.raises(ReflectionError, match="no route to host") as caught:
            failing()
        assert isinstance(caught.value.__cause__, OperationalError)
    assert [a, b] == [lazy.a, lazy.b]
    lazy.invalidate("a")
    with pytest.raises(ReflectionError):
        lazy.get("a")
    assert b is lazy.b
    clock.now += 10
    with pytest.raises(ReflectionError):
        lazy.get("a")
    assert b is lazy.b
    outage.end()
    assert a is lazy.a
    clock.now += 5.01
    assert [a, b] == [lazy.a, lazy.b]
    lazy.refresh()


def test_outage_with_a_parent_serves_the_child(engine: Engine, clock: Clock) -> None:
    """A table that reaches one which cannot be checked is served, and both join."""
    reflector = Watched(FakeReflector(info("parent"), info("child", refers={"parent_id": "parent"})))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=reflector)
    lazy.preload("parent", "child")
    before = lazy.child, lazy.parent

    def away(_: frozenset[str]) -> None:
        raise OSError("away")

    reflector.before = away
    clock.now += 10
    assert before == (lazy.child, lazy.parent)
    reads = len(reflector.reads)
    assert before == (lazy.child, lazy.parent)
    assert reads == len(reflector.reads)
    lazy.invalidate("parent")
    assert before[0] is lazy.child
    with pytest.raises(ReflectionError):
        lazy.get("parent")


# -- Values


def test_ttl_of_zero_checks_at_every_access(engine: Engine) -> None:
    """With a TTL of 0 every access checks, and an equal table stays the same."""
    fake = FakeReflector(info("a"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, cache_ttl=0, reflector=reflector)
    table = lazy.a
    assert 1 == reflector.count("a")
    assert [table, table] == [lazy.a, lazy["a"]]
    assert 3 == reflector.count("a")
    fake.put(info("a", "new"))
    assert ["id", "new"] == columns(lazy.a)


@pytest.mark.parametrize("ttl", [None, math.inf, 10**9])
def test_ttl_without_end(engine: Engine, clock: Clock, ttl: float | None) -> None:
    """Without a TTL, or with an endless one, nothing is ever checked unasked."""
    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, cache_ttl=ttl, reflector=reflector)
    table = lazy.a
    clock.now += 1e8
    assert table is lazy.a
    assert 1 == reflector.count("a")
    assert ttl == lazy.cache_ttl
    lazy.invalidate("a")
    assert table is lazy.a
    assert 2 == reflector.count("a")


@pytest.mark.parametrize("ttl", [-1, -0.001, -math.inf, math.nan])
def test_ttl_that_is_no_duration(engine: Engine, ttl: float) -> None:
    """A negative TTL, or one that is not a number, is a ValueError when the accessor is made."""
    with pytest.raises(ValueError, match="cache_ttl"):
        get_lazy_class(engine, cache_ttl=ttl)


@pytest.mark.parametrize("ttl", [True, False, "10", b"10", [10], 1j])
def test_ttl_of_another_type(engine: Engine, ttl: Any) -> None:
    """A TTL that is not an int or a float is a TypeError when the accessor is made."""
    with pytest.raises(TypeError, match="cache_ttl"):
        get_lazy_class(engine, cache_ttl=ttl)


def test_two_accessors_of_one_engine_with_ttls_of_their_own(db: Database, clock: Clock) -> None:
    """Each accessor checks by its own TTL, and all of them see what one of them found."""
    create(db, "a")
    warm(db.engine)
    short, long, never = (get_lazy_class(db.engine, cache_ttl=ttl) for ttl in (5, 60, None))
    table = short.a
    assert [table, table] == [long.a, never.a]
    db.execute("ALTER TABLE a ADD COLUMN added INTEGER")
    clock.now += 6
    with count_queries(db.engine) as counted:
        assert [table, table] == [long.a, never.a]
    assert 0 == counted.count
    changed = short.a
    assert ["id", "added"] == columns(changed)
    with count_queries(db.engine) as counted:
        assert [changed, changed] == [long.a, never.a]
        clock.now += 4.9  # the check was everybody's
        assert changed is short.a
    assert 0 == counted.count


def test_declared_accessor_obeys_its_ttl(engine: Engine, clock: Clock) -> None:
    """A declared table is checked past the TTL like any other, and no instance attribute hides it."""
    from lazy_alchemy import LazyTable  # the annotation is text

    class Declared(LazyDB):
        a: LazyTable  # type: ignore[type-arg]

    fake = FakeReflector(info("a"))
    lazy = Declared(engine, cache_ttl=10, reflector=fake)
    assert ["id"] == columns(lazy.a)
    fake.put(info("a", "new"))
    clock.now += 9
    assert ["id"] == columns(lazy.a)
    clock.now += 1
    assert ["id", "new"] == columns(lazy.a)


def test_counts(engine: Engine, clock: Clock) -> None:
    """`cache_info` counts what is loaded, how often the database was asked, and what came of it."""
    fake = FakeReflector(info("a"), info("b"))
    lazy = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    assert (0, 0, 0, 0, 0, 0) == lazy.cache_info()
    lazy.preload("a", "b")
    assert (2, 1, 2, 0, 0, 0) == lazy.cache_info()
    assert lazy.a is lazy.a
    assert (2, 1, 2, 0, 0, 0) == lazy.cache_info()
    clock.now += 10
    lazy.get("a")
    assert (2, 2, 2, 2, 0, 0) == lazy.cache_info()
    fake.put(info("a", "new"))
    clock.now += 10
    lazy.get("b")
    assert (2, 3, 3, 3, 1, 0) == lazy.cache_info()
    lazy.get("a")  # what was not used since its last check is not checked along with another one
    fake.drop("a")
    clock.now += 10
    lazy.get("b")
    assert (1, 4, 3, 4, 2, 0) == lazy.cache_info()
