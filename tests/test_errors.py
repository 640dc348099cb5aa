from __future__ import annotations

import logging
import pickle
import socket
import sqlite3
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lazy_alchemy import (
    LazyAlchemyError,
    LazyDB,
    LazyTable,
    ReflectionError,
    TableNotFoundError,
    get_lazy_class,
)
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector

from .databases import count_queries, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from lazy_alchemy import TableInfo

    from .databases import Database

SECRET = "hunter2-S3cr3t"  # noqa: S105 - no real one


@pytest.fixture
def shop(db: Database) -> Database:
    """The database with three tables and a view."""
    db.execute(*(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in ("users", "orders", "products")))
    db.execute("CREATE VIEW user_names AS SELECT id FROM users")
    return db


# -- A table that does not exist ---------------------------------------------------------------------------------------


def test_a_missing_table_names_the_closest_and_the_available(shop: Database) -> None:
    """The error names the table, the database, all tables and views there are, and the closest of them."""
    db = get_lazy_class(shop.engine)

    with pytest.raises(TableNotFoundError) as raised:
        db.get("USER")

    error = raised.value
    assert ("USER",) == error.names
    assert "USER" == error.name
    assert shop.url.database == error.database
    assert ("orders", "products", "user_names", "users") == error.available
    assert [
        f"Table 'USER' not found in database '{shop.url.database}'.",
        "Available tables: orders, products, user_names, users",
        "Did you mean: users?",
    ] == str(error).splitlines()


def test_a_missing_table_of_a_schema_names_the_schema(shop: Database) -> None:
    """Where a schema was asked for, the error says which."""
    schema = {"sqlite": "main", "postgresql": "public", "mariadb": str(shop.url.database)}[shop.name]

    with pytest.raises(TableNotFoundError, match=f"not found in schema '{schema}' of database") as raised:
        get_lazy_class(shop.engine, schema=schema).get("usr")
    assert schema == raised.value.schema


def test_an_empty_database_says_so(db: Database) -> None:
    """Where there is no table at all, the error says that."""
    with pytest.raises(TableNotFoundError, match=r"Available tables: \(none\)$"):
        get_lazy_class(db.engine).get("users")


def test_preload_names_all_that_are_missing_and_loads_the_others(shop: Database) -> None:
    """`preload` of names of which some are missing loads the others and names every one that is missing."""
    db = get_lazy_class(shop.engine)

    with pytest.raises(TableNotFoundError) as raised:
        db.preload("users", "usr", "orders", "ordres")

    assert {"usr", "ordres"} == set(raised.value.names)
    with count_queries(shop.engine) as queries:
        assert ("users", "orders") == (db.users.name, db.orders.name)
    assert 0 == queries.count


def test_missing_is_not_remembered(shop: Database) -> None:
    """A table that was missing is found as soon as it exists."""
    db = get_lazy_class(shop.engine)
    with pytest.raises(TableNotFoundError):
        db.get("late")
    shop.execute("CREATE TABLE late (id INTEGER PRIMARY KEY)")

    assert "late" == db.late.name


def test_a_dropped_table_is_missing_after_the_next_check(shop: Database) -> None:
    """A loaded table that has been dropped is a TableNotFoundError after an invalidation, and leaves the MetaData."""
    db = get_lazy_class(shop.engine)
    assert "orders" == db.orders.name
    shop.execute("DROP TABLE orders")
    db.invalidate("orders")

    with pytest.raises(TableNotFoundError):
        _ = db.orders
    assert "orders" not in db.metadata.tables


def test_a_missing_table_error_pickles(shop: Database) -> None:
    """A TableNotFoundError survives pickling with all that it says."""
    with pytest.raises(TableNotFoundError) as raised:
        get_lazy_class(shop.engine).preload("usr", "ordres")

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        error = pickle.loads(pickle.dumps(raised.value, protocol))  # noqa: S301 - it is our own
        assert type(error) is TableNotFoundError
        assert str(raised.value) == str(error)
        assert raised.value.names == error.names
        assert raised.value.available == error.available


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 300, "a'b\"c;--", "100%s", ":x", "a.b", "users "])
def test_any_text_may_be_asked_for(shop: Database, name: str) -> None:
    """Whatever the name, what does not exist is a TableNotFoundError."""
    with pytest.raises(TableNotFoundError):
        get_lazy_class(shop.engine).get(name)


# -- A database that cannot be asked -----------------------------------------------------------------------------------


