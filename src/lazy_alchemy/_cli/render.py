"""The output of ``lazy-alchemy tables`` and ``lazy-alchemy show``, made from plain data. No I/O.

Names, types and comments become ``Text`` objects, in which rich interprets no markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sqlalchemy import Enum

from lazy_alchemy._cli.text import printable
from lazy_alchemy._schema.tables import (
    ColumnInfo,
    ForeignKeyInfo,
    IndexInfo,
    TableInfo,
    TableKind,
)
from lazy_alchemy._schema.types import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Dialect

    from lazy_alchemy._schema.types import Plain

__all__ = ["table_details", "table_list"]


def table_list(kinds: Mapping[str, TableKind]) -> RenderableType:
    """Return a table of names and kinds, and the count of each kind."""
    table = _grid("Name", "Kind")
    for name in sorted(kinds):
        table.add_row(_text(name), _text(str(kinds[name])))
    counts = {kind: list(kinds.values()).count(kind) for kind in TableKind}
    words = ", ".join(_counted(count, str(kind)) for kind, count in counts.items() if count)
    if not kinds:
        return Text("No tables or views.")
    return Group(table, Text(f"{words}.", style="dim"))


def table_details(info: TableInfo, dialect: Dialect) -> RenderableType:
    """Return all that is known about a table: its columns, then its keys, constraints and indexes."""
    name = _qualified(info.schema, info.name)
    head = Text.assemble((printable(name), "bold"), f"  {info.kind}, {_counted(len(info.columns), 'column')}")
    parts: list[RenderableType] = [head]
    if info.comment:
        parts.append(Padding(_text(info.comment, "italic"), (0, 0, 0, 2), expand=False))
    parts.append(_columns(info, dialect))
    for title, lines in _sections(info):
        if lines:
            parts.append(Text(f"  {title}", style="bold"))
            parts.extend(Padding(_text(line), (0, 0, 0, 4), expand=False) for line in sorted(lines))
    return Group(*parts)


def _columns(info: TableInfo, dialect: Dialect) -> Table:
    commented = any(column.comment for column in info.columns)
    table = _grid("Column", "Type", "Null", "Default", "Key", *["Comment"] * commented)
    for column in info.columns:
        cells = [
            _text(column.name),
            _text(_type(column, dialect)),
            _text("yes" if column.nullable else "no"),
            _text(_default(column)),
            _text(", ".join(_memberships(info, column.name))),
        ]
        table.add_row(*cells, *[_text(column.comment or "")] * commented)
    return table


def _type(column: ColumnInfo, dialect: Dialect) -> str:
    try:
        return column.type.build().compile(dialect=dialect)
    except Exception:  # noqa: BLE001 - an unknown type, or one that has no DDL in its dialect
        return "unknown"


def _default(column: ColumnInfo) -> str:
    """Return where the column's value comes from if an INSERT omits it."""
    if column.computed is not None:
        stored = {True: " stored", False: " virtual"}.get(bool(column.computed["persisted"]), "")
        return f"generated{stored}: {column.computed['sqltext']}"
    if column.identity is not None:
        return f"identity {'always' if column.identity.get('always') else 'by default'}"
    if column.default is not None:
        return column.default
    return "auto increment" if column.autoincrement is True else ""


def _memberships(info: TableInfo, column: str) -> Iterator[str]:
    """Yield the keys and indexes that contain ``column``, with ``(part)`` if they contain other columns too."""
    groups: list[tuple[str, Sequence[str | None]]] = []
    if info.primary_key is not None:
        groups.append(("PK", info.primary_key.columns))
    groups += [("unique", unique.columns) for unique in info.uniques]
    groups += [("unique" if index.unique else "index", index.columns) for index in info.indexes]
    labels = [label if len(columns) == 1 else f"{label} (part)" for label, columns in groups if column in columns]
    for key in info.foreign_keys:
        targets = zip(key.columns, key.referred_columns, strict=False)
        labels += [f"FK → {_target(key, info)}.{referred}" for name, referred in targets if name == column]
    yield from dict.fromkeys(labels)


def _sections(info: TableInfo) -> Iterator[tuple[str, list[str]]]:
    if info.primary_key is not None and info.primary_key.columns:
        key = info.primary_key
        yield "Primary key", [_line(key.name, _listed(key.columns))]
    yield "Foreign keys", [_line(key.name, _foreign_key(key, info)) for key in info.foreign_keys]
    yield "Unique constraints", [_line(key.name, _listed(key.columns)) for key in info.uniques]
    yield "Check constraints", [_line(check.name, check.sqltext) for check in info.checks]
    yield "Indexes", [_line(index.name, _index(index)) for index in info.indexes]
    yield "Enums", list(dict.fromkeys(_enums(info)))


def _enums(info: TableInfo) -> Iterator[str]:
    """Yield the name and labels of each named enum type; the column's type shows only the name."""
    for column in info.columns:
        built = column.type.build()
        if isinstance(built, Enum) and built.name:
            yield f"{built.name}: {', '.join(map(repr, built.enums))}"


def _line(name: str | None, content: str) -> str:
    return f"{name}: {content}" if name else content


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"


def _foreign_key(key: ForeignKeyInfo, info: TableInfo) -> str:
    line = f"{_listed(key.columns)} → {_target(key, info)} {_listed(key.referred_columns)}"
    return line + "".join(f", {words}" for words in _options(key.options))


def _option_text(value: Plain) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_option_text, value))
    if isinstance(value, Options):
        return ", ".join(f"{name} {_option_text(item)}" for name, item in value.items())
    return str(value)


def _target(key: ForeignKeyInfo, info: TableInfo) -> str:
    """Return the referred table's name, with its schema if that is not the schema of ``info``."""
    return _qualified(None if key.referred_schema == info.schema else key.referred_schema, key.referred_table)


def _index(index: IndexInfo) -> str:
    keys = list(index.expressions) or [str(name) for name in index.columns]
    for position, name in enumerate(index.columns):
        order = index.sorting.get(name) if name is not None else None
        if isinstance(order, tuple):
            keys[position] += "".join(f" {str(word).replace('_', ' ')}" for word in order)
    words = ["unique"] * index.unique
    words += _options(index.options)
    return _listed(keys) + "".join(f", {word}" for word in words)


def _options(options: Options) -> Iterator[str]:
    """Yield the options that are set, in words: ``on delete CASCADE``, ``postgresql where (x > 0)``."""
    for name, value in options.items():
        words = {"ondelete": "on delete", "onupdate": "on update"}.get(name, name.replace("_", " "))
        if value is True:
            yield words
        elif value not in (None, False, (), Options()):
            yield f"{words} {_option_text(value)}"


def _qualified(schema: str | None, name: str) -> str:
    return name if schema is None else f"{schema}.{name}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _grid(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
