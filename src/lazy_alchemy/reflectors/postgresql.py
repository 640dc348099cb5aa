"""The reflector for PostgreSQL, which reads any number of tables in one round trip.

It returns the same TableInfos as the InspectorReflector, and leaves the cases in which it might not to that one.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError, SAWarning, SQLAlchemyError

from lazy_alchemy._drivers import autocommits, error_code
from lazy_alchemy._schema.names import can_exist
from lazy_alchemy.reflectors._listeners import apply_listeners
from lazy_alchemy.reflectors._postgresql.statement import OLDEST, read
from lazy_alchemy.reflectors._postgresql.tables import Tables
from lazy_alchemy.reflectors._postgresql.types import TypesOf, UncertainError, UnsettledError
from lazy_alchemy.reflectors._version import NEWER_LINE
from lazy_alchemy.reflectors.inspector import InspectorReflector

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect

    from lazy_alchemy._schema.tables import TableInfo
    from lazy_alchemy.reflectors._postgresql.statement import Facts

__all__ = ["PostgresReflector"]


class PostgresReflector(InspectorReflector):
    """A ``Reflector`` for PostgreSQL 12 and later, with any driver.

    ``reflect``, ``list_names``, ``fingerprints`` and ``uncommitted`` take one round trip each, for any number of names.
    All catalog rows come from one snapshot: a table that is replaced or altered meanwhile is returned either as it was
    before or as it is after. If PostgreSQL's functions have already seen a later state than the rows, it reads again.

    It leaves these to the ``InspectorReflector``, at the cost of that one's round trips:

    - dialects other than SQLAlchemy's own for PostgreSQL (CockroachDB, Redshift) or that read the catalogs in their own
      way, and servers older than PostgreSQL 12;
    - tables that SQLAlchemy, which parses text, may reflect differently from the catalogs (a foreign key on a column
      with a comma in its name), and third-party types that are registered with the dialect and are TypeDecorators;
    - servers that do not understand the statement.
    """

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return a TableInfo for each of ``names`` that exists; one round trip.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
        """
        return self._reflect(connection, names, schema, patient=True)

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Return the fingerprints of ``names``, at the cost of reflecting them; one round trip.

        The caller already has the tables. In autocommit, it therefore waits for at most one second for a table that is
        locked by another transaction.
        """
        infos = self._reflect(connection, names, schema, patient=not autocommits(connection))
        return {name: info.fingerprint for name, info in infos.items()}

    def _reflect(
        self, connection: Connection, names: Collection[str], schema: str | None, *, patient: bool
    ) -> Mapping[str, TableInfo]:
        if not _is_postgresql(connection.dialect):
            return super().reflect(connection, names, schema=schema)
        wanted = [str(name) for name in dict.fromkeys(names) if can_exist(name)]
        found: dict[str, TableInfo] = {}
        left: list[str] = []
        facts: Facts | None = None
        failure: DBAPIError | None = None
        for _ in range(_ATTEMPTS):
            if not wanted:
                break
            before = facts
            try:
                facts = read(connection, wanted, schema, table_options=NEWER_LINE, patient=patient)
            except DBAPIError as error:
                if failure is not None:
                    break
                if not _is_statement_error(error):
                    raise
                failure = error
                continue
            if facts == before:
                break  # the transaction keeps its snapshot, so reading again does not help
            uncertain, wanted = _tables(facts, wanted, schema, connection.dialect, found)
            left.extend(uncertain)
        left.extend(wanted)
        found.update(apply_listeners(connection, found))
        if left:
            try:
                found.update(super().reflect(connection, left, schema=schema))
            except SQLAlchemyError as error:
                raise failure or error from None
        return found

    def autocommits(self, dialect: Dialect) -> bool:
        """Return True: one statement needs no transaction, which would cost two more round trips."""
        return _is_postgresql(dialect)


# Each further attempt follows another change of the schema, so this limit is only reached if changes never stop.
_ATTEMPTS = 50


def _tables(
    facts: Facts, names: Collection[str], schema: str | None, dialect: Dialect, found: dict[str, TableInfo]
) -> tuple[list[str], list[str]]:
    """Add the tables to ``found``; return the names to leave to the Inspector, and those to read again."""
    # Any: type classes by name, an attribute that SQLAlchemy does not declare on Dialect
    ischema_names: Any = getattr(dialect, "ischema_names")  # noqa: B009
    tables = Tables(facts, TypesOf(facts, ischema_names), schema)
    uncertain: list[str] = []
    unsettled: list[str] = []
    for name in names:
        if name in tables.oids:
            try:
                found[name], messages = tables.table(name)
            except UncertainError:
                uncertain.append(name)
            except UnsettledError:
                unsettled.append(name)
            else:
                for message in messages:
                    warnings.warn(message, SAWarning, stacklevel=3)
    return uncertain, unsettled


# The methods of the dialect that the InspectorReflector uses. A dialect that overrides any of them may reflect tables
# differently.
_READ_BY_DIALECT = (
    "get_multi_columns",
    "get_multi_pk_constraint",
    "get_multi_foreign_keys",
    "get_multi_indexes",
    "get_multi_unique_constraints",
    "get_multi_check_constraints",
    "get_multi_table_comment",
    "get_multi_table_options",
)


def _is_postgresql(dialect: Dialect) -> bool:
    if not (dialect.name == "postgresql" and _reads_as_postgresql(_class(dialect))):
        return False
    version = dialect.server_version_info
    return version is not None and tuple(version) >= OLDEST


def _class(dialect: object) -> type:
    return type(dialect)  # mypy considers type[Dialect] unhashable


@cache
def _reads_as_postgresql(class_: type) -> bool:
    return issubclass(class_, PGDialect) and all(
        getattr(class_, name) is getattr(PGDialect, name) for name in _READ_BY_DIALECT
    )


def _is_statement_error(error: DBAPIError) -> bool:
    """Return whether the statement itself failed: an object that it reads is gone, or it is not supported."""
    return str(error_code(error))[:2] in ("42", "XX", "0A")
