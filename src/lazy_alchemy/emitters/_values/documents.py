"""Validation of the documents in JSON columns. No SQL types here."""

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

# Pydantic reads 200 levels of JSON and writes 255. The rest is for the structure around the document: its row, a list
# of rows, an object that contains the list.
_DEPTH = 190


@dataclass(frozen=True)
class JsonDocument:
    """Any value that JSON can represent and the database can store.

    Attributes:
        nul: Whether its strings may contain U+0000.
        large: Whether the document itself may be a number of more than 64 bits. SQLite converts one to a float, because
            it treats the column type JSON as numeric.
    """

    nul: bool = True
    large: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type, then every part of the document."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if not self.large and isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise refusal("json_number", "The database cannot store a number of more than 64 bits exactly")
        parts: list[Any] = [value]
        depth = 0
        while parts:
            if depth >= _DEPTH and any(isinstance(part, (dict, list, tuple)) for part in parts):
                raise refusal("json_depth", f"A document should have at most {_DEPTH} levels of arrays and objects")
            parts = [inner for part in parts for inner in self._parts(part)]
            depth += 1
        return value

    def _parts(self, part: Any) -> Iterable[Any]:
        """Check a part of a document, and return the parts inside it."""
        if isinstance(part, str):
            self._check_text(part)
        elif isinstance(part, float):
            if not math.isfinite(part):
                raise refusal("json_number", "JSON has no NaN and no infinity")
        elif isinstance(part, dict):
            members: dict[Any, Any] = part  # pyright: ignore[reportUnknownVariableType]  # isinstance does not narrow type arguments
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
                raise refusal("json_number", "The number has more digits than Python can write and read") from None
        elif part is not None:
            raise refusal("json_type", "JSON cannot represent a value of this type")
        return ()

    def _check_text(self, value: str) -> None:
        if not self.nul and "\0" in value:
            raise refusal("text_nul", "The database cannot store the character U+0000 in a JSON document")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise refusal("text_surrogate", "The text contains half of a surrogate pair") from None
