"""The one catalog query of the PostgresReflector, and its result as lists of rows.

This module does not interpret the facts as SQLAlchemy does. The query follows three rules:

- It is set-based: each catalog is read once for all tables. There are only a few variants of its text, independent of
  the names, so that drivers prepare each of them once. Names and schema are the parameters ``:names`` and ``:schema``.
  The names are passed as one JSON text, because drivers differ in how they send arrays (pg8000 sends a name "null" in
  an array as NULL).
- Whatever can be read from a catalog row is, because all rows come from one snapshot. ``format_type`` and the
  ``pg_get_`` and ``_is_visible`` functions see what is committed when they run, which may be later. If one of them may
  have seen a later state, the row shows it by a NULL, or the relation is in ``changed``, which is read last.
- The result is one JSON text, because drivers and SQLAlchemy take longer to process each column of a result than to
  parse JSON. In it, a row is an array of texts, the first of which contains its short facts, joined by commas: this is
  what PostgreSQL aggregates fastest. (An array whose first element is of type ``name`` would be of type ``name[]``, and
  so truncate all texts to 63 bytes.)
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

__all__ = ["OLDEST", "Facts", "Row", "read", "read_types", "unquoted"]

OLDEST: tuple[int, ...] = (12,)
"""The oldest version of PostgreSQL whose catalogs the query reads."""

Row: TypeAlias = list[str | None]
"""One row of the query's result: its short facts, joined by commas, then its texts."""


class Facts(NamedTuple):
    """The result of one run of the query, from one snapshot except for the relations in ``changed``.

    Each attribute has rows of: short facts | texts.

    Attributes:
        relations: oid, kind, persistence, access method | name, storage options, tablespace.
        columns: relation, number, type, type modifier, not null, identity, generated, collation | name, default,
            identity options.
        formats: type, type modifier | the type as SQL text.
        types: oid, kind, collation, element or base type, not null | name, schema as SQL text, and, for enums and
            domains, visible, labels or checks, base type as SQL text, default. PostgreSQL's own base types are only
            included if they have a collation other than the default.
        collations: oid | name, schema as SQL text, visible.
        constraints: oid, kind, relation, index, referred relation, on update, on delete, match, deferrable, deferred,
            no inherit, valid, enforced | name, columns, referred columns, expression, definition, names of the
            columns when the expression was converted to text.
        referred: relation, number | name of a column that a foreign key refers to.
        others: oid | name, schema as SQL text, visible, of relations that are referred to or inherited from.
        indexes: oid, relation, unique, primary, valid, number of keys, nulls not distinct, access method | name,
            columns, operator classes, options of the columns, predicate, keys as SQL text, storage options.
        operator_classes: oid | name, of those that are not the default.
        comments: object, column | text.
        parents: relation, position, relation that it inherits from.
        access_methods: oid, is the default for tables | name.
        changed: oids of relations that functions may have seen in a later state than the rows.
    """

    relations: Sequence[Row] = ()
    columns: Sequence[Row] = ()
    formats: Sequence[Row] = ()
    types: Sequence[Row] = ()
    collations: Sequence[Row] = ()
    constraints: Sequence[Row] = ()
    referred: Sequence[Row] = ()
    others: Sequence[Row] = ()
    indexes: Sequence[Row] = ()
    operator_classes: Sequence[Row] = ()
    comments: Sequence[Row] = ()
    parents: Sequence[Row] = ()
    access_methods: Sequence[Row] = ()
    changed: Sequence[Row] = ()


def read(
    connection: Connection, names: Collection[str], schema: str | None, *, table_options: bool, patient: bool = True
) -> Facts:
    """Run the query; one round trip.

    Args:
        connection: A connection to PostgreSQL 12 or later.
        names: Valid PostgreSQL names.
        schema: The schema, or None for the connection's search path.
        table_options: Whether to read access methods, tablespaces and parents of tables.
        patient: Whether to wait for locks as long as the session's setting allows, instead of one second at most. False
            requires autocommit, because the limit lasts until the end of the transaction.
    """
    version = connection.dialect.server_version_info or OLDEST
    query = _query(version[0], schema is not None, table_options, patient)
    return Facts(*_parts(connection, query, names, schema))


