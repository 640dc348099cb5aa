"""``PostgresReflector`` while the schema changes: what it returns is a table as it was at one moment."""

# ruff: noqa: E501 - SQL texts, and sentences

from __future__ import annotations

import itertools
import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from lazy_alchemy.reflectors import PostgresReflector
from lazy_alchemy.reflectors._postgresql import statement as sql
from tests.databases import warm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lazy_alchemy._schema.tables import TableInfo
    from tests.databases import Database

ONE = """
    CREATE TYPE {name}_type AS ENUM ('one', 'uno');
    CREATE DOMAIN {name}_domain AS integer DEFAULT 1 CHECK (VALUE > 1);
    CREATE TABLE {name} (
        id serial PRIMARY KEY, one text COLLATE "C" DEFAULT 'one' UNIQUE, kind {name}_type DEFAULT 'one', d {name}_domain,
        up integer REFERENCES {name}, both_ integer GENERATED ALWAYS AS (1 + 1) STORED, CHECK (one <> 'one'), CHECK (id > 1)
    );
    CREATE INDEX ON {name} (lower(one)) WHERE id > 1;
    COMMENT ON TABLE {name} IS 'one';
    COMMENT ON COLUMN {name}.one IS 'one';
"""
TWO = """
    CREATE TYPE {name}_type AS ENUM ('two', 'due');
    CREATE DOMAIN {name}_domain AS integer DEFAULT 2 CHECK (VALUE > 2);
    CREATE TABLE {name} (
        id integer GENERATED ALWAYS AS IDENTITY (START 2) PRIMARY KEY, two varchar(22) DEFAULT 'two', kind {name}_type[] DEFAULT '{{two}}',
        d {name}_domain, more integer REFERENCES {name} ON DELETE CASCADE, CHECK (two <> 'two'), CHECK (id > 2), UNIQUE (two, id)
    );
    CREATE INDEX ON {name} (upper(two), id) WHERE id > 2;
    CREATE INDEX ON {name} (two DESC);
    COMMENT ON TABLE {name} IS 'two';
    COMMENT ON COLUMN {name}.two IS 'two';
"""
DROP = "DROP TABLE {name}; DROP DOMAIN {name}_domain; DROP TYPE {name}_type;"

