"""A small asynchronous application on PostgreSQL: checked by its types, and run by tests/cli/test_generate.py."""

from __future__ import annotations

from sqlalchemy import Column, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import assert_type

from typecheck.emitted.async_db import AsyncShopDB, CustomersInsert, CustomersRow


async def main(engine: AsyncEngine) -> str:
    """Add a customer to an empty shop."""
    db = AsyncShopDB(engine, on_drift="raise")
    customers = await db.customers
    assert_type(customers.c.email, Column[str | None])
    assert_type(customers.as_pydantic(), type[CustomersRow])
    assert_type(customers.as_pydantic_insert(), type[CustomersInsert])
    new = CustomersInsert(name="Ann", email="ann@example.org")
    async with engine.begin() as connection:
        values = new.model_dump(by_alias=True, exclude_unset=True)
        row = (
            await connection.execute(
                insert(customers).values(values).returning(customers)
            )
        ).one()
        found = (await connection.execute(select(customers.c.name))).scalars().all()
    return f"{CustomersRow.model_validate(row).email} {list(found)}"
