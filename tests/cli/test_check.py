from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from lazy_alchemy._cli.module_file import generate
from tests.databases import QueryCounter
from tests.shops import open_shop

from .test_cli import PASSWORD, command, invoke, statements, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Database

__all__ = ["statements"]  # a fixture

HAND_WRITTEN = """\
from typing import TYPE_CHECKING
from lazy_alchemy import AsyncLazyDBAccessor, Columns, LazyDB, LazyTable
from sqlalchemy import Column
class C(Columns):
    id: Column[int]
    name: Column[str]
class AppDB(LazyDB):
    customers: LazyTable[C]
    orders: LazyTable
    things: LazyTable = LazyTable(name="no such thing")
class Later(AsyncLazyDBAccessor):
    orders: "LazyTable[Nowhere]"
class Empty(LazyDB):
    pass
other = 1
"""


@pytest.fixture
def shop(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The shop, a module generated for it and one by hand, in the current directory."""
    open_shop(db)
    (tmp_path / "generated_db.py").write_text(generate(db.engine, models=("pydantic", "sqlmodel")), encoding="utf-8")
    (tmp_path / "hand_db.py").write_text(HAND_WRITTEN)
    (tmp_path / "failing_db.py").write_text(f"raise ValueError('{PASSWORD}')")
    (tmp_path / "exiting_db.py").write_text("raise SystemExit(3)")
    (tmp_path / "importing_db.py").write_text("import no_such_module_at_all")
    (tmp_path / "broken_db.py").write_text("class")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("generated_db", "hand_db"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return db


def test_generated_module_matches_its_database(shop: Database) -> None:
    """Right after `generate`, `check` finds nothing, and exits with 0."""
    result = command("check", url_of(shop), "generated_db:AppDB")

    assert ("5 tables declared, all as declared.\n", "", 0) == (result.stdout, result.stderr, result.returncode)


def test_differences_are_listed(shop: Database) -> None:
    """Each difference of each table is a line, and the exit status is 1."""
    shop.execute("DROP VIEW open_orders", "DROP TABLE preload", "CREATE TABLE preload (text INTEGER NOT NULL)")
    result = invoke("check", url_of(shop), "generated_db:AppDB")

    assert (
        "open_orders (AppDB.open_orders: OpenOrdersColumns): no such table\n"
        "preload (AppDB.preload_: PreloadColumns):\n"
        "  'message' is declared as str | None but does not exist\n"
        "  'text' is not declared; it is int\n"
        "5 tables declared, 2 not as declared.\n"
    ) == result.stdout
    assert ("", 1) == (result.stderr, result.exit_code)


def test_changed_lengths_are_listed(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that takes longer values than the generated Insert class, or shorter ones, is a difference."""
    number = "NUMERIC({}, 2)"
    ddl = (
        "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, note VARCHAR({}) NOT NULL, price {}, data {}, same TEXT)"
    )
    binary = {"sqlite": "BLOB", "postgresql": "bytea", "mariadb": "VARBINARY({})"}[db.name]
    db.execute(ddl.format(10, number.format(8), binary.format(9)))
    (tmp_path / "notes_db.py").write_text(generate(db.engine), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "notes_db", raising=False)
    assert 0 == invoke("check", url_of(db), "notes_db:AppDB").exit_code
    db.execute("DROP TABLE notes", ddl.format(20, number.format(9), binary.format(5)))
    result = invoke("check", url_of(db), "notes_db:AppDB")

    said = [
        "notes (AppDB.notes: NotesColumns):",
        "  'note' is declared with max_length=10 but has max_length=20",
        "  'price' is declared with max_digits=8, decimal_places=2 but has max_digits=9, decimal_places=2",
        *(["  'data' is declared with max_length=9 but has max_length=5"] if db.is_mariadb else []),
        "1 table declared, 1 not as declared.",
    ]
    assert (said, 1) == (result.stdout.splitlines(), result.exit_code)


def test_changed_order_is_listed(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that was dropped and added again is at another place in a row, and is a difference."""
    db.execute("CREATE TABLE ord (id INTEGER NOT NULL PRIMARY KEY, a INTEGER, b VARCHAR(9))")
    (tmp_path / "ord_db.py").write_text(generate(db.engine), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "ord_db", raising=False)
    db.execute("ALTER TABLE ord DROP COLUMN a", "ALTER TABLE ord ADD COLUMN a INTEGER")
    result = invoke("check", url_of(db), "ord_db:AppDB")

    assert (
        "ord (AppDB.ord: OrdColumns):\n"
        "  'b' comes before 'a' but is declared after it:"
        " rows do not have the types of __row_pos__ until it is generated again\n"
        "1 table declared, 1 not as declared.\n"
    ) == result.stdout
    assert 1 == result.exit_code


def test_extra_columns_alone_do_not_fail(shop: Database) -> None:
    """Columns that are merely not declared are shown, and the exit status is 0."""
    shop.execute("ALTER TABLE preload ADD COLUMN more INTEGER")
    result = invoke("check", url_of(shop), "generated_db:AppDB")

    assert (
        "preload (AppDB.preload_: PreloadColumns):\n  'more' is not declared; it is int | None\n"
        "5 tables declared, all as declared.\n"
    ) == result.stdout
    assert 0 == result.exit_code


def test_hand_written_registry(shop: Database) -> None:
    """A registry written by hand is checked as far as it says something; a missing table is one without columns too."""
    result = invoke("check", url_of(shop), "hand_db:AppDB")

    assert 1 == result.exit_code
    assert "no such thing (AppDB.things): no such table\n" in result.stdout
    assert "customers (AppDB.customers: C):\n  'email' is not declared; it is str | None\n" in result.stdout
    assert "orders" not in result.stdout
    assert result.stdout.endswith("3 tables declared, 1 not as declared.\n")


def test_arguments_that_are_left_out(shop: Database) -> None:
    """Where an annotation was evaluated and names fewer than all classes, the others are made as ever."""
    db = importlib.import_module("hand_db").AppDB(shop.engine, on_drift="ignore")

    assert "name" in db.customers.as_pydantic().model_fields
    assert "name" in db.customers.as_pydantic_insert().model_fields
    assert db.customers is db.customers.as_sqlmodel().__table__


def test_all_tables_are_one_batch(shop: Database, statements: list[str]) -> None:
    """However many tables are declared, they are read in one batch."""
    invoke("check", url_of(shop), "generated_db:AppDB")
    both = QueryCounter()
    both.statements = list(statements)
    statements.clear()
    for _ in range(2):  # a module of the same tables, so as to count what connecting costs
        invoke("show", url_of(shop), "customers", "orders", "order-items", "preload", "open_orders")

    assert both.count <= len(statements)


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        ("generated_db", "'generated_db' is not a registry class: write it as module:Class, such as app.db:AppDB"),
        (":AppDB", "':AppDB' is not a registry class"),
        ("no_such_db:AppDB", "no_such_db cannot be imported: No module named 'no_such_db'"),
        ("importing_db:AppDB", "importing_db cannot be imported: No module named 'no_such_module_at_all'"),
        ("failing_db:AppDB", "failing_db cannot be imported: it raises ValueError"),
        ("broken_db:AppDB", "broken_db cannot be imported: it raises SyntaxError"),
        ("exiting_db:AppDB", "exiting_db cannot be imported: it exits"),
        ("hand_db:Nope", "Nope does not exist in hand_db. It has AppDB, Later."),
        ("hand_db:other", "other is not a registry class that declares tables in hand_db. It has AppDB, Later."),
        ("hand_db:C", "C is not a registry class that declares tables in hand_db"),
        ("hand_db:Empty", "Empty is not a registry class that declares tables in hand_db"),
        ("hand_db:Later", "Later.orders: 'Nowhere' does not exist at run time. Define 'Nowhere' in hand_db"),
    ],
)
def test_mistakes(shop: Database, registry: str, said: str) -> None:
    """What cannot be checked is one clear error, without a traceback or a secret, and exit status 1."""
    result = invoke("check", url_of(shop), registry)

    assert (f"error: {said}", 1) == (result.stderr[: 7 + len(said)], result.exit_code)
    assert PASSWORD not in result.output
    assert "Traceback" not in result.output
    assert 1 == result.stderr.count("\n")


def test_no_secret_of_the_url(shop: Database) -> None:
    """The password of the URL is in no message."""
    result = invoke("check", f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/db", "generated_db:AppDB")

    assert 1 == result.exit_code
    assert "Cannot connect" in result.stderr
    assert PASSWORD not in result.output


def test_schema(postgresql_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's schema is the one that is checked, unless --schema names another."""
    postgresql_db.execute("CREATE SCHEMA far", "CREATE TABLE far.things (id int PRIMARY KEY)")
    (tmp_path / "far_db.py").write_text(generate(postgresql_db.engine, schema="far", is_async=True))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "far_db", raising=False)

    assert "1 table declared, all as declared.\n" == invoke("check", url_of(postgresql_db), "far_db:AppDB").stdout
    other = invoke("check", url_of(postgresql_db), "far_db:AppDB", "--schema", "public")
    assert "things (AppDB.things: ThingsColumns): no such table\n" in other.stdout
    assert 1 == other.exit_code
