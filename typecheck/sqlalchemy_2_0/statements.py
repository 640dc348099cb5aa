"""SQLAlchemy 2.0: columns are as exact; of ``select(table)`` and of aliases it can say nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.sql.selectable import NamedFromClause
from typing_extensions import assert_type

from typecheck.shop import AppDB, AsyncAppDB, Engines

db = AppDB(Engines.sync)
users = db.users

assert_type(select(users.c.id, users.c.email), Select[tuple[int, str | None]])
assert_type(select(users.c.username), Select[tuple[str]])
assert_type(select(users), Select[Any])
assert_type(users.select(), Select[Any])
assert_type(users.alias("u"), NamedFromClause)


async def use(db: AsyncAppDB) -> None:
    assert_type(select(await db.users), Select[Any])
    assert_type(select((await db.users).c.id), Select[tuple[int]])
