"""Listeners that keep the values of mapped instances what their model says, where SQLAlchemy alone would not."""

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
from lazy_alchemy.emitters._fields.fields import is_unnumbered, numbers_itself
from lazy_alchemy.emitters._fields.python_types import TypeMap, base_of
from lazy_alchemy.emitters._values.array_text import ArrayText

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.orm import InstanceState

    from lazy_alchemy.emitters._fields.fields import ModelField

__all__ = ["listen"]


def listen(mapped: type[Any], fields: Collection[ModelField]) -> None:
    """Register on the class ``mapped`` what its ``fields`` need, mostly nothing."""
    if fields:
        _listen_to_keys(mapped, fields)
    null_senders = [
        field.name for field in fields if (field.nullable or field.filled) and field.column.type.should_evaluate_none
    ]
    if null_senders:
        event.listen(mapped, "before_insert", _leaving_out_none(null_senders))
    documents = [field.name for field in fields if field.nullable and field.column.type.should_evaluate_none]
    if documents:
        before_update, after_update = _sending_null_for_none(documents)
        event.listen(mapped, "before_update", before_update)
        event.listen(mapped, "after_update", after_update)
    computed = [field.name for field in fields if field.column.computed is not None]
    if computed:
        event.listen(mapped, "before_insert", _leaving_out(computed))
    numbers = [
        field.name for field in fields if field.python_type is bool and not isinstance(field.column.type, Boolean)
    ]
    arrays = {field.name: one for field in fields if (one := _read_array(field, driver_of(field.column.table)))}
    for of_fields in ([_making_bool(numbers)] if numbers else []) + ([_making_lists(arrays)] if arrays else []):
        for name in ("load", "refresh", "refresh_flush"):
            event.listen(mapped, name, of_fields)


def _listen_to_keys(mapped: type[Any], fields: Collection[ModelField]) -> None:
    twice = [str(field.column.name) for field in fields if field.column.primary_key and numbers_itself(field.column)]
    if len(twice) > 1:
        event.listen(mapped, "before_insert", _refusing_insert(mapped.__table__.fullname, twice))
    for field in fields:
        if is_unnumbered(field.column) and not field.filled:
            event.listen(mapped, "before_insert", _refusing_none(field))
        if _is_nullable_key(field):
            event.listen(mapped, "before_insert", _sending_null(field.name))


def _refusing_insert(table: str, columns: Collection[str]) -> Callable[..., None]:
    """Say what SQLAlchemy cannot do, which foresees one column at most that numbers itself in a primary key."""

    def before_insert(_mapper: object, _connection: object, _target: object) -> None:
        raise ModelError(
            f"SQLAlchemy cannot insert into {table!r}: the columns {' and '.join(map(repr, columns))} of its primary"
            " key number themselves. Insert with INSERT as text; the rows can be read and changed."
        )

    return before_insert


def _leaving_out_none(names: Collection[str]) -> Callable[..., None]:
    """Make None mean "not given" for JSON as it does for every other type.

    SQLAlchemy leaves a None out of an ORM INSERT, so that the column's default or NULL takes effect; but of a JSON
    column it writes the document ``null``, also when the None is only the model's default.
    """

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            if state.dict.get(name, ...) is None:
                del_attribute(target, name)

    return before_insert


def _sending_null_for_none(names: Collection[str]) -> tuple[Callable[..., None], Callable[..., None]]:
    """Make None mean NULL for JSON also in an UPDATE, where SQLAlchemy would write the document ``null``."""
    sent: WeakKeyDictionary[InstanceState[Any], list[str]] = WeakKeyDictionary()

    def before_update(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        # Always set: what a flush that failed has left here must not be taken for this one's.
        sent[state] = [
            name for name in names if state.dict.get(name, ...) is None and state.attrs[name].history.has_changes()
        ]
        for name in sent[state]:
            set_attribute(target, name, null())

    def after_update(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in sent.pop(state, ()):
            # Or it would be fetched when it is next looked at, which async code cannot.
            set_committed_value(target, name, None)

    return before_update, after_update


def _leaving_out(names: Collection[str]) -> Callable[..., None]:
    """Keep what the database computes out of an INSERT, also in a copy that has its value."""

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            if name in state.dict:
                del_attribute(target, name)

    return before_insert


def _is_nullable_key(field: ModelField) -> bool:
    column = field.column
    return numbers_itself(column) and bool(column.nullable) and column.default is None and column.server_default is None


def _sending_null(name: str) -> Callable[..., None]:
    """Let SQLite number a row by an explicit NULL, so that several new rows can be flushed together.

    SQLite says of an INTEGER PRIMARY KEY without NOT NULL that it may be NULL, and SQLAlchemy refuses such a column
    when it inserts several rows in one statement ("has been marked as a sentinel column"). A row that carries an SQL
    expression is inserted by itself, and its key is fetched all the same.
    """

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        if state.dict.get(name) is None:
            set_attribute(target, name, null())

    return before_insert


def _refusing_none(field: ModelField) -> Callable[..., None]:
    """Refuse a new object without its key, where SQLite would store NULL and SQLAlchemy make up a number."""

    def before_insert(_mapper: object, _connection: object, target: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        if state.dict.get(field.name) is None:
            raise ModelError(
                f"Give a value to the column {str(field.column.name)!r} of {field.column.table.fullname!r}: it is in"
                " the primary key, and SQLite does not number rows in it (it does in an INTEGER PRIMARY KEY only)."
            )

    return before_insert


def _read_array(field: ModelField, driver: str | None) -> TypeAdapter[Any] | None:
    """Return what makes a list of an array that the driver may give as text; None for every other column."""
    if not isinstance(base_of(field.type), ARRAY):
        return None
    type_ = Annotations(TypeMap(), Limits(field.dialect, sent=False, driver=driver)).of_column(field)
    return TypeAdapter(type_) if any(isinstance(item, ArrayText) for item in get_args(type_)) else None


def _making_lists(arrays: Mapping[str, TypeAdapter[Any]]) -> Callable[..., None]:
    """Make what a driver gives as the text of an array the list that it is."""

    def loaded(target: object, _context: object, names: Collection[str] | None = None) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name, adapter in arrays.items():
            if (names is None or name in names) and state.dict.get(name) is not None:
                set_committed_value(target, name, adapter.validate_python(state.dict[name]))

    return loaded


def _making_bool(names: Collection[str]) -> Callable[..., None]:
    """Make the 0 and 1 that MySQL gives for BOOLEAN a bool; any other number stays what it is."""

    def loaded(target: object, *_: object) -> None:
        state: InstanceState[Any] = inspect(target, raiseerr=True)
        for name in names:
            value = state.dict.get(name)
            if type(value) is int and value in (0, 1):
                set_committed_value(target, name, bool(value))

    return loaded
