"""A declared table has its columns, its row model and its SQLModel class."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Column, Table
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import Session, SQLModel
from typing_extensions import assert_type

from lazy_alchemy import Columns, CustomTable, LazyDB, LazyDBMeta, LazyTable, TableInfo
from typecheck.shop import (
    AppDB,
    Engines,
    FullDB,
    OrderItemRow,
    OrderItemsColumns,
    User,
    UserChange,
    UserInsert,
    UserRow,
    UsersColumns,
)

db = AppDB(Engines.sync)

assert_type(db, AppDB)
assert_type(db.users, CustomTable[UsersColumns, UserRow, User])
assert_type(db.order_items, CustomTable[OrderItemsColumns, OrderItemRow, SQLModel])
assert_type(db.tags, CustomTable)
assert_type(db.tags, CustomTable[ReadOnlyColumnCollection[str, Column[Any]], BaseModel, SQLModel])

# -- On the class it is the declaration

assert_type(AppDB.users, LazyTable[UsersColumns, UserRow, User])
assert_type(AppDB.users.name, str)
assert_type(AppDB.users.attribute, str)
assert_type(AppDB.users.owner, type | None)
assert_type(AppDB.registry, Mapping[str, LazyDBMeta])

# -- Columns

assert_type(db.users.c, UsersColumns)
assert_type(db.users.columns, UsersColumns)
assert_type(db.users.c.id, Column[int])
assert_type(db.users.c.username, Column[str])
assert_type(db.users.c.email, Column[str | None])
assert_type(db.users.c.created_at, Column[datetime])
assert_type(db.users.c["username"], Column[Any])
assert_type(db.users.c.get("username"), Column[Any] | None)
assert_type(db.users.c.keys(), list[str])
assert_type("username" in db.users.c, bool)
assert_type(db.tags.c.label, Column[Any])
assert_type(db.tags.label, Column[Any])
assert_type(db.users.username, Column[Any])

# -- Models

assert_type(db.users.as_pydantic(), type[UserRow])
assert_type(db.users.as_pydantic(partial=False), type[UserRow])
assert_type(db.users.as_pydantic(partial=True), type[BaseModel])
assert_type(db.users.as_pydantic_partial(), type[BaseModel])
assert_type(db.users.as_pydantic_insert(), type[BaseModel])
assert_type(db.users.as_pydantic().model_validate({}).username, str)
assert_type(db.users.as_sqlmodel(), type[User])
assert_type(db.order_items.as_pydantic(), type[OrderItemRow])
assert_type(db.order_items.as_sqlmodel(), type[SQLModel])
assert_type(db.tags.as_pydantic(), type[BaseModel])
assert_type(db.tags.as_sqlmodel(), type[SQLModel])

full = FullDB(Engines.sync)
assert_type(full.users, CustomTable[UsersColumns, UserRow, User, UserInsert, UserChange])
assert_type(full.users.as_pydantic(), type[UserRow])
assert_type(full.users.as_pydantic_insert(), type[UserInsert])
assert_type(full.users.as_pydantic_partial(), type[UserChange])
assert_type(full.users.as_pydantic(partial=True), type[UserChange])
assert_type(full.users.as_sqlmodel(), type[User])
fewer: CustomTable[UsersColumns, UserRow, User] = full.users

with Session(Engines.sync) as session:
    assert_type(session.get(db.users.as_sqlmodel(), 1), User | None)
    assert_type(session.get_one(db.users.as_sqlmodel(), 1), User)

# -- It is a table

assert_type(db.users.reflected, TableInfo)
assert_type(db.users.name, str)
table: Table = db.users


# What takes any table takes one whose columns and models are known; what takes one of them, only that one.
def any_table(table: CustomTable) -> None: ...
def users_table(table: CustomTable[UsersColumns]) -> None: ...


any_table(db.users)
any_table(db.tags)
users_table(db.users)
tables: list[CustomTable] = [db.users, db.order_items, db.tags]
as_base: CustomTable[Columns, BaseModel, SQLModel] = db.users


# -- A subclass has its base's tables


class MoreDB(AppDB, schema="archive", on_drift="raise"):
    extra: LazyTable[UsersColumns]
    limit: int = 100


more = MoreDB(Engines.sync, cache_ttl=300)
assert_type(more.users.c.username, Column[str])
assert_type(more.extra.c.username, Column[str])
assert_type(more.limit, int)
as_lazy_db: LazyDB = more
