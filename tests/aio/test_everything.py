"""What an accessor does, told once for every way: without an event loop, on asyncio, uvloop and trio."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from lazy_alchemy import (
    AsyncLazyDBAccessor,
    CustomTable,
    LazyDB,
    LazyTable,
    ReflectionError,
    TableKind,
    TableNotFoundError,
    get_async_lazy_class,
    get_lazy_class,
)
from tests.fakes import Watched

from .ways import LOOPS, NATIVE, WAYS, answer, until

if TYPE_CHECKING:
    from tests.fakes import Clock

    from .ways import Place

every = pytest.mark.parametrize("place", WAYS, ids=str, indirect=True)
every_loop = pytest.mark.parametrize("place", LOOPS, ids=str, indirect=True)
every_async_engine = pytest.mark.parametrize("place", NATIVE, ids=str, indirect=True)

ONE = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 10}


class Declared(LazyDB):
    users: LazyTable
    items: LazyTable = LazyTable(name="order-items")


class AsyncDeclared(AsyncLazyDBAccessor):
    users: LazyTable
    items: LazyTable = LazyTable(name="order-items")


def fill(place: Place) -> None:
    """Make three tables, one of them with a foreign key, and a view."""
    dashed = place.db.quote("order-items")
    place.db.execute(
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, email VARCHAR(50))",
        "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, user_id INTEGER, "
        "FOREIGN KEY (user_id) REFERENCES users (id))",
        f"CREATE TABLE {dashed} (id INTEGER NOT NULL PRIMARY KEY)",
        "CREATE VIEW names AS SELECT name FROM users",
    )


def columns(table: CustomTable) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in table.c]


# -- Names ----------------------------------------------------------------


@every
def test_table_is_reached_by_get_attribute_and_item(place: Place) -> None:
    """`get`, an attribute and an item give one and the same table, and only the first of them costs a query."""
    fill(place)

    async def main() -> None:
        engine = await place.warm(place.engine())
        db = place.accessor(engine)
        users = await answer(db.get("users"))
        with place.count(engine) as counted:
            assert users is await answer(db.users)
            assert users is await answer(db["users"])
            assert users is await answer(db.get("users"))
        assert 0 == counted.count
        assert isinstance(users, CustomTable)
        assert ["id", "name", "email"] == columns(users)
        assert "order-items" == (await answer(db["order-items"])).name

    place.run(main)


@every
def test_declared_table_is_reached(place: Place) -> None:
    """A declared registry gives the tables that it declares, under whatever name, and undeclared ones besides."""
    fill(place)
    cls: Any = Declared if place.way.backend is None else AsyncDeclared

    async def main() -> None:
        db = cls(place.engine())
        assert "users" == (await answer(db.users)).name
        assert "order-items" == (await answer(db.items)).name
        assert await answer(db.items) is await answer(db["order-items"])
        assert "orders" == (await answer(db.orders)).name

    place.run(main)


@every
def test_factories_make_the_accessor_of_the_engine(place: Place) -> None:
    """`get_lazy_class` and `get_async_lazy_class` give the accessor that fits the engine, sharing its tables."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        if place.way.backend is None:
            db: Any = get_lazy_class(engine)
        elif place.native:
            db = get_lazy_class(engine)
            assert await db.users is await get_async_lazy_class(engine).users
        else:
            db = get_async_lazy_class(engine)
        assert engine is db.engine
        assert "users" == (await answer(db.users)).name
        assert await answer(db.users) is await answer(place.accessor(engine).users)

    place.run(main)


@every
def test_table_that_does_not_exist(place: Place) -> None:
    """A missing table is a TableNotFoundError on every path, which names what there is, and is not remembered."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        for ask in (lambda: db.get("userz"), lambda: db.userz, lambda: db["userz"], lambda: db.preload("userz")):
            with pytest.raises(TableNotFoundError, match="Table 'userz' not found") as raised:
                await answer(ask())
            assert isinstance(raised.value, (AttributeError, LookupError))
            assert "orders" in str(raised.value)
            assert "users" in str(raised.value)
        place.db.execute("CREATE TABLE userz (id INTEGER NOT NULL PRIMARY KEY)")
        assert "userz" == (await answer(db.userz)).name

    place.run(main)


@every
def test_view_is_a_table(place: Place) -> None:
    """A view is reached as a table is, and known to be a view."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        names = await answer(db.names)
        assert ["name"] == columns(names)
        assert TableKind.VIEW is names.reflected.kind

    place.run(main)


