"""PostgreSQL ranges and multiranges. No SQL types here."""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict
from pydantic_core import core_schema
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from typing_extensions import NotRequired, TypedDict

from lazy_alchemy.emitters._values.array_text import with_minutes
from lazy_alchemy.emitters._values.checks import refusal, unchanged

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["RangeOf", "WithoutText"]


@dataclass(frozen=True)
class RangeOf:
    """A PostgreSQL range or multirange. In JSON, a range is an object with lower, upper, bounds and empty.

    Attributes:
        bound: The type of the bounds.
        name: The range's name in a JSON schema.
        many: Whether it is a multirange.
        largest: The largest possible bound of a discrete range, which the database normalizes to bounds ``[)``; None
            for other ranges.
    """

    bound: Any
    name: str
    many: bool = False
    largest: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate a range of SQLAlchemy or of a driver, its parts or its text; return a ``Range``."""
        described = handler.generate_schema(self._parts)
        one: core_schema.CoreSchema = core_schema.no_info_before_validator_function(
            _read_parts, core_schema.no_info_after_validator_function(self._range, described)
        )
        if self.many:
            several = core_schema.no_info_before_validator_function(_read_text, core_schema.list_schema(one))
            one = core_schema.no_info_after_validator_function(MultiRange, several)
            described = core_schema.list_schema(described)
        # Pydantic would dump a Range as a dict in Python mode too, because it is a dataclass. The second choice, which
        # is only for Python mode, leaves it unchanged.
        as_it_is = core_schema.any_schema(serialization=core_schema.to_string_ser_schema(when_used="json"))
        serialization = core_schema.plain_serializer_function_ser_schema(
            _write_all if self.many else _write_one,
            info_arg=True,
            return_schema=core_schema.union_schema([described, as_it_is]),
        )
        return core_schema.no_info_after_validator_function(unchanged, one, serialization=serialization)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the form that is read from JSON and written to it."""
        function: Any = schema  # Any: a core schema of the kind created above
        return handler(function["schema"])

    @cached_property
    def _parts(self) -> Any:
        """The type of a range in JSON. It is created once, so that it is one definition in a JSON schema."""
        bound: Any = self.bound | None
        make: Any = TypedDict  # Any: the types of its keys are only known at run time
        bounds = Literal["[)", "(]", "[]", "()"]
        fields = {"lower": bound, "upper": bound, "bounds": bounds, "empty": bool}
        parts = make(self.name, {key: NotRequired[type_] for key, type_ in fields.items()})
        parts.__pydantic_config__ = ConfigDict(extra="forbid")
        return parts

    def _range(self, parts: dict[str, Any]) -> Range[Any]:
        lower, upper, bounds = parts.get("lower"), parts.get("upper"), parts.get("bounds", "[)")
        if parts.get("empty"):
            return Range(empty=True)
        if lower is not None and upper is not None and _is_after(lower, upper):
            raise refusal("range_order", "The lower bound of a range should not be greater than the upper one")
        if self.largest is not None and (
            (upper == self.largest and bounds[1] == "]") or (lower == self.largest and bounds[0] == "(")
        ):
            raise refusal(
                "range_bound", "The database stores this bound as the next larger value, which does not exist"
            )
        return Range(lower, upper, bounds=bounds)


@dataclass(frozen=True)
class WithoutText:
    """A range that is never validated from text: that of a new row, whose JSON schema describes an object."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse a string, or strings in a list."""
        return core_schema.no_info_before_validator_function(_refuse_text, handler(source))


def _refuse_text(value: Any) -> Any:
    parts: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
    if any(isinstance(part, str) for part in parts):
        raise refusal("range_type", "A range should be an object with lower, upper, bounds and empty")
    return value  # pyright: ignore[reportUnknownVariableType]  # likewise


# PostgreSQL manual, "8.17.5. Range Input/Output".
_BOUND = r'"(?:[^"\\]|\\.|"")*"|[^",()\[\]\\]*'
_RANGE = re.compile(rf"empty|(?P<open>[\[(])(?P<lower>{_BOUND}),(?P<upper>{_BOUND})(?P<close>[\])])", re.DOTALL)


def _read_parts(value: Any) -> Any:
    """Return the parts of a range of SQLAlchemy or of a driver, or of its text; anything else unchanged."""
    if isinstance(value, str):
        match = _RANGE.fullmatch(value)
        return value if match is None else _parts_of_text(match)
    # By attribute, because each driver has its own class of ranges.
    empty = next((getattr(value, name) for name in ("empty", "isempty", "is_empty") if hasattr(value, name)), None)
    if empty is None:
        return value
    if empty:
        return {"empty": True}
    bounds = getattr(value, "bounds", None)
    if bounds is None:
        bounds = f"{'[' if value.lower_inc else '('}{']' if value.upper_inc else ')'}"
    return {"lower": value.lower, "upper": value.upper, "bounds": bounds, "empty": False}


def _read_text(value: Any) -> Any:
    """Return the parts of each range in the text of a multirange; anything else unchanged."""
    if not isinstance(value, str):
        return value
    found = list(_RANGE.finditer(value))
    is_multirange = value == f"{{{','.join(match[0] for match in found)}}}"
    return [_parts_of_text(match) for match in found] if is_multirange else value


def _parts_of_text(match: re.Match[str]) -> dict[str, Any]:
    if match[0] == "empty":
        return {"empty": True}
    return {
        "lower": _bound_of_text(match["lower"]),
        "upper": _bound_of_text(match["upper"]),
        "bounds": match["open"] + match["close"],
    }


def _bound_of_text(text: str) -> str | None:
    if not text:
        return None
    if text.startswith('"'):
        text = re.sub(r'\\(.)|"(")', r"\1\2", text[1:-1], flags=re.DOTALL)
    return with_minutes(text) if ":" in text else text


def _is_after(lower: Any, upper: Any) -> bool:
    try:
        return bool(lower > upper)
    except (TypeError, decimal.InvalidOperation):  # infinity, which asyncpg returns as a time without an offset; NaN
        return False


def _write_one(value: Any, info: SerializationInfo) -> Any:
    return _parts(value) if info.mode == "json" and value is not None else value


def _write_all(values: Any, info: SerializationInfo) -> Any:
    return [_parts(value) for value in values] if info.mode == "json" and values is not None else values


def _parts(value: Range[Any]) -> dict[str, Any]:
    return {"lower": value.lower, "upper": value.upper, "bounds": value.bounds, "empty": value.empty}
