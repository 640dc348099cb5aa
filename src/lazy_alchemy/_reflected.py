"""A Table's data beyond SQLAlchemy's own: its TableInfo, its dialect, its references, what was emitted from it.

All of it is in one object in the Table's ``__dict__``, which only this module touches. These are functions and not
methods, because every public attribute of a Table hides the column of that name.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Table

from lazy_alchemy._concurrency.forks import survive_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import Protocol

    from sqlalchemy import ForeignKeyConstraint
    from sqlalchemy.types import TypeEngine

    from lazy_alchemy._schema.tables import ColumnInfo, TableInfo

    T_co = TypeVar("T_co", covariant=True)

    class Resolve(Protocol):
        """Finds the declared class of a table."""

        def __call__(self, table: Any, emitter: str, options: Mapping[str, Any]) -> Any:
            """Return the declared class for a method call on ``table``, or None. ``Any``: a table of a higher floor."""
            ...

    class Emitter(Protocol[T_co]):
        """The part of an emitter that ``emit_once`` uses."""

        def emit(self, table: Any) -> T_co:  # Any: a table of a higher floor
            """Return the class or text made from ``table``."""
            ...


__all__ = [
    "Reflected",
    "ReflectedTable",
    "attach",
    "column_infos",
    "declarations",
    "declare",
    "declared_class",
    "dialect_of",
    "driver_of",
    "emit_once",
    "emitted_from",
    "emitting",
    "is_complete",
    "metadata_key",
    "references",
    "refers_to",
]

T = TypeVar("T")

Reference = tuple["ForeignKeyConstraint", tuple["str | None", str]]
"""A foreign key, with the schema and name of the table it refers to."""

KEY = "_lazy_alchemy"
"""The key of ``Reflected`` in a Table's ``__dict__``."""

# The same call must return the same class in all threads. Emitting is rare and takes milliseconds, so one lock for all
# tables is enough.
emitting = threading.RLock()
survive_fork(emitting.acquire, emitting.release)


