"""The facts that SQLAlchemy's dialects return about a batch of tables, and their conversion to TableInfos.

The creator of a ``Batch`` decides what is read and how; the conversion is the same for all dialects.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import bindparam, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import NullType

from lazy_alchemy._schema.tables import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    KeyInfo,
    TableInfo,
    TableKind,
)
from lazy_alchemy._schema.types import NO_OPTIONS, Options, TypeInfo
from lazy_alchemy.reflectors._sqlite import ROW_NUMBER
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import (
        ReflectedCheckConstraint,
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
        ReflectedPrimaryKeyConstraint,
        ReflectedTableComment,
        ReflectedUniqueConstraint,
    )

__all__ = ["Ask", "Batch", "Facts"]

_T = TypeVar("_T")
Facts = dict[tuple[str | None, str], _T]
"""Facts of one kind, by schema and name."""

Ask: TypeAlias = "Callable[[str, list[str], str | None], Facts[Any]]"
"""A function that returns facts of one kind about some names in a schema. Any: their type depends on the kind."""


class Batch:
    """All facts about some names; each kind of fact is read once for all of them.

    Attributes:
        schema: Their schema.
        read: The names that could be read.
        unread: The others.
    """

    def __init__(
        self,
        ask: Ask,
        names: list[str],
        schema: str | None,
        lacking: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        """Read all facts, except for those that a name is known to lack.

        Args:
            ask: Reads the facts.
            names: The names.
            schema: Their schema.
            lacking: Returns the SQL keywords that are not in a name's definition; called once the columns are read.
        """
        self.schema = schema
        self._type_names: dict[tuple[str, str], str] = {}
        self._full_types: Mapping[tuple[str, str], TypeInfo] = {}
        self._made: dict[ColumnInfo, ColumnInfo] = {}
        self._lacking: Mapping[str, Collection[str]] = {}

        def read(fact: str, keyword: str = "", *, optional: bool = False) -> Facts[Any]:  # Any: see Ask
            wanted = [name for name in self.read if keyword not in self._lacking[name]] if keyword else self.read
            if not wanted:
                return {}  # an empty filter would read everything
            try:
                return ask(fact, wanted, schema)
            except NotImplementedError:
                if optional:
                    return {}
                raise

        self.read = names
        self._columns: Facts[list[ReflectedColumn]] = read("columns")
        self.read = [name for name in names if (schema, name) in self._columns]
        self.unread = [name for name in names if (schema, name) not in self._columns]
        self._lacking = {name: lacking(name) for name in self.read}
        unnamed = [name for name in self.read if "CONSTRAINT PRIMARY KEY" in self._lacking[name]]
        self._keys: Facts[ReflectedPrimaryKeyConstraint] = read("pk_constraint", "CONSTRAINT PRIMARY KEY")
        self._keys |= {(schema, name): _unnamed_key(self._columns[schema, name]) for name in unnamed}
        self._foreign_keys: Facts[list[ReflectedForeignKeyConstraint]] = read("foreign_keys", "REFERENCES")
        self._indexes: Facts[list[ReflectedIndex]] = read("indexes", "INDEX")
        self._uniques: Facts[list[ReflectedUniqueConstraint]] = read("unique_constraints", "UNIQUE", optional=True)
        self._comments: Facts[ReflectedTableComment] = read("table_comment", "COMMENT", optional=True)
        self._checks: Facts[list[ReflectedCheckConstraint]] = read("check_constraints", "CHECK", optional=True)
        self._options: Facts[dict[str, Any]] = read("table_options", optional=True)  # Any: the dialect's

    def name_unknown_types(self, connection: Connection) -> None:
        """Read the database's names of types that SQLAlchemy does not know; one round trip if there are any."""
        query = _TYPE_NAMES.get(connection.dialect.name)
        names = {
            name: None
            for (_, name), columns in self._columns.items()
            for column in columns
            if isinstance(column["type"], NullType)
        }
        if query is not None and names:
            rows = connection.execute(query, {"names": list(names), "schema": self.schema})
            self._type_names = {(row[0], row[1]): str(row[2]) for row in rows}

    def complete_domains(self, connection: Connection) -> None:
        """Read what SQLAlchemy omits from PostgreSQL's domains; one round trip if there are any."""
        if connection.dialect.name != "postgresql":
            return
        from lazy_alchemy.reflectors._postgresql.domains import full_types
        from lazy_alchemy.reflectors._postgresql.types import is_of_domain

        names = [
            name
            for (_, name), columns in self._columns.items()
            if any(is_of_domain(column["type"]) for column in columns)
        ]
        if names:
            self._full_types = full_types(connection, names, self.schema)

    def table(self, name: str, kind: TableKind) -> TableInfo:
        """Return the TableInfo of one of the names."""
        key = (self.schema, name)
        constraint = self._keys.get(key)
        primary_key = None
        if constraint and (constraint["constrained_columns"] or constraint.get("name")):
            primary_key = KeyInfo(
                tuple(map(_name, constraint["constrained_columns"])),
                constraint.get("name"),
                constraint.get("comment"),
                Options(constraint.get("dialect_options")),
            )
        unnumbered = primary_key.columns if primary_key and ROW_NUMBER in self._lacking[name] else ()
        comment = self._comments.get(key)
        columns = [self._column(name, column, column["name"] in unnumbered) for column in self._columns[key]]
        return TableInfo(
            name=name,
            schema=self.schema,
            kind=kind,
            columns=tuple(columns),
            primary_key=primary_key,
            foreign_keys=tuple(_foreign_keys(name, self._foreign_keys.get(key) or ())),
            indexes=tuple(_indexes(self._indexes.get(key) or ())),
            uniques=tuple(
                KeyInfo(
                    tuple(map(_name, unique["column_names"])),
                    unique["name"],
                    unique.get("comment"),
                    Options(unique.get("dialect_options")),
                )
                for unique in self._uniques.get(key) or ()
                if not unique.get("duplicates_index")  # else it is among the indexes
            ),
            checks=tuple(
                CheckInfo(
                    check["sqltext"],
                    check.get("name"),
                    check.get("comment"),
                    Options({k: v for k, v in check.items() if k not in _CHECK_FIELDS}),
                )
                for check in self._checks.get(key) or ()
            ),
            comment=comment.get("text") if comment else None,
            options=Options(self._options.get(key)),
        )

    def _column(self, table: str, column: ReflectedColumn, unnumbered: bool) -> ColumnInfo:
        facts: Mapping[str, object] = column
        # Any: a dialect may return keys that the TypedDict does not have.
        quote: Any = facts.get("quote", getattr(column["name"], "quote", None))
        default = column.get("default")
        info = ColumnInfo(
            name=_name(column["name"]),
            type=TypeInfo.of(column["type"]),
            nullable=column["nullable"],
            default=None if default is None else str(default),
            autoincrement=column.get("autoincrement"),
            comment=column.get("comment"),
            computed=Options(computed) if (computed := column.get("computed")) else None,
            identity=Options(identity) if (identity := column.get("identity")) else None,
            quote=quote,
            options=Options(options) if (options := column.get("dialect_options")) else NO_OPTIONS,
            unnumbered=unnumbered,
            full_type=self._full_types.get((table, column["name"])),
            type_name=self._type_names.get((table, column["name"])) if isinstance(column["type"], NullType) else None,
        )
        # Many tables have the same columns, such as id and created_at, and share one object, unless it has parts that
        # are ignored in comparisons.
        is_compared = info.type.instance is None and info.type_name is None
        return self._made.setdefault(info, info) if is_compared else info


