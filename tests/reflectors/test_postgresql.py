"""``PostgresReflector`` against the InspectorReflector and SQLAlchemy's own reflection, on everything of tests/schemas."""

# ruff: noqa: E501 - SQL texts, and sentences

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Integer, MetaData, String, Table, TypeDecorator, create_engine, event, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, NoSuchTableError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.types import UserDefinedType

from lazy_alchemy import get_lazy_class
from lazy_alchemy._catalog.building import build_table
from lazy_alchemy._schema.tables import TableKind
from lazy_alchemy.reflectors import InspectorReflector, PostgresReflector
from lazy_alchemy.reflectors._postgresql import statement as sql
from tests import schemas
from tests.databases import count_queries, database_on, require, warm
from tests.effort import more
from tests.oracle import assert_equal
from tests.reflectors.test_inspector import assert_all_equal, built, observed, oracle, quietly_oracle
from tests.workload import MANY, table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Connection, Engine

    from lazy_alchemy._schema.tables import TableInfo
    from tests.conftest import Graphs
    from tests.databases import Database, Server
    from tests.schemas import Contents

DRIVERS = ("psycopg", "psycopg2", "pg8000")


@pytest.fixture(scope="module")
def filled(servers: dict[str, Server]) -> Iterator[tuple[Database, Contents]]:
    """A database that holds everything, once for all tests of the module, which only read it."""
    require(servers["postgresql"])
    with database_on(servers["postgresql"]) as database, schemas.created(database) as contents:
        yield database, contents


def reflect(connection: Connection, names: Collection[str], schema: str | None = None) -> Mapping[str, TableInfo]:
    """Reflect names, whatever SQLAlchemy warns of."""
    found, _ = observed(lambda: PostgresReflector().reflect(connection, names, schema=schema))
    return found


def inspected(connection: Connection, names: Collection[str], schema: str | None = None) -> Mapping[str, TableInfo]:
    """Return what the InspectorReflector finds, whatever SQLAlchemy warns of."""
    found, _ = observed(lambda: InspectorReflector().reflect(connection, names, schema=schema))
    return found


def statements(connection: Connection, names: Collection[str], schema: str | None = None) -> int:
    """Return how many statements it takes to reflect names."""
    with count_queries(connection.engine) as queries:
        reflect(connection, names, schema)
    return queries.count


def assert_as_inspected(connection: Connection, names: Collection[str], schema: str | None = None) -> None:
    """Fail unless names are reflected in one statement, and equal to what the InspectorReflector finds."""
    with count_queries(connection.engine) as queries:
        found = reflect(connection, names, schema)
    assert 1 == queries.count
    expected = inspected(connection, names, schema)
    assert sorted(expected) == sorted(found)
    assert [] == [(expected[name], found[name]) for name in expected if expected[name] != found[name]]


def test_equals_inspector(filled: tuple[Database, Contents]) -> None:
    """One statement for all tables of a schema, named or not, gives the TableInfos that the InspectorReflector gives."""
    database, contents = filled
    with database.engine.connect() as connection:
        for schema in (None, contents.other):
            assert_as_inspected(connection, contents.of(schema), schema)
        assert_as_inspected(connection, contents.of(None), "public")


def plain(names: Collection[str]) -> list[str]:
    """Return the tables that show a feature each, and a few of those that have awkward names."""
    awkward = set(schemas.names_for("postgresql"))
    rest = [name for name in names if name in awkward or name.startswith("of_")]
    return [name for name in names if name not in rest] + rest[::9]


def test_batch_equals_oracle(filled: tuple[Database, Contents]) -> None:
    """Tables and views of a schema, read in one batch, equal those that SQLAlchemy reflects."""
    database, contents = filled
    with database.engine.connect() as connection:
        for schema in (None, contents.other):
            infos = reflect(connection, contents.of(schema), schema)
            names = plain(contents.of(schema))
            assert_all_equal((built(infos[name]), quietly_oracle(connection, name, schema)) for name in names)


def test_single_equals_batch(filled: tuple[Database, Contents]) -> None:
    """A table read alone takes one statement, is the same as in a batch, and warns of exactly what SQLAlchemy warns of."""
    database, contents = filled
    with database.engine.connect() as connection:
        batch = {schema: reflect(connection, contents.of(schema), schema) for schema in (None, contents.other)}
        for schema, name in [(schema, name) for schema, infos in batch.items() for name in plain(list(infos))]:
            with count_queries(database.engine) as queries:
                alone, ours = observed(lambda: PostgresReflector().reflect(connection, [name], schema=schema))  # noqa: B023 - called at once
            assert 1 == queries.count
            ours |= observed(lambda: build_table(alone[name], MetaData()))[1]  # noqa: B023 - called at once
            _, theirs = observed(lambda: oracle(connection, name, schema))  # noqa: B023 - called at once
            assert alone == {name: batch[schema][name]}
            assert ours == theirs, name


