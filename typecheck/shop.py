"""The declared databases that every other file of the suite uses: written by hand, as docs/typing.md tells."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Column, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from lazy_alchemy import AsyncLazyDBAccessor, Columns, LazyDB, LazyTable


class UsersColumns(Columns):
    id: Column[int]
    username: Column[str]
    email: Column[str | None]
    created_at: Column[datetime]

    __row_pos__: tuple[int, str, str | None, datetime]


class UserRow(BaseModel):
    id: int
    username: str
    email: str | None = None
    created_at: datetime


class UserInsert(BaseModel):
    username: str
    email: str | None = None


class UserChange(BaseModel):
    email: str | None = None


class User(SQLModel):
    id: int | None = None
    username: str
    email: str | None = None
    created_at: datetime


class OrderItemsColumns(Columns):
    id: Column[int]
    user_id: Column[int]
    note: Column[str | None]

    __row_pos__: tuple[int, int, str | None]


class OrderItemRow(BaseModel):
    id: int
    user_id: int
    note: str | None = None


class AppDB(LazyDB, schema="public"):
    users: LazyTable[UsersColumns, UserRow, User]
    order_items: LazyTable[OrderItemsColumns, OrderItemRow] = LazyTable(name="order-items")
    tags: LazyTable


class FullDB(LazyDB):
    users: LazyTable[UsersColumns, UserRow, User, UserInsert, UserChange]


class AsyncAppDB(AsyncLazyDBAccessor):
    users: LazyTable[UsersColumns, UserRow, User]
    order_items: LazyTable[OrderItemsColumns, OrderItemRow] = LazyTable(name="order-items")
    tags: LazyTable


# The two kinds of engines, as arguments have them.
class Engines:
    sync: Engine
    asyncio: AsyncEngine
