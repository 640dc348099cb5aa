"""Reads any number of SQLite tables with one statement, instead of about ten per table.

SQLAlchemy's dialect interprets the results as usual: its own queries are answered from them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from lazy_alchemy.reflectors._kinds import ascii_lower, kind_of
from lazy_alchemy.reflectors._proxy import ConnectionProxy, result_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from lazy_alchemy._schema.tables import TableKind

__all__ = ["ROW_NUMBER", "SQLiteAnswers"]

ROW_NUMBER = "ROW NUMBER"
"""An entry in ``lacking`` for a table whose primary key SQLite does not number automatically."""

_Row: TypeAlias = tuple[Any, ...]  # Any: the types of the columns are not known, because the query is text
_Found: TypeAlias = dict[str, defaultdict[tuple[str, str], list[_Row]]]
"""Rows by part of the query, place (a schema), and name as the catalog spells it."""


class SQLiteAnswers(ConnectionProxy):
    """Reads all facts about some names from SQLite, then answers SQLAlchemy's queries from them.

    Attributes:
        kinds: The kinds of those names that exist; a temporary table or view hides another one of the same name.
        lacking: By name, the SQL keywords that are certainly not in the definition, so they need not be looked for.
    """

    __slots__ = ("_definitions", "_places", "_pragmas", "_quote", "kinds", "lacking")

    def __init__(self, connection: Connection, names: Sequence[str], schema: str | None) -> None:
        """Read the facts through ``connection``, with one statement for every 500 of ``names``.

        Raises:
            sqlalchemy.exc.DBAPIError: SQLite cannot be read, is older than 3.26, or one of the names is a broken view.
        """
        super().__init__(connection)
        self.kinds: dict[str, TableKind] = {}
        self.lacking: dict[str, set[str]] = {}
        self._quote = connection.dialect.identifier_preparer.quote_identifier
        self._places = ("main", "temp") if schema is None else (schema,)  # "temp" may hide names in "main"
        self._pragmas: dict[str, tuple[tuple[str, ...], list[_Row]]] = {}
        self._definitions: dict[tuple[bool, object], list[_Row]] = {}
        for start in range(0, len(names), _BATCH_SIZE):
            self._read(names[start : start + _BATCH_SIZE])

    # Any: see ConnectionProxy
    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Answer ``statement`` from the facts already read, or else execute it in the database."""
        if statement in self._pragmas:
            return result_of(*self._pragmas[statement])
        if statement.startswith("SELECT sql FROM"):
            rows = self._definitions.get((statement.endswith("'index'"), parameters))
            if rows is not None:
                return result_of(("sql",), rows)
        return super().exec_driver_sql(statement, parameters, execution_options)

    def _read(self, names: Sequence[str]) -> None:
        found: _Found = {part: defaultdict(list) for part in _PARTS}
        # With the driver's own parameters, because SQLAlchemy's take longer than the statement; SQLite supports "?".
        query = _query(tuple((place, self._quote(place)) for place in self._places), len(names))
        for part, place, of, *facts in self._connection.exec_driver_sql(query, tuple(names)).all():
            found[part][place, of].append(tuple(facts[: len(_PARTS[part].columns)]))
        spelled = {(place, ascii_lower(name)): name for place, name in found["name"]}

        for name in names:
            for place in self._places:
                known = spelled.get((place, ascii_lower(name)))
                self._add_answer("foreign_key_list", place, name, found["foreign_key_list"][place, known or name])
                self._add_answer("index_list", place, name, found["index_list"][place, known or name])
                if known is not None:
                    type_, sql = found["name"][place, known][0]
                    self.kinds[name] = kind_of(type_, place.lower() == "temp")
                    self.lacking[name] = _lacking(sql, {row[3] for row in found["index_list"][place, known]})
        # SQLAlchemy also reads tables whose primary key a foreign key refers to without naming its columns.
        referred = (key[2] for keys in found["foreign_key_list"].values() for key in keys if not key[4])
        for name in {*names, *referred}:
            defined = [row[1:] for place in self._places for row in found["name"].get((place, name), ())]
            self._definitions[False, (name,)] = defined
            for place in self._places:
                known = spelled.get((place, ascii_lower(name)), name)
                columns = found["table_xinfo"][place, known]
                self._add_answer("table_xinfo", place, name, columns)
                self._add_answer("table_info", place, name, [column[:-1] for column in columns if not column[-1]])
        self._pragmas["PRAGMA database_list"] = (_PARTS["database_list"].columns, found["database_list"]["", ""])
        for (place, index), rows in found["index_info"].items():
            self._add_answer("index_info", place, index, rows)
        for (place, index), rows in found["index"].items():
            if place == self._places[0]:  # SQLAlchemy only looks for temporary ones in an explicit schema "temp"
                self._definitions[True, (index,)] = rows

    def _add_answer(self, pragma: str, place: str, name: str, rows: list[_Row]) -> None:
        # As in SQLAlchemy, "main" and "temp" are not quoted if no schema was passed.
        prefix = place if len(self._places) > 1 else self._quote(place)
        columns = _PARTS[pragma].columns if pragma in _PARTS else _PARTS["table_xinfo"].columns[:-1]
        self._pragmas[f"PRAGMA {prefix}.{pragma}({self._quote(name)})"] = (columns, rows)


