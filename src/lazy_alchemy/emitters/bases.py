"""What generated models are made of: base classes, and fields that may be left out. Written by hand, they serve too.

They read and write values as the models do that ``as_pydantic()`` and ``as_sqlmodel()`` make themselves, and check
less: documents and U+0000 that the database cannot hold, how many bytes a text has, and how much an item of an array
may be, they let pass.
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
    """Make a field one that may be left out and cannot be null, as an identity is in a row to be inserted.

    It is None where nothing was given; None itself is refused, and is not in the JSON schema.

    Args:
        options: What ``pydantic.Field`` takes besides a default. ``Any``: of what type each is Pydantic knows.

    Returns:
        What Pydantic makes the field of; ``Any``, because it stands where a value of the field's type does.
    """
    field: FieldInfo = Field(default_factory=lambda: None, **options)
    field.metadata.append(NotNull())
    return field


class RowModel(BaseModel):
    """The base of a model of a table's rows, of rows to be inserted, or of changes.

    It reads from a dict, a ``Row``, any other mapping, and an object with attributes. A column whose name cannot be a
    field's is a field with ``validation_alias`` and ``serialization_alias``: both names validate. (With ``alias`` a
    type checker would know the field by a name that cannot be written.)
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        protected_namespaces=(),
        ser_json_inf_nan="strings",  # JSON has no NaN, and null would be another value
    )

    @model_validator(mode="before")
    @classmethod
    def _lazy_alchemy_read(cls, source: object) -> object:
        return readable(source, cls)


class MappedModel(SQLModel):
    """The base of a SQLModel class that is mapped onto a declared table when ``as_sqlmodel()`` is first called.

    Until then it is a model without a table. ``db.users.as_sqlmodel()`` maps the class that the declaration names onto
    ``db.users`` itself, and returns it: its ``__table__`` is ``db.users``.
    """

    # SQLModel declares a TypedDict of its own that cannot be imported publicly; at run time both are dicts.
    model_config: ClassVar[ConfigDict] = ConfigDict(  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]
        from_attributes=True, populate_by_name=True, protected_namespaces=()
    )

    def __new__(cls, /, *_: Any, **__: Any) -> Self:
        """Make an instance; the arguments, any names among them, matter to ``__init__`` alone."""
        made: Self = super().__new__(cls)
        return made

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        """Show the fields in their order, whatever was loaded last. ``Any``: the values of any columns."""
        shown = dict(super().__repr_args__())
        return [(name, shown[name]) for name in type(self).model_fields if name in shown]

    @model_validator(mode="before")
    @classmethod
    def _lazy_alchemy_read(cls, source: object) -> object:
        return by_column(source, cls)  # of an instance too, whose ``metadata`` is the class's
