"""``get_lazy_class`` and ``get_async_lazy_class``: the functions that create an accessor for an engine."""

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
    """Return an accessor for the tables of a database; nothing is loaded, and no connection is made.

    Args:
        engine: The database: for an Engine the result is a ``LazyDB``, for an AsyncEngine an
            ``AsyncLazyDBAccessor``.
        cache_ttl: Time to live in seconds; after it, a table's next use checks it for changes. None for no expiry.
        schema: The schema; None for the connection's default.
        cache: Additional storage for TableInfos. Accessors of the engine with the same cache and reflector objects
            share their tables.
        reflector: Reads the schema; see ``cache``.

    Raises:
        TypeError: ``engine`` is not an engine, or another argument has the wrong type.
        ValueError: ``cache_ttl`` is negative or NaN.
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
        engine: The database. With a sync Engine, loads run in worker threads, under asyncio and trio alike; an
            AsyncEngine works under asyncio only.
        cache_ttl: Time to live in seconds; after it, a table's next use checks it for changes. None for no expiry.
        schema: The schema; None for the connection's default.
        cache: Additional storage for TableInfos. Accessors of the engine with the same cache and reflector objects
            share their tables.
        reflector: Reads the schema; see ``cache``.

    Raises:
        TypeError: ``engine`` is not an engine, or another argument has the wrong type.
        ValueError: ``cache_ttl`` is negative or NaN.
    """
    return AsyncLazyDBAccessor(engine, cache_ttl=cache_ttl, schema=schema, cache=cache, reflector=reflector)
