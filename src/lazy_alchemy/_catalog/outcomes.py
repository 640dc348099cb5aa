"""What a load finds: plain data, which nobody has taken in yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Found", "Key", "Missing", "Outcome"]

Key: TypeAlias = "tuple[str | None, str]"
"""A schema and a name."""


class Found(NamedTuple):
    """A table that exists.

    Attributes:
        info: What it is.
        cached: Whether the cache said so, not the database.
        age: How many seconds ago that was true.
        private: Whether only the connection that it was read through may see it so.
        uncommitted: Whether everybody sees it so, and a rollback may undo it.
    """

    info: TableInfo
    cached: bool = False
    age: float = 0.0
    private: bool = False
    uncommitted: bool = False


class Missing(NamedTuple):
    """A table that does not exist, and the names that do."""

    available: tuple[str, ...] = ()
    private: bool = False
    uncommitted: bool = False


Outcome: TypeAlias = Found | Missing | Exception
"""What a load found for one key."""
