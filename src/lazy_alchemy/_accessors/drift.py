"""Drift: the differences between a declared table and its annotations. No I/O: it compares loaded tables."""

from __future__ import annotations

import ast
import sys
import types
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, get_args, get_origin, get_type_hints

from sqlalchemy import Column
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from typing_extensions import get_overloads

from lazy_alchemy._accessors.type_arguments import Unresolved, declared_columns, evaluate, own_annotations
from lazy_alchemy._errors import DriftError, DriftWarning, callers_level
from lazy_alchemy.emitters._fields.unions import union_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from sqlalchemy import Table

    from lazy_alchemy._accessors.lazy_table import LazyTable
    from lazy_alchemy._accessors.registry import OnDrift
    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["Difference", "compare", "differences", "limit_differences"]

_UNKNOWN: Any = object()  # Any: it takes the place of a column's type
_REMEDY = "rows do not have the types of __row_pos__ until it is generated again"


@dataclass(frozen=True)
class Difference:
    """A difference between a table and its columns class.

    Attributes:
        column: The column's name.
        message: What differs.
        is_extra: Whether the column is merely not declared, which breaks no existing code.
    """

    column: str
    message: str
    is_extra: bool = False

    def __str__(self) -> str:
        return f"{self.column!r} {self.message}"


def compare(table: Table, declared: LazyTable[Any, Any, Any], on_drift: OnDrift) -> None:
    """Compare a table with its declared columns, and warn or raise if they differ. ``Any``: any types.

    Raises:
        DriftError: ``on_drift`` is "raise", and columns differ (undeclared ones do not count) or cannot be resolved.
    """
    if on_drift == "ignore":
        return
    owner = declared.owner
    where = f"{'' if owner is None else f'{owner.__qualname__}.'}{declared.attribute}"
    try:
        columns = declared_columns(declared)
    except Unresolved as error:
        # An annotation may exist for type checkers only; then it cannot be compared.
        if on_drift == "raise":
            raise DriftError(f'on_drift="raise": {error}') from None
        return
    found = [] if columns is None else differences(table, columns)
    if columns is None or not found:
        return
    lines = [f"Table {table.fullname!r} does not match {columns.__name__} ({where}):"]
    lines += [f"  {difference}" for difference in found]
    lines.append("Correct the annotations, or generate them again with `lazy-alchemy generate`.")
    if on_drift == "raise" and not all(difference.is_extra for difference in found):
        raise DriftError("\n".join(lines))
    warnings.warn("\n".join(lines), DriftWarning, stacklevel=callers_level())


def differences(table: Table, columns: type[Any]) -> list[Difference]:
    """Return where ``table`` differs from its columns class: first in the order of the class, then undeclared columns.

    A type is not compared if it cannot be resolved, or is ``Any`` on either side. ``Any``: a columns class of any kind.
    """
    from lazy_alchemy.emitters._fields.fields import model_fields  # deferred: only declared tables need it

    fields = {str(field.column.name): field for field in model_fields(table)}
    found: list[Difference] = []
    declared = dict(_columns_of(columns))
    for name, type_ in declared.items():
        field = fields.get(name)
        if field is None:
            found.append(Difference(name, f"is declared{_as_type(type_)} but does not exist"))
        elif type_ is not _UNKNOWN:
            found.extend(_type_differences(name, type_, field))
    found.extend(_order_differences(columns, declared, fields))
    if not found:
        found.extend(_row_differences(columns, fields))
    misplaced = {difference.column for difference in found}
    for name, field in fields.items():
        if name not in declared and name not in misplaced:
            found.append(Difference(name, f"is not declared; it is {_spelled(field.row_type)}", is_extra=True))
    return found