def read_types(connection: Connection, names: Collection[str], schema: str | None) -> tuple[list[Row], Facts]:
    """Read only the types of columns; one round trip.

    Args:
        connection: See ``read``.
        names: See ``read``.
        schema: See ``read``.

    Returns:
        For each column, its type, type modifier and collation (joined by commas), the relation's name and the column's
        name; and the facts about the types.
    """
    columns, formats, types, collations = _parts(connection, _types_query(schema is not None), names, schema)
    return columns, Facts(formats=formats, types=types, collations=collations)


def unquoted(name: str) -> str:
    """Return a name from its SQL text, which may be quoted."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _parts(connection: Connection, query: str, names: Collection[str], schema: str | None) -> list[list[Row]]:
    parameters = {"names": json.dumps(list(names))} | ({} if schema is None else {"schema": str(schema)})
    placeholders = _PLACEHOLDERS.get(connection.dialect.paramstyle)
    if placeholders is None:
        result = connection.execute(text(query), parameters)
    else:
        # Bypass SQLAlchemy's compiler, which would take longer for such a long text than the server takes to answer it.
        by_name = connection.dialect.paramstyle == "pyformat"
        query = _with_placeholders(query, placeholders)
        result = connection.exec_driver_sql(query, parameters if by_name else (*parameters.values(),))
    answer: Any = result.scalar()  # Any: SQLAlchemy does not know that it is one text
    parts: list[list[Row] | None] = json.loads(answer)
    return [part or [] for part in parts]


# The placeholders of each parameter style (PEP 249, and asyncpg's) for these two parameters, in this order, each once.
_PLACEHOLDERS = {
    "pyformat": ("%(names)s", "%(schema)s"),
    "format": ("%s", "%s"),
    "numeric_dollar": ("$1", "$2"),
}


@cache
def _with_placeholders(query: str, placeholders: tuple[str, str]) -> str:
    names, schema = placeholders
    return query.replace(":names", names).replace(":schema", schema)


@cache
def _query(version: int, in_schema: bool, table_options: bool, patient: bool) -> str:
    query = _QUERY.format(
        columns=_columns(in_schema, patient),
        types=_TYPES,
        types_of_columns=_TYPES_OF_COLUMNS,
        parents=_PARENTS if table_options else _NO_PARENTS,
        tablespace=_TABLESPACE if table_options else "NULL",
        enforced="k.conenforced" if version >= 18 else "true",  # noqa: PLR2004 - the version that added the column
        set_columns="k.confdelsetcols IS NOT NULL" if version >= 15 else "false",  # noqa: PLR2004
        nulls_not_distinct="i.indnullsnotdistinct" if version >= 15 else "false",  # noqa: PLR2004
    )
    return " ".join(query.split())  # shorter, because pg8000 reads it character by character


@cache
def _types_query(in_schema: bool) -> str:
    columns = _columns(in_schema, patient=True)
    query = _ONLY_TYPES.format(columns=columns, types=_TYPES, types_of_columns=_TYPES_OF_COLUMNS)
    return " ".join(query.split())


def _columns(in_schema: bool, patient: bool) -> str:
    names = _NAMES.format(given=_GIVEN if patient else _IMPATIENT)
    return _COLUMNS.format(relations=(_IN_SCHEMA if in_schema else _ON_PATH).format(names=names))


_NAMES = "ARRAY(SELECT pg_catalog.json_array_elements_text(CAST({given} AS pg_catalog.json)))"
_GIVEN = "CAST(:names AS pg_catalog.text)"
# Sets lock_timeout before anything can wait for a lock: the query needs the names first, and a wait reads the setting
# when it begins.
_IMPATIENT = f"""
    CASE WHEN pg_catalog.current_setting('lock_timeout') <> '0'
              AND CAST(pg_catalog.current_setting('lock_timeout') AS interval) < CAST('1 second' AS interval)
              OR pg_catalog.set_config('lock_timeout', '1000', true) IS NOT NULL
         THEN {_GIVEN} END
"""
_IN_SCHEMA = """
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.reloptions, c.relam, c.reltablespace
    FROM pg_catalog.pg_class AS c
    WHERE c.relname = ANY ({names})
      AND c.relnamespace = (
          SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = CAST(:schema AS pg_catalog.text)
      )
      AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
