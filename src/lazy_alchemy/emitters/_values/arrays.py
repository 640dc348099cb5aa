"""PostgreSQL arrays, whose number of dimensions may differ from value to value. No SQL types here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic_core import core_schema
from sqlalchemy.dialects.postgresql.ranges import MultiRange

from lazy_alchemy.emitters._values.checks import refusal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["FlatArray", "NestedArray", "rectangular"]

_DEPTH = 6  # PostgreSQL's maximum number of dimensions: MAXDIM in src/include/c.h


@dataclass(frozen=True)
class NestedArray:
    """A PostgreSQL array with any number of dimensions; it must be rectangular.

    "Declaring the array size or number of dimensions in CREATE TABLE is simply documentation; it does not affect
    run-time behavior" (PostgreSQL manual, "8.15.1. Declaration of Array Types"); so a column may hold both ``{1,2}``
    and ``{{1,2},{3,4}}``.

    Attributes:
        item: The type of an item, without None.
        name: The array's name in a JSON schema.
        null: Whether an item may be NULL.
    """

    item: Any
    name: str
    null: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate lists of items, nested to any depth."""
        levels: Any = _Levels(self)  # Any: it replaces a type, because Pydantic only collects definitions from types
        return core_schema.no_info_after_validator_function(rectangular, handler.generate_schema(levels))


@dataclass(frozen=True)
class _Levels:
    """The lists of one ``NestedArray``."""

    array: NestedArray

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Return a recursive schema: the elements of a list are items or lists of the same kind."""
        reference = f"{__name__}.{self.array.name}:{id(self.array)}"
        item = handler.generate_schema(self.array.item)
        if self.array.null:
            item = core_schema.nullable_schema(item)
        inner = core_schema.tagged_union_schema(
            {"item": item, "array": core_schema.definition_reference_schema(reference)},
            _multirange_or_array if _is_multirange(self.array.item) else _item_or_array,
        )
        lists = core_schema.list_schema(inner, ref=reference)
        return core_schema.definitions_schema(core_schema.definition_reference_schema(reference), [lists])


@dataclass(frozen=True)
class FlatArray:
    """A one-dimensional PostgreSQL array: SQLAlchemy could write nested lists but not read them back."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse nested lists before the items are validated."""
        return core_schema.no_info_before_validator_function(_flat, handler(source))


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in value):  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
        raise refusal("nested_array", "The list should not contain lists: SQLAlchemy cannot read them back")
    return value  # pyright: ignore[reportUnknownVariableType]  # likewise


def _item_or_array(value: Any) -> str:
    return "array" if isinstance(value, (list, tuple)) else "item"


def _is_multirange(type_: Any) -> bool:
    python = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    return (get_origin(python) or python) is MultiRange


def _multirange_or_array(value: Any) -> str:
    """Return "item" for a multirange, which is a list of ranges, or an empty list; "array" for a list of those."""
    if not isinstance(value, (list, tuple)):
        return "item"
    parts: list[Any] | tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
    return "item" if all(map(_is_range, parts)) else "array"


def _is_range(value: Any) -> bool:
    return not value.startswith("{") if isinstance(value, str) else isinstance(value, dict) or hasattr(value, "lower")


def rectangular(value: list[Any]) -> list[Any]:
    """Refuse nested lists that do not form a rectangular array, as PostgreSQL requires."""
    shape = _shape(value)
    if len(shape) > _DEPTH:
        raise refusal("array_depth", "An array should have at most 6 dimensions")
    if len(shape) > 1 and 0 in shape:
        raise refusal("empty_array", "The lists in a multidimensional array should not be empty")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or isinstance(value, MultiRange):
        return ()
    items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
    shapes = {_shape(item) for item in items}
    if len(shapes) > 1:
        raise refusal("ragged_array", "The lists in a multidimensional array should have the same length")
    return (len(items), *(shapes.pop() if shapes else ()))
