"""The constraints of PostgreSQL's domains, as far as they are simple: bounds, lengths and lists of values."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from sqlalchemy import CHAR, Float, Integer, Numeric, String
from sqlalchemy.dialects.postgresql import CITEXT

from lazy_alchemy.emitters._fields.python_types import base_of
from lazy_alchemy.emitters._values.checks import Check, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.dialects.postgresql import DOMAIN
    from sqlalchemy.types import TypeEngine

__all__ = ["narrowed"]

# PostgreSQL prints an expression with each operand of an AND in parentheses: ((VALUE >= 1) AND (VALUE <= 10)).
# In a domain over a domain, VALUE is cast to the base type of the inner domain.
_BOUND = re.compile(
    r"\(?\(?VALUE\)?(::(?P<cast>[\w ]+))? (?P<operator><=|>=|<|>) \(?'?(?P<number>-?\d+(\.\d+)?)'?\)?(::[\w ]+)?\)?"
)
_LENGTH = re.compile(
    r"\(?(char_length|character_length|length)\(\(?VALUE\)?(::[\w ]+)?\) (?P<operator><=|>=|<|>|=) (?P<number>\d+)\)?"
)
_LABELS = re.compile(r"\(?\(?VALUE\)?(::[\w ]+)? = ANY \(\(?ARRAY\[(?P<labels>.+?)\]\)?(::[\w ]+(\[\])?)?\)\)?")
_LABEL = re.compile(r"\(?'(?P<label>(?:[^'\\]|'')*)'(::[\w ]+)?\)?(::[\w ]+)?(, |$)")
_ARGUMENTS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_TIGHTER = {"lt": min, "le": min, "max_length": min, "gt": max, "ge": max, "min_length": max}

# The casts that preserve all values of a type.
_EXACT: tuple[tuple[type[TypeEngine[Any]], tuple[str | None, ...]], ...] = (
    (Integer, (None, "smallint", "integer", "bigint", "numeric")),
    (Float, (None, "double precision")),
    (Numeric, (None, "numeric")),
)

_Bound: TypeAlias = "tuple[str, int | Decimal]"
"""An argument of Pydantic's ``Field``: its name and value."""


def narrowed(type_: Any, domain: DOMAIN) -> Any:
    """Return ``type_`` annotated with the constraints of ``domain``, as far as a value alone can be checked for them.

    A CHECK of another form is left to the database as a whole: it is never enforced in part. ``Any``: any type. If it
    is already annotated with bounds, the narrower of these and the domain's apply.
    """
    base, *annotations = get_args(type_) if get_origin(type_) is Annotated else (type_,)
    limits = _constraints_of(domain)
    checks = [limit for limit in limits if isinstance(limit, Check)]
    bounds = [limit for limit in limits if not isinstance(limit, Check)]
    if bounds:
        # If bounds precede all functions, Pydantic checks them itself, with its own messages; it uses only the last one
        # of each kind.
        fields = [one for one in annotations if isinstance(one, FieldInfo)]
        rest = [one for one in annotations if not isinstance(one, FieldInfo)]
        annotations = [*fields, Field(**_narrowest([*_bounds_of(fields), *bounds])), *rest]
    for annotation in (*annotations, *checks):
        base = Annotated[base, annotation]
    return base


def _bounds_of(fields: list[FieldInfo]) -> Iterator[_Bound]:
    for item in (item for one in fields for item in one.metadata):
        for argument in _TIGHTER:
            if (bound := getattr(item, argument, None)) is not None:
                yield argument, bound


def _narrowest(bounds: list[_Bound]) -> dict[str, Any]:
    """Return the tightest bound of each kind. ``Any``: the type depends on the argument."""
    found: dict[str, Any] = {}
    for argument, bound in bounds:
        found[argument] = _TIGHTER[argument](found[argument], bound) if argument in found else bound
    return found


def _constraints_of(domain: DOMAIN) -> list[_Bound | Check]:
    check = getattr(domain, "check", None)
    if check is None:
        return []
    expression = str(check).strip()
    if expression.startswith("(") and expression.endswith(")") and ") AND (" in expression:
        expression = expression[1:-1]
    base = base_of(domain)
    if isinstance(base, CHAR):
        return []  # trailing blanks are not significant
    if isinstance(base, String):
        found = [list(_part_of_text(part, base)) for part in expression.split(" AND ")]
    else:
        found = [list(_part_of_number(part, base)) for part in expression.split(" AND ")]
    return [limit for limits in found for limit in limits] if all(found) else []


def _part_of_number(part: str, base: TypeEngine[Any]) -> Iterator[_Bound | Check]:
    match = _BOUND.fullmatch(part)
    exact = next((casts for known, casts in _EXACT if isinstance(base, known)), ())
    if match and match["cast"] in exact:
        number, argument = Decimal(match["number"]), _ARGUMENTS[match["operator"]]
        if number == int(number):
            yield argument, int(number)
        elif isinstance(base, Integer):
            yield ("le", math.floor(number)) if argument in ("lt", "le") else ("ge", math.ceil(number))
        else:
            yield argument, number


def _part_of_text(part: str, base: String) -> Iterator[_Bound | Check]:
    if match := _LENGTH.fullmatch(part):
        yield from _length(match["operator"], int(match["number"]))
    elif not isinstance(base, CITEXT) and (match := _LABELS.fullmatch(part)):  # CITEXT ignores case
        labels: list[str] = []
        rest = match["labels"]
        while rest and (label := _LABEL.match(rest)):
            labels.append(label["label"].replace("''", "'"))
            rest = rest[label.end() :]
        if not rest:
            yield Check(_one_of(frozenset(labels)), (("enum", tuple(labels)),))


def _length(operator: str, number: int) -> Iterator[_Bound]:
    if operator in ("<", "<=", "="):
        yield "max_length", number - 1 if operator == "<" else number
    if operator in (">", ">=", "="):
        yield "min_length", number + 1 if operator == ">" else number


def _one_of(labels: frozenset[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in labels:
            raise refusal("label", "Input should be one of the values that the column's domain allows")
        return value

    return check
