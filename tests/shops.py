# ruff: noqa: E501, ISC004 - statements in several lines
"""The schema of typecheck/emitted: a small shop on each database, with what each of them alone can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .databases import Database

SHOPS: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(200),"
        " balance NUMERIC(10, 2) NOT NULL DEFAULT 0, born DATE, settings JSON, photo BLOB)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),"
        " placed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, paid BOOLEAN NOT NULL DEFAULT 0,"
        " total INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL)",
        'CREATE TABLE "order-items" (order_id INTEGER NOT NULL REFERENCES orders (id), line INTEGER NOT NULL,'
        ' "class" TEXT NOT NULL, keys TEXT, "unit price" NUMERIC(8, 2), metadata TEXT, datetime TIMESTAMP,'
        " _hidden INTEGER, PRIMARY KEY (order_id, line))",
        "CREATE TABLE preload (message TEXT)",
        "CREATE VIEW open_orders AS SELECT id, customer_id FROM orders WHERE NOT paid",
    ),
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
        "CREATE TYPE status AS ENUM ('waiting for payment', 'waiting for stock', 'sent', 'returned')",
        "CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(80) NOT NULL,"
        " email text, balance numeric(10, 2) NOT NULL DEFAULT 0, born date, settings jsonb, photo bytea, feels mood,"
        " tags text[] NOT NULL DEFAULT '{}', address inet)",
        "CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer_id bigint NOT NULL"
        " REFERENCES customers (id), placed timestamptz NOT NULL DEFAULT now(), paid boolean NOT NULL DEFAULT false,"
        " status status NOT NULL, delivery daterange, total integer GENERATED ALWAYS AS (1 + 1) STORED)",
        'CREATE TABLE "order-items" (order_id uuid NOT NULL REFERENCES orders (id), line smallint NOT NULL,'
        ' "class" text NOT NULL, keys text, "unit price" numeric(8, 2), metadata text, datetime timestamp,'
        " _hidden integer, PRIMARY KEY (order_id, line))",
        "CREATE TABLE preload (message text)",
        "CREATE VIEW open_orders AS SELECT id, customer_id FROM orders WHERE NOT paid",
        "COMMENT ON TABLE customers IS 'Who buys here.'",
        "COMMENT ON COLUMN customers.email IS 'Where \"news\" goes; NULL for nobody''s address.'",
    ),
    "mariadb": (
        "CREATE TABLE customers (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL,"
        " email VARCHAR(200) COMMENT 'Where \"news\" goes.', balance DECIMAL(10, 2) NOT NULL DEFAULT 0, born DATE,"
        " settings JSON, photo BLOB, feels ENUM('sad', 'ok', 'happy'), tags SET('new', 'old')) COMMENT 'Who buys here.'",
        "CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT UNSIGNED NOT NULL,"
        " placed DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, paid BOOLEAN NOT NULL DEFAULT FALSE, year YEAR,"
        " total INT GENERATED ALWAYS AS (1 + 1) STORED, FOREIGN KEY (customer_id) REFERENCES customers (id))",
        "CREATE TABLE `order-items` (order_id INT NOT NULL, line SMALLINT NOT NULL, `class` VARCHAR(20) NOT NULL,"
        " `keys` TEXT, `unit price` DECIMAL(8, 2), metadata TEXT, datetime DATETIME, _hidden INT,"
        " PRIMARY KEY (order_id, line), FOREIGN KEY (order_id) REFERENCES orders (id))",
        "CREATE TABLE preload (message TEXT)",
        "CREATE VIEW open_orders AS SELECT id, customer_id FROM orders WHERE NOT paid",
    ),
}
"""DDL, by database."""


def open_shop(database: Database) -> None:
    """Make the shop in an empty database."""
    database.execute(*SHOPS[database.name])


def _write_emitted() -> None:
    """Write the modules of typecheck/emitted anew: `python -m tests.shops`, after a change of what is generated."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from lazy_alchemy._cli.module_file import generate

    from .databases import MariaDBServer, PostgreSQLServer, SQLiteServer, database_on

    emitted = Path(__file__).resolve().parent.parent / "typecheck" / "emitted"
    with TemporaryDirectory() as directory:
        for server in (SQLiteServer(Path(directory)), PostgreSQLServer(), MariaDBServer()):
            with database_on(server) as database:
                open_shop(database)
                text = generate(database.engine, models=("pydantic", "sqlmodel"), class_name="ShopDB")
                (emitted / f"{server.name}_db.py").write_text(text, encoding="utf-8")
                if server.name == "postgresql":
                    text = generate(database.engine, class_name="AsyncShopDB", is_async=True, schema="public")
                    (emitted / "async_db.py").write_text(text, encoding="utf-8")
            server.close()


if __name__ == "__main__":
    _write_emitted()
