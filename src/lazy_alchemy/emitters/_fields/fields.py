"""The fields of a model, one ``ModelField`` for each column, independent of any model library. Pure, no I/O."""

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

__all__ = ["ModelField", "is_autonumbered", "is_unnumbered", "model_fields"]


@dataclass(frozen=True)
class ModelField:
    """One column as a field of a model.

    Attributes:
        name: The field's name, a valid identifier.
        column: The column.
        type: The column's complete SQL type; SQLAlchemy's own type may omit part of it, see ``ColumnInfo.full_type``.
        python_type: The type of its values without None, as type checkers understand it.
        nullable: Whether the column may be NULL.
        null_key: Whether the column is in a primary key but may be NULL, which SQLite allows.
        filled: Whether the database provides a value if an INSERT omits the column.
        generated: Whether only the database may provide the value.
        is_user_type: Whether the user chose the Python type, in which case no annotations are added to it.
        dialect: The name of the database's dialect, if known; "mysql" for MariaDB too.
    """

    name: str
    column: Column[Any]
    type: TypeEngine[Any] = field(compare=False)  # equal fields may have built separate instances
    python_type: Any
    nullable: bool
    filled: bool
    generated: bool
    null_key: bool = False
    is_user_type: bool = False
    dialect: str | None = None

    @property
    def optional_type(self) -> Any:
        """The type of its values, or None."""
        return self.python_type | None

    @property
    def row_type(self) -> Any:
        """The type of the column in a row: that of its values, or None if the column may be NULL."""
        return self.optional_type if self.nullable or self.null_key else self.python_type

    @property
    def alias(self) -> str | None:
        """The column's name if the field has another one, else None."""
        return self._unless_it_is_the_name(str(self.column.name))

    @property
    def parameter(self) -> str | None:
        """The column's key, which statements use, if the field has another name; else None."""
        return self._unless_it_is_the_name(str(self.column.key))

    def _unless_it_is_the_name(self, name: str) -> str | None:
        return None if name == self.name else name


def model_fields(table: Table, types: TypeMap | None = None) -> tuple[ModelField, ...]:
    """Return the fields of a model of ``table``, one for each column, in the table's order.

    Args:
        table: Any Table. If an accessor loaded it, its dialect is known.
        types: The map of Python types. Without it, unknown SQL types are neither reported nor errors.

    Raises:
        ModelError: The SQL type of a column is unknown, and ``types`` is strict.
    """
    names = field_names(str(column.name) for column in table.columns)
    dialect = dialect_of(table)
    infos = column_infos(table)
    return tuple(
        _field(names[str(column.name)], column, _type_of(column, infos), types, dialect) for column in table.columns
    )


def is_autonumbered(column: Column[Any]) -> bool:
    """Return whether the database numbers new rows in this primary key column."""
    if is_unnumbered(column):
        return False
    try:
        return column is column.table.autoincrement_column
    except ArgumentError:  # there are several, which SQLAlchemy does not support
        return column.autoincrement is True


def is_unnumbered(column: Column[Any]) -> bool:
    """Return whether it is a primary key column in which SQLite is known not to number new rows."""
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
        python, is_user_type = python_type(type_), False
    else:
        python, is_user_type = types.column_type(column, type_, dialect)
    return ModelField(
        name=name,
        column=column,
        type=type_,
        python_type=python,
        nullable=bool(column.nullable) and not column.primary_key and not forbids_null(type_),
        null_key=bool(column.nullable) and is_unnumbered(column),
        filled=(
            is_autonumbered(column)
            or column.autoincrement is True
            or column.server_default is not None
            or column.default is not None
        ),
        generated=computed or (identity is not None and bool(identity.always)),
        is_user_type=is_user_type,
        dialect=dialect,
    )
