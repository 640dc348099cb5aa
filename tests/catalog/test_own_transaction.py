"""A loaded table that the caller's own transaction may have changed is read through its connection (I6, I8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from lazy_alchemy import LazyDB, TableNotFoundError, get_lazy_class
from tests.databases import count_queries, warm
from tests.fakes import FakeReflector, info

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from tests.databases import Database

ADDS = {"sqlite": 1, "postgresql": 3, "mariadb": 0}
"""How many statements `connection=` adds for a loaded table, once the transaction has written rows."""


def loaded(db: Database, **options: Any) -> LazyDB:
    """Create a parent and a child, and load both."""
    db.execute(
        "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY, k INTEGER UNIQUE)",
        "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (k))",
    )
    lazy = get_lazy_class(warm(db.engine), **options)
    lazy.preload("p", "kid")
    return lazy


def begin(connection: Connection) -> None:
    """Begin a transaction in the database too: the driver of SQLite begins none for what changes a schema."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def transactional(db: Database) -> None:
    """Skip the test where a change of the schema ends the transaction."""
    if db.is_mariadb:
        pytest.skip("a change of the schema commits there")


def joined(lazy: Callable[[str], Any]) -> str:
    """Return the condition on which child and parent join."""
    return str(lazy("kid").join(lazy("p"))).partition(" ON ")[2]


def test_table_that_the_own_transaction_has_altered(db: Database) -> None:
    """The transaction gets the new table, which can be used at once; all others get the old one."""
    transactional(db)
    lazy = loaded(db)
    old = lazy.p
    with db.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p ADD COLUMN added INTEGER")
        new = lazy.get("p", connection=connection)
        assert ["id", "k", "added"] == new.c.keys()
        assert new is lazy.get("p", connection=connection)
        assert old is lazy.p
        connection.execute(insert(new), {"id": 1, "added": 5})
        assert 5 == connection.scalar(select(new.c.added))
        connection.rollback()
        assert old is lazy.get("p", connection=connection)
    assert old is lazy.p
    lazy.refresh()
    assert old is lazy.p


def test_altered_table_after_the_commit(db: Database) -> None:
    """After the commit, and `invalidate`, the new table is everyone's."""
    lazy = loaded(db)
    old = lazy.p
    with db.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p ADD COLUMN added INTEGER")
        lazy.get("p", connection=connection)
        connection.commit()
        lazy.invalidate("p")
        new = lazy.get("p", connection=connection)
    assert old is not new
    assert new is lazy.p
    assert ["id", "k", "added"] == lazy.p.c.keys()


def test_table_of_the_session_that_altered_it(db: Database) -> None:
    """A Session lends its connection as any other."""
    transactional(db)
    lazy = loaded(db)
    with Session(db.engine) as session:
        begin(session.connection())
        session.execute(text("ALTER TABLE p ADD COLUMN added INTEGER"))
        assert "added" in lazy.get("p", connection=session.connection()).c
    assert "added" not in lazy.p.c


def test_unchanged_table_stays_the_same_object(db: Database) -> None:
    """Whatever rows the transaction has written, or other tables made, an unchanged table is the same, and joins."""
    lazy = loaded(db)
    tables = {name: lazy.get(name) for name in ("p", "kid")}
    with db.engine.connect() as connection:
        begin(connection)
        for statement in ("DELETE FROM kid", "CREATE TABLE unrelated (id INTEGER)"):
            connection.exec_driver_sql(statement)
            assert tables == {name: lazy.get(name, connection=connection) for name in ("p", "kid")}
            assert "p.k = kid.k" == joined(lambda name: lazy.get(name, connection=connection))
    assert tables == {name: lazy.get(name) for name in ("p", "kid")}


def test_table_that_the_own_transaction_has_dropped(db: Database) -> None:
    """A table that the transaction has dropped is not found there, and loaded for all others."""
    transactional(db)
    lazy = loaded(db)
    kid = lazy.kid
    with db.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("DROP TABLE kid")
        with pytest.raises(TableNotFoundError):
            lazy.get("kid", connection=connection)
        assert kid is lazy.kid
        connection.rollback()
        assert kid is lazy.get("kid", connection=connection)


@pytest.mark.parametrize("order", [("p", "kid"), ("kid", "p")], ids="-".join)
def test_key_that_the_own_transaction_has_renamed(db: Database, order: tuple[str, ...]) -> None:
    """Parent and child join by the new key in the transaction, and by the old one for all others."""
    transactional(db)
    lazy = loaded(db)
    old = {name: lazy.get(name) for name in order}
    with db.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p RENAME COLUMN k TO k2")
        new = {name: lazy.get(name, connection=connection) for name in order}
        assert "p.k2 = kid.k" == joined(new.__getitem__)
        assert "p.k = kid.k" == joined(lazy.get)
        assert old == {name: lazy.get(name) for name in order}
        connection.rollback()
        assert old == {name: lazy.get(name, connection=connection) for name in order}
    lazy.refresh()
    assert old == {name: lazy.get(name) for name in order}


