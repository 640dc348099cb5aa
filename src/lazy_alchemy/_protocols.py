"""The protocols ``Reflector``, which reads a database's schema, and ``Cache``, which stores what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, Dialect

    from lazy_alchemy._schema.tables import TableInfo, TableKind

__all__ = ["Cache", "CacheEntry", "ConnectionAware", "Reflector", "TableKey"]


class TableKey(NamedTuple):
    """The key of a cache entry.

    Attributes:
        database: The engine's URL without any secret. For an in-memory SQLite database, which no URL identifies, it
            contains an identifier that is unique to the engine.
        schema: The schema as requested; None for the connection's default.
        name: The table's name.
    """

    database: str
    schema: str | None
    name: str


class CacheEntry(NamedTuple):
    """A cache entry: one table as plain data.

    Attributes:
        info: The table as it was reflected.
        reflected_at: When the load began, or when the table was last found unchanged, in seconds since the epoch
            (``time.time()``).
        fingerprint: The fingerprint of this state of the table; see ``Reflector.fingerprints``.
    """

    info: TableInfo
    reflected_at: float
    fingerprint: str


class Reflector(Protocol):
    """Reads a database's schema: nothing else in the library does.

    Synchronous on purpose: an ``AsyncEngine`` runs it through ``AsyncConnection.run_sync``, trio through a worker
    thread.
    """

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return a TableInfo for each of ``names`` that exists; leave out the others.

        All names come in one call, so that they cost as few round trips as the database allows. Foreign keys are never
        followed. The transaction of ``connection`` is neither committed nor rolled back.

        Args:
            connection: The connection to read with.
            names: Names of tables and views, as the database spells them. Never empty.
            schema: The schema, or None for the connection's default.
        """
        ...

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the name and kind of every table and view of ``schema``, except temporary ones."""
        ...

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Return the current fingerprint of each of ``names`` that exists: it changes whenever the TableInfo does.

        It equals the ``fingerprint`` of the TableInfo that ``reflect`` would return now.
        """
        ...


class ConnectionAware(Protocol):
    """Optional methods of a reflector, for correct reads inside and beside transactions. Implement any of them."""

    def autocommits(self, dialect: Dialect) -> bool:
        """Return whether the reflector needs no transaction, because it reads with one statement.

        A load on a pooled connection then uses autocommit, which saves round trips, if that leaves no trace on it.
        """
        ...

    def uncommitted(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Collection[str]:
        """Return those of ``names`` that the open transaction of ``connection`` may have created or changed.

        Without this method, nothing that is loaded inside a caller's transaction is cached.
        """
        ...

    def diverted(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Collection[str]:
        """Return those of ``names`` that ``connection`` may resolve differently from other connections of its engine.

        Without this method, all connections are assumed to have the same search path.
        """
        ...


class Cache(Protocol):
    """Stores entries that outlive the process, live outside it, or are shared by several engines on purpose.

    The library reads the cache before the database, and stores in it what it loads. A cache may drop entries at any
    time. If it raises an exception, that is logged and the database is read instead.
    """

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Return the entries that are stored under ``keys``."""
        ...

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Store ``entries``, replacing those with the same key."""
        ...

    def discard(self, keys: Collection[TableKey]) -> None:
        """Remove the entries that are stored under ``keys``."""
        ...

    def clear(self, database: str) -> None:
        """Remove every entry whose key has this ``database``."""
        ...
