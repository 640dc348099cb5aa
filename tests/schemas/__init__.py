"""What reflectors are compared on: for each database, tables that use all of its features, under every kind of name.

The DDL is in the .sql files beside this one; the awkward names are here, since all databases share them.
"""

# ruff: noqa: E501, RUF001 - a list of names and SQL texts; the odd characters are what they are for

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from tests.databases import Database

__all__ = ["AWKWARD", "BROKEN", "TEMPORARY", "Contents", "create", "create_temporary", "created", "names_for"]

AWKWARD = [
    "MixedCase", "UPPER", "order", "select", "table", "user", "group", "primary", "key", "index", "from",
    "a space", " leading space", "two  spaces", "a.b", "public.parent", ".", "main.x.y", "..", "dot.",
    'double"quote', '"', '""', "single'quote", "'", "back`tick", "`", "``x``", "[brackets]", "]", "per%cent", "%s", "%(a)s", "%%",
    "co:lon", ":name", ":", "::text", "quest?ion", "?", "back\\slash", "\\", "semi;colon", "semi; DROP TABLE parent --", "--", "/* x */", "#", "$1", "$$",
    "com,ma", "(parens)", ")", "(", "a(b)", "a-b", "a/b", "a|b", "a&b", "a=b", "a@b", "a~b", "a*b", "tab\there", "new\nline", "carriage\r\nreturn",
    "ünïcode", "ΕΛΛΗΝΙΚΑ", "таблица", "表", "جدول", "e\u0301 combining", "ß", "İ", "ſ", "𝔘𝔫𝔦", "🎉", "a🎉b", "zero\u200bwidth", "nbsp\u00a0",
    "_leading", "__dunder__", "__class__", "1digit", "123", "0", "1e5", "trailing_",
    "metadata", "columns", "c", "engine", "preload", "get", "name", "schema", "info", "key", "keys", "values", "items", "dispatch", "indexes",
    "constraints", "foreign_keys", "primary_key", "comment", "reflected", "refresh", "invalidate", "list_tables", "self", "class", "None", "True",
    "as_pydantic", "model_config", "null", "default", "rowid", "oid", "ctid_", "a\u2028b", "\ufeffbom", "{other}", "{schema}", "UNIQUE", "CONSTRAINT x CHECK",
]  # fmt: skip
"""Names that a database may hold and that a program may trip over."""

_LONGEST = {"sqlite": 200, "postgresql": 63, "mariadb": 64}

TEMPORARY = {
    "sqlite": [
        "CREATE TEMPORARY TABLE temporary_table (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'x' UNIQUE)",
        "CREATE TEMPORARY VIEW temporary_view AS SELECT 1 AS one",
    ],
    "postgresql": [
        "CREATE TEMPORARY TABLE temporary_table (id integer PRIMARY KEY, a text DEFAULT 'x' UNIQUE, m mood) ON COMMIT PRESERVE ROWS",
        "CREATE TEMPORARY VIEW temporary_view AS SELECT 1 AS one",
    ],
    "mariadb": ["CREATE TEMPORARY TABLE temporary_table (id INT PRIMARY KEY, a VARCHAR(5) DEFAULT 'x' UNIQUE)"],
}
"""What only the connection that runs it can see: DDL, by database."""

BROKEN = {
    "sqlite": [
        "CREATE TABLE soon_gone (a INTEGER)",
        "CREATE VIEW broken_view AS SELECT a FROM soon_gone",
        "DROP TABLE soon_gone",
    ],
    "postgresql": [],
    "mariadb": [
        "CREATE TABLE soon_gone (a INT)",
        "CREATE VIEW broken_view AS SELECT a FROM soon_gone",
        "DROP TABLE soon_gone",
    ],
}
"""What leads to a view ``broken_view`` that nobody can read: DDL, by database. PostgreSQL does not allow one."""


def names_for(database: str) -> list[str]:
    """Return the awkward names that this database takes, as names of tables."""
    names = [*dict.fromkeys(AWKWARD), "x" * _LONGEST[database]]
    if database == "postgresql":
        return [*names, "ü" * 31]  # 62 bytes
    if database == "sqlite":
        # It keeps names apart by ASCII letters' identity alone, whatever their case.
        unique: dict[str, str] = {}
        for name in names:
            unique.setdefault(name.lower() if name.isascii() else name, name)
        return list(unique.values())
    # No character beyond the basic plane; none of its directory's names; no space at the end.
    unique = {}
    for name in [*names, "ü" * 64]:
        if max(name) <= "\uffff" and not name.endswith(" "):
            unique.setdefault(name.casefold(), name)
    return list(unique.values())


@dataclass
class Contents:
    """What ``create`` made.

    Attributes:
        names: Everything to be compared, as (schema, name); schema is None for the connection's default one.
        other: The name of the second schema.
        skipped: Optional statements that the database refused, and why.
    """

    names: list[tuple[str | None, str]]
    other: str
    skipped: list[str] = field(default_factory=list)

    def of(self, schema: str | None) -> list[str]:
        """Return the names in one schema."""
        return [name for where, name in self.names if where == schema]