@every
def test_names_are_listed(place: Place) -> None:
    """`list_tables` gives the base tables, `list_views` the views, sorted, and `dir` has them from then on."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        assert "orders" not in dir(db)
        assert ["order-items", "orders", "users"] == await answer(db.list_tables())
        assert ["names"] == await answer(db.list_views())
        assert {"orders", "names"} <= set(dir(db))

    place.run(main)


# -- Loading and forgetting ----------------------------------------------------------------


@every
def test_preload_loads_in_one_batch(place: Place) -> None:
    """`preload` reads all of its names in one call of the reflector, and their first use costs nothing."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)
        await answer(db.preload("users", "orders"))
        await answer(db.users)
        await answer(db.orders)
        assert [frozenset({"users", "orders"})] == reflector.reads

    place.run(main)


@every
def test_preload_names_all_that_are_missing(place: Place) -> None:
    """`preload` raises for what does not exist, naming all of it, and loads the rest."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)
        with pytest.raises(TableNotFoundError) as raised:
            await answer(db.preload("users", "nope", "nada"))
        assert "nope" in str(raised.value)
        assert "nada" in str(raised.value)
        assert 1 == db.cache_info().loaded
        reflector.reads.clear()
        await answer(db.users)
        assert [] == reflector.reads

    place.run(main)


@every
def test_preload_all_loads_everything(place: Place) -> None:
    """`preload_all` loads every table and view, in one batch."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)
        await answer(db.preload_all())
        assert [frozenset({"users", "orders", "order-items", "names"})] == reflector.reads
        assert 4 == db.cache_info().loaded

    place.run(main)


@every
def test_refresh_checks_now(place: Place) -> None:
    """`refresh` asks the database at once: what is equal stays the same object, what has changed is replaced."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)
        before = await answer(db.users), await answer(db["order-items"])
        await answer(db.refresh("users"))
        assert before[0] is await answer(db.users)
        place.db.execute("ALTER TABLE users ADD COLUMN age INTEGER")
        assert before[0] is await answer(db.users)
        reflector.reads.clear()
        await answer(db.refresh())
        assert frozenset({"users", "order-items"}) == reflector.reads[0]
        assert [{"users"}] == reflector.reads[1:]
        assert ["id", "name", "email", "age"] == columns(await answer(db.users))
        assert before[1] is await answer(db["order-items"])
        place.db.execute(f"DROP TABLE {place.db.quote('order-items')}")
        with pytest.raises(TableNotFoundError, match="order-items"):
            await answer(db.refresh("order-items"))

    place.run(main)


@every
@pytest.mark.parametrize("everything", [False, True], ids=["one", "all"])
def test_invalidate_checks_at_the_next_use(place: Place, everything: bool) -> None:
    """`invalidate` and `invalidate_all` ask nothing; the next use checks, and keeps what is equal."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector)

        async def invalidate() -> None:
            reads = len(reflector.reads)
            await answer(db.invalidate_all() if everything else db.invalidate("users"))
            assert reads == len(reflector.reads)

        users = await answer(db.users)
        await invalidate()
        assert users is await answer(db.users)
        assert 2 == len(reflector.reads)
        place.db.execute("ALTER TABLE users ADD COLUMN age INTEGER")
        await invalidate()
        changed = await answer(db.users)
        assert users is not changed
        assert ["id", "name", "email", "age"] == columns(changed)

    place.run(main)


@every
def test_invalidation_is_heard_by_all_accessors(place: Place) -> None:
    """What one accessor of an engine invalidates, another one checks."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        db, other = place.accessor(engine), place.accessor(engine)
        await answer(other.users)
        place.db.execute("ALTER TABLE users ADD COLUMN age INTEGER")
        await answer(db.invalidate("users"))
        assert "age" in columns(await answer(other.users))

    place.run(main)


@every
def test_cache_info_counts(place: Place) -> None:
    """`cache_info` is not awaited, and counts what was loaded, checked and replaced."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        await answer(db.preload("users", "orders"))
        await answer(db.users)
        assert (2, 1, 2, 0, 0, 0) == tuple(db.cache_info())
        await answer(db.refresh())
        assert (2, 2, 2, 2, 0, 0) == tuple(db.cache_info())
        place.db.execute("ALTER TABLE orders ADD COLUMN total INTEGER")
        await answer(db.invalidate("orders"))
        await answer(db.orders)
        assert 1 == db.cache_info().replaced

    place.run(main)


