"""Drift: where a declared table is not what its annotations say. No I/O: what was loaded is compared."""

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

__all__ = ["Difference", "compare", "differences", "outgrown"]

_UNKNOWN: Any = object()  # Any: it stands where the type of a column does
_REMEDY = "rows have other types than __row_pos__ says until it is generated anew"


@dataclass(frozen=True)
class Difference:
    """One difference between a table and its columns class.

    Attributes:
        column: The column's name.
        said: What is different, in words.
        is_extra: Whether the column is merely not declared, which harms no code that there is.
    """

    column: str
    said: str
    is_extra: bool = False

    def __str__(self) -> str:
        return f"{self.column!r} {self.said}"


def compare(table: Table, declared: LazyTable[Any, Any, Any], on_drift: OnDrift) -> None:
    """Compare a table with the columns that it is declared with, and say what differs. ``Any``: of whatever types.

    Raises:
        DriftError: Something differs, other than columns that are not declared, and ``on_drift`` is "raise".
    """
    if on_drift == "ignore":
        return
    owner = declared.owner
    where = f"{'' if owner is None else f'{owner.__qualname__}.'}{declared.attribute}"
    try:
        columns = declared_columns(declared)
    except Unresolved as error:
        # That an annotation is for type checkers only is allowed; then it cannot be compared.
        if on_drift == "raise":
            raise DriftError(f'on_drift="raise": {error}') from None
        return
    found = [] if columns is None else differences(table, columns)
    if columns is None or not found:
        return
    lines = [f"Table {table.fullname!r} is not what {columns.__name__} says ({where}):"]
    lines += [f"  {difference}" for difference in found]
    lines.append("Correct the annotations, or write them anew with `lazy-alchemy generate`.")
    if on_drift == "raise" and not all(difference.is_extra for difference in found):
        raise DriftError("\n".join(lines))
    warnings.warn("\n".join(lines), DriftWarning, stacklevel=callers_level())


def differences(table: Table, columns: type[Any]) -> list[Difference]:
    """Return where ``table`` is not what the class ``columns`` says: in the class's order, then what is not declared.

    A type that cannot be resolved is not compared, and neither is one that is ``Any`` on either side. ``Any``: a class
    of columns of whatever kind.
    """
    from lazy_alchemy.emitters._fields.fields import (
        model_fields,
    )  # here, because nothing is compared without a declaration

    fields = {str(field.column.name): field for field in model_fields(table)}
    found: list[Difference] = []
    declared = dict(_declared(columns))
    for name, type_ in declared.items():
        field = fields.get(name)
        if field is None:
            found.append(Difference(name, f"is declared{_as(type_)} and does not exist"))
        elif type_ is not _UNKNOWN:
            found.extend(_of_types(name, type_, field))
    found.extend(_of_order(columns, declared, fields))
    if not found:
        found.extend(_of_places(columns, fields))
    misplaced = {difference.column for difference in found}
    for name, field in fields.items():
        if name not in declared and name not in misplaced:
            found.append(Difference(name, f"is not declared, and is {_shown(field.row_type)}", is_extra=True))
    return found


