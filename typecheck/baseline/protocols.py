"""A user's own Reflector, Cache and ModelEmitter, and what ``emit`` makes of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from typing_extensions import assert_type

from lazy_alchemy import (
    Cache,
    CacheEntry,
    CustomTable,
    ModelEmitter,
    Reflector,
    TableInfo,
    TableKey,
    TableKind,
    get_lazy_class,
)
from typecheck.shop import AppDB, Engines


class OwnReflector:
    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        return {}

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        return {"users": TableKind.TABLE}

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        return {}


class OwnCache:
    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        return {}

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None: ...

    def discard(self, keys: Collection[TableKey]) -> None: ...

    def clear(self, database: str) -> None: ...


# One that knows nothing of the columns, and takes every table.
class CountColumns:
    def emit(self, table: CustomTable[Any, Any, Any]) -> int:
        return len(table.c)


@dataclass(frozen=True)
class Template:
    text: str

    def emit(self, table: CustomTable) -> str:
        return self.text.format(table.name)


reflector: Reflector = OwnReflector()
cache: Cache = OwnCache()
emitter: ModelEmitter[int] = CountColumns()
broader: ModelEmitter[object] = emitter

get_lazy_class(Engines.sync, cache=OwnCache(), reflector=OwnReflector())
db = AppDB(Engines.sync, cache=OwnCache(), reflector=OwnReflector())

assert_type(db.users.emit(CountColumns()), int)
assert_type(db.users.emit(Template("class {}: ...")), str)
assert_type(db["users"].emit(CountColumns()), int)

key = TableKey("sqlite://", None, "users")
assert_type(key.database, str)
assert_type(key.schema, str | None)
assert_type(key.name, str)


def entry(entry: CacheEntry) -> None:
    assert_type(entry.info, TableInfo)
    assert_type(entry.reflected_at, float)
    assert_type(entry.fingerprint, str)
