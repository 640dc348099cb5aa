"""``InspectorReflector`` against SQLAlchemy's own reflection, on everything that tests/schemas makes."""

# ruff: noqa: E501 - SQL texts, and sentences

from __future__ import annotations

import asyncio
import pickle
import warnings
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import MetaData, Table, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from lazy_alchemy._catalog.building import build_table
from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.tables import TableInfo, TableKind
from lazy_alchemy.reflectors import InspectorReflector, PostgresReflector, _sqlite
from tests import schemas
from tests.databases import NAMES, count_queries, database_on, require, warm
from tests.effort import amount, more
from tests.oracle import assert_equal, differences
from tests.workload import MANY, table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from sqlalchemy import Connection

    from tests.conftest import Graph
    from tests.databases import Database, Server
    from tests.schemas import Contents


SAMPLE = amount(4, 1)
"""Of what has been compared once, each so many tables are compared again."""


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES])
def filled(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[tuple[Database, Contents]]:
    """A database that holds everything, once for all tests of the module, which only read it."""
    require(servers[request.param])
    with database_on(servers[request.param]) as database, schemas.created(database) as contents:
        yield database, contents


def observed(read: Callable[[], Any]) -> tuple[Any, set[str]]:
    """Return what ``read`` returns, and SQLAlchemy's warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SAWarning)
        found = read()
    for warning in caught:
        assert issubclass(warning.category, SAWarning), warning.message
    return found, {str(warning.message) for warning in caught}


def reflect(connection: Connection, names: Collection[str], schema: str | None = None) -> Mapping[str, TableInfo]:
    """Reflect names, whatever SQLAlchemy warns of."""
    found, _ = observed(lambda: InspectorReflector().reflect(connection, names, schema=schema))
    return found


def oracle(connection: Connection, name: str, schema: str | None = None) -> Table:
    """Return the table that SQLAlchemy reflects."""
    return Table(name, MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)


def quietly_oracle(connection: Connection, name: str, schema: str | None = None) -> Table:
    """Return the table that SQLAlchemy reflects, whatever it warns of."""
    return observed(lambda: oracle(connection, name, schema))[0]


def built(info: TableInfo, metadata: MetaData | None = None) -> Table:
    """Return the table that a TableInfo describes, whatever SQLAlchemy warns of."""
    return observed(lambda: build_table(info, MetaData() if metadata is None else metadata))[0]


def assert_all_equal(pairs: Iterator[tuple[Table, Table]]) -> None:
    """Fail with the differences of all pairs together."""
    found = [f"{theirs.fullname!r}: {line}" for ours, theirs in pairs for line in differences(ours, theirs)]
    assert not found, "\n".join(found)


def test_batch_equals_oracle(filled: tuple[Database, Contents]) -> None:
    """All tables and views of a schema, read in one batch, equal those that SQLAlchemy reflects."""
    database, contents = filled
    with database.engine.connect() as connection:
        for schema in (None, contents.other):
            names = contents.of(schema)
            infos = reflect(connection, names, schema)
            assert sorted(infos) == sorted(names)
            assert_all_equal((built(infos[name]), quietly_oracle(connection, name, schema)) for name in names)


@more
def test_single_equals_oracle(filled: tuple[Database, Contents]) -> None:
    """A table read alone is the same as one read in a batch, and warns of exactly what SQLAlchemy warns of."""
    database, contents = filled
    reflector = InspectorReflector()
    with database.engine.connect() as connection:
        batch = {schema: reflect(connection, contents.of(schema), schema) for schema in (None, contents.other)}
        for schema, name in contents.names[::SAMPLE]:
            alone, ours = observed(lambda: reflector.reflect(connection, [name], schema=schema))  # noqa: B023 - called at once
            ours |= observed(lambda: build_table(alone[name], MetaData()))[1]  # noqa: B023 - called at once
            _, theirs = observed(lambda: oracle(connection, name, schema))  # noqa: B023 - called at once
            assert alone == {name: batch[schema][name]}
            assert ours == theirs, name


@more
def test_default_schema_by_name(filled: tuple[Database, Contents]) -> None:
    """The connection's default schema, asked for by its name, gives tables that carry that schema and equal the oracle's."""
    database, contents = filled
    with database.engine.connect() as connection:
        schema = "main" if database.is_sqlite else connection.dialect.default_schema_name
        names = contents.of(None)[::SAMPLE]
        infos = reflect(connection, names, schema)
        assert_all_equal((built(infos[name]), quietly_oracle(connection, name, schema)) for name in names)


@more
def test_in_one_metadata(filled: tuple[Database, Contents]) -> None:
    """Tables built into one MetaData, in any order, differ from the oracle's by use_alter alone."""
    database, contents = filled
    with database.engine.connect() as connection:
        infos = reflect(connection, contents.of(None))
        for names in (sorted(infos), sorted(infos, reverse=True)):
            metadata = MetaData()
            tables = [built(infos[name], metadata) for name in names]
            assert_all_equal((table, quietly_oracle(connection, table.name)) for table in tables[:: 7 * SAMPLE])


def test_missing_names_left_out(filled: tuple[Database, Contents]) -> None:
    """Names that do not exist are left out, whatever characters they have."""
    database, _ = filled
    missing = [
        "does not exist",
        "",
        "%",
        "_arent",
        "paren_",
        "parent%",
        "'",
        '"',
        "x' OR '1'='1",
        "parent; --",
        "表?",
        "\\",
    ]
    missing += ["\0", "parent\0", "\udcff", "z" * 300, "parent ", "🎊"]
    missing = [name for name in missing if name not in schemas.names_for(database.name)]
    with database.engine.connect() as connection:
        assert InspectorReflector().reflect(connection, [*missing, "parent"], schema=None).keys() == {"parent"}
        assert InspectorReflector().reflect(connection, missing, schema=None) == {}
        assert InspectorReflector().reflect(connection, [], schema=None) == {}


def test_missing_schema(filled: tuple[Database, Contents]) -> None:
    """In a schema that does not exist there is no table."""
    database, _ = filled
    if database.is_sqlite:
        pytest.skip("SQLite has no schemas but attached databases")
    with database.engine.connect() as connection:
        assert InspectorReflector().reflect(connection, ["parent"], schema="no such schema") == {}
        assert InspectorReflector().list_names(connection, schema="no such schema") == {}


KINDS = {
    "sqlite": "SELECT name, type FROM {schema}.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
    "postgresql": """SELECT relname, CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END
        FROM pg_class WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')""",
    "mariadb": """SELECT table_name, CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END
        FROM information_schema.tables WHERE table_schema = '{schema}' AND table_type <> 'SEQUENCE'""",
}


def test_list_names(filled: tuple[Database, Contents]) -> None:
    """``list_names`` gives every table and view of a schema, as the database's catalog names and classifies it."""
    database, contents = filled
    own = {"sqlite": "main", "postgresql": "public", "mariadb": database.url.database}[database.name]
    with database.engine.connect() as connection:
        for schema, catalog in ((None, own), (contents.other, contents.other)):
            rows = connection.execution_options(no_parameters=True).exec_driver_sql(
                KINDS[database.name].format(schema=catalog)
            )
            expected = {name: TableKind(kind) for name, kind in rows}
            found = InspectorReflector().list_names(connection, schema=schema)
            assert expected == found
            assert sorted(name for where, name in contents.names if where == schema) == sorted(found)


def test_kinds(filled: tuple[Database, Contents]) -> None:
    """A TableInfo's kind is the one that ``list_names`` gives."""
    database, contents = filled
    with database.engine.connect() as connection:
        listed = InspectorReflector().list_names(connection, schema=None)
        infos = reflect(connection, contents.of(None))
        assert {name: info.kind for name, info in infos.items()} == dict(listed)


def test_temporary(filled: tuple[Database, Contents]) -> None:
    """Temporary tables and views are read, are known as temporary, and are not listed."""
    database, _ = filled
    with database.engine.connect() as connection:
        names = schemas.create_temporary(connection)
        infos = reflect(connection, names)
        assert sorted(names) == sorted(infos)
        assert all(info.kind.is_temporary for info in infos.values())
        assert not set(names) & set(InspectorReflector().list_names(connection, schema=None))
        assert_all_equal((built(infos[name]), quietly_oracle(connection, name)) for name in names)
        connection.invalidate()  # the pool would hand the temporary tables on
    with database.engine.connect() as connection:
        assert reflect(connection, names) == {}


def test_broken_view(db: Database) -> None:
    """A view whose table is gone is a ReflectionError that names it, and does not hinder the reading of others."""
    if not schemas.BROKEN[db.name]:
        pytest.skip(f"{db.name} does not let a table go while a view needs it")
    db.execute(*schemas.BROKEN[db.name], "CREATE TABLE whole (a INTEGER)")
    with db.engine.connect() as connection:
        assert InspectorReflector().reflect(connection, ["whole"], schema=None).keys() == {"whole"}
        assert InspectorReflector().list_names(connection, schema=None)["broken_view"] is TableKind.VIEW
        with pytest.raises(ReflectionError, match="broken_view"):
            InspectorReflector().reflect(connection, ["broken_view", "whole"], schema=None)


def test_foreign_key_to_nowhere(sqlite_db: Database) -> None:
    """A foreign key that names no columns of a table that does not exist, which SQLAlchemy cannot make, is left out."""
    sqlite_db.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, gone INTEGER REFERENCES does_not_exist)")
    with sqlite_db.engine.connect() as connection:
        with pytest.warns(SAWarning, match="does_not_exist"):
            info = InspectorReflector().reflect(connection, ["child"], schema=None)["child"]
        assert not build_table(info, MetaData()).foreign_keys


