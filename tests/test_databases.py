from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from . import workload
from .databases import (
    Database,
    MariaDBServer,
    NetworkServer,
    PostgreSQLServer,
    count_queries,
    database_on,
    require,
    warm,
)
from .effort import more

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from .conftest import Graph

ODD_NAME = """o'd"d `näme` 100% :x; --"""


def _database_names(server: NetworkServer) -> set[str]:
    engine = create_engine(server.url, poolclass=NullPool)
    with engine.connect() as connection:
        query = "SHOW DATABASES" if server.name == "mariadb" else "SELECT datname FROM pg_database"
        return set(connection.exec_driver_sql(query).scalars())


@pytest.fixture(params=[PostgreSQLServer, MariaDBServer], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[NetworkServer]:
    """Each of the servers, with no database yet."""
    server: NetworkServer = request.param()
    require(server)
    yield server
    server.close()


@pytest.fixture
def postgresql() -> Iterator[PostgreSQLServer]:
    """The PostgreSQL server, with no database yet."""
    server = PostgreSQLServer()
    require(server)
    yield server
    server.close()


@pytest.fixture(scope="module")
def lasting() -> Iterator[PostgreSQLServer]:
    """The PostgreSQL server, with the databases that were given back before."""
    server = PostgreSQLServer()
    require(server)
    yield server
    server.close()


def test_a_database_starts_empty(db: Database) -> None:
    """A test's database has no tables and no views, under its default schema name."""
    inspector = inspect(db.engine)

    assert [] == inspector.get_table_names()
    assert [] == inspector.get_view_names()
    assert {"sqlite": "main", "postgresql": "public", "mariadb": db.url.database}[db.name] == (
        inspector.default_schema_name
    )


def test_execute_commits(db: Database) -> None:
    """What `execute` did, every engine sees at once."""
    engines = [db.engine, db.make_engine(poolclass=NullPool), db.make_engine(poolclass=StaticPool)]

    db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)", "INSERT INTO a VALUES (7)")

    for engine in engines:
        with engine.connect() as connection:
            assert [7] == connection.scalars(text("SELECT id FROM a")).all()


def test_execute_goes_past_the_engines(db: Database) -> None:
    """`execute` uses no connection of the test's engines."""
    with count_queries(db.engine) as queries:
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")

    assert 0 == queries.count
    assert isinstance(db.engine.pool, QueuePool)
    assert 0 == db.engine.pool.checkedin()


def test_statements_run_as_they_are(db: Database) -> None:
    """Neither a percent sign nor a colon in a statement means anything, and `quote` quotes any name."""
    db.execute(f"CREATE TABLE {db.quote(ODD_NAME)} (id INTEGER PRIMARY KEY)")

    assert [ODD_NAME] == inspect(db.engine).get_table_names()
    assert [("100%s :x",)] == db.fetch("SELECT '100%s :x'")


def test_the_kind_of_database_is_told(db: Database) -> None:
    """Exactly one of the three attributes is true, and it is the one of the name."""
    kinds = {"sqlite": db.is_sqlite, "postgresql": db.is_postgresql, "mariadb": db.is_mariadb}

    assert [db.name] == [name for name, is_kind in kinds.items() if is_kind]


def test_one_database_fixtures(sqlite_db: Database, postgresql_db: Database, mariadb_db: Database) -> None:
    """The fixtures for a test of one database give that one."""
    assert ["sqlite", "postgresql", "mariadb"] == [sqlite_db.name, postgresql_db.name, mariadb_db.name]


def test_a_database_is_removed_however_the_test_ends(server: NetworkServer) -> None:
    """A database goes even when its test failed and left a transaction open in it; on PostgreSQL at the end."""
    left_open: list[Connection] = []

    def fail() -> None:
        with database_on(server) as database:
            names.append(str(database.url.database))
            assert names[0] in _database_names(server)
            database.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
            left_open.append(database.make_engine(poolclass=NullPool).connect())
            left_open[0].execute(text("INSERT INTO a VALUES (1)"))
            raise ZeroDivisionError

    names: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    left_open[0].invalidate()
    left_open[0].close()
    if server.name == "postgresql":
        server.close()

    assert names[0] not in _database_names(server)


