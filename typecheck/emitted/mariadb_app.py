"""A small application on MariaDB: what it does is checked by its types, and run by tests/cli/test_generate.py."""

from __future__ import annotations

import decimal
from typing import Literal

from sqlalchemy import Column, Engine, insert, select
from sqlmodel import Session
from sqlmodel import select as select_class
from typing_extensions import assert_type

from typecheck.emitted.mariadb_db import (
    Customers,
    CustomersInsert,
    CustomersUpdate,
    Orders,
    ShopDB,
)


def add_customer(db: ShopDB, new: CustomersInsert) -> None:
    """Insert a customer."""
    with db.engine.begin() as connection:
        connection.execute(
            insert(db.customers).values(
                new.model_dump(by_alias=True, exclude_unset=True)
            )
        )


def tags(db: ShopDB) -> list[set[Literal["new", "old"]]]:
    """Return the customers' tags."""
    column = db.customers.c.tags
    assert_type(column, Column[set[Literal["new", "old"]] | None])
    with db.engine.connect() as connection:
        return [
            some
            for some in connection.execute(select(column)).scalars()
            if some is not None
        ]


def main(engine: Engine) -> str:
    """Do all of it on an empty shop."""
    db = ShopDB(engine, on_drift="raise")
    assert_type(db.orders.c.paid, Column[bool])
    add_customer(db, CustomersInsert(name="Ann", feels="happy", tags={"new"}))
    change = CustomersUpdate(balance=decimal.Decimal("9.50"))
    with Session(db.engine) as session:
        customer = session.exec(select_class(db.customers.as_sqlmodel())).one()
        assert_type(customer, Customers)
        customer.sqlmodel_update(change.model_dump(exclude_unset=True))
        assert customer.id is not None
        order_class = db.orders.as_sqlmodel()
        assert_type(order_class, type[Orders])
        session.add(order_class(id=1, customer_id=customer.id))
        session.commit()
        said = f"{customer.name} {tags(db)} {customer.balance}"
    with db.engine.connect() as connection:
        return f"{said} {len(connection.execute(select(db.open_orders)).all())}"
