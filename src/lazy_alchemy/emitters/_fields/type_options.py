"""The options that map SQL types to Python types, shared by the emitters of typed classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.types import TypeEngine  # noqa: TC002  a dataclass's annotations are resolved at run time

from lazy_alchemy.emitters._fields.python_types import TypeMap, Unknown
from lazy_alchemy.emitters._fields.user_types import UserTypes

__all__ = ["TypedEmitter"]


@dataclass(frozen=True, kw_only=True)
class TypedEmitter:
    """The options of the type map.

    Attributes:
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    types: Mapping[type[TypeEngine[Any]] | str, Any] = field(default_factory=UserTypes)
    unknown: Unknown | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Check the options, and copy ``types`` into an immutable mapping.

        Raises:
            TypeError: An option has the wrong type.
        """
        if self.unknown is not None and not callable(self.unknown):
            raise TypeError(f"unknown={self.unknown!r} is not callable; pass a function of a column.")
        if not isinstance(self.types, UserTypes):
            if not isinstance(self.types, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
                raise TypeError(f"types={self.types!r} is not a mapping from SQL types to Python types.")
            object.__setattr__(self, "types", UserTypes(self.types))

    @property
    def _map(self) -> TypeMap:
        return TypeMap(UserTypes(self.types), self.unknown, self.strict)
