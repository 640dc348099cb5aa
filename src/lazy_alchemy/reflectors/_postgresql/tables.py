"""The conversion of PostgreSQL's catalog rows to TableInfos, by the rules of SQLAlchemy's dialect. No I/O.

If a PostgreSQL function has seen a later state than the rows, UnsettledError is raised. If SQLAlchemy, which parses
text, may read something else than the catalogs say, UncertainError is raised.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from lazy_alchemy._schema.tables import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    KeyInfo,
    TableInfo,
)
from lazy_alchemy._schema.types import NO_OPTIONS, Options
from lazy_alchemy.reflectors._kinds import kind_of
from lazy_alchemy.reflectors._postgresql.statement import unquoted
from lazy_alchemy.reflectors._postgresql.types import TypesOf, UncertainError, UnsettledError
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lazy_alchemy.reflectors._postgresql.statement import Facts, Row

__all__ = ["Tables"]

_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MATCHES = {"f": "FULL", "p": "PARTIAL"}
_BTREE = "403"


class _Other(NamedTuple):
    """A relation that a foreign key refers to, or that the table inherits from."""

    name: str
    schema: str
    visible: bool | None


class _Index(NamedTuple):
    """A row of pg_index, its attribute numbers not yet turned into names."""

    oid: str
    is_unique: bool
    is_primary: bool
    is_valid: bool
    key_count: int
    nulls_not_distinct: bool
    access_method: str
    name: str
    columns: list[str]
    row: Row


class Tables:
    """The tables of one run of the query, each created on demand."""

    def __init__(self, facts: Facts, types: TypesOf, schema: str | None) -> None:
        self._schema = schema
        self._types = types
        self._relations = {_first(row): row for row in facts.relations}
        self.oids = {str(row[1]): _first(row) for row in facts.relations}
        self.changed = {_first(row) for row in facts.changed}
        self._columns = _columns(facts.columns)
        self._constraints = _grouped(facts.constraints, 2)
        self._indexes = _grouped(facts.indexes, 1)
        self._parents = _grouped(facts.parents, 0)
        self._comments = {row[0]: row[1] for row in facts.comments}
        self._referred = {row[0]: sys.intern(str(row[1])) for row in facts.referred}
        self._others = {_first(row): _other(row) for row in facts.others}
        self._access_methods = {
            oid: (str(row[1]), is_default == "t")
            for row in facts.access_methods
            for oid, is_default in [str(row[0]).split(",")]
        }
        self._operator_classes = {row[0]: str(row[1]) for row in facts.operator_classes}
        # The columns created so far, by all their facts: many tables have the same columns, such as id and created_at.
        self._made: dict[tuple[str | None, ...], tuple[ColumnInfo, tuple[str, ...]]] = {}

    def table(self, name: str) -> tuple[TableInfo, list[str]]:
        """Return the TableInfo of one of the names, and the warnings that SQLAlchemy would issue.

        Raises:
            UncertainError: SQLAlchemy might reflect it differently.
            UnsettledError: The table, or an object that it depends on, has just changed.
        """
        oid = self.oids[name]
        if oid in self.changed:
            raise UnsettledError
        relation = self._relations[oid]
        _, kind, persistence, access_method = str(relation[0]).split(",")
        warnings: list[str] = []
        columns, names = self._columns_of(oid, warnings)
        indexes = [_index(row) for row in self._indexes.get(oid, ())]
        keys: dict[str, list[KeyInfo]] = {"p": [], "u": []}
        foreign_keys: list[ForeignKeyInfo] = []
        checks: list[CheckInfo] = []
        backing: set[str] = set()
        by_oid = {index.oid: index for index in indexes}
        for facts, row in self._constraints.get(oid, ()):
            comment = self._comments.get(f"{facts[0]},0")
            if facts[1] == "f":
                foreign_keys.append(self._foreign_key(facts, row, names, comment))
            elif facts[1] == "c":
                checks.append(_check(facts, row, names, comment, warnings))
            else:
                backing.add(facts[3])
                if facts[1] in keys:
                    keys[facts[1]].append(_key(by_oid[facts[3]], facts[1], str(row[1]), names, comment))
        return TableInfo(
            name=name,
            schema=self._schema,
            kind=kind_of(kind, persistence == "t"),
            columns=columns,
            primary_key=keys["p"][0] if keys["p"] else None,
            foreign_keys=tuple(foreign_keys),
            indexes=tuple(
                self._index_info(index, names)
                for index in indexes
                if not index.is_primary and index.oid not in backing  # else it is among the unique constraints
            ),
            uniques=tuple(keys["u"]),
            checks=tuple(checks),
            comment=self._comments.get(f"{oid},0"),
            options=self._options(oid, relation, access_method) if NEWER_LINE else NO_OPTIONS,
        ), warnings

    def _columns_of(self, oid: str, warnings: list[str]) -> tuple[tuple[ColumnInfo, ...], dict[str, str]]:
        """Return the columns, and their names by attribute number."""
        columns: list[ColumnInfo] = []
        names: dict[str, str] = {}
        for number, facts, texts in sorted(self._columns.get(oid, ())):
            comment = self._comments.get(f"{oid},{number}")
            key = (facts, comment, *texts)
            made = self._made.get(key)
            if made is None:
                made = self._column(facts, texts, comment)
                if made[0].type.instance is None:  # else each column needs its own type instance, as in SQLAlchemy
                    self._made[key] = made
            column, messages = made
            columns.append(column)
            names[str(number)] = column.name
            warnings.extend(messages)
        return tuple(columns), names

    def _column(self, facts: str, texts: Row, comment: str | None) -> tuple[ColumnInfo, tuple[str, ...]]:
        """Return a column, and the warnings that SQLAlchemy would issue."""
        type_oid, modifier, is_not_null, is_identity, generated, collation = facts.split(",")
        name, default, identity = sys.intern(str(texts[0])), texts[1], texts[2]
        type_ = self._types.of(type_oid, modifier, collation)
        warnings = type_.warnings
        if type_.unknown is not None:
            warnings += (f"Did not recognize type '{type_.unknown}' of column '{name}'",)
        if default == "":
            raise UnsettledError  # the query returns "" for a default that no longer exists
        if not default and type_.default is not None:
            default = type_.default
        computed = None
        if generated:
            computed = Options({"sqltext": default, "persisted": generated == "s"})
            default = None
        autoincrement = is_identity != "" and identity is not None
        if default is not None and "nextval('" in default:
            sequence = _SEQUENCE.search(default)
            if sequence is not None:
                autoincrement = autoincrement or type_.is_integer
                if "." not in sequence[2] and self._schema is not None:
                    default = f'{sequence[1]}"{self._schema}".{sequence[2]}{sequence[3]}'
        column = ColumnInfo(
            name=name,
            type=type_.info,
            nullable=is_not_null == "f" and not type_.not_null,
            default=default,
            autoincrement=autoincrement,
            comment=comment,
            computed=computed,
            identity=Options(json.loads(identity)) if identity else None,
            options=NO_OPTIONS,
            full_type=type_.full,
            type_name=type_.type_name,
        )
        return column, warnings

    def _foreign_key(self, facts: list[str], row: Row, names: Mapping[str, str], comment: str | None) -> ForeignKeyInfo:
        columns = tuple(names[number] for number in str(row[2]).split(" "))
        referred = tuple(self._referred[f"{facts[4]},{number}"] for number in str(row[3]).split(" "))
        if not NEWER_LINE and len(set(columns)) != len(columns):
            raise UncertainError  # SQLAlchemy 2.0 does not support such a key, and warns
        if any(map(_SPLITS_COLUMNS.search, columns)) or any(map(_SPLITS_REFERRED.search, referred)):
            raise UncertainError
        table = self._others[facts[4]]
        if table.visible is None:
            raise UnsettledError
        options: dict[str, object] = {
            option: _ACTIONS[action]
            for option, action in (("onupdate", facts[5]), ("ondelete", facts[6]))
            if action in _ACTIONS
        }
        if row[5] is not None:  # ON DELETE SET NULL (some, columns)
            found = _SET_COLUMNS.search(row[5])
            if found is None:
                raise UncertainError
            options["ondelete"] = found[1]
        if facts[7] in _MATCHES:
            options["match"] = _MATCHES[facts[7]]
        if facts[8] == "t":
            options["deferrable"] = True
        if facts[9] == "t":
            options["initially"] = "DEFERRED"
        schema = table.schema if not table.visible or table.schema == self._schema else None
        return ForeignKeyInfo(
            columns,
            schema,
            table.name,
            referred,
            str(row[1]),
            comment,
            Options(options) if options else NO_OPTIONS,
        )

    def _index_info(self, index: _Index, names: Mapping[str, str]) -> IndexInfo:
        _, _, _, classes, flags, predicate, keys, storage = index.row
        keys_ = index.columns[: index.key_count]
        definitions: list[str | None] = json.loads(keys) if keys else []
        elements: list[str] = []
        for position, number in enumerate(keys_):
            element = definitions[position] if number == "0" else names.get(number)
            if element is None:
                raise UnsettledError if number == "0" else UncertainError
            elements.append(element)
        options: dict[str, object] = {}
        class_names = map(self._operator_classes.get, str(classes).split(" "))
        if operators := {element: name for element, name in zip(elements, class_names, strict=False) if name}:
            options["postgresql_ops"] = operators
        if storage:
            options["postgresql_with"] = _storage(storage)
        if index.access_method != _BTREE:
            options["postgresql_using"] = self._access_methods[index.access_method][0]
        if predicate == "":
            raise UnsettledError
        if predicate is not None:
            options["postgresql_where"] = predicate
        options["postgresql_include"] = [names[number] for number in index.columns[index.key_count :]]
        if index.nulls_not_distinct:
            options["postgresql_nulls_not_distinct"] = True
        if NEWER_LINE and not index.is_valid:
            options["postgresql_invalid"] = True
        sorting = {
            elements[position]: _SORTING[int(flag) & 3]
            for position, flag in enumerate(str(flags).split(" "))
            if flag not in ("", "0") and int(flag) & 3
        }
        return IndexInfo(
            tuple(None if number == "0" else names[number] for number in keys_),
            index.is_unique,
            index.name,
            tuple(elements) if "0" in keys_ else (),
            Options(sorting) if sorting else NO_OPTIONS,
            _frozen(options),
        )

    def _options(self, oid: str, relation: Row, access_method: str) -> Options:
        _, _, storage, tablespace = relation
        options: dict[str, object] = {}
        name, is_default = self._access_methods.get(access_method, ("", True))  # a view has none
        if not is_default:
            options["postgresql_using"] = name
        if oid in self._parents:
            parents = sorted(self._parents[oid], key=lambda pair: int(pair[0][1]))
            options["postgresql_inherits"] = [self._others[facts[2]].name for facts, _ in parents]
        if storage:
            options["postgresql_with"] = _storage(storage)
        if tablespace is not None:
            options["postgresql_tablespace"] = tablespace
        return Options(options) if options else NO_OPTIONS


_SEQUENCE = re.compile(r"""(nextval\(')([^']+)('.*$)""")
_SORTING = {1: ("desc", "nulls_last"), 2: ("nulls_first",), 3: ("desc",)}  # by indoption's bits
_SET_COLUMNS = re.compile(r"ON DELETE (SET (?:NULL|DEFAULT) \(.+\))")

# SQLAlchemy splits the text of a foreign key at these, even within names.
_SPLITS_COLUMNS = re.compile(r"[,)\n]")
_SPLITS_REFERRED = re.compile(r",\s")


def _other(row: Row) -> _Other:
    visible = None if row[3] is None else row[3] == "true"
    return _Other(sys.intern(str(row[1])), sys.intern(unquoted(str(row[2]))), visible)


def _first(row: Row) -> str:
    return str(row[0]).split(",", 1)[0]


def _columns(rows: Iterable[Row]) -> dict[str, list[tuple[int, str, Row]]]:
    """Return the columns by relation, each as its number, the other short facts, and the texts."""
    columns: dict[str, list[tuple[int, str, Row]]] = defaultdict(list)
    for row in rows:
        oid, number, facts = str(row[0]).split(",", 2)
        columns[oid].append((int(number), facts, row[1:]))
    return columns


def _grouped(rows: Iterable[Row], position: int) -> dict[str, list[tuple[list[str], Row]]]:
    """Return the rows grouped by one of their short facts, each with its short facts as a list."""
    groups: dict[str, list[tuple[list[str], Row]]] = defaultdict(list)
    for row in rows:
        facts = str(row[0]).split(",")
        groups[facts[position]].append((facts, row))
    return groups


def _index(found: tuple[list[str], Row]) -> _Index:
    (oid, _, is_unique, is_primary, is_valid, key_count, nulls_not_distinct, access_method), row = found
    return _Index(
        oid,
        is_unique == "t",
        is_primary == "t",
        is_valid == "t",
        int(key_count),
        nulls_not_distinct == "t",
        access_method,
        str(row[1]),
        str(row[2]).split(" "),
        row,
    )


def _key(index: _Index, kind: str, name: str, names: Mapping[str, str], comment: str | None) -> KeyInfo:
    columns = [names[number] for number in index.columns]
    options: dict[str, object] = {"postgresql_include": columns[index.key_count :]}
    if kind == "u":
        options["postgresql_nulls_not_distinct"] = index.nulls_not_distinct
    return KeyInfo(tuple(columns[: index.key_count]), name, comment, _frozen(options))


# The options of most indexes and keys.
_USUAL: list[dict[str, object]] = [
    {"postgresql_include": []},
    {"postgresql_include": [], "postgresql_nulls_not_distinct": False},
]
_FROZEN = [(options, Options(options)) for options in _USUAL]


def _frozen(options: dict[str, object]) -> Options:
    """Return frozen options; the usual ones share one object."""
    for usual, frozen in _FROZEN:
        if options == usual:
            return frozen
    return Options(options)


def _check(facts: list[str], row: Row, names: Mapping[str, str], comment: str | None, warnings: list[str]) -> CheckInfo:
    expression, named = row[4], json.loads(row[6] or "[]")
    if expression is None or (row[2] and named != [names.get(number) for number in row[2].split(" ")]):
        raise UnsettledError
    no_inherit, is_valid, is_enforced = (fact == "t" for fact in facts[10:13])
    if not is_enforced:
        suffix = (" NO INHERIT" if no_inherit else "") + " NOT ENFORCED"
        warnings.append(f"Could not parse CHECK constraint text: {f'CHECK ({expression}){suffix}'!r}")
        return CheckInfo("", str(row[1]), comment, NO_OPTIONS)
    options: dict[str, Any] = {}  # Any: the keyword arguments of a CheckConstraint
    if not is_valid:
        options["not_valid"] = True
    if no_inherit:
        options["no_inherit"] = True
    return CheckInfo(
        _without_outer_parentheses(expression),
        str(row[1]),
        comment,
        Options({"dialect_options": options}) if options else NO_OPTIONS,
    )


def _without_outer_parentheses(expression: str) -> str:
    """Return the text without a pair of parentheses around all of it, as SQLAlchemy's ``strip_outer_parens`` does."""
    stripped = expression.strip()
    if not (stripped.startswith("(") and stripped.endswith(")")):
        return expression
    depth = 0
    for position, character in _outside_of_quotes(stripped):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return stripped[1:-1] if position == len(stripped) - 1 else expression
    return expression


def _outside_of_quotes(expression: str) -> Iterator[tuple[int, str]]:
    """Yield the characters outside of strings and quoted names, with their positions.

    A doubled quote is treated as the end of one string and the start of another, with the same result.
    """
    quote = ""
    for position, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            yield position, character


def _storage(options: str) -> dict[str, str]:
    return dict(option.split("=", 1) for option in json.loads(options))