ALIKE = (
    "integer", "bigint", "integer NOT NULL", "integer DEFAULT 1", "integer DEFAULT 2", "varchar(8)", "varchar(9)",
    'varchar(8) COLLATE "C"', "integer GENERATED ALWAYS AS IDENTITY", "integer GENERATED BY DEFAULT AS IDENTITY",
    "integer GENERATED ALWAYS AS IDENTITY (START 5)", "integer GENERATED ALWAYS AS (1) STORED", "serial",
)  # fmt: skip


def test_columns_alike_in_all_but_one_thing(postgresql_db: Database) -> None:
    """In a batch, columns that are alike in all are one object, and those that differ in anything at all are told apart."""
    names: list[str] = []
    for number, column in enumerate(ALIKE):
        for copy in "ab":
            names.append(f"t{number}{copy}")
            postgresql_db.execute(f"CREATE TABLE {names[-1]} (x {column})")
    names += ["commented", "otherwise"]
    postgresql_db.execute(
        "CREATE TABLE commented (x integer)",
        "COMMENT ON COLUMN commented.x IS 'x'",
        "CREATE TABLE otherwise (x integer)",
        "COMMENT ON COLUMN otherwise.x IS 'y'",
    )
    with postgresql_db.engine.connect() as connection:
        assert_as_inspected(connection, names)
        columns = {name: info.columns[0] for name, info in reflect(connection, names).items()}
    for number, column in enumerate(ALIKE):
        if column != "serial":  # whose default names a sequence of its own
            assert columns[f"t{number}a"] is columns[f"t{number}b"]
    assert len(ALIKE) + 3 == len(set(columns.values()))


def test_catalog_tables(filled: tuple[Database, Contents]) -> None:
    """The system catalogs and the views of the standard, with their odd types and domains, are as the InspectorReflector finds them."""
    database, _ = filled
    with database.engine.connect() as connection:
        for schema in ("pg_catalog", "information_schema"):
            names = list(InspectorReflector().list_names(connection, schema=schema))
            assert len(names) > 50
            assert_as_inspected(connection, names, schema)


def test_temporary(filled: tuple[Database, Contents]) -> None:
    """Temporary tables and views are read, are known as temporary, and equal SQLAlchemy's."""
    database, _ = filled
    with database.engine.connect() as connection:
        names = schemas.create_temporary(connection)
        infos = reflect(connection, names)
        assert all(infos[name].kind.is_temporary for name in names)
        assert_as_inspected(connection, names)
        connection.invalidate()  # the pool would hand the temporary tables on


def test_what_sql_would_resolve(postgresql_db: Database) -> None:
    """Without a schema a name means what it means in SQL: the first on the search path, where a temporary one hides all others."""
    postgresql_db.execute(
        "CREATE SCHEMA first",
        "CREATE SCHEMA hidden",
        "CREATE TABLE public.double_ (in_public integer)",
        "CREATE TABLE first.double_ (in_first integer)",
        "CREATE TABLE public.later (in_public integer)",
        "CREATE TABLE hidden.out (in_hidden integer)",
        "CREATE TABLE public.by_index (in_public integer)",
        "CREATE TABLE first.holder (a integer)",
        "CREATE INDEX by_index ON first.holder (a)",
        "CREATE TABLE public.by_sequence (in_public integer)",
        "CREATE SEQUENCE first.by_sequence",
        "CREATE TABLE public.pg_class (in_public integer)",
    )
    names = ["double_", "later", "out", "by_index", "by_sequence", "pg_class"]
    with postgresql_db.engine.connect() as connection:
        connection.execute(text("SET search_path = first, public"))
        found = reflect(connection, names)
        assert {"double_": ["in_first"], "later": ["in_public"]} == {
            name: [column.name for column in info.columns] for name, info in found.items()
        }
        assert_as_inspected(connection, names)
        connection.execute(text("CREATE TEMPORARY TABLE double_ (in_temp integer)"))
        connection.execute(text("CREATE TEMPORARY VIEW later AS SELECT 1 AS in_temp"))
        found = reflect(connection, names)
        assert {"double_": TableKind.TEMPORARY_TABLE, "later": TableKind.TEMPORARY_VIEW} == {
            name: info.kind for name, info in found.items()
        }
        assert_as_inspected(connection, names)
        connection.execute(text("SET search_path = first, public, pg_temp, pg_catalog"))
        assert ["in_first"] == [column.name for column in reflect(connection, ["double_"])["double_"].columns]
        assert_as_inspected(connection, names)
        connection.execute(text("SET search_path = ''"))
        assert_as_inspected(connection, names)
        connection.execute(text("SET search_path = nowhere, hidden"))
        assert_as_inspected(connection, names)
        connection.invalidate()


