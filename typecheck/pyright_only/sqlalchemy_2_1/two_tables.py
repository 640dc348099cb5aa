"""``select()`` of two tables has the types of both; mypy keeps those of the first (its issue 20188)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select
from typing_extensions import assert_type

from typecheck.shop import AppDB, Engines

db = AppDB(Engines.sync)

assert_type(
    select(db.users, db.order_items),
    Select[int, str, str | None, datetime, int, int, str | None],
)
