"""A small application on SQLite: what it does is checked by its types, and run by tests/cli/test_generate.py."""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING

from pydantic import JsonValue
from sqlalchemy import Column, Engine, insert, select
from sqlmodel import Session
from typing_extensions import assert_type

from typecheck.emitted.sqlite_db import (
    Customers,
    CustomersInsert,
    CustomersRow,
    CustomersUpdate,
    OpenOrdersRow,
    OrderItems,
    OrderItemsInsert,
    OrderItemsRow,
    Orders,
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
    assert_type(customers.as_pydantic_insert(), type[CustomersInsert])
    assert_type(customers.as_pydantic_partial(), type[CustomersUpdate])
    return customers.as_pydantic().model_validate(row)


def addresses(db: ShopDB) -> list[str]:
    """Return the addresses of the customers that have one."""
    email = db.customers.c.email
    assert_type(email, Column[str | None])
    with db.engine.connect() as connection:
        return [
            address
            for address in connection.execute(select(email)).scalars()
            if address is not None
        ]


def settings(db: ShopDB, key: int) -> tuple[str, JsonValue]:
    """Return a customer's name and settings: a JSON column leaves the row its types."""
    customers = db.customers.c
    query = select(customers.name, customers.settings).where(customers.id == key)
    with db.engine.connect() as connection:
        if TYPE_CHECKING:  # what both lines of SQLAlchemy say, and one says is outdated
            row = connection.execute(query).one().tuple()
            assert_type(row, tuple[str, JsonValue])
        name, found = connection.execute(query).one()
    return name, found


def change_customer(db: ShopDB, key: int, change: CustomersUpdate) -> Customers | None:
    """Change a customer in a session."""
    with Session(db.engine) as session:
        customer = session.get(db.customers.as_sqlmodel(), key)
        assert_type(customer, Customers | None)
        if customer is not None:
            customer.sqlmodel_update(change.model_dump(exclude_unset=True))
            session.commit()
            session.refresh(customer)
        return customer


def order(db: ShopDB, customer: int, classes: list[str]) -> list[OrderItemsRow]:
    """Order an item of each class, and return the items in the order of their classes."""
    items = db.order_items
    assert_type(items.c["class"], Column[str])
    assert_type(items.c["keys"], Column[str | None])
    assert_type(items.c["unit price"], Column[decimal.Decimal | None])
    assert_type(items.c["_hidden"], Column[int | None])
    assert_type(items.c.datetime, Column[datetime.datetime | None])
    item_class, order_class = items.as_sqlmodel(), db.orders.as_sqlmodel()
    assert_type(item_class, type[OrderItems])
    assert_type(order_class, type[Orders])
    with Session(db.engine) as session:
        placed = order_class(customer_id=customer)
        session.add(placed)
        session.flush()
        assert placed.id is not None
        for line, name in enumerate(classes):
            new = OrderItemsInsert(order_id=placed.id, line=line, class_=name)
            session.add(item_class(**new.model_dump(exclude_unset=True)))
        session.commit()
    with db.engine.connect() as connection:
        rows = connection.execute(select(items).order_by(items.c["class"])).all()
    return [OrderItemsRow.model_validate(row) for row in rows]


def open_orders(db: ShopDB) -> list[OpenOrdersRow]:
    """Return the orders that are not paid."""
    view = db.open_orders
    with db.engine.connect() as connection:
        return [
            view.as_pydantic().model_validate(row)
            for row in connection.execute(select(view))
        ]


def messages(db: ShopDB) -> list[str | None]:
    """Read the table whose name is that of a method."""
    with db.engine.connect() as connection:
        return list(connection.execute(select(db.preload_.c.message)).scalars())


def main(engine: Engine) -> str:
    """Do all of it on an empty shop."""
    db = ShopDB(engine, on_drift="raise")
    ann = add_customer(
        db,
        CustomersInsert(name="Ann", email="ann@example.org", settings={"news": True}),
    )
    add_customer(db, CustomersInsert(name="Bob", born=datetime.date(2000, 1, 2)))
    changed = change_customer(
        db, ann.id, CustomersUpdate(balance=decimal.Decimal("9.50"))
    )
    assert changed is not None
    assert settings(db, ann.id) == ("Ann", {"news": True})
    items = order(db, ann.id, ["tea", "cup"])
    assert [one.class_ for one in items] == ["cup", "tea"]
    assert messages(db) == []
    return f"{addresses(db)} {changed.balance} {len(open_orders(db))}"
