"""Pydantic models of tables: for the rows read, for a change of some columns, and for a row to be inserted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from ._fields import ModelField, model_fields
from ._names import class_name
from ._sources import readable

if TYPE_CHECKING:
    from sqlalchemy import Table

__all__ = ["PydanticEmitter", "Shape"]

Shape = Literal["row", "partial", "insert"]

_SUFFIXES: dict[Shape, str] = {"row": "", "partial": "Partial", "insert": "Insert"}


class _TableModel(BaseModel):
    """The base of every emitted model."""

    # No protected namespace: which names a model cannot have is decided in _names, whatever Pydantic's version.
    model_config = ConfigDict(from_attributes=True, populate_by_name=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _read(cls, source: object) -> object:
        return readable(source, cls)


@dataclass(frozen=True)
class PydanticEmitter:
    """Makes a Pydantic model of a table.

    The model reads from a dict, a ``Row``, any other mapping, and an object with attributes. A column whose name cannot
    be a field's has a changed field name, and its own as the alias: both validate, ``model_dump(by_alias=True)``
    gives back the columns' names. The columns' and the table's comments are the descriptions.

    Attributes:
        shape: What the model describes.

            - ``"row"``: a row as the database gives it. NOT NULL and primary key columns are required, the others
              ``Optional`` with None.
            - ``"partial"``: some columns of a row, as in a PATCH. All are ``Optional`` with None; what was not sent is
              told from what was sent as null by ``model_fields_set`` and ``model_dump(exclude_unset=True)``.
            - ``"insert"``: a row to be inserted. What the database fills in (an identity, an autoincrement key, a
              default) is ``Optional`` with None too, and what it alone may fill in (a computed column, GENERATED ALWAYS
              AS IDENTITY) is left out. INSERT ``model_dump(by_alias=True, exclude_unset=True)``.
    """

    shape: Shape = "row"

    def emit(self, table: Table) -> type[BaseModel]:
        """Return a new model class of ``table``; no I/O."""
        # Any: create_model takes a field's definition as (type, FieldInfo), which it cannot type.
        definitions: dict[str, Any] = {
            field.name: self._definition(field) for field in model_fields(table) if self._has(field)
        }
        return create_model(
            class_name(table.name, _SUFFIXES[self.shape]),
            __base__=_TableModel,
            __module__=__name__,
            __doc__=table.comment,
            **definitions,
        )

    def _has(self, field: ModelField) -> bool:
        return self.shape != "insert" or not field.generated

    def _optional(self, field: ModelField) -> bool:
        if self.shape == "partial":
            return True
        return field.nullable or (self.shape == "insert" and field.filled)

    def _definition(self, field: ModelField) -> tuple[Any, Any]:
        description = field.column.comment
        if self._optional(field):
            info = Field(default=None, alias=field.alias, description=description)
            return (field.optional_type, info)
        return (field.python_type, Field(alias=field.alias, description=description))