def test_a_file_that_is_no_database_says_so_of_no_table(tmp_path: Path) -> None:
    """What is wrong with the whole file is not said of the table that was asked for, which may not even be there."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 100)
    engine = create_engine(f"sqlite:///{path}")
    with pytest.raises(ReflectionError, match=r"could not be loaded.*file is not a database") as caught:
        get_lazy_class(engine).get("users")
    assert "exists" not in str(caught.value)
    engine.dispose()


def _nobody_listens() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _unreachable(name: str, tmp_path: Path | str = "") -> Engine:
    if name == "sqlite":
        return create_engine(f"sqlite:///{tmp_path}/no/such/directory/mydb")
    driver = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}[name]
    return create_engine(
        f"{driver}://scott:{SECRET}@127.0.0.1:{_nobody_listens()}/mydb", connect_args={"connect_timeout": 3}
    )


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_an_unreachable_server_is_a_reflection_error(name: str, tmp_path: Path) -> None:
    """A database that cannot be reached is a ReflectionError that names it and is chained to its cause."""
    engine = _unreachable(name, tmp_path)
    db = get_lazy_class(engine)
    touches: list[Callable[[], object]] = [
        lambda: db.users,
        lambda: db["users"],
        lambda: db.preload("users", "orders"),
        db.preload_all,
        lambda: db.refresh("users"),
        db.list_tables,
        db.list_views,
    ]

    for touch in touches:
        with pytest.raises(ReflectionError, match="mydb") as raised:
            touch()
        assert isinstance(raised.value.__cause__, OperationalError)
        assert not isinstance(raised.value, AttributeError)
        assert SECRET not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(ReflectionError):
        hasattr(db, "users")
    engine.dispose()


def _cut_off(engine: Engine) -> Callable[[], None]:
    """Let no connection of an engine be had from now on, until what is returned is called."""

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("the server is gone")

    engine.dispose()
    event.listen(engine, "do_connect", refuse)
    return lambda: event.remove(engine, "do_connect", refuse)


@pytest.mark.parametrize("through", [False, True], ids=["pool", "connection"])
def test_what_is_loaded_goes_on_being_served(
    shop: Database,
    caplog: pytest.LogCaptureFixture,
    through: bool,
) -> None:
    """While the database cannot be asked, an expired table is served as it is, with a warning; `refresh` raises."""
    engine = shop.engine
    reflector = Failing()
    db = get_lazy_class(engine, cache_ttl=0.01, reflector=reflector)
    table = db.users
    time.sleep(0.02)
    reflector.fails = True

    with caplog.at_level(logging.WARNING, "lazy_alchemy"):
        if through:
            with engine.connect() as connection:
                assert db.get("users", connection=connection) is table
        else:
            assert db.users is table
    assert through or "users" in caplog.text
    with pytest.raises(ReflectionError):
        db.refresh("users")
    assert db.users is table
    with pytest.raises(ReflectionError):
        _ = db.orders

    reflector.fails = False
    assert "orders" == db.orders.name
    db.refresh("users")


class Failing(InspectorReflector):
    """Fails as a database that has gone does, when it is told to."""

    fails = False

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Fail or not."""
        if self.fails:
            raise OperationalError("SELECT", {}, sqlite3.OperationalError("the server is gone"))
        return super().reflect(connection, names, schema=schema)


def test_a_pool_that_cannot_connect_leaves_the_loaded_tables(shop: Database) -> None:
    """Without a TTL, loaded tables are served whatever befalls the server, the rest once it is back."""
    db = get_lazy_class(warm(shop.engine))
    table = db.users
    come_back = _cut_off(shop.engine)

    assert db.users is table
    assert get_lazy_class(shop.engine).users is table
    with pytest.raises(ReflectionError, match="the server is gone"):
        _ = db.orders
    come_back()
    assert "orders" == db.orders.name


# -- A table that cannot be read ---------------------------------------------------------------------------------------


def _broken_view(db: Database) -> str:
    """Make a view that exists and cannot be read, and return its name."""
    db.execute("CREATE TABLE base (id INTEGER PRIMARY KEY)", "CREATE VIEW broken AS SELECT id FROM base")
    db.execute("DROP TABLE base")
    return "broken"


def test_a_broken_view_fails_only_who_asks_for_it(shop: Database) -> None:
    """A view whose table is gone is a ReflectionError for itself, and no hindrance for those loaded with it."""
    if shop.is_postgresql:
        pytest.skip("a table that a view needs cannot be dropped there")
    broken = _broken_view(shop)
    db = get_lazy_class(shop.engine)

    with pytest.raises(ReflectionError, match="broken") as raised:
        db.get(broken)
    assert isinstance(raised.value, LazyAlchemyError)
    assert not isinstance(raised.value, LookupError)
    with pytest.raises(ReflectionError, match="broken"):
        db.preload("users", broken, "orders")
    with count_queries(shop.engine) as queries:
        assert ("users", "orders") == (db.users.name, db.orders.name)
    assert 0 == queries.count
    with pytest.raises(ReflectionError, match="broken"):
        db.preload_all()
    with count_queries(shop.engine) as queries:
        assert "products" == db.products.name
    assert 0 == queries.count
    assert broken in db.list_views()


