"""Rows of every type, written through the insert shape, read back by every driver, and equal to what was written."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Session

from lazy_alchemy import get_lazy_class

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Row, Table

    from tests.databases import Database

POSTGRESQL = {
    "smallint": [-32768, 32767],
    "integer": [-(2**31), 0, 2**31 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "numeric": ["1.50", "-1e30", "0.000000000000000000001", "NaN"],
    "numeric(8,2)": ["999999.99", "-0.01", 1.5, 7],
    "numeric(5,-2)": ["1500", "-9999900", 0],
    "numeric(40,-2)": ["9" * 40 + "00", "-1e41"],
    "numeric(2,4)": ["0.0012", "0", 0, "-0.0099"],
    "numeric(2,2)": ["0.99", "-0.99", "0", 0, "0.0"],
    "real": [1.5, -3.25, 0],
    "double precision": [0.1, 1e300, "NaN"],
    "float(53)": [0.1],
    "money": ["$1,234.50", "-$92,233,720,368,547,758.08"],
    "char(3)": ["abc", "äöü"],
    "varchar(5)": ["", "a b c", "🎉🎉🎉🎉🎉"],
    "varchar": ["x" * 1000],
    "text": ["", "tab\tnew\nline", "☃"],
    "name": ["ab"],
    "citext": ["Ab"],
    "bytea": ["", "AP/+", b"\xff\x00"],
    "bit(3)": ["101"],
    "bit varying(5)": ["", "10"],
    "boolean": [True, False],
    "date": ["0001-01-01", "9999-12-31"],
    "time": ["23:59:59.999999"],
    "time(3)": ["23:59:59.999"],
    "time with time zone": ["01:02:03+02:00", "23:59:59.999999-15:59"],
    "timestamp": ["2020-01-02T03:04:05.678901", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"],
    "timestamp(0)": ["9999-12-31T23:59:59"],
    "timestamptz": [
        "2020-01-02T03:04:05+02:00",
        "2020-01-02T03:04:05Z",
        "0001-01-01T14:00:01+14:00",
        "9999-12-31T23:59:59Z",
    ],
    "interval": ["P1DT2H3M4.5S", "-PT1S", 90],
    "uuid": ["12345678-1234-5678-1234-567812345678"],
    "json": [{"a": [1, None, {"b": 0.5}]}, [], "text", 1, True],
    "jsonb": [{"a": [1, None, {"b": 0.5}]}, [], "text", 1, True],
    "integer[]": [[], [1, None, 3]],
    "integer[][]": [[[1, 2], [3, None]], [1], [[[1]]]],
    "text[]": [["a", None, "", 'b"c', "NULL"], [["a"], ["b"]]],
    "varchar(2)[]": [["ab", None]],
    "numeric(8,2)[]": [["1.50", None]],
    "timestamptz[]": [["2020-01-02T03:04:05Z"]],
    "bytea[]": [["AP/+"]],
    "uuid[]": [["12345678-1234-5678-1234-567812345678"]],
    "jsonb[]": [[{"a": 1}, None], [[1, "x"], [{"a": [1, [2]]}, True]]],
    "mood": ["sad", "so so"],
    "citext[]": [["Ab", None, "c d"], []],
    "positive[]": [[1, None], [[1], [2]]],
    "flavour[]": [["sweet"]],
    "mood[]": [["so so", "sad", None]],  # of nested ones, SQLAlchemy makes no labels
    "positive": [1, 100],
    "short": ["ab"],
    "flavour": ["sweet"],
    "numbers": [[1, None]],
    "int4range": [{"lower": 1, "upper": 5}, {"lower": 1}, {"upper": 3, "bounds": "()"}, {"empty": True}, {}],
    "int8range": [{"lower": 1, "upper": 5, "bounds": "[)"}, {"lower": 1, "upper": 2**63 - 1}],
    "numrange": [{"lower": "1.5", "upper": "2.5", "bounds": "(]"}],
    "daterange": [{"lower": "2020-01-01", "upper": "2020-02-01"}],
    "tsrange": [{"lower": "2020-01-01T00:00:00", "upper": None}],
    "tstzrange": [{"lower": "2020-01-01T00:00:00Z", "upper": "2020-01-02T00:00:00+01:00"}],
    "int4multirange": [[], [{"lower": 1, "upper": 5}, {"lower": 7, "upper": 9}]],
    "datemultirange": [[{"lower": "2020-01-01"}]],
    "int4range[]": [[{"lower": 1, "upper": 2}, None]],
    "inet": ["10.0.0.1", "10.0.0.1/8", "::1", "2001:db8::/64"],
    "inet[]": [["10.0.0.1", None]],
    "cidr": ["10.0.0.0/8", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "hstore": [{"a": "1", "b": None}, {}],
    "tsvector": ["'a' 'b'"],
    "tsquery": ["'a' & 'b'"],
    "oid": [0, 2**32 - 1],
    "regclass": ["pg_class"],
}
MARIADB = {
    "tinyint": [-128, 127],
    "tinyint unsigned": [0, 255],
    "boolean": [True, False],
    "smallint": [-32768, 32767],
    "smallint unsigned": [65535],
    "mediumint": [-(2**23), 2**23 - 1],
    "mediumint unsigned": [2**24 - 1],
    "int": [-(2**31), 2**31 - 1],
    "int unsigned": [2**32 - 1],
    "int zerofill": [0, 2**32 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "bigint unsigned": [2**64 - 1],
    "decimal(8,2)": ["999999.99", "-0.01", 1.5, 7],
    "decimal(2,2)": ["0.99", "0", 0],
    "decimal(8,2) unsigned": ["0.00", "999999.99"],
    "decimal": ["-9999999999"],
    "decimal(65,30)": ["1.000000000000000000000000000001"],
    "float": [1.5, -0.25],
    "float unsigned": [1.5],
    "float(7,4)": [999.5],
    "double": ["1.5", "-1234567.25", 1e100, 0.1, 1.7976931348623157e308, -1.7976931348623157e308],
    "real": [1.7976931348623157e308],
    "float(53)": [1.7976931348623157e308],
    "double unsigned": [0, 1.7976931348623157e308],
    "double(8,3)": ["1.125", "-99999.999"],
    "bit(1)": [0, 1],
    "bit(12)": [0, 4095],
    "bit(64)": [2**64 - 1],
    "year": [1901, 2155],
    "char(3)": ["abc", "äöü"],
    "varchar(5)": ["", "a b c", "🎉🎉🎉🎉🎉", "\0"],
    "varchar(5) character set latin1": ["äöü€"],
    "varchar(5) character set utf8mb3": ["☃"],
    "varchar(5) character set cp1251": ["жЖ€"],
    "varchar(5) character set gbk": ["汉字é"],
    "tinytext": ["x" * 255, "🎉" * 63],
    "text": ["tab\tnew\nline", ""],
    "mediumtext": ["☃"],
    "longtext": ["☃"],
    "binary(3)": ["AP/+"],
    "varbinary(5)": ["", "AP/+"],
    "tinyblob": [b"\xff" * 255],
    "blob": ["AP/+"],
    "longblob": ["AP/+"],
    "date": ["0001-01-01", "9999-12-31"],
    "time": ["23:59:59"],
    "time(6)": ["23:59:59.999999"],
    "datetime": ["0001-01-01T00:00:00", "9999-12-31T23:59:59"],
    "datetime(6)": ["2020-01-02T03:04:05.678901"],
    "timestamp null": ["1970-01-02T00:00:00", "2038-01-17T23:59:59"],
    "json": ['{"a":1}', "[]"],
    "uuid": ["12345678-1234-5678-1234-567812345678"],
    "enum('a','b c')": ["a", "b c"],
    "set('a','b')": [[], ["a"], ["b", "a"]],
}
SQLITE = {
    "INTEGER": [-(2**63), 2**63 - 1],
    "TINYINT": [1000],
    "BOOLEAN": [True, False],
    "NUMERIC": [7],
    "NUMERIC(8,2)": ["1.50", 7],
    "DECIMAL(8,2)": ["999999.99"],
    "REAL": [0.1, 1e300],
    "FLOAT": [0.1],
    "DOUBLE PRECISION": [0.1],
    "CHAR(3)": ["abc"],
    "VARCHAR(5)": ["", "🎉🎉🎉🎉🎉", "\0"],
    "NVARCHAR(5)": ["☃"],
    "VARYING CHARACTER(5)": ["☃"],
    "TEXT": ["tab\tnew\nline"],
    "CLOB": ["x"],
    "BLOB": ["AP/+"],
    "DATE": ["0001-01-01", "9999-12-31"],
    "TIME": ["23:59:59.999999"],
    "DATETIME": ["2020-01-02T03:04:05.678901", "0001-01-01T00:00:00"],
    "TIMESTAMP": ["2020-01-02T03:04:05.678901"],
    "DATETIME(6)": ["2020-01-02T03:04:05.678901"],
    "TIME(6)": ["12:00:00.5"],
    "TIMESTAMP(6)": ["2020-01-02T03:04:05.678901"],
    "JSON": [{"a": [1, None, {"b": 0.5}]}, [], "text", 1, True, 2**63 - 1, 1e300, [10**400, -(2**63) - 1]],
    "": [1, "x", 0.5, 2**63 - 1, ""],
}
TYPES = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE}
SETUP = [
    "CREATE EXTENSION citext",
    "CREATE EXTENSION hstore",
    "CREATE TYPE mood AS ENUM ('sad', 'so so')",
    "CREATE DOMAIN positive AS integer CHECK (VALUE > 0 AND VALUE <= 100)",
    "CREATE DOMAIN short AS text CHECK (length(VALUE) BETWEEN 1 AND 2)",
    "CREATE DOMAIN flavour AS text CHECK (VALUE IN ('sweet', 'sour'))",
    "CREATE DOMAIN numbers AS integer[]",
    "CREATE DOMAIN pairs AS hstore",
    "CREATE DOMAIN span AS int4range",
]
# What cannot be sent, whatever a model does: through asyncpg a bit string, for which SQLAlchemy 2.0 has nothing that it
# takes; through aiomysql 0.3.2 bytes, which it escapes by what PyMySQL 1.2 has removed.
NOT_SENT = {
    "asyncpg": {"bit(3)", "bit varying(5)"},
    "aiomysql": {"binary(3)", "varbinary(5)", "tinyblob", "blob", "longblob"},
}
# What the insert shape refuses and a row may hold.
ONLY_READ = {"numeric": "NaN", "double precision": "NaN"}


def values_of(db: Database) -> list[tuple[str, str, Any]]:
    """Return each column's name, its SQL type, and one value for it."""
    return [
        (f"c{number}", sql_type, value)
        for number, (sql_type, values) in enumerate(TYPES[db.name].items())
        for value in values
    ]


