"""What one check after the TTL takes along: a bounded number of tables, however many are loaded and expired (I11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazy_alchemy import get_lazy_class
from lazy_alchemy._catalog.entries import Entries
from tests.databases import count_queries, warm
from tests.fakes import Clock, FakeReflector, Watched, info

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lazy_alchemy import TableInfo
    from tests.databases import Database

MANY = 300
OTHERS = 100
"""How many other tables a check takes along at most."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


def names(count: int = MANY) -> list[str]:
    """Return the names of tables."""
    return [f"t{number:03}" for number in range(count)]


def unrelated() -> list[TableInfo]:
    """Return tables that refer to no other."""
    return [info(name) for name in names()]


def test_check_takes_along_a_bounded_number_of_used_tables(engine: Engine, clock: Clock) -> None:
    """Besides the table that is used, a check covers the hundred that were used last, in one batch."""
    reflector = Watched(FakeReflector(*unrelated()))
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    lazy.preload(*names())
    for name in names():
        lazy.get(name)
    clock.now += 11
    reflector.reads.clear()
    lazy.get("t000")
    assert [frozenset(["t000", *names()[-OTHERS:]])] == reflector.reads


def test_preloaded_tables_count_as_used(engine: Engine, clock: Clock) -> None:
    """What an accessor with a TTL has preloaded is taken along, as if it were used."""
    reflector = Watched(FakeReflector(*unrelated()))
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    lazy.preload(*names(3))
    clock.now += 11
    reflector.reads.clear()
    lazy.get("t001")
    assert [frozenset(names(3))] == reflector.reads


def test_tables_of_accessors_without_a_ttl_are_not_taken_along(engine: Engine, clock: Clock) -> None:
    """Tables that only accessors without a TTL use are not checked."""
    reflector = Watched(FakeReflector(*unrelated()))
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    for_ever = get_lazy_class(engine, reflector=reflector)
    for_ever.preload(*names())
    for name in names():
        for_ever.get(name)
    lazy.get("t000")
    clock.now += 11
    reflector.reads.clear()
    lazy.get("t000")
    assert [frozenset(["t000"])] == reflector.reads


def test_table_that_was_not_used_since_its_last_check_is_not_taken_along(engine: Engine, clock: Clock) -> None:
    """A table is taken along once for each time that it was used; when it is used again, it is checked first."""
    fake = FakeReflector(*unrelated())
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    lazy.preload("t000", "t001")
    for expected in (["t000", "t001"], ["t000"], ["t000"]):
        clock.now += 11
        reflector.reads.clear()
        lazy.get("t000")
        assert [frozenset(expected)] == reflector.reads
    fake.put(info("t001", "new"))
    assert "new" in lazy.t001.c
    clock.now += 11
    reflector.reads.clear()
    lazy.get("t000")
    assert [frozenset(["t000", "t001"])] == reflector.reads


def test_what_the_table_reaches_is_always_checked(engine: Engine, clock: Clock) -> None:
    """All that the used table refers to is checked with it, however much, so that it joins; no more reads follow."""
    count = 150
    chain = [
        info(name, refers={"up": above} if above else {})
        for above, name in zip(["", *names()], names(count), strict=False)
    ]
    reflector = Watched(FakeReflector(*chain))
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    lazy.preload(*names(count))
    clock.now += 11
    reflector.reads.clear()
    lazy.get(names(count)[-1])
    assert [frozenset(names(count))] == reflector.reads
    for name in names(count):
        lazy.get(name)
    assert [frozenset(names(count))] == reflector.reads


def test_every_use_of_an_expired_table_checks_it(engine: Engine, clock: Clock) -> None:
    """A table that no check has taken along is checked when it is used: nothing is served for longer than the TTL."""
    fake = FakeReflector(*unrelated())
    lazy = get_lazy_class(engine, reflector=fake, cache_ttl=10)
    lazy.preload(*names())
    fake.put(*(info(name, "new") for name in names()))
    clock.now += 11
    assert all("new" in lazy.get(name).c for name in names())


def test_failed_check_takes_along_no_more_the_next_time(engine: Engine, clock: Clock) -> None:
    """After a failed check the loaded tables are served, and the next attempt is as bounded as the first."""
    reflector = Watched(FakeReflector(*unrelated()))
    lazy = get_lazy_class(engine, reflector=reflector, cache_ttl=10)
    lazy.preload(*names())
    clock.now += 11
    reflector.before = _away
    for _ in range(3):
        reflector.reads.clear()
        assert "t000" == lazy.t000.name
        assert max(map(len, reflector.reads)) <= OTHERS + 1
        clock.now += 6


def _away(names: frozenset[str]) -> None:
    raise OSError("no route to host")


def test_check_of_one_table_of_many(db: Database, clock: Clock) -> None:
    """The statements of a check are as many with 40 loaded tables as with 2, if one of them is used."""
    counts = []
    db.execute(*(f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY)" for name in names(40)))
    for loaded in (2, 40):
        engine = warm(db.make_engine())
        for_ever, lazy = get_lazy_class(engine), get_lazy_class(engine, cache_ttl=10)
        for_ever.preload(*names(loaded))
        lazy.get("t000")
        clock.now += 11
        with count_queries(engine) as counted:
            lazy.get("t000")
        counts.append(counted.count)
    assert counts[0] == counts[1] >= 1


def test_hit_notes_nothing(engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A use within the TTL notes nothing, neither by attribute nor by item."""
    lazy = get_lazy_class(engine, reflector=FakeReflector(*unrelated()), cache_ttl=10)
    table = lazy.t000
    noted: list[object] = []
    monkeypatch.setattr(Entries, "use", lambda _, key: noted.append(key))
    assert [table] * 3 == [lazy.t000, lazy["t000"], lazy.get("t000")]
    assert [] == noted
    clock.now += 11
    assert table is lazy.t000
    assert [(None, "t000")] == noted
