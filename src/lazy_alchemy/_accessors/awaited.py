"""``AsyncLazyDBAccessor``: the accessor for asyncio and trio."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from typing_extensions import TypeIs

from lazy_alchemy._accessors.base import UNSET, Accessor, Unset, checked_engine
from lazy_alchemy._catalog.connections import not_a_connection
from lazy_alchemy._catalog.ways import IN_WORKER, InTask
from lazy_alchemy._concurrency.loops import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterable

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from lazy_alchemy._accessors.registry import OnDrift
    from lazy_alchemy._catalog.outcomes import Key
    from lazy_alchemy._catalog.ways import Way
    from lazy_alchemy._protocols import Cache, Reflector
    from lazy_alchemy._tables import CustomTable

__all__ = ["AsyncLazyDBAccessor", "is_async_engine"]


class AsyncLazyDBAccessor(Accessor):
    """The tables of one database for asyncio and trio, each loaded when it is first used.

    ``await db.users``, ``await db["order-items"]`` and ``await db.get("users")`` return the table. With an AsyncEngine
    (asyncio only), loads go through it and are shared by the tasks of one event loop. With a sync Engine (asyncio and
    trio), they run in worker threads and are shared with all threads and event loops that use the engine. In a typed
    codebase, declare the tables that it uses in a subclass, as with ``LazyDB``.

    An accessor can be created without an event loop. Several event loops can use it, in turn or at the same time.
    """

    __declarable__ = True

    def __init__(
        self,
        engine: Engine | AsyncEngine,
        *,
        cache_ttl: float | None = None,
        schema: str | Unset | None = UNSET,
        cache: Cache | None = None,
        reflector: Reflector | None = None,
        on_drift: OnDrift | Unset = UNSET,
    ) -> None:
        """Create an accessor; nothing is loaded, and no connection is made.

        Args:
            engine: The database.
            cache_ttl: Time to live in seconds; after it, a table's next use checks it for changes. None for no expiry.
            schema: The schema; None for the connection's default. If omitted, that of the class.
            cache: Additional storage for TableInfos; it is called in worker threads. Accessors of the engine with the
                same cache and reflector objects share their tables.
            reflector: Reads the schema; see ``cache``.
            on_drift: What to do if a declared table does not match its annotations when it is first used, see
                ``LazyDB``. If omitted, that of the class.

        Raises:
            TypeError: ``engine`` is not an engine, or another argument has the wrong type.
            ValueError: ``cache_ttl`` is negative or NaN.
        """
        self._async_engine = engine if is_async_engine(engine) else None
        sync_engine = engine.sync_engine if is_async_engine(engine) else checked_engine(type(self).__name__, engine)
        super().__init__(sync_engine, cache_ttl, schema, cache, reflector, on_drift)

    @property
    def engine(self) -> Engine | AsyncEngine:
        """The engine that the accessor was created with."""
        return self._sync_engine if self._async_engine is None else self._async_engine

    # -- Tables

    async def get(self, name: str, *, connection: AsyncConnection | Connection | None = None) -> CustomTable:
        """Return a table or view.

        Args:
            name: The name as the database spells it.
            connection: If the table is not loaded, or the open transaction of this connection may have changed it, read
                it on this connection. A table that only this connection may see (temporary, or not committed) is
                returned but not cached.

        Returns:
            The table; the same object as long as neither it nor a table it refers to has changed.

        Raises:
            TableNotFoundError: The table does not exist.
            ReflectionError: The table cannot be loaded.
            DriftError: The table does not match its declaration, and the accessor has ``on_drift="raise"``.
            TypeError: The accessor has an AsyncEngine, and the running event loop is not asyncio's.

        Round trips: none if the table is loaded and has not expired, in which case the call does not yield to other
        tasks; else those of the reflector (see ``InspectorReflector``).
        """
        if connection is not None:
            key = self._key(name)
            return self._checked_for_drift(key[1], (await self._through(connection, [key]))[key])
        try:
            table, until = self._hits[name]
            if self._ttl is None or monotonic() < until:
                return table
        except (KeyError, TypeError):  # not loaded, or not even hashable
            pass
        table = await self._catalog.table(self._key(name), self._ttl, self, self._way())
        return self._checked_for_drift(name, table)

    def _hit(self, name: str) -> CustomTable | None:
        hit = self._hits.get(name)
        return None if hit is None or (self._ttl is not None and monotonic() >= hit[1]) else hit[0]

    def __getitem__(self, name: str) -> Awaitable[CustomTable]:
        """Return an awaitable of the table called ``name``; see ``get``."""
        return Awaited(self, self._key(name)[1])

    def __getattr__(self, name: str) -> Awaitable[CustomTable]:
        """Return an awaitable of the table called ``name``, which must not begin with an underscore; see ``get``."""
        if name.startswith("_") or "_catalog" not in vars(self):
            raise self._no_attribute(name, "await db")
        return Awaited(self, self._table_name(name))

    async def _through(self, connection: AsyncConnection | Connection, keys: Iterable[Key]) -> dict[Key, CustomTable]:
        if isinstance(connection, Connection):
            # The thread uses the caller's own connection, so even a cancelled caller waits for it.
            return await in_thread(self._catalog.through, connection, keys, self._ttl, abandon=False)
        if not hasattr(connection, "run_sync"):
            raise not_a_connection(connection)
        return await connection.run_sync(self._catalog.through, keys, self._ttl)

    def _way(self) -> Way:
        return IN_WORKER if self._async_engine is None else InTask(self._async_engine)

    # -- Listing

    async def list_tables(self) -> list[str]:
        """Return the names of the base tables of the schema, sorted. Each call costs one round trip.

        Raises:
            ReflectionError: The database cannot be read.
        """
        names = await self._catalog.names(self._schema, self._way())
        return [name for name, kind in names.items() if not kind.is_view]

    async def list_views(self) -> list[str]:
        """Return the names of the views and materialized views of the schema, sorted. Each call costs one round trip.

        Raises:
            ReflectionError: The database cannot be read.
        """
        names = await self._catalog.names(self._schema, self._way())
        return [name for name, kind in names.items() if kind.is_view]

    # -- Loading and invalidating

    async def preload(self, *names: str, connection: AsyncConnection | Connection | None = None) -> None:
        """Load those of ``names`` that are not loaded, in one batch. Each Table is built when it is first used.

        Args:
            names: Names of tables and views.
            connection: Load them on this connection, in its transaction; see ``get``.

        Raises:
            TableNotFoundError: Some do not exist; the error names them all, and the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        keys = [self._key(name) for name in names]
        if connection is not None:
            await self._through(connection, keys)
        elif keys:
            await self._catalog.ensure(keys, self._ttl, self._way())

    async def preload_all(self) -> None:
        """Load every table and view of the schema that is not loaded. It costs one round trip more than ``preload``.

        Raises:
            ReflectionError: Some cannot be loaded; the others are.
        """
        names = await self._catalog.names(self._schema, self._way())
        keys = [self._key(name) for name in names]
        await self._catalog.ensure(keys, self._ttl, self._way(), ignore_missing=True)

    async def refresh(self, *names: str) -> None:
        """Check ``names`` for changes now, in one batch; without names, every loaded table of the schema.

        Raises:
            TableNotFoundError: Some no longer exist.
            ReflectionError: The database cannot be read; loaded tables stay as they were.
        """
        keys = [self._key(name) for name in names] or self._catalog.loaded(self._schema)
        if keys:
            await self._catalog.ensure(keys, self._ttl, self._way(), refresh=True)

    async def invalidate(self, name: str) -> None:
        """Mark a table, for all accessors of the engine, to be checked for changes at its next use. No round trip.

        If the table has not changed, it stays the same object. The table need not be loaded.
        """
        await self._engine_catalogs.invalidate([self._key(name)], IN_WORKER)

    async def invalidate_all(self) -> None:
        """Mark every table of the engine, in all schemas, to be checked for changes at its next use. No round trip."""
        await self._engine_catalogs.invalidate(None, IN_WORKER)


