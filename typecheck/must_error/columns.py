"""A column that is not there, or is of another type."""

from __future__ import annotations

from sqlalchemy import Column, select

from typecheck.shop import AppDB, AsyncAppDB, Engines, OrderItemsColumns, UsersColumns

db = AppDB(Engines.sync)

db.users.c.usrname  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
db.users.columns.usrname  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
select(db.users.c.id, db.users.c.emial)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
db.order_items.c.username  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
username: Column[int] = db.users.c.username  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
email: Column[str] = db.users.c.email  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
users: UsersColumns = db.order_items.c  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
db.users.c = db.users.c  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def use(db: AsyncAppDB) -> None:
    (await db.users).c.usrname  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    items: OrderItemsColumns = (await db.users).c  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(items)
