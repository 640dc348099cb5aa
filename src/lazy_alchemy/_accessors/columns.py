"""``Columns``: which columns a declared table has. It is for type checkers, and nothing is ever one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column
from sqlalchemy.sql.base import ReadOnlyColumnCollection

__all__ = ["Columns"]


# Any: what a column holds each subclass says.
class Columns(ReadOnlyColumnCollection[str, Column[Any]]):
    """The base of a class that says which columns a declared table has: the first argument of ``LazyTable``.

    One annotation a column, ``Column[...]`` of its values' type, with ``| None`` where the column may be NULL::

        class UsersColumns(Columns):
            id: Column[int]
            username: Column[str]
            email: Column[str | None]

            __row_pos__: tuple[int, str, str | None]


        class AppDB(LazyDB):
            users: LazyTable[UsersColumns]

    A type checker then knows ``db.users.c.email``, and reports ``db.users.c.emial``; with ``__row_pos__`` it knows the
    rows of ``select(db.users)``, on SQLAlchemy 2.1. What the table really has is compared with the annotations when it
    is first used: see ``on_drift`` of ``LazyDB``. At run time ``db.users.c`` is SQLAlchemy's own collection.
    """

    if TYPE_CHECKING:
        # SQLAlchemy's collection has one for any name whatever, by which every misspelt column would have a type.
        __getattr__: None  # type: ignore[misc, assignment]  # pyright: ignore[reportIncompatibleMethodOverride]
