"""``Columns``: the columns of a declared table, for type checkers. It has no instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column
from sqlalchemy.sql.base import ReadOnlyColumnCollection

__all__ = ["Columns"]


# Any: each subclass says what its columns hold.
class Columns(ReadOnlyColumnCollection[str, Column[Any]]):
    """The base class for the columns of a declared table: the first type argument of ``LazyTable``.

    Write one annotation per column: ``Column[...]`` of its Python type, with ``| None`` if the column may be NULL::

        class UsersColumns(Columns):
            id: Column[int]
            username: Column[str]
            email: Column[str | None]

            __row_pos__: tuple[int, str, str | None]


        class AppDB(LazyDB):
            users: LazyTable[UsersColumns]

    A type checker then knows ``db.users.c.email``, and reports ``db.users.c.emial``; with ``__row_pos__`` it knows the
    rows of ``select(db.users)``, on SQLAlchemy 2.1. When the table is first used, it is compared with the annotations:
    see ``on_drift`` of ``LazyDB``. At run time ``db.users.c`` is SQLAlchemy's own collection.
    """

    if TYPE_CHECKING:
        # SQLAlchemy's collection declares it for any name, so every misspelt column would have a type.
        __getattr__: None  # type: ignore[misc, assignment]  # pyright: ignore[reportIncompatibleMethodOverride]
