"""The graph of tables that query counts are measured on: many tables, each with foreign keys to two earlier ones.

Every table `t0000` ... has 11 columns of the usual types and up to two foreign keys, one index and one unique
constraint. The same count and seed always give the same graph, and a smaller graph is the beginning of a larger one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from tests.effort import amount

if TYPE_CHECKING:
    from sqlalchemy import Engine

MANY = amount(300, 1000)
"""How many tables a large graph has."""

_TABLES_A_TRANSACTION = 50


def table_name(number: int) -> str:
    """Return the name of a table of the graph, counted from zero."""
    return f"t{number:04d}"


def describe(count: int, *, seed: int = 1) -> MetaData:
    """Return a MetaData with `count` tables, in an order in which they can be created."""
    rnd = random.Random(seed)
    metadata = MetaData()
    for number in range(count):
        name = table_name(number)
        parents = sorted(rnd.sample(range(number), min(number, 2)))
        references: list[Column[Any]] = [
            Column(f"ref{k}_id", ForeignKey(f"{table_name(parent)}.id")) for k, parent in enumerate(parents)
        ]
        Table(
            name,
            metadata,
            Column("id", Integer, primary_key=True),
            Column("name", String(80), nullable=False),
            Column("email", String(200)),
            Column("active", Boolean, nullable=False),
            Column("price", Numeric(12, 2)),
            Column("created_at", DateTime, nullable=False, server_default=func.now()),
            Column("note", Text),
            Column("score", Float),
            Column("d", Date),
            Column("big", BigInteger, nullable=False, server_default="0"),
            Column("code", String(12)),
            *references,
            Index(f"ix_{name}_email", "email"),
            UniqueConstraint("code", name=f"uq_{name}_code"),
        )
    return metadata


def create(engine: Engine, count: int, *, seed: int = 1) -> None:
    """Create the graph in an empty database, on one connection.

    A thousand tables take 3 to 5 seconds. On MariaDB, where every statement writes files and waits for them, an index
    is part of its table's statement and nothing is looked up: half the time of `MetaData.create_all`. On PostgreSQL a
    transaction locks every table and index it makes until it ends, and all connections of a server share room for
    about 6400 locks: hence a transaction for every few tables.
    """
    dialect = engine.dialect
    is_mariadb = dialect.name in ("mysql", "mariadb")
    with engine.connect() as connection:
        if is_mariadb:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        for number, table in enumerate(describe(count, seed=seed).tables.values(), start=1):
            statement = str(CreateTable(table).compile(dialect=dialect)).strip()
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            if is_mariadb:
                keys = "".join(f", KEY {index.name} ({', '.join(index.columns.keys())})" for index in indexes)
                statement, indexes = f"{statement.removesuffix(')')}{keys})", []
            connection.exec_driver_sql(statement)
            for index in indexes:
                connection.exec_driver_sql(str(CreateIndex(index).compile(dialect=dialect)))
            if dialect.name == "postgresql" and number % _TABLES_A_TRANSACTION == 0:
                connection.commit()
        if is_mariadb:
            connection.exec_driver_sql("SET foreign_key_checks = DEFAULT")
        connection.commit()
