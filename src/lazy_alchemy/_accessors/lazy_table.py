"""``LazyTable``: one declared table of a registry."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Generic, overload

from typing_extensions import Self

from lazy_alchemy._type_parameters import ChangeT_co, ColumnsT_co, InsertT_co, ModelT_co, RowT_co

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import Protocol

    from lazy_alchemy._tables import CustomTable

    class Threaded(Protocol):
        """An accessor whose items are tables."""

        def __getitem__(self, name: str, /) -> CustomTable[Any, Any, Any]:  # Any: of any columns
            """Return a table."""
            ...

    class Awaited(Protocol):
        """An accessor whose items are awaitables of tables."""

        def __getitem__(self, name: str, /) -> Awaitable[CustomTable[Any, Any, Any]]:  # Any: of any columns
            """Return an awaitable of a table."""
            ...


__all__ = ["LazyTable", "checked_name"]


class LazyTable(Generic[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]):
    """A declared table of a ``LazyDB`` class, loaded when it is first read from an instance.

    ``users: LazyTable`` is enough. If the table's name differs from the attribute's, write
    ``order_items: LazyTable = LazyTable(name="order-items")``.
    """

    def __init__(self, *, name: str | None = None) -> None:
        """Declare a table.

        Args:
            name: The table's name; None if it is the attribute's.
        """
        self._name = checked_name("LazyTable(name=...)", name)
        self._attribute: str | None = None
        self._owner: weakref.ref[type] | None = None

    def __set_name__(self, owner: type, attribute: str) -> None:
        """Store the attribute's name and the class."""
        self._attribute = attribute
        self._owner = weakref.ref(owner)

    @property
    def owner(self) -> type | None:
        """The class whose body declares the table."""
        return None if self._owner is None else self._owner()

    @property
    def attribute(self) -> str:
        """The name of the attribute that declares the table."""
        return self._attribute if self._attribute is not None else self.name

    @property
    def name(self) -> str:
        """The table's name in the database."""
        name = self._name if self._name is not None else self._attribute
        if name is None:
            raise AttributeError("a LazyTable has no name until a class body declares it")
        return name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self, instance: Threaded, owner: type | None = None
    ) -> CustomTable[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]: ...
    @overload
    def __get__(
        self, instance: Awaited, owner: type | None = None
    ) -> Awaitable[CustomTable[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]]: ...
    def __get__(self, instance: Threaded | Awaited | None, owner: type | None = None) -> object:
        """Return the table, loading it if needed, or an awaitable of it; on the class, return the declaration.

        It is mainly for type checkers. Python calls it only if the declaration is an attribute of the class (see
        ``LazyDBMeta``). If a subclass declares another table under that name, that declaration counts for the subclass.
        """
        cls = owner if instance is None else type(instance)
        tables: Mapping[str, LazyTable] = getattr(cls, "__tables__", {})
        declared = tables.get(self.attribute, self) if self._attribute is not None else self
        return declared if instance is None else instance[declared.name]

    def __repr__(self) -> str:
        return f"LazyTable(name={self._name!r})" if self._name is not None else "LazyTable()"


def checked_name(what: str, name: object) -> str | None:
    """Return ``name`` if it is None or text that is not empty.

    Args:
        what: The argument, for the message.
        name: Its value.

    Raises:
        TypeError: It is neither.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise TypeError(f"{what} takes a name, not {name!r}")
    return name
