"""A model that is of another table, or of the wrong kind."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from lazy_alchemy import CustomTable, LazyDB, LazyTable, ModelEmitter
from lazy_alchemy.emitters import DataclassEmitter, PydanticEmitter, TypedDictEmitter
from typecheck.shop import (
    AppDB,
    Engines,
    FullDB,
    OrderItemRow,
    OrderItemsColumns,
    User,
    UserChange,
    UserInsert,
    UserRow,
    UsersColumns,
)

db = AppDB(Engines.sync)


# The wrong way round, or of the wrong kind.
class WrongDB(LazyDB):
    users: LazyTable[UserRow]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    people: LazyTable[UsersColumns, UsersColumns]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    persons: LazyTable[UsersColumns, UserRow, UserRow]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    authors: LazyTable[UsersColumns, UserRow, User, UsersColumns]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    writers: LazyTable[UsersColumns, UserRow, User, UserInsert, int]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    readers: LazyTable[UsersColumns, UserRow, User, UserInsert, UserChange, User]  # type: ignore[type-arg]  # pyright: ignore[reportInvalidTypeArguments]


rows: type[OrderItemRow] = db.users.as_pydantic()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
partial: type[UserRow] = db.users.as_pydantic(partial=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
insert: type[UserRow] = db.users.as_pydantic_insert()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
related: type[User] = db.users.as_sqlmodel(relationships=[db.order_items])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
change: type[UserInsert] = FullDB(Engines.sync).users.as_pydantic_partial()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
model: type[User] = db.order_items.as_sqlmodel()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
table: CustomTable[OrderItemsColumns] = db.users  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
untyped: CustomTable[UsersColumns] = db["users"]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
db.users.as_pydantic("partial")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
db.users.as_pydantic().model_validate({}).usrname  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
db.users.as_sqlmodel(base=UserRow)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]
db.users.as_sqlmodel(relationships=["order-items"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
db.users.as_sqlmodel(primary_key=1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
db.users.as_pydantci()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
db.users.emit("pydantic")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
db.users.emit(PydanticEmitter)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
PydanticEmitter(shape="rows")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DataclassEmitter(froze=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
TypedDictEmitter(shape="rows")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
text: ModelEmitter[str] = PydanticEmitter()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

with Session(Engines.sync) as session:
    user: User = session.get(db.users.as_sqlmodel(), 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


@dataclass(frozen=True)
class NoEmitter:
    def emit(self, table: str) -> str:
        return table


db.users.emit(NoEmitter())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
