"""Pydantic models of tables: for the rows read, for a change of some columns, and for a row to be inserted."""

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
    """The base of every emitted model."""

    # No protected namespace: which names a model cannot have is decided in _names, whatever Pydantic's version.
    model_config = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,  # of the user's own
        ser_json_inf_nan="strings",  # JSON has no NaN, and null would be another value
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, source: object) -> object:
        return readable(source, cls)


@dataclass(frozen=True)
class PydanticEmitter(TypedEmitter):
    """Makes a Pydantic model of a table.

    The model reads from a dict, a ``Row``, any other mapping, and an object with attributes. A column whose name cannot
    be a field's has a changed field name, and its own as the alias: both validate, ``model_dump(by_alias=True)``
    gives back the columns' names. The columns' and the table's comments are the descriptions.

    A value that is to be written (``"partial"`` and ``"insert"``) is refused where the column cannot hold it. One that
    was read (``"row"``) is checked only for what the database enforces, and so not on SQLite.

    Attributes:
        shape: What the model describes.

            - ``"row"``: a row as the database gives it. NOT NULL and primary key columns are required, the others
              ``Optional`` with None.
            - ``"partial"``: some columns of a row, as in a PATCH. All may be left out, and are None then; only those
              that may be NULL may be given as None. What was not sent is told from what was sent as null by
              ``model_fields_set`` and ``model_dump(exclude_unset=True)``.
            - ``"insert"``: a row to be inserted. What the database fills in (an identity, an autoincrement key, a
              default) may be left out, and what it alone may fill in (a computed column, GENERATED ALWAYS
              AS IDENTITY) is left out. INSERT ``model_dump(by_alias=True, exclude_unset=True)``.
        types: Python types of your own, by SQLAlchemy type class or by the type's name in the database:
            ``{"geometry": str, postgresql.INET: str}``. What they do not check is not checked.
        unknown: Is called with a column whose type nobody knows, and returns its Python type, or None for ``Any``.
        strict: Whether a type that nobody knows is a ModelError. Otherwise it is ``Any``, and an UnknownTypeWarning
            names table, column and type.

    Raises:
        ModelError: ``shape`` is not one of the three.
        TypeError: A key of ``types`` is neither a type class nor a name, or ``unknown`` cannot be called.
    """

    shape: Shape = "row"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.shape not in get_args(Shape):
            raise ModelError(f"shape={self.shape!r} is no shape of a model; it is one of {', '.join(get_args(Shape))}.")

    def emit(self, table: Table) -> type[BaseModel]:
        """Return a new model class of ``table``; no I/O.

        Raises:
            ModelError: Nobody knows the type of a column, and ``strict`` is set.
        """
        fields = [field for field in model_fields(table, self._map) if self._has(field)]
        limits = Limits.for_values_from(table) if self.shape == "row" else Limits.for_values_in(table)
        annotations = Annotations(self._map, limits)
        # Any: create_model takes a field's definition as (type, FieldInfo), which it cannot type.
        definitions: dict[str, Any] = {field.name: self._definition(field, annotations) for field in fields}
        return create_model(
            class_name(table.name, _SUFFIXES[self.shape]),
            __base__=_TableModel,
            __module__=__name__,
            __doc__=table.comment,
            **definitions,
        )

    def _has(self, field: ModelField) -> bool:
        return self.shape == "row" or not field.generated

    def _optional(self, field: ModelField) -> bool:
        if self.shape == "partial":
            return True
        return field.nullable or (self.shape == "insert" and field.filled)

    def _definition(self, field: ModelField, annotations: Annotations) -> tuple[Any, Any]:
        type_: Any = annotations.of_column(field)
        description = field.column.comment
        alias = field.alias if self.shape == "row" else field.parameter  # as rows have it, and as statements do
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
        # A factory: a default would be in the JSON schema, of which null is no instance.
        return (type_, Field(default_factory=lambda: None, alias=alias, description=description))
