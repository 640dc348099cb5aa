"""What a model is read from: makes a Row, any mapping and any object look as a model's validator expects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sqlalchemy import Row

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["by_column", "column_name", "readable"]

_MISSING = object()


def readable(source: object, model: type[BaseModel]) -> object:
    """Return what ``model`` is to be validated from: an instance of it as it is, anything else by column name."""
    return source if isinstance(source, model) else by_column(source, model)


def by_column(source: object, model: type[BaseModel]) -> object:
    """Return ``source`` in a form that Pydantic reads by column name.

    An object's attributes are read under the fields' names first: the ``metadata`` of a mapped class is not the
    column's value, which is under the field's name.
    """
    if isinstance(source, Row):
        # By key and not by attribute: a Row, being a tuple, has ``count`` and ``index`` of its own.
        # Public, and underscored only so as to hide no column.
        return dict(source._mapping)  # pyright: ignore[reportPrivateUsage]
    if isinstance(source, Mapping):
        # pyright counts a mapping of unknown items as unknown itself.
        return cast("object", source if isinstance(source, dict) else {**source})
    if type(source).__module__ == "builtins":
        return source  # a number or a list: Pydantic says best what is wrong with it
    names = {field: column_name(field, info) for field, info in model.model_fields.items()}
    if all(field == name for field, name in names.items()):
        return source
    values: dict[str, object] = {}
    for field, name in names.items():
        for attribute in (field, name):
            value: object = getattr(source, attribute, _MISSING)
            if value is not _MISSING:
                values[name] = value
                break
    return values


def column_name(field: str, info: FieldInfo) -> str:
    """Return the name of the column that a field of a model is."""
    for alias in (info.validation_alias, info.alias):
        if isinstance(alias, str):
            return alias
    return field
