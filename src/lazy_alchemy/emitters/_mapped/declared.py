"""SQLModel classes declared in a registry, mapped onto the reflected table when they are first used."""

from __future__ import annotations

import dataclasses
import warnings
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import registry

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._fields.fields import model_fields
from lazy_alchemy.emitters._mapped.arguments import key_columns
from lazy_alchemy.emitters._mapped.listeners import listen
from lazy_alchemy.emitters._values.inputs import column_name
from lazy_alchemy.emitters.bases import MappedModel

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlmodel import SQLModel

__all__ = ["DeclaredEmitter"]


@dataclass(frozen=True)
class DeclaredEmitter:
    """Maps a declared class onto a table and returns the class itself, with ``Class.__table__ is table``.

    A class can only be mapped onto one table. The first table gets the declared class; any other (of another engine, or
    the same table after a change) gets a subclass, which to type checkers is the same class.

    Attributes:
        model: The declared class.
        primary_key: The names of the columns that identify a row, if the table has no primary key.
    """

    model: type[SQLModel]
    primary_key: tuple[str, ...] = ()

    def emit(self, table: Table) -> type[SQLModel]:
        """Return the mapped class; no I/O.

        Raises:
            ModelError: The class has fields that are not columns of the table, or is not a ``MappedModel``; or the
                table has no primary key.
        """
        model = self.model
        if not issubclass(model, MappedModel):
            if vars(model).get("__table__") is not None:
                raise ModelError(
                    f"{model.__name__} is declared as the model of {table.fullname!r} but is already mapped onto a"
                    " table. Derive it from lazy_alchemy.emitters.MappedModel, without table=True."
                )
            raise ModelError(
                f"{model.__name__} is declared as the model of {table.fullname!r}: derive it from"
                " lazy_alchemy.emitters.MappedModel, which can be mapped onto a table later."
            )
        key = key_columns(table, self.primary_key, "as_sqlmodel", related=False)
        names = {column_name(name, info): name for name, info in model.model_fields.items()}
        fields = {str(field.column.name): field for field in model_fields(table)}
        missing = [name for name in names if name not in fields]
        if missing:
            raise ModelError(
                f"{model.__name__} has {', '.join(map(repr, missing))}, but {table.fullname!r} has no such column. Its"
                f" columns are {', '.join(map(repr, fields))}."
            )
        mapped = model if "__mapper__" not in vars(model) else _sibling(model)
        options: dict[str, Any] = {"primary_key": key}  # Any: the arguments of a mapper
        if mapped is not model:
            options["concrete"] = True
        if others := [str(fields[name].column.key) for name in fields if name not in names]:
            options["exclude_properties"] = others
        class_registry = registry(metadata=table.metadata)
        try:
            class_registry.map_imperatively(
                mapped, table, properties={field: fields[name].column for name, field in names.items()}, **options
            )
        except SQLAlchemyError as error:
            class_registry.dispose()
            raise ModelError(f"as_sqlmodel() cannot map {model.__name__} onto {table.fullname!r}: {error}") from error
        # SQLModel itself sets these for a class with table=True, and reads them at every use of an instance.
        config = cast("dict[str, Any]", mapped.model_config)
        config.update(table=True, read_from_attributes=True, read_with_orm_mode=True)
        listen(mapped, [dataclasses.replace(fields[name], name=field) for name, field in names.items()])
        return mapped


def _sibling(model: type[SQLModel]) -> type[SQLModel]:
    """Create a subclass of the same name that is not mapped yet.

    It redefines the fields: in a mapped class, they have been replaced by SQLAlchemy's attributes, which Pydantic would
    use as default values.
    """
    namespace: dict[str, Any] = {
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "__annotations__": {name: info.annotation for name, info in model.model_fields.items()},
        **{name: copy(info) for name, info in model.model_fields.items()},
        "model_config": {**model.model_config, "table": False},
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute", UserWarning)  # which is intended
        metaclass: Any = type(model)  # Any: the class, and so its metaclass, is only known at run time
        made: type[SQLModel] = metaclass(model.__name__, (model,), namespace)
        return made
