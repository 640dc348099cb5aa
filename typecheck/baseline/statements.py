"""Statements on declared tables, as far as both SQLAlchemy lines say the same; the rest is in sqlalchemy_2_0 and 2_1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.orm import Session
from typing_extensions import assert_type

from typecheck.shop import AppDB, Engines

db = AppDB(Engines.sync)
users = db.users
items = db.order_items


def read(connection: Connection, session: Session) -> None:
    assert_type(connection.scalars(select(users.c.username)).all(), Sequence[str])
    assert_type(connection.scalars(select(users.c.email)).first(), str | None)
    assert_type(connection.execute(select(users.c.created_at)).scalar_one(), datetime)
    assert_type(session.execute(select(users.c.id, users.c.email)).one().tuple(), tuple[int, str | None])
    assert_type(session.scalars(select(users.as_sqlmodel())).one().username, str)


assert_type(users.c.id == 1, ColumnElement[bool])

joined = users.join(items, users.c.id == items.c.user_id)
statement = (
    select(users.c.username, func.count(items.c.id))
    .select_from(joined)
    .where(users.c.created_at > datetime(2026, 1, 1), items.c.note.is_not(None))
    .group_by(users.c.username)
    .order_by(users.c.id.desc())
)
insert(users).values({users.c.username: "a"})
users.insert().values(username="a").returning(users.c.id)
update(users).where(users.c.id == 1).values(email=None)
delete(items).where(items.c.user_id.in_(select(users.c.id)))


# What is generic over a column's type goes on with it.
def first(connection: Connection, column: Column[str]) -> str | None:
    return connection.scalar(select(column))


first(Engines.sync.connect(), users.c.username)
