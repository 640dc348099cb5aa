"""What a reflector finds out, as data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.types import TypeEngine
from typing_extensions import assert_type

from lazy_alchemy import Reflector, TableInfo, TableKind
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import (
    CheckInfo,
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    InspectorReflector,
    KeyInfo,
    Options,
    PostgresReflector,
    TypeInfo,
)
from typecheck.shop import AppDB, Engines

info = AppDB(Engines.sync).users.reflected

assert_type(info.name, str)
assert_type(info.schema, str | None)
assert_type(info.kind, TableKind)
assert_type(info.kind.is_view, bool)
assert_type(info.kind.is_temporary, bool)
assert_type(info.columns, tuple[ColumnInfo, ...])
assert_type(info.columns[0].name, str)
assert_type(info.columns[0].type, TypeInfo)
assert_type(info.columns[0].nullable, bool)
assert_type(info.columns[0].default, str | None)
assert_type(info.columns[0].comment, str | None)
assert_type(info.columns[0].autoincrement, bool | str | None)
assert_type(info.columns[0].quote, bool | None)
assert_type(info.columns[0].full_type, TypeInfo | None)
assert_type(info.columns[0].type_name, str | None)
assert_type(info.columns[0].unnumbered, bool)
assert_type(info.columns[0].type.name, str)
assert_type(info.columns[0].type.arguments, Options)
assert_type(info.columns[0].type.instance, TypeEngine[Any] | None)
assert_type(info.columns[0].type.build(), TypeEngine[Any])
assert_type(TypeInfo.of(info.columns[0].type.build()), TypeInfo)
assert_type(info.columns[0].options, Options)
assert_type(info.columns[0].options.thaw(), dict[str, Any])
assert_type(info.columns[0].computed, Options | None)
assert_type(info.columns[0].identity, Options | None)
assert_type(info.primary_key, KeyInfo | None)
assert_type(info.foreign_keys, tuple[ForeignKeyInfo, ...])
assert_type(info.foreign_keys[0].referred_schema, str | None)
assert_type(info.foreign_keys[0].referred_table, str)
assert_type(info.foreign_keys[0].referred_columns, tuple[str, ...])
assert_type(info.indexes, tuple[IndexInfo, ...])
assert_type(info.indexes[0].columns, tuple[str | None, ...])
assert_type(info.indexes[0].unique, bool)
assert_type(info.indexes[0].expressions, tuple[str, ...])
assert_type(info.indexes[0].sorting, Options)
assert_type(info.uniques, tuple[KeyInfo, ...])
assert_type(info.uniques[0].columns, tuple[str, ...])
assert_type(info.checks, tuple[CheckInfo, ...])
assert_type(info.checks[0].sqltext, str)
assert_type(info.comment, str | None)
assert_type(info.fingerprint, str)
assert_type(info.to_json(), str)
assert_type(TableInfo.from_json("{}"), TableInfo)

assert_type(MemoryCache(), MemoryCache)
assert_type(len(MemoryCache()), int)
kinds: list[TableKind] = [
    TableKind.TABLE,
    TableKind.VIEW,
    TableKind.MATERIALIZED_VIEW,
    TableKind.FOREIGN_TABLE,
    TableKind.TEMPORARY_TABLE,
    TableKind.TEMPORARY_VIEW,
]

reflectors: list[Reflector] = [InspectorReflector(), PostgresReflector()]


def of(dialect: Dialect) -> None:
    assert_type(PostgresReflector().autocommits(dialect), bool)


def through(connection: Connection) -> None:
    reflector = InspectorReflector()
    assert_type(dict(reflector.reflect(connection, ["users"], schema=None)), dict[str, TableInfo])
    assert_type(dict(reflector.list_names(connection, schema=None)), dict[str, TableKind])
    assert_type(dict(reflector.fingerprints(connection, ["users"], schema="s")), dict[str, str])
    assert_type(list(reflector.uncommitted(connection, ["users"], schema=None)), list[str])
    assert_type(list(reflector.diverted(connection, ["users"], schema=None)), list[str])
