"""Any name that a database accepts is a table's or a column's, and nothing in a name is ever read as SQL."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData, Table, bindparam, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from lazy_alchemy import TableNotFoundError, get_lazy_class
from tests.databases import NAMES, Database, count_queries, database_on, require, warm
from tests.effort import amount
from tests.oracle import assert_equal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Server

AWKWARD = [
    "select",
    "Users",
    "UPPER",
    "order-items",
    "two words",
    "a.b",
    ".",
    "a'b",
    'a"b',
    "a`b",
    "a%b",
    "%s",
    "%(name)s",
    "%%",
    ":name",
    "a:b::c",
    "?",
    "a\\b",
    "\\",
    "[x]",
    "{x}",
    "(x)",
    "x;y",
    "--",
    "/*x*/",
    "#",
    "é",
    "名前",
    "ß",
    "İ",
    "1",
    "_",
    "__class__",
    "metadata",
    "preload",
    "name'; DROP TABLE victim; --",
    'name"; DROP TABLE victim; --',
    "name`; DROP TABLE victim; -- ",
    "' OR '1'='1",
    "x') UNION SELECT 1 --",
]
IMPOSSIBLE = ["", "\0", "a\0b", "\ud800", "a\udfffb", "x" * 300]


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Database]:
    """A database for the whole module: making one for every example would take most of the time."""
    require(servers[request.param])
    with database_on(servers[request.param]) as database:
        warm(database.engine)
        yield database


def fits(db: Database, name: str) -> bool:
    """Return whether the database takes the name as it is."""
    if db.is_mariadb:  # "Identifier Names": up to 64 characters of the Basic Multilingual Plane, no space at the end
        return len(name) <= 64 and max(name) <= "\uffff" and not name.endswith(" ")
    if db.is_postgresql:
        return len(name.encode()) <= 63
    return not name.lower().startswith("sqlite_")


def fitted(db: Database, name: str) -> str:
    """Return the name, or one like it that the database takes: throwing away most of what is generated takes long."""
    if db.is_mariadb:
        return "".join("x" if character > "\uffff" else character for character in name).rstrip(" ") or "x"
    return name.encode()[:63].decode(errors="ignore") if db.is_postgresql else name


def fits_column(db: Database, name: str) -> bool:
    """Return whether the database takes the name as a column's, and SQLAlchemy reads it back as it is."""
    # SQLAlchemy's reader of SHOW CREATE TABLE leaves the second of two backticks in a column's name.
    return fits(db, name) and not (db.is_mariadb and "`" in name)


def same(db: Database, one: str, other: str) -> bool:
    """Return whether the database may take two names of columns for one."""

    def folded(name: str) -> str:
        bare = unicodedata.normalize("NFKD", name.casefold())  # MariaDB's collation knows no accents either
        return "".join(character for character in bare if not unicodedata.combining(character))

    return one == other if db.is_postgresql else folded(one) == folded(other)


def round_trip(db: Database, table_name: str, column_name: str) -> None:
    """Create a table of these names, load it, and read and write through it."""
    quoted, column = db.quote(table_name), db.quote(column_name)
    try:
        db.execute(f"CREATE TABLE {quoted} ({db.quote('the id')} INTEGER NOT NULL PRIMARY KEY, {column} VARCHAR(20))")
    except SQLAlchemyError:
        # A name that the database itself refuses is none of ours; but say so where it should have taken it.
        if table_name in AWKWARD:
            raise
        assume(False)
    try:
        engine = db.engine
        lazy = get_lazy_class(engine)
        lazy.invalidate_all()
        table = lazy[table_name]
        assert table is lazy.get(table_name)
        if table_name.isidentifier() and not hasattr(type(lazy), table_name) and not table_name.startswith("_"):
            # Python reads an identifier in its normal form
            assert table is getattr(lazy, table_name)
        assert table_name == table.name
        assert ["the id", column_name] == [one.name for one in table.c]
        with engine.connect() as connection:
            theirs = Table(table_name, MetaData(), autoload_with=connection, resolve_fks=False)
            assert_equal(table, theirs)
            connection.execute(insert(table).values({table.c["the id"]: 1, table.c[column_name]: "value"}))
            assert [(1, "value")] == [tuple(row) for row in connection.execute(select(table))]
            # A parameter of its own: the one that SQLAlchemy calls after a column "%(" is a syntax error on SQLite.
            where = table.c[column_name] == bindparam("wanted", "value")
            assert 1 == connection.execute(delete(table).where(where)).rowcount
            connection.commit()
        assert table_name in lazy.list_tables()
    finally:
        db.execute(f"DROP TABLE {quoted}")


