"""The type parameters of a table: the class of its columns, and its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Column
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlmodel import SQLModel

__all__ = ["ChangeT_co", "ColumnsT_co", "InsertT_co", "ModelT_co", "RowT_co"]

# Covariant, so that a table of known columns and models is also one of any: what takes a CustomTable takes it.
# Any: a column's Python type is known to a columns class alone.
ColumnsT_co = TypeVar(
    "ColumnsT_co",
    bound="ReadOnlyColumnCollection[str, Column[Any]]",
    default="ReadOnlyColumnCollection[str, Column[Any]]",
    covariant=True,
)
RowT_co = TypeVar("RowT_co", bound="BaseModel", default="BaseModel", covariant=True)
ModelT_co = TypeVar("ModelT_co", bound="SQLModel", default="SQLModel", covariant=True)
InsertT_co = TypeVar("InsertT_co", bound="BaseModel", default="BaseModel", covariant=True)
ChangeT_co = TypeVar("ChangeT_co", bound="BaseModel", default="BaseModel", covariant=True)
