"""The reflector for any dialect, through SQLAlchemy's public Inspector.

What it returns leads to the tables that SQLAlchemy itself would reflect with ``resolve_fks=False``, and it costs the
same round trips plus one for what kind each name is.
"""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

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

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection, Inspector
    from sqlalchemy.engine.interfaces import (
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
        ReflectedPrimaryKeyConstraint,
    )

__all__ = ["InspectorReflector"]

_T = TypeVar("_T")
_Facts = dict[tuple[str | None, str], _T]


class InspectorReflector:
    """A ``Reflector`` for any dialect that SQLAlchemy can inspect.

    Round trips: on PostgreSQL 12 for any number of names, one more where there are enums and one more for domains; on
    MariaDB and MySQL one a table and one more; on SQLite about ten a table and one more; elsewhere what the dialect's
    ``get_multi_*`` methods need. Read with many statements, a table of PostgreSQL that others change meanwhile may come
    out half old and half new: ``PostgresReflector`` needs one.
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
        inspector = inspect(connection)
        lacking: _Lacking = {}
        if dialect == "sqlite":
            kinds, lacking = _sqlite_kinds(connection, wanted, schema)
        else:
            known = _kinds(connection, wanted, schema)
            kinds = dict.fromkeys(wanted, TableKind.TABLE) | _views(inspector, schema) if known is None else known
        wanted = [name for name in wanted if name in kinds]
        if dialect == "sqlite" and schema is None:
            temporary = [name for name in wanted if kinds[name].is_temporary]
            if temporary:
                # SQLAlchemy prefers the tables that these hide; SQL does not.
                hiding = InspectorReflector.reflect(self, connection, temporary, schema="temp")
                wanted = [name for name in wanted if name not in hiding]
                shown = {name: _unqualified(info, kinds[name]) for name, info in hiding.items()}
                if wanted:
                    shown.update(InspectorReflector.reflect(self, connection, wanted, schema=schema))
                return shown
        if not wanted:
            return {}
        try:
            facts = _Batch(inspector, wanted, schema, lacking)
            facts.name_unknown_types(connection)
        except SQLAlchemyError as error:
            locked = isinstance(error, DBAPIError) and is_locked(error)
            if (
                dialect == "sqlite" and not locked
            ):  # the one whose transaction survives an error, and that stops at a broken view
                for name in wanted:
                    _raise_if_unreadable(inspector, name, schema)
            raise
        found: dict[str, TableInfo] = {}
        for name in wanted:
            if (schema, name) in facts.columns:
                found[name] = facts.table(name, kinds[name])
            else:
                _raise_if_unreadable(inspector, name, schema)
        return found

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the names of all tables and views of ``schema``; one round trip on PostgreSQL, MariaDB and SQLite."""
        kinds = _kinds(connection, None, schema)
        if kinds is None:
            inspector = inspect(connection)
            kinds = dict.fromkeys(inspector.get_table_names(schema), TableKind.TABLE)
            kinds.update(_views(inspector, schema))
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
        if dialect in ("mysql", "mariadb"):
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
        if schema is not None or dialect not in ("mysql", "mariadb", "postgresql"):
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


