"""Classes made of tables: with the options of each call, and with the emitters."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlmodel import SQLModel
from typing_extensions import assert_type

from lazy_alchemy import ModelEmitter
from lazy_alchemy.emitters import (
    AnyValue,
    ArrayText,
    Base64,
    BitText,
    CharacterSet,
    DataclassEmitter,
    Duration,
    HstoreText,
    MappedModel,
    MySQLBoolean,
    NestedArray,
    OffsetTime,
    ORMEmitter,
    PydanticEmitter,
    RangeOf,
    RowModel,
    SourceEmitter,
    SQLModelEmitter,
    TypedDictEmitter,
    omitted,
)
from typecheck.shop import AppDB, Engines, User

db = AppDB(Engines.sync)


class Base(SQLModel):
    pass


# -- SQLModel

assert_type(db.users.as_sqlmodel(primary_key=("id",)), type[User])
assert_type(db.users.as_sqlmodel(base=None), type[User])
assert_type(db.users.as_sqlmodel(base=Base), type[Base])
# With these options the class is made, and is not the declared one.
assert_type(db.users.as_sqlmodel(relationships=[db.order_items]), type[SQLModel])
assert_type(db.users.as_sqlmodel(base={db.users: Base}, relationships=[db.users, db.tags]), type[SQLModel])
assert_type(db.users.as_sqlmodel(primary_key={db.users: ("id",)}, relationships=[db.users]), type[SQLModel])

# -- SQLAlchemy alone. Any: which attributes the class has, no checker knows.

assert_type(db.users.as_orm(), type[Any])
assert_type(db.users.as_orm(base=AsyncAttrs), type[AsyncAttrs])
assert_type(db.users.as_orm(relationships=[db.order_items], primary_key=["id"]), type[Any])

# -- Emitters

assert_type(db.users.emit(PydanticEmitter()), type[BaseModel])
assert_type(db.users.emit(PydanticEmitter("insert")), type[BaseModel])
assert_type(db.users.emit(PydanticEmitter(shape="partial", strict=True, types={"geometry": str})), type[BaseModel])
assert_type(db.users.emit(SQLModelEmitter()), type[SQLModel])
assert_type(db.users.emit(SQLModelEmitter(base=Base, relationships=[db.order_items])), type[SQLModel])
assert_type(db.users.emit(ORMEmitter()), type[Any])
assert_type(db.users.emit(DataclassEmitter(frozen=True)), type[Any])
assert_type(db.users.emit(TypedDictEmitter(shape="row")), type[dict[str, Any]])

pydantic: ModelEmitter[type[BaseModel]] = PydanticEmitter()
sqlmodel: ModelEmitter[type[SQLModel]] = SQLModelEmitter()
source: ModelEmitter[str] = SourceEmitter(("pydantic", "sqlmodel"), target="2.1")
assert_type(db.users.emit(SourceEmitter()), str)
assert_type(PydanticEmitter().unknown is None, bool)


# -- What models are written with


class TagRow(RowModel):
    id: int | None = omitted()
    label: Annotated[str, CharacterSet("latin1", max_bytes=255)]
    icon: Annotated[bytes | None, Base64(max_length=100)] = None
    flags: Annotated[str | None, BitText()] = None
    took: Annotated[timedelta | None, Duration(precision=3, fields="day to second")] = None
    opens: Annotated[time | None, OffsetTime()] = None
    spans: Annotated[Any, RangeOf(int, "Spans", many=True)] = None
    grid: Annotated[list[int | None] | None, NestedArray(int, "Grid")] = None
    words: Annotated[list[str] | None, ArrayText("plain")] = None
    place: Annotated[Any, AnyValue()] = None
    pairs: Annotated[dict[str, str | None] | None, HstoreText()] = None
    shown: Annotated[bool | None, MySQLBoolean()] = None


class Tag(MappedModel):
    id: int
    label: str


assert_type(TagRow(label="a").id, int | None)
assert_type(TagRow(label="a").icon, bytes | None)
assert_type(TagRow.model_config, ConfigDict)
assert_type(SQLModelEmitter().is_outdated, bool)
assert_type(Tag(id=1, label="a").label, str)
tag: SQLModel = Tag(id=1, label="a")
assert_type(RangeOf(int, "Spans").largest, Any)
assert_type(NestedArray(int, "Grid").null, bool)
assert_type(ArrayText().items == "json", bool)
assert_type(ArrayText(characters=False).characters, bool)