"""
# The first relation on the path, of any kind, hides the others of its name. pg_table_is_visible would not find tables
# that have been dropped since the query began.
_ON_PATH = """
    SELECT f.oid, f.relname, f.relkind, f.relpersistence, f.reloptions, f.relam, f.reltablespace
    FROM (
        SELECT DISTINCT ON (c.relname) c.oid, c.relname, c.relkind, c.relpersistence, c.reloptions, c.relam,
               c.reltablespace, n.nspname
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname = ANY ({names})
          AND n.nspname = ANY (CAST((SELECT pg_catalog.current_schemas(true)) AS pg_catalog.name[]))
        ORDER BY c.relname, pg_catalog.array_position((SELECT pg_catalog.current_schemas(true)), n.nspname)
    ) AS f
    WHERE f.relkind IN ('r', 'p', 'f', 'v', 'm') AND f.nspname <> 'pg_catalog'
"""

_PARENTS = """
    SELECT h.inhrelid, h.inhseqno, h.inhparent
    FROM rel AS r JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = r.oid
"""
_NO_PARENTS = "SELECT r.oid AS inhrelid, 0 AS inhseqno, r.oid AS inhparent FROM rel AS r WHERE false"
_TABLESPACE = """
    CASE WHEN r.reltablespace <> 0 THEN (
        SELECT s.spcname FROM pg_catalog.pg_tablespace AS s WHERE s.oid = r.reltablespace
    ) END
"""

_COLUMNS = """
WITH RECURSIVE rel AS MATERIALIZED ({relations}),
col AS MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity,
           a.attgenerated, a.attcollation
    FROM rel AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
)
"""
# The types of the columns, and their element and base types. PostgreSQL assigns oids below 10000 by hand, to its base
# types; they are only needed if their collation is not the default. The planner assumes that ``has_inner = 1`` is rare
# and so expects few rows, but that ``inner_type <> 0`` is the rule.
_TYPE = """
    SELECT y.oid, y.typname, y.typnamespace, y.typtype, y.typcollation, y.typnotnull, y.typtypmod, y.typdefault,
           CASE WHEN y.typtype = 'd' THEN y.typbasetype WHEN y.typlen = -1 THEN y.typelem ELSE 0 END AS inner_type,
           CASE WHEN y.typtype = 'd' OR y.typlen = -1 AND y.typelem <> 0 THEN 1 ELSE 0 END AS has_inner
    FROM pg_catalog.pg_type AS y