printable = st.text(
    # Everything but control characters, surrogates, unassigned code points and line separators.
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")),
    min_size=1,
    max_size=20,
)


@settings(
    max_examples=amount(15, 60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(table_name=printable, column_name=printable)
@example(table_name="a.b", column_name="c.d")
@example(table_name="%(x)s", column_name="%(y)s")
@example(table_name=":x", column_name=":y")
@example(table_name="\u212b", column_name="\u00c5")
@example(table_name="\U0001f600", column_name="\U0001f600")
def test_any_printable_name(shared: Database, table_name: str, column_name: str) -> None:
    """A table and a column of any printable name are loaded by it, equal SQLAlchemy's, and take a row."""
    table_name, column_name = fitted(shared, table_name), fitted(shared, column_name)
    assume(fits(shared, table_name))
    assume(fits_column(shared, column_name))
    assume(not same(shared, column_name, "the id"))
    round_trip(shared, table_name, column_name)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_name(shared: Database, name: str) -> None:
    """A table and a column whose name means something in SQL, to a driver or to Python are like any other."""
    if not fits(shared, name):
        pytest.skip("not a name on this database")
    shared.execute("CREATE TABLE victim (id INTEGER)")
    try:
        round_trip(shared, name, name if fits_column(shared, name) else "plain")
        assert [] == shared.fetch("SELECT * FROM victim")
    finally:
        shared.execute("DROP TABLE victim")


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_name_that_is_missing(shared: Database, name: str) -> None:
    """A name that no table has is not found, whatever is in it, and does no harm."""
    shared.execute("CREATE TABLE victim (id INTEGER)")
    try:
        lazy = get_lazy_class(shared.make_engine())
        for ask in (lambda: lazy[name], lambda: lazy.get(name), lambda: lazy.preload(name)):
            with pytest.raises(TableNotFoundError) as caught:
                ask()
            assert (name,) == caught.value.names
        assert ["victim"] == lazy.list_tables()
        lazy.invalidate(name)
    finally:
        shared.execute("DROP TABLE victim")


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=ascii)
def test_name_that_cannot_exist(shared: Database, name: str) -> None:
    """A name that no database could have is not found, alone and among others that are."""
    shared.execute("CREATE TABLE plain (id INTEGER)")
    try:
        lazy = get_lazy_class(shared.make_engine())
        for ask in (lambda: lazy[name], lambda: lazy.get(name), lambda: lazy.preload("plain", name)):
            with pytest.raises(TableNotFoundError):
                ask()
        assert "plain" == lazy.plain.name
        with shared.engine.connect() as connection, pytest.raises(TableNotFoundError):
            get_lazy_class(shared.engine).get(name, connection=connection)
    finally:
        shared.execute("DROP TABLE plain")


@given(name=st.text(min_size=0, max_size=30))
@example(name="\r")
@example(name="x\t")
@settings(
    max_examples=amount(15, 60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_text_that_is_no_table(shared: Database, name: str) -> None:
    """Any text at all that no table is called is a TableNotFoundError, with a message that can be shown."""
    lazy = get_lazy_class(shared.engine)
    lazy.invalidate_all()  # of other tests
    with pytest.raises(TableNotFoundError) as caught:
        lazy.get(name)
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    "name", [None, 1, 1.5, b"users", ("users",), ["users"], object()], ids=lambda name: type(name).__name__
)
def test_name_that_is_no_text(shared: Database, name: Any) -> None:
    """A name that is not a str is a TypeError on every path, and costs no query."""
    lazy = get_lazy_class(shared.engine)
    with count_queries(shared.engine) as counted:
        for ask in (
            lambda: lazy[name],
            lambda: lazy.get(name),
            lambda: lazy.preload(name),
            lambda: lazy.refresh(name),
            lambda: lazy.invalidate(name),
        ):
            with pytest.raises(TypeError):
                ask()
    assert 0 == counted.count


def test_accessor_is_no_collection(shared: Database) -> None:
    """`in` and `for` are TypeErrors and ask for no table called 0."""
    lazy = get_lazy_class(shared.engine)
    with count_queries(shared.engine) as counted:
        with pytest.raises(TypeError):
            list(lazy)  # type: ignore[call-overload]
        with pytest.raises(TypeError):
            assert "users" in lazy  # type: ignore[operator]
    assert 0 == counted.count


def test_names_that_differ_in_case_only(postgresql_db: Database) -> None:
    """Where the database tells case apart, so do we."""
    postgresql_db.execute('CREATE TABLE "Users" (a INTEGER)', "CREATE TABLE users (b INTEGER)")
    lazy = get_lazy_class(postgresql_db.engine)
    assert [["a"], ["b"]] == [lazy["Users"].c.keys(), lazy["users"].c.keys()]
