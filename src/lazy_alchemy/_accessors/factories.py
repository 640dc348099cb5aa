"""``get_lazy_class`` and ``get_async_lazy_class``: an engine in, its accessor out."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from lazy_alchemy._accessors.awaited import AsyncLazyDBAccessor, is_async_engine
from lazy_alchemy._accessors.threaded import LazyDB

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from lazy_alchemy._protocols import Cache, Reflector

__all__ = ["get_async_lazy_class", "get_lazy_class"]


@overload
def get_lazy_class(
    engine: Engine,
    *,
    cache_ttl: float | None = None,
    schema: str | None = None,
    cache: Cache | None = None,
    reflector: Reflector | None = None,
) -> LazyDB: ...
@overload
def get_lazy_class(
    engine: AsyncEngine,
    *,
    cache_ttl: float | None = None,
    schema: str | None = None,
    cache: Cache | None = None,
    reflector: Reflector | None = None,
) -> AsyncLazyDBAccessor: ...
def get_lazy_class(
    engine: Engine | AsyncEngine,
    *,
    cache_ttl: float | None = None,
    schema: str | None = None,
    cache: Cache | None = None,
    reflector: Reflector | None = None,
) -> LazyDB | AsyncLazyDBAccessor:
    """Return an accessor of the tables of ``engine``'s database; nothing is loaded, and no connection is made.

    Args:
        engine: The database: an Engine gives a ``LazyDB``, an AsyncEngine an ``AsyncLazyDBAccessor``.
        cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
        schema: The schema; None for the connection's default.
        cache: Where TableInfos are kept besides. The accessor then shares no tables with others of the engine.
        reflector: How the database is read. The accessor then shares no tables with others of the engine.

    Raises:
        TypeError: ``engine`` is not an engine, or another argument is not of its type.
        ValueError: ``cache_ttl`` is negative or not a number.
    """
    if is_async_engine(engine):
        return AsyncLazyDBAccessor(engine, cache_ttl=cache_ttl, schema=schema, cache=cache, reflector=reflector)
    return LazyDB(engine, cache_ttl=cache_ttl, schema=schema, cache=cache, reflector=reflector)


def get_async_lazy_class(
    engine: Engine | AsyncEngine,
    *,
    cache_ttl: float | None = None,
    schema: str | None = None,
    cache: Cache | None = None,
    reflector: Reflector | None = None,
) -> AsyncLazyDBAccessor:
    """Return an accessor for asyncio and trio; nothing is loaded, and no connection is made.

    Args:
        engine: The database. With a sync Engine loads run in worker threads, under asyncio and trio alike; an
            AsyncEngine works under asyncio only.
        cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
        schema: The schema; None for the connection's default.
        cache: Where TableInfos are kept besides. The accessor then shares no tables with others of the engine.
        reflector: How the database is read. The accessor then shares no tables with others of the engine.

    Raises:
        TypeError: ``engine`` is not an engine, or another argument is not of its type.
        ValueError: ``cache_ttl`` is negative or not a number.
    """
    return AsyncLazyDBAccessor(engine, cache_ttl=cache_ttl, schema=schema, cache=cache, reflector=reflector)
