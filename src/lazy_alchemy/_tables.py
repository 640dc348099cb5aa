"""``CustomTable``: a SQLAlchemy Table that knows what was reflected, and the models made of it. No I/O."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Generic, Literal, cast, overload

from sqlalchemy import Column, Table
from typing_extensions import TypeVar

from lazy_alchemy._locks import survive_fork

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic import BaseModel
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlmodel import SQLModel

    from lazy_alchemy._protocols import ModelEmitter
    from lazy_alchemy._tableinfo import TableInfo

__all__ = ["CustomTable"]

# Covariant, so that a table of known columns and models is also one of any: what takes a CustomTable takes it.
_ColumnsT_co = TypeVar(
    "_ColumnsT_co",
    bound="ReadOnlyColumnCollection[str, Column[Any]]",
    default="ReadOnlyColumnCollection[str, Column[Any]]",
    covariant=True,
)
_RowT_co = TypeVar("_RowT_co", bound="BaseModel", default="BaseModel", covariant=True)
_ModelT_co = TypeVar("_ModelT_co", bound="SQLModel", default="SQLModel", covariant=True)
_InsertT_co = TypeVar("_InsertT_co", bound="BaseModel", default="BaseModel", covariant=True)
_ChangeT_co = TypeVar("_ChangeT_co", bound="BaseModel", default="BaseModel", covariant=True)
_T = TypeVar("_T")
_BaseModelT = TypeVar("_BaseModelT", bound="SQLModel")

# Emitting is rare and takes milliseconds; one lock for all tables keeps "the same call gives the same class" under
# threads.
_emitting = threading.RLock()
survive_fork(_emitting.acquire, _emitting.release)


class CustomTable(Table, Generic[_ColumnsT_co, _RowT_co, _ModelT_co, _InsertT_co, _ChangeT_co]):
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
        if not name.startswith("_") and "_reflected" in self.__dict__:
            try:
                return self.c[name]
            except KeyError:
                raise AttributeError(
                    f"Table {self.name!r} has no column or attribute {name!r}. Its columns: {', '.join(self.c.keys())}"
                ) from None
        columns: Any = self.__dict__.get("_columns", ())  # Any: private, and read for a hint only
        hint = f"; the column is table.c[{name!r}]" if name in columns else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __getstate__(self) -> dict[str, Any]:
        # Any: as in object.__getstate__. The emitted classes are in no module where unpickling would find them.
        state: dict[str, Any] = {**super().__getstate__()}  # type: ignore[no-untyped-call]
        state.pop("_emitted", None)
        state.pop("_declarations", None)
        return state

    @property
    def reflected(self) -> TableInfo:
        """What the reflector found out about the table."""
        info: TableInfo = self.__dict__["_reflected"]
        return info

    def emit(self, emitter: ModelEmitter[_T]) -> _T:
        """Return what ``emitter`` makes of this table; for equal hashable emitters it is made once. No round trip.

        Raises:
            ModelError: The table cannot be made into it.
        """
        emitted: dict[ModelEmitter[_T], _T] = vars(self).setdefault("_emitted", {})
        try:
            return emitted[emitter]
        except KeyError:
            pass
        except TypeError:  # not hashable, or holding something that is not
            return emitter.emit(self)  # pyright: ignore[reportArgumentType]  # it takes ours for the stub's
        with _emitting:
            if emitter not in emitted:
                emitted[emitter] = emitter.emit(self)  # pyright: ignore[reportArgumentType]  # likewise
            return emitted[emitter]

    @overload
    def as_pydantic(self, *, partial: Literal[False] = False) -> type[_RowT_co]: ...
    @overload
    def as_pydantic(self, *, partial: Literal[True]) -> type[_ChangeT_co]: ...
    @overload
    def as_pydantic(self, *, partial: bool) -> type[BaseModel]: ...
    def as_pydantic(self, *, partial: bool = False) -> type[BaseModel]:
        """Return a Pydantic model of a row: NOT NULL columns are required, the others are Optional with default None.

        Args:
            partial: Make every field optional, as ``as_pydantic_partial`` does.
        """
        return self._pydantic("partial" if partial else "row")

    def as_pydantic_partial(self) -> type[_ChangeT_co]:
        """Return a Pydantic model in which every field is optional, as PATCH wants it.

        What was sent is told from what was not by ``model_dump(exclude_unset=True)``.
        """
        return self._pydantic("partial")

    def as_pydantic_insert(self) -> type[_InsertT_co]:
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
    ) -> type[_ModelT_co]: ...
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
            model: type[Any] = self.__dict__["_emitted"]["PydanticEmitter", shape]
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
            made: type[Any] = self.__dict__["_emitted"][emitter, base, relationships, primary_key]
        except (KeyError, TypeError):
            made = self._emit_once(emitter, base=base, relationships=relationships, primary_key=primary_key)
        return made

    def _emit_once(self, emitter: str, **options: Any) -> Any:  # Any: each emitter has options and a result of its own
        """Emit for a call that is not known yet, and file the result under the call too.

        To make an emitter and to hash it would take most of the time of every call.
        """
        call = (emitter, *map(_hashable, options.values()))
        try:
            return self.__dict__["_emitted"][call]
        except (KeyError, TypeError):
            pass
        # The first import included: a child that is forked in the middle of one waits for it for ever.
        with _emitting:
            from lazy_alchemy import emitters
            from lazy_alchemy._declarations import declared_class

            emitted = declared_class(self, emitter, options)  # pyright: ignore[reportArgumentType]  # likewise
            if emitted is None:
                emitted = self.emit(getattr(emitters, emitter)(**options))
            with contextlib.suppress(TypeError):  # an option that cannot be hashed
                self.__dict__.setdefault("_emitted", {})[call] = emitted
            return emitted


def _hashable(option: object) -> object:
    """Return what stands for an option in a key."""
    if isinstance(option, (set, frozenset)):
        return frozenset(cast("set[object]", option))
    if isinstance(option, dict):
        return frozenset(cast("dict[object, object]", option).items())
    return option
