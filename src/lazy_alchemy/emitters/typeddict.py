"""TypedDict classes of tables: rows as dicts, by the columns' own names."""

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
    """Makes a TypedDict of a table, whose keys are the names of the columns: what ``row._mapping`` has.

    Attributes:
        shape: What the dict describes.

            - ``"row"``: a row as the database gives it, every key required.
            - ``"partial"``: some columns of a row, as in a PATCH, no key required.
            - ``"insert"``: a row to be inserted. Keys are not required where NULL is possible or the database fills in
              the value; what it alone may fill in is left out.
        types: Python types of your own, by SQLAlchemy type class or by the type's name in the database.
        unknown: Is called with a column whose type nobody knows, and returns its Python type, or None for ``Any``.
        strict: Whether a type that nobody knows is a ModelError. Otherwise it is ``Any``, and an UnknownTypeWarning
            names table, column and type.
    """

    shape: _Shape = "row"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ModelError: ``shape`` is not one of the three.
            TypeError: One of those about types is of a kind that cannot be.
        """
        super().__post_init__()
        if self.shape not in get_args(_Shape):
            raise ModelError(f"shape={self.shape!r} is no shape of a dict; it is one of {', '.join(get_args(_Shape))}.")

    def emit(self, table: Table) -> type[dict[str, Any]]:  # Any: no checker knows the keys
        """Return a new TypedDict class of ``table``; no I/O.

        Raises:
            ModelError: Nobody knows the type of a column, and ``strict`` is set.
        """
        keys: dict[str, Any] = {}
        for one in model_fields(table, self._map):
            if self.shape != "row" and one.generated:
                continue
            type_ = one.row_type if self.shape == "row" or one.nullable else one.python_type
            keys[str(one.column.name)] = type_ if self._requires(one) else NotRequired[type_]
        make: Any = TypedDict  # the checkers know only calls whose arguments are literal
        made: type[dict[str, Any]] = make(class_name(table.name, _SUFFIXES[self.shape]), keys)
        made.__module__ = __name__
        made.__doc__ = table.comment
        return made

    def _requires(self, one: ModelField) -> bool:
        if self.shape == "insert":
            return not (one.nullable or one.filled)
        return self.shape == "row"
