"""``CustomTable``, the Table that an accessor gives, and ``ModelEmitter``, what can be made of it. No I/O."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, cast, overload

from typing_extensions import TypeVar

from lazy_alchemy._reflected import ReflectedTable, declared_class, emit_once, emitted_from, emitting, is_complete
from lazy_alchemy._type_parameters import ChangeT_co, ColumnsT_co, InsertT_co, ModelT_co, RowT_co

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic import BaseModel
    from sqlalchemy import Column, Table
    from sqlmodel import SQLModel

__all__ = ["CustomTable", "ModelEmitter"]

T_co = TypeVar("T_co", covariant=True)
_T = TypeVar("_T")
_BaseModelT = TypeVar("_BaseModelT", bound="SQLModel")


class ModelEmitter(Protocol[T_co]):
    """Makes something out of a table: a class, or source code. It does no I/O.

    ``CustomTable.emit`` keeps what a hashable emitter returned, so equal emitters must return equal things.
    """

    def emit(self, table: CustomTable[Any, Any, Any]) -> T_co:  # Any: of whatever table
        """Return what this emitter makes of ``table``.

        Raises:
            ModelError: The table cannot be made into it.
        """
        ...


class CustomTable(ReflectedTable, Generic[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]):
    """A ``sqlalchemy.Table`` that an accessor loaded.

    ``users.username`` is ``users.c.username`` unless a Table has an attribute of that name (``users.name`` is the
    table's own name) or the column's name begins with an underscore; ``users.c[...]`` always works.
    """

    # Every CustomTable is some table: as a Table it would raise TypeError in `if db.users:`.
    def __bool__(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # SQLAlchemy's never returns
        """Return True."""
        return True

    def __getattr__(self, name: str) -> Column[Any]:
        """Return the column called ``name``.

        ``Any``: it is for typing by hand; typed code says ``table.c.name``.

        Raises:
            AttributeError: There is no such column.
        """
        if not name.startswith("_") and is_complete(self):
            try:
                return self.c[name]
            except KeyError:
                raise AttributeError(
                    f"Table {self.name!r} has no column or attribute {name!r}. Its columns: {', '.join(self.c.keys())}"
                ) from None
        columns: Any = self.__dict__.get("_columns", ())  # Any: private, and read for a hint only
        hint = f"; the column is table.c[{name!r}]" if name in columns else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def emit(self, emitter: ModelEmitter[_T]) -> _T:
        """Return what ``emitter`` makes of this table; for equal hashable emitters it is made once. No round trip.

        Raises:
            ModelError: The table cannot be made into it.
        """
        return emit_once(self, emitter)

    @overload
    def as_pydantic(self, *, partial: Literal[False] = False) -> type[RowT_co]: ...
    @overload
    def as_pydantic(self, *, partial: Literal[True]) -> type[ChangeT_co]: ...
    @overload
    def as_pydantic(self, *, partial: bool) -> type[BaseModel]: ...
    def as_pydantic(self, *, partial: bool = False) -> type[BaseModel]:
        """Return a Pydantic model of a row: NOT NULL columns are required, the others are Optional with default None.

        Args:
            partial: Make every field optional, as ``as_pydantic_partial`` does.
        """
        return self._pydantic("partial" if partial else "row")

    def as_pydantic_partial(self) -> type[ChangeT_co]:
        """Return a Pydantic model in which every field is optional, as PATCH wants it.

        What was sent is told from what was not by ``model_dump(exclude_unset=True)``.
        """
        return self._pydantic("partial")

    def as_pydantic_insert(self) -> type[InsertT_co]:
        """Return a Pydantic model of a row to be inserted, as POST wants it.

        What the database fills in (identity, autoincrement, a server default) is optional, what it computes is left
        out.
        """
        return self._pydantic("insert")

    @overload
    def as_sqlmodel(
        self,
        *,
        base: None = None,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[ModelT_co]: ...
    @overload
    def as_sqlmodel(
        self,
        *,
        base: Mapping[Any, type[SQLModel]] | None = None,
        relationships: Collection[Table] = ...,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[SQLModel]: ...
    @overload
    def as_sqlmodel(
        self,
        *,
        base: type[_BaseModelT],
        relationships: Collection[Table] = ...,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[_BaseModelT]: ...
    def as_sqlmodel(
        self,
        *,
        base: type[SQLModel] | Mapping[Any, type[SQLModel]] | None = None,
        relationships: Collection[Table] = (),
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = (),
    ) -> type[Any]:
        """Return a SQLModel class mapped onto this very table.

        Args:
            base: A SQLModel class of your own to inherit from; a mapping of tables to classes with ``relationships``.
            relationships: Tables of the same accessor that its class is to be related with, link tables among them.
            primary_key: The columns that tell the rows of a view, or of a table without a primary key, apart; a mapping
                of tables to such columns with ``relationships``.

        Raises:
            ModelError: The table has no primary key and none is named, or an option cannot be.
        """
        return self._mapped("SQLModelEmitter", base, relationships, primary_key)

    @overload
    def as_orm(
        self,
        *,
        base: Mapping[Any, type[Any]] | None = None,
        relationships: Collection[Table] = ...,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[Any]: ...
    @overload
    def as_orm(
        self,
        *,
        base: type[_T],
        relationships: Collection[Table] = ...,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[_T]: ...
    def as_orm(
        self,
        *,
        base: type[Any] | Mapping[Any, type[Any]] | None = None,
        relationships: Collection[Table] = (),
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = (),
    ) -> type[Any]:
        """Return a class that SQLAlchemy alone maps onto this very table.

        Args:
            base: A plain class of your own to inherit from; a mapping of tables to classes with ``relationships``.
            relationships: As in ``as_sqlmodel``.
            primary_key: As in ``as_sqlmodel``.

        Raises:
            ModelError: The table has no primary key and none is named, or an option cannot be.
        """
        return self._mapped("ORMEmitter", base, relationships, primary_key)

    def _pydantic(self, shape: str) -> type[Any]:  # Any: a made class, or the declared one
        try:
            model: type[Any] = emitted_from(self)["PydanticEmitter", shape]
        except KeyError:
            model = self._emit_once("PydanticEmitter", shape=shape)
        return model

    def _mapped(self, emitter: str, base: object, relationships: object, primary_key: object) -> type[Any]:
        # Here, and not by ``_hashable``: to look a list up would raise, which takes longer than all the rest.
        if isinstance(relationships, list):
            relationships = tuple(cast("list[object]", relationships))
        if isinstance(primary_key, list):
            primary_key = tuple(cast("list[object]", primary_key))
        try:
            made: type[Any] = emitted_from(self)[emitter, base, relationships, primary_key]
        except (KeyError, TypeError):
            made = self._emit_once(emitter, base=base, relationships=relationships, primary_key=primary_key)
        return made

    def _emit_once(self, emitter: str, **options: Any) -> Any:  # Any: each emitter has options and a result of its own
        """Emit for a call that is not known yet, and file the result under the call too.

        To make an emitter and to hash it would take most of the time of every call.
        """
        call = (emitter, *map(_hashable, options.values()))
        try:
            return emitted_from(self)[call]
        except (KeyError, TypeError):
            pass
        # The first import included: a child that is forked in the middle of one waits for it for ever.
        with emitting:
            from lazy_alchemy import emitters

            emitted = declared_class(self, emitter, options)
            if emitted is None:
                emitted = self.emit(getattr(emitters, emitter)(**options))
            with contextlib.suppress(TypeError):  # an option that cannot be hashed
                emitted_from(self)[call] = emitted
            return emitted


def _hashable(option: object) -> object:
    """Return what stands for an option in a key."""
    if isinstance(option, (set, frozenset)):
        return frozenset(cast("set[object]", option))
    if isinstance(option, dict):
        return frozenset(cast("dict[object, object]", option).items())
    return option
