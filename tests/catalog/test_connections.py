"""What somebody who knew the library only from its pages found."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, Table, create_engine, event, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import AssertionPool, NullPool, StaticPool

from lazy_alchemy import LazyDB, ReflectionError, TableNotFoundError, get_async_lazy_class, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector, TableKind
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.pool import Pool

    from tests.databases import Database


def test_foreign_key_to_a_table_with_a_dot_in_its_name(db: Database) -> None:
    """A table that refers to one with a dot in its name loads, in the MetaData of all, before and after that one."""
    parent = db.quote("x.y")
    db.execute(
        f"CREATE TABLE {parent} (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE child (id INTEGER PRIMARY KEY, x INTEGER, FOREIGN KEY (x) REFERENCES {parent} (id))",
    )
    tables = get_lazy_class(db.make_engine())

    child = tables.child
    assert child.metadata is tables.metadata
    assert "x.y" == tables["x.y"].name
    assert tables.child is child

    db.execute(f"ALTER TABLE {parent} ADD COLUMN note VARCHAR(20)")
    tables.refresh()
    assert ["id", "note"] == tables["x.y"].c.keys()
    assert "child" == tables.child.name


def test_lock_is_waited_for_once(sqlite_db: Database) -> None:
    """Where somebody else has locked the database, a load of many tables fails after one wait, not one a table."""
    names = [f"t{number}" for number in range(16)]
    sqlite_db.execute(*(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in names))
    db = get_lazy_class(warm(sqlite_db.make_engine(connect_args={"timeout": 0.2})))
    locking = sqlite_db.make_engine()
    with locking.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        with count_queries(db.engine) as queries, pytest.raises(ReflectionError, match="locked"):
            db.preload(*names)
        connection.rollback()
    assert queries.count <= 2
    db.preload(*names)


def test_timeout_of_a_batch_is_waited_for_once(postgresql_db: Database) -> None:
    """A statement that ran into a time limit is not tried again for fewer tables."""
    postgresql_db.execute(*(f"CREATE TABLE t{number} (id INTEGER CHECK (id > 0))" for number in range(8)))
    engine = postgresql_db.make_engine(connect_args={"options": "-c lock_timeout=200"})

    class Counting(InspectorReflector):
        calls = 0

        def reflect(self, *arguments: Any, **options: Any) -> Any:
            type(self).calls += 1
            return super().reflect(*arguments, **options)

    db = get_lazy_class(engine, reflector=Counting())
    with postgresql_db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE t0 ADD COLUMN x INTEGER CHECK (x > 0)")
        with pytest.raises(ReflectionError, match="lock timeout"):
            db.preload(*(f"t{number}" for number in range(8)))
        connection.rollback()
    assert 1 == Counting.calls


def test_a_table_that_is_being_altered_is_served_as_it_was(postgresql_db: Database) -> None:
    """Past `cache_ttl`, a table on which a transaction holds a lock stalls nobody for more than a second or so."""
    postgresql_db.execute(*(f"CREATE TABLE t{number} (id INTEGER CHECK (id > 0))" for number in range(3)))
    db = get_lazy_class(warm(postgresql_db.make_engine()), cache_ttl=0.05)
    before = [db.t0, db.t1]
    with postgresql_db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE t0 ADD COLUMN x INTEGER")
        time.sleep(0.1)
        began = time.monotonic()
        assert before == [db.t1, db.t0][::-1]
        assert "t2" == db.t2.name  # it travels with the others that have expired
        assert time.monotonic() - began < 10
        connection.commit()
    db.refresh("t0")
    assert ["id", "x"] == db.t0.c.keys()
    assert db.t1 is before[1]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TYPE mood ADD VALUE 'bad'",
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'good'",
        "ALTER TYPE mood RENAME TO temper",
        "ALTER DOMAIN positive SET DEFAULT 7",
        "ALTER DOMAIN positive DROP CONSTRAINT above",
        "ALTER DOMAIN positive RENAME TO whole",
        "ALTER TABLE parent RENAME TO elder",
        "ALTER TABLE parent RENAME COLUMN id TO key",
        "ALTER SEQUENCE numbers RENAME TO figures",
        "ALTER INDEX by_note RENAME TO by_text",
        "COMMENT ON CONSTRAINT child_pkey ON child IS 'key'",
        "ALTER TABLE child ADD COLUMN x INTEGER",
    ],
)
def test_what_a_transaction_has_changed_beside_the_table_is_not_kept(postgresql_db: Database, statement: str) -> None:
    """A change of a type, a domain, a sequence or another table that is rolled back leaves no trace in what is kept."""
    postgresql_db.execute(
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE DOMAIN positive AS INTEGER CONSTRAINT above CHECK (VALUE > 0)",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER DEFAULT nextval('numbers') PRIMARY KEY, p INTEGER REFERENCES parent)",
        "ALTER TABLE child ADD COLUMN m mood, ADD COLUMN d positive, ADD COLUMN note TEXT",
        "CREATE INDEX by_note ON child (note)",
    )
    expected = get_lazy_class(postgresql_db.make_engine()).child.reflected
    engine = postgresql_db.make_engine()
    db = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SAVEPOINT one")
        connection.exec_driver_sql(statement)
        db.get("child", connection=connection)
        connection.rollback()
    assert expected == db.child.reflected
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO parent VALUES (1)")
        kept = db.get("parent", connection=connection)
        connection.commit()
    assert db.parent is kept


def _has_autocommit(connection: Any, _record: object) -> None:
    connection.autocommit = True


def _sets_something(connection: Any) -> None:
    connection.exec_driver_sql("SET application_name TO 'listener'")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_load_leaves_the_connection_as_it_was(postgresql_db: Database, driver: str) -> None:
    """What was set on a connection is still set after a load on it, and listeners that execute do no harm."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    url = postgresql_db.url.set(drivername=f"postgresql+{driver}")

    engine = create_engine(url, pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _has_autocommit)
    assert "t" == get_lazy_class(engine).t.name
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    engine.dispose()
    assert [(1,)] == postgresql_db.fetch("SELECT id FROM t")

    engine = create_engine(url, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        level = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ"
        connection.exec_driver_sql(level)
        connection.commit()
    event.listen(engine, "engine_connect", _sets_something)
    assert "t" == get_lazy_class(engine).t.name
    event.remove(engine, "engine_connect", _sets_something)
    assert "t" == get_lazy_class(engine.execution_options(stream_results=True)).t.name
    assert "t" == get_lazy_class(engine.execution_options()).t.name
    with engine.connect() as connection:
        assert "repeatable read" == connection.exec_driver_sql("SHOW transaction_isolation").scalar()
    engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000", "asyncpg"])
def test_a_transaction_that_a_listener_begins_within_a_load_ends_with_it(postgresql_db: Database, driver: str) -> None:
    """What a listener does in a transaction that it begins past SQLAlchemy while a table is read, nobody commits."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    url = postgresql_db.url.set(drivername=f"postgresql+{driver}")
    begun: list[str] = []

    def begins(connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        cursor = connection.connection.dbapi_connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.close()
        begun.append(statement)

    async def asynchronously() -> None:
        engine = create_async_engine(url, pool_size=1, max_overflow=0)
        event.listen(engine.sync_engine, "after_cursor_execute", begins)
        assert "t" == (await get_async_lazy_class(engine).get("t")).name
        event.remove(engine.sync_engine, "after_cursor_execute", begins)
        async with engine.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        await engine.dispose()

    if driver == "asyncpg":
        asyncio.run(asynchronously())
    else:
        engine = create_engine(url, pool_size=1, max_overflow=0)
        event.listen(engine, "after_cursor_execute", begins)
        assert "t" == get_lazy_class(engine).t.name
        event.remove(engine, "after_cursor_execute", begins)
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        engine.dispose()
    assert 1 == len(begun)
    assert [(2,)] == postgresql_db.fetch("SELECT id FROM t")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
@pytest.mark.parametrize("poolclass", [NullPool, StaticPool])
def test_a_connection_that_is_new_is_in_no_transaction(
    postgresql_db: Database, driver: str, poolclass: type[Pool]
) -> None:
    """A load on a connection on which nothing was executed yet leaves it in no transaction, and needs none."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id INTEGER PRIMARY KEY)")
    url = postgresql_db.url.set(drivername=f"postgresql+{driver}")
    application = f"a{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, poolclass=poolclass, connect_args={"application_name": application})
    with engine.connect() as connection:
        connection.invalidate()  # the first one has heard SQLAlchemy's questions
    db, modes = get_lazy_class(engine), list[bool]()

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: Any, *_: object) -> None:
        modes.append(connection.connection.dbapi_connection.autocommit)

    assert ["t", "u"] == [db.t.name, db.u.name]
    if poolclass is NullPool:
        assert [True, True] == modes
    states = postgresql_db.fetch(f"SELECT state FROM pg_stat_activity WHERE application_name = '{application}'")
    assert ("idle in transaction",) not in states
    engine.dispose()


