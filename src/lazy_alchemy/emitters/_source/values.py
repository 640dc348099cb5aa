"""The source text of annotations and limits that generated models add to the Python types of columns. No I/O."""

from __future__ import annotations

import datetime
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql

from lazy_alchemy.emitters._fields.names import class_name
from lazy_alchemy.emitters._source.layout import string, subscript
from lazy_alchemy.emitters._source.types import Scope
from lazy_alchemy.emitters._values.array_text import ArrayText
from lazy_alchemy.emitters._values.arrays import NestedArray
from lazy_alchemy.emitters._values.checks import Check
from lazy_alchemy.emitters._values.encodings import AnyValue, Base64, BitText, HstoreText, MySQLBoolean
from lazy_alchemy.emitters._values.ranges import RangeOf
from lazy_alchemy.emitters._values.texts import CharacterSet
from lazy_alchemy.emitters._values.times import Duration, OffsetTime, with_offset, without_offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Table
    from sqlalchemy.types import TypeEngine

    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["innermost", "limits_of", "long_name", "measures", "text_of"]

_BIG = 2**63 - 1
_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "max_digits", "decimal_places", "pattern")
_INFINITE = "allow_inf_nan"
_OUR_LIMITS = ("character_set", "precision", "fields")
"""The attributes of our own annotations."""


def text_of(annotated: Any, one: ModelField, table: Table, body: Scope, *, sent: bool) -> str:
    """Return the source text of a column's type, without None, including the annotations that convert its values.

    Args:
        annotated: The annotated type. ``Any``: any type.
        one: The column.
        table: Its table.
        body: The class body for the text.
        sent: Whether the values are sent to the database.
    """
    return _AnnotatedText(body, long_name(one, table, body), sent).text(annotated)


def limits_of(annotated: Any, *, sent: bool) -> dict[str, str]:
    """Return the arguments of ``Field`` that limit a column's values. ``Any``: any type.

    Rows that are read have no limits: the database has already checked them, and its limits may have changed since the
    module was generated.
    """
    return {name: value for name, value in _options(annotated) if sent or name == _INFINITE}


def long_name(one: ModelField, table: Table, body: Scope) -> str:
    """Return a name for a column's type, for use if the type is too long to be written at the column."""
    type_ = innermost(one.type)
    if isinstance(type_, (postgresql.INET, postgresql.CIDR)):
        name = "IPAddress" if isinstance(type_, postgresql.INET) else "IPNetwork"
    elif isinstance(type_, sqltypes.Enum) and type_.name:
        schema: str | None = getattr(type_, "schema", None)
        own_schema = schema in (None, table.schema)
        name = class_name(str(type_.name) if own_schema else f"{schema}_{type_.name}")
    else:
        name = f"{class_name(table.name)}{class_name(str(one.column.name))}"
    return _visible(name, body)


