# What src/lazy_alchemy/_tables.py cannot say: that a CustomTable is a Table of its columns. (At run time the Table of
# SQLAlchemy 2.0 takes no argument.)

from collections.abc import Collection, Mapping
from typing import Any, Generic, Literal, overload

from pydantic import BaseModel
from sqlalchemy import Column, Table
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import SQLModel
from typing_extensions import TypeVar

from lazy_alchemy._protocols import ModelEmitter
from lazy_alchemy._tableinfo import TableInfo

__all__ = ["CustomTable"]

_ColumnsT_co = TypeVar(
    "_ColumnsT_co",
    bound=ReadOnlyColumnCollection[str, Column[Any]],
    default=ReadOnlyColumnCollection[str, Column[Any]],
    covariant=True,
)
_RowT_co = TypeVar("_RowT_co", bound=BaseModel, default=BaseModel, covariant=True)
_ModelT_co = TypeVar("_ModelT_co", bound=SQLModel, default=SQLModel, covariant=True)
_InsertT_co = TypeVar("_InsertT_co", bound=BaseModel, default=BaseModel, covariant=True)
_ChangeT_co = TypeVar("_ChangeT_co", bound=BaseModel, default=BaseModel, covariant=True)
_T = TypeVar("_T")
_SQLModelT = TypeVar("_SQLModelT", bound=SQLModel)

# SQLAlchemy 2.0's Table is not generic; there the two properties say what 2.1 knows from the argument.
class CustomTable(
    Table[_ColumnsT_co],  # type: ignore[type-arg, unused-ignore]
    Generic[_ColumnsT_co, _RowT_co, _ModelT_co, _InsertT_co, _ChangeT_co],
):
    @property
    def c(self) -> _ColumnsT_co: ...
    @property
    def columns(self) -> _ColumnsT_co: ...
    # SQLAlchemy's raises.
    def __bool__(self) -> Literal[True]: ...  # pyright: ignore[reportIncompatibleMethodOverride]
    # Every other attribute is a column; typed code says `table.c.name`.
    def __getattr__(self, name: str) -> Column[Any]: ...
    @property
    def reflected(self) -> TableInfo: ...
    def emit(self, emitter: ModelEmitter[_T]) -> _T: ...
    @overload
    def as_pydantic(self, *, partial: Literal[False] = False) -> type[_RowT_co]: ...
    @overload
    def as_pydantic(self, *, partial: Literal[True]) -> type[_ChangeT_co]: ...
    @overload
    def as_pydantic(self, *, partial: bool) -> type[BaseModel]: ...
    def as_pydantic_partial(self) -> type[_ChangeT_co]: ...
    def as_pydantic_insert(self) -> type[_InsertT_co]: ...
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
        base: type[_SQLModelT],
        relationships: Collection[Table] = ...,
        primary_key: Collection[str] | Mapping[Any, Collection[str]] = ...,
    ) -> type[_SQLModelT]: ...
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
