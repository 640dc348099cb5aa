"""Everything that an ``AsyncLazyDBAccessor`` has: what may do I/O, and both invalidate calls, are awaited."""

from __future__ import annotations

from collections.abc import Awaitable

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import assert_type

from lazy_alchemy import AsyncLazyDBAccessor, CacheInfo, CustomTable, get_async_lazy_class
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector
from typecheck.shop import AsyncAppDB, Engines

db = get_async_lazy_class(Engines.asyncio)

assert_type(db.users, Awaitable[CustomTable])
assert_type(db["order-items"], Awaitable[CustomTable])
assert_type(db.engine, Engine | AsyncEngine)
assert_type(db.schema, str | None)
assert_type(db.cache_ttl, float | None)
assert_type(db.metadata, MetaData)
assert_type(db.cache_info(), CacheInfo)
assert_type(dir(db), list[str])


async def use(connection: Connection, async_connection: AsyncConnection) -> None:
    assert_type(await db.users, CustomTable)
    assert_type(await db["order-items"], CustomTable)
    assert_type(await db.get("users"), CustomTable)
    assert_type(await db.get("users", connection=connection), CustomTable)
    assert_type(await db.get("users", connection=async_connection), CustomTable)
    assert_type(await db.list_tables(), list[str])
    assert_type(await db.list_views(), list[str])
    await db.preload("users", "order-items")
    await db.preload("users", connection=connection)
    await db.preload("users", connection=async_connection)
    await db.preload_all()
    await db.refresh()
    await db.refresh("users")
    await db.invalidate("users")
    await db.invalidate_all()


assert_type(AsyncLazyDBAccessor(Engines.asyncio), AsyncLazyDBAccessor)
assert_type(AsyncLazyDBAccessor(Engines.sync, cache_ttl=None, schema=None, on_drift="ignore"), AsyncLazyDBAccessor)
assert_type(
    AsyncAppDB(Engines.sync, cache_ttl=300, schema="s", cache=MemoryCache(), reflector=InspectorReflector()),
    AsyncAppDB,
)