class Awaited:
    """An awaitable of a table. It does nothing until it is awaited, and may be awaited more than once."""

    __slots__ = ("_accessor", "_name")

    def __init__(self, accessor: AsyncLazyDBAccessor, name: str) -> None:
        """Create an awaitable of the table called ``name``."""
        self._accessor = accessor
        self._name = name

    def __await__(self) -> Generator[Any, Any, CustomTable]:
        # Any: what an event loop sends and receives.
        """Return the table; see ``AsyncLazyDBAccessor.get``."""
        table = self._accessor._hit(self._name)  # pyright: ignore[reportPrivateUsage]  # its public names are tables
        if table is None:
            table = yield from self._accessor.get(self._name).__await__()
        return table

    def __getattr__(self, name: str) -> Any:
        """Raise an AttributeError: the ``await`` is missing."""
        raise AttributeError(
            f"the table {self._name!r} is not awaited yet, so it has no {name!r}: write "
            f"`(await db.{self._name}).{name}`"
        )

    def __repr__(self) -> str:
        return f"<table {self._name!r}, to be awaited>"


def is_async_engine(engine: object) -> TypeIs[AsyncEngine]:
    """Return whether ``engine`` is an AsyncEngine, without importing SQLAlchemy's asyncio extension."""
    module = sys.modules.get("sqlalchemy.ext.asyncio")
    return module is not None and isinstance(engine, module.AsyncEngine)
