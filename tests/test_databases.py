from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from . import workload
from .databases import (
    Database,
    MariaDBServer,
    PostgreSQLServer,
    Server,
    count_queries,
    database_on,
    require,
    warm,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .conftest import Graph

ODD_NAME = """o'd"d `näme` 100% :x; --"""


def _database_names(server: Server) -> set[str]:
    query = "SHOW DATABASES" if server.name == "mariadb" else "SELECT datname FROM pg_database"
    with database_on(server) as database:
        return {name for (name,) in database.fetch(query)} - {str(database.url.database)}


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


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_a_database_is_removed_however_the_test_ends(servers: dict[str, Server], name: str) -> None:
    """A database goes even when its test failed and left a transaction open in it."""
    require(servers[name])
    left_open: list[Connection] = []

    def fail() -> None:
        with database_on(servers[name]) as database:
            names.append(str(database.url.database))
            database.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
            left_open.append(database.make_engine(poolclass=NullPool).connect())
            left_open[0].execute(text("INSERT INTO a VALUES (1)"))
            raise ZeroDivisionError

    names: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    left_open[0].invalidate()
    left_open[0].close()

    assert names[0] not in _database_names(servers[name])


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
@pytest.mark.parametrize("count", [100, 1000])
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
