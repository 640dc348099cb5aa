"""A Table that knows what was reflected of it, for which dialect, what it refers to, and what was emitted from it.

One object in the Table's ``__dict__`` holds all of that, and this module alone touches it. The functions here are no
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
        """Finds the class that a table is declared with."""

        def __call__(self, table: Any, emitter: str, options: Mapping[str, Any]) -> Any:
            """Return the class for a call of a method of ``table``, or None. ``Any``: the table of a higher floor."""
            ...

    class Emitter(Protocol[T_co]):
        """What ``emit_once`` needs of an emitter."""

        def emit(self, table: Any) -> T_co:  # Any: the table of a higher floor
            """Return what it makes of ``table``."""
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
"""A foreign key, and the schema and name that it refers to."""

KEY = "_lazy_alchemy"
"""The key of ``Reflected`` in a Table's ``__dict__``."""

# Emitting is rare and takes milliseconds; one lock for all tables keeps "the same call gives the same class" under
# threads.
emitting = threading.RLock()
survive_fork(emitting.acquire, emitting.release)


class Reflected:
    """What belongs to one Table beside what SQLAlchemy keeps.

    Attributes:
        info: What the reflector found.
        dialect: The name of the engine's dialect, or ``dialect+driver``; None where it is not known.
        references: Each foreign key with the schema and name that it refers to, as they were reflected.
        emitted: What was emitted, by emitter and by the call of a method.
        declarations: The declarations of the table in registries. Held weakly: a table lives as long as its engine, a
            class may go before.
        resolve: Returns the class that a declaration names, of a call of a method; see ``declare``.
    """

    def __init__(self, info: TableInfo, dialect: str | None, references: Sequence[Reference]) -> None:
        """Nothing is emitted or declared yet."""
        self.info = info
        self.dialect = dialect
        self.references = references
        self.emitted: dict[Hashable, Any] = {}  # Any: what an emitter makes
        self.declarations: weakref.WeakSet[Any] = weakref.WeakSet()  # Any: a LazyTable, known on a higher floor
        self.resolve: Resolve | None = None

    def __getstate__(self) -> tuple[TableInfo, str | None, Sequence[Reference]]:
        # Emitted classes are in no module where unpickling would find them.
        return self.info, self.dialect, self.references

    def __setstate__(self, state: tuple[TableInfo, str | None, Sequence[Reference]]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # its own state, and no subclass


class ReflectedTable(Table):
    """A Table that was made from a TableInfo."""

    @property
    def reflected(self) -> TableInfo:
        """What the reflector found out about the table."""
        return _of(self).info


def _of(table: Table) -> Reflected:
    state: Reflected = table.__dict__[KEY]
    return state


def is_complete(table: Table) -> bool:
    """Return whether ``attach`` was called for ``table``: before, SQLAlchemy is still making it."""
    return KEY in table.__dict__


def attach(table: Table, info: TableInfo, dialect: str | None, references: Sequence[Reference]) -> None:
    """Give ``table`` what it was made from; see ``Reflected``."""
    table.__dict__[KEY] = Reflected(info, dialect, references)


def references(table: Table) -> Sequence[Reference]:
    """Return each foreign key of ``table`` with the schema and name that it refers to, as they were reflected.

    SQLAlchemy itself cannot tell schema from name where one of them has a dot in it.
    """
    return _of(table).references


def column_infos(table: Table) -> Mapping[str, ColumnInfo]:
    """Return what was reflected of the columns, by name; nothing of a Table that no accessor loaded."""
    return {column.name: column for column in _of(table).info.columns} if is_complete(table) else {}


def refers_to(info: TableInfo) -> Iterator[tuple[str | None, str]]:
    """Yield the schema and name of each other table that a foreign key of ``info`` refers to."""
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
    """Return "postgresql", "mysql" (MariaDB too), "sqlite" or another dialect's name; None where it is not known.

    A table of an accessor knows it. Of any other table a column's type tells it, where only one dialect has that type.
    """
    name = _dialect(table).partition("+")[0]
    if not name:
        name = next((found for column in table.columns if (found := _dialect_of_type(column.type))), "")
    return _FAMILIES.get(name, name) if name else None


def driver_of(table: Table) -> str | None:
    """Return the driver of the engine that a table was loaded through; None where it is not known."""
    return _dialect(table).partition("+")[2] or None


def _dialect(table: Table) -> str:
    return (_of(table).dialect or "") if is_complete(table) else ""


def _dialect_of_type(type_: TypeEngine[Any]) -> str | None:  # Any: of whatever Python type
    package, _, rest = type(type_).__module__.partition("sqlalchemy.dialects.")
    return rest.partition(".")[0] if rest and not package else None


# -- What was emitted


def emitted_from(table: Table) -> dict[Hashable, Any]:
    """Return what was emitted from ``table``, by emitter and by call. ``Any``: what an emitter makes."""
    emitted: dict[Hashable, Any] = table.__dict__[KEY].emitted  # by itself: the whole cost of a repeated call
    return emitted


def emit_once(table: Table, emitter: Emitter[T]) -> T:
    """Return what ``emitter`` makes of ``table``; for equal hashable emitters it is made once. No I/O."""
    emitted: dict[Any, T] = _of(table).emitted  # Any: an emitter that may not be hashable
    try:
        return emitted[emitter]
    except KeyError:
        pass
    except TypeError:  # not hashable, or holding something that is not
        return emitter.emit(table)
    with emitting:
        if emitter not in emitted:
            emitted[emitter] = emitter.emit(table)
        return emitted[emitter]


# -- Declarations


def declare(table: Table, declaration: object, resolve: Resolve) -> None:
    """Let ``table`` know of a declaration of it, whose models are the table's.

    Args:
        table: The table.
        declaration: Its declaration, which is held weakly.
        resolve: Is asked for the declared class when a method is called.
    """
    state = _of(table)
    state.resolve = resolve
    if declaration not in state.declarations:
        state.declarations.add(declaration)
        # What a call gave before was made without regard to the declaration.
        for call in list(state.emitted):
            if isinstance(call, tuple):
                state.emitted.pop(cast("Hashable", call), None)  # pyright counts a tuple of unknown items as unknown


def declarations(table: Table) -> Sequence[Any]:
    """Return the declarations of ``table`` that are alive. ``Any``: they are known on a higher floor."""
    return list(_of(table).declarations)


def declared_class(table: Table, emitter: str, options: Mapping[str, Any]) -> Any:
    """Return the class that ``table`` is declared with, for the call of a method of its; None for none.

    Args:
        table: The table.
        emitter: The name of the emitter that would make one.
        options: The emitter's options. ``Any``: each has its own.
    """
    resolve: Callable[..., Any] | None = _of(table).resolve
    return None if resolve is None else resolve(table, emitter, options)
