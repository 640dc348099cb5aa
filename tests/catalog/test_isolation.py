from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
import weakref
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import StaticPool

from lazy_alchemy import LazyDB, TableNotFoundError, get_lazy_class
from lazy_alchemy._catalog.pools import ConnectionHolders
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector
from tests.databases import count_queries, warm
from tests.effort import amount, more
from tests.fakes import collecting_only_what_is_new

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from lazy_alchemy import TableInfo
    from tests.databases import Database

FORKS = amount(4, 20)
FORK_SECONDS = 20


def _in_memory(*statements: str) -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    return engine


@pytest.fixture
def schemas(db: Database) -> Iterator[tuple[Engine, str, str]]:
    """An engine, its default schema and another one, with a table "a" in each."""
    default, other = {
        "sqlite": ("main", "other"),
        "postgresql": ("public", "other"),
        "mariadb": (str(db.url.database), f"{db.url.database}_other"),
    }[db.name]
    engine = db.make_engine()
    if db.is_sqlite:
        file = f"{db.url.database}.other"
        event.listen(engine, "connect", lambda connection, _: connection.execute(f"ATTACH '{file}' AS other"))
    statements = [] if db.is_sqlite else [f"CREATE SCHEMA {other}"]
    statements += ["CREATE TABLE a (id INTEGER, x INTEGER)", "CREATE TABLE only_here (id INTEGER)"]
    statements += [f"CREATE TABLE {other}.a (id INTEGER, y INTEGER)"]
    statements += ["INSERT INTO a VALUES (1, 2)", f"INSERT INTO {other}.a VALUES (1, 3)"]
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    yield engine, default, other
    engine.dispose()
    if db.is_mariadb:
        db.execute(f"DROP SCHEMA {other}")


# -- Two databases never mix -------------------------------------------------------------------------------------------


def test_in_memory_databases_do_not_mix() -> None:
    """Two in-memory SQLite engines have equal URLs, and their tables nothing to do with each other."""
    one = _in_memory("CREATE TABLE a (x INTEGER)")
    two = _in_memory("CREATE TABLE a (y INTEGER)", "CREATE TABLE b (z INTEGER)")

    assert ["x"] == get_lazy_class(one).a.columns.keys()
    assert ["y"] == get_lazy_class(two).a.columns.keys()
    with pytest.raises(TableNotFoundError):
        get_lazy_class(one).get("b")
    one.dispose()
    two.dispose()


def test_engines_of_equal_urls_do_not_mix(tmp_path: Path) -> None:
    """Engines whose `creator=` leads to different databases keep their tables apart, though their URLs are equal."""
    engines = []
    for column in ("x", "y"):
        file = tmp_path / f"{column}.db"
        engines.append(create_engine("sqlite:///same.db", creator=lambda file=file: sqlite3.connect(file)))
        with engines[-1].begin() as connection:
            connection.execute(text(f"CREATE TABLE a ({column} INTEGER)"))

    assert [["x"], ["y"]] == [get_lazy_class(engine).a.columns.keys() for engine in engines]
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("means", ["connect_args", "url", "listener"])
@pytest.mark.parametrize("shared", [False, True], ids=["catalog", "shared-cache"])
def test_search_paths_do_not_mix(postgresql_db: Database, means: str, shared: bool) -> None:
    """Engines of one PostgreSQL database with different search paths each get the table of their own."""
    if shared and means != "url":
        pytest.skip("what the URL does not say, a Cache given to both cannot know")
    cache = MemoryCache() if shared else None
    columns = []
    for path in ("one", "two"):
        postgresql_db.execute(f"CREATE SCHEMA {path}", f"CREATE TABLE {path}.a (in_{path} INTEGER)")
        option = f"-csearch_path={path}"
        if means == "connect_args":
            engine = postgresql_db.make_engine(connect_args={"options": option})
        elif means == "url":
            engine = create_engine(postgresql_db.url.update_query_dict({"options": option}))
        else:
            engine = postgresql_db.make_engine()

            def set_path(connection: Any, _record: object, path: str = path) -> None:
                connection.execute(f"SET search_path TO {path}")
                connection.commit()

            event.listen(engine, "connect", set_path)
        columns.append(get_lazy_class(engine, cache=cache).a.columns.keys())
        engine.dispose()

    assert [["in_one"], ["in_two"]] == columns