@pytest.mark.parametrize(
    ("name", "reflector"),
    [("sqlite", InspectorReflector), ("postgresql", InspectorReflector), ("postgresql", PostgresReflector)],
)
def test_foreign_key_with_a_column_twice(
    servers: dict[str, Server], name: str, reflector: type[InspectorReflector]
) -> None:
    """A foreign key that names a column twice is read by SQLAlchemy 2.1, and left out by 2.0, which warns of it."""
    require(servers[name])
    with database_on(servers[name]) as database:
        database.execute(
            "CREATE TABLE merges (id INTEGER PRIMARY KEY, into_id INTEGER NOT NULL, UNIQUE (id, into_id),"
            " CONSTRAINT to_kept FOREIGN KEY (into_id, into_id) REFERENCES merges (id, into_id))"
        )
        with database.engine.connect() as connection:
            found, ours = observed(lambda: reflector().reflect(connection, ["merges"], schema=None))
            expected, theirs = observed(lambda: oracle(connection, "merges"))
    assert_equal(build_table(found["merges"], MetaData()), expected)
    assert ours == theirs


def test_reread_is_equal(filled: tuple[Database, Contents]) -> None:
    """Reading again gives equal TableInfos with equal hashes and fingerprints."""
    database, contents = filled
    names = contents.of(None)
    with database.engine.connect() as connection:
        first = reflect(connection, names)
        second = reflect(connection, list(reversed(names)))
        prints, _ = observed(lambda: InspectorReflector().fingerprints(connection, names, schema=None))
    assert first == dict(second)
    assert {name: hash(info) for name, info in first.items()} == {name: hash(info) for name, info in second.items()}
    assert {name: info.fingerprint for name, info in first.items()} == dict(prints)


