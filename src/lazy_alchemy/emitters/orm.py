"""Plain SQLAlchemy classes, mapped onto the reflected table itself."""

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


class ORMEmitter(MappedEmitter[Any]):  # Any: the user's base class may be any class
    """Creates a class mapped onto a table with SQLAlchemy alone, with ``Class.__table__ is table``.

    Attributes have the same names as the fields of the Pydantic models. Instances are created from keyword arguments
    with the names of attributes or of columns. For a nullable column, or one that the database fills in, an INSERT
    omits None, so the server default or NULL takes effect. The class is the only one in its registry: it conflicts
    with no other class and can be garbage-collected.

    Attributes:
        base: Your own class to inherit methods and properties from, such as ``sqlalchemy.ext.asyncio.AsyncAttrs``;
            neither mapped nor declarative. With ``relationships`` it is the base of this table's class only; a mapping
            of tables to classes sets that of each.
        relationships: Tables to create classes for together with this table's. All these classes are related by their
            foreign keys. The same tables and options return the same classes, whichever table is used for the call.
        primary_key: The names of the columns that identify a row of a view, or of a table without a primary key. For
            several tables, a mapping of tables to names.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    _call: ClassVar[str] = "as_orm"
    _known_base: ClassVar[type[Any]] = object

    def _checked_base(self, base: object) -> type[Any] | None:
        if base is None:
            return None
        if not isinstance(base, type):
            raise ModelError(f"base= takes a class, not {base!r}.")
        if hasattr(base, "registry") or hasattr(base, "__mapper__") or hasattr(base, "model_fields"):
            raise ModelError(
                f"base={base.__name__} is a declarative, mapped or Pydantic class. Make it a plain class: the table"
                " defines the columns, and each class has its own registry."
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
    """Create the base class of one class. It has no metaclass, so that it combines with a user's base that has one."""

    class MappedTable(DeclarativeBaseNoMeta):
        registry = class_registry

        # Not ``self``, which may be a column name: SQLAlchemy wraps __init__ in a function that drops the ``/``.
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
