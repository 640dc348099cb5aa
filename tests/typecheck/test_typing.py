"""What the types of the package are at run time: classes that can be subscripted, and nothing more."""

from __future__ import annotations

import pickle
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from sqlalchemy import Column, MetaData, Table, create_engine
from sqlmodel import SQLModel

from lazy_alchemy import AsyncLazyDBAccessor, Columns, CustomTable, LazyDB, LazyTable


class UsersColumns(Columns):
    id: Column[int]
    username: Column[str]

    __row_pos__: tuple[int, str]


class UserRow(BaseModel):
    id: int


class User(SQLModel):
    id: int


@pytest.mark.parametrize("arguments", [(UsersColumns,), (UsersColumns, UserRow), (UsersColumns, UserRow, User)])
def test_the_classes_take_type_arguments(arguments: tuple[type, ...]) -> None:
    """``CustomTable`` and ``LazyTable`` can be subscripted with columns, row model and SQLModel class, or the first."""
    table: Any = CustomTable[arguments]
    declared: Any = LazyTable[arguments]

    assert CustomTable is (get_origin(table) or table)  # SQLAlchemy 2.0's tables forget them
    assert LazyTable is get_origin(declared)
    assert arguments == get_args(declared)[: len(arguments)]


def test_a_custom_table_is_made_with_type_arguments_too() -> None:
    """A subscripted ``CustomTable`` makes what the class itself makes."""
    table = CustomTable[UsersColumns]("users", MetaData(), Column("id"))

    assert CustomTable is type(table)
    assert isinstance(table, Table)


@pytest.mark.parametrize("base", [LazyDB, AsyncLazyDBAccessor])
def test_type_arguments_change_no_declaration(base: Any) -> None:
    """A table that is declared with type arguments is the one that is declared without."""

    class Typed(base):
        users: LazyTable[UsersColumns, UserRow, User]

    class Untyped(base):
        users: LazyTable

    assert {"users": "users"} == {name: table.name for name, table in Typed.__tables__.items()}
    assert Untyped.__tables__.keys() == Typed.__tables__.keys()


def test_columns_are_for_type_checkers_only() -> None:
    """``table.c`` is SQLAlchemy's own collection, whatever the declaration says, and takes every name as ever."""

    class AppDB(LazyDB, on_drift="ignore"):
        users: LazyTable[UsersColumns]

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL, age INTEGER)")
    columns = AppDB(engine).users.c

    assert not isinstance(columns, Columns)
    assert type(columns) is type(Table("t", MetaData()).c)
    assert "age" == getattr(columns, "age").name  # noqa: B009  a name that the declaration does not have
    assert ["id", "username", "age"] == pickle.loads(pickle.dumps(AppDB(engine).users)).c.keys()  # noqa: S301