@more
def test_json_round_trip(filled: tuple[Database, Contents]) -> None:
    """A TableInfo survives JSON, byte for byte the second time, and still builds the same table."""
    database, contents = filled
    with database.engine.connect() as connection:
        for info in reflect(connection, contents.of(None)[::SAMPLE]).values():
            read = TableInfo.from_json(info.to_json())
            assert info == read
            assert info.to_json() == read.to_json()
            assert info.fingerprint == read.fingerprint
            assert_equal(built(read), built(info))


@more
def test_pickle_round_trip(filled: tuple[Database, Contents]) -> None:
    """A TableInfo survives pickling and still builds the same table."""
    database, contents = filled
    with database.engine.connect() as connection:
        for info in reflect(connection, contents.of(None)[::SAMPLE]).values():
            read = pickle.loads(pickle.dumps(info))  # noqa: S301 - our own bytes
            assert info == read
            assert_equal(built(read), built(info))


def test_no_type_needs_its_instance(filled: tuple[Database, Contents]) -> None:
    """Every reflected type is described by plain data: none falls back to keeping the type object."""
    database, contents = filled
    with database.engine.connect() as connection:
        infos = reflect(connection, contents.of(None))
    kept = {
        (name, column.name, repr(column.type))
        for name, info in infos.items()
        for column in info.columns
        if "instance=" in repr(column.type) or column.type.instance is not None
    }
    assert not kept