def test_search_path(filled: tuple[Database, Contents]) -> None:
    """What the search path hides or shows is named with or without its schema in keys, types and defaults, as SQLAlchemy does."""
    database, contents = filled
    for path in ("other, public", "other", '"$user"', "public, other"):
        with database.engine.connect() as connection:
            connection.execute(text(f"SET search_path = {path}"))
            for schema in (None, "public", contents.other):
                names = {name for _, name in contents.names}
                expected = inspected(connection, names, schema)
                found = reflect(connection, names, schema)
                assert sorted(expected) == sorted(found)
                assert [] == [name for name in expected if expected[name] != found[name]]
            connection.invalidate()


def test_missing_names_left_out(filled: tuple[Database, Contents]) -> None:
    """Names that do not exist are left out, and those that cannot exist are not asked for."""
    database, _ = filled
    missing = ["does not exist", "", "paren_", "x' OR '1'='1", "{a,b}", "表?", "z" * 300, "x" * 64, "PARENT"]
    impossible = ["\0", "parent\0", "\udcff"]
    with database.engine.connect() as connection:
        assert reflect(connection, [*missing, *impossible, "parent", "parent"]).keys() == {"parent"}
        assert reflect(connection, missing) == {}
        assert 0 == statements(connection, impossible)
        assert 0 == statements(connection, [])
        assert reflect(connection, ["parent"], "no such schema") == {}


def test_no_name_in_the_text(filled: tuple[Database, Contents]) -> None:
    """The statement is the same text for whatever names and schema: they travel as parameters, and drivers can prepare it."""
    database, _ = filled
    texts: dict[bool, set[str]] = {False: set(), True: set()}
    with database.engine.connect() as connection:
        for names in (["parent"], ["child", "it's"], schemas.names_for("postgresql")):
            for schema in (None, "public", "it's"):
                with count_queries(database.engine) as queries:
                    reflect(connection, names, schema)
                texts[schema is None].update(queries.statements)
    assert [1, 1] == [len(found) for found in texts.values()]


@more
@pytest.mark.xdist_group("graph")
def test_one_statement(graphs: Graphs) -> None:
    """One table, 15 and many cost one statement each; a reading of fingerprints and a listing too."""
    engine = create_engine(graphs.url("postgresql", MANY))
    reflector = PostgresReflector()
    try:
        with warm(engine).connect() as connection:
            for count in (1, 15, MANY):
                names = [table_name(number) for number in range(count)]
                with count_queries(engine) as queries:
                    infos = reflector.reflect(connection, names, schema=None)
                assert names == list(infos)
                assert 1 == queries.count
                with count_queries(engine) as queries:
                    prints = reflector.fingerprints(connection, names, schema=None)
                assert {name: info.fingerprint for name, info in infos.items()} == prints
                assert 1 == queries.count
            with count_queries(engine) as queries:
                assert MANY == len(reflector.list_names(connection, schema=None))
            assert 1 == queries.count
    finally:
        engine.dispose()


