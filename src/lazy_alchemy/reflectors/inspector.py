"""The reflector for any dialect, through SQLAlchemy's public Inspector.

Its TableInfos result in the same tables that SQLAlchemy would reflect with ``resolve_fks=False``, at the cost of the
same round trips, plus one to find out the kinds of names where necessary.
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

    Round trips: on PostgreSQL twelve for any number of names, one more for enums and two more for domains; on
    MariaDB and MySQL one per table, two per view, and two more for temporary tables; on SQLite one per 500 names;
    elsewhere those of the dialect's ``get_multi_*`` methods, and those needed to distinguish views from tables. On
    PostgreSQL, a table that is changed while these statements run may be returned partly old and partly new;
    ``PostgresReflector`` reads with a single statement.
    """

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return a TableInfo for each of ``names`` that exists, reading all of them in one batch.

        Raises:
            ReflectionError: One of them exists but cannot be read (a view whose table was dropped).
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
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
        schema: str | None,  # noqa: ARG002 - part of the protocol, but not needed
    ) -> Collection[str]:
        """Return those of ``names`` that the open transaction of ``connection`` may have created or changed.

        On MariaDB and MySQL none: a statement that changes a schema commits (MariaDB Knowledge Base, "SQL statements
        that cause an implicit commit"). On PostgreSQL all of them, if the transaction has changed anything but rows of
        tables, or reads from a snapshot older than the statement; one round trip. On SQLite all of them, if the
        transaction has written. Elsewhere all of them.
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
        """Return those of ``names`` that ``connection`` may find elsewhere than the engine's other connections do.

        That is only possible with ``schema=None``: on MariaDB and MySQL for all names, after ``USE`` selected another
        database than the engine's default; on PostgreSQL for those that are not in the engine's default schema, after
        ``SET search_path``. One round trip on these, none elsewhere.
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


# Whether the transaction may have changed what is reflected of any table; enums, domains and referred tables affect
# others, too. Statements that do so take a stronger lock on the relation or object than inserts and updates, and hold
# it until the end (PostgreSQL manual, "13.3.1. Table-Level Locks"), except for some on types and comments, which leave
# catalog rows that are no older than the transaction. Besides, a snapshot may be older than what others have committed.
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


# A name that is found in the engine's default schema is found there on every connection; one that is found elsewhere,
# along a search path that was set in this session, may be found on this connection only.
_DIVERTED = text("""
    SELECT c.relname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname IN :names AND pg_catalog.pg_table_is_visible(c.oid)
      AND n.nspname IS DISTINCT FROM CAST(:default_schema AS text)
      AND EXISTS (SELECT 1 FROM pg_catalog.pg_settings AS s WHERE s.name = 'search_path' AND s.source = 'session')
""").bindparams(bindparam("names", expanding=True))


def _unqualified(info: TableInfo, kind: TableKind) -> TableInfo:
    """Return a table of SQLite's schema "temp" as one without a schema."""
    keys = tuple(replace(key, referred_schema=None) for key in info.foreign_keys)
    return replace(info, schema=None, kind=kind, foreign_keys=keys)


def _reflect_sqlite(connection: Connection, wanted: list[str], schema: str | None) -> dict[str, TableInfo]:
    """Return the TableInfos of the ``wanted`` names in SQLite; one statement.

    Raises:
        ReflectionError: One of them is a broken view.
    """
    proxy = ConnectionProxy(connection)
    lacking: Mapping[str, Collection[str]] = {}
    try:
        answers = SQLiteAnswers(connection, wanted, schema)
        proxy, kinds, lacking = answers, answers.kinds, answers.lacking
    except DBAPIError as error:
        if is_locked(error):
            raise
        kinds = kinds_of(connection, wanted, schema) or {}  # raises if the cause is not one of the names
        for name in kinds:
            _raise_if_unreadable(connection, name, schema)
    found: dict[str, TableInfo] = {}
    # For SQLAlchemy "main" takes precedence over "temp"; in SQL it is the reverse.
    temporary = [name for name, kind in kinds.items() if kind.is_temporary and schema is None]
    if temporary:
        hiding = _reflect_sqlite(connection, temporary, "temp")
        found.update((name, _unqualified(info, kinds[name])) for name, info in hiding.items())
    names = [name for name in wanted if name in kinds and name not in found]
    facts = Batch(proxy.facts, names, schema, lambda name: lacking.get(name, ()))
    return found | _tables(facts, connection, kinds)


class _DeniedError(Exception):
    """The user has no permission to see the definition of a name, which may not even exist."""


def _reflect_mysql(connection: Connection, wanted: list[str], schema: str | None) -> dict[str, TableInfo]:
    """Return the TableInfos of the ``wanted`` names in MariaDB or MySQL; one round trip each, two for a view.

    Raises:
        _DeniedError: The user has no permission to see some of them.
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
    """Return the TableInfos of the names in ``facts``.

    Raises:
        ReflectionError: A name in ``kinds`` exists but cannot be read.
    """
    for name in facts.unread:
        if name in kinds:
            _raise_if_unreadable(connection, name, facts.schema)
    return {name: facts.table(name, kinds[name]) for name in facts.read}


# ER_DBACCESS_DENIED_ERROR and ER_TABLEACCESS_DENIED_ERROR (MariaDB Knowledge Base, "MariaDB Error Codes")
_DENIED = (1044, 1142)


def _inspected(inspector: Inspector) -> Ask:
    """Return a function that reads facts of any number of names at once through ``inspector``."""

    def ask(fact: str, names: list[str], schema: str | None) -> Facts[Any]:  # Any: see Ask
        read: Callable[..., Facts[Any]] = getattr(inspector, f"get_multi_{fact}")
        return read(schema=schema, filter_names=names, kind=ObjectKind.ANY, scope=ObjectScope.ANY)

    return ask


def _raise_if_unreadable(connection: Connection, name: str, schema: str | None) -> None:
    """Raise the database's error about a name that could not be read, unless it does not exist."""
    try:
        inspect(connection).get_columns(name, schema)
    except NoSuchTableError:
        return
    except SQLAlchemyError as error:
        raise ReflectionError(f"{name!r} exists but cannot be read: {error}") from error