"""
_TYPES_AND_INNER = """
typ AS MATERIALIZED (
    SELECT t.*
    FROM (SELECT DISTINCT atttypid FROM col) AS c CROSS JOIN LATERAL (
        {type} WHERE y.oid = c.atttypid AND (y.oid >= 10000 OR y.typcollation NOT IN (0, 100)) OFFSET 0
    ) AS t
  UNION
    SELECT t.*
    FROM (SELECT inner_type FROM typ WHERE has_inner = 1) AS i CROSS JOIN LATERAL (
        {type} WHERE y.oid = i.inner_type OFFSET 0
    ) AS t
)
"""
_TYPES = _TYPES_AND_INNER.format(type=_TYPE)
_TYPES_OF_COLUMNS = """
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', c.atttypid, c.atttypmod), pg_catalog.format_type(c.atttypid, c.atttypmod)
    ]) FROM (SELECT DISTINCT atttypid, atttypmod FROM col) AS c
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', t.oid, t.typtype, t.typcollation, t.inner_type, t.typnotnull),
        t.typname,
        CAST(CAST(t.typnamespace AS pg_catalog.regnamespace) AS pg_catalog.text),
        CASE WHEN t.typtype IN ('e', 'd') THEN CAST(pg_catalog.pg_type_is_visible(t.oid) AS pg_catalog.text) END,
        CASE t.typtype WHEN 'e' THEN (
            SELECT CAST(pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) AS pg_catalog.text)
            FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
        ) WHEN 'd' THEN (
            SELECT CAST(pg_catalog.json_agg(ARRAY[
                CAST(k.conname AS pg_catalog.text), pg_catalog.pg_get_expr(k.conbin, 0, true),
                CAST(k.convalidated AS pg_catalog.text)
            ]) AS pg_catalog.text)
            FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid AND k.contype = 'c'
        ) END,
        CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.inner_type, t.typtypmod) END,
        CASE t.typtype WHEN 'd' THEN t.typdefault END
    ]) FROM typ AS t
), (
    SELECT pg_catalog.json_agg(ARRAY[
        CAST(o.oid AS pg_catalog.text), o.collname,
        CAST(CAST(o.collnamespace AS pg_catalog.regnamespace) AS pg_catalog.text),
        CAST(pg_catalog.pg_collation_is_visible(o.oid) AS pg_catalog.text)
    ])
    FROM pg_catalog.pg_collation AS o
    WHERE o.oid IN (
        SELECT attcollation FROM col WHERE attcollation NOT IN (0, 100)
        UNION ALL SELECT typcollation FROM typ WHERE typcollation NOT IN (0, 100)
    )
"""
_ONLY_TYPES = """
{columns},
{types}
SELECT CAST(pg_catalog.json_build_array((
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', c.atttypid, c.atttypmod, c.attcollation), r.relname, c.attname
    ]) FROM col AS c JOIN rel AS r ON r.oid = c.attrelid
), (
{types_of_columns}
)) AS pg_catalog.text)
"""

# Of the oids in it, 1259 is pg_class and 2606 is pg_constraint: PostgreSQL assigns them by hand. OFFSET 0 keeps the
# planner from reading a whole catalog for a few of its rows, and from calling a function for more rows than necessary.
# The planner must not know the number of names: for a thousand it would estimate such a high cost that it would compile
# the query (jit_above_cost), which takes seconds.
_QUERY = """
{columns},
con AS MATERIALIZED (
    SELECT k.oid, k.conname, k.contype, k.conrelid, k.conindid, k.confrelid, k.confupdtype, k.confdeltype,
           k.confmatchtype, k.condeferrable, k.condeferred, k.connoinherit, k.convalidated, k.conkey, k.confkey,
           k.conbin, {enforced} AS is_enforced, {set_columns} AS sets_columns
    FROM rel AS r JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')
),
idx AS MATERIALIZED (
    SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisprimary, i.indisvalid, i.indnkeyatts, i.indkey, i.indclass,
           i.indoption, i.indpred, i.indexprs, {nulls_not_distinct} AS nulls_not_distinct,
           c.relname, c.reloptions, c.relam
    FROM rel AS r JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
),
inh AS MATERIALIZED ({parents}),
{types}
SELECT CAST(pg_catalog.json_build_array((
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', r.oid, r.relkind, r.relpersistence, r.relam), r.relname,
        CASE WHEN r.reloptions IS NOT NULL THEN
            CAST(pg_catalog.array_to_json(r.reloptions) AS pg_catalog.text) END,
        {tablespace}
    ]) FROM rel AS r
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', c.attrelid, c.attnum, c.atttypid, c.atttypmod, c.attnotnull, c.attidentity,
                             c.attgenerated, c.attcollation),
        c.attname,
        CASE WHEN c.atthasdef THEN COALESCE((
            SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef AS d
            WHERE d.adrelid = c.attrelid AND d.adnum = c.attnum
        ), '') END,
        CASE WHEN c.attidentity <> '' THEN (
            SELECT CAST(pg_catalog.json_build_object(
                'always', c.attidentity = 'a', 'start', s.seqstart, 'increment', s.seqincrement,
                'minvalue', s.seqmin, 'maxvalue', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle
            ) AS pg_catalog.text)
            FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = d.objid
            WHERE d.refclassid = 1259 AND d.refobjid = c.attrelid AND d.refobjsubid = c.attnum
              AND d.classid = 1259 AND d.objsubid = 0 AND d.deptype = 'i'
        ) END
    ]) FROM col AS c
), (
{types_of_columns}
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', k.oid, k.contype, k.conrelid, k.conindid, k.confrelid, k.confupdtype, k.confdeltype,
                             k.confmatchtype, k.condeferrable, k.condeferred, k.connoinherit, k.convalidated,
                             k.is_enforced),
        k.conname, pg_catalog.array_to_string(k.conkey, ' '), pg_catalog.array_to_string(k.confkey, ' '),
        CASE k.contype WHEN 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid, true) END,
        CASE WHEN k.sets_columns THEN pg_catalog.pg_get_constraintdef(k.oid, true) END,
        CASE k.contype WHEN 'c' THEN CAST(pg_catalog.array_to_json(ARRAY(
            SELECT (pg_catalog.pg_identify_object_as_address(1259, k.conrelid, n)).object_names[3]
            FROM pg_catalog.unnest(k.conkey) AS n
        )) AS pg_catalog.text) END
    ]) FROM con AS k
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', a.attrelid, a.attnum), a.attname
    ])
    FROM (SELECT DISTINCT confrelid, pg_catalog.unnest(confkey) AS number FROM con WHERE contype = 'f') AS f
    CROSS JOIN LATERAL (
        SELECT y.attrelid, y.attnum, y.attname FROM pg_catalog.pg_attribute AS y
        WHERE y.attrelid = f.confrelid AND y.attnum = f.number OFFSET 0
    ) AS a
), (
    SELECT pg_catalog.json_agg(ARRAY[
        CAST(c.oid AS pg_catalog.text), c.relname,
        CAST(CAST(c.relnamespace AS pg_catalog.regnamespace) AS pg_catalog.text),
        CAST(pg_catalog.pg_table_is_visible(c.oid) AS pg_catalog.text)
    ])
    FROM (SELECT confrelid AS oid FROM con WHERE contype = 'f' UNION SELECT inhparent FROM inh) AS o
    CROSS JOIN LATERAL (
        SELECT y.oid, y.relname, y.relnamespace FROM pg_catalog.pg_class AS y WHERE y.oid = o.oid OFFSET 0
    ) AS c
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', i.indexrelid, i.indrelid, i.indisunique, i.indisprimary, i.indisvalid, i.indnkeyatts,
                             i.nulls_not_distinct, i.relam),
        i.relname, CAST(i.indkey AS pg_catalog.text), CAST(i.indclass AS pg_catalog.text),
        CAST(i.indoption AS pg_catalog.text),
        CASE WHEN i.indpred IS NOT NULL THEN COALESCE(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '') END,
        CASE WHEN i.indexprs IS NOT NULL THEN (
            SELECT CAST(pg_catalog.json_agg(
                pg_catalog.pg_get_indexdef(i.indexrelid, g, true) ORDER BY g
            ) AS pg_catalog.text)
            FROM pg_catalog.generate_series(1, i.indnkeyatts) AS g
        ) END,
        CASE WHEN i.reloptions IS NOT NULL THEN
            CAST(pg_catalog.array_to_json(i.reloptions) AS pg_catalog.text) END
    ]) FROM idx AS i
), (
    SELECT pg_catalog.json_agg(ARRAY[CAST(o.oid AS pg_catalog.text), o.opcname])
    FROM (SELECT DISTINCT pg_catalog.unnest(indclass) AS oid FROM idx) AS i
    CROSS JOIN LATERAL (
        SELECT y.oid, y.opcname FROM pg_catalog.pg_opclass AS y WHERE y.oid = i.oid AND NOT y.opcdefault OFFSET 0
    ) AS o
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', d.objoid, d.objsubid), d.description
    ])
    FROM (SELECT oid FROM rel UNION ALL SELECT oid FROM con) AS o
    CROSS JOIN LATERAL (
        SELECT x.objoid, x.objsubid, x.description FROM pg_catalog.pg_description AS x
        WHERE x.objoid = o.oid AND x.classoid IN (1259, 2606) OFFSET 0
    ) AS d
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', inhrelid, inhseqno, inhparent)
    ]) FROM inh
), (
    SELECT pg_catalog.json_agg(ARRAY[
        pg_catalog.concat_ws(',', m.oid, m.amname = pg_catalog.current_setting('default_table_access_method')), m.amname
    ]) FROM pg_catalog.pg_am AS m
), (
    SELECT pg_catalog.json_agg(ARRAY[CAST(x.oid AS pg_catalog.text)])
    FROM (
        SELECT oid FROM rel WHERE pg_catalog.pg_table_is_visible(oid) IS NULL
      UNION ALL
        SELECT c.attrelid FROM (
            SELECT attrelid, attnum, attname FROM col WHERE attrelid IN (
                SELECT conrelid FROM con WHERE sets_columns
                UNION ALL SELECT indrelid FROM idx WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
                UNION ALL SELECT attrelid FROM col WHERE attgenerated <> ''
            ) OFFSET 0
        ) AS c
        WHERE (pg_catalog.pg_identify_object_as_address(1259, c.attrelid, c.attnum)).object_names[3]
              IS DISTINCT FROM c.attname
    ) AS x
)) AS pg_catalog.text)
"""
