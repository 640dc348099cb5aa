"""The type parameters of a table: its columns class and its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Column
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlmodel import SQLModel

__all__ = ["ChangeT_co", "ColumnsT_co", "InsertT_co", "ModelT_co", "RowT_co"]

# Covariant, so that a table with known columns and models is accepted wherever any CustomTable is.
# Any: only a columns class knows the Python types of its columns.
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
