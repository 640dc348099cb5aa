"""The Python types that users choose for SQL types: ``PydanticEmitter(types={...})``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

__all__ = ["UserTypes", "checked_type", "spelling"]


class UserTypes(Mapping["type[TypeEngine[Any]] | str", Any]):
    """The Python types that a user chose for SQL types, immutable and hashable.

    A key is either a SQLAlchemy type class, which includes its subclasses, or the name of a type as the database spells
    it; case is ignored.
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[type[TypeEngine[Any]] | str, Any] | None = None) -> None:
        """Copy ``items``.

        Raises:
            TypeError: A key is neither a type class nor a name, or a value is not a type.
        """
        self._items: dict[type[TypeEngine[Any]] | str, Any] = {}
        self._hash: int | None = None
        for key, value in dict(items or {}).items():
            self._items[_key(key)] = checked_type(value, f"types: {value!r}, the value of {key!r},")

    def __getitem__(self, key: type[TypeEngine[Any]] | str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[type[TypeEngine[Any]] | str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return self._items == other._items if isinstance(other, UserTypes) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return repr(self._items)

    def find(self, type_: TypeEngine[Any], name: str | None = None) -> Any:
        """Return the Python type for ``type_``, or ``...`` if there is none. Names take precedence over classes.

        Args:
            type_: The type as SQLAlchemy reflects it.
            name: The database's name for it, if known.
        """
        if not self._items:
            return ...
        for candidate in _names(type_, name):
            if candidate in self._items:
                return self._items[candidate]
        for cls in type(type_).__mro__:
            if cls in self._items:
                return self._items[cls]
        return ...


def _key(key: object) -> type[TypeEngine[Any]] | str:
    if isinstance(key, str):
        return key.strip().lower()
    if isinstance(key, type) and issubclass(key, TypeEngine):
        known: type[TypeEngine[Any]] = key  # pyright: ignore[reportUnknownVariableType]  # issubclass does not narrow type arguments
        return known
    raise TypeError(
        f"types: {key!r} does not identify a SQL type; use a SQLAlchemy type class (INET, not INET()),"
        " or the type's name as the database spells it ('geometry')."
    )


def checked_type(value: Any, subject: str) -> Any:
    """Return ``value`` if it is a Python type. ``Any``: anything that is valid in an annotation.

    Raises:
        TypeError: It is not a type; the message begins with ``subject``.
    """
    try:
        optional: object = None if value is None else value | None  # as in the annotation of a nullable column
    except TypeError:
        optional = None
    if optional is None or _is_sql_type(value):
        raise TypeError(
            f"{subject} is not a Python type; use a class such as str, or another annotation such as list[int], not its"
            " name."
        )
    return value


def _is_sql_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, TypeEngine)


def _names(type_: TypeEngine[Any], name: str | None) -> Iterator[str]:
    if name is not None:
        yield name.lower()
        yield name.lower().partition("(")[0].strip()
    name_of_type = getattr(type_, "name", None)  # of an enum, a domain or a third party's type
    if isinstance(name_of_type, str):
        yield name_of_type.lower()
    if isinstance(type_, sqltypes.UserDefinedType):
        yield spelling(cast("TypeEngine[Any]", type_)).lower().partition("(")[0].strip()
    yield type(type_).__name__.lower()


def spelling(type_: TypeEngine[Any]) -> str:
    try:
        return str(type_)
    except Exception:  # noqa: BLE001  a third party's type may raise anything
        return type(type_).__name__
