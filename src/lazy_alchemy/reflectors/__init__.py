"""The reflectors, the only code that talks to the database, and what they return: a TableInfo and its parts."""

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


if not TYPE_CHECKING:  # or every misspelt name would be an object to a type checker

    def __getattr__(name: str) -> object:
        # It brings SQLAlchemy's dialect for PostgreSQL with it.
        if name == "PostgresReflector":
            from lazy_alchemy.reflectors.postgresql import PostgresReflector

            globals()[name] = PostgresReflector
            return PostgresReflector
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
