"""Emitters, which turn a table into a class or into source text. They never access the database.

Each emitter is a small value object that implements ``lazy_alchemy.ModelEmitter``; pass it to ``CustomTable.emit``.
Pydantic and SQLModel are only imported when an emitter that needs them is first accessed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazy_alchemy.emitters.bases import AnyValue as AnyValue
    from lazy_alchemy.emitters.bases import ArrayText as ArrayText
    from lazy_alchemy.emitters.bases import Base64 as Base64
    from lazy_alchemy.emitters.bases import BitText as BitText
    from lazy_alchemy.emitters.bases import CharacterSet as CharacterSet
    from lazy_alchemy.emitters.bases import Duration as Duration
    from lazy_alchemy.emitters.bases import HstoreText as HstoreText
    from lazy_alchemy.emitters.bases import MappedModel as MappedModel
    from lazy_alchemy.emitters.bases import MySQLBoolean as MySQLBoolean
    from lazy_alchemy.emitters.bases import NestedArray as NestedArray
    from lazy_alchemy.emitters.bases import OffsetTime as OffsetTime
    from lazy_alchemy.emitters.bases import RangeOf as RangeOf
    from lazy_alchemy.emitters.bases import RowModel as RowModel
    from lazy_alchemy.emitters.bases import omitted as omitted
    from lazy_alchemy.emitters.dataclass import DataclassEmitter as DataclassEmitter
    from lazy_alchemy.emitters.orm import ORMEmitter as ORMEmitter
    from lazy_alchemy.emitters.pydantic import PydanticEmitter as PydanticEmitter
    from lazy_alchemy.emitters.source import SourceEmitter as SourceEmitter
    from lazy_alchemy.emitters.sqlmodel import SQLModelEmitter as SQLModelEmitter
    from lazy_alchemy.emitters.typeddict import TypedDictEmitter as TypedDictEmitter

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
    **dict.fromkeys(__all__, ".bases"),
    "DataclassEmitter": ".dataclass",
    "ORMEmitter": ".orm",
    "PydanticEmitter": ".pydantic",
    "SQLModelEmitter": ".sqlmodel",
    "SourceEmitter": ".source",
    "TypedDictEmitter": ".typeddict",
}


if not TYPE_CHECKING:  # otherwise type checkers would accept any misspelt name, as an object

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(module, __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