class Reflected:
    """The data of one Table beyond SQLAlchemy's own.

    Attributes:
        info: The table as it was reflected.
        dialect: The name of the engine's dialect, or ``dialect+driver``; None if unknown.
        references: Each foreign key with the schema and name of the table it refers to, as they were reflected.
        emitted: What was emitted, by emitter and by method call.
        declarations: The declarations of the table in registries. Held weakly, because a table lives as long as its
            engine and a class may be gone sooner.
        resolve: Returns the declared class for a method call; see ``declare``.
    """

    def __init__(self, info: TableInfo, dialect: str | None, references: Sequence[Reference]) -> None:
        """Start with nothing emitted or declared."""
        self.info = info
        self.dialect = dialect
        self.references = references
        self.emitted: dict[Hashable, Any] = {}  # Any: each emitter has its own result
        self.declarations: weakref.WeakSet[Any] = weakref.WeakSet()  # Any: a LazyTable, which is on a higher floor
        self.resolve: Resolve | None = None

    def __getstate__(self) -> tuple[TableInfo, str | None, Sequence[Reference]]:
        # Without the emitted classes: unpickling would look for them in a module, and they are in none.
        return self.info, self.dialect, self.references

    def __setstate__(self, state: tuple[TableInfo, str | None, Sequence[Reference]]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # its own state, and no subclass


class ReflectedTable(Table):
    """A Table made from a TableInfo."""

    @property
    def reflected(self) -> TableInfo:
        """The table as it was reflected, as plain data."""
        return _of(self).info


def _of(table: Table) -> Reflected:
    state: Reflected = table.__dict__[KEY]
    return state


def is_complete(table: Table) -> bool:
    """Return whether ``attach`` was called: False while SQLAlchemy creates ``table``, or if no accessor loaded it."""
    return KEY in table.__dict__


def attach(table: Table, info: TableInfo, dialect: str | None, references: Sequence[Reference]) -> None:
    """Attach to ``table`` the data that it was made from; see ``Reflected``."""
    table.__dict__[KEY] = Reflected(info, dialect, references)


def references(table: Table) -> Sequence[Reference]:
    """Return each foreign key of ``table`` with the schema and name of the table it refers to, as they were reflected.

    SQLAlchemy itself cannot tell schema from name if one of them contains a dot.
    """
    return _of(table).references


def column_infos(table: Table) -> Mapping[str, ColumnInfo]:
    """Return the reflected columns by name; none for a Table that no accessor loaded."""
    return {column.name: column for column in _of(table).info.columns} if is_complete(table) else {}


def refers_to(info: TableInfo) -> Iterator[tuple[str | None, str]]:
    """Yield the schema and name of each other table that the foreign keys of ``info`` refer to."""
    for key in info.foreign_keys:
        target = (key.referred_schema, key.referred_table)
        if target != (info.schema, info.name):
            yield target


def metadata_key(schema: str | None, name: str) -> str:
    """Return the key of a table in ``MetaData.tables``."""
    return name if schema is None else f"{schema}.{name}"


# -- The dialect: what a model may promise depends on what the database enforces

_FAMILIES = {"mariadb": "mysql"}


def dialect_of(table: Table) -> str | None:
    """Return "postgresql", "mysql" (MariaDB too), "sqlite" or another dialect's name; None if unknown.

    A table loaded by an accessor knows its dialect. For other tables it is inferred from column types that only one
    dialect has.
    """
    name = _dialect(table).partition("+")[0]
    if not name:
        name = next((found for column in table.columns if (found := _dialect_of_type(column.type))), "")
    return _FAMILIES.get(name, name) if name else None


def driver_of(table: Table) -> str | None:
    """Return the driver of the engine that loaded ``table``; None if unknown."""
    return _dialect(table).partition("+")[2] or None


def _dialect(table: Table) -> str:
    return (_of(table).dialect or "") if is_complete(table) else ""


def _dialect_of_type(type_: TypeEngine[Any]) -> str | None:  # Any: of any Python type
    package, _, rest = type(type_).__module__.partition("sqlalchemy.dialects.")
    return rest.partition(".")[0] if rest and not package else None


# -- What was emitted


def emitted_from(table: Table) -> dict[Hashable, Any]:
    """Return what was emitted from ``table``, by emitter and by call. ``Any``: each emitter has its own result."""
    emitted: dict[Hashable, Any] = table.__dict__[KEY].emitted  # no ``_of``: this is all that a repeated call costs
    return emitted


def emit_once(table: Table, emitter: Emitter[T]) -> T:
    """Emit from ``table``, once for all equal hashable emitters, and return the result. No I/O."""
    emitted: dict[Any, T] = _of(table).emitted  # Any: an emitter that may not be hashable
    try:
        return emitted[emitter]
    except KeyError:
        pass
    except TypeError:  # not hashable, or contains something that is not
        return emitter.emit(table)
    with emitting:
        if emitter not in emitted:
            emitted[emitter] = emitter.emit(table)
        return emitted[emitter]


# -- Declarations


def declare(table: Table, declaration: object, resolve: Resolve) -> None:
    """Register a declaration of ``table``, so that the methods of ``table`` return the declared models.

    Args:
        table: The table.
        declaration: Its declaration; held weakly.
        resolve: Returns the declared class when a method is called.
    """
    state = _of(table)
    state.resolve = resolve
    if declaration not in state.declarations:
        state.declarations.add(declaration)
        # The results of earlier calls disregard the declaration.
        for call in list(state.emitted):
            if isinstance(call, tuple):
                state.emitted.pop(cast("Hashable", call), None)  # pyright counts a tuple of unknown items as unknown


def declarations(table: Table) -> Sequence[Any]:
    """Return the declarations of ``table`` that are still alive. ``Any``: their class is on a higher floor."""
    return list(_of(table).declarations)


def declared_class(table: Table, emitter: str, options: Mapping[str, Any]) -> Any:
    """Return the declared class for a method call on ``table``; None if there is none.

    Args:
        table: The table.
        emitter: The name of the emitter that the method uses.
        options: The emitter's options. ``Any``: each has its own.
    """
    resolve: Callable[..., Any] | None = _of(table).resolve
    return None if resolve is None else resolve(table, emitter, options)
