"""Dataclasses of tables: rows as plain values, with nothing but Python."""

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
    """Makes a dataclass of a table's rows, taken by keyword: ``Class(**row._mapping)``. Nothing is validated.

    The fields are in the columns' order. One that may be NULL has the default None, all others are required. A column
    whose name cannot be a field's has a changed one, and every field has its column's name in its metadata:
    ``Class(**{field.name: row._mapping[field.metadata["column"]] for field in dataclasses.fields(Class)})`` makes an
    instance of a row whatever the columns are called.

    Attributes:
        frozen: Whether instances cannot be changed, and have a hash where their values have.
        types: Python types of your own, by SQLAlchemy type class or by the type's name in the database.
        unknown: Is called with a column whose type nobody knows, and returns its Python type, or None for ``Any``.
        strict: Whether a type that nobody knows is a ModelError. Otherwise it is ``Any``, and an UnknownTypeWarning
            names table, column and type.
    """

    frozen: bool = False

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ModelError: ``frozen`` is not a bool.
            TypeError: One of those about types is of a kind that cannot be.
        """
        super().__post_init__()
        if not isinstance(self.frozen, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ModelError(f"frozen={self.frozen!r} is neither True nor False.")

    def emit(self, table: Table) -> type[Any]:  # Any: no checker knows the fields
        """Return a new dataclass of the rows of ``table``; no I/O.

        Raises:
            ModelError: Nobody knows the type of a column, and ``strict`` is set.
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
        made.__module__ = __name__  # before Python 3.12 it would be ``types``
        return made
