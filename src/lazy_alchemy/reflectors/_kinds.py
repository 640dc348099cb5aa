"""The names in a schema and their kinds, with one query each for PostgreSQL, MariaDB (and MySQL) and SQLite."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, text

from lazy_alchemy._schema.names import MYSQL
from lazy_alchemy._schema.tables import TableKind

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

__all__ = ["ascii_lower", "kind_of", "kinds_of", "mysql_kinds", "views"]

# Rows of name, type and "is temporary". The names are passed as parameters.
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
# The number of temporary tables that the session has created, nearly always 0.
_MARIADB_TEMPORARY = """(
        SELECT variable_value FROM information_schema.session_status
        WHERE variable_name = 'COM_CREATE_TEMPORARY_TABLE'
    )"""
_SQLITE_KINDS = "SELECT name, type, {temporary} FROM {schema}.sqlite_master WHERE type IN ('table', 'view')"

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


def kinds_of(connection: Connection, wanted: list[str] | None, schema: str | None) -> dict[str, TableKind] | None:
    """Return the kind of each of the ``wanted`` names (None: of every name) that exists.

    A wanted name that is not in the catalog but may still exist (MariaDB does not list temporary tables) is returned as
    a temporary table. For other dialects, return None; use ``views`` instead.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        rows = _rows(connection, _POSTGRESQL_KINDS, "c.relname", wanted, schema=schema)
        return {name: kind_of(kind, temporary) for name, kind, temporary in rows}
    if dialect == "sqlite":
        return _sqlite_kinds(connection, wanted, schema)
    if dialect in MYSQL:
        return mysql_kinds(connection, wanted, schema)
    return None


def mysql_kinds(connection: Connection, wanted: list[str] | None, schema: str | None) -> dict[str, TableKind]:
    # Any: only the dialects of MySQL's family have the attribute ``is_mariadb``.
    family: Any = connection.dialect
    query = _MYSQL_KINDS.format(temporary=_MARIADB_TEMPORARY if family.is_mariadb else "0")
    rows = _rows(connection, query, "table_name", wanted, schema=schema)
    if wanted is None:
        return {row[0]: kind_of(row[1], row[2]) for row in rows if row[1] != "SEQUENCE"}
    # The catalog always compares names case-insensitively, even if the server does not.
    fold = str.lower if rows and int(rows[0][3]) else str
    kinds = {fold(row[0]): kind_of(row[1], row[2]) for row in rows}
    if rows and int(rows[0][4]):
        for row in rows:
            if row[1] != "SYSTEM VIEW" and _is_hidden(connection, row[0], schema):
                kinds[fold(row[0])] = TableKind.TEMPORARY_TABLE
    unknown = [name for name in wanted if fold(name) not in kinds]
    if unknown and family.is_mariadb:
        made = rows[0][4] if rows else connection.scalar(text(f"SELECT {_MARIADB_TEMPORARY}"))
        if not int(made):
            unknown = []  # without temporary tables, a name that the catalog does not list does not exist
    return {name: kinds[fold(name)] for name in wanted if fold(name) in kinds} | dict.fromkeys(
        unknown, TableKind.TEMPORARY_TABLE
    )


def _is_hidden(connection: Connection, name: str, schema: str | None) -> bool:
    """Return whether the table is hidden by a temporary one, which MariaDB's catalog does not list."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    full_name = ".".join(quote(part) for part in (schema, name) if part is not None)
    created: str = connection.exec_driver_sql(f"SHOW CREATE TABLE {full_name}").one()[1]
    return created.startswith("CREATE TEMPORARY TABLE")


def _sqlite_kinds(connection: Connection, wanted: list[str] | None, schema: str | None) -> dict[str, TableKind]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    schemas = {schema or "main": (schema or "").lower() == "temp"}
    if schema is None:
        schemas["temp"] = True  # last, because a temporary table hides another one of the same name
    query = " UNION ALL ".join(
        _SQLITE_KINDS.format(schema=quote(name), temporary=int(temporary)) for name, temporary in schemas.items()
    )
    kinds = {name: kind_of(kind, temporary) for name, kind, temporary in connection.exec_driver_sql(query)}
    if wanted is None:
        return {name: kind for name, kind in kinds.items() if not name.startswith("sqlite_")}
    folded = {ascii_lower(name): kind for name, kind in kinds.items()}
    return {name: folded[lower] for name in wanted if (lower := ascii_lower(name)) in folded}


def ascii_lower(name: str) -> str:
    """Return ``name`` as SQLite compares it: only ASCII letters are case-insensitive."""
    return name.translate(_ASCII_LOWER)  # "Datatypes In SQLite", section 7


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _rows(
    connection: Connection,
    query: str,
    column: str,
    wanted: list[str] | None,
    **parameters: object,
) -> list[tuple[Any, ...]]:
    # Any: the types of the columns are not known, because the query is text.
    if wanted is None:
        return list(map(tuple, connection.execute(text(query), parameters)))
    statement = text(f"{query} AND {column} IN :names").bindparams(bindparam("names", expanding=True))
    return list(map(tuple, connection.execute(statement, {**parameters, "names": wanted})))


def kind_of(code: str, temporary: object) -> TableKind:
    """Return the kind for a catalog's code: PostgreSQL's ``relkind``, or the type in MariaDB and SQLite."""
    kind = _KINDS.get(code, TableKind.TABLE)
    return _TEMPORARY.get(kind, kind) if temporary else kind


def views(inspector: Inspector, schema: str | None) -> dict[str, TableKind]:
    """Return the views and temporary tables in a dialect that ``kinds_of`` does not support."""
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
