"""The application of docs/fastapi.md, on every database, served by uvicorn and driven over HTTP."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from sqlalchemy import NullPool, create_engine

from tests.aio.test_fastapi import served
from tests.effort import amount, more
from tests.run_page import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.databases import Database

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fastapi.md"
KEY = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mariadb": "INTEGER AUTO_INCREMENT"}
# What the columns of the page's table are besides: a comment and labels, where the database has them.
NAME = {"sqlite": "", "postgresql": "", "mariadb": "COMMENT 'on the label'"}
KIND = {"sqlite": "VARCHAR(5)", "postgresql": "kind", "mariadb": "ENUM('tea', 'cup')"}


def make_app(db: Database) -> Any:
    """Make the page's table and its application."""
    if db.is_postgresql:
        db.execute("CREATE TYPE kind AS ENUM ('tea', 'cup')")
    db.execute(
        f"CREATE TABLE products (id {KEY[db.name]} PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE {NAME[db.name]},"
        " price NUMERIC(10, 2) NOT NULL, stock INTEGER NOT NULL DEFAULT 0, note TEXT,"
        f" kind {KIND[db.name]}, since DATE, active BOOLEAN NOT NULL DEFAULT TRUE, weight DOUBLE PRECISION,"
        " CHECK (stock <> 13))"
    )
    if db.is_postgresql:
        db.execute("COMMENT ON TABLE products IS 'What we sell'", "COMMENT ON COLUMN products.name IS 'on the label'")
    elif db.is_mariadb:
        db.execute("ALTER TABLE products COMMENT 'What we sell'")
    return page_app(db.engine)


def page_app(engine: Engine) -> Any:
    """Make the page's application over a table that is there."""
    (source,) = (
        block.source for block in blocks_of(PAGE.read_text(encoding="utf-8")) if "def make_app" in block.source
    )
    namespace: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec", dont_inherit=True), namespace)  # noqa: S102  the page is ours
    return namespace["make_app"](engine)


