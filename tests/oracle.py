"""The one comparison of a table that we loaded with the one that SQLAlchemy reflects by itself.

``describe`` turns a table into a flat mapping from a path (``column 'id' . type . length``) to plain data, by walking
over everything that the table, its columns, types, constraints and indexes hold. What is left out is named here with
the reason; what a later SQLAlchemy adds is compared unasked.

The order of constraints and of indexes has no meaning and is not compared; that of columns, also within a key, is.
Lists and tuples are the same, because SQLAlchemy only iterates over them.
"""

from __future__ import annotations

import enum
import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from lazy_alchemy._reflected import KEY

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

__all__ = ["assert_equal", "describe", "differences"]

Description = Mapping[str, object]

# No limit on names: the error names the first that is too long, and constraints have no order.
_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(max_identifier_length=9999),
    "postgresql": postgresql.dialect(max_identifier_length=9999),
    "mysql": mysql.dialect(max_identifier_length=9999),
}

# What an object holds and is not compared.
_LINKS = {"table", "parent", "constraint", "column", "dispatch", "elements", "columns", "_columns"}  # described apart
_ORDER = {"_creation_order"}  # a counter of the process
_LEFTOVERS = {
    "_pending_colargs",
    "_column_flag",
    "_colspec",
    "_given_tokens",
    "_table_column",
    "_memoized_keys",
    "_proxies",
    "_cols_wo_table",
    # SQLAlchemy fills in the key that the Table made beforehand, whose DDL then puts an autoincrement column first;
    # ours is made with its columns, and its DDL keeps the database's order.
    "_implicit_generated",
}
_APART = {
    "dialect_options",
    "dialect_kwargs",
    "foreign_keys",
    "constraints",
    "indexes",
    "primary_key",
    "c",
    "type",
    "info",
}
_OF_INDEX = {"expressions", "_table_bound_expressions", "unique"}  # unique: SQLite says 0 for False
_IGNORED = _LINKS | _ORDER | _LEFTOVERS | _APART
_OURS = {KEY}  # what a CustomTable adds
_IGNORED_OF_TABLE = _IGNORED | _OURS | {"metadata", "fullname"}
_PERMITTED = {"use_alter"}  # True while the referenced table is not loaded


def differences(ours: Table, theirs: Table) -> list[str]:
    """Return a sentence for each thing in which ``ours`` is not like ``theirs``; none where they are equal.

    What follows from a table, its DDL and the texts of its types, is compared too. As nearly every difference shows
    there again, it is reported only where nothing else is: such a table differs in something that ``describe`` does
    not know.
    """
    found = _compared(describe(ours), describe(theirs))
    return found or _compared(_derived(ours), _derived(theirs))


def assert_equal(ours: Table, theirs: Table) -> None:
    """Fail, naming every difference, unless the tables are equal."""
    found = differences(ours, theirs)
    assert not found, f"{theirs.fullname!r} differs:\n  " + "\n  ".join(found)


def _compared(ours: Description, theirs: Description) -> list[str]:
    missing = "(absent)"
    return [
        f"{path}: {_shown(ours.get(path, missing))} instead of {_shown(theirs.get(path, missing))}"
        for path in sorted(ours.keys() | theirs.keys())
        # repr as well: True equals 1
        if path not in ours
        or path not in theirs
        or ours[path] != theirs[path]
        or (repr(ours[path]) != repr(theirs[path]) and not isinstance(ours[path], dict))
    ]


def _shown(value: object) -> str:
    return value if value == "(absent)" else repr(value)  # type: ignore[return-value]


def describe(table: Table) -> Description:
    """Return everything that ``table`` holds, by path."""
    description: dict[str, object] = {}
    for path, value in _table(table):
        assert path not in description, path
        description[path] = value
    return description


def _table(table: Table) -> Iterator[tuple[str, object]]:
    yield "metadata has it", table.metadata.tables.get(table.key) is table
    yield from _held(table, "", table, _IGNORED_OF_TABLE)
    yield "columns", [column.name for column in table.columns]
    yield "keys", list(table.columns.keys())
    yield "autoincrement column", table.autoincrement_column is not None and table.autoincrement_column.name
    for column in table.columns:
        yield from _column(column, f"column {column.name!r}", table)
    seen: dict[str, int] = {}
    for path, item in sorted(_named(table), key=lambda pair: (pair[0], repr(list(_item(pair[1], "", table))))):
        seen[path] = seen.get(path, 0) + 1
        yield from _item(item, path if seen[path] == 1 else f"{path} ({seen[path]})", table)
    yield "primary key is a constraint", table.primary_key in table.constraints
    yield "foreign keys", sorted(_target(key) for key in table.foreign_keys)


