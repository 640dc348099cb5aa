"""The one redactor: what must not be shown of a URL, and texts without it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

__all__ = ["redact", "secrets_of", "shown_url", "without_urls"]

_HIDDEN = "***"
_SHORT = 4
"""Secrets below this length are hidden as whole words only: a value ``1`` is not in every number."""


def shown_url(url: URL) -> str:
    """Return ``url`` as it may be shown: no password, no query."""
    return url.set(query={}).render_as_string(hide_password=True)


def secrets_of(url: URL) -> list[str]:
    """Return what must not be shown of ``url``, in every spelling, the longest first."""
    return sorted(set(_secrets(url)), key=len, reverse=True)


def redact(text: str, url: URL) -> str:
    """Return ``text`` without the password and the query values of ``url``, however they are quoted in it."""
    for secret in secrets_of(url):
        pattern = re.escape(secret)
        if len(secret) < _SHORT:
            pattern = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
        text = re.sub(pattern, _HIDDEN, text)
    return text


def without_urls(text: str, arguments: list[str]) -> str:
    """Return ``text``, the message of a usage error, without the URLs among the command line's ``arguments``."""
    for argument in arguments:
        scheme, separator, _ = argument.partition("://")
        if separator:
            for spelling in (argument, repr(argument)[1:-1]):
                text = text.replace(spelling, f"{scheme}://{_HIDDEN}")
    return text


def _secrets(url: URL) -> Iterator[str]:
    """Yield every spelling in which a driver may repeat a secret of ``url``, and the parts it may be split into."""
    values = [str(url.password or "")]
    for value in url.query.values():
        values.extend([value] if isinstance(value, str) else value)
    # A value may itself be a list of things: several hosts, an ODBC connection string.
    values += [part for value in values[1:] for part in re.split(r"[\s;,={}]+", value) if len(part) >= _SHORT]
    for value in filter(None, values):
        yield value
        yield quote(value, safe="")
        yield quote(value, safe=" +")  # as SQLAlchemy renders a password
        yield quote_plus(value)
        yield repr(value)[1:-1]
        yield value.replace("\\", "\\\\").replace("'", "\\'")
