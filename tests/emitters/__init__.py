"""Tests of the emitters, and how they load their tables: as the library does, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import MetaData, Table

if TYPE_CHECKING:
    from tests.databases import Database


def load(db: Database, name: str, metadata: MetaData | None = None) -> Table:
    """Reflect one table and none that it refers to."""
    metadata = MetaData() if metadata is None else metadata
    table = Table(name, metadata, autoload_with=db.engine, resolve_fks=False)
    for constraint in table.foreign_key_constraints:
        parent = constraint.elements[0].target_fullname.rpartition(".")[0]
        constraint.use_alter = parent not in metadata.tables
    return table