def innermost(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type inside all arrays and domains. Any: a SQL type with any Python type."""
    while isinstance(type_, (sqltypes.ARRAY, postgresql.DOMAIN)):
        # isinstance does not narrow type arguments.
        type_ = type_.data_type if isinstance(type_, postgresql.DOMAIN) else type_.item_type  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return type_


def _visible(name: str, body: Scope) -> str:
    while name in body.attributes:
        name += "_"
    return name


class _AnnotatedText:
    """Converts annotated types to source text for one class body."""

    def __init__(self, body: Scope, wanted: str, sent: bool) -> None:
        self._body = body
        self._wanted = wanted
        self._sent = sent

    def text(self, type_: Any) -> str:
        """Return the source text of a type. ``Any``: any type."""
        origin, arguments = get_origin(type_), get_args(type_)
        if origin is Annotated:
            text = self.text(arguments[0])
            for item in arguments[1:]:
                text = self._with(item, text, arguments[0])
            return text
        if origin is list:
            is_union = get_origin(arguments[0]) in (Union, types.UnionType)
            item, *null = get_args(arguments[0]) if is_union else arguments
            if get_origin(item) is Annotated:
                return f"{self._body.class_(list)}[{self.text(item)}{' | None' if null else ''}]"
        if origin in (Union, types.UnionType) and arguments[-1] == Literal[""]:
            # The empty string, which MariaDB stores for an invalid label of an enum if it is not in strict mode.
            rest = self.text(Union[tuple(arguments[:-1])])  # noqa: UP007  the number of members varies
            return f"{rest} | {self._body.text(arguments[-1])}"
        return self._body.type(type_, self._wanted)

    def _with(self, item: object, text: str, type_: Any) -> str:
        """Return the text of a type that has ``item`` in its Annotated metadata. ``Any``: any type."""
        if isinstance(item, Base64):
            return self._annotated(text, "Base64", "" if item.max_length is None else str(item.max_length))
        if isinstance(item, ArrayText):
            items = [] if item.items == "plain" else [string(item.items)]
            characters = [] if item.characters else ["characters=False"]
            return self._annotated(text, "ArrayText", ", ".join([*items, *characters]))
        if isinstance(item, (AnyValue, BitText, HstoreText, MySQLBoolean, OffsetTime)):
            return self._annotated(text, type(item).__name__, "")
        if isinstance(item, Duration):
            return self._annotated(text, "Duration", ", ".join(f"{name}={value}" for name, value in _written([item])))
        if isinstance(item, CharacterSet):
            return self._annotated(text, "CharacterSet", string(item.character_set)) if self._sent else text
        if isinstance(item, RangeOf):
            plain = self._top.text(type_[_plain(item.bound)])
            arguments = f"{self._top.text(item.bound)}, {string(item.name)}{', many=True' if item.many else ''}"
            return self._alias(plain, "RangeOf", arguments, item.name)
        if isinstance(item, NestedArray):
            one = _plain(item.item)
            plain = self._top.text(types.GenericAlias(list, (one | None if item.null else one,)))
            arguments = f"{self._top.text(item.item)}, {string(item.name)}{'' if item.null else ', null=False'}"
            return self._alias(plain, "NestedArray", arguments, item.name)
        if isinstance(item, Check) and self._sent and type_ is datetime.datetime:
            if item.function is with_offset:
                return self._body.name("AwareDatetime")
            return self._body.name("NaiveDatetime") if item.function is without_offset else text
        if isinstance(item, FieldInfo) and self._sent and type_ is int:
            return self._bounded(item, text)
        return text

    @property
    def _top(self) -> _AnnotatedText:
        """The converter for the top level of the module, where limits are omitted."""
        return _AnnotatedText(Scope(self._body.module), self._wanted, sent=False)

    def _annotated(self, text: str, name: str, argument: str) -> str:
        return f"{self._body.name('Annotated')}[{text}, {self._body.name(name)}({argument})]"

    def _alias(self, plain: str, name: str, argument: str, wanted: str) -> str:
        top = Scope(self._body.module)
        members = [plain, f"{top.name(name)}({argument})"]
        head = top.name("Annotated")
        return self._body.module.alias(
            ", ".join(members),
            lambda name: subscript(f"{name}: TypeAlias = {head}", members),
            _visible(class_name(wanted), self._body),
        )

    def _bounded(self, info: FieldInfo, text: str) -> str:
        """Return an alias if it is a 64-bit integer, because its bounds are too long to repeat at every field."""
        bounds = {name: value for item in info.metadata for name, value in _attributes(item)}
        if bounds.get("le", 0) < _BIG:
            return text
        top = Scope(self._body.module)
        members = ["int", f"{top.name('Field')}(ge={bounds['ge']}, le={bounds['le']})"]
        head = top.name("Annotated")
        return self._body.module.alias(
            ", ".join(members),
            lambda name: subscript(f"{name}: TypeAlias = {head}", members),
            _visible("BigInt" if bounds["ge"] else "BigUnsigned", self._body),
        )


def _plain(type_: Any) -> Any:
    """Return a type without its annotations. ``Any``: any type."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is not Annotated:
        return type_
    for item in arguments[1:]:
        if isinstance(item, RangeOf):
            return arguments[0][_plain(item.bound)]
    return _plain(arguments[0])


def _options(type_: Any) -> Iterator[tuple[str, str]]:
    items = get_args(type_)[1:] if get_origin(type_) is Annotated else ()
    for info in items:
        if isinstance(info, FieldInfo):
            yield from _written(info.metadata)


def measures(type_: Any, metadata: Iterable[Any] = ()) -> dict[str, str]:
    """Return the limits of a type as source text, by name: the arguments of ``Field`` and those of our annotations.

    Args:
        type_: The type, which may include None. ``Any``: any type.
        metadata: Further metadata of the field. ``Any``: Pydantic has many classes of metadata.
    """
    members = [member for member in get_args(type_) if member is not type(None)]
    if get_origin(type_) in (Union, types.UnionType) and len(members) == 1:
        type_ = members[0]
    items = [*(get_args(type_)[1:] if get_origin(type_) is Annotated else ()), *metadata]
    found = dict(_options(type_))
    found.update(_written(item for item in items if not isinstance(item, FieldInfo)))
    return found


def _written(items: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for item in items:
        for name, value in _attributes(item):
            if type(value) is int and abs(value) >= _BIG:
                continue  # see _bounded
            if isinstance(value, bool) or type(value) is int:
                yield name, repr(value)
            elif isinstance(value, str):
                yield name, string(value)


def _attributes(item: Any) -> list[tuple[str, Any]]:
    """Return the limits in one item of a field's metadata. ``Any``: Pydantic has many classes of metadata."""
    names = (*_LIMITS, _INFINITE, *_OUR_LIMITS)
    return [(name, getattr(item, name)) for name in names if getattr(item, name, None) is not None]
