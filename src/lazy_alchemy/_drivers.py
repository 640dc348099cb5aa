"""Facts that only the database driver knows: whether a transaction is open, what an error means, what its values are.

No common interface covers them, so these functions read attributes that are specific to each driver. Which values a
driver does not take, and in which form it returns them, is in ``emitters/_columns/drivers.py``.
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
    """Return whether each statement on ``connection`` commits by itself; False where the driver cannot tell."""
    dbapi: Any = connection.connection.dbapi_connection  # Any: each driver has attributes of its own
    return getattr(dbapi, "autocommit", None) is True and not in_transaction(connection)


def in_transaction(connection: Connection) -> bool:
    """Return whether the driver reports an open transaction on ``connection``; True where it cannot tell."""
    driver: Any = connection.connection.driver_connection  # Any: each driver has attributes of its own
    flag = getattr(driver, "in_transaction", None)  # sqlite3, aiosqlite
    if isinstance(flag, bool):
        return flag
    # psycopg, psycopg2. (psycopg has both, but creates an object each time ``info`` is read.)
    status = getattr(getattr(driver, "pgconn", None) or getattr(driver, "info", None), "transaction_status", None)
    if status is not None:
        return int(status) != 0
    flags = getattr(driver, "server_status", None)  # pymysql; 1 is SERVER_STATUS_IN_TRANS
    if isinstance(flags, int):
        return bool(flags & 1)
    if hasattr(driver, "_transaction_status"):  # pg8000: private only, and None before the first statement
        return driver._transaction_status not in (None, b"I")
    is_in_transaction = getattr(driver, "is_in_transaction", None)  # asyncpg
    return bool(is_in_transaction()) if callable(is_in_transaction) else True


def end_transaction(dbapi: Any) -> None:
    """Roll back a transaction that an event listener began on a connection in autocommit, with a ROLLBACK statement.

    In autocommit, ``rollback()`` does nothing with psycopg2 and asyncpg.
    """
    cursor = dbapi.cursor()
    try:
        cursor.execute("ROLLBACK")
    finally:
        cursor.close()


def error_code(error: DBAPIError) -> str | int | None:
    """Return PostgreSQL's SQLSTATE, or the error number of MariaDB and MySQL; None where the driver has neither."""
    original: Any = error.orig  # Any: each driver has attributes of its own
    first: object = next(iter(original.args), None) if original is not None else None
    if isinstance(first, dict):
        return cast("dict[str, str]", first).get("C")  # pg8000
    if isinstance(first, int):
        return first
    code: str | None = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return code


# The codes for locks and time limits of PostgreSQL ("Appendix A. PostgreSQL Error Codes"), MariaDB and MySQL.
_LOCK_OR_TIME_LIMIT = frozenset({"55P03", "57014", "40P01", 1205, 1213, 1969, 3024})


def gave_up_waiting(error: DBAPIError) -> bool:
    """Return whether a statement failed because of another transaction's lock or a time limit."""
    return error_code(error) in _LOCK_OR_TIME_LIMIT or is_locked(error)


def is_locked(error: DBAPIError) -> bool:
    """Return whether SQLite timed out waiting for another connection's lock."""
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
