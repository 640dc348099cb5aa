"""Lazy tables for SQLAlchemy: each is loaded the first time it is used, once, and only that one.

The public names, and nothing else. They are imported when they are first used: ``import lazy_alchemy`` alone imports
neither SQLAlchemy, Pydantic, SQLModel nor anyio.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazy_alchemy._accessors import LazyDB
    from lazy_alchemy._async import AsyncLazyDBAccessor
    from lazy_alchemy._catalog import CacheInfo
    from lazy_alchemy._columns import Columns
    from lazy_alchemy._errors import (
        DriftError,
        DriftWarning,
        LazyAlchemyError,
        ModelError,
        ReflectionError,
        TableNotFoundError,
        UnknownTypeWarning,
    )
    from lazy_alchemy._factories import get_async_lazy_class, get_lazy_class
    from lazy_alchemy._protocols import Cache, CacheEntry, ModelEmitter, Reflector, TableKey
    from lazy_alchemy._registry import LazyDBMeta, LazyTable
    from lazy_alchemy._tableinfo import TableInfo, TableKind
    from lazy_alchemy._tables import CustomTable

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

_WHERE = {
    "AsyncLazyDBAccessor": "_async",
    "Cache": "_protocols",
    "CacheEntry": "_protocols",
    "CacheInfo": "_catalog",
    "Columns": "_columns",
    "CustomTable": "_tables",
    "DriftError": "_errors",
    "DriftWarning": "_errors",
    "LazyAlchemyError": "_errors",
    "LazyDB": "_accessors",
    "LazyDBMeta": "_registry",
    "LazyTable": "_registry",
    "ModelEmitter": "_protocols",
    "ModelError": "_errors",
    "ReflectionError": "_errors",
    "Reflector": "_protocols",
    "TableInfo": "_tableinfo",
    "TableKey": "_protocols",
    "TableKind": "_tableinfo",
    "TableNotFoundError": "_errors",
    "UnknownTypeWarning": "_errors",
    "get_async_lazy_class": "_factories",
    "get_lazy_class": "_factories",
}


if not TYPE_CHECKING:  # or every misspelt name would be an object to a type checker

    def __getattr__(name: str) -> object:
        try:
            module = _WHERE[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        value: object = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
