"""The documents that a column of JSON can hold. No SQL types here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from lazy_alchemy.emitters._values.checks import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler

__all__ = ["JsonDocument"]

# Pydantic reads 200 levels of JSON and writes 255. The others are for what the document is in: its row, a list of rows,
# an object that has the list.
_DEPTH = 190


@dataclass(frozen=True)
class JsonDocument:
    """Anything that JSON can carry and the database stores.

    Attributes:
        nul: Whether strings in it may have U+0000.
        large: Whether it may be a number of more than 64 bits itself, which SQLite makes a float of, as it takes the
            type JSON for one of numbers.
    """

    nul: bool = True
    large: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does, and then every part of the document."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if not self.large and isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise refusal("json_number", "The database stores a number of more than 64 bits as another one")
        parts: list[Any] = [value]
        depth = 0
        while parts:
            if depth >= _DEPTH and any(isinstance(part, (dict, list, tuple)) for part in parts):
                raise refusal("json_depth", f"A document should have at most {_DEPTH} levels of arrays and objects")
            parts = [inner for part in parts for inner in self._parts(part)]
            depth += 1
        return value

    def _parts(self, part: Any) -> Iterable[Any]:
        """Return what is within a part of a document, after the part itself is checked."""
        if isinstance(part, str):
            self._check_text(part)
        elif isinstance(part, float):
            if not math.isfinite(part):
                raise refusal("json_number", "JSON has no NaN and no infinity")
        elif isinstance(part, dict):
            members: dict[Any, Any] = part  # pyright: ignore[reportUnknownVariableType]  # isinstance tells nothing of what is within
            for key in members:
                if not isinstance(key, str):
                    raise refusal("json_key", "The keys of a JSON object should be strings")
                self._check_text(key)
            return members.values()
        elif isinstance(part, (list, tuple)):
            return part  # pyright: ignore[reportUnknownVariableType]  # as above
        elif isinstance(part, int):
            try:
                _ = str(part)
            except ValueError:  # sys.set_int_max_str_digits
                raise refusal("json_number", "The number has more digits than Python writes and reads") from None
        elif part is not None:
            raise refusal("json_type", "JSON has no such type of value")
        return ()

    def _check_text(self, value: str) -> None:
        if not self.nul and "\0" in value:
            raise refusal("text_nul", "The database cannot store the character U+0000 in a JSON document")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise refusal("text_surrogate", "The text has half of a surrogate pair in it") from None
