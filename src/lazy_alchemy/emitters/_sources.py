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
    columns = {info.alias: name for name, info in model.model_fields.items() if info.alias}
    return _ByColumn(source, columns) if columns else source


class _ByColumn:
    """An object's attributes by column name, the field's name first.

    A mapped class has a ``metadata`` that is not the column's value: that one is under the field's name.
    """

    __slots__ = ("_columns", "_source")

    def __init__(self, source: object, columns: Mapping[str, str]) -> None:
        self._source = source
        self._columns = columns

    def __getattr__(self, name: str) -> object:
        field = self._columns.get(name)
        if field is not None:
            value: object = getattr(self._source, field, _MISSING)
            if value is not _MISSING:
                return value
        return getattr(self._source, name)

    def __repr__(self) -> str:
        return repr(self._source)
