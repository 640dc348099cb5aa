# What src/lazy_alchemy/_tables.py cannot say: a CustomTable is a Table with its columns class as type argument. (At run
# time, the Table of SQLAlchemy 2.0 takes no type argument.)

from collections.abc import Collection, Mapping
from typing import Any, Generic, Literal, Protocol, overload

from pydantic import BaseModel
from sqlalchemy import Column, Table
from sqlmodel import SQLModel
from typing_extensions import TypeVar

from lazy_alchemy._schema.tables import TableInfo
from lazy_alchemy._type_parameters import ChangeT_co, ColumnsT_co, InsertT_co, ModelT_co, RowT_co

__all__ = ["CustomTable", "ModelEmitter"]

_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")
_SQLModelT = TypeVar("_SQLModelT", bound=SQLModel)

class ModelEmitter(Protocol[_T_co]):
    def emit(self, table: CustomTable[Any, Any, Any]) -> _T_co: ...

# SQLAlchemy 2.0's Table is not generic: with it, `c` and `columns` have the type that 2.1 knows from the type argument.
class CustomTable(
    Table[ColumnsT_co],  # type: ignore[type-arg, unused-ignore]
    Generic[ColumnsT_co, RowT_co, ModelT_co, InsertT_co, ChangeT_co],
):
    @property
    def c(self) -> ColumnsT_co: ...
    @property
    def columns(self) -> ColumnsT_co: ...
    # SQLAlchemy's raises.
    def __bool__(self) -> Literal[True]: ...  # pyright: ignore[reportIncompatibleMethodOverride]
    # Every other attribute is a column; typed code uses `table.c.name`.
    def __getattr__(self, name: str) -> Column[Any]: ...
    @property
    def reflected(self) -> TableInfo: ...
    def emit(self, emitter: ModelEmitter[_T]) -> _T: ...
    @overload
    def as_pydantic(self, *, partial: Literal[False] = False) -> type[RowT_co]: ...
    @overload
    def as_pydantic(self, *, partial: Literal[True]) -> type[ChangeT_co]: ...
    @overload
    def as_pydantic(self, *, partial: bool) -> type[BaseModel]: ...
    def as_pydantic_partial(self) -> type[ChangeT_co]: ...
    def as_pydantic_insert(self) -> type[InsertT_co]: ...
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
