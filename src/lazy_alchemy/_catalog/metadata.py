"""The Tables built in one MetaData, and how changed ones are replaced. No I/O.

Callers hold the catalog's lock: one thread at a time builds and replaces tables.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import MetaData

from lazy_alchemy._catalog.building import build_table
from lazy_alchemy._reflected import metadata_key, references, refers_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ForeignKeyConstraint

    from lazy_alchemy._schema.tables import TableInfo
    from lazy_alchemy._tables import CustomTable

__all__ = ["BuiltTables"]

_Key = tuple[str | None, str]


class BuiltTables:
    """Tables of one MetaData by schema and name.

    A foreign key has ``use_alter`` exactly while the table that it refers to is absent: with it, SQLAlchemy flushes ORM
    objects without that table; without it, SQLAlchemy sorts tables by dependency.
    """

    def __init__(self, dialect: str) -> None:
        """Make an empty MetaData, for tables of the dialect of that name, or of ``dialect+driver``."""
        self.dialect = dialect
        self.metadata = MetaData()
        self._tables: dict[_Key, CustomTable] = {}
        self._dangling: defaultdict[_Key, list[ForeignKeyConstraint]] = defaultdict(list)

    def table(self, info: TableInfo) -> CustomTable:
        """Return the table that ``info`` describes; build it if it is the first use.

        Raises:
            ReflectionError: It cannot be built; nothing has changed.
        """
        table = self._tables.get((info.schema, info.name))
        return self._add(info) if table is None else table

    def latest(self, info: TableInfo) -> CustomTable:
        """Return the table that ``info`` describes; replace one of another shape.

        Raises:
            ReflectionError: It cannot be built; nothing has changed.
        """
        table = self._tables.get((info.schema, info.name))
        if table is not None and table.reflected != info:
            self.replace({(info.schema, info.name): info})
        return self.table(info)

    def standalone(self, info: TableInfo) -> CustomTable:
        """Return a table in a MetaData of its own; it joins with no other."""
        return build_table(info, MetaData(), self.dialect)

    def replace(self, changed: Mapping[_Key, TableInfo | None]) -> None:
        """Replace built tables by tables of new shapes; None removes one.

        Every table that reaches one of them through foreign keys is replaced too, so the old ones keep working among
        themselves, and so do the new ones. Tables that are not built yet are not built now.

        Raises:
            ReflectionError: One of them cannot be built; nothing has changed.
        """
        retired = self._reaching(changed)
        infos = [info for key, table in retired.items() if (info := changed.get(key, table.reflected)) is not None]
        trial = MetaData()
        for info in infos:
            clashes = metadata_key(info.schema, info.name) in trial.tables  # see _add
            build_table(info, MetaData() if clashes else trial)
        try:
            for key, table in retired.items():
                self._remove(key, table)
            for info in infos:
                self._add(info)
        except BaseException:
            # Only an interruption gets here. Missing tables are built at their next use.
            for key in retired:
                if (remnant := self._tables.get(key)) is not None:
                    self._remove(key, remnant)
            raise

    def _reaching(self, keys: Mapping[_Key, object]) -> dict[_Key, CustomTable]:
        """Return the built tables of ``keys`` and all that reach them, referring tables first."""
        referring: defaultdict[_Key, list[_Key]] = defaultdict(list)
        for key, table in self._tables.items():
            for target in refers_to(table.reflected):
                referring[target].append(key)
        order: list[_Key] = []
        seen: set[_Key] = set()

        def visit(start: _Key) -> None:
            # Depth first, without recursion: a chain of foreign keys may be longer than Python's stack.
            stack = [(start, iter(referring[start]))]
            seen.add(start)
            while stack:
                key, children = stack[-1]
                for child in children:
                    if child not in seen:
                        seen.add(child)
                        stack.append((child, iter(referring[child])))
                        break
                else:
                    order.append(key)
                    stack.pop()

        for key in keys:
            if key in self._tables and key not in seen:
                visit(key)
        return {key: self._tables[key] for key in order}

    def _add(self, info: TableInfo) -> CustomTable:
        key = (info.schema, info.name)
        if metadata_key(*key) in self.metadata.tables:
            # MetaData cannot tell a table "b" of schema "a" from a table "a.b": the second one gets its own MetaData.
            table = self._tables[key] = self.standalone(info)
        else:
            try:
                table = build_table(info, self.metadata, self.dialect)
                for constraint, target in references(table):
                    if constraint.use_alter:
                        self._dangling[target].append(constraint)
                for constraint in self._dangling.pop(key, ()):
                    _arrived(constraint)
                self._tables[key] = table
            except BaseException:  # refused, or interrupted
                self._undo(key)
                raise
        return table

    def _undo(self, key: _Key) -> None:
        """Undo a table that was only partly added."""
        self._tables.pop(key, None)
        if (remnant := self.metadata.tables.get(metadata_key(*key))) is not None:
            self.metadata.remove(remnant)
        self._dangling.clear()
        for table in self._tables.values():
            for constraint, target in references(table) if table.metadata is self.metadata else ():
                if target == key:
                    _left(constraint)
                if constraint.use_alter:
                    self._dangling[target].append(constraint)

    def _remove(self, key: _Key, table: CustomTable) -> None:
        if table.metadata is self.metadata:
            self.metadata.remove(table)
            for constraint, target in references(table):
                if constraint.use_alter:
                    waiting = self._dangling[target]
                    waiting[:] = [other for other in waiting if other is not constraint]
        del self._tables[key]


def _arrived(constraint: ForeignKeyConstraint) -> None:
    constraint.use_alter = False
    for element in constraint.elements:
        element.use_alter = False


def _left(constraint: ForeignKeyConstraint) -> None:
    """Let a foreign key wait again: building the table that it refers to failed."""
    constraint.use_alter = True
    for element in constraint.elements:
        element.use_alter = True
        vars(element).pop("column", None)  # SQLAlchemy's memoized target
