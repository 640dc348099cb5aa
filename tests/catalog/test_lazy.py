"""Only what is used is loaded (I11): what an access costs on a graph of a hundred and of many tables."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from lazy_alchemy import (
    LazyDB,
    LazyTable,
    TableNotFoundError,
    get_async_lazy_class,
    get_lazy_class,
)
from lazy_alchemy._accessors import awaited as awaited_module
from lazy_alchemy._accessors import threaded as threaded_module
from lazy_alchemy._catalog import entries, metadata
from tests.databases import count_queries, warm
from tests.effort import more
from tests.workload import MANY, table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from lazy_alchemy import TableInfo
    from tests.conftest import Graph
    from tests.databases import Database

SMALL, LARGE = 100, MANY
MOST_CONNECTED = [table_name(number) for number in range(85, 100)]  # each refers to two earlier tables

pytestmark = pytest.mark.timeout(180)  # whichever test is the first to need the many tables makes them


def tables_of(lazy: LazyDB) -> set[str]:
    """Return the names of the tables in the accessor's MetaData."""
    return {table.name for table in lazy.metadata.tables.values()}


def public(lazy: LazyDB) -> set[str]:
    """Return what `dir` adds to what every accessor has."""
    return {name for name in set(dir(lazy)) - set(dir(LazyDB)) if not name.startswith("_")}


