"""Which names a table can have. Pure functions of text."""

from __future__ import annotations

__all__ = ["MYSQL", "can_exist"]

MYSQL = ("mysql", "mariadb")
"""The dialects of MySQL's family."""

_MYSQL_LONGEST = 64


def can_exist(name: str, dialect: str | None = None) -> bool:
    """Return whether a table can have this name: servers and drivers raise an error where it cannot.

    Args:
        name: The name.
        dialect: The database's dialect; None for what holds in every database.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    if not name or "\0" in name:
        return False
    if dialect in MYSQL:
        return len(name) <= _MYSQL_LONGEST and name[-1] not in " \t\n\v\f\r" and max(name) <= "\uffff"
    return True
