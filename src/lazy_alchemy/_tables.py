"""``CustomTable``, the Table that accessors return, and ``ModelEmitter``, which makes classes from it. No I/O."""

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
    """Makes a class or source code from a table. It does no I/O.

    ``CustomTable.emit`` keeps the result of a hashable emitter, so equal emitters must return equal results.
    """

    def emit(self, table: CustomTable[Any, Any, Any]) -> T_co:  # Any: of any columns and models
        """Return the class or text for ``table``.

        Raises:
            ModelError: It cannot be made from this table.
        """
        ...


class CustomTable(ReflectedTable, Generic[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co]):
    """A ``sqlalchemy.Table`` that an accessor loaded.

    ``users.username`` is ``users.c.username`` unless a Table has an attribute of that name (``users.name`` is the
    table's own name) or the column's name begins with an underscore; ``users.c[...]`` always works.
    """

    # So that `if db.users:` works: SQLAlchemy's Table raises TypeError.
    def __bool__(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # SQLAlchemy's never returns
        """Return True."""
        return True

    def __getattr__(self, name: str) -> Column[Any]:
        """Return the column called ``name``.

        ``Any``: this shorthand is for interactive use; typed code uses ``table.c.name``.

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
        """Emit from this table, once for all equal hashable emitters, and return the result. No round trip.

        Raises:
            ModelError: It cannot be made from this table.
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
        """Return a Pydantic model in which every field is optional, as PATCH needs it.

        ``model_dump(exclude_unset=True)`` returns only the fields that were sent.
        """
        return self._pydantic("partial")

    def as_pydantic_insert(self) -> type[InsertT_co]:
        """Return a Pydantic model of a row to insert, as POST needs it.

        Columns that the database fills in (identity, autoincrement, a server default) are optional; columns that it
        computes are left out.
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
            base: Your own SQLModel class to inherit from; with ``relationships``, a mapping of tables to such classes.
            relationships: Tables of the same accessor to relate the class to, including link tables.
            primary_key: The columns that identify a row of a view, or of a table without a primary key; with
                ``relationships``, a mapping of tables to such columns.

        Raises:
            ModelError: The table has no primary key and none is given, or an option is invalid.
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
        """Return a class mapped onto this very table by SQLAlchemy alone.

        Args:
            base: Your own plain class to inherit from; with ``relationships``, a mapping of tables to such classes.
            relationships: See ``as_sqlmodel``.
            primary_key: See ``as_sqlmodel``.

        Raises:
            ModelError: The table has no primary key and none is given, or an option is invalid.
        """
        return self._mapped("ORMEmitter", base, relationships, primary_key)

    def _pydantic(self, shape: str) -> type[Any]:  # Any: a generated class, or the declared one
        try:
            model: type[Any] = emitted_from(self)["PydanticEmitter", shape]
        except KeyError:
            model = self._emit_once("PydanticEmitter", shape=shape)
        return model

    def _mapped(self, emitter: str, base: object, relationships: object, primary_key: object) -> type[Any]:
        # Lists are not left to ``_hashable``: the lookup would raise first, which takes longer than all the rest.
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
        """Emit for a new method call, and store the result under the call as well as under the emitter.

        Otherwise every call would spend most of its time on creating and hashing an emitter.
        """
        call = (emitter, *map(_hashable, options.values()))
        try:
            return emitted_from(self)[call]
        except (KeyError, TypeError):
            pass
        # The lock covers the first import too: a child that is forked during an import would wait for it forever.
        with emitting:
            from lazy_alchemy import emitters

            emitted = declared_class(self, emitter, options)
            if emitted is None:
                emitted = self.emit(getattr(emitters, emitter)(**options))
            with contextlib.suppress(TypeError):  # an option that cannot be hashed
                emitted_from(self)[call] = emitted
            return emitted


def _hashable(option: object) -> object:
    """Return an option in the form that is used in keys."""
    if isinstance(option, (set, frozenset)):
        return frozenset(cast("set[object]", option))
    if isinstance(option, dict):
        return frozenset(cast("dict[object, object]", option).items())
    return option
