"""Listeners for SQLAlchemy's "column_reflect" event, which users and libraries such as GeoAlchemy2 register.

SQLAlchemy calls them while it creates a Table. We call them while the database is being read, because they may query
it, and store the resulting columns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.types import NullType

from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.types import Options, TypeInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from lazy_alchemy._schema.tables import ColumnInfo, TableInfo

__all__ = ["apply_listeners"]

_ANY = Table("any", MetaData())
"""Any table, to find out whether there are listeners for all tables."""


def apply_listeners(connection: Connection, infos: Mapping[str, TableInfo]) -> Mapping[str, TableInfo]:
    """Return ``infos`` with the columns as changed by "column_reflect" listeners. Round trips: those of the listeners.

    Only listeners for all tables are called (``event.listen(Table, "column_reflect", ...)``). A listener for one
    MetaData is not, because it is never for ours.

    Raises:
        ReflectionError: A listener renamed a column, or set a value that is not plain data.
    """
    if not (_ANY.dispatch.column_reflect or _ANY.metadata.dispatch.column_reflect):
        return infos
    inspector = inspect(connection)
    changed: dict[str, TableInfo] = {}
    for name, info in infos.items():
        table = Table(info.name, MetaData(), schema=info.schema)
        columns: list[ColumnInfo] = []
        key = info.primary_key.columns if info.primary_key is not None else ()
        for column in info.columns:
            facts = _facts(column)
            if connection.dialect.name == "sqlite":  # only SQLite reports it: the position in the key, from 1
                facts["primary_key"] = key.index(column.name) + 1 if column.name in key else 0
            table.metadata.dispatch.column_reflect(inspector, table, facts)
            table.dispatch.column_reflect(inspector, table, facts)
            try:
                columns.append(_column(column, facts))
            except TypeError as error:
                raise ReflectionError(
                    f"A listener for column_reflect changed column {column.name!r} of table {name!r} in a way that is "
                    f"not supported: {error}"
                ) from error
        changed[name] = replace(info, columns=tuple(columns))
    return changed


def _facts(column: ColumnInfo) -> dict[str, Any]:  # Any: listeners may set any values
    """Return a column in the form that SQLAlchemy's Inspector returns."""
    facts: dict[str, Any] = {
        "name": column.name,
        "type": column.type.build(),
        "nullable": column.nullable,
        "default": column.default,
        "comment": column.comment,
    }
    if column.autoincrement is not None:
        facts["autoincrement"] = column.autoincrement
    if column.quote is not None:
        facts["quote"] = column.quote
    if column.computed is not None:
        facts["computed"] = column.computed.thaw()
    if column.identity is not None:
        facts["identity"] = column.identity.thaw()
    if column.options:
        facts["dialect_options"] = column.options.thaw()
    return facts


def _column(column: ColumnInfo, facts: dict[str, Any]) -> ColumnInfo:
    """Return the column that ``facts`` describe, after the listeners were called.

    Raises:
        TypeError: The column is renamed, or a value is not plain data.
    """
    if facts["name"] != column.name:
        raise TypeError(f'it is renamed to {facts["name"]!r}; set column_info["key"] for another name in Python')
    options = {**facts.get("dialect_options", {}), **{key: facts[key] for key in ("key", "info") if key in facts}}
    default, computed, identity = (facts.get(key) for key in ("default", "computed", "identity"))
    type_ = TypeInfo.of(facts["type"])
    return replace(
        column,
        type=type_,
        nullable=facts["nullable"],
        default=None if default is None else str(default),
        autoincrement=facts.get("autoincrement"),
        comment=facts.get("comment"),
        computed=Options(computed) if computed else None,
        identity=Options(identity) if identity else None,
        quote=facts.get("quote"),
        options=Options(options),
        full_type=column.full_type if type_ == column.type else None,
        type_name=column.type_name if isinstance(facts["type"], NullType) else None,
    )
