"""What lazy-alchemy 2.x promised of its synchronous half."""

from __future__ import annotations

import time
import types
import typing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, select, text
from sqlmodel import Session, SQLModel
from sqlmodel import select as sqlmodel_select

from lazy_alchemy import CustomTable, LazyAlchemyError, LazyDB, TableNotFoundError, get_lazy_class
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Database


@pytest.fixture
def shop(db: Database) -> Database:
    """The database with the tables of the documentation of 2.x, and a row."""
    db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR(50) NOT NULL, email VARCHAR(100))",
        "CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT NOT NULL)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, FOREIGN KEY (user_id) REFERENCES users (id))",
        "CREATE TABLE order_items (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, "
        "FOREIGN KEY (order_id) REFERENCES orders (id))",
        "INSERT INTO users VALUES (1, 'ann', NULL)",
    )
    return db


def test_the_one_name_that_was_imported() -> None:
    """`from lazy_alchemy import get_lazy_class` gives what makes an accessor."""
    from lazy_alchemy import get_lazy_class as imported

    assert imported is get_lazy_class


def test_attribute_access_gives_a_table(shop: Database) -> None:
    """`db.users` is a table to select from, whose columns are attributes of it."""
    db = get_lazy_class(shop.engine)

    assert isinstance(db, LazyDB)
    assert isinstance(db.users, CustomTable)
    with shop.engine.connect() as connection:
        query = select(db.users.c.username).where(db.users.username == "ann")
        assert ["ann"] == connection.scalars(query).all()


def test_get_and_item_give_the_same_table(shop: Database) -> None:
    """`db.get("users")` and `db["users"]` are `db.users`."""
    db = get_lazy_class(shop.engine)

    assert db.get("users") is db.users
    assert db["users"] is db.users


def test_a_table_is_truthy(shop: Database) -> None:
    """`if db.users:` is true, where a plain Table raises."""
    assert bool(get_lazy_class(shop.engine).users) is True


def test_all_accessors_of_an_engine_share_the_cache(shop: Database) -> None:
    """A table that one accessor has loaded is there for every other one of the engine, by schema and name."""
    table = get_lazy_class(shop.engine).users

    with count_queries(shop.engine) as queries:
        assert get_lazy_class(shop.engine).users is table
        assert get_lazy_class(shop.engine, cache_ttl=300).users is table
    assert 0 == queries.count


def test_a_schema_may_be_given(shop: Database) -> None:
    """`schema=` says where the tables are."""
    schema = {"sqlite": "main", "postgresql": "public", "mariadb": str(shop.url.database)}[shop.name]
    db = get_lazy_class(shop.engine, schema=schema)

    assert schema == db.users.schema
    assert ["order_items", "orders", "products", "users"] == db.list_tables()
    with shop.engine.connect() as connection:
        assert 1 == len(connection.execute(select(db.users)).all())


def test_a_time_to_live_notices_a_change(shop: Database) -> None:
    """With `cache_ttl`, a changed table is noticed once that many seconds are over, and not before."""
    engine = warm(shop.engine)
    db = get_lazy_class(engine, cache_ttl=0.4)
    loaded = time.monotonic()
    before = db.users
    shop.execute("ALTER TABLE users ADD COLUMN age INTEGER")
    with count_queries(engine) as queries:
        same = db.users is before
        early = time.monotonic() - loaded < 0.4
    assert not early or (same and 0 == queries.count)

    time.sleep(0.5)
    assert ["id", "username", "email", "age"] == db.users.columns.keys()


def test_invalidate_notices_a_change(shop: Database) -> None:
    """`invalidate` has the table read again at its next use; without it the old one goes on being served."""
    db = get_lazy_class(shop.engine)
    before = db.users
    shop.execute("ALTER TABLE users ADD COLUMN age INTEGER")
    assert db.users is before

    db.invalidate("users")
    assert "age" in db.users.columns


def test_invalidate_all_is_for_everything_of_the_engine(shop: Database) -> None:
    """`invalidate_all` has every table of the engine read again, whatever the schema, and none of another."""
    schema = {"sqlite": "main", "postgresql": "public", "mariadb": str(shop.url.database)}[shop.name]
    accessors = [get_lazy_class(shop.engine), get_lazy_class(shop.engine, schema=schema)]
    stranger = get_lazy_class(shop.make_engine())
    for db in (*accessors, stranger):
        db.preload("users", "orders")
        _ = db.users, db.orders
    shop.execute("ALTER TABLE users ADD COLUMN age INTEGER", "ALTER TABLE orders ADD COLUMN total INTEGER")

    accessors[0].invalidate_all()
    for db in accessors:
        assert "age" in db.users.columns
        assert "total" in db.orders.columns
    assert "age" not in stranger.users.columns