def test_what_was_not_given_back_is_removed_at_the_end(postgresql: PostgreSQLServer) -> None:
    """When a session ends, PostgreSQL's databases are removed, in use or not."""
    names = {str(postgresql.create().database), str(postgresql.create().database)}
    with database_on(postgresql) as database:
        names.add(str(database.url.database))
    assert names <= _database_names(postgresql)

    postgresql.close()

    assert not names & _database_names(postgresql)


def test_a_postgresql_database_is_used_again(postgresql: PostgreSQLServer) -> None:
    """What ordinary tests make is dropped, and their database given out again; to nobody else while it is in use."""
    urls = set()
    for _ in range(3):
        with database_on(postgresql) as database, database_on(postgresql) as other:
            assert database.url != other.url
            urls |= {database.url, other.url}
            assert [] == inspect(database.engine).get_table_names()
            database.execute(
                "CREATE TABLE a (id SERIAL PRIMARY KEY)",
                "CREATE SCHEMA other",
                "CREATE VIEW other.v AS SELECT * FROM a",
                "CREATE TYPE mood AS ENUM ('sad')",
                "CREATE TEMPORARY TABLE t (id INTEGER)",
                "ANALYZE",
            )

    assert 2 == len(urls)


_FUNCTION = "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
LEFT: dict[str, tuple[list[str], str]] = {
    "table": (["CREATE TABLE a (id SERIAL)"], "SELECT relname FROM pg_class WHERE oid >= 16384"),
    "partition": (
        ["CREATE TABLE a (id INTEGER) PARTITION BY LIST (id)", "CREATE TABLE b PARTITION OF a FOR VALUES IN (1)"],
        "SELECT inhrelid FROM pg_inherits",
    ),
    "temporary table": (
        ["CREATE TEMPORARY TABLE a (id INTEGER)"],
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pg_temp%'",
    ),
    "schema": (["CREATE SCHEMA \"o'd\"\"d\""], "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'o%'"),
    "type": (["CREATE TYPE mood AS ENUM ('a')"], "SELECT enumlabel FROM pg_enum"),
    "domain": (["CREATE DOMAIN d AS INTEGER CHECK (VALUE > 0)"], "SELECT typname FROM pg_type WHERE typname = 'd'"),
    "function": ([_FUNCTION], "SELECT proname FROM pg_proc WHERE oid >= 16384"),
    "collation": (["CREATE COLLATION c FROM \"C\""], "SELECT collname FROM pg_collation WHERE oid >= 16384"),
    "cast": (
        ["CREATE TYPE a AS (x INTEGER)", "CREATE TYPE b AS (y INTEGER)", "CREATE CAST (a AS b) WITH INOUT"],
        "SELECT oid FROM pg_cast WHERE oid >= 16384",
    ),
    "event trigger": (
        [_FUNCTION, "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()"],
        "SELECT evtname FROM pg_event_trigger",
    ),
    "publication": (["CREATE PUBLICATION p FOR ALL TABLES"], "SELECT pubname FROM pg_publication"),
    "foreign server": (
        ["CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER s FOREIGN DATA WRAPPER w"],
        "SELECT srvname FROM pg_foreign_server",
    ),
    "language": (
        ["CREATE LANGUAGE l HANDLER plpgsql_call_handler"],
        "SELECT lanname FROM pg_language WHERE oid >= 16384",
    ),
    "large object": (["SELECT lo_from_bytea(0, 'x')"], "SELECT oid FROM pg_largeobject_metadata"),
    "default privileges": (
        ["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"],
        "SELECT oid FROM pg_default_acl",
    ),
    "setting": (
        ["ALTER DATABASE {name} SET search_path = other"],
        "SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = {mine}",
    ),
    "setting of a role": (
        ["ALTER ROLE CURRENT_USER IN DATABASE {name} SET search_path = other"],
        "SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = {mine}",
    ),
    "privilege": (
        ["REVOKE ALL ON DATABASE {name} FROM PUBLIC"],
        "SELECT datacl FROM pg_database WHERE oid = {mine} AND datacl IS NOT NULL",
    ),
    "limit": (
        ["ALTER DATABASE {name} CONNECTION LIMIT 7"],
        "SELECT datconnlimit FROM pg_database WHERE oid = {mine} AND datconnlimit > 0",
    ),
    "comment": (
        ["COMMENT ON DATABASE {name} IS 'x'"],
        "SELECT description FROM pg_shdescription WHERE objoid = {mine}",
    ),
    "privilege on the schema": (
        ["REVOKE ALL ON SCHEMA public FROM PUBLIC"],
        "SELECT nspacl FROM pg_namespace WHERE nspname = 'public' AND NOT nspacl::text LIKE '%,=%'",
    ),
    "no schema": (["DROP SCHEMA public"], "SELECT 1 WHERE to_regnamespace('public') IS NULL"),
    "privilege on the system": (
        ["REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC"],
        "SELECT 1 FROM pg_class WHERE oid = 'pg_class'::regclass AND NOT relacl::text LIKE '%,=r/%'",
    ),
    "comment on the system": (
        ["COMMENT ON FUNCTION pg_catalog.pg_backend_pid() IS 'x'"],
        "SELECT 1 WHERE obj_description('pg_backend_pid'::regproc, 'pg_proc') = 'x'",
    ),
    "extension": (
        ["DROP EXTENSION plpgsql CASCADE", "CREATE EXTENSION plpgsql"],
        "SELECT extname FROM pg_extension WHERE oid >= 16384",
    ),
    "extension dropped": (["DROP EXTENSION plpgsql CASCADE"], "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_extension)"),
}  # fmt: skip
"""What a test may leave in a database: how it is made, and a query that finds it."""


