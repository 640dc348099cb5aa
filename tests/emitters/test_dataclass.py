"""Dataclasses of tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from sqlalchemy import insert, select

from lazy_alchemy import CustomTable, ModelEmitter, get_lazy_class
from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters import DataclassEmitter

from .test_pydantic import AUTOINCREMENT

if TYPE_CHECKING:
    from tests.databases import Database


@pytest.fixture
def users(db: Database) -> CustomTable:
    """A table of the usual."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, note VARCHAR(20), name VARCHAR(20) NOT NULL,"
        " level INTEGER DEFAULT 1)"
    )
    return get_lazy_class(db.engine).users


def test_a_row_is_an_instance(db: Database, users: CustomTable) -> None:
    """A row's mapping makes an instance, and an instance makes a row."""
    user: Any = users.emit(DataclassEmitter())
    with db.engine.begin() as connection:
        connection.execute(insert(users), [{"name": "ann", "note": None}, {"name": "bob", "note": "x"}])
        ann, bob = [user(**row._mapping) for row in connection.execute(select(users).order_by(users.c.id))]
        assert user(id=1, name="ann", level=1) == ann
        assert {"id": 2, "note": "x", "name": "bob", "level": 1} == dataclasses.asdict(bob)
        connection.execute(insert(users), dataclasses.asdict(dataclasses.replace(bob, id=3)))
        assert user(id=3, name="bob", note="x", level=1) == user(
            **connection.execute(select(users).where(users.c.id == 3)).one()._mapping
        )
    assert "Users(id=1, note=None, name='ann', level=1)" == repr(ann)


def test_fields(users: CustomTable) -> None:
    """The fields are in the columns' order, taken by keyword; those that may be NULL have the default None."""
    user: Any = users.emit(DataclassEmitter())
    assert ["id", "note", "name", "level"] == [field.name for field in dataclasses.fields(user)]
    assert {"id": int, "note": str | None, "name": str, "level": int | None} == get_type_hints(user)
    assert user(id=1, name="x") == user(id=1, name="x", note=None, level=None)
    with pytest.raises(TypeError, match="positional"):
        user(1, None, "x")
    with pytest.raises(TypeError, match="'name'"):
        user(id=1)
    assert ("Users", "lazy_alchemy.emitters.dataclass") == (user.__name__, user.__module__)


def test_any_column_name(db: Database) -> None:
    """A field's metadata has its column's name, which makes instances and rows whatever the columns are called."""
    names = ["class", "a b", "self", "_private", "2", "field", "__init__"]
    columns = ", ".join(f"{db.quote(name)} INTEGER" for name in names)
    db.execute(f"CREATE TABLE odd (id {AUTOINCREMENT[db.name]}, {columns})")
    table = get_lazy_class(db.engine).odd
    odd: Any = table.emit(DataclassEmitter())
    values = {"id": 1, **{name: number for number, name in enumerate(names)}}
    with db.engine.begin() as connection:
        connection.execute(insert(table), values)
        row = connection.execute(select(table)).one()
    one = odd(**{field.name: row._mapping[field.metadata["column"]] for field in dataclasses.fields(odd)})
    assert (0, 1, 2) == (one.class_, one.a_b, one.self)
    assert values == {field.metadata["column"]: getattr(one, field.name) for field in dataclasses.fields(odd)}


def test_frozen(users: CustomTable) -> None:
    """A frozen one cannot be changed and can be a key."""
    user: Any = users.emit(DataclassEmitter(frozen=True))
    ann = user(id=1, name="ann")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ann.name = "bob"
    assert {ann} == {user(id=1, name="ann")}
    changeable: Any = users.emit(DataclassEmitter())
    changeable(id=1, name="ann").name = "bob"


def test_emitted_once(users: CustomTable) -> None:
    """Equal emitters give one class; a wrong option is refused."""
    emitter: ModelEmitter[type[Any]] = DataclassEmitter()
    assert users.emit(emitter) is users.emit(DataclassEmitter(frozen=False))
    assert users.emit(emitter) is not users.emit(DataclassEmitter(frozen=True))
    with pytest.raises(ModelError, match="frozen='yes' is neither True nor False"):
        DataclassEmitter(frozen="yes")  # type: ignore[arg-type]
