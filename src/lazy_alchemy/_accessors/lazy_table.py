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
        """An accessor that gives tables."""

        def __getitem__(self, name: str, /) -> CustomTable[Any, Any, Any]:  # Any: of whatever table
            """Return a table."""
            ...

    class Awaited(Protocol):
        """An accessor that gives awaitables of tables."""

        def __getitem__(self, name: str, /) -> Awaitable[CustomTable[Any, Any, Any]]:  # Any: of whatever table
            """Return an awaitable of a table."""
            ...


__all__ = ["LazyTable", "checked_name"]


class LazyTable(Generic[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]):
    """A declared table of a ``LazyDB`` class: loaded when it is first read from an instance.

    ``users: LazyTable`` is enough; ``order_items: LazyTable = LazyTable(name="order-items")`` where the table is not
    called as the attribute is.
    """

    def __init__(self, *, name: str | None = None) -> None:
        """Declare a table.

        Args:
            name: The table's name; None for the attribute's.
        """
        self._name = checked_name("LazyTable(name=...)", name)
        self._attribute: str | None = None
        self._owner: weakref.ref[type] | None = None

    def __set_name__(self, owner: type, attribute: str) -> None:
        """Take the attribute's name."""
        self._attribute = attribute
        self._owner = weakref.ref(owner)

    @property
    def owner(self) -> type | None:
        """The class whose body declares it."""
        return None if self._owner is None else self._owner()

    @property
    def attribute(self) -> str:
        """The name of the attribute that it is."""
        return self._attribute if self._attribute is not None else self.name

    @property
    def name(self) -> str:
        """The table's name in the database."""
        name = self._name if self._name is not None else self._attribute
        if name is None:
            raise AttributeError("a LazyTable has no name before it is in a class body")
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
        """Return the table, loading it if need be, or an awaitable of it; on the class, the declaration itself.

        Type checkers read it; it is called where Python had to be shown the declaration (see ``LazyDBMeta``). That may
        have been after a subclass declared a table of its own by that name, which is what counts for the subclass.
        """
        cls = owner if instance is None else type(instance)
        tables: Mapping[str, LazyTable] = getattr(cls, "__tables__", {})
        declared = tables.get(self.attribute, self) if self._attribute is not None else self
        return declared if instance is None else instance[declared.name]

    def __repr__(self) -> str:
        return f"LazyTable(name={self._name!r})" if self._name is not None else "LazyTable()"


def checked_name(what: str, name: object) -> str | None:
    """Return ``name`` if it is a name or None.

    Args:
        what: What takes it, for the message.
        name: What was given.

    Raises:
        TypeError: It is neither.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise TypeError(f"{what} takes a name, not {name!r}")
    return name
