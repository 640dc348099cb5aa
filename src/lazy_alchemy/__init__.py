"""Lazy tables for SQLAlchemy: each table is loaded once, when it is first used, and no other table with it.

Only the public names are here. Each is imported when it is first used: ``import lazy_alchemy`` alone does not import
SQLAlchemy, Pydantic, SQLModel or anyio.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazy_alchemy._accessors.awaited import AsyncLazyDBAccessor
    from lazy_alchemy._accessors.columns import Columns
    from lazy_alchemy._accessors.factories import get_async_lazy_class, get_lazy_class
    from lazy_alchemy._accessors.lazy_table import LazyTable
    from lazy_alchemy._accessors.registry import LazyDBMeta
    from lazy_alchemy._accessors.threaded import LazyDB
    from lazy_alchemy._catalog.catalog import CacheInfo
    from lazy_alchemy._errors import (
        DriftError,
        DriftWarning,
        LazyAlchemyError,
        ModelError,
        ReflectionError,
        TableNotFoundError,
        UnknownTypeWarning,
    )
    from lazy_alchemy._protocols import Cache, CacheEntry, Reflector, TableKey
    from lazy_alchemy._schema.tables import TableInfo, TableKind
    from lazy_alchemy._tables import CustomTable, ModelEmitter

__version__ = "3.0.0"

__all__ = [
    "AsyncLazyDBAccessor",
    "Cache",
    "CacheEntry",
    "CacheInfo",
    "Columns",
    "CustomTable",
    "DriftError",
    "DriftWarning",
    "LazyAlchemyError",
    "LazyDB",
    "LazyDBMeta",
    "LazyTable",
    "ModelEmitter",
    "ModelError",
    "ReflectionError",
    "Reflector",
    "TableInfo",
    "TableKey",
    "TableKind",
    "TableNotFoundError",
    "UnknownTypeWarning",
    "__version__",
    "get_async_lazy_class",
    "get_lazy_class",
]

_MODULES = {
    "AsyncLazyDBAccessor": "_accessors.awaited",
    "Cache": "_protocols",
    "CacheEntry": "_protocols",
    "CacheInfo": "_catalog.catalog",
    "Columns": "_accessors.columns",
    "CustomTable": "_tables",
    "DriftError": "_errors",
    "DriftWarning": "_errors",
    "LazyAlchemyError": "_errors",
    "LazyDB": "_accessors.threaded",
    "LazyDBMeta": "_accessors.registry",
    "LazyTable": "_accessors.lazy_table",
    "ModelEmitter": "_tables",
    "ModelError": "_errors",
    "ReflectionError": "_errors",
    "Reflector": "_protocols",
    "TableInfo": "_schema.tables",
    "TableKey": "_protocols",
    "TableKind": "_schema.tables",
    "TableNotFoundError": "_errors",
    "UnknownTypeWarning": "_errors",
    "get_async_lazy_class": "_accessors.factories",
    "get_lazy_class": "_accessors.factories",
}


if not TYPE_CHECKING:  # otherwise type checkers would accept every misspelt name

    def __getattr__(name: str) -> object:
        try:
            module = _MODULES[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        value: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