@more
@pytest.mark.xdist_group("graph")
def test_plan_does_not_grow(graphs: Graphs) -> None:
    """PostgreSQL takes the query for cheap however many names there are: from 100000 on it would spend seconds compiling it."""
    engine = create_engine(graphs.url("postgresql", MANY))
    costs = []
    try:
        for count in (1, 1000, 20000):
            with engine.connect() as connection:

                @event.listens_for(connection, "before_cursor_execute", retval=True)
                def explain(
                    _c: object, _cursor: object, statement: str, parameters: Any, *_: object
                ) -> tuple[str, Any]:
                    return f"EXPLAIN (FORMAT JSON) {statement}", parameters

                names = [table_name(number) for number in range(count)]
                query = text(sql._query(15, False, True, True))
                plan = connection.execute(query, {"names": json.dumps(names)}).scalar_one()
                plan = json.loads(plan) if isinstance(plan, str) else plan
                costs.append(plan[0]["Plan"]["Total Cost"])
    finally:
        engine.dispose()
    assert costs[-1] < 2 * costs[0]
    assert max(costs) < 20000


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver(filled: tuple[Database, Contents], driver: str) -> None:
    """With each synchronous driver all tables take one statement, and are as with the others."""
    database, contents = filled
    with database.engine.connect() as connection:
        expected = {schema: inspected(connection, contents.of(schema), schema) for schema in (None, contents.other)}
    engine = create_engine(database.url.set(drivername=f"postgresql+{driver}"))
    try:
        with warm(engine).connect() as connection:
            for schema, infos in expected.items():
                with count_queries(engine) as queries:
                    found = reflect(connection, contents.of(schema), schema)
                assert 1 == queries.count
                assert infos == found
    finally:
        engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_every_asynchronous_driver(filled: tuple[Database, Contents], driver: str) -> None:
    """With each asynchronous driver all tables take one statement, and are as with the others."""
    database, contents = filled
    with database.engine.connect() as connection:
        expected = {schema: inspected(connection, contents.of(schema), schema) for schema in (None, contents.other)}

    async def read() -> None:
        engine = create_async_engine(database.url.set(drivername=f"postgresql+{driver}"))
        try:
            async with engine.connect() as connection:
                for schema, infos in expected.items():
                    with count_queries(engine) as queries:
                        found = await connection.run_sync(reflect, contents.of(schema), schema)
                    assert 1 == queries.count
                    assert infos == found
        finally:
            await engine.dispose()

    asyncio.run(read())


@pytest.mark.parametrize("version", [(12, 1), (13,), (14, 5)])
def test_older_servers(filled: tuple[Database, Contents], version: tuple[int, ...]) -> None:
    """For an older server the statement asks for nothing that it does not have, and gives what SQLAlchemy's for it gives."""
    database, contents = filled
    newer = {"nulls_not_distinct", "child"}  # what those statements cannot tell: NULLS NOT DISTINCT, SET NULL (column)
    engine = database.make_engine()
    with warm(engine).connect() as connection:
        engine.dialect.server_version_info = version
        names = [name for name in contents.of(None) if name not in newer]
        with count_queries(engine) as queries:
            found = reflect(connection, contents.of(None))
        assert 1 == queries.count
        assert not re.search("conenforced|confdelsetcols|indnullsnotdistinct", queries.statements[0])
        expected = inspected(connection, names)
        assert [] == [name for name in names if expected[name] != found[name]]


class _Vector(UserDefinedType[Any]):
    cache_ok = True

    def __init__(self, dimensions: object = None, *more: object) -> None:
        self.dimensions = dimensions
        self.more = more

    def get_col_spec(self, **_: object) -> str:
        return f"vector({self.dimensions})"


class _Number(TypeDecorator[Any]):
    impl = Integer
    cache_ok = True


@contextmanager
def registered(name: str, class_: Any) -> Iterator[None]:
    """Register a type for a name as pgvector and GeoAlchemy2 do, for the length of a block."""
    names = PGDialect_psycopg.ischema_names
    assert name not in names
    names[name] = class_
    try:
        yield
    finally:
        del names[name]


def test_unknown_type(postgresql_db: Database) -> None:
    """A type that SQLAlchemy does not know is a NullType, with SQLAlchemy's warning for each column of it."""
    postgresql_db.execute(
        "CREATE TYPE vector AS (x integer)",
        "CREATE DOMAIN of_vector AS vector",
        "CREATE TABLE t (a vector, b vector[], c point, d of_vector)",
    )
    with postgresql_db.engine.connect() as connection:
        _, ours = observed(lambda: PostgresReflector().reflect(connection, ["t"], schema=None))
        _, theirs = observed(lambda: oracle(connection, "t"))
        assert 4 == len(ours)
        assert theirs == ours
        assert_as_inspected(connection, ["t"])