def create(database: Database) -> Contents:
    """Fill an empty database, and return what is to be compared."""
    contents = Contents([], _second_schema(database))
    own = {"postgresql": "public", "sqlite": "main", "mariadb": str(database.url.database)}[database.name]
    schemas = {"other": contents.other, "schema": own, "server": f"files_{contents.other}"}
    with database.engine.connect() as connection:
        raw = connection.execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
        for statement, optional in _statements(database.name):
            sql = re.sub(r"\{(other|schema|server)\}", lambda match: schemas[match[1]], statement)
            refusal = _refusal(raw, sql)
            if refusal is not None:
                assert optional, f"{sql}\n{refusal}"
                contents.skipped.append(f"{sql}: {refusal}")
        for sql in _awkward(database):
            refusal = _refusal(raw, sql)
            assert refusal is None, f"{sql}\n{refusal}"
        contents.names = [(None, name) for name in _catalog(raw, database, own)]
        contents.names += [(contents.other, name) for name in _catalog(raw, database, contents.other)]
    return contents


@contextmanager
def created(database: Database) -> Iterator[Contents]:
    """Fill an empty database for the length of a block, and remove what is outside of it."""
    try:
        yield create(database)
    finally:
        if database.is_mariadb:
            # The two refer to each other.
            database.execute("SET foreign_key_checks = 0", f"DROP DATABASE IF EXISTS {_other(database)}")


def create_temporary(connection: Connection) -> list[str]:
    """Make the temporary tables and views on a connection, and return their names."""
    raw = connection.execution_options(no_parameters=True)
    statements = TEMPORARY["mariadb" if connection.dialect.name == "mysql" else connection.dialect.name]
    for statement in statements:
        raw.exec_driver_sql(statement)
    connection.execution_options(no_parameters=False)
    return [statement.split()[3] for statement in statements]


def _refusal(connection: Connection, sql: str) -> str | None:
    """Run a statement, and return why the database does not take it."""
    try:
        connection.exec_driver_sql(sql)
    except SQLAlchemyError as error:
        return str(error)
    return None


def _other(database: Database) -> str:
    return f"{database.url.database}_other" if database.is_mariadb else "other"


def _second_schema(database: Database) -> str:
    other = _other(database)
    if database.is_sqlite:
        path = f"{database.url.database}.other"

        @event.listens_for(database.engine, "connect")
        def attach(connection: object, _record: object) -> None:
            connection.execute("ATTACH DATABASE ? AS other", (path,))  # type: ignore[attr-defined]  # sqlite3's own
    else:
        database.execute(f"CREATE {'DATABASE' if database.is_mariadb else 'SCHEMA'} {other}")
    return other


def _statements(database: str) -> Iterator[tuple[str, bool]]:
    """Yield each statement of the file, and whether the database may refuse it."""
    text = Path(__file__).with_name(f"{database}.sql").read_text(encoding="utf-8")
    optional = False
    for statement in re.split(r";\n", text):
        lines = [line for line in statement.strip().splitlines() if not (line.startswith("--") and line != "--?")]
        optional = bool(lines) and lines[0] == "--?"
        sql = "\n".join(lines[1:] if optional else lines).strip().removesuffix(";")
        if sql:
            yield sql, optional


def _awkward(database: Database) -> Iterator[str]:
    """Yield the DDL of a table under every awkward name, and of one with a column under each."""
    names = names_for(database.name)
    quote = database.quote
    short = "VARCHAR(9)"
    for number, name in enumerate(names):
        # The column is called as the table; index and constraint too, where the database lets them.
        index, check, unique = (f"{letter}{number}_{name}"[: _LONGEST[database.name] - 2] for letter in "iku")
        while len(index.encode()) > _LONGEST["postgresql"] and database.is_postgresql:
            index, check, unique = index[:-1], check[:-1], unique[:-1]
        index, check, unique = index.rstrip(), check.rstrip(), unique.rstrip()
        constraints = (
            f"CONSTRAINT {quote(check)} CHECK ({quote(name)} <> 'x'), CONSTRAINT {quote(unique)} UNIQUE ({quote(name)})"
        )
        yield f"CREATE TABLE {quote(name)} (id_ INTEGER PRIMARY KEY, {quote(name)} {short}, {constraints})"
        yield f"CREATE INDEX {quote(index)} ON {quote(name)} ({quote(name)}, id_)"
        foreign = f"CONSTRAINT {quote(f'f{number}')} FOREIGN KEY (a) REFERENCES {quote(name)} ({quote(name)})"
        yield f"CREATE TABLE {quote(f'of_{number}')} (a {short}, {foreign})"
    for start in range(0, len(names), 30):
        some = names[start : start + 30]
        columns = ", ".join(f"{quote(name)} {short} DEFAULT 'a'" for name in some)
        yield f"CREATE TABLE awkward_columns_{start} ({columns}, PRIMARY KEY ({quote(some[1])}, {quote(some[0])}))"
        selected = ", ".join(quote(name) for name in reversed(some))
        yield f"CREATE VIEW {quote(f'awkward view {start}')} AS SELECT {selected} FROM awkward_columns_{start}"
    columns = ", ".join(f"c{number} INTEGER" for number in range(300))
    yield f"CREATE TABLE wide ({columns})"


def _catalog(connection: Connection, database: Database, schema: str) -> list[str]:
    """Return every table and view of a schema, from the database's own catalog."""
    if database.is_postgresql:
        query = f"""SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
            WHERE nspname = '{schema}' AND relkind IN ('r', 'p', 'v', 'm', 'f')"""
    elif database.is_mariadb:
        query = f"""SELECT table_name FROM information_schema.tables
            WHERE table_schema = '{schema}' AND table_type <> 'SEQUENCE'"""
    else:
        query = f"""SELECT name FROM {schema}.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"""
    return sorted(connection.exec_driver_sql(query).scalars())
