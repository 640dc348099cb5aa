"""Tables seen from within an open transaction: where everybody has one connection, and where one has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import StaticPool, create_engine, select, text

from lazy_alchemy import get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector
from tests.databases import count_queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.databases import Database


@pytest.fixture
def shop(db: Database) -> Database:
    """A parent and a child."""
    db.execute(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, "
        "FOREIGN KEY (customer_id) REFERENCES customers (id))",
    )
    return db


@pytest.fixture
def memory() -> Iterator[Engine]:
    """The in-memory database that test suites use: one connection for everybody."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(20))"))
        connection.execute(
            text("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id))")
        )
    yield engine
    engine.dispose()


def test_tables_of_a_shared_connection_are_kept_and_join_within_a_transaction(shop: Database) -> None:
    """Where the pool has one connection, tables first used in a transaction that has written are kept, and join."""
    engine = shop.make_engine(poolclass=StaticPool)
    db = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada')"))
        connection.execute(text("INSERT INTO orders VALUES (7, 1)"))

        orders, customers = db.orders, db.customers

        joined = select(orders.c.id, customers.c.name).join_from(orders, customers)
        assert [(7, "Ada")] == [tuple(row) for row in connection.execute(joined)]
        assert db.orders is orders
        connection.commit()

    assert db.orders is orders


def test_tables_stay_the_same_from_one_rolled_back_test_to_the_next(memory: Engine) -> None:
    """A suite that rolls each test's transaction back gets the same tables in all of them."""
    db = get_lazy_class(memory)
    seen = set()
    for number in range(3):
        with memory.connect() as connection:
            connection.execute(text("INSERT INTO customers VALUES (1, 'Ada')"))
            seen.add((db.orders, db.customers))
            connection.rollback()
        assert 1 == len(seen), number


def test_change_that_is_rolled_back_on_a_shared_connection_is_noticed(memory: Engine) -> None:
    """A column that was added in a transaction is gone after its rollback, without an invalidate."""
    db = get_lazy_class(memory)
    with memory.connect() as connection:
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada')"))
        connection.execute(text("ALTER TABLE customers ADD COLUMN email TEXT"))
        assert ["id", "name", "email"] == db.customers.c.keys()
        connection.rollback()

    assert ["id", "name"] == db.customers.c.keys()


def test_change_that_is_committed_on_a_shared_connection_is_not_read_again(memory: Engine) -> None:
    """What was loaded in a transaction stays loaded when it commits."""
    db = get_lazy_class(memory)
    with memory.connect() as connection:
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada')"))
        customers = db.customers
        connection.commit()

    with count_queries(memory) as queries:
        assert db.customers is customers
    assert 0 == queries.count


def test_tables_got_through_one_connection_join(shop: Database) -> None:
    """Tables that one connection has made and not committed join each other, and stay the same while unchanged."""
    if shop.is_mariadb:
        pytest.skip("CREATE TABLE commits there")
    engine = shop.make_engine()
    db = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada')"))
        connection.execute(text("CREATE TABLE parents (id INTEGER PRIMARY KEY)"))
        connection.execute(
            text("CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parents (id))")
        )

        children = db.get("children", connection=connection)
        parents = db.get("parents", connection=connection)

        assert "children.parent_id" in str(select(children).join_from(children, parents))
        assert db.get("children", connection=connection) is children
        connection.execute(text("ALTER TABLE parents ADD COLUMN note VARCHAR(20)"))
        assert ["id", "note"] == db.get("parents", connection=connection).c.keys()
        connection.rollback()


@pytest.mark.parametrize("wrong", [3, {}, InspectorReflector])
def test_what_is_no_reflector_or_cache_is_refused_at_once(memory: Engine, wrong: object) -> None:
    """An argument that lacks the methods of its protocol, or is a class, is a TypeError that names it and them."""
    with pytest.raises(TypeError, match=r"reflector= takes an object with the methods reflect, list_names"):
        get_lazy_class(memory, reflector=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"cache= takes an object with the methods get_many, set_many"):
        get_lazy_class(memory, cache=wrong)  # type: ignore[arg-type]


def test_column_with_an_underscore_is_hinted_at(memory: Engine) -> None:
    """A column whose name begins with an underscore is no attribute, and the error says where it is."""
    with memory.begin() as connection:
        connection.execute(text("CREATE TABLE audit (_at INTEGER)"))
    with pytest.raises(AttributeError, match=r"table\.c\['_at'\]"):
        _ = get_lazy_class(memory).audit._at