@pytest.mark.parametrize("left", LEFT)
def test_nothing_is_left_in_a_postgresql_database(lasting: PostgreSQLServer, left: str) -> None:
    """Whatever a test makes in its database, or changes there, the next database that is given out has none of it."""
    statements, query = LEFT[left]

    def found(database: Database) -> list[Any]:
        mine = "(SELECT oid FROM pg_database WHERE datname = current_database())"
        return database.fetch(query.replace("{mine}", mine))

    for _ in range(2):
        with database_on(lasting) as database:
            assert [] == found(database)
            database.execute(*(statement.replace("{name}", str(database.url.database)) for statement in statements))
            assert [] != found(database)
    with database_on(lasting) as database:
        assert [] == found(database)


def test_nobody_is_left_in_a_postgresql_database(postgresql: PostgreSQLServer) -> None:
    """Whoever is connected when a database is given back is not any more when it is given out again, nor are locks."""
    with database_on(postgresql) as database:
        database.execute("CREATE TABLE a (id INTEGER)")
        engine = create_engine(database.url, poolclass=NullPool)
        connection = engine.connect()
        connection.execute(text("LOCK TABLE a"))
        connection.execute(text("SELECT pg_advisory_lock(7)"))
    with database_on(postgresql) as database:
        others = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%advisory_lock(7)'"
        )
        assert [(True,)] == database.fetch("SELECT pg_try_advisory_lock(7)")
        assert [] == database.fetch(f"{others} AND pid <> pg_backend_pid() AND query NOT LIKE '%try%'")
    with pytest.raises(OperationalError):
        connection.execute(text("SELECT 1"))
    connection.invalidate()
    connection.close()


