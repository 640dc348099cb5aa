from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool, SingletonThreadPool, StaticPool

from lazy_alchemy import LazyDB, ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector
from tests.databases import count_queries, warm
from tests.effort import amount, more

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping

    from sqlalchemy import Engine

    from lazy_alchemy import TableInfo
    from tests.databases import Database

POOL_TIMEOUT = 30
AT_ONCE = 2.0  # for a refusal, which asks nobody
SOON = 10.0  # for loads, on a busy machine
ONE = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT}
POOLS: dict[str, dict[str, Any]] = {
    "static": {"poolclass": StaticPool},
    "singleton-thread": {"poolclass": SingletonThreadPool},
    "null": {"poolclass": NullPool},
    "queue-of-one": ONE,
    "default": {},
}
REMEDIES = r"preload.*connection=.*pool"

User: TypeAlias = "Connection | Session"


@pytest.fixture
def users(db: Database) -> Database:
    """The database with two tables in it, and a view."""
    return _with_users(db)


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> str:
    """Each kind of pool that an engine may have."""
    name: str = request.param
    return name


def _with_users(db: Database) -> Database:
    db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER)",
        "CREATE VIEW names AS SELECT name FROM users",
    )
    return db


def _insert(user: User, number: int) -> None:
    user.execute(text("INSERT INTO users VALUES (:id, 'ann')"), {"id": number})


def _ids(db: Database) -> list[int]:
    return [number for (number,) in db.fetch("SELECT id FROM users ORDER BY id")]


def _nothing_checked_out(engine: Engine) -> bool:
    return not isinstance(engine.pool, QueuePool) or engine.pool.checkedout() == 0


@contextmanager
def _within(seconds: float) -> Generator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def _missing(accessor: LazyDB) -> None:
    with pytest.raises(TableNotFoundError):
        accessor.get("nowhere")


TOUCHES: dict[str, Callable[[LazyDB], object]] = {
    "attribute": lambda accessor: accessor.orders,
    "view": lambda accessor: accessor.get("names"),
    "preload": lambda accessor: accessor.preload("users", "orders", "names"),
    "preload_all": lambda accessor: accessor.preload_all(),
    "refresh": lambda accessor: accessor.refresh("orders"),
    "list_tables": lambda accessor: accessor.list_tables(),
    "missing": _missing,
}


WAYS_OF_USE = amount(
    [(Session, "before", "commit"), (Connection, "after", "rollback")],
    list(product((Session, Connection), ("before", "after"), ("commit", "rollback"))),
)


# -- A first touch in the middle of the user's transaction -------------------------------------------------------------


@more
@pytest.mark.parametrize("touch", TOUCHES)
def test_a_first_touch_loses_nothing_of_the_transaction(users: Database, pool: str, touch: str) -> None:
    """Whatever the pool, what was inserted is still there to be committed or rolled back after a first touch."""
    expected: list[int] = []
    for number, (opener, made, ending) in enumerate(WAYS_OF_USE):
        engine = users.make_engine(**POOLS[pool])
        accessor = get_lazy_class(engine) if made == "before" else None
        with Session(engine) if opener is Session else engine.connect() as user:
            _insert(user, number)
            accessor = accessor or get_lazy_class(engine)
            if pool == "queue-of-one":
                with _within(AT_ONCE), pytest.raises(ReflectionError, match=REMEDIES):
                    TOUCHES[touch](accessor)
            else:
                TOUCHES[touch](accessor)
            getattr(user, ending)()
        if ending == "commit":
            expected.append(number)

        assert expected == _ids(users), (opener, made, ending)
        TOUCHES[touch](accessor)  # and no trace of it is left
        assert _nothing_checked_out(engine)


def test_in_memory_sqlite_with_its_own_pool_loses_nothing() -> None:
    """On in-memory SQLite as `create_engine` makes it, a first touch leaves the transaction for the user to end."""
    for ending, expected in (("commit", 1), ("rollback", 0)):
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)"))
            connection.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
        accessor = get_lazy_class(engine)
        with engine.connect() as connection:
            _insert(connection, 1)
            for touch in ("attribute", "preload_all", "refresh", "list_tables", "missing"):
                TOUCHES[touch](accessor)
            getattr(connection, ending)()

        with engine.connect() as connection:
            assert expected == connection.scalar(text("SELECT count(*) FROM users"))
        engine.dispose()


