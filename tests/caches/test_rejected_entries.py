"""An entry of a cache that cannot be used here is a miss: logged once, and replaced by what the database says (I9)."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lazy_alchemy import CacheEntry, ReflectionError, TableInfo, get_lazy_class
from lazy_alchemy._schema.tables import ColumnInfo, ForeignKeyInfo
from lazy_alchemy._schema.types import Options, TypeInfo
from lazy_alchemy.caches import MemoryCache
from tests.databases import count_queries, warm
from tests.fakes import Clock, FakeReflector, Watched, info

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Engine

    from lazy_alchemy import LazyDB, TableKey
    from tests.databases import Database


def typed(one: TableInfo, type_: TypeInfo) -> TableInfo:
    """Return a table whose columns all have this type."""
    return replace(one, columns=tuple(replace(column, type=type_) for column in one.columns))


UNBUILDABLE: dict[str, Callable[[TableInfo], TableInfo]] = {
    "a type that is not installed": lambda one: typed(one, TypeInfo("nowhere.types:Point")),
    "an argument that this SQLAlchemy lacks": lambda one: typed(
        one, TypeInfo("sqlalchemy.types:String", Options({"collation_schema": "x"}))
    ),
    "an option that this SQLAlchemy lacks": lambda one: replace(one, options=Options({"postgresql_nothing": "x"})),
}


def incomplete(one: TableInfo) -> TableInfo:
    """Return a table of a version whose columns had fewer fields."""
    column: Any = object.__new__(ColumnInfo)
    object.__setattr__(column, "name", "id")
    return replace(one, columns=(column,))


def incomplete_key(one: TableInfo) -> TableInfo:
    """Return a table of a version whose foreign keys had fewer fields."""
    key: Any = object.__new__(ForeignKeyInfo)
    object.__setattr__(key, "name", "fk")
    return replace(one, foreign_keys=(key,))


STRANGE: dict[str, Callable[[CacheEntry], Any]] = {
    "text": lambda _: "users",
    "a tuple": lambda _: (1, 2, 3),
    "no table": lambda entry: entry._replace(info=None),  # type: ignore[arg-type]
    "JSON": lambda entry: entry._replace(info=entry.info.to_json()),  # type: ignore[arg-type]
    "an empty object": lambda entry: entry._replace(info=object.__new__(TableInfo)),
    "a column without a type": lambda entry: entry._replace(info=incomplete(entry.info)),
    "a key without a target": lambda entry: entry._replace(info=incomplete_key(entry.info)),
    "another table": lambda entry: entry._replace(info=replace(entry.info, name="other")),
    "no time": lambda entry: entry._replace(reflected_at="today"),  # type: ignore[arg-type]
}


def through(lazy: LazyDB) -> Any:
    """Get the table through a connection."""
    with lazy.engine.connect() as connection:
        return lazy.get("users", connection=connection)


USES: dict[str, Callable[[LazyDB], Any]] = {
    "attribute": lambda lazy: lazy.users,
    "preload": lambda lazy: (lazy.preload("users", "orders"), lazy.users)[1],
    "connection": through,
    "preloaded, connection": lambda lazy: (lazy.preload("users"), through(lazy))[1],
    "child first": lambda lazy: (lazy.orders, lazy.users)[1],
}


def fill(db: Database) -> MemoryCache:
    """Create two tables, and return a cache that has them."""
    db.execute(
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, user_id INTEGER, "
        "FOREIGN KEY (user_id) REFERENCES users (id))",
    )
    cache = MemoryCache()
    get_lazy_class(db.make_engine(), cache=cache).preload("users", "orders")
    return cache


def key_of(cache: MemoryCache, name: str = "users") -> TableKey:
    """Return the key of a table."""
    return next(key for key in cache._entries if key.name == name)


def spoil(cache: MemoryCache, change: Callable[[TableInfo], TableInfo], name: str = "users") -> None:
    """Put an entry of another version in the place of a table's, as of now."""
    entry = cache._entries[key_of(cache, name)]
    cache._entries[key_of(cache, name)] = CacheEntry(change(entry.info), time.time(), "another")


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged."""
    return [record.getMessage() for record in caplog.records if record.name == "lazy_alchemy"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


# -- Tables that cannot be built here


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("what", UNBUILDABLE)
def test_entry_that_cannot_be_built(db: Database, what: str, use: str, caplog: pytest.LogCaptureFixture) -> None:
    """The database is asked instead, once, which is logged once; the other table comes from the cache."""
    cache = fill(db)
    spoil(cache, UNBUILDABLE[what])
    lazy = get_lazy_class(warm(db.engine), cache=cache)
    table = USES[use](lazy)
    assert ["id", "name"] == table.c.keys()
    assert "JOIN users" in str(lazy.orders.join(lazy.users))
    with count_queries(db.engine) as counted:
        assert table is lazy.users
        lazy.preload("users", "orders")
    assert 0 == counted.count
    assert lazy.cache_info().reflected <= 1
    # A connection of the caller's is read through without asking the cache.
    assert ([] if use == "connection" else ["'users' cannot be used"]) == [
        message[message.index("'users'") :].partition(";")[0] for message in warnings_of(caplog)
    ]


@pytest.mark.parametrize("what", UNBUILDABLE)
def test_entry_that_cannot_be_built_is_replaced(db: Database, what: str, caplog: pytest.LogCaptureFixture) -> None:
    """The next process finds an entry that it can use."""
    cache = fill(db)
    spoil(cache, UNBUILDABLE[what])
    assert "name" in get_lazy_class(db.make_engine(), cache=cache).users.c
    caplog.clear()
    later = get_lazy_class(db.make_engine(), cache=cache)
    assert "name" in later.users.c
    assert (0, 1) == (later.cache_info().reflected, later.cache_info().from_cache)
    assert [] == warnings_of(caplog)


@pytest.mark.parametrize("changed", [False, True])
def test_unbuildable_entry_after_the_ttl(db: Database, clock: Clock, changed: bool) -> None:
    """A loaded table whose check the cache answers so is checked in the database, and replaced only if it changed."""
    cache = fill(db)
    lazy = get_lazy_class(db.engine, cache=cache, cache_ttl=10)
    lazy.refresh("users")
    old, orders = lazy.users, lazy.orders
    clock.now += 11
    if changed:
        db.execute("ALTER TABLE users ADD COLUMN added INTEGER")
    entry = cache._entries[key_of(cache)]
    bad = UNBUILDABLE["a type that is not installed"](entry.info)
    cache._entries[key_of(cache)] = CacheEntry(bad, clock.time(), bad.fingerprint)
    assert changed == ("added" in lazy.users.c)
    assert changed == (lazy.users is not old)
    assert changed == (lazy.orders is not orders)
    assert "JOIN users" in str(lazy.orders.join(lazy.users))


def test_unbuildable_entry_while_the_database_is_away(engine: Engine, clock: Clock) -> None:
    """A loaded table is served as it is while its only check is an entry that cannot be built."""
    reflector = Watched(FakeReflector(info("a")))
    cache = MemoryCache()
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache, cache_ttl=10)
    old = lazy.a
    clock.now += 11
    bad = UNBUILDABLE["a type that is not installed"](info("a", "other"))
    cache._entries[key_of(cache, "a")] = CacheEntry(bad, clock.time(), bad.fingerprint)
    reflector.before = _away
    assert old is lazy.a
    reflector.before = lambda _: None
    clock.now += 11
    assert old is lazy.a
    assert ["id"] == lazy.a.c.keys()


def _away(names: frozenset[str]) -> None:
    raise OSError("no route to host")


def test_table_that_cannot_be_built_from_the_database_either(engine: Engine) -> None:
    """What the database itself says and SQLAlchemy refuses is an error, not asked for again and again in one call."""
    bad = UNBUILDABLE["a type that is not installed"](info("a"))
    cache = MemoryCache()
    get_lazy_class(engine, reflector=FakeReflector(bad), cache=cache).preload("a")
    reflector = Watched(FakeReflector(bad))
    lazy = get_lazy_class(engine, reflector=reflector, cache=cache)
    with pytest.raises(ReflectionError, match="nowhere"):
        lazy.get("a")
    assert [frozenset("a")] == reflector.reads


def test_cache_that_another_version_keeps_writing(engine: Engine, clock: Clock) -> None:
    """Where the entry cannot be replaced, the database is asked once a TTL, and uses in between ask no one."""
    bad = UNBUILDABLE["a type that is not installed"](info("a"))

    class Theirs(MemoryCache):
        def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
            return {key: CacheEntry(bad, clock.time(), bad.fingerprint) for key in keys}

    reflector = Watched(FakeReflector(info("a")))
    lazy = get_lazy_class(engine, reflector=reflector, cache=Theirs(), cache_ttl=10)
    table = lazy.a
    for checks in range(1, 4):
        assert table is lazy.a
        assert checks == len(reflector.reads)
        clock.now += 11
        assert table is lazy.a


# -- What is no entry at all


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_entry(sqlite_db: Database, what: str, use: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a cache has in a table's place, the database is asked, which is logged once, and the entry replaced."""
    cache = fill(sqlite_db)
    key = key_of(cache)
    cache._entries[key] = STRANGE[what](cache._entries[key])
    lazy = get_lazy_class(sqlite_db.engine, cache=cache)
    table = USES[use](lazy)
    assert ("users", ["id", "name"]) == (table.name, table.c.keys())
    assert table is lazy.users
    assert "JOIN users" in str(lazy.orders.join(table))
    if use != "connection":
        assert ["What the cache has of 'users' is no reflected table; the database is asked"] == warnings_of(caplog)
        assert isinstance(cache._entries[key], CacheEntry)
        assert table.reflected == cache._entries[key].info


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_entry_after_the_ttl(sqlite_db: Database, what: str, clock: Clock) -> None:
    """A check that a cache answers so goes to the database."""
    cache = fill(sqlite_db)
    lazy = get_lazy_class(sqlite_db.engine, cache=cache, cache_ttl=10)
    lazy.refresh("users")
    old = lazy.users
    clock.now += 11
    key = key_of(cache)
    cache._entries[key] = STRANGE[what](cache._entries[key]._replace(reflected_at=clock.time()))
    sqlite_db.execute("ALTER TABLE users ADD COLUMN added INTEGER")
    assert "added" in lazy.users.c
    assert old is not lazy.users


def test_answer_that_is_no_mapping(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that returns no mapping counts as one that fails."""

    class Empty(MemoryCache):
        def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
            return None  # type: ignore[return-value]

    assert "a" == get_lazy_class(engine, reflector=FakeReflector(info("a")), cache=Empty()).a.name
    assert 1 == len(warnings_of(caplog))
    assert "cannot be read; the database is asked" in warnings_of(caplog)[0]


def test_logging_is_a_warning(sqlite_db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Both kinds are logged as warnings on the library's logger."""
    cache = fill(sqlite_db)
    spoil(cache, UNBUILDABLE["a type that is not installed"])
    cache._entries[key_of(cache, "orders")] = STRANGE["text"](cache._entries[key_of(cache, "orders")])
    lazy = get_lazy_class(sqlite_db.engine, cache=cache)
    assert ["users", "orders"] == [lazy.users.name, lazy.orders.name]
    records = [record for record in caplog.records if record.name == "lazy_alchemy"]
    assert [logging.WARNING] * 2 == [record.levelno for record in records]
