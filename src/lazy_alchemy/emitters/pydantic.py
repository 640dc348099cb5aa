"""Pydantic models of tables: for rows that are read, for partial updates, and for rows to insert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters._columns.annotations import Annotations
from lazy_alchemy.emitters._columns.limits import Limits
from lazy_alchemy.emitters._fields.fields import ModelField, model_fields
from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._fields.type_options import TypedEmitter
from lazy_alchemy.emitters._values.checks import NotNull
from lazy_alchemy.emitters._values.inputs import readable

if TYPE_CHECKING:
    from sqlalchemy import Table

__all__ = ["PydanticEmitter", "Shape"]

Shape = Literal["row", "partial", "insert"]

_SUFFIXES: dict[Shape, str] = {"row": "", "partial": "Partial", "insert": "Insert"}


class _TableModel(BaseModel):
    """The base class of every emitted model."""

    # No protected namespace: _fields/names.py decides which field names are reserved, for all versions of Pydantic.
    model_config = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,  # for the user's own types
        ser_json_inf_nan="strings",  # JSON has no NaN, and null would be a different value
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, source: object) -> object:
        return readable(source, cls)


@dataclass(frozen=True)
class PydanticEmitter(TypedEmitter):
    """Creates a Pydantic model of a table.

    The model validates a dict, a ``Row``, any other mapping, or an object with attributes. If a column's name cannot be
    a field name, the field gets a changed name and the column's name as its alias: both validate, and
    ``model_dump(by_alias=True)`` returns the column names. Comments on the table and its columns become descriptions.

    The ``"partial"`` and ``"insert"`` models reject values that the column cannot store. The ``"row"`` model only
    checks what the database itself enforces, which on SQLite is nothing.

    Attributes:
        shape: The kind of model.

            - ``"row"``: a row as read from the database. NOT NULL and primary key columns are required, the others are
              ``Optional`` with the default None.
            - ``"partial"``: some columns of a row, as in a PATCH request. Every field may be omitted and is then None;
              only nullable columns accept None as a value. ``model_fields_set`` and
              ``model_dump(exclude_unset=True)`` distinguish omitted fields from those set to null.
            - ``"insert"``: a row to insert. Columns that the database can fill in (an identity, an autoincrement key, a
              default) may be omitted; there is no field for columns that only the database may fill in (computed,
              GENERATED ALWAYS AS IDENTITY). INSERT ``model_dump(by_alias=True, exclude_unset=True)``.
        types: Your own Python types, by SQLAlchemy type class or by the type's name in the database:
            ``{"geometry": str, postgresql.INET: str}``. Values of such a column are only checked against your type.
        unknown: A function of a column whose SQL type is unknown. It returns the Python type, or None for ``Any``.
        strict: Whether an unknown SQL type is a ModelError. Otherwise its Python type is ``Any``, and an
            UnknownTypeWarning names the table, the column and the type.

    Raises:
        ModelError: ``shape`` is not one of the three.
        TypeError: A key of ``types`` is neither a type class nor a name, or ``unknown`` is not callable.
    """

    shape: Shape = "row"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.shape not in get_args(Shape):
            raise ModelError(f"shape={self.shape!r} is not a model shape; use one of {', '.join(get_args(Shape))}.")

    def emit(self, table: Table) -> type[BaseModel]:
        """Return a new model class for ``table``; no I/O.

        Raises:
            ModelError: The SQL type of a column is unknown, and ``strict`` is set.
        """
        fields = [field for field in model_fields(table, self._map) if self._includes(field)]
        limits = Limits.for_reading(table) if self.shape == "row" else Limits.for_writing(table)
        annotations = Annotations(self._map, limits)
        # Any: create_model takes field definitions as (type, FieldInfo), which its annotations cannot express.
        definitions: dict[str, Any] = {field.name: self._definition(field, annotations) for field in fields}
        return create_model(
            class_name(table.name, _SUFFIXES[self.shape]),
            __base__=_TableModel,
            __module__=__name__,
            __doc__=table.comment,
            **definitions,
        )

    def _includes(self, field: ModelField) -> bool:
        return self.shape == "row" or not field.generated

    def _optional(self, field: ModelField) -> bool:
        if self.shape == "partial":
            return True
        return field.nullable or (self.shape == "insert" and field.filled)

    def _definition(self, field: ModelField, annotations: Annotations) -> tuple[Any, Any]:
        type_: Any = annotations.of_column(field)
        description = field.column.comment
        alias = field.alias if self.shape == "row" else field.parameter  # the key in rows, or in statements
        optional = self._optional(field)
        if optional and field.nullable:
            return (type_ | None, Field(default=None, alias=alias, description=description))
        if (
            self.shape != "row"
            and (optional or field.python_type is Any)
            and not field.column.type.should_evaluate_none
        ):
            type_ = Annotated[type_, NotNull()]
        if self.shape == "row" and field.null_key:
            return (type_ | None, Field(alias=alias, description=description))
        if not optional:
            return (type_, Field(alias=alias, description=description))
        # A factory, because a default of null would be in the JSON schema, which does not allow null.
        return (type_, Field(default_factory=lambda: None, alias=alias, description=description))
