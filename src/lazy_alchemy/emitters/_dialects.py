"""Which database a table is in: what a model may promise depends on what the database enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.types import TypeEngine

__all__ = ["dialect_of", "driver_of"]

_FAMILIES = {"mariadb": "mysql"}


def dialect_of(table: Table) -> str | None:
    """Return "postgresql", "mysql" (MariaDB too), "sqlite" or another dialect's name; None where it is not known.

    An accessor's tables know it. Of other tables it is what a type that one dialect alone has tells.
    """
    name = _engine(table).partition("+")[0]
    if not name:
        name = next((found for column in table.columns if (found := _dialect_of_type(column.type))), "")
    return _FAMILIES.get(name, name) if name else None


def driver_of(table: Table) -> str | None:
    """Return the driver of the engine that a table was loaded through; None where it is not known."""
    return _engine(table).partition("+")[2] or None


def _engine(table: Table) -> str:
    name: str | None = vars(table).get("_dialect")
    return name or ""


def _dialect_of_type(type_: TypeEngine[Any]) -> str | None:
    package, _, rest = type(type_).__module__.partition("sqlalchemy.dialects.")
    return rest.partition(".")[0] if rest and not package else None
