"""What somebody who knew the library only from its pages found."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, select

from lazy_alchemy import ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector

from .databases import count_queries, warm

if TYPE_CHECKING:
    from .databases import Database


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