def test_change_is_seen(db: Database) -> None:
    """A column added to a table makes its TableInfo and its fingerprint different."""
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with db.engine.connect() as connection:
        before = reflect(connection, ["t"])["t"]
    db.execute("ALTER TABLE t ADD COLUMN a INTEGER")
    with db.engine.connect() as connection:
        after = reflect(connection, ["t"])["t"]
    assert before != after
    assert before.fingerprint != after.fingerprint


@more
def test_query_count_is_independent_of_size(graph: Graph) -> None:
    """One table costs the same number of queries in a database of 100 tables as in one of many more."""
    counts = []
    for size in (100, MANY):
        engine = warm(graph.engine(size))
        with engine.connect() as connection, count_queries(engine) as queries:
            assert len(reflect(connection, [table_name(99)])) == 1
        counts.append(queries.count)
    assert counts[0] == counts[1]


def test_batch_query_count(graph: Graph) -> None:
    """15 tables cost at most 12 queries on PostgreSQL, one a table on MariaDB, and one in all on SQLite."""
    engine = warm(graph.engine(100))
    names = [table_name(number) for number in range(80, 95)]
    with engine.connect() as connection, count_queries(engine) as queries:
        assert len(reflect(connection, names)) == 15
    assert queries.count <= {"postgresql": 12, "mariadb": 15, "sqlite": 1}[graph.name]


def test_columns_alike_are_one_object(db: Database) -> None:
    """In a batch columns that are alike in all are one object; what differs in anything, be it a message's, is told apart."""
    alike = "a INTEGER, b VARCHAR(5) DEFAULT 'x', c INTEGER NOT NULL"
    db.execute(
        f"CREATE TABLE one (id INTEGER PRIMARY KEY, {alike})",
        f"CREATE TABLE two (id INTEGER PRIMARY KEY, {alike})",
        "CREATE TABLE other (a INTEGER NOT NULL, b VARCHAR(5) DEFAULT 'y', c INTEGER DEFAULT 1)",
    )
    names = ["one", "two", "other"]
    unknown = {"postgresql": ("point", "box"), "mariadb": ("point", "polygon")}.get(db.name, ())
    for type_ in unknown:
        names.append(f"of_{type_}")
        db.execute(f"CREATE TABLE of_{type_} (a {type_})")
    with db.engine.connect() as connection:
        infos = reflect(connection, names)
        for name in names:
            assert not differences(built(infos[name]), quietly_oracle(connection, name))
    one, two, other = (infos[name].columns for name in ("one", "two", "other"))
    assert [True] * 3 == [column is same for column, same in zip(one[1:], two[1:], strict=True)]
    assert set(one[1:]).isdisjoint(other)
    assert list(unknown) == [infos[f"of_{type_}"].columns[0].type_name for type_ in unknown]


def test_mariadb_statement_count(mariadb_db: Database) -> None:
    """A table costs one statement, a view two, a name that is none one; only what may be temporary is asked for more."""
    mariadb_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE VIEW v AS SELECT id FROM t")
    engine = warm(mariadb_db.engine)

    def cost(connection: Connection, name: str) -> tuple[int, TableKind | None]:
        with count_queries(engine) as queries:
            found = reflect(connection, [name])
        return queries.count, found[name].kind if found else None

    with engine.connect() as connection:
        assert (1, TableKind.TABLE) == cost(connection, "t")
        assert (2, TableKind.VIEW) == cost(connection, "v")
        assert (1, None) == cost(connection, "missing")
        connection.exec_driver_sql("CREATE TEMPORARY TABLE v (id INTEGER)")
        connection.exec_driver_sql("CREATE TEMPORARY TABLE other (id INTEGER)")
        assert TableKind.TEMPORARY_TABLE is cost(connection, "v")[1]
        assert TableKind.TEMPORARY_TABLE is cost(connection, "other")[1]
        assert (1, TableKind.TABLE) == cost(connection, "t")


