"""Many threads, many tables, invalidations and real ALTERs all at once: nobody ever gets a wrong table."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from lazy_alchemy import LazyDB, get_lazy_class
from lazy_alchemy._catalog.entries import RETRY
from lazy_alchemy.reflectors import InspectorReflector
from tests.effort import amount, more
from tests.fakes import count_checkouts, together

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Connection

    from lazy_alchemy._schema.tables import TableInfo
    from tests.databases import Database

THREADS = amount(16, 32)
TABLES = amount(20, 50)
ROUNDS = amount(20, 200)
FEWER_ROUNDS = amount(2, 10)  # where every access asks the database


class CountingReflector(InspectorReflector):
    """Counts for each table the loads that read it; a check that is followed by reading what has changed is one."""

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.local()

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Count, and check."""
        self._count(names)
        self._thread.checking = True
        try:
            return super().fingerprints(connection, names, schema=schema)
        finally:
            self._thread.checking = False
            self._thread.checked = set(names)

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Count what was not checked just before, and reflect."""
        if not getattr(self._thread, "checking", False):
            self._count(set(names) - getattr(self._thread, "checked", set()))
            self._thread.checked = set()
        return super().reflect(connection, names, schema=schema)

    def _count(self, names: Collection[str]) -> None:
        with self._lock:
            self.loads.update(names)


class Schema:
    """Fifty tables in a tree of foreign keys, which change while they are read.

    Attributes:
        versions: For each table the number of the column that was committed before its last invalidation.
        generations: For each table how many times it was invalidated at most.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._locks = [threading.Lock() for _ in range(TABLES)]
        self._counting = threading.Lock()
        self.versions = [0] * TABLES
        self.generations = [0] * TABLES
        if db.is_sqlite:
            db.execute("PRAGMA journal_mode = WAL")  # an ALTER need not wait until nobody reads
        for number in range(TABLES):
            key = f", FOREIGN KEY (up) REFERENCES {self.name(number // 2)} (id)" if number else ""
            db.execute(
                f"CREATE TABLE {self.name(number)} (id INTEGER NOT NULL PRIMARY KEY, up INTEGER, v0 INTEGER{key})"
            )

    @staticmethod
    def name(number: int) -> str:
        """Return a table's name."""
        return f"t{number}"

    def alter(self, number: int, invalidate: Callable[[str], None] | None) -> None:
        """Add a column, and have the table checked afterwards."""
        with self._locks[number]:
            version = self.versions[number] + 1
            self._db.execute(f"ALTER TABLE {self.name(number)} ADD COLUMN v{version} INTEGER")
            if invalidate is not None:
                self.invalidate(number, invalidate)
            self.versions[number] = version

    def invalidate(self, number: int, invalidate: Callable[[str], None]) -> None:
        """Invalidate a table."""
        with self._counting:
            self.generations[number] += 1
        invalidate(self.name(number))

    def invalidate_all(self, lazy: LazyDB) -> None:
        """Invalidate all of them."""
        with self._counting:
            self.generations = [count + 1 for count in self.generations]
        lazy.invalidate_all()

    def read(self, lazy: LazyDB, number: int, *, at_least: bool) -> None:
        """Get a table and then the one that it refers to, and fail if anything is wrong with them."""
        version = self.versions[number]
        child = lazy[self.name(number)]
        parent_version = self.versions[number // 2]
        parent = lazy[self.name(number // 2)]
        assert ["id", "up", "v0"] == child.c.keys()[:3]
        assert ["id", "up", "v0"] == parent.c.keys()[:3]
        if at_least:
            assert f"v{version}" in child.c
            assert f"v{parent_version}" in parent.c
        # If the child is still the same, nothing that it reaches has changed in between; so the two join.
        if number and child is lazy[self.name(number)]:
            assert " JOIN " in str(select(child.c.id).select_from(child.join(parent)))


@more
@pytest.mark.timeout(300)
def test_reads_invalidations_and_alters_at_once(db: Database) -> None:
    """Many threads, tables and rounds: every table is whole, new enough, joins, and was read once a generation."""
    schema = Schema(db)
    reflector = CountingReflector()
    lazy = get_lazy_class(db.engine, reflector=reflector)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            number = chance.randrange(TABLES)
            match chance.randrange(100):
                case 0:
                    schema.alter(number, lazy.invalidate)
                case 1 | 2:
                    schema.invalidate(number, lazy.invalidate)
                case 3 if chance.randrange(10) == 0:
                    schema.invalidate_all(lazy)
                case _:
                    schema.read(lazy, number, at_least=True)

    with count_checkouts(db.engine) as out:
        together(*[lambda seed=seed: work(seed) for seed in range(THREADS)], seconds=250)  # type: ignore[misc]
    assert 0 == db.engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool
    assert max(out) <= 4
    for number in range(TABLES):
        schema.read(lazy, number, at_least=True)
        assert f"v{schema.versions[number]}" == lazy[schema.name(number)].c.keys()[-1]
        assert 1 <= reflector.loads[schema.name(number)] <= 1 + schema.generations[number]
    assert TABLES == len(lazy.metadata.tables)
    assert next(iter(lazy.metadata.sorted_tables)).name == "t0"


@more
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ttl", [0, 0.001])
def test_reads_and_alters_with_a_tiny_ttl(db: Database, ttl: float) -> None:
    """With a TTL that is over at nearly every access, tables are whole and join, and the last change is seen.

    At the latest when the pause is over that follows a check which a lock has made overdue.
    """
    schema = Schema(db)
    lazy = get_lazy_class(db.engine, cache_ttl=ttl)
    lazy.preload_all()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(FEWER_ROUNDS):
            number = chance.randrange(TABLES)
            if chance.randrange(20) == 0:
                schema.alter(number, None)
            else:
                schema.read(lazy, number, at_least=False)

    together(*[lambda seed=seed: work(seed) for seed in range(THREADS)], seconds=250)  # type: ignore[misc]
    assert 0 == db.engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool
    time.sleep(ttl)
    last = time.monotonic() + RETRY + 1
    for number in range(TABLES):
        newest = f"v{schema.versions[number]}"
        while newest != lazy[schema.name(number)].c.keys()[-1] and time.monotonic() < last:
            time.sleep(0.05)
        assert newest == lazy[schema.name(number)].c.keys()[-1]
