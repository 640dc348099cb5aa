"""The source text of one table's classes: the columns class, the Pydantic models and the SQLModel class. No I/O."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import JsonValue
from sqlalchemy import types as sqltypes

from lazy_alchemy.emitters._columns.annotations import Annotations
from lazy_alchemy.emitters._columns.limits import Limits
from lazy_alchemy.emitters._fields.names import can_be_attribute
from lazy_alchemy.emitters._fields.python_types import TypeMap
from lazy_alchemy.emitters._source.layout import call, class_header, docstring, field, fits, string, subscript
from lazy_alchemy.emitters._source.types import ModuleScope, Scope
from lazy_alchemy.emitters._source.values import innermost, limits_of, long_name, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["columns_class", "model_class", "sqlmodel_class"]

# The attributes of column collections in SQLAlchemy 2.0 and 2.1, which hide columns; a test compares the list with
# SQLAlchemy.
_COLLECTION = frozenset(
    """
    add as_readonly clear compare contains_column corresponding_column extend get items keys remove update values
    """.split()  # noqa: SIM905  a list with one name per line would be a page long
)


def columns_class(
    table: Table, fields: Sequence[ModelField], name: str, scope: ModuleScope, target: Literal["2.0", "2.1"]
) -> str:
    """Return the source of a table's columns class."""
    plain = [one for one in fields if _is_attribute(str(one.column.name))]
    awkward = [one for one in fields if one not in plain]
    body = Scope(scope, _names(fields))
    bases = ["Columns", "TypedColumns"] if target == "2.1" else ["Columns"]
    kind = body.name("Named" if target == "2.1" else "Column")
    lines = [class_header(name, [Scope(scope).name(base) for base in bases])]
    lines.append(docstring(table.comment or "") or docstring(f"The columns of {table.name}."))
    texts = {one: body.type(_in_columns(one), long_name(one, table, body)) for one in fields}
    if fields:
        row = [body.type(_without_literal(_in_columns(one)), long_name(one, table, body)) for one in fields]
        lines += ["", subscript("__row_pos__: tuple", row, "    ")]
    if plain:
        lines.append("")
    for one in plain:
        lines.append(field(str(one.column.name), f"{kind}[{texts[one]}]"))
        comment = docstring(one.column.comment or "")
        lines += [comment] if comment else []
    if awkward:
        lines += ["", *_overloads(awkward, texts, body)]
    return "\n".join(lines)


def _overloads(fields: Sequence[ModelField], texts: dict[ModelField, str], body: Scope) -> Iterator[str]:
    """Yield the overloads for columns that cannot be attributes: ``c["keys"]``."""
    overload, literal, column, anything = (body.name(name) for name in ("overload", "Literal", "Column", "Any"))
    collection = body.name("ReadOnlyColumnCollection")
    first = True
    for one in fields:
        # To mypy, more specific overloads than SQLAlchemy's are an incompatible override.
        yield f"    @{overload}" + ("  # type: ignore[override]" if first else "")
        first = False
        key = f"key: {literal}[{string(str(one.column.name))}], /"
        yield from _signature(key, f"{column}[{texts[one]}]")
    text, number, group, slices = (body.class_(cls) for cls in (str, int, tuple, slice))
    yield f"    @{overload}"
    yield from _signature(f"key: {text} | {number}, /", f"{column}[{anything}]")
    yield f"    @{overload}"
    yield from _signature(
        f"key: {group}[{text} | {number}, ...] | {slices}, /", f"{collection}[{text}, {column}[{anything}]]"
    )
    ignored = "# pyright: ignore[reportIncompatibleMethodOverride]"
    yield f"    def __getitem__(self, key: {anything}, /) -> {anything}:  {ignored}"
    yield "        ..."


def _signature(key: str, returned: str) -> Iterator[str]:
    line = f"    def __getitem__(self, {key}) -> {returned}: ..."
    if fits(line):
        yield line
        return
    inner = f"        self, {key}"
    if not fits(inner) or not fits(f"    ) -> {returned}: ..."):
        yield f"{line}  # fmt: skip"
        return
    yield "    def __getitem__("
    yield inner
    yield f"    ) -> {returned}: ..."


def _is_attribute(name: str) -> bool:
    return can_be_attribute(name) and name not in _COLLECTION


