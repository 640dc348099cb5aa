"""Class bodies that the metaclass refuses, as far as a checker can tell: see LazyDBMeta for the rest."""

from __future__ import annotations

from lazy_alchemy import AsyncLazyDBAccessor, Columns, LazyDB, LazyTable
from typecheck.shop import AppDB, Engines, UserRow, UsersColumns


class HidesAMethod(LazyDB):
    get: LazyTable  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]


class HidesAnAttribute(LazyDB):
    engine: LazyTable[UsersColumns]  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]


class HidesAwaited(AsyncLazyDBAccessor):
    preload: LazyTable  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]


class HasAnotherValue(LazyDB):
    users: LazyTable = "users"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class TakesAName(LazyDB):
    users: LazyTable = LazyTable("users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class TakesAStr(LazyDB):
    users: LazyTable = LazyTable(name=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class RetypesATable(AppDB):
    users: LazyTable[Columns, UserRow]  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]


class ColumnsAreNoTable(LazyDB):
    users: UsersColumns


ColumnsAreNoTable(Engines.sync).users.as_pydantic()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
AppDB.users.c  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
AppDB["users"]  # type: ignore[misc]  # pyright: ignore[reportInvalidTypeArguments]