# -- Time to live ----------------------------------------------------------------


@every
def test_time_to_live(place: Place, clock: Clock) -> None:
    """Past the TTL one access checks all that has expired in one batch; what changed is replaced, the rest stays."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector, cache_ttl=10)
        await answer(db.preload("users", "order-items", "names"))
        before = {name: await answer(db[name]) for name in ("users", "order-items", "names")}
        clock.now += 9.9
        assert before["users"] is await answer(db.users)
        assert 1 == len(reflector.reads)
        place.db.execute("ALTER TABLE users ADD COLUMN age INTEGER")
        clock.now += 0.2
        assert before["order-items"] is await answer(db["order-items"])
        assert frozenset(before) == reflector.reads[1]
        reads = len(reflector.reads)
        assert before["names"] is await answer(db.names)
        assert "age" in columns(await answer(db.users))
        assert reads == len(reflector.reads)

    place.run(main)


@every
def test_expired_table_is_served_while_the_database_is_away(place: Place, clock: Clock) -> None:
    """Past the TTL a table that cannot be checked is served as it was; one that was never loaded is an error."""
    fill(place)

    async def main() -> None:
        reflector = Watched()
        db = place.accessor(reflector=reflector, cache_ttl=10)
        users = await answer(db.users)
        clock.now += 11

        def away(_: frozenset[str]) -> None:
            raise OSError("no route to host")

        reflector.before = away
        assert users is await answer(db.users)
        with pytest.raises(ReflectionError, match="no route to host"):
            await answer(db.orders)
        reflector.before = lambda _: None
        assert "orders" == (await answer(db.orders)).name

    place.run(main)


# -- Changes ----------------------------------------------------------------


@every
def test_tables_join_after_a_change(place: Place) -> None:
    """After a change and an invalidate, parent and child got one after another join."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        orders, users = await answer(db.orders), await answer(db.users)
        assert "JOIN" in str(select(orders).join(users))
        place.db.execute("ALTER TABLE users ADD COLUMN age INTEGER")
        await answer(db.invalidate_all())
        orders, users = await answer(db.orders), await answer(db.users)
        assert "age" in columns(users)
        assert "users.id = orders.user_id" in str(select(users).join(orders))

    place.run(main)


# -- Models ----------------------------------------------------------------


@every
def test_models_cost_no_query(place: Place) -> None:
    """`as_pydantic` and `as_sqlmodel` of a table ask the database nothing."""
    fill(place)

    async def main() -> None:
        engine = await place.warm(place.engine())
        db = place.accessor(engine)
        orders = await answer(db.orders)
        with place.count(engine) as counted:
            model = orders.as_pydantic()
            assert 1 == model(id=1).id
            assert orders is orders.as_sqlmodel().__table__
        assert 0 == counted.count

    place.run(main)


@every
def test_flush_of_a_child_whose_parent_was_never_loaded(place: Place) -> None:
    """A session flushes rows of a child while the table of its parent has never been loaded."""
    fill(place)
    place.db.execute("INSERT INTO users VALUES (7, 'x', NULL)")

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        orders = await answer(db.orders)
        order = orders.as_sqlmodel()
        assert ["orders"] == list(db.metadata.tables)
        if place.native:
            async with AsyncSession(engine) as session:
                session.add(order(id=1, user_id=7))
                await session.commit()
                assert 7 == (await session.get(order, 1)).user_id
        else:

            def work() -> None:
                with Session(engine) as session:
                    session.add(order(id=1, user_id=7))
                    session.commit()
                    assert 7 == session.get(order, 1).user_id

            await place.do(work)

    place.run(main)
    assert [(1, 7)] == place.db.fetch("SELECT id, user_id FROM orders")


# -- Connections and transactions ----------------------------------------------------------------


@every
def test_load_through_a_connection_leaves_its_transaction(place: Place) -> None:
    """A load through `connection=` neither commits nor rolls back, and what is committed is kept."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        async with place.connect(engine) as connection:
            await connection.execute("INSERT INTO users VALUES (1, 'a', NULL)")
            users = await answer(db.get("users", connection=connection.raw))
            await answer(db.preload("orders", "names", connection=connection.raw))
            assert [] == place.db.fetch("SELECT id FROM users")
            assert 1 == await connection.scalar("SELECT COUNT(*) FROM users")
            await connection.commit()
        assert [(1,)] == place.db.fetch("SELECT id FROM users")
        assert ["id", "name", "email"] == columns(users)
        if not place.db.is_sqlite:  # there a transaction that has written may have made any table
            assert 3 == db.cache_info().loaded

    place.run(main)


@every
def test_load_through_a_connection_begins_no_transaction(place: Place) -> None:
    """A connection that is in no transaction is in none after a load through it."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        async with place.connect(engine) as connection:
            assert "users" == (await answer(db.get("users", connection=connection.raw))).name
            assert not connection.raw.in_transaction()

    place.run(main)


