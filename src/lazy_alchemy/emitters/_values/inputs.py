"""The input of models: converts a Row, any mapping or any object to the form that a model's validator expects."""

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
    """Return the input for validating ``model``: an instance of it unchanged, anything else by column name."""
    return source if isinstance(source, model) else by_column(source, model)


def by_column(source: object, model: type[BaseModel]) -> object:
    """Return ``source`` in a form that Pydantic reads by column name.

    An object's attributes are looked up by field name first: the ``metadata`` of a mapped class is not the value of a
    column with this name; the value is in the attribute with the field's name.
    """
    if isinstance(source, Row):
        # By key, not by attribute: a Row is a tuple, with methods ``count`` and ``index``.
        # _mapping is public; it begins with an underscore only to avoid conflicts with columns.
        return dict(source._mapping)  # pyright: ignore[reportPrivateUsage]
    if isinstance(source, Mapping):
        # pyright considers a mapping of unknown items unknown itself.
        return cast("object", source if isinstance(source, dict) else {**source})
    if type(source).__module__ == "builtins":
        return source  # such as a number or a list: Pydantic reports the error
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
    """Return the name of a field's column."""
    for alias in (info.validation_alias, info.alias):
        if isinstance(alias, str):
            return alias
    return field
