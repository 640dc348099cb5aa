"""The primary keys of SQLite, which numbers rows in few of them and permits NULL in most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from typing_extensions import is_typeddict

from lazy_alchemy import ModelError, TableInfo, get_lazy_class
from lazy_alchemy.emitters import DataclassEmitter, TypedDictEmitter

if TYPE_CHECKING:
    from typing import Any

    from lazy_alchemy import CustomTable
    from tests.databases import Database

NUMBERED = ["id INTEGER PRIMARY KEY", "id integer primary key autoincrement", "id INTEGER, PRIMARY KEY (id DESC)"]
NULLABLE = ["id INT PRIMARY KEY", "id BIGINT PRIMARY KEY", "id INTEGER PRIMARY KEY DESC", "id TEXT PRIMARY KEY"]
NOT_NULL = ["id INT NOT NULL PRIMARY KEY", "id TEXT NOT NULL PRIMARY KEY"]


def make(db: Database, key: str, options: str = "") -> CustomTable:
    """Make a table with this key, and a note."""
    name, _, constraint = key.partition(", ")
    db.execute(f"CREATE TABLE t ({name}, note TEXT{constraint and ', ' + constraint}) {options}")
    return get_lazy_class(db.engine).t


@pytest.mark.parametrize("key", [*NUMBERED, *NULLABLE, *NOT_NULL])
def test_a_key_is_optional_exactly_where_sqlite_numbers_it(sqlite_db: Database, key: str) -> None:
    """A key that is not the row's own number has to be given: SQLite would store NULL, or refuse."""
    table = make(sqlite_db, key)
    assert (key not in NUMBERED) is table.as_pydantic_insert().model_fields["id"].is_required()
    assert (key not in NUMBERED) is table.as_sqlmodel().model_fields["id"].is_required()
    assert (key in NUMBERED) is ("id" in table.emit(TypedDictEmitter(shape="insert")).__optional_keys__)  # type: ignore[attr-defined]
    info = table.reflected
    assert info == TableInfo.from_json(info.to_json())


@pytest.mark.parametrize("options", ["WITHOUT ROWID", "STRICT, WITHOUT ROWID"])
def test_a_table_without_row_numbers_numbers_nothing(sqlite_db: Database, options: str) -> None:
    """The key of a table WITHOUT ROWID is NOT NULL and has to be given."""
    table = make(sqlite_db, "id INTEGER PRIMARY KEY", options)
    assert table.as_pydantic_insert().model_fields["id"].is_required()
    with pytest.raises(ValidationError):
        table.as_pydantic()(id=None)


@pytest.mark.parametrize("schema", [None, "other"])
def test_a_temporary_and_an_attached_table(sqlite_db: Database, schema: str | None) -> None:
    """Which key numbers itself is read from the schema that the table is in, and not from one of the same name."""
    engine = sqlite_db.engine
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        if schema is not None:
            connection.exec_driver_sql(f"ATTACH ':memory:' AS {schema}")
        kind = f"TABLE {schema}." if schema else "TEMPORARY TABLE "
        connection.exec_driver_sql(f"CREATE {kind}t (id INT PRIMARY KEY)")
        table = get_lazy_class(engine, schema=schema).get("t", connection=connection)
        assert table.as_pydantic_insert().model_fields["id"].is_required()


@pytest.mark.parametrize("key", [*NULLABLE, "id TEXT, PRIMARY KEY (id, note)"])
def test_a_row_may_have_null_in_its_key(sqlite_db: Database, key: str) -> None:
    """Every row shape reads a NULL that SQLite lets a key hold, and none may leave it out; no new row may have one."""
    table = make(sqlite_db, key)
    sqlite_db.execute("INSERT INTO t (note) VALUES ('n')")
    with sqlite_db.engine.connect() as connection:
        row = connection.execute(select(table)).one()
    shape: Any
    for shape in (table.as_pydantic(), table.as_sqlmodel(), table.emit(DataclassEmitter())):
        assert (None, "n") == (shape(**row._mapping).id, shape(**row._mapping).note)
    model = table.as_pydantic()
    assert model.model_fields["id"].is_required()
    assert model.model_validate(row) == model.model_validate_json(model.model_validate(row).model_dump_json())
    typed = table.emit(TypedDictEmitter())
    assert is_typeddict(typed)
    assert "id" in typed.__required_keys__  # type: ignore[attr-defined]
    for shape in (table.as_pydantic_insert(), table.as_pydantic_partial()):
        with pytest.raises(ValidationError):
            shape(id=None, note="n")


@pytest.mark.parametrize("method", ["as_sqlmodel", "as_orm"])
def test_a_new_object_without_a_key_is_an_error(sqlite_db: Database, method: str) -> None:
    """SQLAlchemy takes the key to be numbered, and the row would have NULL where its object had a number."""
    new: Any = getattr(make(sqlite_db, "id INT PRIMARY KEY"), method)()
    with Session(sqlite_db.engine) as session:
        session.add(new(note="n"))
        with pytest.raises(ModelError, match=r"column 'id' of 't'.*not number rows"):
            session.flush()
        session.rollback()
        session.add(new(id=5, note="n"))
        session.commit()
        assert 5 == session.scalars(select(new.id)).one()
