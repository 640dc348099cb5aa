# mypy: enable-error-code="unused-awaitable"
"""A table that is named and not awaited, as a statement: pyright looks at coroutines only."""

from __future__ import annotations

from typecheck.shop import AsyncAppDB


async def use(db: AsyncAppDB) -> None:
    db.users  # type: ignore[unused-awaitable]
    db.other  # type: ignore[unused-awaitable]
    await db.users
