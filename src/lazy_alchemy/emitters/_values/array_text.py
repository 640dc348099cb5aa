"""PostgreSQL's text format for arrays, which a driver returns unparsed if it does not know the item type.

No SQL types here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import PydanticSerializationUnexpectedValue, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import (
        GetCoreSchemaHandler,
        GetJsonSchemaHandler,
        SerializationInfo,
        SerializerFunctionWrapHandler,
    )
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["ArrayText", "ItemText", "parse_array", "with_minutes"]

ItemText = Literal["plain", "json", "bytes", "offset"]
"""The format of an item's text: as Pydantic parses it, JSON, hexadecimal bytes, or a time with an offset from UTC."""


@dataclass(frozen=True)
class ArrayText:
    """An array that a driver may return as text, which is parsed into a list.

    SQLAlchemy's ARRAY turns such a text into the list of its characters, which is joined and parsed. Therefore this is
    only for arrays that the driver does not parse: a real list of texts could look the same.

    Attributes:
        items: The format of the items.
        characters: Whether the array may be a list of characters. SQLAlchemy does not split the text of a domain over
            an array.
    """

    items: ItemText = "plain"
    characters: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse the text into a list before the list is validated."""
        schema = core_schema.with_info_before_validator_function(self._read, handler(source))
        if not self.characters:
            return schema
        # The second choice, which is only for Python mode, leaves the list unchanged.
        json_only = core_schema.plain_serializer_function_ser_schema(_refuse_python, info_arg=True)
        as_it_is = core_schema.to_string_ser_schema(when_used="json")
        choices = [core_schema.any_schema(serialization=one) for one in (json_only, as_it_is)]
        serialization = core_schema.wrap_serializer_function_ser_schema(
            _keep, info_arg=True, return_schema=core_schema.union_schema([*choices])
        )
        return core_schema.no_info_after_validator_function(_ReadList, schema, serialization=serialization)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the list, the form that is read and written."""
        function: Any = schema  # Any: a core schema of the kind created above
        return handler(function["schema"])

    def _read(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        text: Any = value
        if self.characters and info.mode == "python" and _is_characters(value):
            text = "".join(value)
        array = parse_array(text, _READ[self.items]) if isinstance(text, str) else None
        return value if array is None else array


class _ReadList(list[Any]):
    """An array that was already parsed: its items are not the characters of a text."""


def _keep(value: Any, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    written = handler(value)
    return _ReadList(written) if info.mode == "python" and isinstance(value, _ReadList) else written


def _refuse_python(value: Any, info: SerializationInfo) -> Any:
    if info.mode == "python":
        raise PydanticSerializationUnexpectedValue("in Python mode the list is not converted")
    return value


def _is_characters(value: Any) -> bool:
    if not isinstance(value, list) or isinstance(value, _ReadList):
        return False
    characters: list[Any] = value  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
    return bool(characters) and characters[0] in ("{", "[") and all(map(_is_character, characters))


def _is_character(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1


def with_minutes(text: str) -> str:
    """Return the text of a time with the minutes of its offset, which PostgreSQL omits if they are 0."""
    return f"{text}:00" if text[-3:-2] in ("+", "-") else text


_READ: dict[ItemText, Callable[[str], Any]] = {
    "plain": str,
    "json": json.loads,
    "bytes": lambda text: bytes.fromhex(text.removeprefix("\\x")),
    "offset": with_minutes,
}

_BOUNDS = re.compile(r"(\[-?\d+:-?\d+\])+=")
_TOKEN = re.compile(r'(?P<mark>[{},])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^{},"\\]+)', re.DOTALL)

_AFTER = {",": ("{", "item"), "{": ("{", "item", "}"), "}": (",", "}"), "item": (",", "}")}


def parse_array(text: str, read: Callable[[str], Any] = str) -> list[Any] | None:
    """Parse PostgreSQL's text of an array into a list; return None if it is not the text of an array.

    PostgreSQL manual, "8.15.6. Array Input and Output Syntax". Lower bounds other than 1 are lost.

    Args:
        text: The whole text.
        read: Converts the text of an item to the item.
    """
    bounds = _BOUNDS.match(text)
    position = bounds.end() if bounds else 0
    outermost: list[Any] = []
    open_lists = [outermost]
    before = ","
    while position < len(text):
        token = _TOKEN.match(text, position)
        mark = "" if token is None else str(token["mark"] or "item")
        if token is None or mark not in _AFTER[before] or (len(open_lists) == 1 and (mark != "{" or outermost)):
            return None
        if mark == "{":
            open_lists.append([])
            open_lists[-2].append(open_lists[-1])
        elif mark == "}":
            open_lists.pop()
        elif mark == "item":
            open_lists[-1].append(_item(token, read))
        before, position = mark, token.end()
    return outermost[0] if outermost and len(open_lists) == 1 else None


def _item(token: re.Match[str], read: Callable[[str], Any]) -> Any:
    quoted = token["quoted"]
    if quoted is not None:
        return read(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return None if token["bare"] == "NULL" else read(token["bare"])
