"""The conversion of SQL types to annotated Python types, for validation, serialization and JSON schemas by Pydantic."""

from __future__ import annotations

import re
import types
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql.ranges import AbstractRange, MultiRange

from lazy_alchemy._schema.types import TypeInfo
from lazy_alchemy.emitters._columns.domains import narrowed
from lazy_alchemy.emitters._columns.drivers import (
    UNSENT,
    UNSENT_ARRAY,
    array_text,
    has_flat_arrays,
    is_sent_as_text,
    is_unsent,
    is_unsent_array,
    item_checks,
)
from lazy_alchemy.emitters._columns.number_limits import is_sent_as_float
from lazy_alchemy.emitters._columns.text_limits import most_bytes
from lazy_alchemy.emitters._fields.python_types import TypeMap, base_of, forbids_null, is_mysql_boolean, range_bound
from lazy_alchemy.emitters._fields.user_types import spelling
from lazy_alchemy.emitters._values.arrays import FlatArray, NestedArray
from lazy_alchemy.emitters._values.encodings import AnyValue, Base64, BitText, HstoreText, MySQLBoolean, SentAsText
from lazy_alchemy.emitters._values.ranges import RangeOf, WithoutText

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.types import TypeEngine

    from lazy_alchemy.emitters._columns.limits import Limits
    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["Annotations"]


