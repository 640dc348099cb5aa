"""A PostgreSQL database that is emptied and used again, and how it is known to be empty."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_SECONDS = 5
_RELATIONS = 400  # with more of them, dropping the database is quicker, and one transaction may not have so many locks

_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# 16384 is the first oid that is not the system's own. Sessions that have ended leave schemas of temporary tables.
_EMPTY = """
    DO $$
    DECLARE
        doomed text;
    BEGIN
        FOR doomed IN SELECT nspname FROM pg_namespace WHERE oid >= 16384 OR nspname = 'public' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', doomed);
        END LOOP;
        CREATE SCHEMA public;
        IF current_setting('server_version_num')::integer >= 150000 THEN
            ALTER SCHEMA public OWNER TO pg_database_owner;
            GRANT USAGE ON SCHEMA public TO PUBLIC;
        ELSE
            GRANT ALL ON SCHEMA public TO PUBLIC;
        END IF;
        COMMENT ON SCHEMA public IS 'standard public schema';
    END $$
"""

# ANALYZE writes to pg_statistic at any time.
_CATALOGS = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
        AND relname NOT LIKE 'pg_statistic%'
    ORDER BY relname
"""

_SHARED = """
    SELECT d.xmin::text, d.ctid::text,
        (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid),
        (SELECT count(*) FROM pg_shdepend WHERE dbid = d.oid),
        (SELECT count(*) FROM pg_shdescription WHERE objoid = d.oid AND classoid = 'pg_database'::regclass),
        (SELECT count(*) FROM pg_shseclabel WHERE objoid = d.oid AND classoid = 'pg_database'::regclass)
    FROM pg_database d WHERE datname = current_database()
"""


class ReusedDatabase:
    """A database that was just made, with a connection of its own.

    Whatever can be left in a database has a row in one of its catalogs, or in one that all databases share. Emptying
    drops the schemas, and what depends on them. What else there was shows, since the rows of every catalog are counted:
    all of them, and those written since the database was made, which are more if the system's own were changed.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=StaticPool)
        with self._connect() as connection:
            made = connection.exec_driver_sql("SELECT txid_current() % (2 ^ 32)::bigint").scalar_one()
            catalogs = connection.exec_driver_sql(_CATALOGS).scalars().all()
            since = "count(*) FILTER (WHERE age(xmin) <= made)"
            self._count = f"WITH made AS MATERIALIZED (SELECT age('{made}'::xid) AS made) " + " UNION ALL ".join(
                f"SELECT '{catalog}', count(*), {since} FROM pg_catalog.{catalog}, made" for catalog in catalogs
            )
            connection.exec_driver_sql("SET client_min_messages = warning")
            connection.exec_driver_sql(f"SET lock_timeout = '{_SECONDS}s'")
            connection.exec_driver_sql(_EMPTY)
            self._state = self._read(connection)

    def empty(self) -> bool:
        """End what else is connected, drop what there is, and return whether nothing is left for sure."""
        end = time.monotonic() + _SECONDS
        try:
            with self._connect() as connection:
                while connection.exec_driver_sql(_OTHERS).all():
                    if time.monotonic() > end:
                        return False
                    time.sleep(0.001)
                count = connection.exec_driver_sql("SELECT count(*) FROM pg_class WHERE oid >= 16384").scalar_one()
                if count > _RELATIONS:
                    return False
                connection.exec_driver_sql(_EMPTY)
                return self._state == self._read(connection)
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """End the connection."""
        self._engine.dispose()

    def _connect(self) -> Connection:
        return self._engine.connect().execution_options(no_parameters=True)

    def _read(self, connection: Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for query in (self._count, _SHARED) for row in connection.exec_driver_sql(query)]