_BATCH_SIZE = 500  # names: SQLite limits the number of parameters, before 3.32 to 999 ("Limits In SQLite")

_CATALOG = "SELECT name, type, tbl_name, sql, '{}' AS place FROM {}.sqlite_master"


class _Part(NamedTuple):
    """A part of the query: the columns of its rows, and the FROM clause, in which "n" has their names and places."""

    columns: tuple[str, ...]
    source: str

    def select(self, name: str) -> str:
        """Return the part as SQL. The rows of all parts have the same number of columns."""
        facts = [f'{"p" if " AS p" in self.source else "n"}."{column}"' for column in self.columns]
        facts += ["NULL"] * (_WIDEST - len(facts))
        return f"SELECT '{name}', n.place, n.name, {', '.join(facts)} FROM {self.source}"  # noqa: S608 - constants


_WIDEST = 8

# Pragmas are available as table-valued functions ("PRAGMA functions"). With a comma instead of CROSS JOIN, SQLite may
# evaluate a pragma before it has the arguments, and find nothing.
_PARTS = {
    "name": _Part(("type", "sql"), "named AS n"),
    "index": _Part(("sql",), "asked AS n WHERE n.type = 'index'"),
    "table_xinfo": _Part(
        ("cid", "name", "type", "notnull", "dflt_value", "pk", "hidden"),
        "named AS n CROSS JOIN pragma_table_xinfo(n.name, n.place) AS p",
    ),
    "foreign_key_list": _Part(
        ("id", "seq", "table", "from", "to", "on_update", "on_delete", "match"),
        "asked AS n CROSS JOIN pragma_foreign_key_list(n.name, n.place) AS p WHERE n.type = 'table'",
    ),
    "index_list": _Part(
        ("seq", "name", "unique", "origin", "partial"),
        "asked AS n CROSS JOIN pragma_index_list(n.name, n.place) AS p WHERE n.type = 'table'",
    ),
    "index_info": _Part(
        ("seqno", "cid", "name"),
        "(SELECT i.name, a.place FROM asked AS a CROSS JOIN pragma_index_list(a.name, a.place) AS i"
        " WHERE a.type = 'table') AS n CROSS JOIN pragma_index_info(n.name, n.place) AS p",
    ),
    "database_list": _Part(
        ("seq", "name", "file"), "(SELECT '' AS name, '' AS place) AS n CROSS JOIN pragma_database_list AS p"
    ),
}

# "asked" has the tables and views of these names, and their indexes. "named" has these tables and views, and the tables
# whose primary key they refer to without naming its columns.
_QUERY = """
WITH asked AS (
    SELECT * FROM ({catalog}) WHERE tbl_name COLLATE NOCASE IN ({marks}) AND type IN ('table', 'view', 'index')
),
named AS (
    SELECT name, type, sql, place FROM asked WHERE type <> 'index'
    UNION
    SELECT c.name, c.type, c.sql, c.place
    FROM asked AS a CROSS JOIN pragma_foreign_key_list(a.name, a.place) AS f CROSS JOIN ({catalog}) AS c
    WHERE a.type = 'table' AND COALESCE(f."to", '') = ''
      AND c.place = a.place AND c.type IN ('table', 'view') AND c.name COLLATE NOCASE = f."table"
)
{parts}
"""


@lru_cache(maxsize=64)
def _query(schemas: tuple[tuple[str, str], ...], names: int) -> str:
    """Return the query for a number of names in ``schemas``, each of which is a pair: unquoted and quoted."""
    catalog = " UNION ALL ".join(_CATALOG.format(schema.replace("'", "''"), quoted) for schema, quoted in schemas)
    parts = " UNION ALL ".join(part.select(name) for name, part in _PARTS.items())
    return _QUERY.format(catalog=catalog, marks=", ".join("?" * names), parts=parts)


def _lacking(definition: str | None, origins: Collection[str]) -> set[str]:
    # Keywords have only one spelling, apart from case; finding one in a comment or a name only costs time.
    upper = (definition or "").upper()
    lacking = {word for word in ("REFERENCES", "UNIQUE", "CHECK") if word not in upper}
    if not _NAMED_KEY.search(upper):
        lacking.add("CONSTRAINT PRIMARY KEY")
    # The origin "c" means CREATE INDEX. "pk" means that the primary key has its own index, which it has unless it is an
    # alias of the rowid, which SQLite assigns ("ROWIDs and the INTEGER PRIMARY KEY").
    if "pk" in origins:
        lacking.add(ROW_NUMBER)
    return lacking if "c" in origins else lacking | {"INDEX"}


_NAMED_KEY = re.compile(r"CONSTRAINT.*PRIMARY", re.DOTALL)
