"""Values that have another form in a driver or in JSON than in the model: bytes, bits, booleans. No SQL types here."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema
from sqlalchemy.dialects.postgresql import HSTORE
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.engine import default

from lazy_alchemy._drivers import plain_bits, plain_bytes
from lazy_alchemy.emitters._values.checks import refusal, unchanged

if TYPE_CHECKING:
    from pydantic import (
        GetCoreSchemaHandler,
        GetJsonSchemaHandler,
        SerializationInfo,
        SerializerFunctionWrapHandler,
    )
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["AnyValue", "Base64", "BitText", "HstoreText", "MySQLBoolean", "SentAsText"]


@dataclass(frozen=True)
class Base64:
    """Bytes that are Base64 in JSON (RFC 4648, section 4). Text is decoded in Python mode too."""

    max_length: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Decode text; encode bytes for JSON."""
        return core_schema.no_info_before_validator_function(
            _from_base64,
            core_schema.bytes_schema(max_length=self.max_length),
            serialization=core_schema.plain_serializer_function_ser_schema(_to_base64, when_used="json-unless-none"),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the encoding in the keywords of OpenAPI 3.0 and of 3.1."""
        described: JsonSchemaValue = {"type": "string", "format": "byte", "contentEncoding": "base64"}
        if self.max_length is not None:
            described["maxLength"] = -(-self.max_length // 3) * 4
        return described


@dataclass(frozen=True)
class AnyValue:
    """Any value that a driver returns; bytes are Base64 in JSON."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type only."""
        serialization = core_schema.wrap_serializer_function_ser_schema(_write_any, when_used="json-unless-none")
        return core_schema.no_info_after_validator_function(unchanged, handler(source), serialization=serialization)


def _write_any(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
    return _to_base64(value) if isinstance(value, bytes) else handler(value)


def _from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return plain_bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refusal("base64", "Input should be bytes or a Base64 string") from None


def _to_base64(value: Any) -> str:
    return base64.b64encode(value).decode("ascii")


@dataclass(frozen=True)
class MySQLBoolean:
    """A bool stored as a number; all but 0 are true (MySQL Reference Manual, "13.1.1 Numeric Data Type Syntax")."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Convert an int to a bool."""
        return core_schema.no_info_before_validator_function(
            lambda value: bool(value) if isinstance(value, int) else value, core_schema.bool_schema()
        )


@dataclass(frozen=True)
class BitText:
    """The text of a PostgreSQL bit string, converted from the driver's own class."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Convert a driver's bit string to text."""
        return core_schema.no_info_before_validator_function(_bit_text, handler(source))


@dataclass(frozen=True)
class HstoreText:
    """The pairs of an HSTORE. Some drivers return its text, which SQLAlchemy does not always convert."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse the text into a dict."""
        return core_schema.no_info_before_validator_function(_pairs, handler(source))


def _pairs(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    type_: Any = HSTORE  # Any: SQLAlchemy 2.0 does not annotate it
    read = type_().result_processor(default.DefaultDialect(), None)
    try:
        return read(value) if read is not None else value
    except ValueError:
        return value


@dataclass(frozen=True)
class SentAsText:
    """A value that is dumped as text in Python mode too, because a driver only accepts text for it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type only."""
        serialization = core_schema.wrap_serializer_function_ser_schema(_write_text, info_arg=True)
        return core_schema.no_info_after_validator_function(unchanged, handler(source), serialization=serialization)


def _write_text(value: Any, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    if info.mode == "json":
        return handler(value)
    return f"{{{','.join(map(str, value))}}}" if isinstance(value, MultiRange) else str(value)  # pyright: ignore[reportUnknownArgumentType]  # isinstance does not narrow type arguments


def _bit_text(value: Any) -> Any:
    return str(value) if isinstance(value, str) else plain_bits(value)  # SQLAlchemy 2.1's BitString is a str too