@pytest.mark.parametrize("within", [False, True], ids=["before", "in-a-transaction"])
def test_a_search_path_of_one_connection_stays_its_own(
    schemas: tuple[Engine, str, str], db: Database, within: bool
) -> None:
    """What `connection=` finds after `SET search_path` or `USE` is that connection's; others get what is theirs."""
    engine, default, other = schemas
    if db.is_sqlite:
        pytest.skip("SQLite has no search path")
    db.execute(f"CREATE TABLE {other}.only_there (id INTEGER)")
    move, back = (
        ("USE {}", f"USE {default}") if db.is_mariadb else ("SET search_path TO {}, public", "RESET search_path")
    )
    tables = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.execute(text(move.format(other)))
        if not within:
            connection.commit()
        there = tables.get("a", connection=connection)
        assert ["id", "y"] == there.columns.keys()
        assert tables.get("a", connection=connection) is there
        tables.preload("only_there", connection=connection)
        with pytest.raises(TableNotFoundError):
            tables.get("nowhere", connection=connection)
        connection.commit()

        assert ["id", "x"] == tables.a.columns.keys()
        assert not hasattr(tables, "only_there")
        tables.invalidate("only_here")
        if db.is_mariadb:
            with pytest.raises(TableNotFoundError):
                tables.get("only_here", connection=connection)
        assert ["id"] == tables.only_here.columns.keys()

        connection.execute(text(back))
        connection.commit()
        tables.invalidate("a")
        assert tables.get("a", connection=connection) is tables.a
        connection.commit()


def test_schemas_do_not_mix(schemas: tuple[Engine, str, str]) -> None:
    """Tables of the same name in two schemas are two tables, which one accessor each reaches and which join."""
    engine, default, other = schemas
    tables = get_lazy_class(engine)
    others = get_lazy_class(engine, schema=other)

    assert ["id", "x"] == tables.a.columns.keys()
    assert ["id", "y"] == others.a.columns.keys()
    assert ["id", "x"] == get_lazy_class(engine, schema=default).a.columns.keys()
    assert (None, other) == (tables.a.schema, others.a.schema)
    assert ["a"] == others.list_tables()
    with pytest.raises(TableNotFoundError):
        others.get("only_here")
    with engine.connect() as connection:
        joined = tables.a.join(others.a, tables.a.c.id == others.a.c.id).select()
        assert [(1, 2, 1, 3)] == [tuple(row) for row in connection.execute(joined)]


def test_an_invalidation_of_one_schema_leaves_the_other_alone(schemas: tuple[Engine, str, str]) -> None:
    """`invalidate` is for the accessor's own schema, `invalidate_all` for all of the engine's."""
    engine, _, other = schemas
    tables = get_lazy_class(engine)
    others = get_lazy_class(engine, schema=other)
    tables.preload("a")
    others.preload("a")

    tables.invalidate("a")
    with count_queries(engine) as queries:
        others.get("a")
    assert 0 == queries.count
    tables.invalidate_all()
    with count_queries(engine) as queries:
        others.get("a")
    assert queries.count > 0


# -- What is shared, and what is not -----------------------------------------------------------------------------------


def test_accessors_of_one_engine_share_tables(db: Database) -> None:
    """All accessors of one Engine get the same object, loaded once."""
    db.execute("CREATE TABLE a (x INTEGER)")

    class Declared(LazyDB):
        a: Any = None

    first = get_lazy_class(db.engine)
    table = first.a
    with count_queries(db.engine) as queries:
        others = [get_lazy_class(db.engine), get_lazy_class(db.engine, cache_ttl=60), LazyDB(db.engine)]
        assert all(other.a is table for other in others)
        assert Declared(db.engine)["a"] is table
        assert all(other.metadata is first.metadata for other in others)
    assert 0 == queries.count


def test_an_accessor_with_its_own_cache_or_reflector_shares_none(db: Database) -> None:
    """An accessor that was given a cache or a reflector has tables of its own, and hears of invalidations too."""
    db.execute("CREATE TABLE a (x INTEGER)")
    shared = get_lazy_class(db.engine)
    table = shared.a
    for own in (
        get_lazy_class(db.engine, cache=MemoryCache()),
        get_lazy_class(db.engine, reflector=InspectorReflector()),
    ):
        mine = own.a
        assert mine is not table
        assert own.metadata is not shared.metadata
        assert own.a is mine

        shared.invalidate_all()
        with count_queries(db.engine) as queries:
            assert own.a is mine
        assert queries.count > 0


