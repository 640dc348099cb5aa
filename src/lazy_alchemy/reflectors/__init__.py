"""Reflectors, the only code that reads schemas from a database, and the TableInfos (with their parts) they return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_alchemy._schema.tables import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    KeyInfo,
    TableInfo,
    TableKind,
)
from lazy_alchemy._schema.types import Options, TypeInfo
from lazy_alchemy.reflectors.inspector import InspectorReflector

if TYPE_CHECKING:
    from lazy_alchemy.reflectors.postgresql import PostgresReflector

__all__ = [
    "CheckInfo",
    "ColumnInfo",
    "ForeignKeyInfo",
    "IndexInfo",
    "InspectorReflector",
    "KeyInfo",
    "Options",
    "PostgresReflector",
    "TableInfo",
    "TableKind",
    "TypeInfo",
]


if not TYPE_CHECKING:  # otherwise type checkers would accept any misspelt name, as an object

    def __getattr__(name: str) -> object:
        # Imported when first used, because it imports SQLAlchemy's dialect for PostgreSQL.
        if name == "PostgresReflector":
            from lazy_alchemy.reflectors.postgresql import PostgresReflector

            globals()[name] = PostgresReflector
            return PostgresReflector
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