class _Batch:
    """Everything that the Inspector says of some names, each fact read once for all of them."""

    def __init__(self, inspector: Inspector, names: list[str], schema: str | None, lacking: _Lacking) -> None:
        self._schema = schema
        self._type_names: dict[tuple[str, str], str] = {}
        self._lacking = lacking

        def read(method: Callable[..., _Facts[_T]], fact: str = "", *, optional: bool = False) -> _Facts[_T]:
            having = [name for name in names if fact not in lacking.get(name, ())]
            if not having:
                return {}  # an empty filter would read everything
            try:
                return method(schema=schema, filter_names=having, kind=ObjectKind.ANY, scope=ObjectScope.ANY)
            except NotImplementedError:
                if optional:
                    return {}
                raise

        self.columns = read(inspector.get_multi_columns)
        names = [name for name in names if (schema, name) in self.columns]
        unnamed = [name for name in names if "CONSTRAINT PRIMARY KEY" in lacking.get(name, ())]
        self._keys = read(inspector.get_multi_pk_constraint, "CONSTRAINT PRIMARY KEY")
        self._keys |= {(schema, name): _unnamed_key(self.columns[schema, name]) for name in unnamed}
        self._foreign_keys = read(inspector.get_multi_foreign_keys, "REFERENCES")
        self._indexes = read(inspector.get_multi_indexes, "INDEX")
        self._uniques = read(inspector.get_multi_unique_constraints, "UNIQUE", optional=True)
        self._comments = read(inspector.get_multi_table_comment, optional=True)
        self._checks = read(inspector.get_multi_check_constraints, "CHECK", optional=True)
        self._options = read(inspector.get_multi_table_options, optional=True)

    def name_unknown_types(self, connection: Connection) -> None:
        """Find out what the database calls the types that SQLAlchemy does not know; one round trip if there are any."""
        query = _TYPE_NAMES.get(connection.dialect.name)
        names = [
            name
            for (_, name), columns in self.columns.items()
            if any(isinstance(column["type"], NullType) for column in columns)
        ]
        if query is not None and names:
            rows = connection.execute(query, {"names": names, "schema": self._schema})
            self._type_names = {(row[0], row[1]): str(row[2]) for row in rows}

    def table(self, name: str, kind: TableKind) -> TableInfo:
        """Return all facts about one of the names."""
        key = (self._schema, name)
        constraint = self._keys.get(key)
        primary_key = None
        if constraint and (constraint["constrained_columns"] or constraint.get("name")):
            primary_key = KeyInfo(
                tuple(map(_name, constraint["constrained_columns"])),
                constraint.get("name"),
                constraint.get("comment"),
                Options(constraint.get("dialect_options")),
            )
        unnumbered = primary_key.columns if primary_key and _ROW_NUMBER in self._lacking.get(name, ()) else ()
        comment = self._comments.get(key)
        return TableInfo(
            name=name,
            schema=self._schema,
            kind=kind,
            columns=tuple(
                _column(column, self._type_names.get((name, column["name"])), unnumbered=column["name"] in unnumbered)
                for column in self.columns[key]
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


def _column(column: ReflectedColumn, type_name: str | None, *, unnumbered: bool) -> ColumnInfo:
    # Any: a dialect may return keys that the TypedDict does not have (quote).
    facts: Mapping[str, Any] = {**column}
    default = column.get("default")
    return ColumnInfo(
        name=_name(column["name"]),
        type=TypeInfo.of(column["type"]),
        nullable=column["nullable"],
        default=None if default is None else str(default),
        autoincrement=column.get("autoincrement"),
        comment=column.get("comment"),
        computed=Options(computed) if (computed := facts.get("computed")) else None,
        identity=Options(identity) if (identity := facts.get("identity")) else None,
        quote=facts.get("quote", getattr(column["name"], "quote", None)),
        options=Options(column.get("dialect_options")),
        unnumbered=unnumbered,
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
        if len(set(columns)) != len(columns):
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


_MYSQL_LONGEST = 64


def _may_exist(name: str, dialect: str) -> bool:
    """Return whether a table can have this name at all: servers and drivers raise where it cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    if "\0" in name:
        return False
    if dialect in ("mysql", "mariadb"):
        return 0 < len(name) <= _MYSQL_LONGEST and name[-1] not in " \t\n\v\f\r" and max(name) <= "\uffff"
    return True


def _raise_if_unreadable(inspector: Inspector, name: str, schema: str | None) -> None:
    """Raise what the database says against a name that it was not possible to read, unless it does not exist."""
    try:
        inspector.get_columns(name, schema)
    except NoSuchTableError:
        return
    except SQLAlchemyError as error:
        raise ReflectionError(f"{name!r} exists and cannot be read: {error}") from error


# What kind each name is: rows of name, type and "is temporary", one query for each of the three databases of the tests.
# The names go in as parameters.
_POSTGRESQL_KINDS = """
    SELECT c.relname, CAST(c.relkind AS text), c.relpersistence = 't'
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND CASE WHEN CAST(:schema AS text) IS NULL
               THEN pg_catalog.pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'
               ELSE n.nspname = :schema END
"""
_MYSQL_KINDS = """
    SELECT table_name, table_type, table_type LIKE '%TEMPORARY%', @@lower_case_table_names, {temporary}
    FROM information_schema.tables
    WHERE table_schema = COALESCE(:schema, DATABASE())
"""
# How many temporary tables the session has made, which is nearly always none.
_MARIADB_TEMPORARY = """(
        SELECT variable_value FROM information_schema.session_status
        WHERE variable_name = 'COM_CREATE_TEMPORARY_TABLE'
    )"""
# "c" stands among the origins for CREATE INDEX. "pk" does for a primary key that has an index of its own: it has one
# unless it is another name of the row's number, which SQLite gives ("ROWIDs and the INTEGER PRIMARY KEY").
_SQLITE_KINDS = """
    SELECT m.name, m.type, {temporary} AS temporary, m.sql,
        (SELECT group_concat(k.origin) FROM pragma_index_list(m.name, '{schema}') AS k) AS origins
    FROM {catalog} AS m"""

_KINDS = {
    "r": TableKind.TABLE,
    "p": TableKind.TABLE,
    "f": TableKind.FOREIGN_TABLE,
    "v": TableKind.VIEW,
    "m": TableKind.MATERIALIZED_VIEW,
    "table": TableKind.TABLE,
    "view": TableKind.VIEW,
    "SYSTEM VIEW": TableKind.VIEW,
    "VIEW": TableKind.VIEW,
}
_TEMPORARY = {TableKind.TABLE: TableKind.TEMPORARY_TABLE, TableKind.VIEW: TableKind.TEMPORARY_VIEW}


def _kinds(connection: Connection, wanted: list[str] | None, schema: str | None) -> dict[str, TableKind] | None:
    """Return what each of the ``wanted`` names (None: every name) is; those that do not exist are left out.

    A name of ``wanted`` that is not in the catalog and may exist all the same (MariaDB does not list temporary tables)
    is in it as a temporary table. None where the dialect is not one of the three: ``_views`` serves there.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        rows = _rows(connection, _POSTGRESQL_KINDS, "c.relname", wanted, schema=schema)
        return {name: _kind(kind, temporary) for name, kind, temporary in rows}
    if dialect == "sqlite":
        return _sqlite_kinds(connection, wanted, schema)[0]
    if dialect in ("mysql", "mariadb"):
        return _mysql_kinds(connection, wanted, schema)
    return None


def _mysql_kinds(connection: Connection, wanted: list[str] | None, schema: str | None) -> dict[str, TableKind]:
    # Any: that a dialect is MariaDB's only those of MySQL's family tell.
    family: Any = connection.dialect
    query = _MYSQL_KINDS.format(temporary=_MARIADB_TEMPORARY if family.is_mariadb else "0")
    rows = _rows(connection, query, "table_name", wanted, schema=schema)
    if wanted is None:
        return {row[0]: _kind(row[1], row[2]) for row in rows if row[1] != "SEQUENCE"}
    # The catalog compares names without regard to case whether the server does so or not.
    fold = str.lower if rows and int(rows[0][3]) else str
    kinds = {fold(row[0]): _kind(row[1], row[2]) for row in rows}
    if rows and int(rows[0][4]):
        for row in rows:
            if row[1] == "BASE TABLE" and _is_hidden(connection, row[0], schema):
                kinds[fold(row[0])] = TableKind.TEMPORARY_TABLE
    unknown = [name for name in wanted if fold(name) not in kinds]
    if unknown and family.is_mariadb:
        made = rows[0][4] if rows else connection.scalar(text(f"SELECT {_MARIADB_TEMPORARY}"))
        if not int(made):
            unknown = []  # what the catalog does not list does not exist
    return {name: kinds[fold(name)] for name in wanted if fold(name) in kinds} | dict.fromkeys(
        unknown, TableKind.TEMPORARY_TABLE
    )


def _is_hidden(connection: Connection, name: str, schema: str | None) -> bool:
    """Return whether a temporary table of its name hides a table of MariaDB, whose catalog lists none of those."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    full_name = ".".join(quote(part) for part in (schema, name) if part is not None)
    created: str = connection.exec_driver_sql(f"SHOW CREATE TABLE {full_name}").one()[1]
    return created.startswith("CREATE TEMPORARY TABLE")


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


_Lacking = dict[str, set[str]]
"""By name, the words of SQL that its definition certainly does without, and so what need not be read of it."""
_ROW_NUMBER = "ROW NUMBER"
"""Stands among them for a primary key that SQLite numbers."""


def _sqlite_kinds(
    connection: Connection, wanted: list[str] | None, schema: str | None
) -> tuple[dict[str, TableKind], _Lacking]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    schemas = {schema or "main": False}
    if schema is None:
        schemas["temp"] = True  # last: a temporary table hides another of its name
    query = " UNION ALL ".join(
        _SQLITE_KINDS.format(
            catalog=f"{quote(name)}.sqlite_master", temporary=int(temporary), schema=name.replace("'", "''")
        )
        for name, temporary in schemas.items()
    )
    tables_and_views = "type IN ('table', 'view')"
    if wanted is None:
        query = f"SELECT name, type, temporary FROM ({query}) WHERE {tables_and_views}"  # noqa: S608 - schema is quoted
        rows = connection.exec_driver_sql(query).all()
        return {row[0]: _kind(*row[1:3]) for row in rows if not row[0].startswith("sqlite_")}, {}
    # The driver's own parameters: SQLAlchemy's would cost more than the statement. SQLite itself understands "?".
    marks = ", ".join("?" * len(wanted))
    query = f"SELECT * FROM ({query}) WHERE name COLLATE NOCASE IN ({marks}) AND {tables_and_views}"  # noqa: S608
    rows = connection.exec_driver_sql(query, tuple(wanted)).all()
    # SQLite folds the case of ASCII letters and of no others ("Datatypes In SQLite", section 7).
    folded = {row[0].translate(_ASCII_LOWER): row for row in rows}
    found = {name: folded[lower] for name in wanted if (lower := name.translate(_ASCII_LOWER)) in folded}
    lacking = {name: _lacking(*row[3:]) for name, row in found.items()}
    return {name: _kind(*row[1:3]) for name, row in found.items()}, lacking


def _lacking(definition: str | None, origins: str | None) -> set[str]:
    # A keyword has one spelling but for the case of its letters; one in a comment or a name only costs a statement.
    upper = (definition or "").upper()
    lacking = {word for word in ("REFERENCES", "UNIQUE", "CHECK") if word not in upper}
    if not _NAMED_KEY.search(upper):
        lacking.add("CONSTRAINT PRIMARY KEY")
    indexed = (origins or "").split(",")
    if "pk" in indexed:
        lacking.add(_ROW_NUMBER)
    return lacking if "c" in indexed else lacking | {"INDEX"}


_NAMED_KEY = re.compile(r"CONSTRAINT.*PRIMARY", re.DOTALL)


def _unnamed_key(columns: Iterable[ReflectedColumn]) -> ReflectedPrimaryKeyConstraint:
    """Return the primary key of a table of SQLite, whose columns tell their places in it."""
    # Any: "primary_key" is a key that only SQLite's columns have.
    facts: list[Mapping[str, Any]] = [{**column} for column in columns]
    keyed = sorted((fact for fact in facts if fact["primary_key"]), key=lambda fact: int(fact["primary_key"]))
    return {"constrained_columns": [fact["name"] for fact in keyed], "name": None}


def _rows(
    connection: Connection,
    query: str,
    column: str,
    wanted: list[str] | None,
    **parameters: object,
) -> list[tuple[Any, ...]]:
    # Any: the columns of the row are the query's, which is text.
    if wanted is None:
        return list(map(tuple, connection.execute(text(query), parameters)))
    statement = text(f"{query} AND {column} IN :names").bindparams(bindparam("names", expanding=True))
    return list(map(tuple, connection.execute(statement, {**parameters, "names": wanted})))


def _kind(code: str, temporary: object) -> TableKind:
    kind = _KINDS.get(code, TableKind.TABLE)
    return _TEMPORARY.get(kind, kind) if temporary else kind


def _views(inspector: Inspector, schema: str | None) -> dict[str, TableKind]:
    """Return the views and temporary tables of a dialect that ``_kinds`` does not know."""
    kinds: dict[str, TableKind] = {}
    for method, kind in (
        (inspector.get_view_names, TableKind.VIEW),
        (inspector.get_materialized_view_names, TableKind.MATERIALIZED_VIEW),
    ):
        with contextlib.suppress(NotImplementedError):
            kinds.update(dict.fromkeys(method(schema), kind))
    for temporary, kind in (
        (inspector.get_temp_table_names, TableKind.TEMPORARY_TABLE),
        (inspector.get_temp_view_names, TableKind.TEMPORARY_VIEW),
    ):
        with contextlib.suppress(NotImplementedError):
            kinds.update(dict.fromkeys(temporary(), kind))
    return kinds
