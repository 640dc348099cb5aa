"""Everything that a ``LazyDB`` has."""

from __future__ import annotations

from copy import copy

from sqlalchemy import Connection, Engine, MetaData
from typing_extensions import assert_type

from lazy_alchemy import CacheInfo, CustomTable, LazyDB, get_lazy_class
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector
from typecheck.shop import AppDB, Engines

db = get_lazy_class(Engines.sync)

# -- Tables

assert_type(db.users, CustomTable)
assert_type(db["order-items"], CustomTable)
assert_type(db.get("users"), CustomTable)


def through(connection: Connection) -> None:
    assert_type(db.get("users", connection=connection), CustomTable)
    assert_type(db.preload("users", "tags", connection=connection), None)


# -- What there is

assert_type(db.list_tables(), list[str])
assert_type(db.list_views(), list[str])

# -- Loading and forgetting

assert_type(db.preload("users", "order-items"), None)
assert_type(db.preload_all(), None)
assert_type(db.refresh(), None)
assert_type(db.refresh("users"), None)
assert_type(db.invalidate("users"), None)
assert_type(db.invalidate_all(), None)

# -- What it was made of

assert_type(db.engine, Engine)
assert_type(db.schema, str | None)
assert_type(db.cache_ttl, float | None)
assert_type(db.metadata, MetaData)
assert_type(copy(db), LazyDB)
assert_type(dir(db), list[str])

info = db.cache_info()
assert_type(info, CacheInfo)
assert_type(info.loaded, int)
assert_type(info.loads, int)
assert_type(info.reflected, int)
assert_type(info.revalidated, int)
assert_type(info.replaced, int)
assert_type(info.from_cache, int)

# -- Making one

assert_type(LazyDB(Engines.sync), LazyDB)
assert_type(LazyDB(Engines.sync, cache_ttl=None, schema=None, cache=None, reflector=None, on_drift="warn"), LazyDB)
assert_type(
    AppDB(Engines.sync, cache_ttl=300, schema="archive", cache=MemoryCache(), reflector=InspectorReflector()), AppDB
)
