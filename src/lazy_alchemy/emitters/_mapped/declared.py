"""SQLModel classes that a registry declares, mapped onto the reflected table when they are first asked for."""

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
    """Maps a declared class onto a table, and gives the class itself, with ``Class.__table__ is table``.

    A class can be mapped onto one table. The first table gets the class that is declared; another one (of another
    engine, or of the same after it has changed) gets a subclass of it, which a type checker cannot tell from it.

    Attributes:
        model: The class that is declared.
        primary_key: The names of the columns that tell the rows apart, of what has no primary key.
    """

    model: type[SQLModel]
    primary_key: tuple[str, ...] = ()

    def emit(self, table: Table) -> type[SQLModel]:
        """Return the class, mapped; no I/O.

        Raises:
            ModelError: It is not made of this table's columns, or the table has no primary key.
        """
        model = self.model
        if not issubclass(model, MappedModel):
            if vars(model).get("__table__") is not None:
                raise ModelError(
                    f"{model.__name__} is declared as the model of {table.fullname!r} and is a table by itself. Derive"
                    " it from lazy_alchemy.emitters.MappedModel, without table=True."
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
                f"{model.__name__} has {', '.join(map(repr, missing))}, and {table.fullname!r} has no such column. Its"
                f" columns are {', '.join(map(repr, fields))}."
            )
        mapped = model if "__mapper__" not in vars(model) else _sibling(model)
        options: dict[str, Any] = {"primary_key": key}  # Any: what a mapper takes
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
        # What SQLModel itself notes of a class with table=True; it is asked for at every use of an instance.
        config = cast("dict[str, Any]", mapped.model_config)
        config.update(table=True, read_from_attributes=True, read_with_orm_mode=True)
        listen(mapped, [dataclasses.replace(fields[name], name=field) for name, field in names.items()])
        return mapped


def _sibling(model: type[SQLModel]) -> type[SQLModel]:
    """Make a subclass that is not mapped yet, of the same name.

    Its fields are given anew: where a field of a mapped class was, there is now SQLAlchemy's attribute, which Pydantic
    would take for the default.
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
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute", UserWarning)  # as it is to
        metaclass: Any = type(model)  # Any: to a checker, the metaclass of a class known at run time only
        made: type[SQLModel] = metaclass(model.__name__, (model,), namespace)
        return made
