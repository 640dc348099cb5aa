"""The base of the emitters of mapped classes: their options, and the creation of classes for related tables."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import registry

from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import emit_once, emitted_from
from lazy_alchemy.emitters._fields.fields import ModelField, model_fields
from lazy_alchemy.emitters._fields.type_options import TypedEmitter
from lazy_alchemy.emitters._mapped.arguments import (
    check_attributes,
    check_init,
    has_circular_key,
    is_loaded,
    key_columns,
    key_names,
    per_table,
    related_tables,
)
from lazy_alchemy.emitters._mapped.listeners import listen
from lazy_alchemy.emitters._mapped.relationships import related

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Column, Table
    from sqlalchemy.orm import RelationshipProperty

    from lazy_alchemy.emitters._mapped.relationships import Related

__all__ = ["ClassPlan", "MappedEmitter"]

_BaseT = TypeVar("_BaseT")


@dataclass(frozen=True)
class ClassPlan(Generic[_BaseT]):
    """The definition of one mapped class.

    Attributes:
        table: Its table.
        fields: Its columns.
        key: The columns that identify a row.
        base: The user's base class, if there is one.
        relationships: Its relationships, by name.
    """

    table: Table
    fields: Sequence[ModelField]
    key: Sequence[Column[Any]]  # Any: columns of any Python type
    base: type[_BaseT] | None
    relationships: Mapping[str, RelationshipProperty[Any]]  # Any: relationships to any class

    @property
    def namespace(self) -> dict[str, Any]:
        """The attributes that every kind of mapped class defines."""
        body: dict[str, Any] = {"__doc__": self.table.comment, "__table__": self.table}
        if not self.table.primary_key.columns or has_circular_key(self.table):
            body["__mapper_args__"] = {"primary_key": list(self.key)}
        return body


@dataclass(frozen=True, kw_only=True)
class MappedEmitter(TypedEmitter, ABC, Generic[_BaseT]):
    """Creates a class mapped onto a table, with ``Class.__table__ is table``.

    Each class is the only one in its registry: it conflicts with no other class and can be garbage-collected.

    Attributes:
        base: Your own class to inherit methods and properties from. With ``relationships`` it is the base of this
            table's class only; a mapping of tables to classes sets that of each.
        relationships: Tables to create classes for together with this table's. All these classes are related by their
            foreign keys. The same tables and options return the same classes, whichever table is used for the call.
        primary_key: The names of the columns that identify a row of a view, or of a table without a primary key. For
            several tables, a mapping of tables to names.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    base: type[_BaseT] | Mapping[Any, type[_BaseT]] | None = field(default=None, compare=False)
    relationships: Collection[Table] = ()
    primary_key: Collection[str] | Mapping[Any, Collection[str]] = field(default=(), compare=False)
    # Any, three times: a Table of any kind, because Mapping is invariant in its key.
    _bases: frozenset[tuple[Any, type[_BaseT]]] = field(init=False, repr=False)
    _keys: frozenset[tuple[Any, tuple[str, ...]]] = field(init=False, repr=False)

    _call: ClassVar[str]
    _known_base: ClassVar[type[Any]]  # its attributes, and those of its bases, are not checked by check_attributes

    def __post_init__(self) -> None:
        """Check the options, and normalize them so that equivalent ones compare equal.

        Raises:
            ModelError: ``base``, ``relationships`` or ``primary_key`` has the wrong type.
            TypeError: ``types`` or ``unknown`` has the wrong type.
        """
        super().__post_init__()
        bases = per_table(self.base, "base", self._checked_base)
        keys = per_table(self.primary_key, "primary_key", key_names)
        set_option = object.__setattr__  # the class is frozen
        set_option(self, "relationships", related_tables(self.relationships))
        set_option(self, "_bases", frozenset((table, base) for table, base in bases if base is not None))
        set_option(self, "_keys", frozenset((table, key) for table, key in keys if key))

    def emit(self, table: Table) -> type[_BaseT]:
        """Return a mapped class for ``table``; no I/O.

        Raises:
            ModelError: The table has no primary key and none was passed, or an option does not fit the table.
        """
        bases = {table if of is None else of: base for of, base in self._bases}
        keys = {table if of is None else of: key for of, key in self._keys}
        tables = related_tables(self.relationships)
        if tables and not is_loaded(table):
            raise ModelError(f"relationships=: {table.fullname!r} itself is not an accessor's table.")
        if is_loaded(table):
            # The normal form of all calls for the same class.
            tables = frozenset({table, *tables}) if tables else tables
            common = dataclasses.replace(self, relationships=tables, base=bases, primary_key=keys)
            if common != self:
                return emit_once(table, common)
        self._check_tables(tables or {table}, bases, keys)
        if not tables:
            return self._make([table], {}, bases, keys)[table]
        emitted = emitted_from(table)  # the dict that ``emit_once`` reads
        if self not in emitted:
            classes = self._make(sorted(tables, key=_name_of), related(tables), bases, keys)
            for member in tables:
                _remember(member, self, classes[member])
        made: type[_BaseT] = emitted[self]
        return made

    def _make(
        self,
        tables: Sequence[Table],
        relationships: Mapping[Any, Sequence[Related]],  # by table
        bases: Mapping[Table, type[_BaseT]],
        keys: Mapping[Table, tuple[str, ...]],
    ) -> dict[Table, type[_BaseT]]:
        """Create the classes of ``tables``, all or none."""
        classes: dict[Table, type[_BaseT]] = {}
        plans = [
            self._plan(
                table,
                {one.name: one.build(classes) for one in relationships.get(table, ())},
                bases.get(table),
                keys.get(table, ()),
            )
            for table in tables
        ]
        registries = [registry(metadata=plan.table.metadata) for plan in plans]
        try:
            for plan, class_registry in zip(plans, registries, strict=True):
                classes[plan.table] = self._new_class(plan, class_registry)
                listen(classes[plan.table], plan.fields)
            if relationships:
                # Configure now: the tables have not changed since they were examined, and the caller gets any error.
                for class_registry in registries:
                    class_registry.configure(cascade=True)
        except (SQLAlchemyError, TypeError) as error:  # TypeError: incompatible bases
            for class_registry in registries:
                class_registry.dispose(cascade=True)
            names = ", ".join(repr(table.fullname) for table in tables)
            raise ModelError(f"{self._call}() cannot map {names}: {error}") from error
        return classes

    def _plan(
        self,
        table: Table,
        relationships: Mapping[str, RelationshipProperty[Any]],
        base: type[_BaseT] | None,
        names: tuple[str, ...],
    ) -> ClassPlan[_BaseT]:
        key = key_columns(table, names, self._call, related=bool(self.relationships))
        # The caller's key is assumed to be NOT NULL, which databases do not report for the columns of a view.
        fields = [
            dataclasses.replace(field, nullable=False) if field.column in key else field
            for field in model_fields(table, self._map)
        ]
        if base is not None:
            check_init(base, self._known_base)
            attributes = {field.name: f"the column {str(field.column.name)!r}" for field in fields}
            attributes.update((name, f"the relationship {name!r}") for name in relationships)
            check_attributes(base, self._known_base, attributes, table)
        return ClassPlan(table, fields, key, base, relationships)

    def _check_tables(self, tables: Collection[Table], *options: Mapping[Table, object]) -> None:
        for table in (table for option in options for table in option if table not in tables):
            raise ModelError(
                f"{self._call}(): an option is for {table.fullname!r}, which is not among the tables of the call. Name"
                " it in relationships=; if it has changed, get it from the accessor again."
            )

    @property
    def is_outdated(self) -> bool:
        """Whether one of the related tables was replaced by a new version of it."""
        return any(table.metadata.tables.get(table.key) is not table for table in self.relationships)

    @abstractmethod
    def _checked_base(self, base: object) -> type[_BaseT] | None:
        """Return a valid base class, or None for no base; raise a ModelError for anything else."""

    @abstractmethod
    def _new_class(self, plan: ClassPlan[_BaseT], class_registry: registry) -> type[_BaseT]:
        """Return a new mapped class, the only one in ``class_registry``."""


def _name_of(table: Table) -> tuple[str, str]:
    return table.schema or "", table.name


def _remember(table: Table, emitter: MappedEmitter[Any], made: type[Any]) -> None:
    emitted = emitted_from(table)
    # Otherwise an unchanged table would keep every version of the related tables that change, through its emitters.
    old = [made for other, made in list(emitted.items()) if isinstance(other, MappedEmitter) and other.is_outdated]
    if table.metadata.tables.get(table.key) is table:
        for other in [other for other, made in list(emitted.items()) if made in old]:
            del emitted[other]
    emitted[emitter] = made
