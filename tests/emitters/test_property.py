"""Random tables: a generated row goes in through the insert shape, and comes out equal through every other class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import Session

from lazy_alchemy import get_lazy_class
from tests.databases import NAMES, Database, database_on, require
from tests.effort import amount, more

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Server


@dataclass(frozen=True)
class Kind:
    """A SQL type, what goes into a column of it, and whether it can be in a primary key."""

    sql: str
    values: st.SearchStrategy[Any]
    key: bool = False


def texts(most: int, *, database: str) -> st.SearchStrategy[str]:
    """Return the texts that a database stores in a column of so many characters."""
    excluded = "\0" if database == "postgresql" else ""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters=excluded), max_size=most)


def documents(database: str) -> st.SearchStrategy[Any]:
    """Return what JSON can carry."""
    # JSONB keeps the digits of a number: a larger float comes back as an int that is nearly equal.
    leaves = st.none() | st.booleans() | st.integers() | st.floats(-(2.0**53), 2.0**53)
    text = texts(5, database=database)
    return st.recursive(
        leaves | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=6,
    )


def kinds(database: str) -> list[Kind]:
    """Return the types that columns are made of."""
    microseconds = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001
    common = [
        Kind("INTEGER", st.integers(-(2**31), 2**31 - 1), key=True),
        Kind("SMALLINT", st.integers(-(2**15), 2**15 - 1), key=True),
        Kind("BIGINT", st.integers(-(2**63), 2**63 - 1)),
        # In a key without the blanks and cases that MariaDB's collation ignores.
        Kind("VARCHAR(12)", texts(12, database=database)),
        Kind("NUMERIC(12, 3)", st.decimals(-(10**8), 10**8, places=3)),
        Kind("BOOLEAN", st.booleans()),
        Kind("DATE", st.dates(date(1000, 1, 1)), key=True),
    ]
    if database == "sqlite":
        return [
            *common,
            Kind("REAL", st.floats(allow_nan=False, allow_infinity=False)),
            Kind("BLOB", st.binary(max_size=9)),
            Kind("DATETIME", microseconds),
            Kind("TIME", st.times()),
            Kind("JSON", documents(database)),
        ]
    if database == "mariadb":
        return [
            *common,
            Kind("TINYINT UNSIGNED", st.integers(0, 255), key=True),
            Kind("TINYTEXT", texts(60, database=database)),
            Kind("VARBINARY(9)", st.binary(max_size=9)),
            Kind("DATETIME(6)", microseconds),
            Kind("TIME(6)", st.times()),
            Kind("UUID", st.uuids(version=4), key=True),  # MariaDB 10.11 refuses some that are of no version
            Kind("FLOAT", st.integers(-999, 999).map(lambda number: number / 8)),
            Kind("BIT(9)", st.integers(0, 2**9 - 1)),
            Kind("YEAR", st.integers(1901, 2155)),
            Kind("ENUM('a', 'b c', 'ü')", st.sampled_from(["a", "b c", "ü"])),
            Kind("SET('a', 'b')", st.sets(st.sampled_from("ab"))),
        ]
    return [
        *common,
        Kind("TEXT", texts(20, database=database)),
        # Seven digits of a REAL are sent, which give back the same REAL and not always the same float.
        Kind("REAL", st.integers(-999, 999).map(lambda number: number / 8)),
        Kind("DOUBLE PRECISION", st.floats(allow_nan=False, allow_infinity=False)),
        Kind("BYTEA", st.binary(max_size=9)),
        Kind("TIMESTAMP", microseconds),
        # Of the last day of the year 9999, some times are in the next year in UTC.
        Kind("TIMESTAMPTZ", st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30), timezones=st.timezones())),  # noqa: DTZ001
        Kind("TIME", st.times()),
        Kind("INTERVAL", st.timedeltas()),
        Kind("UUID", st.uuids(), key=True),
        Kind("INET", st.ip_addresses()),
        Kind("JSONB", documents(database)),
        Kind("INTEGER[]", st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=4)),
        Kind("VARCHAR(3)[]", st.lists(st.lists(texts(3, database=database), min_size=2, max_size=2), max_size=3)),
        Kind("mood", st.sampled_from(["sad", "so so"])),
        Kind("mood[]", st.lists(st.none() | st.sampled_from(["sad", "so so"]), max_size=4)),
    ]


def names(database: str) -> st.SearchStrategy[str]:
    """Return what a table or a column can be called, Python's and Pydantic's own words often."""
    most = "\uffff" if database == "mariadb" else "\U0010ffff"
    mark = "`" if database == "mariadb" else ""  # which SQLAlchemy reads double
    odd = st.text(
        st.characters(
            max_codepoint=ord(most), exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters=mark
        ),
        min_size=1,
        max_size=12,
    )
    words = st.sampled_from(
        ["class", "class_", "metadata", "model_dump", "schema", "json", "_x", "a b", "2", "self", "%", "a:b"]
    )
    return words | st.text("abc_1", min_size=1, max_size=4) | odd


@dataclass(frozen=True)
class Drawn:
    """A table and a row of it: the columns by name, and the values of those that are given."""

    name: str
    columns: dict[str, tuple[Kind, bool]]
    key: list[str]
    row: dict[str, Any]


@st.composite
def tables(draw: st.DrawFn, database: str) -> Drawn:
    """Draw a table with a row."""
    folded = st.lists(names(database), unique_by=lambda name: name.casefold(), min_size=1, max_size=6)
    columns = {name: (draw(st.sampled_from(kinds(database))), draw(st.booleans())) for name in draw(folded)}
    keyed = [name for name, (kind, _) in columns.items() if kind.key]
    key = keyed[: draw(st.integers(0, 2))]
    row = {
        name: draw(kind.values) if name in key or not nullable else draw(st.none() | kind.values)
        for name, (kind, nullable) in columns.items()
        if name in key or not nullable or draw(st.booleans())
    }
    return Drawn(draw(names(database)), columns, key, row)


@pytest.fixture(scope="module", params=NAMES)
def shared(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Database]:
    """One database for all examples, each of which leaves it empty."""
    require(servers[request.param])
    with database_on(servers[request.param]) as database:
        if database.is_postgresql:
            database.execute("CREATE TYPE mood AS ENUM ('sad', 'so so')")
        yield database


def create(db: Database, drawn: Drawn) -> None:
    """Make the table."""
    parts = [
        f"{db.quote(name)} {kind.sql}{'' if nullable and name not in drawn.key else ' NOT NULL'}"
        for name, (kind, nullable) in drawn.columns.items()
    ]
    if drawn.key:
        parts.append(f"PRIMARY KEY ({', '.join(db.quote(name) for name in drawn.key)})")
    db.execute(f"CREATE TABLE {db.quote(drawn.name)} ({', '.join(parts)})")


def check(db: Database, drawn: Drawn) -> None:
    """Write the row and read it by all classes."""
    table = get_lazy_class(db.engine)[drawn.name]
    sent = table.as_pydantic_insert().model_validate(drawn.row)
    row = sent.model_dump(by_alias=True, exclude_unset=True)
    with Session(db.engine) as session:
        session.execute(table.insert(), row)
        session.commit()
        model = table.as_pydantic()
        read = model.model_validate(session.execute(select(table)).one())
        expected = {name: row.get(name) for name in drawn.columns if name in row or name not in drawn.key}
        assert expected.items() <= read.model_dump(by_alias=True).items()
        assert read == model.model_validate_json(read.model_dump_json(by_alias=True))
        if drawn.key:
            loaded = session.scalars(select(table.as_sqlmodel())).one()
            assert read == model.model_validate(loaded)
            change = table.as_pydantic_partial().model_validate(drawn.row)
            assert row == change.model_dump(by_alias=True, exclude_unset=True)


@more
@pytest.mark.timeout(180)  # where an example fails, it is made smaller by many more
def test_a_row_of_any_table_comes_back_equal(shared: Database) -> None:
    """Whatever a table and its columns are called and hold, a row goes in and comes out equal."""

    @settings(max_examples=amount(4, 30), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(tables(shared.name))
    def run(drawn: Drawn) -> None:
        create(shared, drawn)
        try:
            check(shared, drawn)
        finally:
            shared.execute(f"DROP TABLE {shared.quote(drawn.name)}")
            get_lazy_class(shared.engine).invalidate_all()

    run()