@pytest.fixture
def every(db: Database) -> Table:
    """A table with a column of every type."""
    columns = "".join(f", c{number} {sql_type}" for number, sql_type in enumerate(TYPES[db.name]))
    key = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mariadb": "INTEGER AUTO_INCREMENT"}[db.name]
    db.execute(*(SETUP if db.is_postgresql else []), f"CREATE TABLE every (id {key} PRIMARY KEY{columns})")
    return get_lazy_class(db.engine).every


def unlike(model: type[BaseModel], row: Row[Any], column: str, written: object) -> str | None:
    """Return what differs from what was written, after the row was validated and sent as JSON; None if nothing."""
    validated = model.model_validate(row)
    read = getattr(validated, column)
    again = getattr(model.model_validate_json(validated.model_dump_json()), column)
    if isinstance(written, float) and isinstance(read, Decimal):  # a DOUBLE of MariaDB
        read, again = float(read), float(again)
    wrong = [value for value in (read, again) if value != written and repr(value) != repr(written)]
    return f"{column}: {written!r} was written, {wrong} read" if wrong else None


def written_by(table: Table, column: str, value: object) -> tuple[dict[str, Any], object]:
    """Return what to insert, and the value in it."""
    sent = table.as_pydantic_insert().model_validate({column: value})
    return sent.model_dump(exclude_unset=True), getattr(sent, column)