def test_a_check_leaves_no_time_limit_in_a_transaction(postgresql_db: Database) -> None:
    """A check through the caller's own connection does not change how long its statements wait for a lock."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    engine = postgresql_db.make_engine()
    db = get_lazy_class(engine)
    assert "t" == db.t.name
    db.invalidate("t")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN")
        assert db.get("t", connection=connection) is db.metadata.tables["t"]
        assert "0" == connection.exec_driver_sql("SHOW lock_timeout").scalar()
        connection.exec_driver_sql("ROLLBACK")


def test_user_with_few_privileges(mariadb_db: Database) -> None:
    """To a MariaDB user who may see some tables only, a name that does not exist is not found, nor is a hidden one."""
    user, secret = f"u{uuid.uuid4().hex[:12]}", "Correct-Horse-9"
    mariadb_db.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY)", "CREATE TABLE hidden (id INTEGER PRIMARY KEY)")
    hosts = ("'%'", "localhost")
    mariadb_db.execute(*(f"CREATE USER {user}@{host} IDENTIFIED BY '{secret}'" for host in hosts))
    engine = create_engine(mariadb_db.url.set(username=user, password=secret))
    try:
        mariadb_db.execute(*(f"GRANT SELECT ON seen TO {user}@{host}" for host in hosts))
        db = get_lazy_class(engine)
        assert not hasattr(db, "typo")
        with pytest.raises(TableNotFoundError, match="'typo'"):
            db.preload("seen", "typo")
        with pytest.raises(TableNotFoundError, match="hidden"):
            db.get("hidden")
        assert "seen" in str(select(db.seen))
    finally:
        engine.dispose()
        mariadb_db.execute(*(f"DROP USER {user}@{host}" for host in hosts))


def test_two_broken_views_are_both_named(sqlite_db: Database) -> None:
    """`preload_all` of a schema in which several views are broken names each of them, and loads the rest."""
    sqlite_db.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE VIEW broken_one AS SELECT * FROM nowhere",
        "CREATE VIEW broken_two AS SELECT * FROM nowhere",
    )
    db = get_lazy_class(sqlite_db.engine)
    with pytest.raises(ReflectionError) as raised:
        db.preload_all()
    assert "broken_one" in str(raised.value)
    assert "broken_two" in str(raised.value)
    assert 1 == db.cache_info().loaded


def test_something_else_than_a_connection_is_named(sqlite_db: Database) -> None:
    """A Session passed as `connection=` is a TypeError that says what to pass instead."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(sqlite_db.engine)
    given: Any
    with Session(sqlite_db.engine) as given, pytest.raises(TypeError, match=r"Session: pass session\.connection\(\)"):
        db.get("t", connection=given)
    with pytest.raises(TypeError, match=r"Engine: pass what engine\.connect\(\) returns"):
        db.preload("t", connection=sqlite_db.engine)  # type: ignore[arg-type]


