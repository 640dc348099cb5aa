"""Builds a CustomTable from a TableInfo, with SQLAlchemy's public constructors and without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    DefaultClause,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy import schema as sa_schema

from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._reflected import attach, metadata_key
from lazy_alchemy._schema.types import NO_OPTIONS
from lazy_alchemy._tables import CustomTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.schema import SchemaItem

    from lazy_alchemy._schema.tables import ColumnInfo, ForeignKeyInfo, IndexInfo, TableInfo

__all__ = ["build_table"]


def build_table(info: TableInfo, metadata: MetaData, dialect: str | None = None) -> CustomTable:
    """Add the table that ``info`` describes to ``metadata`` and return it. No I/O.

    ``dialect`` is the name of the engine's dialect, or ``dialect+driver``. Emitters ask the table for it, because it
    decides what a column can hold and how its values are read.

    The table equals ``Table(name, metadata, autoload_with=..., resolve_fks=False)`` but for ``use_alter``, which is
    True on each foreign key whose table is not in ``metadata``: an ORM flush then works without that table. Foreign
    keys of other tables in ``metadata`` that wait for this one are left as they are.

    Raises:
        ReflectionError: SQLAlchemy refuses what was reflected; ``metadata`` is as it was.
    """
    later: list[IndexInfo] = []
    try:
        flagged = _flagged(info)
        columns = {column.name: _column(column, is_key=column.name in flagged) for column in info.columns}
        items: list[SchemaItem] = list(columns.values())
        if info.primary_key is not None and not flagged:
            key = info.primary_key
            items.append(
                PrimaryKeyConstraint(
                    *_keys(key.columns, columns), name=key.name, comment=key.comment, **key.options.thaw()
                )
            )
        constraints = [_foreign_key(key, info, metadata, columns) for key in info.foreign_keys]
        items.extend(constraints)
        for index in info.indexes:
            if _is_plain(index) or not any(index.columns):
                items.append(_index(index, columns))
            else:
                later.append(index)  # its table is found through its columns
        items.extend(
            UniqueConstraint(
                *_keys(unique.columns, columns), name=unique.name, comment=unique.comment, **unique.options.thaw()
            )
            for unique in info.uniques
        )
        items.extend(
            CheckConstraint(check.sqltext, name=check.name, comment=check.comment, **check.options.thaw())
            for check in info.checks
        )
        table = CustomTable(
            info.name,
            metadata,
            *items,
            schema=info.schema,
            comment=info.comment,
            **_table_options(info),
        )
        try:
            for index in later:
                _index(index, columns)
        except BaseException:
            metadata.remove(table)
            raise
    except ReflectionError:
        raise
    except Exception as error:
        raise ReflectionError(f"Table {info.name!r} was reflected and cannot be built: {error}") from error
    targets = [(key.referred_schema, key.referred_table) for key in info.foreign_keys]
    attach(table, info, dialect, list(zip(constraints, targets, strict=True)))
    return table


def _flagged(info: TableInfo) -> tuple[str, ...]:
    """Return the primary key's columns if ``primary_key=True`` on each is enough: no name, option or other order."""
    key = info.primary_key
    if key is None or key.name is not None or key.comment is not None or key.options:
        return ()
    in_order = tuple(column.name for column in info.columns if column.name in key.columns)
    return key.columns if in_order == key.columns else ()


def _keys(names: Iterable[str], columns: Mapping[str, Column[Any]]) -> list[str]:
    """Return the keys by which a constraint names its columns while its table is being made.

    Given Columns without a table, SQLAlchemy would make a constraint that waits for an event of each.
    """
    return [columns[name].key for name in names if name in columns]


def _table_options(info: TableInfo) -> dict[str, Any]:
    # Any: only the constructor knows their types.
    options = info.options.thaw()
    if "postgresql_inherits" in options:  # SQLAlchemy reflects it as a tuple
        options["postgresql_inherits"] = tuple(options["postgresql_inherits"])
    return options


def _column(info: ColumnInfo, *, is_key: bool) -> Column[Any]:
    # Any: the Python type of a reflected column is known at run time only.
    arguments: list[Any] = []  # Any: of the three kinds of SchemaItem that follow
    if info.default is not None:
        default = DefaultClause(text(info.default))
        default.reflected = True
        arguments.append(default)
    if info.computed is not None:
        arguments.append(Computed(**info.computed.thaw()))
    if info.identity is not None:
        arguments.append(Identity(**info.identity.thaw()))
    options = {} if info.options is NO_OPTIONS else info.options.thaw()
    if info.autoincrement is not None:
        options["autoincrement"] = info.autoincrement
    return Column(
        info.name,
        info.type.build(),
        *arguments,
        primary_key=is_key,
        nullable=info.nullable,
        comment=info.comment,
        quote=info.quote,
        **options,
    )


# SQLAlchemy 2.1 has a type for the target of a foreign key, 2.0 takes "schema.table.column".
_ForeignKeyTarget = getattr(sa_schema, "ForeignKeyTarget", None)


def _foreign_key(
    key: ForeignKeyInfo, info: TableInfo, metadata: MetaData, columns: dict[str, Column[Any]]
) -> ForeignKeyConstraint:
    target = (key.referred_schema, key.referred_table)
    if _ForeignKeyTarget is not None:
        references = [_ForeignKeyTarget(*target, column) for column in key.referred_columns]
    else:
        references = [f"{metadata_key(*target)}.{column}" for column in key.referred_columns]
    absent = target != (info.schema, info.name) and metadata_key(*target) not in metadata.tables
    return ForeignKeyConstraint(
        [columns[name].key if name in columns else name for name in key.columns],
        references,
        key.name,
        link_to_name=True,
        use_alter=absent,
        comment=key.comment,
        **key.options.thaw(),
    )


_SORTING = {
    "asc": "asc",
    "desc": "desc",
    "nulls_first": "nulls_first",
    "nullsfirst": "nulls_first",
    "nulls_last": "nulls_last",
    "nullslast": "nulls_last",
}


def _is_plain(info: IndexInfo) -> bool:
    """Return whether an index has only plain columns, which SQLAlchemy finds by their keys; see ``_keys``."""
    return info.sorting is NO_OPTIONS and None not in info.columns


def _index(info: IndexInfo, columns: dict[str, Column[Any]]) -> Index:
    elements: list[Any] = []  # Any: a column, its key, an expression or text
    is_plain = _is_plain(info)
    for position, name in enumerate(info.columns):
        element: Any = text(info.expressions[position]) if name is None else columns[name]
        if is_plain:
            element = element.key
        elif name is not None:
            sorting = info.sorting.get(name) or ()
            for option in sorting if isinstance(sorting, tuple) else ():
                if option in _SORTING:
                    element = getattr(element, _SORTING[str(option)])()
        elements.append(element)
    options = info.options.thaw()
    if "sqlite_where" in options:  # the only dialect whose compiler takes no plain text
        options["sqlite_where"] = text(options["sqlite_where"])
    return Index(info.name, *elements, unique=info.unique, **options)
