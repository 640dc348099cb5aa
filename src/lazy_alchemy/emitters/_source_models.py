"""The classes of one table as source text: of its columns, of its rows, and for SQLModel. No I/O."""

from __future__ import annotations

import keyword
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql

from ._annotations import Annotations
from ._limits import Limits
from ._names import class_name
from ._source_text import call, class_header, docstring, field, fits, string, subscript
from ._source_types import ModuleScope, Scope
from ._types import TypeMap
from ._values import Base64, BitText, RangeOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

    from ._fields import ModelField

__all__ = ["columns_class", "model_class", "sqlmodel_class"]

# The attributes of a collection of columns, on SQLAlchemy 2.0 and 2.1, which hide a column; a test compares it.
_COLLECTION = frozenset(
    """
    add as_readonly clear compare contains_column corresponding_column extend get items keys remove update values
    """.split()  # noqa: SIM905  one name a line would be a page
)


def columns_class(
    table: Table, fields: Sequence[ModelField], name: str, scope: ModuleScope, target: Literal["2.0", "2.1"]
) -> str:
    """Return the class of a table's columns."""
    plain = [one for one in fields if _is_attribute(str(one.column.name))]
    awkward = [one for one in fields if one not in plain]
    own = Scope(scope, {str(one.column.name) for one in plain})
    bases = ["Columns", "TypedColumns"] if target == "2.1" else ["Columns"]
    kind = own.name("Named" if target == "2.1" else "Column")
    lines = [class_header(name, [Scope(scope).name(base) for base in bases])]
    lines.append(docstring(table.comment or "") or docstring(f"The columns of {table.name}."))
    types = {one: own.type(_optional(one), _long_name(one, table)) for one in fields}
    if fields:
        lines += ["", subscript("__row_pos__: tuple", list(types.values()), "    ")]
    if plain:
        lines.append("")
    for one in plain:
        lines.append(field(str(one.column.name), f"{kind}[{types[one]}]"))
        comment = docstring(one.column.comment or "")
        lines += [comment] if comment else []
    if awkward:
        lines += ["", *_overloads(awkward, types, own)]
    return "\n".join(lines)


def _overloads(fields: Sequence[ModelField], types: dict[ModelField, str], own: Scope) -> Iterator[str]:
    """Yield the overloads by which a column that can be no attribute is reached: ``c["keys"]``."""
    overload, literal, column, anything = (own.name(name) for name in ("overload", "Literal", "Column", "Any"))
    collection = own.name("ReadOnlyColumnCollection")
    first = True
    for one in fields:
        # That a subclass tells more of some keys than SQLAlchemy does of all is, to mypy, another method.
        yield f"    @{overload}" + ("  # type: ignore[override]" if first else "")
        first = False
        key = f"key: {literal}[{string(str(one.column.name))}], /"
        yield from _signature(key, f"{column}[{types[one]}]")
    text, number, group, slices = (own.class_(cls) for cls in (str, int, tuple, slice))
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
    return (
        name.isidentifier()
        and unicodedata.is_normalized("NFKC", name)
        and not name.startswith("_")
        and not keyword.iskeyword(name)
        and name not in _COLLECTION
    )


def model_class(
    table: Table,
    fields: Sequence[ModelField],
    name: str,
    scope: ModuleScope,
    shape: Literal["row", "insert", "partial"],
) -> str:
    """Return a Pydantic model of a table."""
    some = [one for one in fields if shape == "row" or not one.generated]
    own = Scope(scope, {one.name for one in some})
    lines = [class_header(name, [Scope(scope).name("RowModel")])]
    purpose = {"row": "A row", "insert": "A row to be inserted", "partial": "A change of some columns"}[shape]
    lines.append(
        docstring(table.comment if shape == "row" and table.comment else "") or docstring(f"{purpose} of {table.name}.")
    )
    annotations = Annotations(TypeMap(), Limits(fields[0].dialect if fields else None, sent=shape != "row"))
    if some:
        lines.append("")
    for one in some:
        type_, options = _annotated(one, annotations, own, table)
        options += _aliases(one)
        if one.column.comment:
            options.append(("description", string(one.column.comment)))
        optional = shape == "partial" or one.nullable or (shape == "insert" and one.filled)
        if optional and not one.nullable:
            lines.append(call(f"{one.name}: {_or_none(type_)} = {own.name('omitted')}", options))
        elif optional:
            lines.append(_with_default(one.name, _or_none(type_), options, own.name("Field") if options else ""))
        elif options:
            lines.append(call(f"{one.name}: {type_} = {own.name('Field')}", options))
        else:
            lines.append(field(one.name, type_))
    return "\n".join(lines)


