"""Names of databases: for messages, and for the keys of caches. Neither holds a secret."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lazy_alchemy._secrets import shown_database, shown_host

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

__all__ = ["database_key", "database_name"]


def database_name(engine: Engine) -> str:
    """Return the name of the database in messages."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return shown_database(url) or ":memory:"
    return shown_database(url) or shown_host(url) or url.get_backend_name()


# Query arguments of a URL that select the database or schema, and are not secret. The key has only a digest of them.
_LEADS_TO = frozenset({"host", "port", "dbname", "database", "service", "options", "unix_socket", "uri", "mode"})


def database_key(engine: Engine, token: str) -> str:
    """Return the engine's URL without password and query. URLs that lead to different databases have different keys.

    Args:
        engine: The engine.
        token: An identifier of this engine. It stands for an in-memory SQLite database, which no URL names, and for one
            that cannot be named without a secret.
    """
    url = engine.url
    shown = f"{url.get_backend_name()}://"
    if url.username:
        shown += f"{url.username}@"
    shown += shown_host(url) or ""
    if url.port:
        shown += f":{url.port}"
    shown += f"/{shown_database(url) or ''}"
    leading = sorted((name, value) for name, value in url.query.items() if name in _LEADS_TO)
    if leading:
        shown += f"?{hashlib.sha256(repr(leading).encode()).hexdigest()[:12]}"
    hides = (shown_host(url), shown_database(url)) != (url.host, url.database)
    if hides or (url.get_backend_name() == "sqlite" and _in_memory(url)):
        shown += f"#{token}"
    return shown


def _in_memory(url: URL) -> bool:
    database = url.database or ":memory:"
    return ":memory:" in database or url.query.get("mode") == "memory" or "mode=memory" in database
