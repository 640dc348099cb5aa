"""The contracts of what reads a database's schema and of what keeps it: Reflector and Cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, Dialect

    from lazy_alchemy._schema.tables import TableInfo, TableKind

__all__ = ["Cache", "CacheEntry", "ConnectionAware", "Reflector", "TableKey"]


class TableKey(NamedTuple):
    """What an entry of a cache is filed under.

    Attributes:
        database: The engine's URL without any secret. An in-memory SQLite database, which no URL names, has an
            identifier of the engine's own in it.
        schema: The schema as it was asked for; None for the connection's default.
        name: The table's name.
    """

    database: str
    schema: str | None
    name: str


class CacheEntry(NamedTuple):
    """What a cache holds about one table: plain data.

    Attributes:
        info: What the reflector found out.
        reflected_at: When that load began or was last found to be still true, in seconds since the epoch
            (``time.time()``).
        fingerprint: What ``Reflector.fingerprints`` returned, or would have, for this state of the table.
    """

    info: TableInfo
    reflected_at: float
    fingerprint: str


class Reflector(Protocol):
    """Reads a database's catalog: the only one in the library that does I/O.

    Synchronous on purpose: an ``AsyncEngine`` runs it through ``AsyncConnection.run_sync``, trio through a worker
    thread.
    """

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return a TableInfo for each of ``names`` that exists; leave out those that do not.

        All names come in one call, to be answered in as few round trips as the database allows. Foreign keys are never
        followed. The transaction of ``connection`` is neither committed nor rolled back.

        Args:
            connection: A connection to read with.
            names: Names of tables and views, each as the database spells it. Never empty.
            schema: The schema, or None for the connection's default.
        """
        ...

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the names of all tables and views of ``schema`` and what each of them is, without temporary ones."""
        ...

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Return a text for each of ``names`` that exists which differs whenever the table's TableInfo would.

        It equals the ``fingerprint`` of the TableInfo that ``reflect`` would return now.
        """
        ...


class ConnectionAware(Protocol):
    """What a reflector may do besides, each method by itself, for reading rightly in and beside transactions."""

    def autocommits(self, dialect: Dialect) -> bool:
        """Return whether it needs no transaction, because it reads with one statement.

        A load on a connection of the pool then saves the round trips of one, where that leaves no trace.
        """
        ...

    def uncommitted(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Collection[str]:
        """Return those of ``names`` that the open transaction of ``connection`` may have made or changed.

        Without it, nothing is kept that was loaded inside a caller's transaction.
        """
        ...

    def diverted(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Collection[str]:
        """Return those of ``names`` that ``connection`` may find elsewhere than another connection of its engine does.

        Without it, every connection is taken to have the same search path.
        """
        ...


class Cache(Protocol):
    """Keeps entries for longer than, or outside of, one process, or for several engines on purpose.

    It is asked before the database and told after it. It may forget whatever it likes. An exception from it is logged
    and the database is asked instead.
    """

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Return the entries that there are for ``keys``."""
        ...

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Keep ``entries``, replacing those of the same key."""
        ...

    def discard(self, keys: Collection[TableKey]) -> None:
        """Forget the entries of ``keys``, if there are any."""
        ...

    def clear(self, database: str) -> None:
        """Forget every entry whose key's ``database`` is this one."""
        ...
