"""What of an engine's URL may be shown: what messages and keys call its database, and errors without its secrets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import AssertionPool

from lazy_alchemy._errors import LazyAlchemyError, ReflectionError
from lazy_alchemy._holders import REMEDY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

__all__ = ["database_key", "database_name", "reflection_error"]


def database_name(engine: Engine) -> str:
    """Return what messages call the database."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.database or url.host or url.get_backend_name()


# Arguments of a URL's query that say which database or schema it leads to, and hold no secret. Only a digest of them is
# kept.
_LEADS_TO = frozenset({"host", "port", "dbname", "database", "service", "options", "unix_socket", "uri", "mode"})


def database_key(engine: Engine, token: str) -> str:
    """Return the engine's URL without password and query; two engines whose URLs lead to different databases differ.

    Args:
        engine: The engine.
        token: An identifier of this engine alone, which an in-memory SQLite database gets: its URL does not name it.
    """
    url = engine.url
    shown = f"{url.get_backend_name()}://"
    if url.username:
        shown += f"{url.username}@"
    if url.host:
        shown += url.host
    if url.port:
        shown += f":{url.port}"
    shown += f"/{url.database or ''}"
    leading = sorted((name, value) for name, value in url.query.items() if name in _LEADS_TO)
    if leading:
        shown += f"?{hashlib.sha256(repr(leading).encode()).hexdigest()[:12]}"
    if url.get_backend_name() == "sqlite" and _in_memory(url):
        shown += f"#{token}"
    return shown


def _in_memory(url: URL) -> bool:
    database = url.database or ":memory:"
    return ":memory:" in database or url.query.get("mode") == "memory" or "mode=memory" in database


def reflection_error(engine: Engine | None, what: str, error: BaseException) -> ReflectionError:
    """Return a ReflectionError that says ``what`` failed and why, chained to ``error``, without any secret."""
    if isinstance(error, ReflectionError):
        return error
    secrets = _secrets(engine.url) if engine is not None else []
    reason = str(error.__cause__ or error) if isinstance(error, SQLAlchemyError) else str(error)
    if isinstance(error, AssertionError) and engine is not None and isinstance(engine.pool, AssertionPool):
        reason = f"{reason.partition(' at:')[0]}, and an AssertionPool has no other. {REMEDY}"
    kind = type(error).__name__
    raised = ReflectionError(f"{what}: {kind}: {_redact(reason.strip(), secrets)}")
    texts = [str(link) for link in _links(error)]
    if any(secret in text for secret in secrets for text in texts):
        # What the driver said holds a secret: its kind and the redacted text stand in for it.
        raised.__cause__ = LazyAlchemyError(f"{kind}: {_redact(str(error), secrets)}")
    else:
        raised.__cause__ = error
    return raised


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_SHORTEST_SECRET = 3  # hiding every "1" of a message would hide nothing and spoil it


def _secrets(url: URL) -> list[str]:
    """Return what must not be shown: the password and every value of the query; a very short one is no use to hide."""
    values = [str(url.password)] if url.password else []
    for value in url.query.values():
        values.extend([value] if isinstance(value, str) else value)
    # As they are, and as a URL has them.
    forms = {
        form for value in values for form in (value, quote(value, safe=" +"), quote(value, safe=""), quote_plus(value))
    }
    return sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)


def _redact(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
