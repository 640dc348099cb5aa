"""Calls that an accessor does not have, or not so."""

from __future__ import annotations

import lazy_alchemy
import lazy_alchemy.caches
import lazy_alchemy.emitters
import lazy_alchemy.reflectors
from lazy_alchemy import TableNotFoundError, get_lazy_class
from typecheck.shop import AppDB, AsyncAppDB, Engines

db = AppDB(Engines.sync)
untyped = get_lazy_class(Engines.sync)

lazy_alchemy.LazyDb  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
lazy_alchemy.emitters.PydanticEmiter  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
lazy_alchemy.caches.MemoryCach  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
lazy_alchemy.reflectors.InspectorReflecter  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
db.get()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
db.get(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
db.get("users", Engines.sync.connect())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
db[1]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
db.preload(["users", "tags"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
db.refresh(["users"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
db.invalidate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
db.invalidate("users", "tags")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
db.schema = "archive"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
db.cache_ttl = 300  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
db.engine = Engines.sync  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
db.users()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
untyped.users()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
untyped.get_table("users")  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
db.list_tables("public")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
names: tuple[str, ...] = db.list_tables()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
tables = list(db)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
found: bool = "users" in db  # type: ignore[misc]  # pyright: ignore[reportOperatorIssue]
other: AsyncAppDB = db  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
raise TableNotFoundError("users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