def limit_differences(table: Table, model: type[BaseModel]) -> list[Difference]:
    """Return where the limits of the columns of ``table`` differ from those of its insert model.

    Only for a generated model: one that is written by hand may be as strict as its author likes.
    """
    from lazy_alchemy.emitters._columns.annotations import Annotations
    from lazy_alchemy.emitters._columns.limits import Limits
    from lazy_alchemy.emitters._fields.fields import model_fields
    from lazy_alchemy.emitters._fields.python_types import TypeMap
    from lazy_alchemy.emitters._source.values import measures
    from lazy_alchemy.emitters.source import is_generated

    if not is_generated(model):
        return []
    found: list[Difference] = []
    for field in model_fields(table):
        info = model.model_fields.get(field.name)
        if info is None:
            continue
        described = Annotations(TypeMap(), Limits.for_source(table, sent=True)).of_column(field)
        given, real = measures(info.annotation, info.metadata), measures(described)
        if given != real:
            message = f"is declared with {_limits_text(given)} but has {_limits_text(real)}"
            found.append(Difference(str(field.column.name), message))
    return found


def _limits_text(limits: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in limits.items()) or "no limits"


def _type_differences(name: str, declared: Any, field: ModelField) -> Iterator[Difference]:
    members = union_members(declared)
    if any(member is Any or member is object or member is _json_value() for member in members):
        return
    plain = [member for member in members if member is not type(None)]
    real, nullable = field.python_type, field.nullable or field.null_key
    if nullable and type(None) not in members:
        yield Difference(name, f"is declared as {_spelled(declared)} but may be NULL")
    elif not nullable and type(None) in members:
        yield Difference(name, f"is declared as {_spelled(declared)} but is NOT NULL")
    if real is not Any and not all(_accepted(member, plain) for member in union_members(real)):
        yield Difference(name, f"is declared as {_spelled(declared)} but is {_spelled(field.row_type)}")


# -- The order of the columns


def _order_differences(
    columns: type[Any], declared: Mapping[str, Any], fields: Mapping[str, ModelField]
) -> Iterator[Difference]:
    """Yield the first column that is at another position than in ``__row_pos__``; nothing without ``__row_pos__``.

    It has types but no names: the annotations are assumed to be in its order, and so are the overloads.
    """
    owner = next((cls for cls in columns.__mro__ if "__row_pos__" in own_annotations(cls)), None)
    if owner is None:
        return
    names = list(fields)
    last = max((place for place, name in enumerate(names) if name in declared), default=0)
    for name in names[:last]:
        if name not in declared:
            type_ = _spelled(fields[name].row_type)
            yield Difference(name, f"is not declared but comes before declared columns (it is {type_}): {_REMEDY}")
            return
    for some in (_by_annotation(owner), _by_overload(owner)):
        given = [name for name in dict(some) if name in fields]
        real = [name for name in names if name in given]
        for one, other in zip(given, real, strict=True):
            if one != other:
                yield Difference(other, f"comes before {one!r} but is declared after it: {_REMEDY}")
                return


def _row_differences(columns: type[Any], fields: Mapping[str, ModelField]) -> Iterator[Difference]:
    """Yield the first column whose type differs from the one at its position in ``__row_pos__``."""
    owner = next((cls for cls in columns.__mro__ if "__row_pos__" in own_annotations(cls)), None)
    if owner is None:
        return
    row = _arguments(own_annotations(owner)["__row_pos__"], owner, "__row_pos__")
    if any(isinstance(one, (str, ForwardRef, types.EllipsisType)) for one in row):
        return  # a type cannot be resolved
    for type_, (name, field) in zip(row, fields.items(), strict=False):
        if any(_type_differences(name, type_, field)):
            yield Difference(name, f"is not at its position in __row_pos__: {_REMEDY}")
            return


# -- Types


def _json_value() -> object:
    """Return Pydantic's ``JsonValue``, if Pydantic is imported: the type of any JSON document, null included."""
    return getattr(sys.modules.get("pydantic"), "JsonValue", None)


def _accepted(real: Any, declared: list[Any]) -> bool:
    """Return whether each value of type ``real`` has one of the types ``declared``, which may be wider."""
    return any(_is_of(real, one) for one in declared)