def test_name_that_is_not_hashable(sqlite_db: Database) -> None:
    """A name that is a list is a TypeError that says what a name is."""
    db = get_lazy_class(sqlite_db.engine)
    name: Any = []
    with pytest.raises(TypeError, match="a table is asked for by its name, a str, not list"):
        db[name]


def test_invalidating_unknown_names_takes_a_bounded_memory(sqlite_db: Database) -> None:
    """Names that are not loaded can be invalidated for ever, and a loaded table is still the same object after."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(sqlite_db.engine)
    table = db.t

    def kept() -> int:
        tracemalloc.start()
        for number in range(30_000):
            db.invalidate(f"unknown {number}")
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert kept() < 4_000_000
    assert db.t is table


@pytest.mark.parametrize("of", ["connection", "engine"])
@pytest.mark.parametrize("options", [("stream_results", "yield_per"), ("stream_results",), ("yield_per",)])
def test_a_load_through_a_streaming_connection_keeps_what_was_inserted(
    postgresql_db: Database, of: str, options: tuple[str, ...]
) -> None:
    """A streaming connection loads a table and is then as it was, and what it inserted before is committed."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id INTEGER PRIMARY KEY)")
    every: dict[str, Any] = {"stream_results": True, "yield_per": 3}
    streaming = {option: every[option] for option in options}
    engine = postgresql_db.make_engine(execution_options=streaming if of == "engine" else {})
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (7)", execution_options=dict.fromkeys(streaming))
        if of == "connection":
            connection.execution_options(**streaming)
        before = dict(connection.get_execution_options())
        assert streaming.items() <= before.items()
        assert "u" == get_lazy_class(engine).get("u", connection=connection).name
        assert before == dict(connection.get_execution_options())
        connection.commit()
    assert [(7,)] == postgresql_db.fetch("SELECT id FROM t")


