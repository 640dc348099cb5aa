"""TypedDict classes of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import insert, select
from typing_extensions import NotRequired, get_type_hints, is_typeddict

from lazy_alchemy import CustomTable, ModelEmitter, get_lazy_class
from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters import TypedDictEmitter

from .test_pydantic import AUTOINCREMENT

if TYPE_CHECKING:
    from tests.databases import Database


@pytest.fixture
def users(db: Database) -> CustomTable:
    """A table of which the database fills in the most."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, {db.quote('the note')} VARCHAR(20),"
        f" name VARCHAR(20) NOT NULL, {db.quote('class')} INTEGER NOT NULL DEFAULT 1,"
        " twice INTEGER GENERATED ALWAYS AS (2) STORED)"
    )
    return get_lazy_class(db.engine).users


def test_a_row_is_one(db: Database, users: CustomTable) -> None:
    """A row's mapping has its keys, by the columns' own names, and Pydantic finds the values right."""
    user: Any = users.emit(TypedDictEmitter())
    new: Any = users.emit(TypedDictEmitter(shape="insert"))
    with db.engine.begin() as connection:
        connection.execute(insert(users), TypeAdapter(new).validate_python({"name": "ann"}))
        row = connection.execute(select(users)).one()
    expected = {"id": 1, "the note": None, "name": "ann", "class": 1, "twice": 2}
    assert expected == user(**row._mapping) == TypeAdapter(user).validate_python(dict(row._mapping))
    for wrong in ({**expected, "name": None}, {"id": 1}):
        with pytest.raises(ValidationError):
            TypeAdapter(user).validate_python(wrong)


def test_keys(users: CustomTable) -> None:
    """All keys of a row are required, none of a partial one, and of a new one those that nobody fills in."""
    expected = {"id": int, "the note": str | None, "name": str, "class": int, "twice": int | None}
    row = users.emit(TypedDictEmitter())
    assert is_typeddict(row)
    assert expected == get_type_hints(row)
    assert {*expected} == row.__required_keys__
    partial = users.emit(TypedDictEmitter(shape="partial"))
    assert {key: type_ for key, type_ in expected.items() if key != "twice"} == get_type_hints(partial)
    assert frozenset() == partial.__required_keys__
    new = users.emit(TypedDictEmitter(shape="insert"))
    assert {"name"} == new.__required_keys__
    assert {"id", "the note", "class"} == new.__optional_keys__
    assert NotRequired[int] == get_type_hints(new, include_extras=True)["id"]
    assert ["Users", "UsersPartial", "UsersInsert"] == [cls.__name__ for cls in (row, partial, new)]
    assert "lazy_alchemy.emitters.typeddict" == row.__module__


def test_emitted_once(users: CustomTable) -> None:
    """Equal emitters give one class; a wrong option is refused."""
    emitter: ModelEmitter[type[dict[str, Any]]] = TypedDictEmitter()
    assert users.emit(emitter) is users.emit(TypedDictEmitter(shape="row"))
    with pytest.raises(ModelError, match="shape='rows' is not a dict shape; use one of row, partial, insert"):
        TypedDictEmitter(shape="rows")  # type: ignore[arg-type]
