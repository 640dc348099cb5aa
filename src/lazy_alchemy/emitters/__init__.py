"""Emitters: from a table to a class or to source text, without touching the database.

Each emitter is a small value that satisfies ``lazy_alchemy.ModelEmitter`` and is handed to ``CustomTable.emit``.
Pydantic and SQLModel are imported when an emitter that needs them is first asked for, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pydantic import PydanticEmitter as PydanticEmitter
    from .sqlmodel import SQLModelEmitter as SQLModelEmitter

__all__ = ["PydanticEmitter", "SQLModelEmitter"]

_MODULES = {"PydanticEmitter": ".pydantic", "SQLModelEmitter": ".sqlmodel"}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
