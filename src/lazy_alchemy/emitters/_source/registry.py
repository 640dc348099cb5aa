"""The registry class of a generated module as source text, and which attribute each table has there. No I/O."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazy_alchemy.emitters._fields.names import as_identifier, can_be_attribute
from lazy_alchemy.emitters._source.layout import call, class_header, docstring, string, subscript
from lazy_alchemy.emitters._source.types import ModuleScope, Scope, distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DeclaredTable", "Registry", "registry_class"]

# The attributes of LazyDB and AsyncLazyDBAccessor, which no table can have; a test compares it with the classes.
_ACCESSOR = frozenset(
    """
    cache_info cache_ttl engine get invalidate invalidate_all list_tables list_views metadata mro preload preload_all
    refresh registry schema
    """.split()  # noqa: SIM905  one name a line would be a page
)

_HIDING = frozenset({"LazyTable", *_ACCESSOR})


@dataclass(frozen=True)
class Registry:
    """What a registry class is to be.

    Attributes:
        name: Its name.
        schema: The schema that it is for; None for the connection's default.
        base: The name of its base class.
    """

    name: str
    schema: str | None
    base: str


@dataclass(frozen=True)
class DeclaredTable:
    """What the registry says of one table.

    Attributes:
        table: The table's name.
        arguments: The names of its classes, the arguments of its LazyTable.
    """

    table: str
    arguments: list[str]


def registry_class(registry: Registry, declared: Sequence[DeclaredTable], scope: ModuleScope) -> str:
    """Return the registry class, with an attribute for each table."""
    top = Scope(scope)
    base = top.name(registry.base)
    schema = [] if registry.schema is None else [f"schema={string(registry.schema)}"]
    lines = [class_header(registry.name, [base, *schema]), docstring("The tables, each loaded when it is first used.")]
    attributes = _attributes([one.table for one in declared])
    lazy = top.name("LazyTable") if declared else ""
    lines += [""] if declared else []
    hiding = set(attributes.values())
    renamed: dict[str, str] = {}
    for one in declared:
        attribute = attributes[one.table]
        # In the body, the name of an attribute is the attribute.
        hidden = {name: f"_{name}" for name in one.arguments if name in hiding}
        renamed.update(hidden)
        arguments = [hidden.get(name, name) for name in one.arguments]
        plain = subscript(f"{attribute}: {lazy}", arguments, "    ")
        if attribute == one.table:
            lines.append(plain)
            continue
        name = string(one.table)
        line = subscript(f"{attribute}: {lazy}", arguments, "    ", f" = {lazy}(name={name})")
        if "\n" in line or "# fmt" in line:
            # As ruff has it: the arguments of the call are broken before those of the annotation.
            *first, last = plain.split("\n")
            line = "\n".join([*first, call(f"{last[4:]} = {lazy}", [("name", name)])])
        lines.append(line)
    aliases = [f"{alias}: {top.name('TypeAlias')} = {name}" for name, alias in sorted(renamed.items())]
    return "\n".join([*aliases, *(["", ""] if aliases else []), *lines])


def _attributes(tables: Sequence[str]) -> dict[str, str]:
    """Return the attribute of each table: its own name, wherever that can be one; of no other table's making."""
    taken = {table for table in tables if _is_attribute(table)}
    result: dict[str, str] = {}
    for table in tables:
        if table in taken:
            result[table] = table
            continue
        text = as_identifier(unicodedata.normalize("NFKC", table)).lstrip("_")
        wanted = text if text[:1].isidentifier() else f"table_{text}".rstrip("_")
        wanted = wanted if _is_attribute(wanted) else f"{wanted}_"
        result[table] = distinct(wanted, table, taken)
        taken.add(result[table])
    return result


def _is_attribute(name: str) -> bool:
    return can_be_attribute(name) and name not in _HIDING
