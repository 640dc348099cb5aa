"""The relationships between the classes of a group of tables. Their names are in ``relationship_names``. No I/O."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import UniqueConstraint, and_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import foreign, relationship, remote

from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import references
from lazy_alchemy.emitters._fields.fields import is_autonumbered
from lazy_alchemy.emitters._fields.names import field_names
from lazy_alchemy.emitters._mapped.relationship_names import (
    LINK_ENDS,
    assign,
    names_of_link,
    names_of_many,
    names_of_one,
    possible_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.orm import RelationshipProperty

    from lazy_alchemy._reflected import ReflectedTable
    from lazy_alchemy._schema.tables import ForeignKeyInfo

__all__ = ["Related", "related", "unique_keys"]

_Column = Any  # Column[Any], a column of any Python type, in a form that works with both SQLAlchemy 2.0 and 2.1


@dataclass(frozen=True, eq=False)
class _ForeignKey:
    """A foreign key between two tables of the group.

    Attributes:
        info: The reflected foreign key.
        child: The table that has it.
        parent: The table that it refers to.
        columns: Its columns.
        referred: The columns that they refer to.
    """

    info: ForeignKeyInfo
    child: ReflectedTable
    parent: ReflectedTable
    columns: tuple[_Column, ...]
    referred: tuple[_Column, ...]


@dataclass(eq=False)
class Related:
    """One relationship: the attribute ``name`` of the class of ``table``, with one or more instances of ``target``'s.

    Attributes:
        table: The table whose class has the attribute.
        target: The table whose class the relationship leads to.
        key: The foreign key: on ``table`` for ``one``, on ``target`` for ``many``; for ``link``, the link table's
            foreign key to ``table``.
        kind: ``one`` for the row that the foreign key refers to, ``many`` for the rows that refer to this one, ``link``
            for the rows that a link table relates to this one.
        second: For ``link``, the link table's foreign key to ``target``.
        is_list: Whether the attribute is a list.
        written: The columns that the relationship writes.
        in_cycle: Whether the tables refer to each other in a circle.
        back: The relationship in the other direction.
        name: The attribute's name.
    """

    table: ReflectedTable
    target: ReflectedTable
    key: _ForeignKey
    kind: Literal["one", "many", "link"]
    second: _ForeignKey | None = None
    is_list: bool = False
    written: frozenset[_Column] = frozenset()
    in_cycle: bool = False
    back: Related | None = None
    name: str = ""

    def build(self, classes: Mapping[Table, type[Any]]) -> RelationshipProperty[Any]:
        """Return the SQLAlchemy relationship.

        Args:
            classes: The class of each table; it is looked up when the relationship is configured.
        """
        # SQLAlchemy warns about two relationships that write the same column, even in unrelated classes. Here that is
        # intended: composite foreign keys share columns, and groups share tables.
        options: dict[str, Any] = {
            "uselist": self.is_list,
            "overlaps": ",".join(possible_names(self.key.child.reflected)),
        }
        if self.back is not None:
            options["back_populates"] = self.back.name
        if self.second is not None:
            options["secondary"] = self.key.child
            options["primaryjoin"] = _join(self.key, _plain, _plain)
            options["secondaryjoin"] = _join(self.second, _plain, _plain)
        elif self.kind == "one":
            options["primaryjoin"] = _join(self.key, self._foreign, remote)
        else:
            options["primaryjoin"] = _join(self.key, self._remote_foreign, _plain)
            # Leave the rows that refer to a deleted row to the database (ON DELETE ...).
            options["passive_deletes"] = "all"
        if self.second is None and self.in_cycle and all(column.nullable for column in self.written):
            options["post_update"] = True  # so that rows that refer to each other can be flushed
        target = self.target
        return relationship(lambda: classes[target], **options)

    def _foreign(self, column: _Column) -> Any:
        return foreign(column) if column in self.written else column

    def _remote_foreign(self, column: _Column) -> Any:
        return remote(self._foreign(column))


def _plain(column: _Column) -> Any:
    return column


def _join(
    key: _ForeignKey, of_child: Callable[[_Column], Any], of_parent: Callable[[_Column], Any]
) -> ColumnElement[bool]:
    pairs = zip(key.columns, key.referred, strict=True)
    return and_(*(of_parent(referred) == of_child(column) for column, referred in pairs))


def related(tables: Collection[ReflectedTable]) -> dict[ReflectedTable, list[Related]]:
    """Return the relationships of the class of each table, from the foreign keys between ``tables``.

    Raises:
        ModelError: The tables cannot be used together.
    """
    ordered = _together(tables)
    keys = [key for table in ordered for key in _foreign_keys(table, ordered)]
    linking = _links(ordered, keys)
    taken = {table: set(field_names(str(column.name) for column in table.columns).values()) for table in ordered}
    result: dict[ReflectedTable, list[Related]] = {table: [] for table in ordered}

    def add(new: Iterable[tuple[Related, Sequence[str]]]) -> None:
        by_table: defaultdict[ReflectedTable, list[tuple[Related, Sequence[str]]]] = defaultdict(list)
        for one, forms in new:
            by_table[one.table].append((one, forms))
        for table, candidates in by_table.items():
            for one, name in assign(candidates, taken[table]):
                one.name = name
                result[table].append(one)

    circular = _circular(keys)
    ones = [
        Related(key.child, key.parent, key, "one", written=frozenset(_written(key)), in_cycle=key in circular)
        for key in keys
        if key.child not in linking
    ]
    links: list[tuple[Related, Sequence[str]]] = []
    # In this order, because later relationships do not take the names of earlier ones.
    add((one, names_of_one(one.key.info)) for one in ones)
    add((_other_side(one), names_of_many(one.key.info, one.key.child.reflected, one.name)) for one in ones)
    for first, second in linking.values():
        here, there = _link_sides(first, second)
        links += [
            (here, names_of_link(first.info, second.info, first.child.reflected)),
            (there, names_of_link(second.info, first.info, first.child.reflected)),
        ]
    add(links)
    return result


def unique_keys(table: Table) -> Iterator[frozenset[_Column]]:
    """Yield the columns of the primary key, of each unique constraint and of each unique index that is not partial."""
    if table.primary_key.columns:
        yield frozenset(table.primary_key.columns)
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield frozenset(constraint.columns)
    for index in table.indexes:
        is_partial = any(name.endswith("_where") and value is not None for name, value in index.dialect_kwargs.items())
        if index.unique and not is_partial and all(column in table.c.values() for column in index.expressions):
            yield frozenset(index.columns)


# -- Foreign keys


def _together(tables: Collection[ReflectedTable]) -> list[ReflectedTable]:
    """Return the tables in the order of their names, after checking that they belong together."""
    ordered = sorted(tables, key=lambda table: (table.schema or "", table.name))
    for first, second in itertools.pairwise(ordered):
        if (first.reflected.schema, first.name) == (second.reflected.schema, second.name):
            raise ModelError(
                f"relationships= has two tables {first.fullname!r}: one was replaced after it changed, or they are in"
                " different databases. Get all of them from the same accessor again."
            )
    for first, second in itertools.pairwise(ordered):
        if first.metadata is not second.metadata:
            raise ModelError(
                f"{first.fullname!r} and {second.fullname!r} cannot be related: they are in different databases, or"
                " one of them is temporary. Get both from the same accessor."
            )
    return ordered


def _foreign_keys(child: ReflectedTable, tables: Collection[ReflectedTable]) -> Iterator[_ForeignKey]:
    by_name = {(table.reflected.schema, table.reflected.name): table for table in tables}
    seen: set[object] = set()
    known = sorted(
        zip(child.reflected.foreign_keys, references(child), strict=True),
        key=lambda pair: (pair[0].columns, pair[0].referred_schema or "", pair[0].referred_table),
    )
    for info, (constraint, target) in known:
        parent = by_name.get(target)
        identity = (info.columns, target, info.referred_columns)
        if parent is None or identity in seen or (parent is child and info.columns == info.referred_columns):
            continue
        if any(name not in parent.columns for name in info.referred_columns):
            continue  # SQLite allows references to missing columns
        seen.add(identity)
        try:
            is_same = constraint.referred_table is parent
        except SQLAlchemyError:  # the child was replaced before its parent was loaded
            is_same = False
        if not is_same:
            raise ModelError(
                f"{child.fullname!r} and {parent.fullname!r} cannot be related: one of them was replaced after it"
                " changed. Get both from the accessor again."
            )
        columns = tuple(child.columns[name] for name in info.columns)
        yield _ForeignKey(info, child, parent, columns, tuple(parent.columns[name] for name in info.referred_columns))


def _written(key: _ForeignKey) -> Iterator[_Column]:
    """Yield the columns that the relationship writes.

    A column that is also in a shorter foreign key (``tenant_id``, besides ``tenant_id, user_id``) is written by that
    one only, as in SQLAlchemy's manual under "Overlapping Foreign Keys": unsetting the user must not unset the tenant.
    """
    others = [set(info.columns) for info in key.child.reflected.foreign_keys if len(info.columns) < len(key.columns)]
    own = [column for column in key.columns if not any(column.name in other for other in others)]
    yield from own or key.columns


def _circular(keys: Collection[_ForeignKey]) -> set[_ForeignKey]:
    """Return the foreign keys whose parent refers back to their child, directly or indirectly."""
    refers: defaultdict[ReflectedTable, set[ReflectedTable]] = defaultdict(set)
    for key in keys:
        if key.parent is not key.child:
            refers[key.child].add(key.parent)

    def reached(start: ReflectedTable) -> set[ReflectedTable]:
        found: set[ReflectedTable] = set()
        waiting = [start]
        while waiting:
            new = refers[waiting.pop()] - found
            found |= new
            waiting.extend(new)
        return found

    reachable = {table: reached(table) for table in list(refers)}
    return {key for key in keys if key.child is not key.parent and key.child in reachable.get(key.parent, ())}


def _links(
    tables: Collection[ReflectedTable], keys: Collection[_ForeignKey]
) -> dict[ReflectedTable, tuple[_ForeignKey, _ForeignKey]]:
    """Return the link tables, which only relate two other tables or another table to itself, and their foreign keys."""
    result: dict[ReflectedTable, tuple[_ForeignKey, _ForeignKey]] = {}
    for table in tables:
        own = [key for key in keys if key.child is table]
        if (
            len(own) != LINK_ENDS
            or len(table.reflected.foreign_keys) != LINK_ENDS
            or any(key.parent is table for key in own)
        ):
            continue
        first, second = own
        linking = frozenset({*first.columns, *second.columns})
        rest = [column for column in table.columns if column not in linking]
        numbered = all(map(is_autonumbered, rest))  # the link table may have its own ``id``
        if numbered and any(key == linking for key in unique_keys(table)):
            result[table] = (first, second)
    return result


def _other_side(one: Related) -> Related:
    key = one.key
    is_list = not any(unique <= set(key.columns) for unique in unique_keys(key.child))
    other = Related(
        key.parent, key.child, key, "many", is_list=is_list, written=one.written, in_cycle=one.in_cycle, back=one
    )
    one.back = other
    return other


def _link_sides(first: _ForeignKey, second: _ForeignKey) -> tuple[Related, Related]:
    written = frozenset({*first.columns, *second.columns})
    here = Related(first.parent, second.parent, first, "link", second, is_list=True, written=written)
    there = Related(second.parent, first.parent, second, "link", first, is_list=True, written=written, back=here)
    here.back = there
    return here, there