# What changes in one transaction, there and back.
CHANGES = {
    "replaced": ([ONE], [DROP + TWO, DROP + ONE]),
    "renamed": (
        [ONE, TWO.replace("{name}", "{name}_other")],
        ["ALTER TABLE {name} RENAME TO {name}_kept; ALTER TABLE {name}_other RENAME TO {name}; ALTER TABLE {name}_kept RENAME TO {name}_other"] * 2,
    ),
    "altered": (
        [ONE],
        [
            """ALTER TABLE {name} RENAME one TO two; ALTER TABLE {name} ADD three text DEFAULT 'three' CHECK (three <> 'x');
            ALTER TABLE {name} ALTER id TYPE bigint; ALTER TYPE {name}_type RENAME TO {name}_kind; ALTER TYPE {name}_kind RENAME VALUE 'uno' TO 'due'""",
            """ALTER TABLE {name} RENAME two TO one; ALTER TABLE {name} DROP three;
            ALTER TABLE {name} ALTER id TYPE integer; ALTER TYPE {name}_kind RENAME TO {name}_type; ALTER TYPE {name}_type RENAME VALUE 'due' TO 'uno'""",
        ],
    ),
    "constraint replaced": (
        ["CREATE TABLE {name} (a integer CONSTRAINT one CHECK (a > 0))"],
        [
            "ALTER TABLE {name} DROP CONSTRAINT one; ALTER TABLE {name} ADD b integer DEFAULT 2 CONSTRAINT two CHECK (b > 0)",
            "ALTER TABLE {name} DROP b; ALTER TABLE {name} ADD CONSTRAINT one CHECK (a > 0)",
        ],
    ),
    "default replaced": (
        ["CREATE TABLE {name} (a integer DEFAULT 1)"],
        ["DROP TABLE {name}; CREATE TABLE {name} (b integer DEFAULT 2)", "DROP TABLE {name}; CREATE TABLE {name} (a integer DEFAULT 1)"],
    ),
    "moved": (
        [ONE, "CREATE SCHEMA aside", "CREATE TABLE aside.{name} (aside integer CHECK (aside > 0))"],
        [
            "ALTER TABLE {name} RENAME TO {name}_gone; ALTER TABLE aside.{name} SET SCHEMA public",
            "ALTER TABLE {name} SET SCHEMA aside; ALTER TABLE {name}_gone RENAME TO {name}",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_never_half_old_half_new(postgresql_db: Database, change: str) -> None:
    """A table that is replaced, renamed, altered or moved again and again while it is read is always one of the two, whole."""
    begin, changes = ([part.format(name="t") for part in parts] for parts in CHANGES[change])
    postgresql_db.execute(*begin)
    engine = warm(postgresql_db.make_engine(isolation_level="AUTOCOMMIT"))
    reflector = PostgresReflector()

    def now() -> TableInfo:
        with engine.connect() as connection:
            return reflector.reflect(connection, ["t"], schema=None)["t"]

    states = []
    for statement in changes:
        states.append(now())
        postgresql_db.execute(statement)
    assert states[0] != states[1]
    assert now() == states[0]
    seen = [0, 0]
    with going_on(postgresql_db, itertools.cycle(changes)):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            info = now()
            assert info in states
            seen[states.index(info)] += 1
    assert min(seen) > 0


@contextmanager
def going_on(database: Database, changes: Iterable[str]) -> Iterator[None]:
    """Make one change after the other, each in a transaction, while the block runs."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def make() -> None:
        engine = create_engine(database.url)
        try:
            with engine.connect() as connection:
                raw = connection.execution_options(no_parameters=True)
                for statement in changes:
                    if stop.wait(0.002):  # or a reader on a busy machine never sees the same version twice
                        break
                    raw.exec_driver_sql(statement)
                    raw.commit()
        except BaseException as error:  # the test raises it
            failures.append(error)
        finally:
            engine.dispose()

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures


RENAMED = {
    "column and type": (
        [
            "CREATE TYPE type_v0 AS ENUM ('a')",
            "CREATE TABLE t (c_v0 type_v0 DEFAULT 'a' CONSTRAINT one CHECK (c_v0 = 'a'), plain integer, CHECK (plain > 1), g integer GENERATED ALWAYS AS (plain + 1) STORED)",
        ],
        "ALTER TABLE t RENAME c_v{old} TO c_v{new}; ALTER TYPE type_v{old} RENAME TO type_v{new}",
    ),
    "column of a check": (
        ["CREATE TABLE t (c_v0 integer CONSTRAINT one CHECK (c_v0 > 0))"],
        "ALTER TABLE t RENAME c_v{old} TO c_v{new}",
    ),
    "column of an index": (
        ["CREATE TABLE t (c_v0 integer)", "CREATE INDEX ON t (abs(c_v0)) WHERE c_v0 > 0"],
        "ALTER TABLE t RENAME c_v{old} TO c_v{new}",
    ),
    "generating column": (
        ["CREATE TABLE t (c_v0 integer, g integer GENERATED ALWAYS AS (c_v0 + 1) STORED)"],
        "ALTER TABLE t RENAME c_v{old} TO c_v{new}",
    ),
    "type": (
        ["CREATE TYPE type_v0 AS ENUM ('a')", "CREATE TABLE t (a type_v0 DEFAULT 'a', b type_v0[] DEFAULT '{a}')"],
        "ALTER TYPE type_v{old} RENAME TO type_v{new}",
    ),
}


@pytest.mark.parametrize("change", RENAMED)
def test_one_version_of_a_name(postgresql_db: Database, change: str) -> None:
    """A column or type that gets one new name after the other while it is read has the same one throughout a table."""
    begin, rename = RENAMED[change]
    postgresql_db.execute(*begin)
    engine = warm(postgresql_db.make_engine(isolation_level="AUTOCOMMIT"))
    seen: set[str] = set()
    with going_on(postgresql_db, (rename.format(old=number, new=number + 1) for number in itertools.count())):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            with engine.connect() as connection:
                info = PostgresReflector().reflect(connection, ["t"], schema=None)["t"]
            versions = set(re.findall(r"_v(\d+)\b", repr(info.columns) + repr(info.checks) + repr(info.indexes)))
            assert 1 == len(versions), info
            seen |= versions
    assert len(seen) > 1


def test_renamed_after_the_snapshot(postgresql_db: Database) -> None:
    """A column renamed after the snapshot is told of, since PostgreSQL writes the expressions with its new name."""
    postgresql_db.execute("CREATE TABLE t (a integer)", "CREATE TABLE same (a integer)")
    postgresql_db.execute("CREATE INDEX ON t (a) WHERE a > 0", "CREATE INDEX ON same (a) WHERE a > 0")
    engine = warm(postgresql_db.make_engine(isolation_level="REPEATABLE READ"))
    with engine.connect() as connection:
        oid = connection.scalar(text("SELECT CAST(CAST('t' AS regclass) AS oid)"))
        assert [] == sql.read(connection, ["t", "same"], None, table_options=True).changed
        postgresql_db.execute("ALTER TABLE t RENAME a TO b")
        facts = sql.read(connection, ["t", "same"], None, table_options=True)
        assert ["a", "a"] == [row[1] for row in facts.columns]
        assert [str(oid)] == [row[0] for row in facts.changed]


def test_dropped_after_the_snapshot(postgresql_db: Database) -> None:
    """A table dropped after the snapshot is told of."""
    postgresql_db.execute("CREATE TABLE t (a integer)")
    engine = warm(postgresql_db.make_engine(isolation_level="REPEATABLE READ"))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        postgresql_db.execute("DROP TABLE t")
        facts = sql.read(connection, ["t"], None, table_options=True)
        assert 1 == len(facts.relations) == len(facts.changed)
