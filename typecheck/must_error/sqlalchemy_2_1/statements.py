"""What only SQLAlchemy 2.1 can tell: rows of ``select(table)``, and columns of an alias."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Named, TypedColumns, select

from lazy_alchemy import Columns, LazyDB, LazyTable
from typecheck.shop import AppDB, Engines

db = AppDB(Engines.sync)

db.users.alias().c.usrname  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def read(connection: Connection) -> tuple[str, int]:
    row = connection.execute(select(db.users)).one()
    return row.tuple()  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class TagsColumns(Columns, TypedColumns):
    id: Column[int]
    label: Named[str]


class TagsDB(LazyDB):
    tags: LazyTable[TagsColumns]


TagsDB(Engines.sync).tags.c.lable  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
