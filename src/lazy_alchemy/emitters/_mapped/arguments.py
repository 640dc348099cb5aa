"""Checks of the options of mapped classes: base classes, related tables, primary keys. Pure, no I/O."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, cast

from sqlalchemy import Table
from sqlalchemy.exc import NoReferenceError

from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import ReflectedTable
from lazy_alchemy.emitters._mapped.relationships import unique_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column

__all__ = [
    "check_attributes",
    "check_init",
    "has_circular_key",
    "is_loaded",
    "key_columns",
    "key_names",
    "per_table",
    "related_tables",
]

_T = TypeVar("_T")


# Checks of values from untyped callers. Unlike isinstance, they do not narrow to ``Table[Unknown]``.


def is_table(value: object) -> TypeGuard[Table]:
    """Return whether ``value`` is a Table of any kind."""
    return isinstance(value, Table)


def is_loaded(value: object) -> TypeGuard[ReflectedTable]:
    """Return whether ``value`` is a table from an accessor."""
    return isinstance(value, ReflectedTable)


def is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    """Return whether ``value`` can be iterated over."""
    return isinstance(value, Iterable)


def related_tables(option: object) -> frozenset[ReflectedTable]:
    """Return the tables of the option ``relationships=``.

    Raises:
        ModelError: It is not a collection of an accessor's tables.
    """
    remedy = "relationships= takes the tables to relate, such as relationships=[db.users, db.order_items]"
    if isinstance(option, str) or is_table(option) or not is_iterable(option):
        raise ModelError(f"{remedy}, not {_shown(option)}.")
    tables: set[ReflectedTable] = set()
    for table in option:
        if not is_loaded(table):
            hint = " Await it first." if hasattr(table, "__await__") else ""
            raise ModelError(f"{remedy}; {_shown(table)} is not one of them.{hint}")
        tables.add(table)
    return frozenset(tables)


def per_table(option: object, name: str, value_of: Callable[[object], _T]) -> frozenset[tuple[Table | None, _T]]:
    """Return an option as pairs of a table and a value; the table is None if the option is not a mapping.

    Raises:
        ModelError: A key of the mapping is not a table, or ``value_of`` rejects a value.
    """
    if not isinstance(option, Mapping):
        return frozenset({(None, value_of(option))})
    pairs: set[tuple[Table | None, _T]] = set()
    for table, value in cast("Mapping[object, object]", option).items():
        if not is_table(table):
            raise ModelError(f"The keys of the mapping {name}= are tables, such as db.users, not {_shown(table)}.")
        pairs.add((table, value_of(value)))
    return frozenset(pairs)


def key_names(option: object) -> tuple[str, ...]:
    """Return the column names of the option ``primary_key=``, which may be empty.

    Raises:
        ModelError: It is not a collection of names, or contains one twice.
    """
    names = tuple(option) if is_iterable(option) else ()
    if isinstance(option, str) or not is_iterable(option) or not all(isinstance(name, str) for name in names):
        example = f"({option!r},)" if isinstance(option, str) else '("id", "line")'
        raise ModelError(
            f"primary_key= takes the names of columns, such as primary_key={example}, not {_shown(option)}."
        )
    if len(set(names)) < len(names):
        raise ModelError(f"primary_key={names!r} names a column twice.")
    return cast("tuple[str, ...]", names)


def has_circular_key(table: Table) -> bool:
    """Return whether columns of the primary key refer to each other in a circle, within the table.

    SQLAlchemy leaves a column that refers to another column of the key out of the key, and so would leave out all of
    them.
    """
    primary_key = list(table.primary_key.columns)
    refers: dict[Column[Any], set[Column[Any]]] = {
        column: set() for column in primary_key
    }  # Any: columns of any Python type
    for column in primary_key:
        for key in column.foreign_keys:
            with suppress(NoReferenceError):  # it refers to a table that is not loaded
                if key.column is not column and key.column in refers:
                    refers[column].add(key.column)
    while leaves := [column for column, others in refers.items() if not others]:
        for leaf in leaves:
            del refers[leaf]
        for others in refers.values():
            others.difference_update(leaves)
    return bool(refers)


def key_columns(table: Table, names: tuple[str, ...], call: str, *, related: bool = False) -> list[Column[Any]]:
    """Return the columns that identify a row of ``table``.

    Args:
        table: The table.
        names: The column names that the caller passed, possibly none.
        call: The method's name, for the message.
        related: Whether the call also passes relationships.

    Raises:
        ModelError: The table has no primary key and none was passed, or the columns passed cannot be one.
    """
    primary_key = list(table.primary_key.columns)
    is_view = is_loaded(table) and table.reflected.kind.is_view
    if not names:
        if primary_key:
            return primary_key
        likely = _likely_key(table, is_view=is_view)
        options = (
            f"relationships=..., primary_key={{{table.name}: {likely!r}}}" if related else f"primary_key={likely!r}"
        )
        how = (
            f"Name the columns that do: {call}({options}); its columns are {_columns(table)}. Or read"
            if likely
            else "All of its columns may be NULL, so none of them can be a key: read"
        )
        raise ModelError(
            f"{table.fullname!r} has no primary key, which a mapped class needs to identify its rows."
            f" {how} its rows with as_pydantic()."
        )
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise ModelError(
            f"primary_key={names!r}: {table.fullname!r} has no column {unknown[0]!r}. Its columns are"
            f" {_columns(table)}."
        )
    chosen = [table.columns[name] for name in names]
    if primary_key:
        if set(primary_key) == set(chosen):
            return primary_key
        key = ", ".join(repr(str(column.name)) for column in primary_key)
        raise ModelError(f"{table.fullname!r} has the primary key {key}: omit primary_key=.")
    # Databases report a view's columns as nullable even if they are never NULL.
    nullable = [column for column in chosen if column.nullable and not is_view]
    if nullable:
        raise ModelError(
            f"primary_key={names!r}: column {str(nullable[0].name)!r} of {table.fullname!r} may be NULL, but a"
            " primary key column must not be. Name columns that are NOT NULL."
        )
    return chosen


def _likely_key(table: Table, *, is_view: bool) -> tuple[str, ...]:
    """Return the key to suggest: a unique NOT NULL key, else all NOT NULL columns; for a view, a placeholder."""
    unique = sorted(
        (
            tuple(str(column.name) for column in table.columns if column in key)
            for key in unique_keys(table)
            if not any(column.nullable for column in key)
        ),
        key=lambda names: (len(names), names),
    )
    if unique:
        return unique[0]
    return ("...",) if is_view else tuple(str(column.name) for column in table.columns if not column.nullable)


def _columns(table: Table) -> str:
    return ", ".join(repr(str(column.name)) for column in table.columns)


def check_attributes(base: type[Any], known: type[Any], attributes: Mapping[str, str], table: Table) -> None:
    """Refuse a base class whose attributes conflict with those of the mapped class.

    Args:
        base: The user's base class.
        known: An ancestor of it that is not the user's; its attributes are not checked.
        attributes: Descriptions of the mapped class's attributes, by name.
        table: The table, for the message.

    Raises:
        ModelError: There is a conflict.
    """
    for owner in (owner for owner in base.__mro__ if owner not in known.__mro__):
        for name in {**vars(owner), **vars(owner).get("__annotations__", {})}:
            if name in attributes:
                raise ModelError(
                    f"base={base.__name__}: its attribute {name!r} conflicts with {attributes[name]} of"
                    f" {table.fullname!r}. Rename or remove it in {owner.__name__}."
                )


def check_init(base: type[Any], known: type[Any]) -> None:
    """Refuse a base class whose ``__init__`` does not accept arbitrary keyword arguments, as the mapped class's does.

    Args:
        base: The user's base class.
        known: An ancestor of it that is not the user's; its ``__init__`` is accepted.

    Raises:
        ModelError: Its ``__init__`` does not take ``**values``.
    """
    owner = next(owner for owner in base.__mro__ if "__init__" in vars(owner))
    if owner in known.__mro__:
        return
    parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        whose = "its __init__" if owner is base else f"the __init__ of {owner.__name__}"
        raise ModelError(
            f"base={base.__name__}: {whose} overrides that of the mapped class, but does not take the columns as"
            " keyword arguments. Remove it, or let it take **values and call super().__init__(**values)."
        )


def _shown(value: object) -> str:
    if is_table(value):
        return f"the table {value.fullname!r}"
    return f"{value!r}" if isinstance(value, (str, bool, int, type(None))) else f"an instance of {type(value).__name__}"