async def _asynchronously(database: Database, name: str) -> tuple[int, TableKind]:
    engine = create_async_engine(database.url.set(drivername="mysql+aiomysql"), poolclass=NullPool)
    async with engine.connect() as connection:
        with count_queries(engine) as queries:
            found = await connection.run_sync(reflect, [name])
    return queries.count, found[name].kind


def test_mariadb_with_cursors_that_cannot_be_read_twice(mariadb_db: Database) -> None:
    """A driver that keeps what it was shown from a second reader makes no difference."""
    mariadb_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE VIEW v AS SELECT id FROM t")

    assert (1, TableKind.TABLE) == asyncio.run(_asynchronously(mariadb_db, "t"))
    assert (2, TableKind.VIEW) == asyncio.run(_asynchronously(mariadb_db, "v"))
    streaming = warm(mariadb_db.make_engine(execution_options={"stream_results": True}))
    with streaming.connect() as connection:
        assert TableKind.VIEW is reflect(connection, ["v"])["v"].kind


def test_list_names_query_count(graph: Graph) -> None:
    """Listing the names of a database takes one query."""
    engine = warm(graph.engine(100))
    with engine.connect() as connection, count_queries(engine) as queries:
        assert len(InspectorReflector().list_names(connection, schema=None)) == 100
    assert queries.count == 1


def test_transaction_goes_on(db: Database) -> None:
    """Reflecting within a transaction neither ends it nor loses what it wrote."""
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
        reflect(connection, ["t", "missing"])
        InspectorReflector().list_names(connection, schema=None)
        assert connection.in_transaction()
    assert db.fetch("SELECT id FROM t") == [(1,)]


def test_sqlite_statement_count(servers: dict[str, Server]) -> None:
    """A table or view of SQLite costs one statement, whatever it refers to, and so do five hundred."""
    with database_on(servers["sqlite"]) as database, schemas.created(database) as contents:
        database.execute(
            "CREATE TABLE unspoken (a INTEGER REFERENCES parent, b INTEGER REFERENCES PARENT, c REFERENCES gone)",
            'CREATE TABLE nameless ("" INTEGER PRIMARY KEY)',
            'CREATE TABLE refers_to_nameless (a INTEGER REFERENCES nameless(""))',
            *(f"CREATE TABLE many{number} (id INTEGER PRIMARY KEY)" for number in range(600)),
        )
        strange = [("other", "unindexed"), *((None, name) for name in ("unspoken", "Unspoken", "missing"))]
        strange.append((None, "refers_to_nameless"))
        many = [f"many{number}" for number in range(600)]
        engine = warm(database.engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE other.unindexed (uniquely INTEGER)")
            found = reflect(connection, ["refers_to_nameless"])["refers_to_nameless"]
            assert not differences(built(found), quietly_oracle(connection, "refers_to_nameless"))
            for schema, name in [*contents.names, *strange]:
                with count_queries(engine) as queries:
                    reflect(connection, [name], schema)
                assert queries.count == 1, f"{name}\n{queries}"
            for names, expected in ((contents.of(None), 1), (many[:500], 1), (many, 2)):
                with count_queries(engine) as queries:
                    assert len(reflect(connection, names)) == len(names)
                assert expected == queries.count, str(queries)
            temporary = schemas.create_temporary(connection)
            with count_queries(engine) as queries:
                assert len(reflect(connection, temporary)) == len(temporary)
            assert queries.count == 2, str(queries)
            connection.invalidate()


def test_sqlite_that_does_not_take_the_one_statement(
    servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SQLite older than the statement gives the same tables, at SQLAlchemy's cost; it only knows less of row numbers."""
    with database_on(servers["sqlite"]) as database, schemas.created(database) as contents:
        names = contents.of(None)
        with database.engine.connect() as connection:
            now = reflect(connection, names)
            monkeypatch.setattr(_sqlite, "_QUERY", "SELECT * FROM pragma_of_a_later_version {catalog} {marks} {parts}")
            _sqlite._query.cache_clear()  # pyright: ignore[reportPrivateUsage]
            then = reflect(connection, names)
            assert reflect(connection, ["PARENT", "missing"]).keys() == {"PARENT"}
            assert_all_equal((built(then[name]), built(now[name])) for name in names)
    _sqlite._query.cache_clear()  # pyright: ignore[reportPrivateUsage]