_MYSQL_TYPE_NAMES = text("""
    SELECT table_name, column_name, column_type
    FROM information_schema.columns
    WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name IN :names
""").bindparams(bindparam("names", expanding=True))
_TYPE_NAMES = {
    "mysql": _MYSQL_TYPE_NAMES,
    "mariadb": _MYSQL_TYPE_NAMES,
    "postgresql": text("""
        SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname IN :names AND a.attnum > 0 AND NOT a.attisdropped
          AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
                   ELSE n.nspname = :schema END
    """).bindparams(bindparam("names", expanding=True)),
}

_CHECK_FIELDS = ("sqltext", "name", "comment")


def _name(name: str) -> str:
    """Return ``name`` as a plain, interned str, without SQLAlchemy's subclass: there are many equal ones."""
    return sys.intern(str(name))


def _foreign_keys(table: str, foreign_keys: Iterable[ReflectedForeignKeyConstraint]) -> Iterable[ForeignKeyInfo]:
    for key in foreign_keys:
        columns = tuple(map(_name, key["constrained_columns"]))
        if len(key["referred_columns"]) != len(columns):
            _warn(
                f"On reflected table {table}, skipping reflection of foreign key constraint {key['name']}; the "
                f"columns of {key['referred_table']} that it refers to are not known"
            )
            continue
        if not NEWER_LINE and len(set(columns)) != len(columns):  # 2.0 does not support such a key
            _warn(
                f"On reflected table {table}, skipping reflection of foreign key constraint {key['name']}; duplicate "
                f"source columns within name(s) {', '.join(columns)} are not supported"
            )
            continue
        yield ForeignKeyInfo(
            columns,
            key["referred_schema"],
            _name(key["referred_table"]),
            tuple(map(_name, key["referred_columns"])),
            key["name"],
            key.get("comment"),
            Options(key.get("options")),
        )


def _indexes(indexes: Iterable[ReflectedIndex]) -> Iterable[IndexInfo]:
    for index in indexes:
        if index.get("duplicates_constraint"):
            continue  # it is among the unique constraints
        columns = tuple([None if name is None else _name(name) for name in index["column_names"]])
        expressions = tuple(index.get("expressions") or ())
        if None in columns and not expressions:
            _warn(
                f"Skipping index {index['name']!r} because key {columns.index(None) + 1} reflected as None but no "
                "'expressions' were returned"
            )
            continue
        yield IndexInfo(
            columns,
            bool(index["unique"]),
            index["name"],
            expressions,
            Options(index.get("column_sorting")),
            Options(index.get("dialect_options")),
        )


def _warn(message: str) -> None:
    warnings.warn(message, SAWarning, stacklevel=2)


def _unnamed_key(columns: Iterable[ReflectedColumn]) -> ReflectedPrimaryKeyConstraint:
    """Return the primary key of a SQLite table, from the positions in it that its columns report."""
    # Any: "primary_key" is a key that only SQLite's columns have.
    facts: list[Mapping[str, Any]] = [{**column} for column in columns]
    keyed = sorted((fact for fact in facts if fact["primary_key"]), key=lambda fact: int(fact["primary_key"]))
    return {"constrained_columns": [fact["name"] for fact in keyed], "name": None}
