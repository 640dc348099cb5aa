"""A small application on PostgreSQL: what it does is checked by its types, and run by tests/cli/test_generate.py."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Literal

from sqlalchemy import Column, Engine, insert, select
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import Session
from typing_extensions import assert_type

from typecheck.emitted.postgresql_db import (
    Customers,
    CustomersInsert,
    CustomersRow,
    Orders,
    OrdersRow,
    ShopDB,
)


def add_customer(db: ShopDB, new: CustomersInsert) -> CustomersRow:
    """Insert a customer, and return the row that became of it."""
    customers = db.customers
    with db.engine.begin() as connection:
        values = new.model_dump(by_alias=True, exclude_unset=True)
        row = connection.execute(
            insert(customers).values(values).returning(customers)
        ).one()
    return customers.as_pydantic().model_validate(row)


def moods(db: ShopDB) -> list[Literal["sad", "ok", "happy"]]:
    """Return how the customers feel."""
    feels = db.customers.c.feels
    assert_type(feels, Column[Literal["sad", "ok", "happy"] | None])
    with db.engine.connect() as connection:
        return [
            mood
            for mood in connection.execute(select(feels)).scalars()
            if mood is not None
        ]


def order(db: ShopDB, customer: int) -> OrdersRow:
    """Order something for the first week of the year."""
    assert_type(db.orders.c.id, Column[uuid.UUID])
    assert_type(db.orders.c.delivery, Column[Range[datetime.date] | None])
    order_class = db.orders.as_sqlmodel()
    with Session(db.engine) as session:
        delivery = Range(datetime.date(2026, 1, 1), datetime.date(2026, 1, 8))
        placed = order_class(customer_id=customer, status="sent", delivery=delivery)
        assert_type(placed, Orders)
        session.add(placed)
        session.commit()
    with db.engine.connect() as connection:
        return db.orders.as_pydantic().model_validate(
            connection.execute(select(db.orders)).one()
        )


def main(engine: Engine) -> str:
    """Do all of it on an empty shop."""
    db = ShopDB(engine, on_drift="raise")
    ann = add_customer(
        db,
        CustomersInsert(
            name="Ann", feels="happy", tags=["new"], balance=decimal.Decimal("9.50")
        ),
    )
    placed = order(db, ann.id)
    assert placed.delivery is not None
    with Session(db.engine) as session:
        customer = session.get(db.customers.as_sqlmodel(), ann.id)
        assert_type(customer, Customers | None)
        assert customer is not None
        return f"{customer.name} {moods(db)} {customer.tags} {customer.balance} {placed.status} {placed.delivery.upper}"