def test_a_cache_given_to_two_engines_loads_once(db: Database) -> None:
    """Two engines of one database that share a MemoryCache read a table once, and build one each."""
    db.execute("CREATE TABLE a (x INTEGER)")
    cache = MemoryCache()
    one, two = (warm(db.make_engine()) for _ in range(2))
    table = get_lazy_class(one, cache=cache).a

    with count_queries(two) as queries:
        other = get_lazy_class(two, cache=cache)
        assert table is not other.a
        assert table.reflected == other.a.reflected
    assert 0 == queries.count
    assert (1, 0) == (other.cache_info().from_cache, other.cache_info().reflected)


def test_a_cache_never_mixes_in_memory_databases() -> None:
    """A MemoryCache given to two in-memory SQLite engines keeps their tables apart."""
    cache = MemoryCache()
    one = _in_memory("CREATE TABLE a (x INTEGER)")
    two = _in_memory("CREATE TABLE a (y INTEGER)")

    assert ["x"] == get_lazy_class(one, cache=cache).a.columns.keys()
    assert ["y"] == get_lazy_class(two, cache=cache).a.columns.keys()
    assert 2 == len(cache)
    get_lazy_class(one, cache=cache).invalidate_all()
    assert 1 == len(cache)
    one.dispose()
    two.dispose()


# -- Lifetimes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["nothing", "core", "pydantic", "sqlmodel", "orm", "error", "transaction"])
def test_everything_of_an_engine_dies_with_it(db: Database, use: str) -> None:
    """An Engine nobody refers to is collected, with its catalog, MetaData and tables, whatever was made of them."""
    db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER)")

    def live() -> list[weakref.ref[Any]]:
        engine = create_engine(db.url)
        accessor = get_lazy_class(engine, cache_ttl=60)
        dying: list[Any] = [engine, engine.pool, accessor, accessor.metadata, accessor._catalog]
        if use != "nothing":
            dying += [accessor.a, accessor.b]
        if use in ("pydantic", "sqlmodel"):
            model: Any = accessor.a.as_pydantic() if use == "pydantic" else accessor.a.as_sqlmodel()
            with Session(engine) as session:
                session.execute(accessor.a.select()).all()
                if use == "sqlmodel":
                    session.get(model, 1)
            dying.append(model)
        elif use == "orm":

            class Base(DeclarativeBase):
                metadata = accessor.metadata

            class A(Base):
                __table__ = accessor.a

            with Session(engine) as session:
                session.get(A, 1)
            dying += [Base, A]
        elif use == "error":
            with pytest.raises(TableNotFoundError):
                accessor.get("nowhere")
        elif use == "transaction":
            with engine.connect() as connection:
                dying.append(accessor.get("b", connection=connection))
        engine.dispose()
        return [weakref.ref(each) for each in dying]

    with collecting_only_what_is_new():
        references = live()
        for _ in range(5):
            gc.collect()

    assert [] == [reference() for reference in references if reference() is not None]


def test_an_accessor_keeps_its_engine(db: Database) -> None:
    """Whoever holds an accessor need not hold the engine, and a table works without either."""
    db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    accessor = get_lazy_class(db.make_engine())
    with collecting_only_what_is_new():
        db._engines.pop()
        gc.collect()
        table = accessor.a
        accessor.engine.dispose()
        del accessor
        gc.collect()

    assert ["id"] == table.columns.keys()
    assert "a" in table.metadata.tables