def test_preload_loads_several_at_once(shop: Database) -> None:
    """`preload` loads what it names, so that using it afterwards costs no query."""
    db = get_lazy_class(shop.engine)
    db.preload("users", "orders")

    with count_queries(shop.engine) as queries:
        assert ("users", "orders") == (db.users.name, db.orders.name)
    assert 0 == queries.count


def test_list_tables_lists_the_tables(shop: Database) -> None:
    """`list_tables` returns the names of the tables, sorted, and loads none."""
    db = get_lazy_class(shop.engine)

    assert ["order_items", "orders", "products", "users"] == db.list_tables()
    assert 0 == db.cache_info().loaded


# -- Models ------------------------------------------------------------------------------------------------------------


def test_as_pydantic_requires_what_is_not_null(shop: Database) -> None:
    """NOT NULL columns are required, NULL ones Optional with the default None."""
    User: Any = get_lazy_class(shop.engine).users.as_pydantic()  # noqa: N806 - a class

    assert "ann" == User(id=1, username="ann").username
    assert User(id=1, username="ann").email is None
    assert User.model_fields["username"].is_required()
    assert not User.model_fields["email"].is_required()
    assert _is_optional(User.model_fields["email"].annotation, str)
    with pytest.raises(ValidationError, match="username"):
        User(id=1)
    with pytest.raises(ValidationError, match="username"):
        User(id=1, username=None)


TYPES: dict[str, tuple[Any, dict[str, str]]] = {
    "INTEGER": (int, {}),
    "VARCHAR(20)": (str, {}),
    "TEXT": (str, {}),
    "BOOLEAN": (bool, {}),
    "TIMESTAMP": (datetime, {"mariadb": "TIMESTAMP NULL"}),
    "DATETIME": (datetime, {"postgresql": "TIMESTAMP WITH TIME ZONE"}),
    "UUID": (UUID, {"sqlite": "CHAR(32)"}),
    "JSON": (Any, {}),
}


@pytest.mark.parametrize("declared", TYPES)
def test_the_types_map_as_they_did(db: Database, declared: str) -> None:
    """INTEGER, VARCHAR, TEXT, BOOLEAN, TIMESTAMP, DATETIME, UUID, JSON: int, str, bool, datetime, UUID, Any."""
    if declared == "UUID" and db.is_sqlite:
        pytest.skip("SQLite has no such type")
    expected, elsewhere = TYPES[declared]
    kind = elsewhere.get(db.name, declared)
    db.execute(
        f"CREATE TABLE a (id INTEGER PRIMARY KEY, required {kind.removesuffix(' NULL')} NOT NULL, optional {kind})"
    )
    fields = get_lazy_class(db.engine).a.as_pydantic().model_fields
    if declared == "BOOLEAN" and db.is_mariadb:
        expected = fields["required"].annotation  # BOOLEAN is TINYINT(1) there
        assert expected in (bool, int)
    if declared == "JSON" and db.is_mariadb and fields["required"].annotation is str:
        expected = str  # JSON is LONGTEXT there

    assert expected == fields["required"].annotation
    assert expected is Any or _is_optional(fields["optional"].annotation, expected)
    assert fields["required"].is_required()
    assert fields["optional"].default is None


def _is_optional(annotation: Any, of: Any) -> bool:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    # What is enforced besides the type stands beside it.
    bare = {typing.get_args(of)[0] if typing.get_origin(of) is Annotated else of for of in typing.get_args(annotation)}
    return is_union and {of, type(None)} == bare


def test_as_pydantic_partial_requires_nothing(shop: Database) -> None:
    """In `as_pydantic_partial()` every field is optional, and what was sent can be told from what was not."""
    table = get_lazy_class(shop.engine).users
    Partial: Any = table.as_pydantic_partial()  # noqa: N806 - a class

    assert {} == Partial().model_dump(exclude_unset=True)
    assert {"email": None} == Partial(email=None).model_dump(exclude_unset=True)
    assert table.as_pydantic(partial=True) is Partial


