"""The fixtures of every test: databases, the graph of many tables; and the options that say how much is run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from . import effort, workload
from .databases import NAMES, Database, MariaDBServer, PostgreSQLServer, Server, SQLiteServer, database_on, require

pytest_plugins = ["tests.timeouts"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL, Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of tests/effort.py."""
    group = parser.getgroup("effort")
    group.addoption("--full", action="store_true", help="run all that multiplies a behaviour as well")
    group.addoption("--only-full", action="store_true", help="run what --full adds")


def pytest_configure(config: pytest.Config) -> None:
    """Say how much this run does, before any test is imported."""
    config.addinivalue_line("markers", "full: runs with --full only")
    config.addinivalue_line("markers", "more: does more with --full")
    effort.begin(full_run=config.getoption("full") or config.getoption("only_full"))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how much this run does."""
    if config.getoption("only_full"):
        return "effort: what --full adds"
    return "effort: full" if config.getoption("full") else "effort: every behaviour once (--full has all combinations)"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run is not for; give all tests that use the graph of many tables to one process, which makes it once."""  # noqa: E501
    effort.sort_out(config, items)
    for item in items:
        if "graphs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("graph"))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)  # what one process runs in a row, first


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """The servers by name, there or not."""
    servers: list[Server] = [SQLiteServer(tmp_path_factory.mktemp("sqlite")), PostgreSQLServer(), MariaDBServer()]
    yield {server.name: server for server in servers}
    for server in servers:
        server.close()


def _database(servers: dict[str, Server], name: str) -> Iterator[Database]:
    require(servers[name])
    with database_on(servers[name]) as database:
        yield database


@pytest.fixture(params=NAMES)
def db(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Database]:
    """An empty database of the test's own: the test runs once on each of the three."""
    yield from _database(servers, request.param)


@pytest.fixture
def sqlite_db(servers: dict[str, Server]) -> Iterator[Database]:
    """An empty SQLite database of the test's own."""
    yield from _database(servers, "sqlite")


@pytest.fixture
def postgresql_db(servers: dict[str, Server]) -> Iterator[Database]:
    """An empty PostgreSQL database of the test's own."""
    yield from _database(servers, "postgresql")


@pytest.fixture
def mariadb_db(servers: dict[str, Server]) -> Iterator[Database]:
    """An empty MariaDB database of the test's own."""
    yield from _database(servers, "mariadb")


class Graphs:
    """The databases that hold the graph of tests/workload.py: each made when it is first needed, once a session."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self._servers = servers
        self._stack = ExitStack()
        self._urls: dict[tuple[str, int], URL] = {}

    def url(self, name: str, count: int) -> URL:
        """Return where the graph of `count` tables is on the database called `name`."""
        if (name, count) not in self._urls:
            database = self._stack.enter_context(database_on(self._servers[name]))
            workload.create(database.engine, count)
            database.engine.dispose()
            self._urls[name, count] = database.url
        return self._urls[name, count]

    def close(self) -> None:
        """Remove all of them."""
        self._stack.close()


class Graph:
    """The graph on one of the databases, for a test that only reads it.

    Attributes:
        name: "sqlite", "postgresql" or "mariadb".
    """

    def __init__(self, name: str, graphs: Graphs) -> None:
        self.name = name
        self._graphs = graphs
        self._databases: list[Database] = []

    def url(self, count: int) -> URL:
        """Return where the graph of `count` tables is."""
        return self._graphs.url(self.name, count)

    def engine(self, count: int, **options: Any) -> Engine:
        """Return a new Engine on the graph of `count` tables, disposed of after the test."""
        database = Database(self.name, self.url(count))
        self._databases.append(database)
        return database.make_engine(**options) if options else database.engine

    def dispose(self) -> None:
        """Close every connection of every engine."""
        for database in self._databases:
            database.dispose()


@pytest.fixture(scope="session")
def graphs(servers: dict[str, Server]) -> Iterator[Graphs]:
    """The graphs of the session."""
    graphs = Graphs(servers)
    yield graphs
    graphs.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture(params=NAMES)
def graph(request: pytest.FixtureRequest, servers: dict[str, Server], graphs: Graphs) -> Iterator[Graph]:
    """The graph of tests/workload.py, to be read only: the test runs once on each of the three databases."""
    require(servers[request.param])
    graph = Graph(request.param, graphs)
    yield graph
    graph.dispose()


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where mypy keeps what it found out about SQLAlchemy and the rest, for its next run."""
    return tmp_path_factory.mktemp("mypy_cache")