def test_many_first_touches_in_one_transaction(users: Database, pool: str) -> None:
    """Touches and statements may follow each other in one transaction, which ends as one."""
    engine = users.make_engine(**POOLS[pool])
    accessor = get_lazy_class(engine)
    if pool == "queue-of-one":
        accessor.preload("users", "orders", "names")
    with Session(engine) as session:
        for number, name in enumerate(("users", "orders", "names")):
            _insert(session, number)
            assert name == accessor.get(name).name
        session.commit()
        _insert(session, 7)
        accessor.get("users")
        session.rollback()

    assert [0, 1, 2] == _ids(users)


def test_the_next_statement_works_after_a_failing_load(users: Database, pool: str) -> None:
    """A load whose query fails within the user's transaction does not abort it."""
    if pool == "queue-of-one":
        pytest.skip("nothing is loaded there within a transaction")
    engine = users.make_engine(**POOLS[pool])
    accessor = get_lazy_class(engine, reflector=BrokenReflector())
    with engine.connect() as connection:
        _insert(connection, 1)
        for touch in ("attribute", "preload", "list_tables", "preload_all"):
            with pytest.raises(ReflectionError):
                TOUCHES[touch](accessor)
            assert 1 == connection.scalar(text("SELECT count(*) FROM users"))
        connection.commit()

    assert [1] == _ids(users)


def test_an_expired_table_is_served_in_the_transaction_that_holds_the_only_connection(users: Database) -> None:
    """Where a check for changes would wait for this very thread, the loaded table goes on being served, at once."""
    engine = users.make_engine(**ONE)
    accessor = get_lazy_class(engine, cache_ttl=0)
    orders = accessor.orders
    with engine.connect() as connection, _within(AT_ONCE):
        _insert(connection, 1)

        assert accessor.orders is orders
        with pytest.raises(ReflectionError, match=REMEDIES):
            accessor.refresh("orders")


# -- A pool that is empty for now --------------------------------------------------------------------------------------


def test_a_load_waits_for_a_connection_that_another_thread_holds(users: Database) -> None:
    """A pool whose only connection another thread is about to give back is waited for, not refused."""
    engine = users.make_engine(**ONE)
    accessor = get_lazy_class(engine)
    held = threading.Event()

    def hold() -> None:
        with engine.connect() as connection:
            _insert(connection, 1)
            held.set()
            time.sleep(0.3)
            connection.commit()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)

    with _within(SOON):
        assert ["id", "user_id"] == accessor.orders.columns.keys()
    thread.join()
    assert [1] == _ids(users)
    assert _nothing_checked_out(engine)


@pytest.mark.parametrize("touched", ["same", "different"])
def test_threads_that_hold_every_connection_do_not_wait_for_each_other(users: Database, touched: str) -> None:
    """When all who hold a pool's connections want to load, one is told at once; the others load once it gives up."""
    engine = users.make_engine(**{**ONE, "pool_size": 3})
    accessor = get_lazy_class(engine)
    ready = threading.Barrier(3)
    names = ("users",) * 3 if touched == "same" else ("users", "orders", "names")
    outcomes: list[object] = []

    def work(number: int) -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM users"))
            ready.wait(10)
            try:
                outcomes.append(accessor.get(names[number]).name)
            except BaseException as error:
                outcomes.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    with _within(SOON):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    refused = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert len(refused) in (1, 2)
    for error in refused:
        assert isinstance(error, ReflectionError)
        assert "preload" in str(error)
    assert _nothing_checked_out(engine)


def test_a_pool_that_is_still_connecting_is_waited_for(users: Database) -> None:
    """First touches that come together on a pool of one connection are all served, however long connecting takes."""
    engine = users.make_engine(**ONE)
    event.listen(engine, "do_connect", lambda *_: time.sleep(0.2))
    accessor = get_lazy_class(engine)
    outcomes: list[object] = []

    def work(name: str) -> None:
        try:
            outcomes.append(accessor.get(name).name)
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("users", "orders", "names", "users")]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()

    assert ["names", "orders", "users", "users"] == sorted(map(str, outcomes))


def test_connections_out_before_the_first_accessor_was_made_are_waited_for(users: Database) -> None:
    """A thread waits for the only connection also where it was taken before there was an accessor."""
    engine = users.make_engine(**ONE)
    outcomes: list[object] = []

    def touch(accessor: LazyDB) -> None:
        try:
            outcomes.append(accessor.orders.name)
        except BaseException as error:
            outcomes.append(error)

    with engine.connect() as connection:
        _insert(connection, 1)
        thread = threading.Thread(target=touch, args=[get_lazy_class(engine)])
        thread.start()
        time.sleep(0.2)
        connection.commit()
    thread.join()

    assert ["orders"] == outcomes


