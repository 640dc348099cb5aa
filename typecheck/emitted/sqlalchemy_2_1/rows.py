"""SQLAlchemy 2.1: the rows of a generated table have their types, of one with enums too, whose labels are ``str``."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Literal

from sqlalchemy import Column, Select, select
from sqlalchemy.dialects.postgresql import Range
from typing_extensions import assert_type

from typecheck.emitted import mariadb_db, postgresql_db


def orders(db: postgresql_db.ShopDB) -> None:
    """An enum that may not be NULL."""
    assert_type(
        db.orders.c.status,
        Column[Literal["waiting for payment", "waiting for stock", "sent", "returned"]],
    )
    assert_type(
        select(db.orders),
        Select[
            uuid.UUID,
            int,
            datetime.datetime,
            bool,
            str,
            Range[datetime.date] | None,
            int | None,
        ],
    )


def customers(db: mariadb_db.ShopDB) -> None:
    """An enum that may be NULL, and a set, which keeps its labels."""
    assert_type(
        select(db.customers),
        Select[
            int,
            str,
            str | None,
            decimal.Decimal,
            datetime.date | None,
            str | None,
            bytes | None,
            str | None,
            set[Literal["new", "old"]] | None,
        ],
    )
