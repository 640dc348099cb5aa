"""What only a database driver can tell: whether a transaction is open, what an error means, what its own values are.

Each driver has its own way to say it, so the attributes that are looked at here are in no common interface. Which
values a driver does not take, and in what form it gives them, is in emitters/_columns/drivers.py.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

__all__ = [
    "autocommits",
    "end_transaction",
    "error_code",
    "gave_up_waiting",
    "in_transaction",
    "is_locked",
    "plain_bits",
    "plain_bytes",
    "plain_interval",
]


def autocommits(connection: Connection) -> bool:
    """Return whether each statement on ``connection`` is a transaction by itself, as far as the driver can tell."""
    dbapi: Any = connection.connection.dbapi_connection  # Any: each driver has attributes of its own
    return getattr(dbapi, "autocommit", None) is True and not in_transaction(connection)


def in_transaction(connection: Connection) -> bool:
    """Return whether the database connection is in a transaction, asked of the driver; True where it cannot tell."""
    driver: Any = connection.connection.driver_connection  # Any: each driver has attributes of its own
    flag = getattr(driver, "in_transaction", None)  # sqlite3, aiosqlite
    if isinstance(flag, bool):
        return flag
    # psycopg, psycopg2. (psycopg has both, and makes an object for each look at ``info``.)
    status = getattr(getattr(driver, "pgconn", None) or getattr(driver, "info", None), "transaction_status", None)
    if status is not None:
        return int(status) != 0
    flags = getattr(driver, "server_status", None)  # pymysql; 1 is SERVER_STATUS_IN_TRANS
    if isinstance(flags, int):
        return bool(flags & 1)
    if hasattr(driver, "_transaction_status"):  # pg8000, which has no public one, and None before the first statement
        return driver._transaction_status not in (None, b"I")
    asked = getattr(driver, "is_in_transaction", None)  # asyncpg
    return bool(asked()) if callable(asked) else True


def end_transaction(dbapi: Any) -> None:
    """End a transaction that somebody's listener has begun on a connection in autocommit, by a statement of its own.

    There ``rollback()`` does nothing with psycopg2 and asyncpg.
    """
    cursor = dbapi.cursor()
    try:
        cursor.execute("ROLLBACK")
    finally:
        cursor.close()


def error_code(error: DBAPIError) -> str | int | None:
    """Return the SQLSTATE of PostgreSQL, or the number of MariaDB and MySQL; None where the driver has neither."""
    original: Any = error.orig  # Any: each driver has attributes of its own
    said: object = next(iter(original.args), None) if original is not None else None
    if isinstance(said, dict):
        return cast("dict[str, str]", said).get("C")  # pg8000
    if isinstance(said, int):
        return said
    code: str | None = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return code


# A lock or a time limit of PostgreSQL ("Appendix A. PostgreSQL Error Codes"), MariaDB and MySQL.
_WAITED = frozenset({"55P03", "57014", "40P01", 1205, 1213, 1969, 3024})


def gave_up_waiting(error: DBAPIError) -> bool:
    """Return whether a statement was ended by a lock that another transaction holds, or by a time limit."""
    return error_code(error) in _WAITED or is_locked(error)


def is_locked(error: DBAPIError) -> bool:
    """Return whether SQLite has waited in vain for somebody else's lock."""
    return error.orig is not None and "locked" in str(error.orig)


# -- Values of a class that one driver alone has, as Python has them. Any: whatever value a model is given, which else
# stays as it is


def plain_bytes(value: Any) -> Any:
    """Return what psycopg2 has for the bytes of a domain as bytes."""
    return value.tobytes() if isinstance(value, memoryview) else value


def plain_bits(value: Any) -> Any:
    """Return what asyncpg has for a bit string as text without the groups that it makes of the digits."""
    as_string: Any = getattr(value, "as_string", None)
    return as_string().replace(" ", "") if as_string is not None else value


def plain_interval(value: Any) -> Any:
    """Return what pg8000 has for an interval with months as a timedelta of the length that other drivers give it."""
    if type(value).__name__ != "PGInterval":
        return value
    interval = value.normalize()
    years, months = divmod(abs(interval.months), 12)
    days = years * 365 + months * 30
    return datetime.timedelta(interval.days + (days if interval.months > 0 else -days), interval.seconds)
