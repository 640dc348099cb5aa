"""A declared table of an async registry is awaited, and then it is what it is on the sync side."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sqlalchemy import Column
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel
from typing_extensions import assert_type

from lazy_alchemy import AsyncLazyDBAccessor, CustomTable, LazyTable
from typecheck.shop import AsyncAppDB, Engines, OrderItemRow, OrderItemsColumns, User, UserRow, UsersColumns

db = AsyncAppDB(Engines.asyncio)
over_sync = AsyncAppDB(Engines.sync, cache_ttl=1.5, schema="public")

assert_type(db, AsyncAppDB)
assert_type(db.users, Awaitable[CustomTable[UsersColumns, UserRow, User]])
assert_type(db.tags, Awaitable[CustomTable])
assert_type(AsyncAppDB.users, LazyTable[UsersColumns, UserRow, User])
as_accessor: AsyncLazyDBAccessor = db


async def use(session: AsyncSession) -> None:
    users = await db.users
    assert_type(users, CustomTable[UsersColumns, UserRow, User])
    assert_type(users.c, UsersColumns)
    assert_type(users.c.username, Column[str])
    assert_type((await db.users).c.email, Column[str | None])
    assert_type(users.as_pydantic(), type[UserRow])
    assert_type(users.as_sqlmodel(), type[User])
    assert_type(await session.get(users.as_sqlmodel(), 1), User | None)
    assert_type(await db.order_items, CustomTable[OrderItemsColumns, OrderItemRow, SQLModel])
    assert_type(await db.tags, CustomTable)
    assert_type((await db.tags).c.label, Column[Any])
    assert_type(await over_sync.users, CustomTable[UsersColumns, UserRow, User])
