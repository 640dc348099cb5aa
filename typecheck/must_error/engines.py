"""An engine of the wrong kind, or something that is no engine."""

from __future__ import annotations

from sqlalchemy import Connection

from lazy_alchemy import AsyncLazyDBAccessor, LazyDB, get_async_lazy_class, get_lazy_class
from typecheck.shop import AppDB, AsyncAppDB, Engines

LazyDB(Engines.asyncio)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AppDB(Engines.asyncio)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AsyncLazyDBAccessor("sqlite://")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AsyncAppDB(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get_lazy_class("sqlite://")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
get_async_lazy_class("sqlite://")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get_lazy_class()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
get_lazy_class(Engines.sync, 300)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
get_lazy_class(Engines.sync, cache_ttl="5m")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
get_lazy_class(Engines.sync, schema=1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
get_lazy_class(Engines.sync, cache=dict[str, str]())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
get_lazy_class(Engines.sync, reflector=object())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
get_lazy_class(Engines.sync, ttl=300)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
AppDB(Engines.sync, on_drift="error")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AppDB(Engines.sync, ttl=300)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
accessor: LazyDB = get_lazy_class(Engines.asyncio)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
async_accessor: AsyncLazyDBAccessor = get_lazy_class(Engines.sync)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


def of_a_connection(connection: Connection) -> None:
    get_lazy_class(connection)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    LazyDB(connection)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
