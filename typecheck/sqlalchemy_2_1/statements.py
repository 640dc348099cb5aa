"""SQLAlchemy 2.1: a table is generic over its columns, and ``select(table)`` knows its rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Named, Row, Select, Table, TypedColumns, select
from sqlalchemy.sql.selectable import NamedFromClause
from typing_extensions import assert_type

from lazy_alchemy import Columns, LazyDB, LazyTable
from typecheck.shop import AppDB, AsyncAppDB, Engines, UsersColumns

db = AppDB(Engines.sync)
users = db.users

assert_type(select(users.c.id, users.c.email), Select[int, str | None])
assert_type(select(users.c.username), Select[str])
assert_type(select(users), Select[int, str, str | None, datetime])
assert_type(users.select(), Select[int, str, str | None, datetime])
assert_type(select(users, db.order_items.c.note), Select[int, str, str | None, datetime, str | None])

# An alias keeps the columns.
assert_type(users.alias("u"), NamedFromClause[UsersColumns])
assert_type(users.alias("u").c.username, Column[str])
typed: Table[UsersColumns] = users


def read(connection: Connection) -> None:
    row = connection.execute(select(users)).one()
    assert_type(row, Row[int, str, str | None, datetime])
    _, username, email, _ = row
    assert_type(username, str)
    assert_type(email, str | None)


async def use(db: AsyncAppDB) -> None:
    assert_type(select(await db.users), Select[int, str, str | None, datetime])


# Columns classes that are SQLAlchemy's too go where it wants its own.
class TagsColumns(Columns, TypedColumns):
    id: Column[int]
    label: Column[str | None]

    __row_pos__: tuple[int, str | None]


class TagsDB(LazyDB):
    tags: LazyTable[TagsColumns]


tags = TagsDB(Engines.sync).tags
assert_type(tags.c.label, Column[str | None])
assert_type(select(tags), Select[int, str | None])
assert_type(select(tags).subquery().with_cols(TagsColumns).c.id, Column[int])


# SQLAlchemy's own way of saying which columns there are serves too; a misspelt one is not an error with it.
class Typed(TypedColumns):
    id: Named[int]
    label: Named[str | None]

    __row_pos__: tuple[int, str | None]


class OtherDB(LazyDB):
    tags: LazyTable[Typed]


other = OtherDB(Engines.sync)
assert_type(other.tags.c.label, Column[str | None])
assert_type(select(other.tags), Select[int, str | None])
