"""The options that say what a SQL type is in Python, for the emitters whose classes have types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.types import TypeEngine  # noqa: TC002  what the annotations of a dataclass name must be there

from lazy_alchemy.emitters._fields.python_types import TypeMap, Unknown
from lazy_alchemy.emitters._fields.user_types import UserTypes

__all__ = ["TypedEmitter"]


@dataclass(frozen=True, kw_only=True)
class TypedEmitter:
    """The options of the type map.

    Attributes:
        types: Python types of your own, by SQLAlchemy type class or by the type's name in the database.
        unknown: Is called with a column whose type nobody knows, and returns its Python type, or None for ``Any``.
        strict: Whether a type that nobody knows is a ModelError. Otherwise it is ``Any``, and an UnknownTypeWarning
            names table, column and type.
    """

    types: Mapping[type[TypeEngine[Any]] | str, Any] = field(default_factory=UserTypes)
    unknown: Unknown | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Check the options, and keep ``types`` as what cannot change.

        Raises:
            TypeError: One of them is of a kind that cannot be.
        """
        if self.unknown is not None and not callable(self.unknown):
            raise TypeError(f"unknown={self.unknown!r} cannot be called; give a function of a column.")
        if not isinstance(self.types, UserTypes):
            if not isinstance(self.types, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
                raise TypeError(f"types={self.types!r} is not a mapping from SQL types to Python types.")
            object.__setattr__(self, "types", UserTypes(self.types))

    @property
    def _map(self) -> TypeMap:
        return TypeMap(UserTypes(self.types), self.unknown, self.strict)
