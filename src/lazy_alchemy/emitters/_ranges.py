"""The ranges and multiranges of PostgreSQL. No SQL types here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict
from pydantic_core import core_schema
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from typing_extensions import NotRequired, TypedDict

from ._checks import refusal, same

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["RangeOf"]


@dataclass(frozen=True)
class RangeOf:
    """A PostgreSQL range, or several of them: an object of lower, upper, bounds and empty in JSON.

    Attributes:
        bound: The type of the bounds.
        name: What the range is called in a JSON schema.
        many: Whether it is a multirange.
        largest: The last bound that there is, of a range that the database writes with bounds ``[)`` in any case; None
            for no such.
    """

    bound: Any
    name: str
    many: bool = False
    largest: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate a ``Range`` or its parts, and give a ``Range``."""
        described = handler.generate_schema(self._parts)
        one: core_schema.CoreSchema = core_schema.no_info_before_validator_function(
            _read_parts, core_schema.no_info_after_validator_function(self._range, described)
        )
        if self.many:
            one = core_schema.no_info_after_validator_function(MultiRange, core_schema.list_schema(one))
            described = core_schema.list_schema(described)
        # Pydantic would make a dict of a Range in a dump in Python mode too, because it is a dataclass. The second
        # choice, which is for that mode alone, leaves it as it is.
        as_it_is = core_schema.any_schema(serialization=core_schema.to_string_ser_schema(when_used="json"))
        serialization = core_schema.plain_serializer_function_ser_schema(
            _write_all if self.many else _write_one,
            info_arg=True,
            return_schema=core_schema.union_schema([described, as_it_is]),
        )
        return core_schema.no_info_after_validator_function(same, one, serialization=serialization)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what is read from JSON, which is also what is written."""
        function: Any = schema  # Any: which of the many kinds of core schema is known by what made it
        return handler(function["schema"])

    @cached_property
    def _parts(self) -> Any:
        """What a range is in JSON. One class, so that it is one definition in a JSON schema."""
        bound: Any = self.bound | None
        make: Any = TypedDict  # Any: of a TypedDict whose types are known at run time only
        bounds = Literal["[)", "(]", "[]", "()"]
        fields = {"lower": bound, "upper": bound, "bounds": bounds, "empty": bool}
        parts = make(self.name, {key: NotRequired[type_] for key, type_ in fields.items()})
        parts.__pydantic_config__ = ConfigDict(extra="forbid")
        return parts

    def _range(self, parts: dict[str, Any]) -> Range[Any]:
        lower, upper, bounds = parts.get("lower"), parts.get("upper"), parts.get("bounds", "[)")
        if parts.get("empty"):
            return Range(empty=True)
        if lower is not None and upper is not None and lower > upper:
            raise refusal("range_order", "The lower bound of a range should not be greater than the upper one")
        if self.largest is not None and (
            (upper == self.largest and bounds[1] == "]") or (lower == self.largest and bounds[0] == "(")
        ):
            raise refusal("range_bound", "The database writes the bound as the next value, and there is none")
        return Range(lower, upper, bounds=bounds)


def _read_parts(value: Any) -> Any:
    if not isinstance(value, Range):
        return value
    read: Range[Any] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance tells nothing of what is within
    return _parts(read)


def _write_one(value: Any, info: SerializationInfo) -> Any:
    return _parts(value) if info.mode == "json" and value is not None else value


def _write_all(values: Any, info: SerializationInfo) -> Any:
    return [_parts(value) for value in values] if info.mode == "json" and values is not None else values


def _parts(value: Range[Any]) -> dict[str, Any]:
    return {"lower": value.lower, "upper": value.upper, "bounds": value.bounds, "empty": value.empty}
