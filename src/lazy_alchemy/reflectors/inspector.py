"""The reflector for any dialect, through SQLAlchemy's public Inspector.

What it returns leads to the tables that SQLAlchemy itself would reflect with ``resolve_fks=False``, and it costs the
same round trips, plus one where it does not know what kind a name is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, inspect, text
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from lazy_alchemy._drivers import error_code, in_transaction, is_locked
from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.names import MYSQL, can_exist
from lazy_alchemy._schema.tables import TableInfo, TableKind
from lazy_alchemy.reflectors._batch import Batch
from lazy_alchemy.reflectors._kinds import kinds_of, mysql_kinds, views
from lazy_alchemy.reflectors._listeners import apply_listeners
from lazy_alchemy.reflectors._mariadb import Definitions
from lazy_alchemy.reflectors._proxy import ConnectionProxy
from lazy_alchemy.reflectors._sqlite import SQLiteAnswers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Connection, Inspector

    from lazy_alchemy.reflectors._batch import Ask, Facts

__all__ = ["InspectorReflector"]


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
        wanted = [name for name in dict.fromkeys(names) if can_exist(name, dialect)]
        if not wanted:
            return {}  # SQLAlchemy would read an empty filter as "everything"
        if dialect == "sqlite":
            return apply_listeners(connection, _reflect_sqlite(connection, wanted, schema))
        if dialect in MYSQL:
            with suppress(_DeniedError):
                return apply_listeners(connection, _reflect_mysql(connection, wanted, schema))
        inspector = inspect(connection)
        known = kinds_of(connection, wanted, schema)
        kinds = dict.fromkeys(wanted, TableKind.TABLE) | views(inspector, schema) if known is None else known
        wanted = [name for name in wanted if name in kinds]
        if not wanted:
            return {}
        facts = Batch(_inspected(inspector), wanted, schema)
        facts.name_unknown_types(connection)
        facts.complete_domains(connection)
        return apply_listeners(connection, _tables(facts, connection, kinds))

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
        if dialect in MYSQL:
            return ()
        if dialect == "sqlite":
            return list(names) if in_transaction(connection) else ()
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
        if schema is not None or dialect not in (*MYSQL, "postgresql"):
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
    facts = Batch(proxy.facts, names, schema, lambda name: lacking.get(name, ()))
    return found | _tables(facts, connection, kinds)


class _DeniedError(Exception):
    """The user may not see the definition of some name, which may be because there is none."""


def _reflect_mysql(connection: Connection, wanted: list[str], schema: str | None) -> dict[str, TableInfo]:
    """Return what MariaDB or MySQL shows of the ``wanted`` names; one round trip each, and another for a view.

    Raises:
        _DeniedError: Some may not be seen.
    """
    try:
        definitions = Definitions(connection)
        facts = Batch(definitions.facts, wanted, schema, partial(definitions.lacking, schema=schema))
    except DBAPIError as error:
        if error_code(error) in _DENIED:
            raise _DeniedError from error
        raise
    facts.name_unknown_types(connection)
    there = [name for name in wanted if name in facts.read or definitions.shown(name, schema)]
    known = {name: definitions.kind(name, schema) for name in there}
    unsure = [name for name in facts.read if known[name] is None]
    kinds = mysql_kinds(connection, unsure, schema) if unsure else {}
    return _tables(facts, connection, {name: kind or kinds.get(name, TableKind.TABLE) for name, kind in known.items()})


def _tables(facts: Batch, connection: Connection, kinds: Mapping[str, TableKind]) -> dict[str, TableInfo]:
    """Return the tables of which there are ``facts``.

    Raises:
        ReflectionError: One of ``kinds`` exists and cannot be read.
    """
    for name in facts.unread:
        if name in kinds:
            _raise_if_unreadable(connection, name, facts.schema)
    return {name: facts.table(name, kinds[name]) for name in facts.read}


# ER_DBACCESS_DENIED_ERROR and ER_TABLEACCESS_DENIED_ERROR (MariaDB Knowledge Base, "MariaDB Error Codes")
_DENIED = (1044, 1142)


def _inspected(inspector: Inspector) -> Ask:
    """Return what asks ``inspector`` about any number of names at once."""

    def ask(fact: str, names: list[str], schema: str | None) -> Facts[Any]:  # Any: see Ask
        read: Callable[..., Facts[Any]] = getattr(inspector, f"get_multi_{fact}")
        return read(schema=schema, filter_names=names, kind=ObjectKind.ANY, scope=ObjectScope.ANY)

    return ask


def _raise_if_unreadable(connection: Connection, name: str, schema: str | None) -> None:
    """Raise what the database says against a name that it was not possible to read, unless it does not exist."""
    try:
        inspect(connection).get_columns(name, schema)
    except NoSuchTableError:
        return
    except SQLAlchemyError as error:
        raise ReflectionError(f"{name!r} exists and cannot be read: {error}") from error
