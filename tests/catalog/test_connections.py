"""A user's connection and its transaction: a load through them, or beside them, leaves them as they were (I8)."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AssertionPool, NullPool, StaticPool

from lazy_alchemy import ReflectionError, TableNotFoundError, get_async_lazy_class, get_lazy_class
from lazy_alchemy.reflectors import TableKind

if TYPE_CHECKING:
    from sqlalchemy.pool import Pool

    from tests.databases import Database


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


def test_temporary_table_by_its_schema_is_not_kept(sqlite_db: Database) -> None:
    """A temporary table that is asked for in SQLite's schema "temp" is its connection's own."""
    db = get_lazy_class(sqlite_db.engine, schema="temp")
    with sqlite_db.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE t (id INTEGER PRIMARY KEY)")
        assert TableKind.TEMPORARY_TABLE is db.get("t", connection=connection).reflected.kind
        connection.exec_driver_sql("DROP TABLE t")
    with pytest.raises(TableNotFoundError):
        _ = db.t


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
