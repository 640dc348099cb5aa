"""Event listeners on mapped classes, for values that SQLAlchemy alone would not load or write as the models expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, Boolean, event, inspect, null
from sqlalchemy.orm.attributes import del_attribute, set_attribute, set_committed_value

from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import driver_of
from lazy_alchemy.emitters._columns.annotations import Annotations
from lazy_alchemy.emitters._columns.limits import Limits
from lazy_alchemy.emitters._fields.fields import is_autonumbered, is_unnumbered
from lazy_alchemy.emitters._fields.python_types import TypeMap, base_of
from lazy_alchemy.emitters._values.array_text import ArrayText

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.orm import InstanceState

    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["listen"]


def listen(mapped: type[Any], fields: Collection[ModelField]) -> None:
    """Register the listeners that the ``fields`` of the class ``mapped`` need. Most fields need none."""
    if fields:
        _listen_to_keys(mapped, fields)
    null_senders = [
        field.name for field in fields if (field.nullable or field.filled) and field.column.type.should_evaluate_none
    ]
    if null_senders:
        event.listen(mapped, "before_insert", _omit_none(null_senders))
    documents = [field.name for field in fields if field.nullable and field.column.type.should_evaluate_none]
    if documents:
        before_update, after_update = _write_null_for_none(documents)
        event.listen(mapped, "before_update", before_update)
        event.listen(mapped, "after_update", after_update)
    computed = [field.name for field in fields if field.column.computed is not None]
    if computed:
        event.listen(mapped, "before_insert", _omit(computed))
    numbers = [
        field.name for field in fields if field.python_type is bool and not isinstance(field.column.type, Boolean)
    ]
    arrays = {field.name: one for field in fields if (one := _read_array(field, driver_of(field.column.table)))}
    for convert in ([_convert_booleans(numbers)] if numbers else []) + ([_parse_arrays(arrays)] if arrays else []):
        for name in ("load", "refresh", "refresh_flush"):
            event.listen(mapped, name, convert)


def _listen_to_keys(mapped: type[Any], fields: Collection[ModelField]) -> None:
    numbered = [
        str(field.column.name) for field in fields if field.column.primary_key and is_autonumbered(field.column)
    ]
    if len(numbered) > 1:
        event.listen(mapped, "before_insert", _refuse_insert(mapped.__table__.fullname, numbered))
    for field in fields:
        if is_unnumbered(field.column) and not field.filled:
            event.listen(mapped, "before_insert", _refuse_none(field))
        if _is_nullable_key(field):
            event.listen(mapped, "before_insert", _write_null(field.name))


def _refuse_insert(table: str, columns: Collection[str]) -> Callable[..., None]:
    """Refuse an INSERT: SQLAlchemy supports at most one autoincrement column in a primary key."""

    def before_insert(_mapper: object, _connection: object, _target: object) -> None:
        raise ModelError(
            f"SQLAlchemy cannot insert into {table!r}: the database numbers several columns of its primary key,"
            f" {' and '.join(map(repr, columns))}. Insert with textual SQL; rows can be read and updated."
        )

    return before_insert


def _omit_none(names: Collection[str]) -> Callable[..., None]:
    """Make an INSERT omit a JSON column that is None, as it does for every other type.

    SQLAlchemy omits None from an ORM INSERT, so that the server default or NULL takes effect. For a JSON column,
    however, it writes the document ``null``, even if None is only the model's default.
    """

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            if state.dict.get(name, ...) is None:
                del_attribute(target, name)

    return before_insert


def _write_null_for_none(names: Collection[str]) -> tuple[Callable[..., None], Callable[..., None]]:
    """Make an UPDATE write NULL for None in a JSON column, where SQLAlchemy would write the document ``null``."""
    written: WeakKeyDictionary[InstanceState[Any], list[str]] = WeakKeyDictionary()

    def before_update(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        # Always set, to replace what a failed flush may have left here.
        written[state] = [
            name for name in names if state.dict.get(name, ...) is None and state.attrs[name].history.has_changes()
        ]
        for name in written[state]:
            set_attribute(target, name, null())

    def after_update(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in written.pop(state, ()):
            # Otherwise the next access would load it, which fails in async code.
            set_committed_value(target, name, None)

    return before_update, after_update


def _omit(names: Collection[str]) -> Callable[..., None]:
    """Make an INSERT omit computed columns, even for a copied instance that has their values."""

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            if name in state.dict:
                del_attribute(target, name)

    return before_insert


def _is_nullable_key(field: ModelField) -> bool:
    column = field.column
    return (
        is_autonumbered(column) and bool(column.nullable) and column.default is None and column.server_default is None
    )


def _write_null(name: str) -> Callable[..., None]:
    """Insert NULL explicitly as the key, for SQLite to number the row, so that several rows can be flushed at once.

    SQLite reports an INTEGER PRIMARY KEY without NOT NULL as nullable, and SQLAlchemy refuses such a column when it
    inserts several rows in one statement ("has been marked as a sentinel column"). A row with a SQL expression is
    inserted separately, and its key is still fetched.
    """

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        if state.dict.get(name) is None:
            set_attribute(target, name, null())

    return before_insert


def _refuse_none(field: ModelField) -> Callable[..., None]:
    """Refuse a new instance without its key: SQLite would store NULL, and SQLAlchemy would assume a wrong number."""

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        if state.dict.get(field.name) is None:
            raise ModelError(
                f"Set the column {str(field.column.name)!r} of {field.column.table.fullname!r}: it is in the primary"
                " key, and SQLite does not number rows in it (only in an INTEGER PRIMARY KEY)."
            )

    return before_insert


def _read_array(field: ModelField, driver: str | None) -> TypeAdapter[Any] | None:
    """Return an adapter that parses an array if the driver may return it as text; None for any other column."""
    if not isinstance(base_of(field.type), ARRAY):
        return None
    type_ = Annotations(TypeMap(), Limits(field.dialect, sent=False, driver=driver)).of_column(field)
    return TypeAdapter(type_) if any(isinstance(item, ArrayText) for item in get_args(type_)) else None


def _parse_arrays(arrays: Mapping[str, TypeAdapter[Any]]) -> Callable[..., None]:
    """Parse arrays that the driver returns as text."""

    def loaded(target: object, _context: object, names: Collection[str] | None = None) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name, adapter in arrays.items():
            if (names is None or name in names) and state.dict.get(name) is not None:
                set_committed_value(target, name, adapter.validate_python(state.dict[name]))

    return loaded


def _convert_booleans(names: Collection[str]) -> Callable[..., None]:
    """Convert the 0 and 1 that MySQL returns for BOOLEAN to a bool; other numbers stay unchanged."""

    def loaded(target: object, *_: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            value = state.dict.get(name)
            if type(value) is int and value in (0, 1):
                set_committed_value(target, name, bool(value))

    return loaded
