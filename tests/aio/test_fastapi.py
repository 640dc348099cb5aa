"""A FastAPI application with an AsyncEngine, served by uvicorn on a loopback port."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from lazy_alchemy import get_lazy_class
from tests.effort import amount, more
from tests.fakes import Watched

from .ways import NATIVE, checked_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .ways import Place

REQUESTS = amount(50, 200)
TABLES = [f"t{number}" for number in range(8)]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application in a thread, and yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < end, "uvicorn did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@more
@pytest.mark.parametrize("place", [way for way in NATIVE if not way.uvloop], ids=str, indirect=True)
def test_two_hundred_cold_requests(place: Place) -> None:
    """Many requests to a cold server are all answered, and each table is reflected once."""
    for name in TABLES:
        place.db.execute(
            f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20))",
            f"INSERT INTO {name} VALUES (1, '{name}')",
        )
    reflector = Watched()
    out: list[int] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_async_engine(place.db.url.set(drivername=str(place.way.driver)))
        app.state.engine = engine
        app.state.db = get_lazy_class(engine, reflector=reflector)
        yield
        out.append(checked_out(engine))
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    async def first(name: str) -> dict[str, Any]:
        table = await app.state.db.get(name)
        async with app.state.engine.connect() as connection:
            row = (await connection.execute(select(table))).one()
        return dict(table.as_pydantic().model_validate(dict(row._mapping)))

    app.get("/{name}")(first)

    async def ask(url: str) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30, trust_env=False) as client:
            return await asyncio.gather(*(client.get(f"/{TABLES[number % len(TABLES)]}") for number in range(REQUESTS)))

    with served(app) as url:
        responses = asyncio.run(ask(url))
    assert {200} == {response.status_code for response in responses}
    assert [{"id": 1, "name": TABLES[number % len(TABLES)]} for number in range(REQUESTS)] == [
        r.json() for r in responses
    ]
    assert {1} == {reflector.count(name) for name in TABLES}
    assert [0] == out