def model_class(
    table: Table,
    fields: Sequence[ModelField],
    name: str,
    scope: ModuleScope,
    shape: Literal["row", "insert", "partial"],
) -> str:
    """Return the source of a Pydantic model of a table."""
    some = [one for one in fields if shape == "row" or not one.generated]
    body = Scope(scope, _names(fields))
    lines = [class_header(name, [Scope(scope).name("RowModel")])]
    purpose = {"row": "A row of", "insert": "A row to insert into", "partial": "A partial update of a row of"}[shape]
    lines.append(
        docstring(table.comment if shape == "row" and table.comment else "") or docstring(f"{purpose} {table.name}.")
    )
    annotations = Annotations(TypeMap(), Limits.for_source(table, sent=shape != "row"))
    if some:
        lines.append("")
    for one in some:
        annotated = annotations.of_column(one)
        type_ = text_of(annotated, one, table, body, sent=shape != "row")
        options = [*limits_of(annotated, sent=shape != "row").items(), *_aliases(one)]
        if one.column.comment:
            options.append(("description", string(one.column.comment)))
        if shape == "row" and one.null_key:
            type_ = _or_none(type_)
        optional = shape == "partial" or one.nullable or (shape == "insert" and one.filled)
        if optional and not one.nullable:
            lines.append(call(f"{one.name}: {_or_none(type_)} = {body.name('omitted')}", options))
        elif optional:
            lines.append(_with_default(one.name, _or_none(type_), options, body.name("Field") if options else ""))
        elif options:
            lines.append(call(f"{one.name}: {type_} = {body.name('Field')}", options))
        else:
            lines.append(field(one.name, type_))
    return "\n".join(lines)


def sqlmodel_class(table: Table, fields: Sequence[ModelField], name: str, scope: ModuleScope) -> str:
    """Return the source of a SQLModel class of a table, which is mapped when it is first used."""
    body = Scope(scope, _names(fields))
    lines = [class_header(name, [Scope(scope).name("MappedModel")])]
    lines.append(docstring(table.comment or "") or docstring(f"A row of {table.name}, for use in a session."))
    lines.append("")
    annotations = Annotations(TypeMap(), Limits.for_source(table, sent=False))
    for one in fields:
        type_ = text_of(annotations.of_column(one), one, table, body, sent=False)
        options: list[tuple[str, str]] = []
        if one.alias is not None:
            alias = string(one.alias)
            options.append(("schema_extra", f'{{"validation_alias": {alias}, "serialization_alias": {alias}}}'))
        if one.column.comment:
            options.append(("description", string(one.column.comment)))
        function = body.name("SQLField") if options else ""
        if one.nullable or one.filled or one.generated:
            lines.append(_with_default(one.name, _or_none(type_), options, function))
        elif options:
            lines.append(call(f"{one.name}: {type_} = {function}", options))
        else:
            lines.append(field(one.name, type_))
    return "\n".join(lines)


def _with_default(name: str, type_: str, options: list[tuple[str, str]], function: str) -> str:
    if not options:
        return field(name, type_, "None")
    return call(f"{name}: {type_} = {function}", [("default", "None"), *options])


def _or_none(type_: str) -> str:
    return type_ if type_ in ("Any", "_Any") or type_.endswith(" | None") else f"{type_} | None"


def _in_columns(one: ModelField) -> Any:
    """Return the type of a column in the columns class. Any: any type but Any, which prevents inferring row types."""
    anything: Any = JsonValue if isinstance(innermost(one.type), sqltypes.JSON) else object
    return anything if one.python_type is Any else _without_any(one.row_type, anything)


def _without_any(type_: Any, anything: Any) -> Any:
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is Any:
        return anything
    if origin in (Union, types.UnionType):
        return Union[tuple(_without_any(one, anything) for one in arguments)]  # noqa: UP007  the number of members varies
    return types.GenericAlias(list, (_without_any(arguments[0], anything),)) if origin is list else type_


def _without_literal(type_: Any) -> Any:
    """Return a type with ``str`` instead of Literal, with which pyright cannot infer row types. Any: any type."""
    if get_origin(type_) is Literal:
        return str
    if get_origin(type_) in (Union, types.UnionType):
        return Union[tuple(map(_without_literal, get_args(type_)))]  # noqa: UP007  the number of members varies
    return type_


def _names(fields: Sequence[ModelField]) -> set[str]:
    """Return the attributes of one table's classes; in a class body they hide names of the module."""
    return {name for one in fields for name in (one.name, str(one.column.name))}


def _aliases(one: ModelField) -> list[tuple[str, str]]:
    # Not ``alias``: type checkers would use it as the name of the parameter, but it may not be a valid identifier.
    if one.alias is None:
        return []
    return [("validation_alias", string(one.alias)), ("serialization_alias", string(one.alias))]
