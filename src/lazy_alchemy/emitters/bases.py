"""The building blocks of generated models: base classes, annotations, optional fields. Your own models can use them.

Such models read and write values as the models from ``as_pydantic()`` and ``as_sqlmodel()`` do, but check less. They
accept JSON documents and U+0000 that the database cannot store, and check neither the number of bytes of a text nor
the limits of array items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import SQLModel
from typing_extensions import Self

from lazy_alchemy.emitters._values.array_text import ArrayText
from lazy_alchemy.emitters._values.arrays import NestedArray
from lazy_alchemy.emitters._values.checks import NotNull
from lazy_alchemy.emitters._values.encodings import AnyValue, Base64, BitText, HstoreText, MySQLBoolean
from lazy_alchemy.emitters._values.inputs import by_column, readable
from lazy_alchemy.emitters._values.ranges import RangeOf
from lazy_alchemy.emitters._values.texts import CharacterSet
from lazy_alchemy.emitters._values.times import Duration, OffsetTime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

__all__ = [
    "AnyValue",
    "ArrayText",
    "Base64",
    "BitText",
    "CharacterSet",
    "Duration",
    "HstoreText",
    "MappedModel",
    "MySQLBoolean",
    "NestedArray",
    "OffsetTime",
    "RangeOf",
    "RowModel",
    "omitted",
]


def omitted(**options: Any) -> Any:
    """Declare a field that may be omitted but not null, such as the identity column of a row to insert.

    The value of an omitted field is None. Passing None is an error, and the JSON schema does not allow null.

    Args:
        options: The arguments of ``pydantic.Field``, except for the default. ``Any``: Pydantic defines their types.

    Returns:
        Pydantic's field definition; ``Any``, because it is assigned to a field of any type.
    """
    field: FieldInfo = Field(default_factory=lambda: None, **options)
    field.metadata.append(NotNull())
    return field


class RowModel(BaseModel):
    """The base class of models of rows, of rows to insert, and of partial updates.

    It validates a dict, a ``Row``, any other mapping, or an object with attributes. A column whose name cannot be a
    field name is a field with ``validation_alias`` and ``serialization_alias``; both names validate. (With ``alias``,
    type checkers would only accept the column's name, which cannot be written as a keyword argument.)
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        protected_namespaces=(),
        ser_json_inf_nan="strings",  # JSON has no NaN, and null would be a different value
    )

    @model_validator(mode="before")
    @classmethod
    def _lazy_alchemy_read(cls, source: object) -> object:
        return readable(source, cls)


class MappedModel(SQLModel):
    """The base class of a SQLModel class that is mapped onto a declared table when ``as_sqlmodel()`` is first called.

    Until then it is a model without a table. ``db.users.as_sqlmodel()`` maps the declared class onto ``db.users``
    itself and returns the class; its ``__table__`` is ``db.users``.
    """

    # SQLModel annotates it with its own TypedDict, which is not public; at run time both are dicts.
    model_config: ClassVar[ConfigDict] = ConfigDict(  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]
        from_attributes=True, populate_by_name=True, protected_namespaces=()
    )

    def __new__(cls, /, *_: Any, **__: Any) -> Self:
        """Create an instance; only ``__init__`` uses the arguments, which may have any names."""
        made: Self = super().__new__(cls)
        return made

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        """Return the fields in the order of their definition, not of loading. ``Any``: the values of any columns."""
        shown = dict(super().__repr_args__())
        return [(name, shown[name]) for name in type(self).model_fields if name in shown]

    @model_validator(mode="before")
    @classmethod
    def _lazy_alchemy_read(cls, source: object) -> object:
        return by_column(source, cls)  # for an instance too: its ``metadata`` is an attribute of the class