def test_table_that_no_one_had_loaded_refers_to_an_altered_one(db: Database) -> None:
    """A child whose first use is in the transaction that has renamed its parent's key is not kept with that key."""
    transactional(db)
    lazy = loaded(db)
    other = get_lazy_class(db.make_engine())
    assert "p.k = kid.k" == joined(lazy.get)
    other.get("p")
    with other.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p RENAME COLUMN k TO k2")
        assert "p.k2 = kid.k" == joined(lambda name: other.get(name, connection=connection))
        connection.rollback()
    assert "p.k = kid.k" == joined(other.get)


def test_change_that_commits_by_itself(mariadb_db: Database) -> None:
    """On MariaDB a change of the schema commits, so the table is everyone's once it is invalidated."""
    lazy = loaded(mariadb_db)
    with mariadb_db.engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO p VALUES (1, 1)")
        connection.exec_driver_sql("ALTER TABLE p ADD COLUMN added INTEGER")
        lazy.invalidate("p")
        new = lazy.get("p", connection=connection)
        assert "added" in new.c
    assert new is lazy.p


def test_altered_table_on_a_shared_connection(db: Database) -> None:
    """Where all share one connection, the new table is everyone's until a rollback."""
    transactional(db)
    loaded(db)
    engine = db.make_engine(poolclass=StaticPool)
    lazy = get_lazy_class(engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.get)
    with engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p RENAME COLUMN k TO k2")
        assert "p.k2 = kid.k" == joined(lambda name: lazy.get(name, connection=connection))
        assert "p.k2 = kid.k" == joined(lazy.get)
        connection.rollback()
    assert "p.k = kid.k" == joined(lazy.get)


# -- What it costs


def test_no_transaction_costs_nothing(db: Database) -> None:
    """Outside a transaction a loaded table costs no statement."""
    lazy = loaded(db)
    with db.engine.connect() as connection, count_queries(db.engine) as counted:
        assert lazy.p is lazy.get("p", connection=connection)
    assert 0 == counted.count


def test_transaction_that_has_only_read(db: Database) -> None:
    """In a transaction that has only read, a loaded table costs three statements on PostgreSQL, elsewhere none."""
    lazy = loaded(db)
    with db.engine.connect() as connection:
        connection.execute(select(lazy.p))
        with count_queries(db.engine) as counted:
            assert lazy.p is lazy.get("p", connection=connection)
    assert (3 if db.is_postgresql else 0) == counted.count


def test_transaction_that_has_written_rows(db: Database) -> None:
    """In a transaction that has written rows, any number of loaded tables costs what one does; see `ADDS`."""
    lazy = loaded(db)
    with db.engine.connect() as connection:
        connection.execute(insert(lazy.p), {"id": 1})
        with count_queries(db.engine) as one:
            assert lazy.p is lazy.get("p", connection=connection)
        with count_queries(db.engine) as two:
            lazy.preload("p", "kid", connection=connection)
    assert ADDS[db.name] == one.count == two.count


def test_transaction_that_has_changed_a_table(db: Database) -> None:
    """In a transaction that has changed a table, a loaded one is read: twice if it is that very table."""
    transactional(db)
    lazy = loaded(db)
    with db.engine.connect() as connection:
        begin(connection)
        connection.exec_driver_sql("ALTER TABLE p ADD COLUMN added INTEGER")
        with count_queries(db.engine) as changed:
            assert lazy.p is not lazy.get("p", connection=connection)
        with count_queries(db.engine) as unchanged:
            assert lazy.kid is lazy.get("kid", connection=connection)
    # On PostgreSQL each of its five queries, or four, is in a savepoint.
    assert ((15, 12) if db.is_postgresql else (2, 1)) == (changed.count, unchanged.count)


# -- Connections and reflectors that cannot tell


def test_loaded_table_in_a_failed_transaction(postgresql_db: Database) -> None:
    """In a transaction that has failed a loaded table is served as it is."""
    lazy = loaded(postgresql_db)
    with postgresql_db.engine.connect() as connection:
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("SELECT nothing")
        assert lazy.p is lazy.get("p", connection=connection)


def test_loaded_table_through_a_closed_connection(db: Database) -> None:
    """A loaded table needs no connection: one that is closed does no harm."""
    lazy = loaded(db)
    connection = db.engine.connect()
    connection.close()
    assert lazy.p is lazy.get("p", connection=connection)


def test_reflector_that_cannot_tell(engine: Engine) -> None:
    """With a reflector that lacks `uncommitted`, every loaded table is read in a transaction."""
    fake = FakeReflector(info("a"))
    lazy = get_lazy_class(engine, reflector=fake)
    old = lazy.a
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        assert old is lazy.get("a", connection=connection)
        fake.put(info("a", "new"))
        assert "new" in lazy.get("a", connection=connection).c
        assert old is lazy.a
        connection.rollback()
        assert old is lazy.get("a", connection=connection)