def _is_of(real: Any, declared: Any) -> bool:
    if real == declared or declared is Any or real is Any:
        return True
    if get_origin(real) is Literal:
        if get_origin(declared) is Literal:
            return set(get_args(real)) <= set(get_args(declared))
        return all(isinstance(label, _class(declared)) for label in get_args(real))
    if get_args(real) and get_origin(real) is _class(declared):
        # An array in PostgreSQL cannot exclude NULLs: a declaration that does so is believed.
        pairs = zip(get_args(real), get_args(declared), strict=False)
        return all(
            _accepted(m, [*union_members(other), type(None)]) for one, other in pairs for m in union_members(one)
        )
    return False  # inheritance does not count: calculations treat a datetime unlike a date, and a bool unlike an int


def _class(type_: Any) -> type[Any]:
    origin = get_origin(type_) or type_
    return origin if isinstance(origin, type) else type(None)


def _as_type(type_: Any) -> str:
    return "" if type_ is _UNKNOWN else f" as {_spelled(type_)}"


def _spelled(type_: Any) -> str:
    members = union_members(type_)
    if len(members) > 1:
        return " | ".join(map(_spelled, members))
    if members[0] is type(None):
        return "None"
    return members[0].__name__ if type(members[0]) is type else str(members[0]).replace("typing.", "")


# -- The columns that a class declares


def _columns_of(columns: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and type of each column that a class declares; the type is ``_UNKNOWN`` if it is not given.

    A column is declared by an annotation ``Column[...]`` or ``Named[...]``, by a value that is a Column, or by an
    overload of ``__getitem__`` that takes the column's name as a Literal.
    """
    for cls in reversed(columns.__mro__):
        if issubclass(ReadOnlyColumnCollection, cls) or cls.__module__ == "lazy_alchemy._accessors.columns":
            continue
        if cls.__module__.startswith("sqlalchemy."):
            continue
        yield from _by_annotation(cls)
        yield from _by_overload(cls)


def _by_annotation(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    annotations = _annotations(cls)
    for name in (*annotations, *(name for name, value in vars(cls).items() if isinstance(value, Column))):
        if name.startswith("__") and name.endswith("__"):
            continue
        value = vars(cls).get(name)
        given = value.name if isinstance(value, Column) else None
        yield str(given or name), _column_type(annotations.get(name), cls, name)


def _by_overload(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    for overload in get_overloads(vars(cls)["__getitem__"]) if "__getitem__" in vars(cls) else ():
        yield from _overload_columns(overload, cls)


def _annotations(cls: type[Any]) -> dict[str, Any]:
    return {
        name: annotation
        for name, annotation in own_annotations(cls).items()
        if not str(annotation).lstrip("'\"").removeprefix("typing.").startswith("ClassVar")
    }


def _column_type(annotation: Any, cls: type[Any], name: str) -> Any:
    return next(iter(_arguments(annotation, cls, name)), _UNKNOWN)


def _arguments(annotation: Any, cls: type[Any], name: str) -> tuple[Any, ...]:
    """Return the type arguments of an annotation; none if they cannot be resolved."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(text, str):
        return get_args(annotation)
    # Evaluate only the arguments: ``Column`` itself is often imported for type checkers alone.
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Constant):
            node = ast.parse(str(node.value).strip(), mode="eval").body
    except SyntaxError:
        return ()
    if not isinstance(node, ast.Subscript):
        return ()
    within = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    try:
        return tuple(evaluate(f"[{', '.join(map(ast.unparse, within))}]", cls, f"{cls.__qualname__}.{name}"))
    except (Unresolved, TypeError):  # TypeError: `"Later" | None` before Python 3.14
        return ()


def _overload_columns(overload: Any, cls: type[Any]) -> Iterator[tuple[str, Any]]:
    annotations = dict(getattr(overload, "__annotations__", {}))
    returned = annotations.pop("return", None)
    try:
        keys = [get_type_hints(_class_with_key(annotation, cls)).get("key") for annotation in annotations.values()]
    except (NameError, TypeError):
        return
    for key in keys:
        for name in get_args(key) if get_origin(key) is Literal else ():
            if isinstance(name, str):
                yield name, _column_type(returned, cls, name)


def _class_with_key(annotation: Any, cls: type[Any]) -> type[Any]:
    """Return a class with the single annotation ``key``, which Python evaluates in the module of ``cls``."""
    return type("_Key", (), {"__annotations__": {"key": annotation}, "__module__": cls.__module__})
