"""Values of PostgreSQL that drivers take and give in forms of their own, mostly where SQLAlchemy leaves them alone."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, NullPool, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine

from lazy_alchemy import get_lazy_class
from lazy_alchemy.emitters import PydanticEmitter
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Row

    from lazy_alchemy import CustomTable
    from tests.databases import Database

DRIVERS = ["psycopg", "psycopg2", "pg8000", "asyncpg"]
RANGES: list[Any] = [{"lower": 1, "upper": 5}, {"lower": 1}, {"empty": True}, {}]
SPANS: list[Any] = [{"lower": "2020-01-01T00:00:00Z", "upper": "2020-01-02T00:00:00+01:00", "bounds": "[]"}]
# The columns' types, and values; and the drivers that cannot send them.
VALUES: dict[str, tuple[list[Any], str]] = {
    "inet": (["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/64"], ""),
    "cidr": (["10.0.0.0/8", "2001:db8::/32"], ""),
    "inet[]": ([["10.0.0.1", None, "::1"], [["10.0.0.1"], ["::1"]], []], ""),
    "cidr[]": ([["10.0.0.0/8"]], ""),
    "an_inet": (["10.0.0.1", "::1"], ""),
    "a_cidr": (["10.0.0.0/8"], ""),
    "a_bytea": (["AP/+"], ""),
    "int4range": (RANGES, ""),
    "int4range[]": ([[*RANGES, None], []], ""),
    "tstzrange[]": ([[*SPANS, None]], ""),
    "int4multirange": ([[], [{"lower": 1, "upper": 5}, {"lower": 7}]], ""),
    "nummultirange": ([[{"lower": "1.5", "upper": "2.50", "bounds": "(]"}]], ""),
    "datemultirange": ([[{"lower": "2020-01-01", "upper": "2020-01-09"}]], ""),
    "tsmultirange": ([[{"lower": "2020-01-01T00:00:00.5"}]], ""),
    "tstzmultirange": ([SPANS], ""),
    "int4multirange[]": (
        [[[{"lower": 1, "upper": 5}, {"lower": 7}], [], None], [[[{"upper": 5}], []], [[], []]]],
        "pg8000 asyncpg",
    ),
    "tstzmultirange[]": ([[SPANS, []]], "pg8000 asyncpg"),
    "an_int4range": (RANGES, "asyncpg"),
    "a_tstzrange": (SPANS, "asyncpg"),
    "an_int4multirange": ([[], [{"lower": 1, "upper": 5}, {"lower": 7}]], "asyncpg"),
    "a_tstzmultirange": ([SPANS], "asyncpg"),
    "an_hstore": ([{"a": "1", "b": None}, {}], "pg8000 asyncpg"),
    "bit(3)": (["101"], "" if NEWER_LINE else "asyncpg"),
    "bit(3)[]": ([["101", None]], "psycopg2 pg8000" if NEWER_LINE else "asyncpg"),
    "bits": (["101"], "asyncpg"),
    "bits[]": ([["101", None]], "asyncpg"),
    "bit_lists": ([["101", None]], "psycopg2 asyncpg"),
    "json_lists": ([[{"a": 1}, 1, "x"], [[{}]]], " ".join(DRIVERS)),
    "lists_of_json": ([[{"a": 1}]], " ".join(DRIVERS)),
    "a_jsonb[]": ([[{"a": 1}]], " ".join(DRIVERS)),
    "range_lists": ([[*RANGES, None], [RANGES], []], "psycopg2 asyncpg"),
    "span_lists": ([[*SPANS, None]], "psycopg2 asyncpg"),
    "multirange_lists": ([[[], [{"lower": 1, "upper": 5}], None]], "psycopg2 pg8000 asyncpg"),
    "hstore_lists": ([[{"a": "1", "b": None}, None]], "pg8000 asyncpg"),
    "mood_lists": ([["so so", None]], "psycopg2"),
    "lists_of_moods": ([["so so", None]], "psycopg2"),
    "a_jsonb": ([{"a": [1]}, [1, "x"], [], "x", "[1]", 1, 0.5, True], " ".join(DRIVERS)),
    "a_json": ([{"a": [1]}, [1, "x"], [], "x", "[1]", 1, 0.5, True], " ".join(DRIVERS)),
}
# Domains over arrays.
LISTS = {
    "json_lists": "jsonb[]",
    "lists_of_json": "a_jsonb[]",
    "range_lists": "int4range[]",
    "span_lists": "tstzrange[]",
    "multirange_lists": "int4multirange[]",
    "hstore_lists": "hstore[]",
    "mood_lists": "mood[]",
    "lists_of_moods": "a_mood[]",
}


@pytest.fixture
def every(postgresql_db: Database) -> Database:
    """A table ``t`` with a column of each type."""
    domains = [name for name in VALUES if name.startswith(("a_", "an_")) and name[-1] != "]"]
    postgresql_db.execute(
        "CREATE EXTENSION hstore",
        "CREATE TYPE mood AS ENUM ('sad', 'so so')",
        "CREATE DOMAIN a_mood AS mood",
        "CREATE DOMAIN bits AS bit(3)",
        "CREATE DOMAIN bit_lists AS bit(3)[]",
        *(f"CREATE DOMAIN {name} AS {name.partition('_')[2]}" for name in domains),
        *(f"CREATE DOMAIN {name} AS {base}" for name, base in LISTS.items()),
        f"CREATE TABLE t (id serial PRIMARY KEY{''.join(f', c{n} {type_}' for n, type_ in enumerate(VALUES))})",
    )
    return postgresql_db


def run_with(db: Database, driver: str, function: Callable[[CustomTable, Connection], Any]) -> Any:
    """Call a function with the table ``t`` and a connection, whichever kind of driver it is."""
    url = db.url.set(drivername=f"postgresql+{driver}")
    if driver != "asyncpg":
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            return function(get_lazy_class(engine).t, connection)

    async def run() -> Any:
        engine = create_async_engine(url, poolclass=NullPool)
        table = await get_lazy_class(engine).get("t")
        async with engine.begin() as connection:
            return await connection.run_sync(lambda sync: function(table, sync))

    return asyncio.run(run())


def unlike(table: CustomTable, found: Row[Any], column: str, expected: object) -> list[object]:
    """Return what the row model makes of a row, directly, of its JSON and of its dump, where that is something else."""
    model: Any = table.as_pydantic()
    row = model.model_validate(found)
    rows = [row, model.model_validate_json(row.model_dump_json()), model.model_validate(row.model_dump())]
    return [value for one in rows if (value := getattr(one, column)) != expected]


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_sent_and_read(every: Database, driver: str) -> None:
    """What the insert model accepts is stored and read as it was, and what the driver cannot send is refused."""

    def check(table: CustomTable, connection: Connection) -> None:
        insert: Any = table.as_pydantic_insert()
        for number, (type_, (values, refused)) in enumerate(VALUES.items()):
            column = f"c{number}"
            for value in values:
                if driver in refused.split():
                    with pytest.raises(ValidationError, match=r"not_sent|array_items"):
                        insert.model_validate({column: value})
                    continue
                new = insert.model_validate({column: value})
                dump = new.model_dump(exclude_unset=True)
                assert (
                    new
                    == insert.model_validate(dump)
                    == insert.model_validate_json(new.model_dump_json(include={column}))
                )
                connection.execute(table.insert(), dump)
                found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
                assert (type_, value, []) == (type_, value, unlike(table, found, column, getattr(new, column)))

    run_with(every, driver, check)


def test_a_type_of_your_own(every: Database) -> None:
    """What no driver sends of itself is not refused where a user's type makes what the driver takes."""
    columns = {type_: f"c{number}" for number, type_ in enumerate(VALUES)}
    table = get_lazy_class(every.engine).t
    insert = table.emit(PydanticEmitter("insert", types={"a_jsonb": str, "jsonb": str}))
    new = insert.model_validate({columns["a_jsonb"]: '{"a": 1}', columns["json_lists"]: ['{"a": 1}']})
    with every.engine.begin() as connection:
        connection.execute(table.insert(), new.model_dump(exclude_unset=True))
        row: Any = table.as_pydantic().model_validate(connection.execute(select(table)).one())
    assert ({"a": 1}, [{"a": 1}]) == (getattr(row, columns["a_jsonb"]), getattr(row, columns["json_lists"]))


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_read(every: Database, driver: str) -> None:
    """What another client has stored is read, be it what the driver cannot send."""
    columns = {type_: f"c{number}" for number, type_ in enumerate(VALUES)}
    stored: dict[str, tuple[str, Any]] = {
        "a_jsonb": ("'{\"a\": [1]}'", {"a": [1]}),
        "a_json": ("'\"[1]\"'", "[1]"),
        "an_hstore": ("'a=>1, b=>NULL'", {"a": "1", "b": None}),
        "an_int4range": ("'[1,5)'", {"lower": 1, "upper": 5, "bounds": "[)", "empty": False}),
        "a_tstzrange": (
            "'[2020-01-01 00:00+00,)'",
            {"lower": "2020-01-01T00:00:00Z", "upper": None, "bounds": "[)", "empty": False},
        ),
        "an_int4multirange": ("'{[1,5)}'", [{"lower": 1, "upper": 5, "bounds": "[)", "empty": False}]),
        "range_lists": ("""'{"[1,5)",NULL}'""", [{"lower": 1, "upper": 5, "bounds": "[)", "empty": False}, None]),
        "hstore_lists": ("""ARRAY['a=>1, b=>NULL', NULL]::hstore[]""", [{"a": "1", "b": None}, None]),
        "json_lists": ("""ARRAY['{"a": [1]}', '"x"', NULL]::jsonb[]""", [{"a": [1]}, "x", None]),
        "lists_of_json": ("""ARRAY['{"a": [1]}']::jsonb[]""", [{"a": [1]}]),
        "mood_lists": ("'{sad,NULL}'", ["sad", None]),
        "lists_of_moods": ("'{sad,NULL}'", ["sad", None]),
        "bits": ("'101'", "101"),
        "bits[]": ("'{101,NULL}'", ["101", None]),
        "bit_lists": ("'{101,NULL}'", ["101", None]),
    }
    if driver not in ("pg8000", "asyncpg"):  # of which SQLAlchemy cannot read these
        one = {"lower": 1, "upper": 5, "bounds": "[)", "empty": False}
        stored["int4multirange[]"] = ("""'{"{[1,5)}","{}",NULL}'""", [[one], [], None])
    every.execute(
        "SET timezone TO 'UTC'",
        f"INSERT INTO t ({', '.join(columns[type_] for type_ in stored)})"
        f" VALUES ({', '.join(literal for literal, _ in stored.values())})",
    )

    def check(table: CustomTable, connection: Connection) -> None:
        if driver != "pg8000":
            connection.exec_driver_sql("SET timezone TO 'UTC'")
        row: Any = table.as_pydantic().model_validate(connection.execute(select(table)).one())
        read = row.model_dump(mode="json")
        assert {type_: value for type_, (_, value) in stored.items()} == {
            type_: read[columns[type_]] for type_ in stored
        }

    run_with(every, driver, check)