def test_what_is_written_is_read(db: Database, every: Table) -> None:
    """A value of every type is written through the insert shape and read back equal, and equal after it was JSON."""
    model, mapped = every.as_pydantic(), every.as_sqlmodel()
    problems = []
    for column, sql_type, value in values_of(db):
        if ONLY_READ.get(sql_type) == value:
            db.execute(f"INSERT INTO every ({column}) VALUES ('{value}')")
            written: object = model.model_validate({"id": 1, column: value}).model_dump()[column]
        else:
            row, written = written_by(every, column, value)
            with db.engine.begin() as connection:
                connection.execute(every.insert(), row)
        with Session(db.engine) as session:
            found = session.execute(select(every).order_by(every.c.id.desc()).limit(1)).one()
            problems.append(unlike(model, found, column, written))
            loaded = session.get(mapped, found.id)
            problems.append(unlike(model, loaded, column, written))
    assert [] == [problem for problem in problems if problem]


def test_what_an_asynchronous_driver_reads(db: Database, every: Table) -> None:
    """The drivers of AsyncEngines take what the insert shape gives, and give what the row shape validates as equal."""
    driver = {"postgresql": "asyncpg", "mariadb": "aiomysql", "sqlite": "aiosqlite"}[db.name]

    async def run(column: str, sql_type: str, value: object) -> str | None:
        row, written = written_by(every, column, value)
        if sql_type in NOT_SENT.get(driver, ()):
            with db.engine.begin() as connection:
                connection.execute(every.insert(), row)
        else:
            async with engine.begin() as connection:
                await connection.execute(every.insert(), row)
        async with engine.connect() as connection:
            found = (await connection.execute(select(every).order_by(every.c.id.desc()).limit(1))).one()
        return unlike(every.as_pydantic(), found, column, written)

    async def run_all() -> list[str | None]:
        try:
            return [await run(*one) for one in values_of(db) if ONLY_READ.get(one[1]) != one[2]]
        finally:
            await engine.dispose()

    engine = create_async_engine(db.url.set(drivername=f"{db.url.get_backend_name()}+{driver}"))
    assert [] == [problem for problem in asyncio.run(run_all()) if problem]