def _named(table: Table) -> Iterator[tuple[str, Constraint | Index]]:
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint):
            yield "primary key", constraint
        else:
            kind = next(
                (
                    kind
                    for cls, kind in (
                        (ForeignKeyConstraint, "foreign key"),
                        (UniqueConstraint, "unique"),
                        (CheckConstraint, "check"),
                    )
                    if isinstance(constraint, cls)
                ),
                "constraint",
            )
            columns = () if isinstance(constraint, CheckConstraint) else tuple(_column_names(constraint))
            yield f"{kind} {constraint.name!r}" if constraint.name else f"{kind} of {columns}", constraint
    for index in table.indexes:
        yield f"index {index.name!r}", index


def _column(column: Column[Any], path: str, table: Table) -> Iterator[tuple[str, object]]:
    generated = column.identity if column.identity is not None else column.computed
    twice = set() if generated is None else {"server_default", "server_onupdate"}
    yield from _held(column, path, table, _IGNORED | twice)
    yield from _type(column.type, f"{path} . type", table)
    yield f"{path} . primary_key", column.primary_key
    for name in sorted(twice):
        value = getattr(column, name)
        yield f"{path} . {name}", "the generation" if value is not None and value is generated else _class(value)
    yield f"{path} . foreign_keys", sorted(_target(key) for key in column.foreign_keys)
    yield f"{path} . constraints", len(column.constraints)
    yield f"{path} . in its table", column.table is table
    for name, value in (
        ("server_default", column.server_default),
        ("identity", column.identity),
        ("computed", column.computed),
    ):
        if value is not None:
            yield f"{path} . {name} . in its column", getattr(value, "column", column) is column


def _column_names(item: Constraint | Index) -> list[str]:
    return [column.name for column in getattr(item, "columns", ())]


def _item(item: Constraint | Index, path: str, table: Table) -> Iterator[tuple[str, object]]:
    apart = _OF_INDEX if isinstance(item, Index) else set()
    yield from _held(item, path, table, _IGNORED | _PERMITTED | apart)
    yield f"{path} . columns", _column_names(item)
    yield f"{path} . table", getattr(item, "table", None) is table
    if isinstance(item, ForeignKeyConstraint):
        yield f"{path} . column keys", list(item.column_keys)
        for number, element in enumerate(item.elements):
            at = f"{path} . element {number}"
            yield f"{at} . target", _target(element)
            yield f"{at} . parent", element.parent.name
            yield from _held(element, at, table, _IGNORED | _PERMITTED)
    if isinstance(item, Index):
        yield f"{path} . unique", bool(item.unique)
        yield f"{path} . expressions", [_compiled(expression) for expression in item.expressions]


def _tokens(key: ForeignKey) -> tuple[str | None, str, str]:
    """Return the schema, table and column that a foreign key points to."""
    # target_fullname cannot tell a dot in a name from a separator, and SQLAlchemy 2.0 has nothing better in public.
    found: Any = getattr(key, "target_tokens", None) or key._column_tokens
    schema, table, column = found
    return schema, table, column


def _target(key: ForeignKey) -> str:
    return repr(_tokens(key))


def _held(item: object, path: str, table: Table, ignored: set[str]) -> Iterator[tuple[str, object]]:
    """Describe the class, every attribute and the dialect options of one of SQLAlchemy's objects."""
    start = f"{path} . " if path else ""
    yield f"{start}class", _class(item) if not isinstance(item, Table) else "Table"
    for name, value in _state(item):
        if name not in ignored:
            yield from _value(value, f"{start}{name}", table)
    if vars(item).get("info"):
        yield f"{start}info", dict(vars(item)["info"])
    for key, value in getattr(item, "dialect_kwargs", {}).items():
        yield from _value(value, f"{start}{key}", table)


