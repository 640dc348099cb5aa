"""Tables and calls of an async accessor that are not awaited, and those of a sync one that are."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lazy_alchemy import CustomTable
from typecheck.shop import AppDB, AsyncAppDB


async def use(db: AsyncAppDB) -> None:
    db.users.c  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    db.other.c  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    db["other"].as_pydantic()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    db.get("users").c  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    db.preload("users")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    db.invalidate("users")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    db.invalidate_all()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    select(db.users)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    table: CustomTable = db.users  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    names: list[str] = db.list_tables()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await db.cache_info()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    print(table, names)


async def use_sync(db: AppDB, connection: AsyncConnection) -> None:
    await db.users  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await db.get("users")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    db.get("users", connection=connection)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.preload("users", connection=connection)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