@pytest.mark.parametrize("poolclass", [SingletonThreadPool, StaticPool])
def test_the_recommended_begin_of_sqlite_is_fine(poolclass: type[SingletonThreadPool | StaticPool]) -> None:
    """Where a listener begins every transaction by hand, as SQLAlchemy advises, a first touch begins none."""
    engine = create_engine("sqlite://", poolclass=poolclass)

    def by_hand(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    event.listen(engine, "connect", by_hand)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
    accessor = get_lazy_class(engine)

    assert "users" == accessor.users.name
    with Session(engine) as session:
        _insert(session, 1)
        assert "orders" == accessor.orders.name
        assert ["orders", "users"] == accessor.list_tables()
        session.rollback()
        _insert(session, 2)
        with pytest.raises(TableNotFoundError):
            accessor.get("nowhere")
        session.commit()
    with engine.connect() as connection:
        assert [2] == connection.scalars(text("SELECT id FROM users")).all()
    engine.dispose()


def test_a_load_leaves_no_connection_checked_out(users: Database) -> None:
    """However a load ends, its connection goes back to the pool."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    broken = get_lazy_class(engine, reflector=BrokenReflector())

    for touch in TOUCHES.values():
        touch(accessor)
        assert _nothing_checked_out(engine)
    for name in ("attribute", "preload", "list_tables"):
        with pytest.raises(ReflectionError):
            TOUCHES[name](broken)
        assert _nothing_checked_out(engine)


# -- connection= -------------------------------------------------------------------------------------------------------


def test_a_load_through_a_connection_begins_no_transaction(users: Database, pool: str) -> None:
    """A Connection that was in no transaction is in none after a load through it, whether or not the load succeeded."""
    engine = users.make_engine(**POOLS[pool])
    accessor = get_lazy_class(engine)
    broken = get_lazy_class(engine, reflector=BrokenReflector())
    with engine.connect() as connection:
        assert "users" == accessor.get("users", connection=connection).name
        assert not connection.in_transaction()
        accessor.preload("orders", "names", connection=connection)
        assert not connection.in_transaction()
        with pytest.raises(TableNotFoundError):
            accessor.get("nowhere", connection=connection)
        assert not connection.in_transaction()
        with pytest.raises(ReflectionError):
            broken.get("users", connection=connection)
        assert not connection.in_transaction()
        with connection.begin():
            _insert(connection, 1)

    assert [1] == _ids(users)
    assert _nothing_checked_out(engine)


def test_a_load_through_a_connection_ends_no_transaction(users: Database, pool: str) -> None:
    """A load through a Connection that is in a transaction neither commits nor rolls it back, even if it fails."""
    expected: list[int] = []
    for number, ending in enumerate(("commit", "rollback")):
        engine = users.make_engine(**POOLS[pool])
        accessor = get_lazy_class(engine)
        broken = get_lazy_class(engine, reflector=BrokenReflector())
        with engine.connect() as connection:
            transaction = connection.begin()
            _insert(connection, number)
            with _within(SOON):
                assert "orders" == accessor.get("orders", connection=connection).name
                accessor.preload("users", "names", connection=connection)
                with pytest.raises(TableNotFoundError):
                    accessor.get("nowhere", connection=connection)
                with pytest.raises(ReflectionError):
                    broken.get("users", connection=connection)
            assert transaction.is_active
            assert [number] == connection.scalars(text("SELECT id FROM users WHERE id = :n"), {"n": number}).all()
            getattr(transaction, ending)()
        if ending == "commit":
            expected.append(number)

        assert expected == _ids(users)


def test_a_savepoint_of_the_user_survives_a_load(users: Database) -> None:
    """A load through a Connection within a savepoint leaves the savepoint and what is around it to the user."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    with engine.connect() as connection, connection.begin():
        _insert(connection, 1)
        nested = connection.begin_nested()
        _insert(connection, 2)
        with pytest.raises(TableNotFoundError):
            accessor.get("nowhere", connection=connection)
        accessor.get("users", connection=connection)
        nested.rollback()

    assert [1] == _ids(users)


def test_a_transaction_that_only_the_driver_knows_of_survives(users: Database) -> None:
    """What was written with the driver's own cursor is not rolled back by a load through that Connection."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("INSERT INTO users VALUES (1, 'ann')")
        cursor.close()
        accessor.get("orders", connection=connection)
        assert not connection.in_transaction()
        with pytest.raises(TableNotFoundError):
            accessor.get("nowhere", connection=connection)
        connection.connection.commit()

    assert [1] == _ids(users)


def test_a_session_lends_its_connection(users: Database) -> None:
    """`connection=session.connection()` loads within the session's transaction, also from a pool of one connection."""
    engine = users.make_engine(**ONE)
    accessor = get_lazy_class(engine)
    with Session(engine) as session, _within(SOON):
        _insert(session, 1)
        table = accessor.get("orders", connection=session.connection())
        session.execute(table.insert().values(id=1, user_id=1))
        session.commit()

    assert [1] == _ids(users)
    assert [(1, 1)] == users.fetch("SELECT id, user_id FROM orders")


def test_a_connection_in_autocommit_is_fine(users: Database) -> None:
    """A load through a Connection in AUTOCOMMIT works, before and after statements, and when it fails."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    broken = get_lazy_class(engine, reflector=BrokenReflector())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert "users" == accessor.get("users", connection=connection).name
        _insert(connection, 1)
        assert "orders" == accessor.get("orders", connection=connection).name
        with pytest.raises(ReflectionError):
            broken.get("users", connection=connection)
        with pytest.raises(TableNotFoundError):
            accessor.get("nowhere", connection=connection)
        assert 1 == connection.scalar(text("SELECT count(*) FROM users"))

    with count_queries(engine) as queries:
        assert accessor.orders is accessor.get("orders")
    assert 0 == queries.count


def test_an_engine_in_autocommit_is_fine(users: Database, pool: str) -> None:
    """An engine in AUTOCOMMIT loads like any other."""
    engine = users.make_engine(isolation_level="AUTOCOMMIT", **POOLS[pool])
    accessor = get_lazy_class(engine)
    accessor.preload("users", "orders")
    with engine.connect() as connection:
        _insert(connection, 1)
        assert "names" == accessor.get("names", connection=connection).name
    _missing(accessor)

    assert [1] == _ids(users)


def test_a_connection_of_another_engine_is_refused(users: Database) -> None:
    """A Connection of another engine, even one of an equal URL, is a ValueError that says so."""
    accessor = get_lazy_class(users.make_engine())
    with users.make_engine().connect() as connection:
        with pytest.raises(ValueError, match="another engine"):
            accessor.get("users", connection=connection)
        with pytest.raises(ValueError, match="another engine"):
            accessor.preload("users", connection=connection)


def test_a_connection_with_options_of_its_own_is_the_engines(users: Database) -> None:
    """A Connection of `engine.execution_options(...)` counts as one of the engine."""
    engine = users.make_engine()
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        assert "users" == get_lazy_class(engine).get("users", connection=connection).name


def test_a_table_already_loaded_costs_the_connection_nothing(users: Database) -> None:
    """With `connection=`, a table that is loaded is returned without a query."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    table = accessor.users
    with engine.connect() as connection, count_queries(engine) as queries:
        assert accessor.get("users", connection=connection) is table
        accessor.preload("users", connection=connection)

    assert 0 == queries.count


# -- What only one connection may see ----------------------------------------------------------------------------------


def _is_nowhere(engine: Engine, name: str, *accessors: LazyDB) -> None:
    for accessor in (*accessors, get_lazy_class(engine)):
        with pytest.raises(TableNotFoundError):
            accessor.get(name)
        assert name not in accessor.metadata.tables


def test_a_temporary_table_is_returned_and_not_kept(users: Database) -> None:
    """A temporary table is got through its own connection, again and again, and nowhere else."""
    engine = warm(users.make_engine(pool_size=2))
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE scratch (id INTEGER PRIMARY KEY, note VARCHAR(20))"))
        scratch = accessor.get("scratch", connection=connection)
        assert ["id", "note"] == scratch.columns.keys()
        connection.execute(scratch.insert().values(id=1, note="x"))
        assert [(1, "x")] == [tuple(row) for row in connection.execute(scratch.select())]
        accessor.preload("users", "scratch", connection=connection)
        assert ["id", "note"] == accessor.get("scratch", connection=connection).columns.keys()

        _is_nowhere(engine, "scratch", accessor)
        assert "users" in accessor.list_tables()
        assert "scratch" not in accessor.list_tables()
        connection.invalidate()  # or the next to get the connection would see the table


def test_a_temporary_table_that_hides_another_is_not_kept(users: Database) -> None:
    """A temporary table of an existing table's name is got through its own connection; others get the other."""
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE users (note VARCHAR(20))"))

        assert ["note"] == accessor.get("users", connection=connection).columns.keys()
        assert ["id", "name"] == accessor.get("users").columns.keys()
        connection.invalidate()


def test_a_table_of_an_open_transaction_is_returned_and_not_kept(users: Database) -> None:
    """A table that is not yet committed is got through its connection only; once it is committed, everywhere."""
    if users.is_mariadb:
        pytest.skip("CREATE TABLE commits there")
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        _insert(connection, 1)
        connection.execute(text("CREATE TABLE fresh (id INTEGER PRIMARY KEY, note VARCHAR(20))"))
        assert ["id", "note"] == accessor.get("fresh", connection=connection).columns.keys()
        accessor.preload("fresh", connection=connection)

        _is_nowhere(engine, "fresh", accessor)
        connection.commit()

    assert ["id", "note"] == accessor.fresh.columns.keys()
    assert "fresh" in accessor.metadata.tables


def test_a_table_that_is_rolled_back_is_gone(users: Database, pool: str) -> None:
    """A table of a transaction that was rolled back is not found, even where the pool let everybody see it."""
    if users.is_mariadb:
        pytest.skip("CREATE TABLE commits there")
    engine = users.make_engine(**POOLS[pool])
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        _insert(connection, 1)
        connection.execute(text("CREATE TABLE fresh (id INTEGER PRIMARY KEY, note VARCHAR(20))"))
        assert "fresh" == accessor.get("fresh", connection=connection).name
        if pool in ("static", "singleton-thread"):
            assert "fresh" == accessor.get("fresh").name
        connection.rollback()

    _is_nowhere(engine, "fresh", accessor)


def test_an_uncommitted_change_is_seen_by_its_connection_alone(users: Database) -> None:
    """A column added in an open transaction is seen through its connection, and by others once it is committed."""
    if users.is_mariadb:
        pytest.skip("ALTER TABLE commits there")
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    before = accessor.users
    accessor.invalidate("users")
    with engine.connect() as connection:
        _insert(connection, 1)
        connection.execute(text("ALTER TABLE users ADD COLUMN email VARCHAR(40)"))
        assert ["id", "name", "email"] == accessor.get("users", connection=connection).columns.keys()

        # Reading it otherwise would wait for the transaction on PostgreSQL.
        assert accessor.metadata.tables["users"] is before
        connection.rollback()
    assert accessor.users is before

    accessor.invalidate("users")
    with engine.connect() as connection:
        _insert(connection, 1)
        connection.execute(text("ALTER TABLE users ADD COLUMN email VARCHAR(40)"))
        accessor.get("users", connection=connection)
        connection.commit()
    assert ["id", "name", "email"] == accessor.users.columns.keys()


def test_a_committed_table_loaded_within_a_transaction_is_kept(users: Database) -> None:
    """A table loaded through a connection that has only inserted is loaded for everybody, on PostgreSQL and MariaDB."""
    if users.is_sqlite:
        pytest.skip("SQLite does not tell an insert from a changed schema")
    engine = warm(users.make_engine())
    accessor = get_lazy_class(engine)
    with engine.connect() as connection:
        _insert(connection, 1)
        table = accessor.get("users", connection=connection)
        accessor.preload("orders", "names", connection=connection)
        with count_queries(engine) as queries:
            assert accessor.users is table
            assert get_lazy_class(engine).users is table
            accessor.preload("orders", "names")
        connection.commit()

    assert 0 == queries.count


def test_a_table_loaded_before_the_transaction_wrote_is_kept(users: Database) -> None:
    """A table loaded through a connection that has not written yet is loaded for everybody, on all three databases."""
    engine = warm(users.make_engine())
    accessor = get_lazy_class(engine)
    with engine.connect() as connection, connection.begin():
        table = accessor.get("users", connection=connection)
        with count_queries(engine) as queries:
            assert accessor.users is table

    assert 0 == queries.count


def test_a_snapshot_of_the_past_is_not_kept(postgresql_db: Database) -> None:
    """What a repeatable-read transaction sees of a table that was changed since is not what others get."""
    users = _with_users(postgresql_db)
    engine = users.make_engine()
    accessor = get_lazy_class(engine)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SELECT 1 FROM orders"))
        users.execute("ALTER TABLE users ADD COLUMN email VARCHAR(40)")
        accessor.get("users", connection=connection)

    assert ["id", "name", "email"] == accessor.users.columns.keys()


class BrokenReflector(InspectorReflector):
    """Sends a query that fails on every database."""

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Fail."""
        with pytest.raises((OperationalError, ProgrammingError)) as raised:
            connection.execute(text("SELECT * FROM there_is_no_such_table"))
        raise raised.value

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, Any]:
        """Fail."""
        return self.reflect(connection, [], schema=schema)