def test_registered_types(postgresql_db: Database) -> None:
    """A type that somebody registered is used as SQLAlchemy uses it, arguments, arrays and domains included, and no longer once it is gone."""
    postgresql_db.execute(
        "CREATE TYPE vector AS (x integer)",
        "CREATE DOMAIN of_vector AS vector",
        "CREATE TABLE t (a vector, b vector[], d of_vector)",
    )
    with postgresql_db.engine.connect() as connection:
        before = reflect(connection, ["t"])
        with registered("vector", _Vector):
            info = reflect(connection, ["t"])["t"]
            assert before["t"] != info
            assert_as_inspected(connection, ["t"])
            table = built(info)
            assert_equal(table, quietly_oracle(connection, "t"))
            assert isinstance(table.c.a.type, _Vector)
        assert before == reflect(connection, ["t"])


def test_registered_types_take_arguments(postgresql_db: Database) -> None:
    """The arguments of a registered type reach its class as SQLAlchemy passes them."""
    postgresql_db.execute("CREATE TABLE t (a bit(3), b varchar(7), c numeric(5, 2), d timestamp(3))")
    with postgresql_db.engine.connect() as connection:
        names = PGDialect_psycopg.ischema_names
        kept = names["character varying"]
        names["character varying"] = _Vector
        try:
            table = built(reflect(connection, ["t"])["t"])
            assert 7 == table.c.b.type.dimensions
            assert_as_inspected(connection, ["t"])
        finally:
            names["character varying"] = kept
        assert isinstance(built(reflect(connection, ["t"])["t"]).c.b.type, String)


def test_registered_decorator(postgresql_db: Database) -> None:
    """A registered type that decorates another is left to the Inspector, which knows whether it autoincrements."""
    postgresql_db.execute("CREATE TYPE counted AS (x integer)", "CREATE TABLE t (a counted, b serial, c text)")
    with postgresql_db.engine.connect() as connection, registered("counted", _Number):
        assert inspected(connection, ["t"]) == reflect(connection, ["t"])
        assert statements(connection, ["t"]) > 1


def test_splitting_names(postgresql_db: Database) -> None:
    """Names that SQLAlchemy takes apart when it reads a foreign key or a type are left to it."""
    postgresql_db.execute(
        'CREATE TABLE parent (a integer, b integer, "x, y" integer UNIQUE, PRIMARY KEY (a, b))',
        "CREATE TYPE \"mood(1)\" AS ENUM ('x')",
        "CREATE TYPE mood AS ENUM ('sad')",
        'CREATE TABLE child (a integer, "b,c" integer, d integer REFERENCES parent ("x, y"), e "mood(1)", FOREIGN KEY (a, "b,c") REFERENCES parent)',
        'CREATE TABLE of_type (e "mood(1)", f mood)',
        "CREATE TABLE plain (a integer, b integer, FOREIGN KEY (a, b) REFERENCES parent)",
    )
    with postgresql_db.engine.connect() as connection:
        names = ["child", "of_type", "plain", "parent"]
        assert inspected(connection, names) == reflect(connection, names)
        assert statements(connection, ["child"]) > 1
        assert 1 == statements(connection, ["plain", "parent"])


class _Own(PGDialect_psycopg):
    """A dialect of somebody who reads columns in their own way."""

    supports_statement_cache = True

    def get_multi_columns(self, *args: Any, **kwargs: Any) -> Any:
        found = super().get_multi_columns(*args, **kwargs)
        return [(key, columns[:1]) for key, columns in found]


def test_derived_dialect(postgresql_db: Database) -> None:
    """A dialect that reads something in its own way is left to the Inspector."""
    postgresql_db.execute("CREATE TABLE t (a integer, b integer)")
    engine = postgresql_db.make_engine()
    with warm(engine).connect() as connection:
        connection.dialect.__class__ = _Own
        assert ["a"] == [column.name for column in reflect(connection, ["t"])["t"].columns]
        connection.dialect.__class__ = PGDialect_psycopg
        assert ["a", "b"] == [column.name for column in reflect(connection, ["t"])["t"].columns]


def test_too_old_server(postgresql_db: Database) -> None:
    """A server older than PostgreSQL 12, or one that says so (Redshift), is left to the Inspector."""
    postgresql_db.execute("CREATE TABLE t (a integer)")
    engine = postgresql_db.make_engine()
    with warm(engine).connect() as connection:
        engine.dialect.server_version_info = (11, 9)
        with count_queries(engine) as queries, suppress(ProgrammingError):  # this server is not, and may lack a column
            reflect(connection, ["t"])
        assert queries.count
        assert not any("MATERIALIZED" in statement for statement in queries.statements)


def test_other_dialects(sqlite_db: Database) -> None:
    """On another database it does what the InspectorReflector does."""
    sqlite_db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    with sqlite_db.engine.connect() as connection:
        assert inspected(connection, ["t"]) == reflect(connection, ["t"])


