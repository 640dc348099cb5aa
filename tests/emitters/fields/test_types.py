from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from lazy_alchemy.emitters._fields.python_types import python_type
from tests.emitters import load

if TYPE_CHECKING:
    from tests.databases import Database


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (sa.Integer(), int),
        (sa.BigInteger(), int),
        (sa.SmallInteger(), int),
        (mysql.INTEGER(unsigned=True), int),
        (mysql.TINYINT(display_width=4), int),
        (mysql.TINYINT(display_width=1, unsigned=True), int),
        (mysql.TINYINT(display_width=1), bool),
        (mysql.YEAR(), int),
        (mysql.BIT(8), int),
        (postgresql.OID(), int),
        (sa.Boolean(), bool),
        (sa.Numeric(8, 2), Decimal),
        (sa.Numeric(8, 2, asdecimal=False), float),
        (sa.Float(), float),
        (sa.Float(asdecimal=True), Decimal),
        (sa.REAL(), float),
        (postgresql.DOUBLE_PRECISION(), float),
        (mysql.DOUBLE(), Decimal),
        (mysql.FLOAT(), float),
        (sa.String(20), str),
        (sa.CHAR(3), str),
        (sa.Text(), str),
        (mysql.LONGTEXT(), str),
        (postgresql.CITEXT(), str),
        (postgresql.TSVECTOR(), str),
        (postgresql.MONEY(), str),
        (sa.LargeBinary(), bytes),
        (sa.VARBINARY(3), bytes),
        (postgresql.BYTEA(), bytes),
        (mysql.MEDIUMBLOB(), bytes),
        (sa.Date(), date),
        (sa.Time(), time),
        (sa.DateTime(), datetime),
        (sa.TIMESTAMP(timezone=True), datetime),
        (mysql.DATETIME(fsp=6), datetime),
        (sa.Interval(), timedelta),
        (postgresql.INTERVAL(), timedelta),
        (sa.Uuid(), UUID),
        (sa.Uuid(as_uuid=False), str),
        (postgresql.UUID(), UUID),
        (sa.JSON(), Any),
        (mysql.JSON(), Any),
        (postgresql.JSONB(), Any),
        (postgresql.HSTORE(), dict[str, str | None]),
        (postgresql.ARRAY(sa.Integer()), list[int | None]),
        (postgresql.ARRAY(sa.Text(), dimensions=2), list[list[str | None]]),
        (postgresql.ARRAY(postgresql.ENUM("a", "b", name="ab")), list[Literal["a", "b"] | None]),
        (sa.Enum("sad", "ok"), Literal["sad", "ok"]),
        (sa.Enum(Colour), Colour),
        (postgresql.ENUM("sad", "ok", name="mood"), Literal["sad", "ok"]),
        (postgresql.ENUM(name="none"), str),
        (mysql.ENUM("a"), Literal["a"]),
        (mysql.SET("a", "b"), set[Literal["a", "b"]]),
        (postgresql.DOMAIN("posint", sa.Integer()), int),
        (postgresql.DOMAIN("moods", postgresql.ARRAY(postgresql.ENUM("a", name="m"))), list[Literal["a"] | None]),
        (sa.types.NullType(), Any),
        (postgresql.BIT(3), str),
        (postgresql.REGCLASS(), str),
        (postgresql.TSQUERY(), str),
        (postgresql.MACADDR(), str),
        (postgresql.MACADDR8(), str),
        (postgresql.INET(), IPv4Address | IPv6Address | IPv4Interface | IPv6Interface),
        (postgresql.CIDR(), IPv4Network | IPv6Network),
        (postgresql.INT4RANGE(), postgresql.Range[int]),
        (postgresql.NUMRANGE(), postgresql.Range[Decimal]),
        (postgresql.TSTZRANGE(), postgresql.Range[datetime]),
        (postgresql.DATEMULTIRANGE(), postgresql.MultiRange[date]),
    ],
    ids=repr,
)
def test_every_type_has_its_python_type(type_: sa.types.TypeEngine[Any], expected: object) -> None:
    """A type means the same Python type on SQLAlchemy 2.0 and 2.1."""
    assert expected == python_type(type_)


@pytest.mark.parametrize("claim", [dict, object, complex], ids=repr)
def test_an_unknown_type_that_claims_an_odd_python_type_is_any(claim: type[Any]) -> None:
    """A type outside the map is believed only when it claims a plain scalar."""

    class Odd(sa.types.TypeEngine[Any]):
        @property
        def python_type(self) -> type[Any]:
            return claim

    assert Any is python_type(Odd())


def test_an_unknown_type_that_claims_a_scalar_is_believed() -> None:
    """A third party's type says itself what its values are."""

    class Fraction(sa.types.TypeEngine[Any]):
        @property
        def python_type(self) -> type[Any]:
            return Decimal

    assert Decimal is python_type(Fraction())


def test_a_type_without_any_claim_is_any() -> None:
    """What raises NotImplementedError on SQLAlchemy 2.0 and says object on 2.1 is Any on both."""

    class Silent(sa.types.UserDefinedType[Any]):
        pass

    assert Any is python_type(Silent())


def test_what_2x_promised(db: Database) -> None:
    """The types that lazy-alchemy 2.x mapped are mapped alike on every database."""
    kinds = {"sqlite": ("CHAR(36)", "JSON"), "postgresql": ("UUID", "JSONB"), "mariadb": ("UUID", "JSON")}
    uuid_type, json_type = kinds[db.name]
    db.execute(
        f"CREATE TABLE things (i INTEGER, v VARCHAR(20), t TEXT, b BOOLEAN, ts TIMESTAMP NULL, u {uuid_type},"
        f" j {json_type}, n NUMERIC(8, 2), d DATE)"
    )
    table = load(db, "things")
    expected = {
        "i": int,
        "v": str,
        "t": str,
        "b": bool,
        "ts": datetime,
        "u": str if db.is_sqlite else UUID,  # SQLite has no such type
        "j": str if db.is_mariadb else Any,  # MariaDB's JSON is a LONGTEXT, of which it gives the text
        "n": Decimal,
        "d": date,
    }
    assert expected == {column.name: python_type(column.type) for column in table.columns}