@pytest.mark.parametrize("server_class", [PostgreSQLServer, MariaDBServer])
def test_without_its_server_a_test_is_skipped(
    monkeypatch: pytest.MonkeyPatch, server_class: type[PostgreSQLServer | MariaDBServer]
) -> None:
    """A server that is not there skips, with a reason that names the variable and tells no password."""
    monkeypatch.delenv("CI", raising=False)
    scheme = server_class.default.partition("://")[0]
    monkeypatch.setenv(server_class.variable, f"{scheme}://someone:s3cret@127.0.0.1:1/test")

    with pytest.raises(pytest.skip.Exception) as skipped:
        require(server_class())

    assert server_class.variable in str(skipped.value)
    assert "s3cret" not in str(skipped.value)


@pytest.mark.parametrize("server_class", [PostgreSQLServer, MariaDBServer])
def test_without_its_server_a_test_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, server_class: type[PostgreSQLServer | MariaDBServer]
) -> None:
    """With CI=true a server that is not there is a failure."""
    monkeypatch.setenv("CI", "true")
    scheme = server_class.default.partition("://")[0]

    with pytest.raises(pytest.fail.Exception, match=server_class.variable):
        require(server_class(f"{scheme}://someone@127.0.0.1:1/test"))


def test_queries_are_counted(db: Database) -> None:
    """The counter has every statement of the block, and none before or after it."""
    warm(db.engine)
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with count_queries(db.engine) as queries:
            connection.execute(text("SELECT 2"))
            connection.exec_driver_sql("SELECT 3")
        connection.execute(text("SELECT 4"))

    assert ["SELECT 2", "SELECT 3"] == queries.statements
    assert 2 == queries.count


def test_a_warm_engine_connects_without_queries(db: Database) -> None:
    """Once an engine is warm, connecting alone counts nothing."""
    with count_queries(warm(db.engine)) as queries:
        db.engine.connect().close()

    assert 0 == queries.count


def test_queries_of_an_async_engine_are_counted() -> None:
    """An AsyncEngine is counted through its sync engine."""
    engine = create_async_engine("sqlite+aiosqlite://")
    with count_queries(engine) as queries:
        engine.sync_engine.dispatch.before_cursor_execute(None, None, "SELECT 1", (), None, False)

    assert ["SELECT 1"] == queries.statements


@pytest.mark.timeout(120)  # the graphs of the session may be made here
@more
@pytest.mark.parametrize("count", [100, workload.MANY])
def test_the_graph_is_there(graph: Graph, count: int) -> None:
    """Each size of the graph has all its tables, with their two foreign keys."""
    inspector = inspect(graph.engine(count))

    assert [workload.table_name(number) for number in range(count)] == sorted(inspector.get_table_names())
    keys = inspector.get_foreign_keys(workload.table_name(count - 1))
    assert ["ref0_id", "ref1_id"] == sorted(key["constrained_columns"][0] for key in keys)


def test_a_graph_has_what_it_describes(graph: Graph) -> None:
    """A created table has the columns, the index and the unique constraint that the description has."""
    described = workload.describe(100).tables["t0099"]
    inspector = inspect(graph.engine(100))

    assert list(described.c.keys()) == [column["name"] for column in inspector.get_columns("t0099")]
    assert "ix_t0099_email" in {index["name"] for index in inspector.get_indexes("t0099")}
    assert ["uq_t0099_code"] == [unique["name"] for unique in inspector.get_unique_constraints("t0099")]
    assert {key.target_fullname.partition(".")[0] for key in described.foreign_keys} == {
        key["referred_table"] for key in inspector.get_foreign_keys("t0099")
    }


def test_a_smaller_graph_begins_a_larger_one() -> None:
    """The same seed gives the same tables, whatever the count."""
    small, large = workload.describe(20), workload.describe(40)

    for name, table in small.tables.items():
        assert {key.target_fullname for key in table.foreign_keys} == {
            key.target_fullname for key in large.tables[name].foreign_keys
        }