def test_an_attribute_of_the_users_own_stays(sqlite_db: Database) -> None:
    """What a subclass keeps in an attribute is still there when a table of that name is loaded, or checked."""
    sqlite_db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")

    class Shop(LazyDB):
        def __init__(self, engine: Engine) -> None:
            super().__init__(engine)
            self._own = self.__dict__["items"] = ["mine"]

    shop = Shop(sqlite_db.engine)
    assert "items" == shop["items"].name
    assert shop.items is shop._own
    shop.invalidate("items")
    assert "items" == shop["items"].name
    assert shop.items is shop._own


def test_accessors_that_are_equal_are_all_told(sqlite_db: Database) -> None:
    """A subclass whose instances are equal, and cannot be hashed, hears of a change like any other."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

    class Equal(LazyDB):  # noqa: PLW1641 - that is the point
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    accessors = [Equal(sqlite_db.engine), Equal(sqlite_db.engine)]
    assert accessors[0].t is accessors[1].t
    sqlite_db.execute("ALTER TABLE t ADD COLUMN a INTEGER")
    get_lazy_class(sqlite_db.engine).invalidate("t")
    assert [["id", "a"]] * 2 == [accessor.t.c.keys() for accessor in accessors]


def test_temporary_table_by_its_schema_is_not_kept(sqlite_db: Database) -> None:
    """A temporary table that is asked for in SQLite's schema "temp" is its connection's own."""
    db = get_lazy_class(sqlite_db.engine, schema="temp")
    with sqlite_db.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE t (id INTEGER PRIMARY KEY)")
        assert TableKind.TEMPORARY_TABLE is db.get("t", connection=connection).reflected.kind
        connection.exec_driver_sql("DROP TABLE t")
    with pytest.raises(TableNotFoundError):
        _ = db.t


def test_what_is_used_before_init_says_so(sqlite_db: Database) -> None:
    """A subclass that uses a table before it has called LazyDB's __init__ is told to call it."""

    class Early(LazyDB):
        def __init__(self, engine: Engine) -> None:
            self.t  # noqa: B018
            super().__init__(engine)

    with pytest.raises(AttributeError, match=r"no 't' yet: call super\(\).__init__"):
        Early(sqlite_db.engine)


def test_broken_beside_missing(sqlite_db: Database) -> None:
    """Where a name is missing and another is broken, the error of the missing one has the other as its cause."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER)", "CREATE VIEW broken AS SELECT id FROM t", "DROP TABLE t")
    with pytest.raises(TableNotFoundError, match="'nowhere'") as caught:
        get_lazy_class(sqlite_db.engine).preload("broken", "nowhere")
    assert isinstance(caught.value.__cause__, ReflectionError)
    assert "broken" in str(caught.value.__cause__)


def test_inherited_tables_are_told_as_sqlalchemy_does(postgresql_db: Database) -> None:
    """The tables that a table inherits from are a tuple, where SQLAlchemy reflects them."""
    postgresql_db.execute("CREATE TABLE p (id INTEGER)", "CREATE TABLE c (a INTEGER) INHERITS (p)")
    engine = postgresql_db.engine
    theirs = Table("c", MetaData(), autoload_with=engine, resolve_fks=False)
    assert repr(dict(theirs.dialect_kwargs)) == repr(dict(get_lazy_class(engine).c.dialect_kwargs))


def test_assertion_pool_says_what_to_do(sqlite_db: Database) -> None:
    """A first use while the one connection of an AssertionPool is out fails at once and names the remedies."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    engine = sqlite_db.make_engine(poolclass=AssertionPool)
    db = get_lazy_class(engine)
    with engine.connect() as connection:
        with pytest.raises(ReflectionError, match=r"already checked out, and .*preload.*connection="):
            _ = db.t
        assert "t" == db.get("t", connection=connection).name
    assert "t" == db.t.name
