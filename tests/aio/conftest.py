"""The fixtures of the tests of event loops: ways, and what watches every test."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from blockbuster import BlockBuster
from blockbuster import blockbuster as detector
from pydantic import create_model

from tests.databases import database_on, require
from tests.effort import full
from tests.fakes import Clock

from .ways import ONCE, ONCE_WITH_AN_ENGINE, Place, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Server


create_model("First")  # pydantic reads the files of its plugins for the first model of a process


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


@pytest.fixture
def place(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Place]:
    """A way, which the test is parametrised with, on an empty database."""
    way: Way = request.param
    require(servers[way.database])
    with database_on(servers[way.database]) as database:
        yield Place(way, database)


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
    """Leave most ways on the servers to --full, and let aiosqlite's own thread raise.

    It does, with or without lazy_alchemy, when the event loop that it answers is closed.
    """
    mark = pytest.mark.filterwarnings("ignore:Exception in thread .*_connection_worker_thread")
    ways = [(item, way) for item in items if (way := _way(item)) is not None]
    native = {item.function for item, way in ways if way.driver is not None}
    for item, way in ways:
        if str(way) not in (ONCE if item.function in native else ONCE_WITH_AN_ENGINE):
            item.add_marker(full)
    for item in items:
        if "aiosqlite" in item.name:
            item.add_marker(mark)


def _way(item: pytest.Item) -> Way | None:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in parameters if isinstance(value, Way)), None)


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
