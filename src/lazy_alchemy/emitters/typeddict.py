"""TypedDict classes of tables: rows as dicts, keyed by column name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from typing_extensions import NotRequired, TypedDict

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._fields.fields import ModelField, model_fields
from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._fields.type_options import TypedEmitter

if TYPE_CHECKING:
    from sqlalchemy import Table

__all__ = ["TypedDictEmitter"]

_Shape = Literal["row", "partial", "insert"]

_SUFFIXES: dict[_Shape, str] = {"row": "", "partial": "Partial", "insert": "Insert"}


@dataclass(frozen=True, kw_only=True)
class TypedDictEmitter(TypedEmitter):
    """Creates a TypedDict of a table. Its keys are the column names, as in ``row._mapping``.

    Attributes:
        shape: The kind of dict.

            - ``"row"``: a row as read from the database; every key is required.
            - ``"partial"``: some columns of a row, as in a PATCH request; no key is required.
            - ``"insert"``: a row to insert. Keys of nullable columns, and of those that the database can fill in, are
              not required; there is no key for columns that only the database may fill in.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    shape: _Shape = "row"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ModelError: ``shape`` is not one of the three.
            TypeError: ``types`` or ``unknown`` has the wrong type.
        """
        super().__post_init__()
        if self.shape not in get_args(_Shape):
            raise ModelError(f"shape={self.shape!r} is not a dict shape; use one of {', '.join(get_args(_Shape))}.")

    def emit(self, table: Table) -> type[dict[str, Any]]:  # Any: type checkers cannot know the keys
        """Return a new TypedDict class for ``table``; no I/O.

        Raises:
            ModelError: The SQL type of a column is unknown, and ``strict`` is set.
        """
        keys: dict[str, Any] = {}
        for one in model_fields(table, self._map):
            if self.shape != "row" and one.generated:
                continue
            type_ = one.row_type if self.shape == "row" or one.nullable else one.python_type
            keys[str(one.column.name)] = type_ if self._requires(one) else NotRequired[type_]
        make: Any = TypedDict  # Any: type checkers only accept literal arguments
        made: type[dict[str, Any]] = make(class_name(table.name, _SUFFIXES[self.shape]), keys)
        made.__module__ = __name__
        made.__doc__ = table.comment
        return made

    def _requires(self, one: ModelField) -> bool:
        if self.shape == "insert":
            return not (one.nullable or one.filled)
        return self.shape == "row"
