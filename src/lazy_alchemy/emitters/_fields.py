"""What a model of a table consists of, before any model library: one ``ModelField`` a column. Pure, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._names import field_names
from ._types import python_type

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

__all__ = ["ModelField", "model_fields"]


@dataclass(frozen=True)
class ModelField:
    """One column as a field of a model.

    Attributes:
        name: The field's name, a valid identifier.
        column: The column itself.
        python_type: The type of its values, NULL left out.
        nullable: Whether a row may hold NULL there.
        filled: Whether the database gives it a value when an INSERT leaves it out.
        generated: Whether only the database may give it a value.
    """

    name: str
    column: Column[Any]
    python_type: Any
    nullable: bool
    filled: bool
    generated: bool

    @property
    def optional_type(self) -> Any:
        """The type of its values or None."""
        return self.python_type | None

    @property
    def alias(self) -> str | None:
        """The column's name where it could not be the field's name, else None."""
        name = str(self.column.name)
        return None if name == self.name else name


def model_fields(table: Table) -> tuple[ModelField, ...]:
    """Return the fields of a model of ``table``, one for each column, in its order."""
    names = field_names(str(column.name) for column in table.columns)
    return tuple(_field(names[str(column.name)], column, table) for column in table.columns)


def _field(name: str, column: Column[Any], table: Table) -> ModelField:
    computed = column.computed is not None
    identity = column.identity
    return ModelField(
        name=name,
        column=column,
        python_type=python_type(column.type),
        nullable=bool(column.nullable) and not column.primary_key,
        filled=(
            column is table.autoincrement_column
            or column.autoincrement is True
            or column.server_default is not None
            or column.default is not None
        ),
        generated=computed or (identity is not None and bool(identity.always)),
    )