@every
def test_temporary_table_is_not_kept(place: Place) -> None:
    """A temporary table is returned to whoever passes its connection, and to nobody else, then or later."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        async with place.connect(engine) as connection:
            await connection.execute("CREATE TEMPORARY TABLE scratch (id INTEGER, note VARCHAR(9))")
            for _ in range(2):
                scratch = await answer(db.get("scratch", connection=connection.raw))
                assert ["id", "note"] == columns(scratch)
            with pytest.raises(TableNotFoundError, match="scratch"):
                await answer(db.scratch)
        assert 0 == db.cache_info().loaded

    place.run(main)


@every
def test_connection_of_another_engine_is_refused(place: Place) -> None:
    """A connection of another engine is a ValueError that names both databases."""
    fill(place)

    async def main() -> None:
        db = place.accessor()
        async with place.connect(place.engine()) as connection:
            with pytest.raises(ValueError, match="another engine"):
                await answer(db.get("users", connection=connection.raw))

    place.run(main)


@every_async_engine
def test_session_lends_its_connection(place: Place) -> None:
    """`connection=await session.connection()` loads in an AsyncSession's transaction, which goes on."""
    fill(place)

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        async with AsyncSession(engine) as session:
            await session.execute(text("INSERT INTO users VALUES (1, 'a', NULL)"))
            connection = await session.connection()
            assert isinstance(connection, AsyncConnection)
            users = await db.get("users", connection=connection)
            assert 1 == len((await session.execute(select(users))).all())
            await session.rollback()
        assert [] == place.db.fetch("SELECT id FROM users")

    place.run(main)


@every_async_engine
@pytest.mark.parametrize("name", ["users", "nope"])
def test_first_touch_on_a_shared_connection_loses_nothing(place: Place, name: str) -> None:
    """With a StaticPool, a first touch within a transaction, also one that fails, neither ends nor breaks it."""
    fill(place)

    async def main() -> None:
        engine = place.engine(poolclass=StaticPool)
        db = place.accessor(engine)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("INSERT INTO users VALUES (1, 'a', NULL)")
            if name == "users":
                assert "users" == (await db.users).name
            else:
                with pytest.raises(TableNotFoundError):
                    await db.nope
            await connection.exec_driver_sql("INSERT INTO users VALUES (2, 'b', NULL)")
            await connection.commit()
        async with engine.connect() as connection:
            count = (await connection.exec_driver_sql("SELECT COUNT(*) FROM users")).scalar()
        assert 2 == count

    place.run(main)


@every_async_engine
def test_many_first_touches_on_a_shared_connection(place: Place) -> None:
    """With a StaticPool, tasks that touch tables at once all get them while the transaction goes on."""
    fill(place)

    async def main() -> None:
        engine = place.engine(poolclass=StaticPool)
        db = place.accessor(engine)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("INSERT INTO users VALUES (1, 'a', NULL)")
            async with anyio.create_task_group() as tasks:
                for name in ("users", "orders", "names", "order-items") * 3:
                    tasks.start_soon(db.get, name)
            await connection.commit()
        assert [(1,)] == place.db.fetch("SELECT id FROM users")

    place.run(main)


@every_loop
def test_task_that_holds_the_only_connection_is_told_at_once(place: Place, no_blocking: Any) -> None:
    """A task that holds the pool's only connection and touches a table gets a ReflectionError with the remedies."""
    no_blocking.deactivate()  # an Engine's connection is taken here by the task itself
    fill(place)

    async def main() -> None:
        engine = place.engine(**ONE)
        db = place.accessor(engine)
        connection = await answer(engine.connect()) if place.native else engine.connect()
        try:
            with anyio.fail_after(5), pytest.raises(ReflectionError) as raised:
                await db.users
            for remedy in ("preload", "connection=", "pool"):
                assert remedy in str(raised.value)
            with pytest.raises(ReflectionError):
                await db.preload("users", "orders")
            with pytest.raises(ReflectionError):
                await db.list_tables()
            assert "users" == (await db.get("users", connection=connection)).name
        finally:
            await answer(connection.close())
        assert "orders" == (await db.orders).name

    place.run(main)


