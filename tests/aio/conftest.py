"""The fixtures of the tests of event loops: ways, databases that are emptied, and what watches every test."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from blockbuster import BlockBuster
from blockbuster import blockbuster as detector
from pydantic import create_model
from sqlalchemy import NullPool, create_engine, text

from tests.databases import NAMES, Database, database_on, require

from .ways import Place, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Server


create_model("First")  # pydantic reads the files of its plugins for the first model of a process


class Clock:
    """The two clocks of the catalog, which go on when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self.now

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self.now + 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    clock = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("lazy_alchemy.") and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", clock)
    return clock


class Databases:
    """One database a server, emptied for each test: making one takes longer than most tests."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self._servers = servers
        self._contexts: dict[str, Any] = {}
        self._databases: dict[str, Database] = {}

    def empty(self, name: str) -> Database:
        """Return an empty database."""
        server = self._servers[name]
        require(server)
        if name == "sqlite":
            return Database(name, server.create())
        if name not in self._databases:
            self._contexts[name] = database_on(server)
            self._databases[name] = self._contexts[name].__enter__()
        else:
            self._clear(self._databases[name])
        return self._databases[name]

    @staticmethod
    def _clear(db: Database) -> None:
        engine = create_engine(db.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if db.is_postgresql:
                schemas = connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|info)'"))
                for schema in schemas.scalars().all():
                    connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
                return
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            for name, kind in connection.exec_driver_sql("SHOW FULL TABLES").all():
                connection.exec_driver_sql(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {db.quote(name)}")

    def close(self) -> None:
        """Remove them."""
        for context in self._contexts.values():
            context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def databases(servers: dict[str, Server]) -> Iterator[Databases]:
    """The databases of these tests."""
    databases = Databases(servers)
    yield databases
    databases.close()


@pytest.fixture
def place(request: pytest.FixtureRequest, databases: Databases) -> Place:
    """A way, which the test is parametrised with, on an empty database."""
    way: Way = request.param
    return Place(way, databases.empty(way.database))


@pytest.fixture(params=NAMES)
def empty_db(request: pytest.FixtureRequest, databases: Databases) -> Database:
    """An empty database: the test runs once on each of the three."""
    return databases.empty(request.param)


def _in_event_loop() -> None:
    """Raise a RuntimeError if no event loop runs in this thread."""
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            trio.lowlevel.current_trio_token()
        except RuntimeError:
            pass
        else:
            return
    asyncio.get_running_loop()


@pytest.fixture(autouse=True)
def no_blocking(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockBuster]:
    """In these tests whatever blocks an event loop's thread, called from lazy_alchemy, raises a BlockingError.

    Only from lazy_alchemy: pytest, event loops and the tests themselves may read files. The detector knows asyncio;
    here it is told of trio as well. One driver needs an exception: asyncpg looks for ~/.pgpass and for certificates
    when it connects.
    """
    monkeypatch.setattr(detector, "asyncio", SimpleNamespace(get_running_loop=_in_event_loop))
    blockbuster = BlockBuster("lazy_alchemy")
    for function in blockbuster.functions.values():
        function.can_block_in("asyncpg/connect_utils.py", {"_parse_connect_dsn_and_args"})
    blockbuster.activate()
    try:
        yield blockbuster
    finally:
        blockbuster.deactivate()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let aiosqlite's own thread raise, with or without lazy_alchemy, when the event loop that it answers is closed."""
    mark = pytest.mark.filterwarnings("ignore:Exception in thread .*_connection_worker_thread")
    for item in items:
        if "aiosqlite" in item.name:
            item.add_marker(mark)


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test makes asyncio complain: "Task was destroyed", "exception was never retrieved", and their like."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(5)  # aiosqlite's, so that what it raises is this test's
    said = [
        record.getMessage()
        for when in ("setup", "call")
        for record in caplog.get_records(when)  # type: ignore[arg-type]
        if record.name.startswith(("asyncio", "sqlalchemy.pool", "trio"))
        and record.levelno >= logging.WARNING
        # asyncpg makes it complain when a task is cancelled while it connects, with or without lazy_alchemy.
        and "unexpected connection_lost() call" not in record.getMessage()
    ]
    assert [] == said