def test_as_sqlmodel_is_mapped(shop: Database) -> None:
    """`as_sqlmodel()` is a SQLModel class for `Session.get`, `select`, add, commit, refresh and delete."""
    db = get_lazy_class(shop.engine)
    User: Any = db.users.as_sqlmodel()  # noqa: N806 - a class
    Order: Any = db.orders.as_sqlmodel()  # noqa: N806 - a class

    assert issubclass(User, SQLModel)
    assert User.__table__ is db.users
    assert db.users.as_sqlmodel() is User
    with Session(shop.engine) as session:
        assert "ann" == session.get(User, 1).username
        assert ["ann"] == [user.username for user in session.exec(sqlmodel_select(User))]
        assert ["ann"] == [user.username for user in session.scalars(select(User).where(User.id == 1))]
        user = User(id=2, username="bob")
        session.add(user)
        session.add(Order(id=1, user_id=1))
        session.commit()
        session.refresh(user)
        assert user.email is None
        session.delete(user)
        session.commit()
    assert [(1,)] == shop.fetch("SELECT id FROM users")
    assert [(1, 1)] == shop.fetch("SELECT id, user_id FROM orders")


def test_fastapi_takes_the_models(shop: Database) -> None:
    """A model from `as_sqlmodel()` or `as_pydantic()` is a `response_model` for FastAPI."""
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    db = get_lazy_class(shop.engine)
    User: Any = db.users.as_sqlmodel()  # noqa: N806 - a class
    Row: Any = db.users.as_pydantic()  # noqa: N806 - a class
    app = fastapi.FastAPI()

    def one(number: int) -> Any:
        with Session(shop.engine) as session:
            return session.get(User, number)

    def many() -> Any:
        with shop.engine.connect() as connection:
            return [row._asdict() for row in connection.execute(text("SELECT * FROM users"))]

    app.get("/users/{number}", response_model=User)(one)
    app.get("/users", response_model=list[Row])(many)
    with testclient.TestClient(app) as client:
        ann = {"id": 1, "username": "ann", "email": None}
        assert ann == client.get("/users/1").json()
        assert [ann] == client.get("/users").json()
        assert {"/users/{number}", "/users"} == set(client.get("/openapi.json").json()["paths"])


# -- Errors ------------------------------------------------------------------------------------------------------------


def test_the_error_names_what_there_is(shop: Database) -> None:
    """A missing table's error begins with the two lines that 2.x wrote."""
    db = get_lazy_class(shop.engine)

    with pytest.raises(TableNotFoundError) as raised:
        _ = db.usr

    assert [
        f"Table 'usr' not found in database '{shop.url.database}'.",
        "Available tables: order_items, orders, products, users",
    ] == str(raised.value).splitlines()[:2]


def test_the_error_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a database called mydb, the two lines are those of the documentation to the letter."""
    monkeypatch.chdir(tmp_path)
    engine = create_engine("sqlite:///mydb")
    with engine.begin() as connection:
        for name in ("users", "orders", "products", "order_items"):
            connection.execute(text(f"CREATE TABLE {name} (id INTEGER)"))

    with pytest.raises(TableNotFoundError) as raised:
        _ = get_lazy_class(engine).usr
    assert str(raised.value).startswith(
        "Table 'usr' not found in database 'mydb'.\nAvailable tables: order_items, orders, products, users\n"
    )
    engine.dispose()


@pytest.mark.parametrize("path", ["attribute", "item", "get", "preload", "refresh", "connection"])
def test_the_error_is_of_the_kinds_that_callers_catch(shop: Database, path: str) -> None:
    """On every path a missing table is a LazyAlchemyError, an AttributeError and a LookupError."""
    db: Any = get_lazy_class(shop.engine)

    def ask() -> None:
        if path == "connection":
            with shop.engine.connect() as connection:
                db.get("usr", connection=connection)
        elif path == "attribute":
            _ = db.usr
        elif path == "item":
            _ = db["usr"]
        else:
            getattr(db, path)("usr")

    for kind in (TableNotFoundError, LazyAlchemyError, AttributeError, LookupError):
        with pytest.raises(kind):
            ask()
    assert not hasattr(db, "usr")
    assert getattr(db, "usr", None) is None