# -- Fork --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.timeout(180)
@more
def test_a_child_process_loads_and_keeps_what_is_loaded(db: Database) -> None:
    """After a fork in the middle of other threads' loads, the child has the loaded tables and loads others."""
    names = [f"t{number}" for number in range(12)]
    db.execute(*(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in (*names, "kept", "fresh")))
    accessor = get_lazy_class(db.engine)
    with ExitStack() as stack:
        # No thread connects later: OpenSSL's locks are as little made for a fork as SQLite's.
        for _ in range(5):
            stack.enter_context(db.engine.connect())
    if db.is_sqlite:
        engine = db.make_engine(poolclass=StaticPool, connect_args={"check_same_thread": False})
        accessor = get_lazy_class(engine, reflector=PythonOnly(accessor.kept.reflected, names))
    kept = accessor.kept
    stop = threading.Event()
    failures: list[BaseException] = []

    def load(offset: int) -> None:
        try:
            while not stop.is_set():
                for name in names[offset:] + names[:offset]:
                    assert ["id"] == accessor.get(name).columns.keys()
                    accessor.invalidate(name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=load, args=(offset,)) for offset in range(0, 12, 3)]
    for thread in threads:
        thread.start()
    ends: list[str] = []
    try:
        for number in range(FORKS):
            time.sleep(0.005 * (number % 4))
            ends.append(_end_of_child(lambda: _live_as_child(accessor, kept, names)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert [] == failures
    assert ["well"] * FORKS == ends


class PythonOnly(InspectorReflector):
    """Makes tables up: SQLite's own mutexes, if held by another thread at the fork, stay locked in the child."""

    def __init__(self, pattern: TableInfo, names: list[str]) -> None:
        self._made_up = {name: replace(pattern, name=name) for name in names}

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Take a while for those that are made up, without a query."""
        if not self._made_up.keys() >= set(names):
            return super().reflect(connection, names, schema=schema)
        time.sleep(0.005)
        return {name: self._made_up[name] for name in names}


def _live_as_child(accessor: LazyDB, kept: object, names: list[str]) -> None:
    accessor.engine.dispose(close=False)  # the parent's connections are the parent's
    assert accessor.kept is kept
    assert ["id"] == accessor.fresh.columns.keys()
    for name in names:
        assert ["id"] == accessor.get(name).columns.keys()
    thread = threading.Thread(target=accessor.refresh, args=("fresh", "kept"))
    thread.start()
    thread.join()
    accessor.invalidate_all()
    assert accessor.kept is kept


def _end_of_child(live: Any) -> str:
    """Fork, let the child do `live`, and return how it ended; a child that hangs is killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        faulthandler.dump_traceback_later(FORK_SECONDS / 2, file=write)
        try:
            live()
            code = 0
        except BaseException:
            os.write(write, traceback.format_exc()[-3000:].encode())
        finally:
            os._exit(code)
    os.close(write)
    try:
        deadline = time.monotonic() + FORK_SECONDS
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return "well" if status == 0 else f"status {status}: {os.read(read, 4000).decode()}"
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return f"it hung: {os.read(read, 9000).decode()}"
    finally:
        os.close(read)


_FORK_IN_AN_IMPORT = """
import os, signal, sys, threading, time
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from lazy_alchemy import get_lazy_class

engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
table = get_lazy_class(engine).t
importing = threading.Event()


class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "lazy_alchemy.emitters.pydantic":
            importing.set()
            time.sleep(0.5)


sys.meta_path.insert(0, Slow())
threading.Thread(target=table.as_pydantic).start()
importing.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if table.as_pydantic()(id=1).id == 1 else 1)
sys.exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_forked_during_the_first_import_makes_models() -> None:
    """A child that is forked while another thread imports the emitters for the first time can use them."""
    done = subprocess.run(
        [sys.executable, "-c", _FORK_IN_AN_IMPORT], capture_output=True, text=True, check=False, timeout=50
    )
    assert 0 == done.returncode, done.stderr


def test_accessors_of_derived_engines_cost_the_pool_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes an accessor a request, of an engine with options, finds checkouts as quick after the hundredth."""
    seen: list[object] = []
    checked_out = ConnectionHolders._checked_out

    def counted(self: ConnectionHolders, *event: Any) -> None:
        seen.append(self)
        checked_out(self, *event)

    monkeypatch.setattr(ConnectionHolders, "_checked_out", counted)
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    for _ in range(100):
        get_lazy_class(engine.execution_options(schema_translate_map={None: None}))
    engine.connect().close()
    assert len(seen) == 1
    engine.dispose()
    get_lazy_class(engine.execution_options())
    engine.connect().close()
    assert len(seen) == 2
    engine.dispose()


def test_accessors_of_derived_engines_leave_nothing_behind(db: Database) -> None:
    """Engines with options, the accessors of each, and what those loaded are gone when nobody uses them any more."""
    db.execute("CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY)")
    engine = db.make_engine()

    def use() -> None:
        get_lazy_class(engine.execution_options(), cache_ttl=60).get("users")

    with collecting_only_what_is_new():
        for _ in range(50):
            use()
        gc.collect()
        tracemalloc.start()
        try:
            use()
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(100):
                use()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 100 * 1000  # what SQLAlchemy keeps in its caches; an accessor is more
