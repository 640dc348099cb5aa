"""``AsyncLazyDBAccessor``: the same as ``LazyDB``, awaited, under asyncio and trio."""

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
    """The tables of one database, each loaded when it is first used, for asyncio and trio.

    ``await db.users``, ``await db["order-items"]`` and ``await db.get("users")`` return the table. With an AsyncEngine
    (asyncio only) loads go through it, and are shared by the tasks of one event loop. With a sync Engine (asyncio and
    trio) they run in worker threads, and are shared with all threads and event loops that use the engine. Declare the
    tables that a typed codebase uses in a subclass, as with ``LazyDB``.

    It can be made without an event loop, and used by one after the other and by several at once.
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
        """Make an accessor; nothing is loaded, and no connection is made.

        Args:
            engine: The database.
            cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
            schema: The schema; None for the connection's default. Left out, it is the class's.
            cache: Where TableInfos are kept besides; it is called in worker threads. The accessor then shares no tables
                with others of the engine.
            reflector: How the database is read. The accessor then shares no tables with others of the engine.
            on_drift: What is done when a declared table is first used and is not what its annotations say, see
                ``LazyDB``. Left out, it is the class's.

        Raises:
            TypeError: ``engine`` is not an engine, or another argument is not of its type.
            ValueError: ``cache_ttl`` is negative or not a number.
        """
        self._async_engine = engine if is_async_engine(engine) else None
        sync_engine = engine.sync_engine if is_async_engine(engine) else checked_engine(type(self).__name__, engine)
        super().__init__(sync_engine, cache_ttl, schema, cache, reflector, on_drift)

    @property
    def engine(self) -> Engine | AsyncEngine:
        """The engine that it was made with."""
        return self._sync_engine if self._async_engine is None else self._async_engine

    # -- Tables

    async def get(self, name: str, *, connection: AsyncConnection | Connection | None = None) -> CustomTable:
        """Return a table or view.

        Args:
            name: Its name as the database spells it.
            connection: Load it, if it is not loaded, on this connection and in its transaction. A table that only this
                connection may see (temporary, or not committed) is returned and not kept.

        Returns:
            The table; the same object as long as neither it nor a table that it refers to has changed.

        Raises:
            TableNotFoundError: It does not exist.
            ReflectionError: It cannot be loaded.
            DriftError: It is declared otherwise, and the accessor has ``on_drift="raise"``.
            TypeError: The accessor has an AsyncEngine, and the running event loop is not asyncio's.

        Round trips: none if it is loaded and has not expired, and then it does not yield to other tasks either; else
        those of the reflector (see ``InspectorReflector``).
        """
        if connection is not None:
            key = self._key(name)
            return self._declared_well(key[1], (await self._through(connection, [key]))[key])
        try:
            table, until = self._hits[name]
            if self._ttl is None or monotonic() < until:
                return table
        except (KeyError, TypeError):  # it is not loaded, or not even hashable
            pass
        table = await self._catalog.table(self._key(name), self._ttl, self, self._way())
        return self._declared_well(name, table)

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
            # The thread has the caller's own connection: the caller waits for it even when cancelled.
            return await in_thread(self._catalog.through, connection, keys, self._ttl, abandon=False)
        if not hasattr(connection, "run_sync"):
            raise not_a_connection(connection)
        return await connection.run_sync(self._catalog.through, keys, self._ttl)

    def _way(self) -> Way:
        return IN_WORKER if self._async_engine is None else InTask(self._async_engine)

    # -- What there is

    async def list_tables(self) -> list[str]:
        """Return the names of the base tables of the schema, sorted; one round trip, each time.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        names = await self._catalog.names(self._schema, self._way())
        return [name for name, kind in names.items() if not kind.is_view]

    async def list_views(self) -> list[str]:
        """Return the names of the views and materialized views of the schema, sorted; one round trip, each time.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        names = await self._catalog.names(self._schema, self._way())
        return [name for name, kind in names.items() if kind.is_view]

    # -- Loading and forgetting

    async def preload(self, *names: str, connection: AsyncConnection | Connection | None = None) -> None:
        """Load those of ``names`` that are not loaded, in one batch. A Table is built when it is first used.

        Args:
            names: Names of tables and views.
            connection: Load them on this connection and in its transaction.

        Raises:
            TableNotFoundError: Some do not exist; it names them all, and the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        keys = [self._key(name) for name in names]
        if connection is not None:
            await self._through(connection, keys)
        elif keys:
            await self._catalog.ensure(keys, self._ttl, self._way())

    async def preload_all(self) -> None:
        """Load every table and view of the schema that is not loaded: one round trip more than ``preload`` of them.

        Raises:
            ReflectionError: Some cannot be loaded; the others are.
        """
        names = await self._catalog.names(self._schema, self._way())
        keys = [self._key(name) for name in names]
        await self._catalog.ensure(keys, self._ttl, self._way(), ignore_missing=True)

    async def refresh(self, *names: str) -> None:
        """Check ``names`` for changes now, in one batch; without names, every loaded table of the schema.

        Raises:
            TableNotFoundError: Some do not exist any more.
            ReflectionError: The database cannot be asked; what was loaded stays as it was.
        """
        keys = [self._key(name) for name in names] or self._catalog.loaded(self._schema)
        if keys:
            await self._catalog.ensure(keys, self._ttl, self._way(), refresh=True)

    async def invalidate(self, name: str) -> None:
        """Have a table checked for a change at its next use, by all accessors of the engine. No round trip.

        A table that is found unchanged stays the same object. A name that is not loaded is none the worse for it.
        """
        await self._engine_catalogs.invalidate([self._key(name)], IN_WORKER)

    async def invalidate_all(self) -> None:
        """Have every table of the engine, in all schemas, checked for a change at its next use. No round trip."""
        await self._engine_catalogs.invalidate(None, IN_WORKER)


class Awaited:
    """An awaitable of a table, which does nothing until it is awaited, and may be awaited more than once."""

    __slots__ = ("_accessor", "_name")

    def __init__(self, accessor: AsyncLazyDBAccessor, name: str) -> None:
        """Stand for the table called ``name``."""
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
        """Raise an AttributeError that says what is missing: an await."""
        raise AttributeError(
            f"the table {self._name!r} is not awaited yet, so it has no {name!r}: write "
            f"`(await db.{self._name}).{name}`"
        )

    def __repr__(self) -> str:
        return f"<table {self._name!r}, to be awaited>"


def is_async_engine(engine: object) -> TypeIs[AsyncEngine]:
    """Return whether ``engine`` is an AsyncEngine, without importing what only AsyncEngines need."""
    module = sys.modules.get("sqlalchemy.ext.asyncio")
    return module is not None and isinstance(engine, module.AsyncEngine)
