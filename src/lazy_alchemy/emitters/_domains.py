"""The simple CHECK constraints of PostgreSQL's domains: bounds, lengths and lists of values, as annotations."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Integer, Numeric, String

from ._values import Check, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.dialects.postgresql import DOMAIN

__all__ = ["domain_limits"]

# As PostgreSQL writes an expression back, each part of an AND in parentheses: ((VALUE >= 1) AND (VALUE <= 10)).
_BOUND = re.compile(r"\(?VALUE (?P<operator><=|>=|<|>) \(?'?(?P<number>-?\d+(\.\d+)?)'?\)?(::[\w ]+)?\)?")
_LENGTH = re.compile(
    r"\(?(char_length|character_length|length)\(\(?VALUE\)?(::[\w ]+)?\) (?P<operator><=|>=|<|>|=) (?P<number>\d+)\)?"
)
_LABELS = re.compile(r"\(?\(?VALUE\)?(::[\w ]+)? = ANY \(\(?ARRAY\[(?P<labels>.+)\]\)?(::[\w ]+(\[\])?)?\)\)?")
_LABEL = re.compile(r"\(?'(?P<label>(?:[^'\\]|'')*)'(::[\w ]+)?\)?(::[\w ]+)?(, |$)")
_WORDS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def domain_limits(domain: DOMAIN) -> tuple[Any, ...]:
    """Return what ``domain`` demands of its values, as far as it can be said of a value alone.

    A CHECK of another form is left to the database: nothing is made of half of one.
    """
    check = getattr(domain, "check", None)
    if check is None:
        return ()
    expression = str(check).strip()
    if expression.startswith("(") and expression.endswith(")") and ") AND (" in expression:
        expression = expression[1:-1]
    is_text = isinstance(domain.data_type, String)
    if not is_text and not isinstance(domain.data_type, (Integer, Numeric)):
        return ()
    of_part = _part_of_text if is_text else _part_of_number
    found = [tuple(of_part(part)) for part in expression.split(" AND ")]
    return tuple(limit for limits in found for limit in limits) if all(found) else ()


def _part_of_number(part: str) -> Iterator[Any]:
    if match := _BOUND.fullmatch(part):
        number = Decimal(match["number"])
        bound: Any = int(number) if number == int(number) else number  # Any: of the argument that its word names
        yield Field(**{_WORDS[match["operator"]]: bound})


def _part_of_text(part: str) -> Iterator[Any]:
    if match := _LENGTH.fullmatch(part):
        yield from _length(match["operator"], int(match["number"]))
    elif match := _LABELS.fullmatch(part):
        labels: list[str] = []
        rest = match["labels"]
        while rest and (label := _LABEL.match(rest)):
            labels.append(label["label"].replace("''", "'"))
            rest = rest[label.end() :]
        if not rest:
            yield Check(_one_of(frozenset(labels)), (("enum", tuple(labels)),))


def _length(operator: str, number: int) -> Iterator[Any]:
    if operator in ("<", "<=", "="):
        yield Field(max_length=number - 1 if operator == "<" else number)
    if operator in (">", ">=", "="):
        yield Field(min_length=number + 1 if operator == ">" else number)


def _one_of(labels: frozenset[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in labels:
            raise refusal("label", "Input should be one of the values that the column's domain permits")
        return value

    return check
