"""How Pydantic calls a function of ours: annotations that check a value, and the error that such a function raises.

What stands in an ``Annotated`` beside a type, here and in the modules that use this one, makes the schema by which
values are validated, written as JSON, and described in a JSON schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Check", "NotNull", "refusal", "same"]


def refusal(kind: str, message: str) -> PydanticCustomError:
    """Return an error to be raised: ``kind`` for programs, ``message`` for people."""
    # The message is a LiteralString to type checkers, lest it be a format with a user's braces in it; ours have none.
    return PydanticCustomError(cast("Any", kind), cast("Any", message))


def same(value: Any) -> Any:
    """Return ``value``: for a schema of its own that validates as another does."""
    return value


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
    """A field that may be left out and cannot be null: None is there only as the default, be it in the type or not."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Refuse None, which defaults are not validated against, and dump it where it is the default."""
        return core_schema.no_info_before_validator_function(_refuse_none, core_schema.nullable_schema(handler(source)))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type without null."""
        described: Any = schema  # Any: which of the many kinds of core schema it is its ``type`` says
        described = described["schema"]
        while described["type"] == "nullable":
            described = described["schema"]
        return handler(described)


def _refuse_none(value: Any) -> Any:
    if value is None:
        raise refusal("not_null", "The column is NOT NULL: leave it out or give it a value")
    return value