@dataclass(frozen=True)
class Annotations:
    """The annotated types of a model's fields, for one database and one direction.

    Attributes:
        map: The map of Python types.
        limits: The limits to check values against.
    """

    map: TypeMap
    limits: Limits
    # One for all columns of a type, so that they share one definition in a JSON schema.
    _shared: dict[tuple[str, TypeInfo], Any] = field(
        default_factory=dict[tuple[str, TypeInfo], Any], repr=False, compare=False
    )

    def of_column(self, field: ModelField) -> Any:
        """Return the annotated type of a field, without None."""
        if field.is_user_type:
            return Annotated[Any, AnyValue()] if field.python_type is Any else field.python_type
        return _annotated(self.of(field.type, field.python_type), self.limits.of_column(field.column))

    def of(self, type_: TypeEngine[Any], python: Any = None, *, in_domain: bool = False, in_array: bool = False) -> Any:
        """Return the annotated Python type of ``type_``.

        Args:
            type_: The type of a column, of array items, of a range's bounds, or the base type of a domain.
            python: Its Python type, if it does not follow from ``type_``.
            in_domain: Whether it is the base type of a domain, whose values SQLAlchemy does not convert.
            in_array: Whether it is the type of array items, or the base type of their domain.
        """
        user_type = self.map.user_types.find(type_)
        if user_type is not ...:
            return user_type
        if isinstance(type_, postgresql.DOMAIN):
            base = self.of(type_.data_type, in_domain=True, in_array=in_array)
            if not self.limits.sent or self._is_user_type(type_.data_type):
                return base
            unsent = not in_array and is_unsent(type_.data_type, self.limits.driver, in_domain=True)
            return Annotated[base, UNSENT] if unsent else narrowed(base, type_)
        if isinstance(type_, sqltypes.ARRAY):
            # isinstance does not narrow the item type.
            array: sqltypes.ARRAY[Any] = type_  # pyright: ignore[reportUnknownVariableType]
            python = self._array(array, in_domain=in_domain)
            if self.limits.sent:
                return python
            text = array_text(array.item_type, self.limits.driver, in_domain=in_domain, in_array=in_array)
            return python if text is None else Annotated[python, text]
        as_text = self.limits.sent and is_sent_as_text(
            type_, self.limits.driver, in_domain=in_domain, in_array=in_array
        )
        bound = range_bound(type_)
        if bound is not None:
            python = self._range(type_, bound[0], many=bound[1])
            if not self.limits.sent:
                return python
            return Annotated[python, SentAsText() if as_text else WithoutText()]
        python = self.map.python_type(type_) if python is None else python
        if python is bytes:
            return Annotated[bytes, Base64(self._most_bytes(type_))]
        if python is Decimal and is_sent_as_float(type_, self.limits.dialect, sent=self.limits.sent):
            python = float
        if is_mysql_boolean(type_):
            return bool if self.limits.sent else Annotated[bool, MySQLBoolean()]
        if isinstance(type_, mysql.ENUM) and not self.limits.sent and type_.enums:
            # "An error occurs in strict mode, otherwise an empty string is stored" (MariaDB Knowledge Base, "ENUM").
            return python | Literal[""]
        found = self.limits.of(type_)
        if python is Any and not isinstance(type_, sqltypes.JSON):
            found = (*found, AnyValue())
        if isinstance(type_, postgresql.BIT):
            found = (*found, BitText())
            if self.limits.sent and not in_domain and is_unsent(type_, self.limits.driver, in_domain=False):
                found = (*found, UNSENT)
        if as_text:
            found = (*found, SentAsText())
        if isinstance(type_, postgresql.HSTORE) and in_domain and not self.limits.sent:
            found = (*found, HstoreText())
        return _annotated(python, found)

    def _is_user_type(self, type_: TypeEngine[Any]) -> bool:
        """Return whether the user chose the Python type, or that of a domain's base; no annotations are then added."""
        if self.map.user_types.find(type_) is not ...:
            return True
        return isinstance(type_, postgresql.DOMAIN) and self._is_user_type(type_.data_type)

    def _most_bytes(self, type_: TypeEngine[Any]) -> int | None:
        if self.limits.sent or self.limits.dialect == "mysql":
            return most_bytes(type_, self.limits.dialect)
        return None

    def _array(self, type_: sqltypes.ARRAY[Any], *, in_domain: bool) -> Any:
        item = self.of(type_.item_type, in_domain=in_domain, in_array=True)
        checked = self.limits.sent and not self._is_user_type(type_.item_type)
        if checked:
            item = _annotated(item, item_checks(type_.item_type, self.limits.driver))
        if checked and is_unsent_array(type_.item_type, self.limits.driver, in_domain=in_domain):
            return Annotated[list[Any], UNSENT_ARRAY]
        if self.limits.sent and has_flat_arrays(type_.item_type, self.limits.driver, in_domain=in_domain):
            return Annotated[types.GenericAlias(list, (item | None,)), FlatArray()]
        if isinstance(base_of(type_.item_type), sqltypes.ARRAY):  # nested lists may be dimensions or items
            return types.GenericAlias(list, (item if forbids_null(type_.item_type) else item | None,))
        if type_.dimensions is None:
            if self.map.python_type(type_.item_type) is Any or isinstance(type_.item_type, sqltypes.JSON):
                # An item may itself be a list.
                return _annotated(list[Any], (*self.limits.of(type_.item_type), *self.limits.of_lists()))
            null = not forbids_null(type_.item_type)
            # Items of these types are read or sent differently in a domain.
            separate = in_domain and isinstance(type_.item_type, (postgresql.HSTORE, AbstractRange))
            name = f"{_schema_name(type_.item_type)}_{'items' if separate else 'array'}"
            return self._named(name, type_.item_type, list[Any], lambda name: NestedArray(item, name, null))
        item = item | None
        for _ in range(type_.dimensions):
            item = types.GenericAlias(list, (item,))
        return item

    def _range(self, type_: TypeEngine[Any], bound: TypeEngine[Any], *, many: bool) -> Any:
        python: Any = MultiRange if many else postgresql.Range  # Any: its type argument is only known at run time
        largest = self.limits.largest_bound(type_)
        name = _schema_name(type_)
        return self._named(name, type_, python, lambda name: RangeOf(self.of(bound), name, many, largest))

    def _named(self, name: str, type_: TypeEngine[Any], python: Any, annotation: Callable[[str], object]) -> Any:
        key = (name, TypeInfo.of(type_))  # BIT(3) and BIT VARYING(3) have the same name
        if key not in self._shared:
            self._shared[key] = Annotated[python, annotation(name)]
        return self._shared[key]


def _schema_name(type_: TypeEngine[Any]) -> str:
    """Return a type's name as an identifier for the JSON schema: ``VARCHAR_5``, ``mood``."""
    name = getattr(type_, "name", None)
    text = name if isinstance(name, str) else spelling(type_).partition(" COLLATE ")[0]
    if isinstance(type_, (postgresql.BIT, postgresql.TIME, postgresql.TIMESTAMP, postgresql.INTERVAL)):
        text += f" {getattr(type_, 'length', None) or getattr(type_, 'precision', None) or ''}"
    zone = "_with_time_zone" if getattr(type_, "timezone", False) else ""
    return re.sub(r"\W+", "_", text).strip("_") + zone


def _annotated(python: Any, annotations: tuple[Any, ...]) -> Any:
    for annotation in annotations:
        python = Annotated[python, annotation]
    return python
