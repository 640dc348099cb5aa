"""A registry that says so has no other tables than the declared ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_alchemy import LazyDB, LazyTable
from typecheck.shop import Engines, UsersColumns


class ClosedDB(LazyDB):
    users: LazyTable[UsersColumns]

    if TYPE_CHECKING:
        __getattr__: None  # type: ignore[assignment, misc]  # pyright: ignore[reportIncompatibleMethodOverride]


db = ClosedDB(Engines.sync)

db.usres  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
