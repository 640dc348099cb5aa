"""Dataclasses of tables: rows as plain Python values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._fields.fields import model_fields
from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._fields.type_options import TypedEmitter

if TYPE_CHECKING:
    from sqlalchemy import Table

__all__ = ["DataclassEmitter"]


@dataclass(frozen=True, kw_only=True)
class DataclassEmitter(TypedEmitter):
    """Creates a dataclass of a table's rows, with keyword-only fields: ``Class(**row._mapping)``. Nothing is validated.

    The fields are in the order of the columns. Nullable ones have the default None, all others are required. If a
    column's name cannot be a field name, the field gets a changed one. Each field's metadata has its column's name, so
    ``Class(**{field.name: row._mapping[field.metadata["column"]] for field in dataclasses.fields(Class)})`` creates an
    instance from a row with any column names.

    Attributes:
        frozen: Whether instances are immutable, and hashable if their values are.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    frozen: bool = False

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ModelError: ``frozen`` is not a bool.
            TypeError: ``types`` or ``unknown`` has the wrong type.
        """
        super().__post_init__()
        if not isinstance(self.frozen, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ModelError(f"frozen={self.frozen!r} is neither True nor False.")

    def emit(self, table: Table) -> type[Any]:  # Any: type checkers cannot know the fields
        """Return a new dataclass for the rows of ``table``; no I/O.

        Raises:
            ModelError: The SQL type of a column is unknown, and ``strict`` is set.
        """
        fields: list[tuple[str, Any, Any]] = []
        for one in model_fields(table, self._map):
            metadata = {"column": str(one.column.name)}
            if one.nullable:
                fields.append((one.name, one.optional_type, field(default=None, metadata=metadata)))
            else:
                fields.append((one.name, one.row_type, field(metadata=metadata)))
        namespace = {"__doc__": table.comment} if table.comment else {}
        made = dataclasses.make_dataclass(
            class_name(table.name), fields, namespace=namespace, kw_only=True, frozen=self.frozen
        )
        made.__module__ = __name__  # before Python 3.12, make_dataclass sets ``types``
        return made
