"""Emitters: from a table to a class or to source text, without touching the database.

Each emitter is a small value that satisfies ``lazy_alchemy.ModelEmitter`` and is handed to ``CustomTable.emit``.
Pydantic and SQLModel are imported when an emitter that needs them is first asked for, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bases import AnyValue as AnyValue
    from .bases import ArrayText as ArrayText
    from .bases import Base64 as Base64
    from .bases import BitText as BitText
    from .bases import CharacterSet as CharacterSet
    from .bases import Duration as Duration
    from .bases import HstoreText as HstoreText
    from .bases import MappedModel as MappedModel
    from .bases import MySQLBoolean as MySQLBoolean
    from .bases import NestedArray as NestedArray
    from .bases import OffsetTime as OffsetTime
    from .bases import RangeOf as RangeOf
    from .bases import RowModel as RowModel
    from .bases import omitted as omitted
    from .dataclass import DataclassEmitter as DataclassEmitter
    from .orm import ORMEmitter as ORMEmitter
    from .pydantic import PydanticEmitter as PydanticEmitter
    from .source import SourceEmitter as SourceEmitter
    from .sqlmodel import SQLModelEmitter as SQLModelEmitter
    from .typeddict import TypedDictEmitter as TypedDictEmitter

__all__ = [
    "AnyValue",
    "ArrayText",
    "Base64",
    "BitText",
    "CharacterSet",
    "DataclassEmitter",
    "Duration",
    "HstoreText",
    "MappedModel",
    "MySQLBoolean",
    "NestedArray",
    "ORMEmitter",
    "OffsetTime",
    "PydanticEmitter",
    "RangeOf",
    "RowModel",
    "SQLModelEmitter",
    "SourceEmitter",
    "TypedDictEmitter",
    "omitted",
]

_MODULES = {
    "AnyValue": ".bases",
    "ArrayText": ".bases",
    "Base64": ".bases",
    "BitText": ".bases",
    "CharacterSet": ".bases",
    "DataclassEmitter": ".dataclass",
    "Duration": ".bases",
    "HstoreText": ".bases",
    "MappedModel": ".bases",
    "MySQLBoolean": ".bases",
    "NestedArray": ".bases",
    "ORMEmitter": ".orm",
    "OffsetTime": ".bases",
    "PydanticEmitter": ".pydantic",
    "RangeOf": ".bases",
    "RowModel": ".bases",
    "SQLModelEmitter": ".sqlmodel",
    "SourceEmitter": ".source",
    "TypedDictEmitter": ".typeddict",
    "omitted": ".bases",
}


if not TYPE_CHECKING:  # or every misspelt name would be an object to a type checker

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(module, __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