@every_loop
def test_connection_that_another_task_holds_is_waited_for(place: Place) -> None:
    """A task waits for the pool's only connection while another task holds it."""
    fill(place)

    async def main() -> None:
        engine = place.engine(**ONE)
        db = place.accessor(engine)
        asked = anyio.Event()

        async def touch() -> None:
            asked.set()
            assert "users" == (await db.users).name

        async with anyio.create_task_group() as tasks, place.connect(engine) as connection:
            await connection.execute("INSERT INTO users VALUES (1, 'a', NULL)")
            tasks.start_soon(touch)
            await asked.wait()
            await anyio.sleep(0.05)
            await connection.commit()
        assert 1 == db.cache_info().loaded

    place.run(main)


@every_async_engine
def test_tasks_that_hold_every_connection_do_not_wait_for_each_other(place: Place) -> None:
    """When all tasks that hold the pool's connections touch a table, somebody is told at once, and nobody hangs."""
    fill(place)

    async def main() -> None:
        engine = place.engine(pool_size=3, max_overflow=0, pool_timeout=30)
        db = place.accessor(engine)
        held, outcomes = [0], list[object]()

        async def touch(name: str) -> None:
            async with engine.connect():
                held[0] += 1
                await until(lambda: held[0] == 3)
                try:
                    outcomes.append((await db.get(name)).name)
                except ReflectionError as error:
                    outcomes.append(error)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for name in ("users", "orders", "names"):
                    tasks.start_soon(touch, name)
        refused = [outcome for outcome in outcomes if isinstance(outcome, ReflectionError)]
        assert 1 <= len(refused) <= 3
        assert all("preload" in str(error) for error in refused)

    place.run(main)


# -- Failures ----------------------------------------------------------------


@every
def test_unreachable_database_is_an_error_without_secrets(place: Place) -> None:
    """A database that cannot be reached is a ReflectionError chained to its cause, and no text of it holds a secret."""
    urls = {
        "sqlite": "sqlite:////nowhere/at/all.db",
        "postgresql": "postgresql+psycopg://me:hunter2secret@127.0.0.1:1/test",
        "mariadb": "mysql+pymysql://me:hunter2secret@127.0.0.1:1/test",
    }
    url = make_url(urls[place.way.database])

    async def main() -> None:
        db = place.accessor(place.engine(url))
        for ask in (lambda: db.users, lambda: db.preload("a", "b"), db.list_tables, db.preload_all):
            with pytest.raises(ReflectionError) as raised:
                await answer(ask())
            assert raised.value.__cause__ is not None
            shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(db)
            assert "hunter2secret" not in shown

    place.run(main)


@every
def test_wrong_password_is_not_shown(place: Place) -> None:
    """Where a driver's message would hold the password, the error does not."""
    fill(place)

    async def main() -> None:
        invented = "hunter2secret"
        engine = place.engine(None if place.db.is_sqlite else place.db.url.set(password=invented))
        reflector = Watched()

        def fail(_: frozenset[str]) -> None:
            raise OSError("could not log in with hunter2secret")

        reflector.before = fail
        db = place.accessor(engine, reflector=reflector)
        with pytest.raises(ReflectionError) as raised:
            await answer(db.users)
        assert place.db.is_sqlite or "hunter2secret" not in "".join(traceback.format_exception(raised.value))

    place.run(main)


@pytest.mark.parametrize("place", [NATIVE[0]], ids=str, indirect=True)
def test_async_engine_under_trio_says_what_to_do(place: Place) -> None:
    """An AsyncEngine under trio is a TypeError that names the remedy, whatever is asked."""

    async def main() -> None:
        db: Any = get_async_lazy_class(place.engine())
        for ask in (lambda: db.users, lambda: db.preload("a"), db.list_tables, db.list_views, db.preload_all):
            with pytest.raises(TypeError, match="sync Engine"):
                await ask()

    anyio.run(main, backend="trio")


@pytest.mark.parametrize("place", [WAYS[0]], ids=str, indirect=True)
def test_what_is_not_an_engine(place: Place) -> None:
    """What is neither an Engine nor an AsyncEngine is a TypeError that says what to pass."""
    for wrong in ("sqlite://", None, place.db):
        with pytest.raises(TypeError, match="create_engine"):
            get_async_lazy_class(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="create_engine"):
            get_lazy_class(wrong)  # type: ignore[call-overload]
