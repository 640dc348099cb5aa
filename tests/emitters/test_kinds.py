"""Rows of the common types, written and read by mapped classes, and read as dataclasses and TypedDicts."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from lazy_alchemy import CustomTable, get_lazy_class
from lazy_alchemy.emitters import DataclassEmitter, TypedDictEmitter

from .test_pydantic import AUTOINCREMENT

if TYPE_CHECKING:
    from tests.databases import Database

SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")
EVERYWHERE: dict[str, Any] = {
    "SMALLINT": -5,
    "INTEGER": 2**31 - 1,
    "BIGINT": 2**62,
    "NUMERIC(10, 2)": Decimal("12.50"),
    "DECIMAL(8, 3)": Decimal("-0.125"),
    "DOUBLE PRECISION": 0.25,
    "BOOLEAN": True,
    "CHAR(3)": "abc",
    "VARCHAR(20)": "a ☃",
    "TEXT": "line\nline",
    "DATE": dt.date(2024, 2, 29),
    "TIME": dt.time(23, 59, 58),
    "TIMESTAMP": dt.datetime(2024, 2, 29, 12, 30, 1),  # noqa: DTZ001  the column has none
    "REAL": 1.5,
}
OWN: dict[str, dict[str, Any]] = {
    "sqlite": {
        "BLOB": b"\x00\xff",
        "JSON": {"a": [1, None]},
        "DATETIME": dt.datetime(2024, 2, 29, 12, 30, 1, 5),  # noqa: DTZ001
        "FLOAT": 2.5,
        "NVARCHAR(5)": "nv",
        "CLOB": "c",
        "BIGINT UNSIGNED": 7,
        "CHAR(32)": "0" * 32,
        "VARCHAR": "",
        "TINYINT": 1,
    },
    "postgresql": {
        "BYTEA": b"\x00\xff",
        "JSON": {"a": [1, None]},
        "JSONB": [1, "x", {}],
        "UUID": SOME_UUID,
        "INTERVAL": dt.timedelta(days=2, seconds=3),
        "TIMESTAMPTZ": dt.datetime(2024, 2, 29, 12, 30, 1, tzinfo=dt.timezone.utc),
        "INTEGER[]": [1, None, 3],
        "TEXT[]": ["a", 'b"'],
        "mood": "so so",
        "mood[]": ["sad"],
        "CITEXT": "Ab",
        "HSTORE": {"a": "1", "b": None},
        "positive": 5,
    },
    "mariadb": {
        "DOUBLE PRECISION": Decimal("0.25"),  # SQLAlchemy makes Decimals of them
        "REAL": Decimal("1.5"),
        "BLOB": b"\x00\xff",
        "VARBINARY(3)": b"ab",
        "JSON": '{"a": 1}',
        "UUID": SOME_UUID,
        "DATETIME(6)": dt.datetime(2024, 2, 29, 12, 30, 1, 5),  # noqa: DTZ001
        "TINYINT": 100,
        "TINYINT(1)": False,
        "INT UNSIGNED": 2**32 - 1,
        "ENUM('sad', 'ok')": "ok",
        "SET('a', 'b')": {"a", "b"},
        "YEAR": 2024,
        "LONGTEXT": "long",
    },
}


@pytest.fixture
def values(db: Database) -> dict[str, Any]:
    """A value for each column of `everything`."""
    if db.is_postgresql:
        db.execute(
            "CREATE EXTENSION citext",
            "CREATE EXTENSION hstore",
            "CREATE TYPE mood AS ENUM ('sad', 'so so')",
            "CREATE DOMAIN positive AS INTEGER CHECK (VALUE > 0)",
        )
    types = EVERYWHERE | OWN[db.name]
    columns = ", ".join(f"c{number} {type_} NULL" for number, type_ in enumerate(types))
    db.execute(f"CREATE TABLE everything (id {AUTOINCREMENT[db.name]}, {columns})")
    return {f"c{number}": value for number, value in enumerate(types.values())}


@pytest.fixture
def everything(db: Database, values: dict[str, Any]) -> CustomTable:
    """A table of a column of each type."""
    return get_lazy_class(db.engine).everything


@pytest.mark.parametrize("method", ["as_sqlmodel", "as_orm"])
def test_a_mapped_class(db: Database, everything: CustomTable, values: dict[str, Any], method: str) -> None:
    """What an object was given is what another session finds, after an INSERT and after an UPDATE; None is NULL."""
    cls: Any = getattr(everything, method)()
    with Session(db.engine) as session:
        session.add_all([cls(**values), cls(), cls(**dict.fromkeys(values))])
        session.commit()
    with Session(db.engine) as session:
        given, nothing, none = session.scalars(select(cls).order_by(cls.id))
        assert values == {name: getattr(given, name) for name in values}
        assert [type(value) for value in values.values()] == [type(getattr(given, name)) for name in values]
        assert {None} == {getattr(one, name) for one in (nothing, none) for name in values}
        for name, value in values.items():
            setattr(nothing, name, value)
            setattr(given, name, None)
        session.commit()
    with Session(db.engine) as session:
        nothing, given = session.get(cls, 1), session.get(cls, 2)
        assert values == {name: getattr(given, name) for name in values}
        assert {None} == {getattr(nothing, name) for name in values}
    nulls = " AND ".join(f"{name} IS NULL" for name in values)
    assert [(1,), (3,)] == db.fetch(f"SELECT id FROM everything WHERE {nulls} ORDER BY id")


def test_a_sqlmodel_class_validates_what_it_has_read(
    db: Database, everything: CustomTable, values: dict[str, Any]
) -> None:
    """An object that was read is valid for its own class, and so is its dump."""
    cls: Any = everything.as_sqlmodel()
    with Session(db.engine) as session:
        session.add(cls(**values))
        session.commit()
        one = session.scalars(select(cls)).one()
        assert {"id": 1, **values} == one.model_dump()
        assert {"id": 1, **values} == cls.model_validate(one.model_dump()).model_dump()
        assert one.model_dump_json()


def test_plain_values(db: Database, everything: CustomTable, values: dict[str, Any]) -> None:
    """A row is an instance of the dataclass and of the TypedDict, and Pydantic finds their types right."""
    record: Any = everything.emit(DataclassEmitter())
    typed: Any = everything.emit(TypedDictEmitter())
    with db.engine.begin() as connection:
        connection.execute(insert(everything), values)
        connection.execute(insert(everything).values(id=2))
        full, empty = connection.execute(select(everything).order_by(everything.c.id))
    for row, expected in ((full, {"id": 1, **values}), (empty, {"id": 2, **dict.fromkeys(values)})):
        one = record(**row._mapping)
        assert expected == dataclasses.asdict(one) == typed(**row._mapping)
        assert one == TypeAdapter(record).validate_python(dataclasses.asdict(one))
        assert expected == TypeAdapter(typed).validate_python(dict(row._mapping))