@pytest.fixture
def url(db: Database) -> Iterator[str]:
    """Where the application is served."""
    with served(make_app(db)) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """Who asks it."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_create_read_list_change_delete(client: httpx.Client) -> None:
    """A product is created with what the database fills in, read, listed, changed, and gone once it is deleted."""
    created = client.post("/products", json={"name": "Tea", "price": "2.50", "kind": "tea"})
    assert 201 == created.status_code
    tea = created.json()
    expected = {"id": 1, "name": "Tea", "price": "2.50", "stock": 0, "note": None, "kind": "tea", "active": True}
    assert expected.items() <= tea.items()
    assert 201 == client.post("/products", json={"name": "Cup", "price": 4, "since": "2026-01-31"}).status_code
    assert tea == client.get("/products/1").json()
    assert [1, 2] == [product["id"] for product in client.get("/products").json()]
    assert [2] == [product["id"] for product in client.get("/products", params={"after": 1, "limit": 1}).json()]
    changed = client.patch("/products/1", json={"stock": 12, "kind": None})
    assert (200, {**tea, "stock": 12, "kind": None}) == (changed.status_code, changed.json())
    assert 204 == client.delete("/products/1").status_code
    assert [404] * 3 == [
        client.get("/products/1").status_code,
        client.patch("/products/1", json={}).status_code,
        client.delete("/products/1").status_code,
    ]


BAD = [
    {},
    [],
    None,
    {"name": "Tea"},
    {"name": None, "price": 1},
    {"name": "x" * 81, "price": 1},
    {"name": "\ud800", "price": 1},
    {"name": "Tea", "price": float("nan")},
    {"name": "Tea", "price": float("inf")},
    {"name": "Tea", "price": "1e10"},
    {"name": "Tea", "price": "0.001"},
    {"name": "Tea", "price": 1, "stock": None},
    {"name": "Tea", "price": 1, "stock": 2**64},
    {"name": "Tea", "price": 1, "note": "\udfff"},
    {"name": "Tea", "price": 1, "since": "2026-02-30"},
    {"name": "Tea", "price": 1, "active": "perhaps"},
    {"name": "Tea", "price": 1, "weight": float("nan")},
]


def test_what_only_the_database_knows_is_a_conflict(client: httpx.Client) -> None:
    """A CHECK and a UNIQUE that a row breaks are a 409, on POST and on PATCH."""
    assert 201 == client.post("/products", json={"name": "Tea", "price": "2.50"}).status_code
    for name, stock in [("Cup", 13), ("Tea", 1)]:
        assert 409 == client.post("/products", json={"name": name, "price": 4, "stock": stock}).status_code
    assert 409 == client.patch("/products/1", json={"stock": 13}).status_code
    assert [("Tea", 0)] == [(product["name"], product["stock"]) for product in client.get("/products").json()]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_what_postgresql_refuses_is_a_conflict(postgresql_db: Database, driver: str) -> None:
    """Whichever class of error a driver has for it: a key too long for its index too, which no model knows of."""
    postgresql_db.execute(
        "CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
        " stock integer NOT NULL DEFAULT 0 CHECK (stock <> 13), parent integer REFERENCES products (id),"
        " EXCLUDE (parent WITH =) WHERE (stock = 7))"
    )
    engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
    long = "".join(random.Random(1).choices(string.printable, k=20000))
    with served(page_app(engine)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        bodies = [{"name": "a"}, {"name": "b", "parent": 1, "stock": 7}]
        assert [201, 201] == [client.post("/products", json=body).status_code for body in bodies]
        for change in ({"name": "b"}, {"parent": 99}, {"stock": 13}, {"parent": 1, "stock": 7}, {"name": long}):
            body = {"name": "c", **change}
            assert (change, 409) == (change, client.post("/products", json=body).status_code)
            assert (change, 409) == (change, client.patch("/products/1", json=change).status_code)
        assert 409 == client.delete("/products/1").status_code


def test_a_bad_body_is_the_clients_fault(db: Database, client: httpx.Client) -> None:
    """Whatever cannot be written is answered with 422 and never with 500, and a taken name with 409."""
    bad = [*BAD, *([] if db.is_sqlite else [{"name": "Tea", "price": 1, "kind": "pot"}])]
    bad += [{"name": "T\0", "price": 1}] if db.is_postgresql else []
    headers = {"content-type": "application/json"}
    assert [] == [
        (body, answer.status_code)
        for body in bad
        if (answer := client.post("/products", content=json.dumps(body), headers=headers)).status_code != 422
    ]
    assert [] == client.get("/products").json()
    client.post("/products", json={"name": "Tea", "price": 1})
    client.post("/products", json={"name": "Cup", "price": 1})
    assert 409 == client.post("/products", json={"name": "Tea", "price": 1}).status_code
    assert 409 == client.patch("/products/2", json={"name": "Tea"}).status_code
    for change in ({"name": None}, {"stock": 2**64}, {"price": "x"}):
        assert 422 == client.patch("/products/1", json=change).status_code


def test_the_openapi_document_is_valid_and_tells_what_the_table_says(db: Database, client: httpx.Client) -> None:
    """It validates, and has the lengths, digits, labels and comments of the columns."""
    document = client.get("/openapi.json").json()
    openapi_spec_validator.validate(document)
    insert, row = (document["components"]["schemas"][name] for name in ("ProductsInsert", "Products"))
    assert {"name", "price"} == set(insert["required"])
    assert 80 == insert["properties"]["name"]["maxLength"]
    assert r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$" == insert["properties"]["price"]["anyOf"][1]["pattern"]
    assert "date" == insert["properties"]["since"]["anyOf"][0]["format"]
    if not db.is_sqlite:
        assert ["tea", "cup"] == insert["properties"]["kind"]["anyOf"][0]["enum"]
        assert "on the label" == insert["properties"]["name"]["description"] == row["properties"]["name"]["description"]
        assert "What we sell" == insert["description"] == row["description"]


def tellable(case: schemathesis.Case) -> bool:
    """Leave out what JSON Schema has no reliable words for: how many decimal places a JSON number has, and 64 bits.

    ``multipleOf`` of 0.01 refuses 0.07 in many validators (as text, a number's digits are in the pattern), and
    schemathesis takes 2**63 for no more than 2**63 - 1.
    """
    body = case.body if isinstance(case.body, dict) else {}
    price = body.get("price")
    if isinstance(price, float) and round(price, 2) != price:
        return False
    return all(abs(body[name]) < 2**62 for name in ("id", "stock") if isinstance(body.get(name), (int, float)))


@more
def test_schemathesis_finds_nothing(url: str) -> None:
    """Generated requests, good and bad, are answered as the OpenAPI document says, by every operation."""
    operations = [result.ok() for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations()]
    assert 5 == len(operations)
    for operation in operations:

        @settings(max_examples=amount(4, 40), suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy().filter(tellable))
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate()

        check()
