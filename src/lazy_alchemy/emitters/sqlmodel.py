"""SQLModel classes, mapped onto the reflected table itself so that ORM and Core expressions can be combined."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast, get_args, get_origin

from pydantic import ConfigDict, model_validator
from pydantic.fields import FieldInfo
from sqlmodel import Field, Relationship, SQLModel

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._columns.annotations import Annotations
from lazy_alchemy.emitters._columns.limits import Limits
from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._mapped.mapping import ClassPlan, MappedEmitter
from lazy_alchemy.emitters._values.inputs import readable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import registry

    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["SQLModelEmitter"]


class SQLModelEmitter(MappedEmitter[SQLModel]):
    """Creates a SQLModel class mapped onto a table, with ``Class.__table__ is table``.

    Fields have the same names as in the Pydantic models. Nullable columns and columns that the database fills in are
    optional: an INSERT omits those that are None, so the server default or NULL takes effect. (``sqlalchemy.null()``
    writes NULL despite a default, ``sqlalchemy.JSON.NULL`` writes the JSON document ``null``.) The class is the only
    one in its registry: it conflicts with no other class and can be garbage-collected.

    Attributes:
        base: A SQLModel class without a table, to inherit methods, properties and validators from. With
            ``relationships`` it is the base of this table's class only; a mapping of tables to classes sets that of
            each.
        relationships: Tables to create classes for together with this table's. All these classes are related by their
            foreign keys. The same tables and options return the same classes, whichever table is used for the call.
        primary_key: The names of the columns that identify a row of a view, or of a table without a primary key. For
            several tables, a mapping of tables to names.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.
    """

    _call: ClassVar[str] = "as_sqlmodel"
    _known_base: ClassVar[type[Any]] = SQLModel

    def _checked_base(self, base: object) -> type[SQLModel] | None:
        if base is None:
            return None
        if not isinstance(base, type) or not issubclass(base, SQLModel):
            shown = base.__name__ if isinstance(base, type) else repr(base)
            raise ModelError(f"base= takes a SQLModel class, `class Base(SQLModel): ...`, not {shown}.")
        if hasattr(base, "__table__") or base.model_config.get("table"):
            raise ModelError(f"base={base.__name__} is a table itself. Make it a SQLModel class without table=True.")
        return base

    def _new_class(self, plan: ClassPlan[SQLModel], class_registry: registry) -> type[SQLModel]:
        if plan.base is not None and (extra := next(iter(plan.base.model_fields), None)) is not None:
            raise ModelError(
                f"base={plan.base.__name__} has the field {extra!r}, but {plan.table.fullname!r} has no such column."
                " Make it a property, a ClassVar or a private attribute."
            )
        annotations = Annotations(self._map, Limits.for_reading(plan.table))
        namespace: dict[str, Any] = {
            "__module__": __name__,
            **plan.namespace,
            "__annotations__": {field.name: _annotation(field, annotations.of_column(field)) for field in plan.fields},
            **{field.name: _definition(field) for field in plan.fields},
            **{name: Relationship(sa_relationship=one) for name, one in plan.relationships.items()},
        }
        bases = (_registered(class_registry, plan.relationships), *([] if plan.base is None else [plan.base]))
        return cast(
            "type[SQLModel]",  # new_class does not know what the metaclass returns
            types.new_class(class_name(plan.table.name), bases, {"table": True}, lambda body: body.update(namespace)),
        )


def _registered(class_registry: registry, relationships: Collection[str]) -> type[SQLModel]:
    """Create the base class of one class, because SQLModel only accepts a registry for an abstract base."""

    class TableModel(SQLModel, registry=class_registry):
        # SQLModel annotates it with its own TypedDict, which is not public; at run time both are dicts.
        model_config = ConfigDict(  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
            from_attributes=True, populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True
        )

        def __new__(cls, /, *_: Any, **__: Any) -> Any:
            # SQLModel's __new__ has a keyword parameter ``cls``, which excludes a column of that name. Only __init__
            # uses the arguments.
            return super().__new__(cls)

        def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
            # In the order of the columns, not of loading.
            order = {name: position for position, name in enumerate(type(self).model_fields)}
            return sorted(super().__repr_args__(), key=lambda item: order.get(item[0] or "", len(order)))

        @classmethod
        def model_validate(cls, obj: Any, *, update: dict[str, Any] | None = None, **options: Any) -> Any:
            if isinstance(obj, dict) and any(hasattr(dict, name) for name in relationships):
                # SQLModel reads relationships from the attributes of any object, but ``items`` of a dict is a method.
                values = cast("dict[str, Any]", obj)
                return super().model_validate(_OpaqueDict({**values, **(update or {})}), **options)
            return super().model_validate(obj, update=update, **options)

        @model_validator(mode="before")
        @classmethod
        def _lazy_alchemy_read(cls, source: object) -> object:
            return readable(source() if isinstance(source, _OpaqueDict) else source, cls)

    return TableModel


class _OpaqueDict:
    """A dict without the attributes of a dict; a call returns it."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __call__(self) -> dict[str, Any]:
        return self._values


def _is_optional(field: ModelField) -> bool:
    return field.nullable or field.filled or field.generated


def _annotation(field: ModelField, row_type: Any) -> Any:
    if _is_optional(field) or field.null_key:
        return row_type | None
    if get_origin(row_type) is Annotated:
        # SQLModel 0.0.20 loses ``sa_column`` when it merges it with another Field.
        type_, *annotations = get_args(row_type)
        for annotation in annotations:
            for part in annotation.metadata if isinstance(annotation, FieldInfo) else [annotation]:
                type_ = Annotated[type_, part]
        return type_
    return row_type


def _definition(field: ModelField) -> Any:
    options: dict[str, Any] = {"default": None} if _is_optional(field) else {}
    if field.alias is not None:
        # Before 0.0.29, SQLModel's ``alias`` only sets an attribute of its FieldInfo, and Pydantic does not see it.
        aliases = {"validation_alias": field.alias, "serialization_alias": field.alias}
        options.update(alias=field.alias, schema_extra=aliases)
    return Field(sa_column=field.column, description=field.column.comment, **options)
