"""SQLModel classes of tables, mapped onto the reflected table itself, so that ORM and Core expressions mix."""

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
    """Makes a mapped SQLModel class of a table, with ``Class.__table__ is table``.

    Fields are named as in the Pydantic models. What may be NULL and what the database fills in is optional: a None that
    an INSERT would carry is left out of it, so the default, or NULL, takes effect (``sqlalchemy.null()`` writes NULL in
    spite of a default, ``sqlalchemy.JSON.NULL`` the JSON document ``null``). The class is the only one in its registry:
    it clashes with no other and goes when nobody holds it.

    Attributes:
        base: A SQLModel class that is no table: its methods, properties and validators are the class's too. With
            ``relationships`` it is the base of this table's class; a mapping of tables to classes gives each its own.
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

    _call: ClassVar[str] = "as_sqlmodel"
    _known_base: ClassVar[type[Any]] = SQLModel

    def _checked_base(self, base: object) -> type[SQLModel] | None:
        if base is None:
            return None
        if not isinstance(base, type) or not issubclass(base, SQLModel):
            shown = base.__name__ if isinstance(base, type) else repr(base)
            raise ModelError(f"base= takes a SQLModel class, `class Base(SQLModel): ...`, and not {shown}.")
        if hasattr(base, "__table__") or base.model_config.get("table"):
            raise ModelError(f"base={base.__name__} is a table itself. Make it a SQLModel class without table=True.")
        return base

    def _new_class(self, plan: ClassPlan[SQLModel], class_registry: registry) -> type[SQLModel]:
        if plan.base is not None and (extra := next(iter(plan.base.model_fields), None)) is not None:
            raise ModelError(
                f"base={plan.base.__name__} has the field {extra!r}, and {plan.table.fullname!r} no such column."
                " Make it a property, a ClassVar or a private attribute."
            )
        annotations = Annotations(self._map, Limits.for_values_from(plan.table))
        namespace: dict[str, Any] = {
            "__module__": __name__,
            **plan.namespace,
            "__annotations__": {field.name: _annotation(field, annotations.of_column(field)) for field in plan.fields},
            **{field.name: _definition(field) for field in plan.fields},
            **{name: Relationship(sa_relationship=one) for name, one in plan.relationships.items()},
        }
        bases = (_registered(class_registry, plan.relationships), *([] if plan.base is None else [plan.base]))
        return cast(
            "type[SQLModel]",  # new_class cannot say what the metaclass makes
            types.new_class(class_name(plan.table.name), bases, {"table": True}, lambda body: body.update(namespace)),
        )


def _registered(class_registry: registry, relationships: Collection[str]) -> type[SQLModel]:
    """Make the base of one class: SQLModel takes a registry only for an abstract base."""

    class TableModel(SQLModel, registry=class_registry):
        # SQLModel declares a TypedDict of its own that cannot be imported publicly; at run time both are dicts.
        model_config = ConfigDict(  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
            from_attributes=True, populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True
        )

        def __new__(cls, /, *_: Any, **__: Any) -> Any:
            # SQLModel's takes ``cls`` by name too, and so no column of that name; arguments matter to __init__ alone.
            return super().__new__(cls)

        def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
            # In the columns' order, and not in that in which they were loaded.
            order = {name: position for position, name in enumerate(type(self).model_fields)}
            return sorted(super().__repr_args__(), key=lambda item: order.get(item[0] or "", len(order)))

        @classmethod
        def model_validate(cls, obj: Any, *, update: dict[str, Any] | None = None, **options: Any) -> Any:
            if isinstance(obj, dict) and any(hasattr(dict, name) for name in relationships):
                # SQLModel reads relationships off any object: ``items`` of a dict are no rows.
                given = cast("dict[str, Any]", obj)
                return super().model_validate(_Given({**given, **(update or {})}), **options)
            return super().model_validate(obj, update=update, **options)

        @model_validator(mode="before")
        @classmethod
        def _lazy_alchemy_read(cls, source: object) -> object:
            return readable(source() if isinstance(source, _Given) else source, cls)

    return TableModel


class _Given:
    """A dict, without its attributes."""

    __slots__ = ("_given",)

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given

    def __call__(self) -> dict[str, Any]:
        return self._given


def _is_optional(field: ModelField) -> bool:
    return field.nullable or field.filled or field.generated


def _annotation(field: ModelField, row_type: Any) -> Any:
    if _is_optional(field) or field.null_key:
        return row_type | None
    if get_origin(row_type) is Annotated:
        # SQLModel 0.0.20 loses ``sa_column`` where it is to be merged with another Field.
        type_, *annotations = get_args(row_type)
        for annotation in annotations:
            for part in annotation.metadata if isinstance(annotation, FieldInfo) else [annotation]:
                type_ = Annotated[type_, part]
        return type_
    return row_type


def _definition(field: ModelField) -> Any:
    options: dict[str, Any] = {"default": None} if _is_optional(field) else {}
    if field.alias is not None:
        # SQLModel before 0.0.29 makes nothing of ``alias`` but an attribute of its own.
        aliases = {"validation_alias": field.alias, "serialization_alias": field.alias}
        options.update(alias=field.alias, schema_extra=aliases)
    return Field(sa_column=field.column, description=field.column.comment, **options)
