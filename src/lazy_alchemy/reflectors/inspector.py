"""The reflector for any dialect, through SQLAlchemy's public Inspector.

What it returns leads to the tables that SQLAlchemy itself would reflect with ``resolve_fks=False``, and it costs the
same round trips, plus one where it does not know what kind a name is.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import bindparam, inspect, text
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.types import NullType

from lazy_alchemy._connections import is_locked
from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._tableinfo import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    KeyInfo,
    TableInfo,
    TableKind,
)
from lazy_alchemy._typeinfo import Options, TypeInfo
from lazy_alchemy.reflectors._definitions import Definitions
from lazy_alchemy.reflectors._kinds import kinds_of, mysql_kinds, views
from lazy_alchemy.reflectors._listeners import heard
from lazy_alchemy.reflectors._proxy import ConnectionProxy
from lazy_alchemy.reflectors._sqlite import ROW_NUMBER, SQLiteAnswers
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection, Inspector
    from sqlalchemy.engine.interfaces import (
        ReflectedCheckConstraint,
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
        ReflectedPrimaryKeyConstraint,
        ReflectedTableComment,
        ReflectedUniqueConstraint,
    )

__all__ = ["InspectorReflector"]

_T = TypeVar("_T")
_Facts = dict[tuple[str | None, str], _T]


class InspectorReflector:
    """A ``Reflector`` for any dialect that SQLAlchemy can inspect.

    Round trips: on PostgreSQL 12 for any number of names, one more where there are enums and two more for domains; on
    MariaDB and MySQL one a table and two a view, and two more for temporary tables; on SQLite one for 500 names;
    elsewhere what the dialect's ``get_multi_*`` methods need, and what tells views from tables. Read with many
    statements, a table of PostgreSQL that others change meanwhile may come out half old and half new:
    ``PostgresReflector`` needs one.
    """

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return a TableInfo for each of ``names`` that exists, reading all of them in one batch.

        Raises:
            ReflectionError: One of them exists and cannot be read (a view whose table is gone).
            sqlalchemy.exc.SQLAlchemyError: The database cannot be asked.
        """
        dialect = connection.dialect.name
        wanted = [name for name in dict.fromkeys(names) if _may_exist(name, dialect)]
        if not wanted:
            return {}  # SQLAlchemy would read an empty filter as "everything"
        if dialect == "sqlite":
            return heard(connection, _reflect_sqlite(connection, wanted, schema))
        if dialect in _MYSQL:
            with suppress(_DeniedError):
                return heard(connection, _reflect_shown(connection, wanted, schema))
        inspector = inspect(connection)
        known = kinds_of(connection, wanted, schema)
        kinds = dict.fromkeys(wanted, TableKind.TABLE) | views(inspector, schema) if known is None else known
        wanted = [name for name in wanted if name in kinds]
        if not wanted:
            return {}
        facts = _Batch(_inspected(inspector), wanted, schema)
        facts.name_unknown_types(connection)
        facts.complete_domains(connection)
        return heard(connection, _tables(facts, connection, kinds))

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the names of all tables and views of ``schema``; one round trip on PostgreSQL, MariaDB and SQLite."""
        kinds = kinds_of(connection, None, schema)
        if kinds is None:
            inspector = inspect(connection)
            kinds = dict.fromkeys(inspector.get_table_names(schema), TableKind.TABLE)
            kinds.update(views(inspector, schema))
        return {name: kind for name, kind in sorted(kinds.items()) if not kind.is_temporary}

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Return the fingerprints of ``names``, at the cost of reflecting them."""
        infos = self.reflect(connection, names, schema=schema)
        return {name: info.fingerprint for name, info in infos.items()}

    def uncommitted(
        self,
        connection: Connection,
        names: Collection[str],
        *,
        schema: str | None,  # noqa: ARG002 - it makes no difference
    ) -> Collection[str]:
        """Return those of ``names`` that the open transaction of ``connection`` may have made or changed.

        On MariaDB and MySQL none: a statement that changes a schema commits (MariaDB Knowledge Base, "SQL statements
        that cause an implicit commit"). On PostgreSQL all of them, once the transaction has changed anything but
        rows of tables, or where it reads from a snapshot older than the statement; one round trip. On SQLite all of
        them, once the transaction has written. Elsewhere all of them.
        """
        dialect = connection.dialect.name
        if dialect in _MYSQL:
            return ()
        if dialect == "sqlite":
            written = getattr(connection.connection.driver_connection, "in_transaction", True)
            return list(names) if written else ()
        if dialect == "postgresql":
            return list(names) if connection.scalar(_UNCOMMITTED) else ()
        return list(names)

    def diverted(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Collection[str]:
        """Return those of ``names`` that ``connection`` may find elsewhere than another connection of its engine does.

        With ``schema=None`` that is everything, once ``USE`` (MariaDB, MySQL) has left the engine's default database;
        on PostgreSQL what is not in the engine's default schema, once ``SET search_path`` was said. One round trip
        there, none elsewhere.
        """
        dialect = connection.dialect.name
        if schema is not None or dialect not in (*_MYSQL, "postgresql"):
            return ()
        default = connection.dialect.default_schema_name
        if dialect == "postgresql":
            rows = connection.execute(_DIVERTED, {"names": list(names), "default_schema": default})
            return list({row[0] for row in rows}.intersection(names))
        return list(names) if connection.scalar(text("SELECT DATABASE()")) != default else ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# Whether the transaction may have changed what is read of any table: an enum, a domain or a referred table changes what
# is read of others. Statements that do it take a lock on the relation or object that is stronger than what inserts and
# updates take, and hold it to the end (PostgreSQL manual, "13.3.1. Table-Level Locks"), but for some on types and
# comments: these leave rows in the catalogs that are no older than the transaction. And a snapshot may be older than
# what others have committed.
_UNCOMMITTED = text("""
    WITH own AS (
        SELECT pg_catalog.age(CAST(CAST(pg_catalog.txid_current_if_assigned() % 4294967296 AS text) AS xid)) AS age
    )
    SELECT pg_catalog.current_setting('transaction_isolation') NOT LIKE 'read%'
        OR EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS l
                   WHERE l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.locktype IN ('relation', 'object')
                     AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                                    'ExclusiveLock', 'AccessExclusiveLock'))
        OR (SELECT own.age FROM own) IS NOT NULL AND (
            EXISTS (SELECT 1 FROM pg_catalog.pg_type AS y, own WHERE pg_catalog.age(y.xmin) <= own.age)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_enum AS y, own WHERE pg_catalog.age(y.xmin) <= own.age)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS y, own WHERE pg_catalog.age(y.xmin) <= own.age)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_description AS y, own WHERE pg_catalog.age(y.xmin) <= own.age)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_collation AS y, own WHERE pg_catalog.age(y.xmin) <= own.age))
""")


# What an unqualified name finds in the engine's default schema it finds on every connection; what it finds further on,
# along a search path that was set in this session, perhaps on this one only.
_DIVERTED = text("""
    SELECT c.relname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname IN :names AND pg_catalog.pg_table_is_visible(c.oid)
      AND n.nspname IS DISTINCT FROM CAST(:default_schema AS text)
      AND EXISTS (SELECT 1 FROM pg_catalog.pg_settings AS s WHERE s.name = 'search_path' AND s.source = 'session')
""").bindparams(bindparam("names", expanding=True))


def _unqualified(info: TableInfo, kind: TableKind) -> TableInfo:
    """Return a table of SQLite's schema "temp" as one that is reached without a schema."""
    keys = tuple(replace(key, referred_schema=None) for key in info.foreign_keys)
    return replace(info, schema=None, kind=kind, foreign_keys=keys)


def _reflect_sqlite(connection: Connection, wanted: list[str], schema: str | None) -> dict[str, TableInfo]:
    """Return what SQLite says of the ``wanted`` names; one statement.

    Raises:
        ReflectionError: One is a view that is broken.
    """
    proxy = ConnectionProxy(connection)
    lacking: Mapping[str, Collection[str]] = {}
    try:
        answers = SQLiteAnswers(connection, wanted, schema)
        proxy, kinds, lacking = answers, answers.kinds, answers.lacking
    except DBAPIError as error:
        if is_locked(error):
            raise
        kinds = kinds_of(connection, wanted, schema) or {}  # raises if it is not for one of them that SQLite failed
        for name in kinds:
            _raise_if_unreadable(connection, name, schema)
    found: dict[str, TableInfo] = {}
    # SQLAlchemy prefers the tables that temporary ones hide; SQL does not.
    temporary = [name for name, kind in kinds.items() if kind.is_temporary and schema is None]
    if temporary:
        hiding = _reflect_sqlite(connection, temporary, "temp")
        found.update((name, _unqualified(info, kinds[name])) for name, info in hiding.items())
    names = [name for name in wanted if name in kinds and name not in found]
    facts = _Batch(proxy.facts, names, schema, lambda name: lacking.get(name, ()))
    return found | _tables(facts, connection, kinds)


class _DeniedError(Exception):
    """The user may not see the definition of some name, which may be because there is none."""


def _reflect_shown(connection: Connection, wanted: list[str], schema: str | None) -> dict[str, TableInfo]:
    """Return what MariaDB or MySQL shows of the ``wanted`` names; one round trip each, and another for a view.

    Raises:
        _DeniedError: Some may not be seen.
    """
    try:
        definitions = Definitions(connection)
        facts = _Batch(definitions.facts, wanted, schema, partial(definitions.lacking, schema=schema))
    except DBAPIError as error:
        if error.orig is not None and error.orig.args[:1] in _DENIED:
            raise _DeniedError from error
        raise
    facts.name_unknown_types(connection)
    there = [name for name in wanted if name in facts.read or definitions.shown(name, schema)]
    known = {name: definitions.kind(name, schema) for name in there}
    unsure = [name for name in facts.read if known[name] is None]
    kinds = mysql_kinds(connection, unsure, schema) if unsure else {}
    return _tables(facts, connection, {name: kind or kinds.get(name, TableKind.TABLE) for name, kind in known.items()})


def _tables(facts: _Batch, connection: Connection, kinds: Mapping[str, TableKind]) -> dict[str, TableInfo]:
    """Return the tables of which there are ``facts``.

    Raises:
        ReflectionError: One of ``kinds`` exists and cannot be read.
    """
    for name in facts.unread:
        if name in kinds:
            _raise_if_unreadable(connection, name, facts.schema)
    return {name: facts.table(name, kinds[name]) for name in facts.read}


_MYSQL = ("mysql", "mariadb")
# ER_DBACCESS_DENIED_ERROR and ER_TABLEACCESS_DENIED_ERROR (MariaDB Knowledge Base, "MariaDB Error Codes")
_DENIED = ((1044,), (1142,))


_Ask: TypeAlias = "Callable[[str, list[str], str | None], _Facts[Any]]"
"""Returns facts of some kind about some names. Any: the kind tells what they are."""


def _inspected(inspector: Inspector) -> _Ask:
    """Return what asks ``inspector`` about any number of names at once."""

    def ask(fact: str, names: list[str], schema: str | None) -> _Facts[Any]:  # Any: see _Ask
        read: Callable[..., _Facts[Any]] = getattr(inspector, f"get_multi_{fact}")
        return read(schema=schema, filter_names=names, kind=ObjectKind.ANY, scope=ObjectScope.ANY)

    return ask


class _Batch:
    """Everything that there is to say of some names, each fact read once for all of them.

    Attributes:
        schema: Their schema.
        read: Those of the names that can be read.
        unread: The others.
    """

    def __init__(
        self,
        ask: _Ask,
        names: list[str],
        schema: str | None,
        lacking: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        """Read everything but what a name is known to be ``lacking``, which is asked once the columns are read."""
        self.schema = schema
        self._type_names: dict[tuple[str, str], str] = {}
        self._full_types: Mapping[tuple[str, str], TypeInfo] = {}
        self._lacking = lacking

        def read(fact: str, word: str = "", *, optional: bool = False) -> _Facts[Any]:  # Any: see _Ask
            having = [name for name in self.read if word not in self._lacking(name)] if word else self.read
            if not having:
                return {}  # an empty filter would read everything
            try:
                return ask(fact, having, schema)
            except NotImplementedError:
                if optional:
                    return {}
                raise

        self.read = names
        self._columns: _Facts[list[ReflectedColumn]] = read("columns")
        self.read = [name for name in names if (schema, name) in self._columns]
        self.unread = [name for name in names if (schema, name) not in self._columns]
        unnamed = [name for name in self.read if "CONSTRAINT PRIMARY KEY" in lacking(name)]
        self._keys: _Facts[ReflectedPrimaryKeyConstraint] = read("pk_constraint", "CONSTRAINT PRIMARY KEY")
        self._keys |= {(schema, name): _unnamed_key(self._columns[schema, name]) for name in unnamed}
        self._foreign_keys: _Facts[list[ReflectedForeignKeyConstraint]] = read("foreign_keys", "REFERENCES")
        self._indexes: _Facts[list[ReflectedIndex]] = read("indexes", "INDEX")
        self._uniques: _Facts[list[ReflectedUniqueConstraint]] = read("unique_constraints", "UNIQUE", optional=True)
        self._comments: _Facts[ReflectedTableComment] = read("table_comment", "COMMENT", optional=True)
        self._checks: _Facts[list[ReflectedCheckConstraint]] = read("check_constraints", "CHECK", optional=True)
        self._options: _Facts[dict[str, Any]] = read("table_options", optional=True)  # Any: the dialect's

    def name_unknown_types(self, connection: Connection) -> None:
        """Find out what the database calls the types that SQLAlchemy does not know; one round trip if there are any."""
        query = _TYPE_NAMES.get(connection.dialect.name)
        names = [
            name
            for (_, name), columns in self._columns.items()
            if any(isinstance(column["type"], NullType) for column in columns)
        ]
        if query is not None and names:
            rows = connection.execute(query, {"names": names, "schema": self.schema})
            self._type_names = {(row[0], row[1]): str(row[2]) for row in rows}

    def complete_domains(self, connection: Connection) -> None:
        """Find out what SQLAlchemy leaves out of PostgreSQL's domains; one round trip if there are any."""
        if connection.dialect.name != "postgresql":
            return
        from lazy_alchemy.reflectors._postgresql_domains import full_types
        from lazy_alchemy.reflectors._postgresql_types import is_of_domain

        names = [
            name
            for (_, name), columns in self._columns.items()
            if any(is_of_domain(column["type"]) for column in columns)
        ]
        if names:
            self._full_types = full_types(connection, names, self.schema)

    def table(self, name: str, kind: TableKind) -> TableInfo:
        """Return all facts about one of the names."""
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
        unnumbered = primary_key.columns if primary_key and ROW_NUMBER in self._lacking(name) else ()
        comment = self._comments.get(key)
        return TableInfo(
            name=name,
            schema=self.schema,
            kind=kind,
            columns=tuple(
                _column(
                    column,
                    self._type_names.get((name, column["name"])),
                    self._full_types.get((name, column["name"])),
                    unnumbered=column["name"] in unnumbered,
                )
                for column in self._columns[key]
            ),
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
                if not unique.get("duplicates_index")  # it is among the indexes
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
    """Return ``name`` without what SQLAlchemy adds to it; the same object for all that are equal, as there are many."""
    return sys.intern(str(name))


_NO_OPTIONS = Options()


def _column(
    column: ReflectedColumn, type_name: str | None, full_type: TypeInfo | None, *, unnumbered: bool
) -> ColumnInfo:
    facts: Mapping[str, object] = column
    # Any: a dialect may return keys that the TypedDict does not have.
    quote: Any = facts.get("quote", getattr(column["name"], "quote", None))
    default = column.get("default")
    return ColumnInfo(
        name=_name(column["name"]),
        type=TypeInfo.of(column["type"]),
        nullable=column["nullable"],
        default=None if default is None else str(default),
        autoincrement=column.get("autoincrement"),
        comment=column.get("comment"),
        computed=Options(computed) if (computed := column.get("computed")) else None,
        identity=Options(identity) if (identity := column.get("identity")) else None,
        quote=quote,
        options=Options(options) if (options := column.get("dialect_options")) else _NO_OPTIONS,
        unnumbered=unnumbered,
        full_type=full_type,
        type_name=type_name if isinstance(column["type"], NullType) else None,
    )


def _foreign_keys(table: str, foreign_keys: Iterable[ReflectedForeignKeyConstraint]) -> Iterable[ForeignKeyInfo]:
    for key in foreign_keys:
        columns = tuple(map(_name, key["constrained_columns"]))
        if len(key["referred_columns"]) != len(columns):
            _warn(
                f"On reflected table {table}, skipping reflection of foreign key constraint {key['name']}; which "
                f"columns of {key['referred_table']} it refers to is not known"
            )
            continue
        if not NEWER_LINE and len(set(columns)) != len(columns):  # 2.0 cannot make such a key
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
        columns = tuple(None if name is None else _name(name) for name in index["column_names"])
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
    """Return the primary key of a table of SQLite, whose columns tell their places in it."""
    # Any: "primary_key" is a key that only SQLite's columns have.
    facts: list[Mapping[str, Any]] = [{**column} for column in columns]
    keyed = sorted((fact for fact in facts if fact["primary_key"]), key=lambda fact: int(fact["primary_key"]))
    return {"constrained_columns": [fact["name"] for fact in keyed], "name": None}


_MYSQL_LONGEST = 64


def _may_exist(name: str, dialect: str) -> bool:
    """Return whether a table can have this name at all: servers and drivers raise where it cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    if "\0" in name:
        return False
    if dialect in _MYSQL:
        return 0 < len(name) <= _MYSQL_LONGEST and name[-1] not in " \t\n\v\f\r" and max(name) <= "\uffff"
    return True


def _raise_if_unreadable(connection: Connection, name: str, schema: str | None) -> None:
    """Raise what the database says against a name that it was not possible to read, unless it does not exist."""
    try:
        inspect(connection).get_columns(name, schema)
    except NoSuchTableError:
        return
    except SQLAlchemyError as error:
        raise ReflectionError(f"{name!r} exists and cannot be read: {error}") from error
