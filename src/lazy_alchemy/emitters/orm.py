"""Plain SQLAlchemy classes of tables, mapped onto the reflected table itself."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBaseNoMeta

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._mapped.mapping import ClassPlan, MappedEmitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import registry

__all__ = ["ORMEmitter"]


class ORMEmitter(MappedEmitter[Any]):  # Any: whatever base class the user has
    """Makes a mapped class of a table with SQLAlchemy alone, with ``Class.__table__ is table``.

    Attributes are named as the fields of the Pydantic models. An instance is made from keyword arguments, by the
    attributes' names or the columns'. A None for a column that may be NULL, or that the database fills in, is left out
    of an INSERT, so the default, or NULL, takes effect. The class is the only one in its registry: it clashes with no
    other and goes when nobody holds it.

    Attributes:
        base: A class of the user's, such as ``sqlalchemy.ext.asyncio.AsyncAttrs``, that is neither mapped nor
            declarative: its methods and properties are the class's too. With ``relationships`` it is the base of this
            table's class; a mapping of tables to classes gives each its own.
        relationships: Tables whose classes are made together with this table's, and related with it and with each
            other as their foreign keys say. The same tables and options give the same classes, whichever of the tables
            is asked.
        primary_key: The names of the columns that tell the rows apart, of a view or a table that has no primary key. A
            mapping of tables to names is for several tables.
        types: Python types of your own, by SQLAlchemy type class or by the type's name in the database.
        unknown: Is called with a column whose type nobody knows, and returns its Python type, or None for ``Any``.
        strict: Whether a type that nobody knows is a ModelError. Otherwise it is ``Any``, and an UnknownTypeWarning
            names table, column and type.
    """

    _call: ClassVar[str] = "as_orm"
    _known_base: ClassVar[type[Any]] = object

    def _checked_base(self, base: object) -> type[Any] | None:
        if base is None:
            return None
        if not isinstance(base, type):
            raise ModelError(f"base= takes a class, and not {base!r}.")
        if hasattr(base, "registry") or hasattr(base, "__mapper__") or hasattr(base, "model_fields"):
            raise ModelError(
                f"base={base.__name__} is a declarative, mapped or Pydantic class. Make it a plain class: the table"
                " says what the columns are, and each class has a registry of its own."
            )
        return base

    def _new_class(self, plan: ClassPlan[Any], class_registry: registry) -> type[Any]:
        namespace: dict[str, Any] = {
            "__module__": __name__,
            **plan.namespace,
            **{field.name: field.column for field in plan.fields},
            **plan.relationships,
        }
        renamed = {field.alias: field.name for field in plan.fields if field.alias is not None}
        bases = (
            (_registered(class_registry, renamed),)
            if plan.base is None
            else (plan.base, _registered(class_registry, renamed))
        )
        return types.new_class(class_name(plan.table.name), bases, {}, lambda body: body.update(namespace))


def _registered(class_registry: registry, renamed: Mapping[str, str]) -> type[DeclarativeBaseNoMeta]:
    """Make the base of one class. Without a metaclass, so that it goes with a base that has one."""

    class MappedTable(DeclarativeBaseNoMeta):
        registry = class_registry

        # Not ``self``, which may be a column's name: SQLAlchemy makes one that takes it by keyword too.
        def __init__(__instance, /, **values: Any) -> None:  # noqa: N805
            self = __instance
            for name, value in values.items():
                attribute = renamed.get(name, name)
                if attribute not in inspect(type(self)).attrs:
                    raise TypeError(f"{type(self).__name__}() has no column or relationship {name!r}")
                setattr(self, attribute, value)

        def __repr__(self) -> str:
            loaded = vars(self)
            shown = [
                f"{attr.key}={loaded[attr.key]!r}" for attr in inspect(type(self)).column_attrs if attr.key in loaded
            ]
            return f"{type(self).__name__}({', '.join(shown)})"

    return MappedTable
