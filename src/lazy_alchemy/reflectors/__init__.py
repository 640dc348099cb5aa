"""The reflectors, the only code that talks to the database, and what they return: a TableInfo and its parts."""

from lazy_alchemy._tableinfo import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    KeyInfo,
    TableInfo,
    TableKind,
)
from lazy_alchemy._typeinfo import Options, TypeInfo
from lazy_alchemy.reflectors.inspector import InspectorReflector

__all__ = [
    "CheckInfo",
    "ColumnInfo",
    "ForeignKeyInfo",
    "IndexInfo",
    "InspectorReflector",
    "KeyInfo",
    "Options",
    "TableInfo",
    "TableKind",
    "TypeInfo",
]
