"""What a model of a table consists of, before any model library: one ``ModelField`` a column. Pure, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError

from ._dialects import dialect_of
from ._names import field_names
from ._types import TypeMap, python_type

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

__all__ = ["ModelField", "model_fields", "numbers_itself"]


@dataclass(frozen=True)
class ModelField:
    """One column as a field of a model.

    Attributes:
        name: The field's name, a valid identifier.
        column: The column itself.
        python_type: The type of its values, NULL left out, as a type checker understands it.
        nullable: Whether a row may hold NULL there.
        filled: Whether the database gives it a value when an INSERT leaves it out.
        generated: Whether only the database may give it a value.
        given: Whether the user said what its type is in Python, so that nothing is to be added to it.
        dialect: The name of the database's dialect, where it is known: "mysql" for MariaDB too.
    """

    name: str
    column: Column[Any]
    python_type: Any
    nullable: bool
    filled: bool
    generated: bool
    given: bool = False
    dialect: str | None = None

    @property
    def optional_type(self) -> Any:
        """The type of its values or None."""
        return self.python_type | None

    @property
    def alias(self) -> str | None:
        """The column's name where it could not be the field's name, else None."""
        name = str(self.column.name)
        return None if name == self.name else name


def model_fields(table: Table, types: TypeMap | None = None) -> tuple[ModelField, ...]:
    """Return the fields of a model of ``table``, one for each column, in its order.

    Args:
        table: Any Table; one that an accessor loaded knows which database it is in.
        types: Where the Python types come from; without it nothing is said of a type that nobody knows.

    Raises:
        ModelError: Nobody knows the type of a column, and ``types`` is strict.
    """
    names = field_names(str(column.name) for column in table.columns)
    dialect = dialect_of(table)
    return tuple(_field(names[str(column.name)], column, table, types, dialect) for column in table.columns)


def numbers_itself(column: Column[Any]) -> bool:
    """Return whether the database numbers a new row in this column of the primary key."""
    try:
        return column is column.table.autoincrement_column
    except ArgumentError:  # there are several, which SQLAlchemy does not foresee
        return column.autoincrement is True


def _field(name: str, column: Column[Any], table: Table, types: TypeMap | None, dialect: str | None) -> ModelField:
    computed = column.computed is not None
    identity = column.identity
    type_, given = (python_type(column.type), False) if types is None else types.column_type(column, table, dialect)
    return ModelField(
        name=name,
        column=column,
        python_type=type_,
        nullable=bool(column.nullable) and not column.primary_key,
        filled=(
            numbers_itself(column)
            or column.autoincrement is True
            or column.server_default is not None
            or column.default is not None
        ),
        generated=computed or (identity is not None and bool(identity.always)),
        given=given,
        dialect=dialect,
    )
