"""Annotations by which Pydantic calls our own check functions, and the error that these functions raise.

The annotations in this module and in those that use it are metadata of ``Annotated``. They build the core schema by
which values are validated, serialized, and described in a JSON schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Check", "NotNull", "refusal", "unchanged"]


def refusal(kind: str, message: str) -> PydanticCustomError:
    """Return a validation error to raise, with a ``kind`` for programs and a ``message`` for people."""
    # Both are annotated as LiteralString, because user input with braces would be formatted. Ours have no braces.
    return PydanticCustomError(cast("Any", kind), cast("Any", message))


def unchanged(value: Any) -> Any:
    """Return ``value``. As a validator, it makes a separate schema that validates as the inner one does."""
    return value


@dataclass(frozen=True)
class Check:
    """A function that returns the validated value or raises, with the keywords that describe it in a JSON schema.

    Attributes:
        function: The check; it is called after Pydantic's own validation.
        json_schema: The keywords to set in the JSON schema; one with the value None is removed.
    """

    function: Callable[[Any], Any]
    json_schema: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type, then call the function."""
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
    """A field that may be omitted but not null. Only its default is None, even if its type includes None."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse None as input, but dump it if it is the default; defaults are not validated."""
        return core_schema.no_info_before_validator_function(_refuse_none, core_schema.nullable_schema(handler(source)))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type without null."""
        described: Any = schema  # Any: its ``type`` tells which of the many kinds of core schema it is
        described = described["schema"]
        while described["type"] == "nullable":
            described = described["schema"]
        return handler(described)


def _refuse_none(value: Any) -> Any:
    if value is None:
        raise refusal("not_null", "The column is NOT NULL: omit it or provide a value")
    return value
