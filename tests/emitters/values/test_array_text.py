"""Arrays of PostgreSQL whose item type a driver does not know, and so gives as the text of an array."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import NullPool, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from lazy_alchemy import get_lazy_class
from lazy_alchemy.emitters._values.array_text import parse_array

if TYPE_CHECKING:
    from tests.databases import Database

UTC = dt.timezone.utc
ODD = ["a,b", 'a"b', "a\\b", "{", "}", "{}", " ", "", "NULL", "null", "\n", "é☃", "[", "[0:1]={a}", None]
# The items' type, or what a domain is made over for them; the array; and what the row has.
ARRAYS: dict[str, tuple[str, Any]] = {
    "citext": ("ARRAY['A', 'b c', NULL]", ["A", "b c", None]),
    "domain over integer": ("ARRAY[[1, 2], [3, NULL]]", [[1, 2], [3, None]]),
    "domain over text": ("ARRAY['{', '}']", ["{", "}"]),
    "domain over varchar(3)": ("ARRAY[]::varchar[]", []),
    "domain over numeric": ("ARRAY[1.50, 'NaN']::numeric[]", [Decimal("1.50"), Decimal("NaN")]),
    "domain over double precision": ("ARRAY[0.1, '-Infinity']::float[]", [0.1, float("-inf")]),
    "domain over boolean": ("ARRAY[true, false]", [True, False]),
    "domain over date": ("ARRAY['2020-01-02']::date[]", [dt.date(2020, 1, 2)]),
    "domain over timestamptz": (
        "ARRAY['2020-01-02 03:04:05.5+00', '2020-06-01 00:00:00-03:30']::timestamptz[]",
        [dt.datetime(2020, 1, 2, 3, 4, 5, 500000, UTC), dt.datetime(2020, 6, 1, 3, 30, tzinfo=UTC)],
    ),
    "time with time zone": ("ARRAY['01:02:03+00']::timetz[]", [dt.time(1, 2, 3, tzinfo=UTC)]),
    "domain over uuid": (
        "ARRAY['12345678-1234-5678-1234-567812345678']::uuid[]",
        [UUID("12345678-1234-5678-1234-567812345678")],
    ),
    "domain over jsonb": ("""ARRAY['{"a": [1, "}"]}', 'null', '"x"']::jsonb[]""", [{"a": [1, "}"]}, None, "x"]),
    "domain over bytea": ("ARRAY['\\x00ff']::bytea[]", [b"\x00\xff"]),
    "domain over mood": ("ARRAY['so so']::mood[]", ["so so"]),
    "money": ("ARRAY['-1234.5']::money[]", ["-$1,234.50"]),
    "tsvector": ("ARRAY['a b']::tsvector[]", ["'a' 'b'"]),
    "regclass": ("ARRAY['pg_class']::regclass[]", ["pg_class"]),
    "oid": ("ARRAY[5]::oid[]", [5]),
    "macaddr": ("ARRAY['08:00:2b:01:02:03']::macaddr[]", ["08:00:2b:01:02:03"]),
}


@pytest.fixture
def arrays(postgresql_db: Database) -> Database:
    """A table ``t`` with a column of each of the arrays, and one row."""
    domains = [
        f"CREATE DOMAIN d{number} AS {kind.removeprefix('domain over ')}" if kind.startswith("domain") else "SELECT 1"
        for number, kind in enumerate(ARRAYS)
    ]
    columns = [f"c{n} {f'd{n}' if kind.startswith('domain') else kind}[]" for n, kind in enumerate(ARRAYS)]
    postgresql_db.execute(
        "CREATE EXTENSION citext",
        "CREATE TYPE mood AS ENUM ('sad', 'so so')",
        *domains,
        f"CREATE TABLE t (id serial PRIMARY KEY, {', '.join(columns)})",
        f"INSERT INTO t ({', '.join(f'c{n}' for n in range(len(ARRAYS)))})"
        f" VALUES ({', '.join(value for value, _ in ARRAYS.values())})",
    )
    return postgresql_db


def expected() -> dict[str, str]:
    """Return what each column is to be, as text, in which NaN equals itself."""
    return {f"c{number}": repr(value) for number, (_, value) in enumerate(ARRAYS.values())}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_every_driver_gives_lists(arrays: Database, driver: str) -> None:
    """What a driver gives as text is in the row, and in a mapped object, the list that the database has."""
    engine = create_engine(arrays.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
    table = get_lazy_class(engine).t
    model = table.as_pydantic()
    with Session(engine) as session:
        row = model.model_validate(session.execute(select(table)).one())
        plain = model.model_validate(session.execute(text("SELECT * FROM t")).one())
        mapped = session.scalars(select(table.as_sqlmodel())).one()
        found = session.scalars(select(table.as_orm())).one()
        for read in (row, plain, mapped, found):
            assert expected() == {name: as_utc(getattr(read, name)) for name in expected()}
        assert not session.dirty


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_items_that_look_like_an_array(postgresql_db: Database, driver: str) -> None:
    """A list that was read is not taken for a driver's text, be it from a dump, JSON, a mapped object or a model."""
    postgresql_db.execute(
        "CREATE EXTENSION citext",
        "CREATE DOMAIN word AS text",
        "CREATE TABLE t (id serial PRIMARY KEY, a citext[], b word[], n integer DEFAULT 5)",
    )
    engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
    table = get_lazy_class(engine).t
    model: Any = table.as_pydantic()
    items: Any
    for items in (["{", "}"], ["{"], ["{", "a", "}"], ["["], [["{"], ["}"]], [], ["{}"]):
        new = table.as_pydantic_insert().model_validate({"a": items, "b": items})
        with Session(engine) as session:
            session.execute(table.insert(), new.model_dump(exclude_unset=True))
            query = table.c.id.desc()
            row = model.model_validate(session.execute(select(table).order_by(query).limit(1)).one())
            mapped = session.scalars(select(table.as_sqlmodel()).order_by(query).limit(1)).one()
            again = [row, model.model_validate(mapped), model.model_validate_json(row.model_dump_json())]
            again += [
                model.model_validate(form) for form in (row, row.model_dump(), row.model_copy(deep=True), vars(row))
            ]
            assert [(items, items)] * len(again) == [(one.a, one.b) for one in again]
            assert not session.dirty
            for cls in (table.as_sqlmodel(), table.as_orm()):
                made: Any = cls(a=items, b=items)
                session.add(made)
                session.flush()
                assert (items, items) == (made.a, made.b)


