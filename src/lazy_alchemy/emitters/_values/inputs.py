"""What a model is read from: makes a Row, any mapping and any object look as a model's validator expects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sqlalchemy import Row

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["readable"]

_MISSING = object()


def readable(source: object, model: type[BaseModel]) -> object:
    """Return what ``model`` is to be validated from in a form that Pydantic reads by column name."""
    if isinstance(source, (dict, model)):
        return cast("object", source)  # pyright counts a dict of unknown items as unknown itself
    if isinstance(source, Row):
        # By key and not by attribute: a Row, being a tuple, has ``count`` and ``index`` of its own.
        # Public, and underscored only so as to hide no column.
        return dict(source._mapping)  # pyright: ignore[reportPrivateUsage]
    if isinstance(source, Mapping):
        return cast("object", {**source})
    if type(source).__module__ == "builtins":
        return source  # a number or a list: Pydantic says best what is wrong with it
    renamed = any(info.alias for info in model.model_fields.values())
    return _by_column(source, model) if renamed else source


def _by_column(source: object, model: type[BaseModel]) -> dict[str, object]:
    """Return an object's attributes by column name, read under the field's name first.

    A mapped class has a ``metadata`` that is not the column's value: that one is under the field's name.
    """
    values: dict[str, object] = {}
    for field, info in model.model_fields.items():
        for name in (field, info.alias):
            value: object = _MISSING if name is None else getattr(source, name, _MISSING)
            if value is not _MISSING:
                values[info.alias or field] = value
                break
    return values
