"""Loads that fail or have to wait: for how long, for whom, and what the error names."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, select

from lazy_alchemy import ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from tests.databases import Database


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


def test_broken_beside_missing(sqlite_db: Database) -> None:
    """Where a name is missing and another is broken, the error of the missing one has the other as its cause."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER)", "CREATE VIEW broken AS SELECT id FROM t", "DROP TABLE t")
    with pytest.raises(TableNotFoundError, match="'nowhere'") as caught:
        get_lazy_class(sqlite_db.engine).preload("broken", "nowhere")
    assert isinstance(caught.value.__cause__, ReflectionError)
    assert "broken" in str(caught.value.__cause__)