@pytest.mark.parametrize("driver", DRIVERS)
def test_bounds_without_an_order(postgresql_db: Database, driver: str) -> None:
    """NaN as a bound is read, and infinity, where the driver makes a time without an offset of it."""
    postgresql_db.execute(
        "CREATE TABLE t (id serial PRIMARY KEY, a numrange, b tstzrange)",
        "INSERT INTO t (a) VALUES ('[NaN,NaN]'), ('[1,NaN)')",
        *(["UPDATE t SET b = '[2024-01-01,infinity)'"] if driver == "asyncpg" else []),
    )

    def check(table: CustomTable, connection: Connection) -> None:
        model: Any = table.as_pydantic()
        for found in connection.execute(select(table)):
            row = model.model_validate(found)
            again = model.model_validate_json(row.model_dump_json())
            parts = [str(one) for one in (row, again, model.model_validate(row.model_dump()))]
            assert 1 == len({re.sub(r"datetime\.timezone\.utc|TzInfo\(UTC\)", "TzInfo(0)", part) for part in parts})

    run_with(postgresql_db, driver, check)


@pytest.mark.parametrize("driver", DRIVERS)
def test_items_called_null(postgresql_db: Database, driver: str) -> None:
    """A text of an array that reads as NULL is stored as it is, or refused where the driver would send NULL for it."""
    postgresql_db.execute("CREATE TABLE t (id serial PRIMARY KEY, a text[], b varchar(5)[])")

    def check(table: CustomTable, connection: Connection) -> None:
        insert: Any = table.as_pydantic_insert()
        for values in (["NULL", None], ["null"], ["Null", "nullx"]):
            given = {"a": values, "b": values}
            if driver == "pg8000" and "NULL" not in values:
                with pytest.raises(ValidationError, match="null_item"):
                    insert.model_validate(given)
                continue
            connection.execute(table.insert(), insert.model_validate(given).model_dump(exclude_unset=True))
            found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
            assert given == table.as_pydantic().model_validate(found).model_dump(include={"a", "b"})

    run_with(postgresql_db, driver, check)


