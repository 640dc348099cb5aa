"""The names of relationships. Pure, no I/O.

docs/sqlmodel.md has the rules. Each ``names_of_...`` function returns candidate names, the shortest first, from which
``assign`` chooses.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from lazy_alchemy.emitters._fields.names import field_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lazy_alchemy._schema.tables import ForeignKeyInfo, TableInfo

__all__ = ["LINK_ENDS", "assign", "names_of_link", "names_of_many", "names_of_one", "possible_names"]

_T = TypeVar("_T")

LINK_ENDS = 2
"""The number of foreign keys of a link table."""


def names_of_one(info: ForeignKeyInfo) -> Sequence[str]:
    """Return names for the row that a foreign key refers to: ``customer`` for the column ``customer_id``."""
    pairs = list(zip(info.columns, info.referred_columns, strict=True))
    # (tenant_id, user_id) referring to (tenant_id, id) identifies a user.
    distinctive = [column for column, referred in pairs if column != referred]
    words = "_".join(distinctive or (info.columns if len(pairs) == 1 else ()))
    stem = _without_id(words, pairs[-1][1])
    if not distinctive and not stem:
        words = info.referred_table
    return [*([stem] if stem else []), f"{words}_row", f"{words}_row_{info.referred_table}"]


def _without_id(column: str, referred: str) -> str:
    for ending in ("_id", f"_{referred}"):
        if column.casefold().endswith(ending.casefold()):
            return column[: -len(ending)].rstrip("_")
    return re.sub(r"(?<=[a-z0-9])I[dD]$", "", column) if re.search(r"(?<=[a-z0-9])I[dD]$", column) else ""


def names_of_many(info: ForeignKeyInfo, child: TableInfo, by: str) -> Sequence[str]:
    """Return names for the rows of ``child`` that refer to a row: ``orders``, or ``orders_by_customer``.

    Args:
        info: The foreign key.
        child: The table that has it.
        by: The name of the relationship in the other direction.
    """
    name = _seen_from(info.referred_schema, child.schema, child.name)
    if (info.referred_schema, info.referred_table) == (child.schema, child.name):
        return [*(["children"] if by == "parent" else []), f"{name}_by_{by}"]
    return [name, f"{name}_by_{by}"]


def names_of_link(here: ForeignKeyInfo, there: ForeignKeyInfo, link: TableInfo) -> Sequence[str]:
    """Return names, on the side that ``here`` refers to, for the rows that ``there`` refers to."""
    name, by = _seen_from(here.referred_schema, there.referred_schema, there.referred_table), names_of_one(there)[0]
    if (here.referred_schema, here.referred_table) == (there.referred_schema, there.referred_table):
        return [f"{name}_by_{by}", f"{name}_by_{link.name}_{by}"]
    return [name, f"{name}_by_{link.name}", f"{name}_by_{link.name}_{by}"]


def _seen_from(schema: str | None, other_schema: str | None, name: str) -> str:
    return name if schema == other_schema else f"{other_schema or 'default'}_{name}"


def possible_names(child: TableInfo) -> list[str]:
    """Return all possible names of relationships that write the foreign keys of ``child``, in any group of tables."""
    numbers = range(2, 2 + len(child.foreign_keys))
    names: set[str] = set()

    def possible(forms: Sequence[str]) -> list[str]:
        found = list(map(_attribute, forms))
        found += [f"{found[-1]}_{number}" for number in numbers]
        names.update(found)
        return found

    for key in child.foreign_keys:
        for by in possible(names_of_one(key)):
            possible(names_of_many(key, child, by))
    if len(child.foreign_keys) == LINK_ENDS:
        first, second = child.foreign_keys
        possible(names_of_link(first, second, child))
        possible(names_of_link(second, first, child))
    return sorted(names)


def assign(candidates: Sequence[tuple[_T, Sequence[str]]], taken: set[str]) -> Iterator[tuple[_T, str]]:
    """Yield a name for each item and add it to ``taken``: the first candidate that is neither taken nor ambiguous."""
    waiting = {number: [_attribute(form) for form in forms] for number, (_, forms) in enumerate(candidates)}
    names: dict[int, str] = {}
    while any(waiting.values()):
        wanted = Counter(forms[0] for forms in waiting.values() if forms)
        for number, forms in waiting.items():
            if forms and forms[0] not in taken and wanted[forms[0]] == 1:
                names[number] = forms[0]
        taken.update(names.values())
        waiting = {number: forms[1:] for number, forms in waiting.items() if number not in names}
    for number in waiting:
        form = _attribute(candidates[number][1][-1])
        names[number] = next(
            name for count in itertools.count(1) if (name := form if count == 1 else f"{form}_{count}") not in taken
        )
        taken.add(names[number])
    for number, (item, _) in enumerate(candidates):
        yield item, names[number]


def _attribute(text: str) -> str:
    return field_names([text])[text]