class Picky(InspectorReflector):
    """Fails for whatever is asked together with one of the tables."""

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Send a query that fails, if the table is among the names."""
        if "products" in names:
            connection.execute(text("SELECT * FROM there_is_no_such_table"))
        return super().reflect(connection, names, schema=schema)


def test_a_table_that_fails_spoils_no_others(shop: Database) -> None:
    """Where one table of a batch makes the query fail, the others are loaded; only who wants that one hears of it."""
    db = get_lazy_class(shop.engine, reflector=Picky())

    with pytest.raises(ReflectionError, match="'products'") as raised:
        db.preload("users", "products", "orders")
    assert isinstance(raised.value.__cause__, SQLAlchemyError)
    with count_queries(shop.engine) as queries:
        assert ("users", "orders") == (db.users.name, db.orders.name)
    assert 0 == queries.count


# -- Secrets -----------------------------------------------------------------------------------------------------------

URLS = {
    "password": f"postgresql+psycopg://scott:{SECRET}@127.0.0.1:1/mydb",
    "password with signs": "postgresql+psycopg://scott:p%40ss%2Fw0rd%3A%25@127.0.0.1:1/mydb",
    "query password": f"postgresql+psycopg://scott@127.0.0.1:1/mydb?password={SECRET}",
    "sslpassword": f"postgresql+psycopg://scott:x1y2z3@127.0.0.1:1/mydb?sslpassword={SECRET}&sslkey={SECRET}.key",
    "options": f"postgresql+psycopg://scott@127.0.0.1:1/mydb?options=-cmy.token%3D{SECRET}",
    "mariadb": f"mysql+pymysql://scott:{SECRET}@127.0.0.1:1/mydb",
    "mariadb query": f"mysql+pymysql://scott@127.0.0.1:1/mydb?password={SECRET}&ssl_key_password={SECRET}",
    "sqlite": f"sqlite:///file:/no/such/mydb?uri=true&key={SECRET}",
}


def _said(error: BaseException) -> str:
    chain = []
    link: BaseException | None = error
    while link is not None:
        chain += [str(link), repr(link), repr(link.args)]
        link = link.__cause__ or link.__context__
    return "\n".join([*chain, *traceback.format_exception(error)])


@pytest.mark.parametrize("leaks", [False, True], ids=["driver", "leaking driver"])
@pytest.mark.parametrize("kind", URLS)
def test_nothing_shows_a_secret(kind: str, caplog: pytest.LogCaptureFixture, leaks: bool) -> None:
    """No message, repr, cause, log record, traceback or key holds a password or an argument of the URL's query."""
    url = make_url(URLS[kind])
    secrets = {SECRET, "p@ss/w0rd:%", "p%40ss%2Fw0rd%3A%25", "x1y2z3"}

    def refuse(*arguments: object) -> None:
        raise sqlite3.OperationalError(
            f"cannot connect with {url.render_as_string(hide_password=False)} {url.password}"
        )

    engine = create_engine(url)
    if leaks:
        event.listen(engine, "do_connect", refuse)

    class AppDB(LazyDB):
        users: LazyTable

    cache = Remembering()
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for db in (get_lazy_class(engine), get_lazy_class(engine, cache=cache), AppDB(engine, cache_ttl=1)):
            shown.append(repr(db))
            for touch in (lambda db=db: db.users, lambda db=db: db.preload("a", "b"), lambda db=db: db.list_tables()):
                with pytest.raises(ReflectionError) as raised:
                    touch()
                shown.append(_said(raised.value))
            with pytest.raises(TypeError) as refused:
                pickle.dumps(db)
            shown.append(_said(refused.value))
            shown.append(repr(db._catalog))
    shown += [record.getMessage() + str(record.exc_text) for record in caplog.records if record.name == "lazy_alchemy"]
    shown += [repr(cache.keys)]

    assert cache.keys
    assert [] == [(secret, text) for text in shown for secret in secrets if secret in text]
    engine.dispose()


class Remembering(MemoryCache):
    """Remembers the keys that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[Any] = set()

    def get_many(self, keys: Any) -> Any:
        """Remember the keys."""
        self.keys.update(keys)
        return super().get_many(keys)


def test_a_cache_that_fails_is_logged_without_a_secret(sqlite_db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that raises is warned about, and the database is asked instead."""
    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")

    class Broken(MemoryCache):
        def get_many(self, keys: Any) -> Any:
            raise OSError("no disk")

        set_many = get_many
        discard = get_many
        clear = get_many

    db = get_lazy_class(sqlite_db.engine, cache=Broken())
    with caplog.at_level(logging.WARNING, "lazy_alchemy"):
        assert "users" == db.users.name
        db.invalidate("users")
        db.invalidate_all()
        assert "users" == db.users.name
    assert "no disk" in caplog.text
