"""Checks for columns of numbers: numbers of digits, and the ranges of 32 and 64 bits. No SQL types here."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from lazy_alchemy.emitters._values.checks import refusal, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["Digits", "WrittenFloat", "fits_money", "fits_numeric", "fits_real", "multiple_of"]


@dataclass(frozen=True)
class Digits:
    """The JSON schema of a number with limited digits, which Pydantic does not describe.

    Attributes:
        before: The maximum number of digits before the decimal point.
        after: The maximum number of digits after it.
        zeros: The number of zeros that an integer must end with.
    """

    before: int
    after: int
    zeros: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type only."""
        # A separate schema: otherwise the description would apply to every Decimal of the model.
        return core_schema.no_info_after_validator_function(unchanged, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both the number and the string."""
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
    """Return a check that a number is a multiple of ``unit``, for any number of digits: Pydantic's stops at 28."""

    def check(value: Decimal) -> Decimal:
        if int(value) % unit:
            raise refusal("multiple_of", f"The column would round the number: use a multiple of {unit}")
        return value

    return check


@dataclass(frozen=True)
class WrittenFloat:
    """The JSON schema of a float that may be NaN or infinite, which are strings in JSON."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the type only."""
        return core_schema.no_info_after_validator_function(unchanged, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the number and the strings."""
        described = handler(schema)
        if handler.mode == "validation":
            return described
        return {"anyOf": [described, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]}


def fits_real(value: float) -> float:
    """Refuse a number that overflows in 32-bit floating point, or becomes 0."""
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", value))  # "<": the native format does not check the range
    except OverflowError:
        raise refusal("real_range", "The number is too large for the column") from None
    if value and not stored:
        raise refusal("real_range", "The number is too small for the column")
    return value


def fits_money(value: str) -> str:
    """Refuse an amount that PostgreSQL's MONEY cannot hold: it has 64 bits of hundredths."""
    hundredths = Decimal(value.replace("$", "").replace(",", "")) * 100
    if not -(2**63) <= hundredths < 2**63:
        raise refusal("money_range", "The amount is too large for the column")
    return value


def fits_numeric(value: Decimal) -> Decimal:
    """Refuse a number that PostgreSQL's NUMERIC cannot hold (manual, "8.1.2. Arbitrary Precision Numbers")."""
    exponent = value.as_tuple().exponent
    if value.adjusted() >= 131072 or (isinstance(exponent, int) and exponent < -16383):  # noqa: PLR2004
        raise refusal("numeric_digits", "The number has more digits than the database can store")
    return value
