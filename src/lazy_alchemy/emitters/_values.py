"""Values that Pydantic alone does not read, write or check as the databases need it. No SQL types here.

Each class is what Pydantic calls an annotation: it stands in an ``Annotated`` beside the type, and makes the schema by
which values are validated, written as JSON, and described in a JSON schema.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
import sys
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic_core import PydanticCustomError, core_schema
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo
    from pydantic.json_schema import JsonSchemaValue

__all__ = [
    "Base64",
    "BitText",
    "Check",
    "Digits",
    "JsonDocument",
    "MySQLBoolean",
    "NestedArray",
    "NotNull",
    "RangeOf",
    "fits_money",
    "fits_numeric",
    "fits_real",
    "rectangular",
    "storable_address",
    "storable_pairs",
    "storable_text",
    "with_offset",
    "without_offset",
]


def refusal(kind: str, message: str) -> PydanticCustomError:
    """Return an error to be raised: ``kind`` for programs, ``message`` for people."""
    # The message is a LiteralString to type checkers, lest it be a format with a user's braces in it; ours have none.
    return PydanticCustomError(cast("Any", kind), cast("Any", message))


@dataclass(frozen=True)
class Check:
    """A function that returns the validated value or raises, and what a JSON schema says of it.

    Attributes:
        function: Is called after Pydantic's own validation.
        json_schema: What is put into the JSON schema; a key whose value is None is taken out of it.
    """

    function: Callable[[Any], Any]
    json_schema: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does, and then by the function."""
        return core_schema.no_info_after_validator_function(self.function, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type and the function."""
        described = handler(schema)
        for key, value in self.json_schema:
            if value is None:
                described.pop(key, None)
            else:
                described[key] = [*value] if isinstance(value, tuple) else value
        return described


@dataclass(frozen=True)
class NotNull:
    """A field that need not be given and cannot be null: None is there only as the default."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse None, which defaults are not validated against, and dump it where it is the default."""
        return core_schema.no_info_before_validator_function(_refuse_none, core_schema.nullable_schema(handler(source)))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type without null."""
        function: Any = schema  # Any: which of the many kinds of core schema is known by what made it
        return handler(function["schema"]["schema"])


def _refuse_none(value: Any) -> Any:
    if value is None:
        raise refusal("not_null", "The column is NOT NULL: leave it out or give it a value")
    return value


@dataclass(frozen=True)
class Digits:
    """What a JSON schema says of a number of so many digits; Pydantic alone says nothing of them there."""

    before: int
    after: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does."""
        # A schema of its own: what is described must not be every Decimal of the model.
        return core_schema.no_info_after_validator_function(_same, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both the number and the text."""
        described = handler(schema)
        fraction = rf"\.[0-9]{{1,{self.after}}}"
        pattern = (
            rf"^-?[0-9]{{1,{max(self.before, 1)}}}({fraction})?$" if self.after else rf"^-?[0-9]{{1,{self.before}}}$"
        )
        for form in described.get("anyOf", [described]):
            if form.get("type") == "string":
                form["pattern"] = pattern if self.before else rf"^-?0?{fraction}$"
            elif form.get("type") == "number" and self.before <= sys.float_info.max_10_exp:
                form.setdefault("exclusiveMinimum", float(-(10**self.before)))
                form.setdefault("exclusiveMaximum", float(10**self.before))
        return described


@dataclass(frozen=True)
class Base64:
    """Bytes that JSON carries in Base64 (RFC 4648, section 4), read from text in every mode."""

    max_length: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Decode text, and encode for JSON."""
        return core_schema.no_info_before_validator_function(
            _from_base64,
            core_schema.bytes_schema(max_length=self.max_length),
            serialization=core_schema.plain_serializer_function_ser_schema(_to_base64, when_used="json-unless-none"),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say so in the words of OpenAPI 3.0 and of 3.1."""
        described: JsonSchemaValue = {"type": "string", "format": "byte", "contentEncoding": "base64"}
        if self.max_length is not None:
            described["maxLength"] = -(-self.max_length // 3) * 4
        return described


def _from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refusal("base64", "Input should be bytes, or text in Base64") from None


def _to_base64(value: Any) -> str:
    return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True)
class MySQLBoolean:
    """A bool in a small number: any but 0 is true (MySQL Reference Manual, "13.1.1 Numeric Data Type Syntax")."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Make an int a bool."""
        return core_schema.no_info_before_validator_function(
            lambda value: bool(value) if isinstance(value, int) else value, core_schema.bool_schema()
        )


@dataclass(frozen=True)
class BitText:
    """The text of a PostgreSQL bit string, made of whatever class a driver has for it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Make a driver's bit string text."""
        return core_schema.no_info_before_validator_function(_bit_text, handler(source))


def _bit_text(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)  # of SQLAlchemy 2.1's BitString too, which is a str
    as_string: Any = getattr(value, "as_string", None)  # asyncpg's, which groups the digits
    return as_string().replace(" ", "") if as_string is not None else value


_DEPTH = 6  # of PostgreSQL's arrays: MAXDIM in src/include/c.h


@dataclass(frozen=True)
class NestedArray:
    """A PostgreSQL array: of as many dimensions as each value has, and of nothing ragged.

    "Declaring the array size or number of dimensions in CREATE TABLE is simply documentation; it does not affect
    run-time behavior" (PostgreSQL manual, "8.15.1. Declaration of Array Types"); so a column may hold both ``{1,2}``
    and ``{{1,2},{3,4}}``.

    Attributes:
        item: The type of an item, NULL left out.
        name: What the array is called in a JSON schema.
        null: Whether an item may be NULL.
    """

    item: Any
    name: str
    null: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate lists of items, and of such lists."""
        levels: Any = _Levels(self)  # Any: it stands where a type does, because only of those are definitions taken in
        return core_schema.no_info_after_validator_function(rectangular, handler.generate_schema(levels))


@dataclass(frozen=True)
class _Levels:
    """The lists of one ``NestedArray``."""

    array: NestedArray

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refer to itself, as the type of what is in a list."""
        reference = f"{__name__}.{self.array.name}:{id(self.array)}"
        item = handler.generate_schema(self.array.item)
        if self.array.null:
            item = core_schema.nullable_schema(item)
        inner = core_schema.tagged_union_schema(
            {"item": item, "array": core_schema.definition_reference_schema(reference)}, _item_or_array
        )
        lists = core_schema.list_schema(inner, ref=reference)
        return core_schema.definitions_schema(core_schema.definition_reference_schema(reference), [lists])


def _item_or_array(value: Any) -> str:
    return "array" if isinstance(value, (list, tuple)) else "item"


def rectangular(value: list[Any]) -> list[Any]:
    """Refuse lists of lists that are not equally long, as those within an array of PostgreSQL must be."""
    shape = _shape(value)
    if len(shape) > _DEPTH:
        raise refusal("array_depth", "An array has 6 dimensions at most")
    if len(shape) > 1 and 0 in shape:
        raise refusal("empty_array", "The lists in an array of several dimensions should not be empty")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance tells nothing of what is within
    shapes = {_shape(item) for item in items}
    if len(shapes) > 1:
        raise refusal("ragged_array", "The lists in an array of several dimensions should be equally long")
    return (len(items), *(shapes.pop() if shapes else ()))


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
        return core_schema.no_info_after_validator_function(_same, one, serialization=serialization)

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
        return make(self.name, {key: NotRequired[type_] for key, type_ in fields.items()})

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


def _same(value: Any) -> Any:
    return value


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


def storable_text(charset: str | None, most: int | None, *, nul: bool) -> Callable[[str], str]:
    """Return a check of what a database takes in a text.

    Args:
        charset: How Python calls the encoding of the column; None for one that has all characters.
        most: How many bytes it may have in that encoding.
        nul: Whether U+0000 may be in it.
    """

    def check(value: str) -> str:
        if not nul and "\0" in value:
            raise refusal("text_nul", "The database cannot store the character U+0000 in a text")
        try:
            size = len(value.encode("utf-8" if charset in (None, "ucs-2") else charset))
        except UnicodeEncodeError:
            raise refusal("text_charset", f"The text has characters that are not in {charset or 'Unicode'}") from None
        if charset == "ucs-2" and value and max(value) > "\uffff":
            raise refusal("text_charset", "The column cannot store characters beyond U+FFFF")
        if most is not None and size > most:
            raise refusal("text_bytes", f"The text should have at most {most} bytes")
        return value

    return check


def storable_address(version: Callable[[str], object]) -> Callable[[str], str]:
    """Return a check that a text is an IP address, for which ``version`` raises otherwise, without a zone."""

    def check(value: str) -> str:
        try:
            version(value.replace("%", "/"))  # which is in no address
        except ValueError:
            raise refusal("address", "The text should be an IP address of the column's version") from None
        return value

    return check


def storable_pairs(value: dict[str, str | None]) -> dict[str, str | None]:
    """Refuse keys and values that PostgreSQL cannot store in an HSTORE."""
    check = storable_text(None, None, nul=False)
    for text in (*value, *value.values()):
        if text is not None:
            check(text)
    return value


def without_offset(value: Any) -> Any:
    """Refuse a time with an offset from UTC: the column would lose it, or the driver raise."""
    if value.tzinfo is not None:
        raise refusal("timezone_aware", "The column has no time zone: give the time without an offset from UTC")
    return value


def with_offset(value: Any) -> Any:
    """Refuse a time without an offset from UTC: each driver would take it for that of another time zone."""
    if value.tzinfo is None:
        raise refusal("timezone_naive", "The column has a time zone: give the time with its offset from UTC")
    return value


def fits_real(value: float) -> float:
    """Refuse what a floating-point number of 32 bits cannot hold, or holds as 0."""
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", value))  # "<": the native form checks no range
    except OverflowError:
        raise refusal("real_range", "The number is too large for the column") from None
    if value and not stored:
        raise refusal("real_range", "The number is too small for the column")
    return value


def fits_money(value: str) -> str:
    """Refuse what PostgreSQL's MONEY cannot hold: 64 bits of hundredths."""
    hundredths = Decimal(value.replace("$", "").replace(",", "")) * 100
    if not -(2**63) <= hundredths < 2**63:
        raise refusal("money_range", "The amount is too large for the column")
    return value


def fits_numeric(value: Decimal) -> Decimal:
    """Refuse what PostgreSQL's NUMERIC cannot hold (manual, "8.1.2. Arbitrary Precision Numbers")."""
    exponent = value.as_tuple().exponent
    if value.adjusted() >= 131072 or (isinstance(exponent, int) and exponent < -16383):  # noqa: PLR2004
        raise refusal("numeric_digits", "The number has more digits than the database stores")
    return value


@dataclass(frozen=True)
class JsonDocument:
    """Anything that JSON can carry and the database stores.

    Attributes:
        nul: Whether strings in it may have U+0000.
    """

    nul: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does, and then every part of the document."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        rest: list[Any] = [value]
        while rest:
            part = rest.pop()
            if isinstance(part, str):
                self._check_text(part)
            elif isinstance(part, float):
                if not math.isfinite(part):
                    raise refusal("json_number", "JSON has no NaN and no infinity")
            elif isinstance(part, dict):
                members: dict[Any, Any] = part  # pyright: ignore[reportUnknownVariableType]  # isinstance tells nothing of what is within
                if not all(isinstance(key, str) for key in members):
                    raise refusal("json_key", "The keys of a JSON object should be strings")
                rest.extend(members)
                rest.extend(members.values())
            elif isinstance(part, (list, tuple)):
                items: list[Any] | tuple[Any, ...] = part  # pyright: ignore[reportUnknownVariableType]  # isinstance tells nothing of what is within
                rest.extend(items)
            elif part is not None and not isinstance(part, int):
                raise refusal("json_type", "JSON has no such type of value")
        return value

    def _check_text(self, value: str) -> None:
        if not self.nul and "\0" in value:
            raise refusal("text_nul", "The database cannot store the character U+0000 in a JSON document")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise refusal("text_surrogate", "The text has half of a surrogate pair in it") from None
