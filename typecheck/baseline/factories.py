"""An Engine gives a ``LazyDB``, an AsyncEngine an ``AsyncLazyDBAccessor``."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from typing_extensions import assert_type

from lazy_alchemy import (
    AsyncLazyDBAccessor,
    Cache,
    LazyDB,
    Reflector,
    __version__,
    get_async_lazy_class,
    get_lazy_class,
)
from typecheck.shop import Engines

assert_type(get_lazy_class(create_engine("sqlite://")), LazyDB)
assert_type(get_lazy_class(create_async_engine("sqlite+aiosqlite://")), AsyncLazyDBAccessor)
assert_type(get_async_lazy_class(create_engine("sqlite://")), AsyncLazyDBAccessor)
assert_type(get_async_lazy_class(create_async_engine("sqlite+aiosqlite://")), AsyncLazyDBAccessor)
version: str = __version__


def with_everything(cache: Cache, reflector: Reflector) -> None:
    assert_type(get_lazy_class(Engines.sync, cache_ttl=60, schema="s", cache=cache, reflector=reflector), LazyDB)
    assert_type(
        get_lazy_class(Engines.asyncio, cache_ttl=0.5, schema=None, cache=cache, reflector=reflector),
        AsyncLazyDBAccessor,
    )
    assert_type(
        get_async_lazy_class(Engines.asyncio, cache_ttl=None, schema="s", cache=cache, reflector=reflector),
        AsyncLazyDBAccessor,
    )


def of_either(engine: Engine | AsyncEngine) -> None:
    assert_type(get_async_lazy_class(engine), AsyncLazyDBAccessor)
    assert_type(get_lazy_class(engine), LazyDB | AsyncLazyDBAccessor)