def as_utc(value: Any) -> str:
    """Return the text of a value, its times in UTC."""
    if isinstance(value, list):
        return f"[{', '.join(map(as_utc, value))}]"
    if isinstance(value, dt.datetime):
        return repr(value.astimezone(UTC))
    return repr(value.replace(tzinfo=UTC) if isinstance(value, dt.time) and not value.utcoffset() else value)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_an_array_that_could_not_be_read_again(postgresql_db: Database, driver: str) -> None:
    """A new row has an HSTORE[] where the driver knows it, and is refused where its row could not be read again."""
    postgresql_db.execute("CREATE EXTENSION hstore", "CREATE TABLE t (id serial PRIMARY KEY, a hstore[])")
    engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
    table = get_lazy_class(engine).t
    given = {"a": [{"a": "1"}, None]}
    if driver == "pg8000":
        with pytest.raises(ValidationError, match="array_items"):
            table.as_pydantic_insert().model_validate(given)
        return
    new = table.as_pydantic_insert().model_validate(given)
    with engine.begin() as connection:
        connection.execute(table.insert(), new.model_dump(exclude_unset=True))
        assert [{"a": "1"}, None] == table.as_pydantic().model_validate(connection.execute(select(table)).one()).a  # type: ignore[attr-defined]


def test_what_a_driver_gives_as_lists_is_left_alone(arrays: Database) -> None:
    """Of a driver that knows every array, as asyncpg does, a list that looks like the text of another is what it is."""
    arrays.execute("INSERT INTO t (c0) VALUES (ARRAY['{', '}'])")

    async def run() -> Any:
        engine = create_async_engine(arrays.url.set(drivername="postgresql+asyncpg"))
        try:
            table = await get_lazy_class(engine).get("t")
            model = table.as_pydantic()
            async with engine.connect() as connection:
                rows = (await connection.execute(select(table).order_by(table.c.id))).all()
                return [model.model_validate(row) for row in rows]
        finally:
            await engine.dispose()

    first, second = asyncio.run(run())
    assert expected() == {name: as_utc(getattr(first, name)) for name in expected()}
    assert ["{", "}"] == second.c0


def test_odd_items(postgresql_db: Database) -> None:
    """Whatever the items are, the text of an array is read as PostgreSQL wrote it."""
    with postgresql_db.engine.connect() as connection:
        for array in (ODD, [], [ODD, ODD[::-1]], [[[item]] for item in ODD]):
            written = connection.scalar(text("SELECT CAST(CAST(:array AS text[]) AS text)"), {"array": array})
            assert array == parse_array(str(written))
        assert ["a", "b"] == parse_array(
            str(connection.scalar(text("SELECT CAST(CAST('[0:1]={a,b}' AS text[]) AS text)")))
        )


@pytest.mark.parametrize(
    "other", ["", "{", "}", "{a", "a}", "{a}}", "{,}", "{a,}", "{a b,{c}", '{"a}', "{a}b", "[0:1]=", "{{}a}"]
)
def test_what_is_no_array(other: str) -> None:
    """A text that PostgreSQL writes for no array is none."""
    assert parse_array(other) is None


def test_a_model_refuses_what_is_no_array(arrays: Database) -> None:
    """A text that is no array is refused in a row, and every text in a new row."""
    table = get_lazy_class(arrays.engine).t
    for model, value in ((table.as_pydantic(), "{1"), (table.as_pydantic_insert(), "{1}")):
        with pytest.raises(ValidationError):
            model.model_validate({"id": 1, "c1": value})
