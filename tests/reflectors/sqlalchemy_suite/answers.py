"""Puts a reflector in the Inspector's place: whatever is asked of a table is answered from its TableInfo alone.

What a TableInfo leaves out because something else in it says the same (PostgreSQL's index of a unique constraint,
MariaDB's unique constraint of an index) is made again here from that.
"""

from __future__ import annotations

import functools
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Inspector
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.testing import config

from lazy_alchemy.reflectors import TableInfo, TableKind
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from lazy_alchemy import Reflector
    from lazy_alchemy.reflectors import KeyInfo

__all__ = ["install"]

_asking = threading.local()
_KINDS = {
    TableKind.VIEW: ObjectKind.VIEW,
    TableKind.TEMPORARY_VIEW: ObjectKind.VIEW,
    TableKind.MATERIALIZED_VIEW: ObjectKind.MATERIALIZED_VIEW,
}


def columns(info: TableInfo) -> list[dict[str, Any]]:
    """Return what ``get_columns`` does."""
    found = []
    for column in info.columns:
        facts: dict[str, Any] = {
            "name": column.name,
            "type": column.type.build(),
            "nullable": column.nullable,
            "default": column.default,
            **_comment(column.comment, "comment_reflection"),
            **({"autoincrement": column.autoincrement} if column.autoincrement is not None else {}),
            **({"computed": column.computed.thaw()} if column.computed is not None else {}),
            **({"identity": column.identity.thaw()} if column.identity is not None else {}),
            **({"dialect_options": column.options.thaw()} if column.options else {}),
        }
        found.append(facts)
    return found


def _comment(comment: str | None, ability: str = "constraint_comment_reflection") -> dict[str, str | None]:
    """Return the fact that a dialect leaves out where the database keeps no such comments."""
    return {"comment": comment} if comment is not None or getattr(config.requirements, ability).enabled else {}


def pk_constraint(info: TableInfo) -> dict[str, Any]:
    """Return what ``get_pk_constraint`` does."""
    key = info.primary_key
    if key is None:
        return {"constrained_columns": [], "name": None}
    options = {"dialect_options": key.options.thaw()} if key.options else {}
    return {"constrained_columns": list(key.columns), "name": key.name, **_comment(key.comment), **options}


def foreign_keys(info: TableInfo) -> list[dict[str, Any]]:
    """Return what ``get_foreign_keys`` does."""
    return [
        {
            "name": key.name,
            "constrained_columns": list(key.columns),
            "referred_schema": key.referred_schema,
            "referred_table": key.referred_table,
            "referred_columns": list(key.referred_columns),
            "options": key.options.thaw(),
            **_comment(key.comment),
        }
        for key in info.foreign_keys
    ]


def indexes(info: TableInfo) -> list[dict[str, Any]]:
    """Return what ``get_indexes`` does."""
    found = []
    for index in info.indexes:
        facts: dict[str, Any] = {
            "name": index.name,
            "unique": index.unique,
            "column_names": list(index.columns),
            "dialect_options": index.options.thaw(),
        }
        if index.expressions:
            facts["expressions"] = list(index.expressions)
        if index.sorting:
            facts["column_sorting"] = {name: tuple(flags) for name, flags in index.sorting.thaw().items()}
        found.append(facts)
    if config.db.name == "postgresql":
        found += map(_index_of, info.uniques)
        if not NEWER_LINE:  # it says so twice
            for facts in found:
                facts["include_columns"] = facts["dialect_options"]["postgresql_include"]
    return _by_name(found)


def _index_of(unique: KeyInfo) -> dict[str, Any]:
    options = unique.options.thaw()
    if not options["postgresql_nulls_not_distinct"]:
        del options["postgresql_nulls_not_distinct"]
    return {
        "name": unique.name,
        "unique": True,
        "column_names": list(unique.columns),
        "duplicates_constraint": unique.name,
        "dialect_options": options,
    }


def unique_constraints(info: TableInfo) -> list[dict[str, Any]]:
    """Return what ``get_unique_constraints`` does."""
    found = [
        {
            "name": unique.name,
            "column_names": list(unique.columns),
            **_comment(unique.comment),
            **({"dialect_options": unique.options.thaw()} if unique.options else {}),
        }
        for unique in info.uniques
    ]
    if config.db.name == "mariadb":
        found += [
            {"name": index.name, "column_names": list(index.columns), "duplicates_index": index.name}
            for index in info.indexes
            if index.unique
        ]
    return _by_name(found)


