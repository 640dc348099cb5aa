"""What a load finds, as plain data, before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Found", "Key", "Missing", "Outcome", "Task"]

Key: TypeAlias = "tuple[str | None, str]"
"""A schema and a name."""


class Found(NamedTuple):
    """A table that exists.

    Attributes:
        info: Its TableInfo.
        cached: Whether it comes from the cache and not from the database.
        age: Its age in seconds.
        private: Whether only the connection that it was read on may see it.
        uncommitted: Whether all users of the engine see it, and a rollback may undo it.
    """

    info: TableInfo
    cached: bool = False
    age: float = 0.0
    private: bool = False
    uncommitted: bool = False


class Missing(NamedTuple):
    """A table that does not exist.

    Attributes:
        available: The names that exist in its schema.
        private: As for ``Found``.
        uncommitted: As for ``Found``.
        listed: Whether this load listed the names; else they are of a load shortly before.
    """

    available: tuple[str, ...] = ()
    private: bool = False
    uncommitted: bool = False
    listed: bool = True


class Task(NamedTuple):
    """What a load is to read.

    Attributes:
        keys: The tables.
        known: What is loaded of them.
        listings: The names of schemas that were listed shortly before, to be named to those who miss a table.
    """

    keys: Collection[Key]
    known: Mapping[Key, TableInfo]
    listings: Mapping[str | None, tuple[str, ...]]


Outcome: TypeAlias = Found | Missing | Exception
"""The result of a load for one key."""
