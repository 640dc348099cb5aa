"""The source text of a generated module's registry class, including the attribute names of its tables. No I/O."""

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

# The attributes of LazyDB and AsyncLazyDBAccessor, which cannot be tables; a test compares the list with the classes.
_ACCESSOR = frozenset(
    """
    cache_info cache_ttl engine get invalidate invalidate_all list_tables list_views metadata mro preload preload_all
    refresh registry schema
    """.split()  # noqa: SIM905  a list with one name per line would be a page long
)

_HIDING = frozenset({"LazyTable", *_ACCESSOR})


@dataclass(frozen=True)
class Registry:
    """The options of a registry class.

    Attributes:
        name: Its name.
        schema: The schema of its tables; None for the connection's default.
        base: The name of its base class.
    """

    name: str
    schema: str | None
    base: str


@dataclass(frozen=True)
class DeclaredTable:
    """A table's declaration in the registry.

    Attributes:
        table: The table's name.
        arguments: The names of its classes, which are the arguments of its LazyTable.
    """

    table: str
    arguments: list[str]


def registry_class(registry: Registry, declared: Sequence[DeclaredTable], scope: ModuleScope) -> str:
    """Return the source of the registry class, with an attribute for each table."""
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
        # In the class body, an attribute hides a class of the same name.
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
            # Like ruff, break the arguments of the call before those of the annotation.
            *first, last = plain.split("\n")
            line = "\n".join([*first, call(f"{last[4:]} = {lazy}", [("name", name)])])
        lines.append(line)
    aliases = [f"{alias}: {top.name('TypeAlias')} = {name}" for name, alias in sorted(renamed.items())]
    return "\n".join([*aliases, *(["", ""] if aliases else []), *lines])


def _attributes(tables: Sequence[str]) -> dict[str, str]:
    """Return the attribute name of each table: the table's name if possible, else one derived from it."""
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