@contextmanager
def failing(engine: Engine, times: int) -> Iterator[None]:
    """Make the first statements fail as one does whose table is gone halfway."""
    left = times

    def spoil(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
        nonlocal left
        if "MATERIALIZED" in statement and left:
            left -= 1
            return statement.replace("pg_catalog.pg_get_expr", "pg_catalog.pg_no_expr", 1), parameters
        return statement, parameters

    event.listen(engine, "before_cursor_execute", spoil, retval=True)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", spoil)


@pytest.mark.parametrize("driver", DRIVERS)
def test_statement_fails(postgresql_db: Database, driver: str) -> None:
    """A statement that fails on what has just gone is sent again, and if it fails again the Inspector is asked."""
    postgresql_db.execute("CREATE TABLE t (a integer)")
    engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), isolation_level="AUTOCOMMIT")
    try:
        with warm(engine).connect() as connection:
            expected = inspected(connection, ["t"])
            with failing(engine, 1):
                assert expected == reflect(connection, ["t"])
            with failing(engine, 99):
                assert expected == reflect(connection, ["t"])
            with failing(engine, 1), count_queries(engine) as queries:
                reflect(connection, ["t"])
            assert 2 == queries.count
    finally:
        engine.dispose()


def test_statement_fails_in_a_transaction(postgresql_db: Database) -> None:
    """In a transaction, which no statement survives, what is raised is the first failure and not what came of it."""
    postgresql_db.execute("CREATE TABLE t (a integer)")
    engine = warm(postgresql_db.make_engine())
    with engine.connect() as connection, failing(engine, 99), pytest.raises(ProgrammingError, match="pg_no_expr"):
        reflect(connection, ["t"])


def test_unreachable(postgresql_db: Database) -> None:
    """A connection that is lost is said to be, and nothing else is tried."""
    postgresql_db.execute("CREATE TABLE t (a integer)")
    engine = warm(postgresql_db.make_engine())
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        postgresql_db.fetch(f"SELECT pg_terminate_backend({pid}, 5000)")
        with count_queries(engine) as queries, pytest.raises(DBAPIError):
            reflect(connection, ["t"])
        assert 1 == queries.count


def test_transaction_goes_on(postgresql_db: Database) -> None:
    """Reflecting within a transaction sees what it has made, and neither ends it nor loses what it wrote."""
    with postgresql_db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id integer PRIMARY KEY)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
        assert ["t"] == list(reflect(connection, ["t", "missing"]))
        assert ["t"] == list(PostgresReflector().uncommitted(connection, ["t"], schema=None))
        assert connection.in_transaction()
    assert postgresql_db.fetch("SELECT id FROM t") == [(1,)]


def test_needs_no_privileges(postgresql_db: Database) -> None:
    """A role that may not read a table reflects it all the same, as with SQLAlchemy."""
    postgresql_db.execute(
        "CREATE SCHEMA closed",
        "CREATE TYPE closed.mood AS ENUM ('sad')",
        "CREATE TABLE closed.t (a serial, m closed.mood DEFAULT 'sad', CHECK (a > 0))",
        "CREATE TABLE public.t (a serial, m closed.mood DEFAULT 'sad', CHECK (a > 0))",
    )
    with postgresql_db.engine.connect() as connection:
        connection.execute(text("SET ROLE pg_monitor"))
        assert_as_inspected(connection, ["t"])
        assert_as_inspected(connection, ["t"], "closed")
        connection.invalidate()


def test_missing_is_no_error(postgresql_db: Database) -> None:
    """A table that does not exist is one statement, where SQLAlchemy raises after as many as it needs."""
    engine = warm(postgresql_db.engine)
    with engine.connect() as connection:
        assert 1 == statements(connection, ["missing"])
        with pytest.raises(NoSuchTableError):
            oracle(connection, "missing")


def test_inherited_tables_are_told_as_sqlalchemy_does(postgresql_db: Database) -> None:
    """The tables that a table inherits from are a tuple, where SQLAlchemy reflects them."""
    postgresql_db.execute("CREATE TABLE p (id INTEGER)", "CREATE TABLE c (a INTEGER) INHERITS (p)")
    engine = postgresql_db.engine
    theirs = Table("c", MetaData(), autoload_with=engine, resolve_fks=False)
    assert repr(dict(theirs.dialect_kwargs)) == repr(dict(get_lazy_class(engine).c.dialect_kwargs))