def _by_name(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda facts: str(facts["name"]))


def check_constraints(info: TableInfo) -> list[dict[str, Any]]:
    """Return what ``get_check_constraints`` does."""
    return [
        {"name": check.name, "sqltext": check.sqltext, **_comment(check.comment), **check.options.thaw()}
        for check in info.checks
    ]


def table_comment(info: TableInfo) -> dict[str, Any]:
    """Return what ``get_table_comment`` does."""
    return {"text": info.comment}


def table_options(info: TableInfo) -> dict[str, Any]:
    """Return what ``get_table_options`` does."""
    return info.options.thaw()


_ANSWERS: tuple[Callable[[TableInfo], Any], ...] = (
    columns,
    pk_constraint,
    foreign_keys,
    indexes,
    unique_constraints,
    check_constraints,
    table_comment,
    *((table_options,) if NEWER_LINE else ()),
)


def install(reflector: Reflector) -> None:
    """Let every Inspector of this process answer from what ``reflector`` returns."""
    for answer in _ANSWERS:
        for multi in (False, True):
            name = f"get_multi_{answer.__name__}" if multi else f"get_{answer.__name__}"
            setattr(Inspector, name, _method(getattr(Inspector, name), answer, reflector, multi=multi))


def _method(original: Any, answer: Callable[[TableInfo], Any], reflector: Reflector, *, multi: bool) -> Any:
    @functools.wraps(original)
    def single_answer(self: Inspector, table_name: str, schema: str | None = None, **options: Any) -> Any:
        if getattr(_asking, "now", False):
            return original(self, table_name, schema, **options)
        found = _reflected(self, reflector, [table_name], schema)
        if table_name not in found:
            raise NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        return answer(found[table_name])

    @functools.wraps(original)
    def multi_answer(
        self: Inspector,
        schema: str | None = None,
        filter_names: Collection[str] | None = None,
        kind: ObjectKind = ObjectKind.TABLE,
        scope: ObjectScope = ObjectScope.DEFAULT,
        **options: Any,
    ) -> Any:
        if getattr(_asking, "now", False):
            return original(self, schema, filter_names, kind, scope, **options)
        names = list(filter_names) if filter_names else _all(self, reflector, schema, kind, scope)
        return {
            (schema, name): answer(info)
            for name, info in _reflected(self, reflector, names, schema).items()
            if _is_wanted(info.kind, kind, scope)
        }

    return multi_answer if multi else single_answer


def _as_it_was(ask: Callable[[], Any]) -> Any:
    before = getattr(_asking, "now", False)
    _asking.now = True
    try:
        return ask()
    finally:
        _asking.now = before


def _reflected(
    inspector: Inspector, reflector: Reflector, names: Collection[str], schema: str | None
) -> Mapping[str, TableInfo]:
    """Return the TableInfos of ``names``; an Inspector reads each of them once, as long as its own cache lasts."""

    def ask() -> Mapping[str, TableInfo]:
        with inspector._operation_context() as connection:
            return reflector.reflect(connection, unread, schema=schema)

    known: dict[tuple[str | None, str], TableInfo] = inspector.info_cache.setdefault("TableInfo", {})
    unread = [name for name in names if (schema, name) not in known]
    if unread:
        known.update(((schema, name), info) for name, info in _as_it_was(ask).items())
    return {name: known[schema, name] for name in names if (schema, name) in known}


def _all(
    inspector: Inspector, reflector: Reflector, schema: str | None, kind: ObjectKind, scope: ObjectScope
) -> list[str]:
    """Return the names of everything of that kind and scope."""
    with inspector._operation_context() as connection:
        kinds = dict(reflector.list_names(connection, schema=schema))
    if schema is None:
        for temporary, of_kind in (
            (inspector.get_temp_table_names, TableKind.TEMPORARY_TABLE),
            (inspector.get_temp_view_names, TableKind.TEMPORARY_VIEW),
        ):
            with suppress(NotImplementedError):
                kinds |= dict.fromkeys(temporary(), of_kind)
    return [name for name, found in kinds.items() if _is_wanted(found, kind, scope)]


def _is_wanted(found: TableKind, kind: ObjectKind, scope: ObjectScope) -> bool:
    own_scope = ObjectScope.TEMPORARY if found.is_temporary else ObjectScope.DEFAULT
    return _KINDS.get(found, ObjectKind.TABLE) in kind and own_scope in scope
