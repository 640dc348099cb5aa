"""What relationships are called. Pure, no I/O.

docs/sqlmodel.md has the rules. Each ``names_of_...`` returns the forms of a name, the shortest first, and ``assign``
chooses among them.
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
"""How many foreign keys a link table has."""


def names_of_one(info: ForeignKeyInfo) -> Sequence[str]:
    """Name the row that a foreign key refers to: by its column ``customer_id``, ``customer``."""
    pairs = list(zip(info.columns, info.referred_columns, strict=True))
    # (tenant_id, user_id) that refers to (tenant_id, id) is about the user.
    telling = [column for column, referred in pairs if column != referred]
    words = "_".join(telling or (info.columns if len(pairs) == 1 else ()))
    cut = _without_id(words, pairs[-1][1])
    if not telling and not cut:
        words = info.referred_table
    return [*([cut] if cut else []), f"{words}_row", f"{words}_row_{info.referred_table}"]


def _without_id(column: str, referred: str) -> str:
    for ending in ("_id", f"_{referred}"):
        if column.casefold().endswith(ending.casefold()):
            return column[: -len(ending)].rstrip("_")
    return re.sub(r"(?<=[a-z0-9])I[dD]$", "", column) if re.search(r"(?<=[a-z0-9])I[dD]$", column) else ""


def names_of_many(info: ForeignKeyInfo, child: TableInfo, by: str) -> Sequence[str]:
    """Name the rows of ``child`` that refer to a row: ``orders``, or ``orders_by_customer``.

    Args:
        info: The foreign key.
        child: The table that it is on.
        by: What the relationship in the other direction is called.
    """
    name = _seen_from(info.referred_schema, child.schema, child.name)
    if (info.referred_schema, info.referred_table) == (child.schema, child.name):
        return [*(["children"] if by == "parent" else []), f"{name}_by_{by}"]
    return [name, f"{name}_by_{by}"]


def names_of_link(here: ForeignKeyInfo, there: ForeignKeyInfo, link: TableInfo) -> Sequence[str]:
    """Name, on the side of ``here``, those that ``there`` leads to."""
    name, by = _seen_from(here.referred_schema, there.referred_schema, there.referred_table), names_of_one(there)[0]
    if (here.referred_schema, here.referred_table) == (there.referred_schema, there.referred_table):
        return [f"{name}_by_{by}", f"{name}_by_{link.name}_{by}"]
    return [name, f"{name}_by_{link.name}", f"{name}_by_{link.name}_{by}"]


def _seen_from(schema: str | None, other_schema: str | None, name: str) -> str:
    return name if schema == other_schema else f"{other_schema or 'default'}_{name}"


def possible_names(child: TableInfo) -> list[str]:
    """Return all names that relationships may have which write the foreign keys of ``child``, in whatever group."""
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


def assign(wishes: Sequence[tuple[_T, Sequence[str]]], taken: set[str]) -> Iterator[tuple[_T, str]]:
    """Yield a name for each, adding it to ``taken``: the shortest form that neither is taken nor suits another too."""
    waiting = {number: [_attribute(form) for form in forms] for number, (_, forms) in enumerate(wishes)}
    names: dict[int, str] = {}
    while any(waiting.values()):
        wanted = Counter(forms[0] for forms in waiting.values() if forms)
        for number, forms in waiting.items():
            if forms and forms[0] not in taken and wanted[forms[0]] == 1:
                names[number] = forms[0]
        taken.update(names.values())
        waiting = {number: forms[1:] for number, forms in waiting.items() if number not in names}
    for number in waiting:
        form = _attribute(wishes[number][1][-1])
        names[number] = next(
            name for count in itertools.count(1) if (name := form if count == 1 else f"{form}_{count}") not in taken
        )
        taken.add(names[number])
    for number, (wish, _) in enumerate(wishes):
        yield wish, names[number]


def _attribute(text: str) -> str:
    return field_names([text])[text]