def create(db: Database, *names: str) -> None:
    """Create tables with nothing but an id."""
    db.execute(*(f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY)" for name in names))


@more
def test_one_access_loads_one_table_at_the_same_cost_however_many_there_are(graph: Graph) -> None:
    """An access puts one table into the MetaData, with as many queries among a hundred as among many."""
    costs = {}
    for count in (SMALL, LARGE):
        engine = warm(graph.engine(count))
        lazy = get_lazy_class(engine)
        with count_queries(engine) as counted:
            table = lazy.get(table_name(99))
        costs[count] = counted.count
        assert {table_name(99)} == tables_of(lazy)
        assert 13 == len(table.c)
        assert 2 == len(table.foreign_key_constraints)
        assert 1 == lazy.cache_info().loaded
    assert costs[SMALL] == costs[LARGE]
    # One statement where the library asks in its own way; MariaDB shows one table at a time anyhow.
    assert 1 == costs[SMALL]


def followed(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[str]:
    """Return the names of the tables whose foreign keys a module follows from now on."""
    looked_at: list[str] = []

    def refers_to(info: TableInfo) -> Iterator[tuple[str | None, str]]:
        looked_at.append(info.name)
        return original(info)

    original = module.refers_to
    monkeypatch.setattr(module, "refers_to", refers_to)
    return looked_at


def test_first_access_looks_at_no_other_loaded_table(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tables are built, building another looks at none of their foreign keys."""
    lazy = get_lazy_class(warm(graph.engine(SMALL)))
    for number in range(30):
        lazy.get(table_name(number))
    looked_at = followed(monkeypatch, metadata)
    lazy.get(table_name(99))
    assert [] == looked_at


def test_first_access_follows_foreign_keys_only_while_something_is_in_doubt(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a preloaded table refers to is looked at if it may have expired, or is invalidated and not checked yet."""
    engine = warm(graph.engine(SMALL))
    looked_at = followed(monkeypatch, entries)
    lazy, timed = get_lazy_class(engine), get_lazy_class(engine.execution_options(), cache_ttl=60)
    lazy.preload_all()
    looked_at.clear()
    assert "t0099" == lazy.get("t0099").name
    assert [] == looked_at
    timed.preload_all()
    looked_at.clear()
    assert "t0099" == timed.get("t0099").name
    assert "t0099" in looked_at
    looked_at.clear()
    lazy.invalidate("t0000")
    assert "t0098" == lazy.get("t0098").name
    assert "t0098" in looked_at
    lazy.preload("t0000")
    looked_at.clear()
    assert "t0097" == lazy.get("t0097").name
    assert [] == looked_at
    lazy.invalidate_all()
    lazy.refresh()
    looked_at.clear()
    assert "t0096" == lazy.get("t0096").name
    assert [] == looked_at


def test_second_access_costs_nothing(graph: Graph) -> None:
    """A loaded table costs no query by attribute, item, `get`, `preload` or declaration, on any accessor."""
    engine = warm(graph.engine(SMALL))

    class Declared(LazyDB):
        fifty: LazyTable = LazyTable(name="t0050")  # type: ignore[type-arg]

    lazy, declared = get_lazy_class(engine), Declared(engine)
    table = lazy.t0050
    with count_queries(engine) as counted:
        assert [table] * 4 == [lazy.t0050, lazy["t0050"], lazy.get("t0050"), declared.fifty]
        lazy.preload("t0050")
        assert table is getattr(lazy, "t0050", None)
        assert hasattr(lazy, "t0050")
    assert 0 == counted.count


def test_second_access_takes_no_lock_and_looks_at_no_clock(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded table is found without the catalog's lock; the clock is looked at only where there is a TTL."""

    class Declared(LazyDB):
        fifty: LazyTable = LazyTable(name="t0050")  # type: ignore[type-arg]

    class Forbidden:
        def __enter__(self) -> None:
            raise AssertionError("the lock was taken")

        def __exit__(self, *_: object) -> None: ...

    engine = warm(graph.engine(SMALL))
    lazy, declared, timed = get_lazy_class(engine), Declared(engine), get_lazy_class(engine, cache_ttl=60)
    awaited = get_async_lazy_class(engine)
    tables = [lazy.t0050, timed.t0050, asyncio.run(awaited.get("t0050"))]
    tables += [declared.fifty, declared.fifty]  # a declared table is compared with its declaration first
    clock: list[float] = []

    def monotonic() -> float:
        clock.append(time.monotonic())
        return clock[-1]

    for module in (awaited_module, threaded_module):
        monkeypatch.setattr(module, "monotonic", monotonic)
    monkeypatch.setattr(lazy._catalog._shelf.clock, "lock", Forbidden())
    assert [lazy.t0050, lazy["t0050"], lazy.get("t0050"), declared.fifty] == tables[:4]
    assert asyncio.run(awaited.get("t0050")) is tables[0]
    assert [] == clock
    assert [timed.t0050, timed.get("t0050")] == tables[:2]
    assert 2 == len(clock)
    with pytest.raises(AssertionError, match="the lock was taken"):
        _ = lazy.t0051


def test_declared_table_costs_what_any_other_costs(graph: Graph) -> None:
    """A declared accessor loads its table at its first use and never again, and a class body loads nothing."""
    engine = warm(graph.engine(SMALL))
    with count_queries(engine) as counted:

        class Declared(LazyDB):
            t0050: LazyTable  # type: ignore[type-arg]
            other: LazyTable = LazyTable(name="t0051")  # type: ignore[type-arg]

        lazy = Declared(engine)
        dir(lazy)
        repr(lazy)
    assert 0 == counted.count
    assert ["t0050", "t0051"] == [lazy.t0050.name, lazy.other.name]
    with count_queries(engine) as counted:
        assert ["t0050", "t0051"] == [lazy.t0050.name, lazy.other.name]
        assert lazy.other is lazy["t0051"] is lazy.get("t0051")
    assert 0 == counted.count
    assert {"t0050", "t0051"} == tables_of(lazy)


@more
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_preload_of_fifteen_is_one_batch(graph: Graph, count: int) -> None:
    """Fifteen tables cost one query on PostgreSQL and SQLite, and on MariaDB one a table."""
    engine = warm(graph.engine(count))
    lazy = get_lazy_class(engine)
    with count_queries(engine) as counted:
        lazy.preload(*MOST_CONNECTED)
    expected = {"sqlite": 1, "postgresql": 1, "mariadb": 15}
    assert expected[graph.name] == counted.count
    assert 15 == lazy.cache_info().loaded
    assert 1 == lazy.cache_info().loads
    assert set() == tables_of(lazy)
    with count_queries(engine) as counted:
        assert MOST_CONNECTED == [lazy[name].name for name in MOST_CONNECTED]
    assert 0 == counted.count
    assert set(MOST_CONNECTED) == tables_of(lazy)


def test_preload_loads_only_what_is_not_loaded(graph: Graph) -> None:
    """Preloading loaded tables again costs nothing, and with new ones only those."""
    engine = warm(graph.engine(SMALL))
    lazy = get_lazy_class(engine)
    lazy.preload(*MOST_CONNECTED)
    with count_queries(engine) as counted:
        lazy.preload(*MOST_CONNECTED)
        lazy.preload()
    assert 0 == counted.count
    lazy.preload(*MOST_CONNECTED, "t0001", "t0001")
    assert 16 == lazy.cache_info().loaded
    assert 16 == lazy.cache_info().reflected


def test_preload_all_loads_everything_in_one_batch_and_builds_nothing(graph: Graph) -> None:
    """`preload_all` costs one query more than a batch of all names, and makes no Table."""
    engine = warm(graph.engine(SMALL))
    lazy = get_lazy_class(engine)
    with count_queries(engine) as counted:
        lazy.preload_all()
    expected = {"sqlite": 2, "postgresql": 2, "mariadb": SMALL + 1}
    assert expected[graph.name] == counted.count
    assert SMALL == lazy.cache_info().loaded
    assert set() == tables_of(lazy)
    with count_queries(engine) as counted:
        assert SMALL == len([lazy[table_name(number)] for number in range(SMALL)])
    assert 0 == counted.count
    names = [table.name for table in lazy.metadata.sorted_tables]
    for table in lazy.metadata.tables.values():
        for key in table.foreign_keys:
            assert names.index(key.column.table.name) < names.index(table.name)


def test_preload_with_missing_names_loads_the_others(db: Database) -> None:
    """Of names some of which are missing the others are loaded, and one error names all that are missing."""
    create(db, "a", "b", "c")
    lazy = get_lazy_class(warm(db.engine))
    with pytest.raises(TableNotFoundError) as caught:
        lazy.preload("a", "nope", "b", "never", "")
    assert ("nope", "never", "") == caught.value.names
    assert ("a", "b", "c") == caught.value.available
    with count_queries(db.engine) as counted:
        assert ["a", "b"] == [lazy.a.name, lazy.b.name]
    assert 0 == counted.count
    assert 2 == lazy.cache_info().loaded


def test_missing_table_is_not_remembered(db: Database) -> None:
    """A table that was not found is found as soon as it is there, without an invalidate."""
    create(db, "users")
    lazy = get_lazy_class(db.engine)
    for ask in (lambda: lazy.usr, lambda: lazy["usr"], lambda: lazy.get("usr"), lambda: lazy.preload("usr")):
        with pytest.raises(TableNotFoundError, match="Did you mean: users"):
            ask()
    assert not hasattr(lazy, "usr")
    create(db, "usr")
    assert "usr" == lazy.usr.name


def test_lists(db: Database) -> None:
    """`list_tables` and `list_views` cost one query each, and load nothing."""
    create(db, "b", "a")
    db.execute("CREATE VIEW v AS SELECT id FROM a")
    lazy = get_lazy_class(warm(db.engine))
    for ask, expected in ((lazy.list_tables, ["a", "b"]), (lazy.list_views, ["v"])):
        with count_queries(db.engine) as counted:
            assert expected == ask()
        assert 1 == counted.count
    assert 0 == lazy.cache_info().loaded
    assert ["id"] == lazy.v.c.keys()
    create(db, "c")
    assert ["a", "b", "c"] == lazy.list_tables()


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        (repr, set()),
        (lambda lazy: lazy.a, {"a"}),
        (lambda lazy: lazy.preload("a", "b"), {"a", "b"}),
        (lambda lazy: lazy.preload_all(), {"a", "b", "v"}),
        (lambda lazy: lazy.list_tables(), {"a", "b", "v"}),
        (lambda lazy: lazy.list_views(), {"a", "b", "v"}),
        (lambda lazy: lazy._ipython_key_completions_(), {"a", "b", "v"}),
        (lambda lazy: hasattr(lazy, "nope"), set()),
        (lambda lazy: [lazy.a, lazy.invalidate_all()], {"a"}),
    ],
    ids=[
        "nothing",
        "get",
        "preload",
        "preload_all",
        "list_tables",
        "list_views",
        "completions",
        "missing",
        "invalidated",
    ],
)
def test_dir_shows_what_is_loaded_or_listed(db: Database, act: Callable[[LazyDB], object], seen: set[str]) -> None:
    """`dir` shows what is loaded or was listed, without a query."""
    create(db, "a", "b")
    db.execute("CREATE VIEW v AS SELECT id FROM a")
    lazy = get_lazy_class(warm(db.engine))
    act(lazy)
    with count_queries(db.engine) as counted:
        assert seen == public(lazy)
    assert 0 == counted.count


def test_nothing_is_connected_to_before_the_first_use(db: Database) -> None:
    """Making an accessor, and asking it what it is, makes no connection."""
    lazy = get_lazy_class(db.engine)
    repr(lazy)
    dir(lazy)
    lazy.cache_info()
    lazy.invalidate("a")
    lazy.invalidate_all()
    assert 0 == db.engine.pool.checkedin() + db.engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool
