"""The documents that a column of JSON can hold. No SQL types here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from ._checks import refusal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["JsonDocument"]


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