def outgrown(table: Table, model: type[BaseModel]) -> list[Difference]:
    """Return where a column of ``table`` takes longer or shorter values than the class ``model`` lets pass.

    Only of a class that was generated: one that is written by hand may be as strict as its author likes.
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
        said, real = measures(info.annotation, info.metadata), measures(described)
        if said != real:
            found.append(
                Difference(str(field.column.name), f"is declared with {_spelled(said)} and has {_spelled(real)}")
            )
    return found


def _spelled(limits: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in limits.items()) or "no limits"


def _of_types(name: str, declared: Any, field: ModelField) -> Iterator[Difference]:
    members = union_members(declared)
    if any(member is Any or member is object or member is _json_value() for member in members):
        return
    plain = [member for member in members if member is not type(None)]
    real, nullable = field.python_type, field.nullable or field.null_key
    if nullable and type(None) not in members:
        yield Difference(name, f"is declared as {_shown(declared)} and may be NULL")
    elif not nullable and type(None) in members:
        yield Difference(name, f"is declared as {_shown(declared)} and is NOT NULL")
    if real is not Any and not all(_accepted(member, plain) for member in union_members(real)):
        yield Difference(name, f"is declared as {_shown(declared)} and is {_shown(field.row_type)}")


# -- The order of the columns


def _of_order(
    columns: type[Any], declared: Mapping[str, Any], fields: Mapping[str, ModelField]
) -> Iterator[Difference]:
    """Yield the first column that is not where the rows of ``__row_pos__`` have it; nothing if there is none.

    That has types and no names: the annotations are taken to be in its order, and the overloads among themselves.
    """
    owner = next((cls for cls in columns.__mro__ if "__row_pos__" in own_annotations(cls)), None)
    if owner is None:
        return
    names = list(fields)
    last = max((place for place, name in enumerate(names) if name in declared), default=0)
    for name in names[:last]:
        if name not in declared:
            shown = _shown(fields[name].row_type)
            yield Difference(name, f"is not declared, is {shown}, and stands before columns that are: {_REMEDY}")
            return
    for some in (_by_annotation(owner), _by_overload(owner)):
        said = [name for name in dict(some) if name in fields]
        real = [name for name in names if name in said]
        for one, other in zip(said, real, strict=True):
            if one != other:
                yield Difference(other, f"stands before {one!r}, and is declared after it: {_REMEDY}")
                return


def _of_places(columns: type[Any], fields: Mapping[str, ModelField]) -> Iterator[Difference]:
    """Yield the first column of another type than ``__row_pos__`` has at its place."""
    owner = next((cls for cls in columns.__mro__ if "__row_pos__" in own_annotations(cls)), None)
    if owner is None:
        return
    row = _arguments(own_annotations(owner)["__row_pos__"], owner, "__row_pos__")
    if any(isinstance(one, (str, ForwardRef, types.EllipsisType)) for one in row):
        return  # what cannot be resolved
    for type_, (name, field) in zip(row, fields.items(), strict=False):
        if any(_of_types(name, type_, field)):
            yield Difference(name, f"is not where __row_pos__ has it: {_REMEDY}")
            return


# -- Types


def _json_value() -> object:
    """Return what a declaration may call a JSON document: it is None, too."""
    return getattr(sys.modules.get("pydantic"), "JsonValue", None)


def _accepted(real: Any, declared: list[Any]) -> bool:
    """Return whether a value of the type ``real`` is of one of the types ``declared``, which may be wider."""
    return any(_is_of(real, one) for one in declared)


def _is_of(real: Any, declared: Any) -> bool:
    if real == declared or declared is Any or real is Any:
        return True
    if get_origin(real) is Literal:
        if get_origin(declared) is Literal:
            return set(get_args(real)) <= set(get_args(declared))
        return all(isinstance(label, _class(declared)) for label in get_args(real))
    if get_args(real) and get_origin(real) is _class(declared):
        # Of a list with NULLs in it PostgreSQL cannot say that it has none: who declares it so is believed.
        pairs = zip(get_args(real), get_args(declared), strict=False)
        return all(
            _accepted(m, [*union_members(other), type(None)]) for one, other in pairs for m in union_members(one)
        )
    return False  # and not by inheritance: a datetime is no date, and a bool no int, to whoever computes with it


def _class(type_: Any) -> type[Any]:
    origin = get_origin(type_) or type_
    return origin if isinstance(origin, type) else type(None)


def _as(type_: Any) -> str:
    return "" if type_ is _UNKNOWN else f" as {_shown(type_)}"


def _shown(type_: Any) -> str:
    members = union_members(type_)
    if len(members) > 1:
        return " | ".join(map(_shown, members))
    if members[0] is type(None):
        return "None"
    return members[0].__name__ if type(members[0]) is type else str(members[0]).replace("typing.", "")


# -- What a class of columns declares


def _declared(columns: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the type of each column that a class declares; the type is ``_UNKNOWN`` where it is not said.

    A column is an annotation ``Column[...]`` or ``Named[...]``, a value that is a Column, or an overload of
    ``__getitem__`` that takes the column's name as a Literal.
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
        yield str(given or name), _of_annotation(annotations.get(name), cls, name)


def _by_overload(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    for overload in get_overloads(vars(cls)["__getitem__"]) if "__getitem__" in vars(cls) else ():
        yield from _of_overload(overload, cls)


def _annotations(cls: type[Any]) -> dict[str, Any]:
    return {
        name: annotation
        for name, annotation in own_annotations(cls).items()
        if not str(annotation).lstrip("'\"").removeprefix("typing.").startswith("ClassVar")
    }


def _of_annotation(annotation: Any, cls: type[Any], name: str) -> Any:
    return next(iter(_arguments(annotation, cls, name)), _UNKNOWN)


def _arguments(annotation: Any, cls: type[Any], name: str) -> tuple[Any, ...]:
    """Return what stands in the brackets of an annotation; nothing where it cannot be resolved."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(text, str):
        return get_args(annotation)
    # Only what is within: ``Column`` itself is often imported for type checkers alone.
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
    except (Unresolved, TypeError):  # TypeError: `"Later" | None`, which no type is on the versions before 3.14
        return ()


def _of_overload(overload: Any, cls: type[Any]) -> Iterator[tuple[str, Any]]:
    annotations = dict(getattr(overload, "__annotations__", {}))
    returned = annotations.pop("return", None)
    try:
        keys = [get_type_hints(_holding(annotation, cls)).get("key") for annotation in annotations.values()]
    except (NameError, TypeError):
        return
    for key in keys:
        for name in get_args(key) if get_origin(key) is Literal else ():
            if isinstance(name, str):
                yield name, _of_annotation(returned, cls, name)


def _holding(annotation: Any, cls: type[Any]) -> type[Any]:
    """Make a class with the one annotation ``key``, which Python evaluates in the module of ``cls``."""
    return type("_Key", (), {"__annotations__": {"key": annotation}, "__module__": cls.__module__})