def sqlmodel_class(table: Table, fields: Sequence[ModelField], name: str, scope: ModuleScope) -> str:
    """Return a SQLModel class of a table, to be mapped when it is first needed."""
    own = Scope(scope, {one.name for one in fields})
    lines = [class_header(name, [Scope(scope).name("MappedModel")])]
    lines.append(docstring(table.comment or "") or docstring(f"A row of {table.name}, for a session."))
    lines.append("")
    for one in fields:
        type_ = own.type(one.python_type, _long_name(one, table))
        options: list[tuple[str, str]] = []
        if one.alias is not None:
            said = string(one.alias)
            options.append(("schema_extra", f'{{"validation_alias": {said}, "serialization_alias": {said}}}'))
        if one.column.comment:
            options.append(("description", string(one.column.comment)))
        name_of = own.name("SQLField") if options else ""
        if one.nullable or one.filled or one.generated:
            lines.append(_with_default(one.name, _or_none(type_), options, name_of))
        elif options:
            lines.append(call(f"{one.name}: {type_} = {name_of}", options))
        else:
            lines.append(field(one.name, type_))
    return "\n".join(lines)


def _with_default(name: str, type_: str, options: list[tuple[str, str]], function: str) -> str:
    if not options:
        return field(name, type_, "None")
    return call(f"{name}: {type_} = {function}", [("default", "None"), *options])


def _or_none(type_: str) -> str:
    return type_ if type_ in ("Any", "_Any") or type_.endswith(" | None") else f"{type_} | None"


def _optional(one: ModelField) -> Any:
    return one.optional_type if one.nullable and one.python_type is not Any else one.python_type


def _aliases(one: ModelField) -> list[tuple[str, str]]:
    # Not ``alias``, by which a type checker would know the field: it may be no name that can be written.
    if one.alias is None:
        return []
    return [("validation_alias", string(one.alias)), ("serialization_alias", string(one.alias))]


def _annotated(
    one: ModelField, annotations: Annotations, own: Scope, table: Table
) -> tuple[str, list[tuple[str, str]]]:
    """Return the text of a field's type, and what ``Field`` says of its values."""
    text = own.type(one.python_type, _long_name(one, table))
    options: dict[str, str] = {}
    described = annotations.of_column(one)
    if get_origin(described) is Annotated:
        for item in get_args(described)[1:]:
            if isinstance(item, FieldInfo):
                options.update(_constraints(item))
            elif isinstance(item, Base64):
                most = "" if item.max_length is None else str(item.max_length)
                text = f"{own.name('Annotated')}[{text}, {own.name('Base64')}({most})]"
            elif isinstance(item, BitText):
                text = f"{own.name('Annotated')}[{text}, {own.name('BitText')}()]"
            elif isinstance(item, RangeOf):
                text = _range(item, text, own)
    return text, list(options.items())


def _range(item: RangeOf, text: str, own: Scope) -> str:
    bound = item.bound
    while get_origin(bound) is Annotated:
        bound = get_args(bound)[0]
    many = ", many=True" if item.many else ""
    top = Scope(own.module)
    members = [text, f"{top.name('RangeOf')}({top.text(bound)}, {string(item.name)}{many})"]
    head = top.name("Annotated")
    return own.module.alias(
        ", ".join(members), lambda name: subscript(f"{name}: TypeAlias = {head}", members), class_name(item.name)
    )


def _constraints(info: FieldInfo) -> Iterator[tuple[str, str]]:
    for item in info.metadata:
        for key, value in _attributes(item):
            if type(value) is int and abs(value) >= 2**63 - 1:
                continue  # what an integer of 64 bits holds goes without saying
            if isinstance(value, bool) or type(value) is int:
                yield key, repr(value)
            elif isinstance(value, str):
                yield key, string(value)


def _attributes(item: Any) -> list[tuple[str, Any]]:
    """Return what one piece of a field's metadata says. ``Any``: of the many classes that Pydantic has for them."""
    known = (
        "gt",
        "ge",
        "lt",
        "le",
        "min_length",
        "max_length",
        "max_digits",
        "decimal_places",
        "pattern",
        "allow_inf_nan",
    )
    return [(key, getattr(item, key)) for key in known if getattr(item, key, None) is not None]


def _long_name(one: ModelField, table: Table) -> str:
    """Return what a type is called that is too long to be written at its column."""
    type_ = one.column.type
    if isinstance(type_, (postgresql.INET, postgresql.CIDR)):
        return "IPAddress" if isinstance(type_, postgresql.INET) else "IPNetwork"
    if isinstance(type_, sqltypes.Enum) and type_.name:
        return class_name(str(type_.name))
    return f"{class_name(table.name)}{class_name(str(one.column.name))}"
