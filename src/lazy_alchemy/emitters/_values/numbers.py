"""What a column of numbers can hold: digits, and what 32 and 64 bits do. No SQL types here."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from lazy_alchemy.emitters._values.checks import refusal, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Digits", "WrittenFloat", "fits_money", "fits_numeric", "fits_real", "multiple_of"]


@dataclass(frozen=True)
class Digits:
    """What a JSON schema says of a number of so many digits; Pydantic alone says nothing of them there."""

    before: int
    after: int
    zeros: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does."""
        # A schema of its own: what is described must not be every Decimal of the model.
        return core_schema.no_info_after_validator_function(same, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both the number and the text."""
        described = handler(schema)
        fraction = rf"\.[0-9]{{1,{self.after}}}"
        pattern = (
            rf"^-?[0-9]{{1,{max(self.before, 1)}}}({fraction})?$" if self.after else rf"^-?[0-9]{{1,{self.before}}}$"
        )
        if self.zeros:
            pattern = rf"^-?([0-9]{{1,{self.before - self.zeros}}}0{{{self.zeros}}}|0)$"
        for form in described.get("anyOf", [described]):
            if form.get("type") == "string":
                form["pattern"] = pattern if self.before else rf"^-?(0?{fraction}|0)$"
            elif form.get("type") == "number" and self.before <= sys.float_info.max_10_exp:
                form.setdefault("exclusiveMinimum", float(-(10**self.before)))
                form.setdefault("exclusiveMaximum", float(10**self.before))
        return described


def multiple_of(unit: int) -> Callable[[Decimal], Decimal]:
    """Return a check that a number is a whole multiple, with however many digits: Pydantic's own stops at 28."""

    def check(value: Decimal) -> Decimal:
        if int(value) % unit:
            raise refusal("multiple_of", f"The column rounds the number: give a multiple of {unit}")
        return value

    return check


@dataclass(frozen=True)
class WrittenFloat:
    """What a JSON schema says of a float that may be NaN or infinite, for which JSON has no number."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate as the type does."""
        return core_schema.no_info_after_validator_function(same, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the number and the texts."""
        described = handler(schema)
        if handler.mode == "validation":
            return described
        return {"anyOf": [described, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]}


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
