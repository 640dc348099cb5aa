"""SQLModel classes of tables, mapped onto the reflected table itself, so that ORM and Core expressions mix."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import ConfigDict, model_validator
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from lazy_alchemy._errors import ModelError

from ._fields import ModelField, model_fields
from ._instances import listen
from ._names import class_name
from ._sources import readable

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

__all__ = ["SQLModelEmitter"]


@dataclass(frozen=True)
class SQLModelEmitter:
    """Makes a mapped SQLModel class of a table, with ``Class.__table__ is table``.

    Fields are named as in the Pydantic models. What may be NULL and what the database fills in is optional: a None that
    an INSERT would carry is left out of it, so the default, or NULL, takes effect (``sqlalchemy.null()`` writes NULL in
    spite of a default, ``sqlalchemy.JSON.NULL`` the JSON document ``null``). The class has no relationships, and is the
    only one in its registry: it clashes with no other and goes when nobody holds it.
    """

    def emit(self, table: Table) -> type[SQLModel]:
        """Return a new mapped class of ``table``; no I/O.

        Raises:
            ModelError: The table has no primary key, as views have none.
        """
        if not table.primary_key.columns:
            raise ModelError(
                f"{table.fullname!r} has no primary key, which a mapped class needs to tell its rows apart."
                " Read its rows with as_pydantic(), or give the table a primary key."
            )
        fields = model_fields(table)
        namespace: dict[str, Any] = {
            "__module__": __name__,
            "__doc__": table.comment,
            "__table__": table,
            "__annotations__": {field.name: _annotation(field) for field in fields},
            **{field.name: _definition(field) for field in fields},
        }
        mapped = cast(
            "type[SQLModel]",  # new_class cannot say what the metaclass makes
            types.new_class(
                class_name(table.name), (_base(table.metadata),), {"table": True}, lambda body: body.update(namespace)
            ),
        )
        listen(mapped, fields)
        return mapped


def _base(metadata: MetaData) -> type[SQLModel]:
    """Make the base of one class: SQLModel takes a registry only for an abstract base."""

    class TableModel(SQLModel, registry=registry(metadata=metadata)):
        # SQLModel declares a TypedDict of its own that cannot be imported publicly; at run time both are dicts.
        model_config = ConfigDict(  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
            from_attributes=True, populate_by_name=True, protected_namespaces=()
        )

        def __new__(cls, /, *_: Any, **__: Any) -> Any:
            # SQLModel's takes ``cls`` by name too, and so no column of that name; arguments matter to __init__ alone.
            return super().__new__(cls)

        @model_validator(mode="before")
        @classmethod
        def _read(cls, source: object) -> object:
            return readable(source, cls)

    return TableModel


def _is_optional(field: ModelField) -> bool:
    return field.nullable or field.filled or field.generated


def _annotation(field: ModelField) -> Any:
    return field.optional_type if _is_optional(field) else field.python_type


def _definition(field: ModelField) -> Any:
    options: dict[str, Any] = {"default": None} if _is_optional(field) else {}
    if field.alias is not None:
        # SQLModel before 0.0.29 makes nothing of ``alias`` but an attribute of its own.
        aliases = {"validation_alias": field.alias, "serialization_alias": field.alias}
        options.update(alias=field.alias, schema_extra=aliases)
    return Field(sa_column=field.column, description=field.column.comment, **options)
