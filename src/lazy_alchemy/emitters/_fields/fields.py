"""What a model of a table consists of, before any model library: one ``ModelField`` a column. Pure, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError

from lazy_alchemy._reflected import column_infos, dialect_of
from lazy_alchemy.emitters._fields.names import field_names
from lazy_alchemy.emitters._fields.python_types import TypeMap, forbids_null, python_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table
    from sqlalchemy.types import TypeEngine

    from lazy_alchemy._schema.tables import ColumnInfo

__all__ = ["ModelField", "is_unnumbered", "model_fields", "numbers_itself"]


@dataclass(frozen=True)
class ModelField:
    """One column as a field of a model.

    Attributes:
        name: The field's name, a valid identifier.
        column: The column itself.
        type: The column's type, with what SQLAlchemy's leaves out of it where the reflector knows that.
        python_type: The type of its values, NULL left out, as a type checker understands it.
        nullable: Whether a row may hold NULL there.
        null_key: Whether it is in a primary key that may be NULL all the same, as SQLite's may.
        filled: Whether the database gives it a value when an INSERT leaves it out.
        generated: Whether only the database may give it a value.
        given: Whether the user said what its type is in Python, so that nothing is to be added to it.
        dialect: The name of the database's dialect, where it is known: "mysql" for MariaDB too.
    """

    name: str
    column: Column[Any]
    type: TypeEngine[Any] = field(compare=False)  # each field may have built its own
    python_type: Any
    nullable: bool
    filled: bool
    generated: bool
    null_key: bool = False
    given: bool = False
    dialect: str | None = None

    @property
    def optional_type(self) -> Any:
        """The type of its values or None."""
        return self.python_type | None

    @property
    def row_type(self) -> Any:
        """The type of what a row has there: its values, or None where that may be."""
        return self.optional_type if self.nullable or self.null_key else self.python_type

    @property
    def alias(self) -> str | None:
        """The column's name where it could not be the field's name, else None."""
        return self._unless_it_is_the_name(str(self.column.name))

    @property
    def parameter(self) -> str | None:
        """What a statement calls the column: its key, where that is not the field's name, else None."""
        return self._unless_it_is_the_name(str(self.column.key))

    def _unless_it_is_the_name(self, name: str) -> str | None:
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
    infos = column_infos(table)
    return tuple(
        _field(names[str(column.name)], column, _type_of(column, infos), types, dialect) for column in table.columns
    )


def numbers_itself(column: Column[Any]) -> bool:
    """Return whether the database numbers a new row in this column of the primary key."""
    if is_unnumbered(column):
        return False
    try:
        return column is column.table.autoincrement_column
    except ArgumentError:  # there are several, which SQLAlchemy does not foresee
        return column.autoincrement is True


def is_unnumbered(column: Column[Any]) -> bool:
    """Return whether SQLite is known not to number new rows in this column of a primary key."""
    info = column_infos(column.table).get(str(column.name)) if column.primary_key else None
    return info is not None and info.unnumbered


def _type_of(column: Column[Any], infos: Mapping[str, ColumnInfo]) -> TypeEngine[Any]:
    info = infos.get(str(column.name))
    return column.type if info is None or info.full_type is None else info.full_type.build()


def _field(
    name: str, column: Column[Any], type_: TypeEngine[Any], types: TypeMap | None, dialect: str | None
) -> ModelField:
    computed = column.computed is not None
    identity = column.identity
    if types is None:
        python, given = python_type(type_), False
    else:
        python, given = types.column_type(column, type_, dialect)
    return ModelField(
        name=name,
        column=column,
        type=type_,
        python_type=python,
        nullable=bool(column.nullable) and not column.primary_key and not forbids_null(type_),
        null_key=bool(column.nullable) and is_unnumbered(column),
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