def _class(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _state(item: object) -> list[tuple[str, object]]:
    """Return the instance's attributes, without those that are only a memory of something computed."""
    return [(name, value) for name, value in sorted(vars(item).items()) if not _memoised(type(item), name)]


@lru_cache(maxsize=10_000)  # to look a name up in a class without asking it takes longer than all the rest
def _memoised(cls: type, name: str) -> bool:
    if name in {"type", "info"}:  # memoised by a base class, and set by this one
        return False
    in_class = inspect.getattr_static(cls, name, None)
    return hasattr(in_class, "__get__") and not hasattr(in_class, "__set__") and not callable(in_class)


def _value(value: object, path: str, table: Table) -> Iterator[tuple[str, object]]:
    """Describe the value of an attribute, whatever it is."""
    if isinstance(value, str):
        yield path, str(value)
        if getattr(value, "quote", None) is not None:
            yield f"{path} . quote", value.quote  # type: ignore[attr-defined]  # only a quoted_name has it
    elif _plain(value):
        yield path, list(value) if isinstance(value, tuple) else value
    elif isinstance(value, TypeEngine):
        yield from _type(value, path, table)
    elif isinstance(value, Column):
        yield path, f"column {value.name!r} of {value.table}"
    elif isinstance(value, ClauseElement) and not hasattr(value, "_creation_order"):
        yield path, (_class(value), _compiled(value))
    elif isinstance(value, Mapping):
        yield f"{path} . keys", sorted(map(repr, value))
        for key, entry in value.items():
            yield from _value(entry, f"{path}[{key!r}]", table)
    elif isinstance(value, (list, tuple)):
        yield f"{path} . length", len(value)
        for number, entry in enumerate(value):
            yield from _value(entry, f"{path}[{number}]", table)
    elif isinstance(value, (set, frozenset)):
        yield path, sorted(repr(list(_value(entry, "", table))) for entry in value)
    elif isinstance(value, MetaData):
        yield path, "the table's MetaData" if value is table.metadata else "another MetaData"
    elif isinstance(value, type) or inspect.isroutine(value):
        yield path, f"{value.__module__}.{value.__qualname__}"
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("sqlalchemy."):
        yield from _held(value, path, table, _IGNORED)
    else:
        yield path, re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(entry) for entry in value)
    if isinstance(value, dict):
        return all(_plain(entry) for pair in value.items() for entry in pair)
    return value is None or isinstance(value, (bool, int, float, str, bytes, enum.Enum))


def _type(type_: TypeEngine[Any], path: str, table: Table) -> Iterator[tuple[str, object]]:
    yield f"{path} . class", _class(type_)
    for name, value in _state(type_):
        if name != "dispatch":
            yield from _value(value, f"{path} . {name}", table)


def _compiled(element: Any) -> str:
    return _rendered(element, None)


def _rendered(item: Any, dialect: Dialect | None) -> str:
    """Return the SQL text; where there is none (a NullType, another dialect's type), what is said about it."""
    try:
        return str(item.compile(dialect=dialect))
    except Exception as error:  # whatever it is, the other table must give it too
        return f"{type(error).__name__}: {error}"


def _derived(table: Table) -> Description:
    """Return the table's DDL in each dialect, and its types' own texts.

    The lines of a CREATE TABLE are sorted, since constraints have no order.
    """
    creation = _creation(table)
    description: dict[str, object] = {
        f"column {column.name!r} . type . repr": repr(column.type) for column in table.columns
    }
    for name, dialect in _DIALECTS.items():
        description[f"{name}: CREATE TABLE"] = _lines(_created(creation, dialect))
        description[f"{name}: types"] = [_rendered(column.type, dialect) for column in table.columns]
        description[f"{name}: CREATE INDEX"] = sorted(_rendered(CreateIndex(index), dialect) for index in table.indexes)
        comments = [SetTableComment(table), *(SetColumnComment(column) for column in table.columns if column.comment)]
        description[f"{name}: COMMENT ON"] = [_rendered(comment, dialect) for comment in comments]
    return description


def _created(creation: CreateTable, dialect: Dialect) -> list[str]:
    try:
        return str(creation.compile(dialect=dialect)).splitlines()
    except Exception:  # which of several reasons is given depends on the order of constraints
        return ["no DDL"]


def _lines(lines: Sequence[str]) -> list[str]:
    """Sort the lines, and the words of those that hold a table's options, which have no order either."""
    stripped = (line.strip().rstrip(",").rstrip() for line in lines)
    return sorted(
        " ".join(sorted(re.split(r"[ ,()]+", line))) if line.startswith((")", "WITH (")) else line for line in stripped
    )


def _creation(table: Table) -> CreateTable:
    """Return the DDL of a copy beside stand-ins of the tables that foreign keys reach: without them there is none."""
    targets = {_tokens(key) for key in table.foreign_keys}
    metadata = MetaData()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # about a check's dialect_options, as when it was reflected
            copy = table.to_metadata(metadata)
        for schema, name, column in sorted(targets, key=repr):
            _stand_in(metadata, schema, name, column)
    except SQLAlchemyError:
        # A copy gets its foreign keys by their dotted text, which cannot say a name with a dot in it.
        return CreateTable(table, include_foreign_key_constraints=())
    for constraint in copy.foreign_key_constraints:
        constraint.use_alter = False
    return CreateTable(copy)


def _stand_in(metadata: MetaData, schema: str | None, name: str, column: str) -> None:
    key = name if schema is None else f"{schema}.{name}"
    table = metadata.tables.get(key)
    if table is None:
        table = Table(name, metadata, schema=schema)
    if column not in table.columns:
        table.append_column(Column(column))


def names_of(found: Iterable[str]) -> list[str]:
    """Return the paths that ``differences`` found, without the values."""
    return [line.split(": ", 1)[0] for line in found]