@pytest.mark.parametrize("driver", DRIVERS)
def test_empty_items(postgresql_db: Database, driver: str) -> None:
    """An item whose text is empty is stored and read, and refused where to read it would end the process."""
    types = {"citext[]": "", "hstore[]": {}, "tsvector[]": " ", "tsquery[]": "", "a_citext[]": "", "some_citext": ""}
    postgresql_db.execute(
        "CREATE EXTENSION citext",
        "CREATE EXTENSION hstore",
        "CREATE DOMAIN a_citext AS citext",
        "CREATE DOMAIN some_citext AS citext[]",
        f"CREATE TABLE t (id serial PRIMARY KEY{''.join(f', c{n} {type_}' for n, type_ in enumerate(types))})",
    )

    def check(table: CustomTable, connection: Connection) -> None:
        insert: Any = table.as_pydantic_insert()
        for number, (type_, empty) in enumerate(types.items()):
            column = f"c{number}"
            if driver == "asyncpg" or (driver == "pg8000" and type_ == "hstore[]"):
                with pytest.raises(ValidationError, match=r"empty_item|array_items"):
                    insert.model_validate({column: [empty]})
                continue
            connection.execute(table.insert(), insert.model_validate({column: [empty]}).model_dump(exclude_unset=True))
            found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
            row: Any = table.as_pydantic().model_validate(found)
            assert (type_, [empty.strip() if isinstance(empty, str) else empty]) == (type_, getattr(row, column))
        values: dict[str, list[Any]] = {"c0": [" "], "c2": [None, "'a'"]}
        if driver != "pg8000":
            values["c1"] = [{"a": "b"}, None]
        connection.execute(table.insert(), insert.model_validate(values).model_dump(exclude_unset=True))
        found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
        assert values == table.as_pydantic().model_validate(found).model_dump(include={*values})

    run_with(postgresql_db, driver, check)
