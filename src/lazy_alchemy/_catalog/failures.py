"""What went wrong, as the errors that a caller gets: chained to their cause, and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import AssertionPool

from lazy_alchemy._catalog.pools import REMEDY
from lazy_alchemy._errors import LazyAlchemyError, ReflectionError
from lazy_alchemy._secrets import redact, tells_secret

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

__all__ = ["raise_alone", "reflection_error", "together", "without_secrets"]


def reflection_error(engine: Engine | None, what: str, error: BaseException) -> ReflectionError:
    """Return a ReflectionError that says ``what`` failed and why, chained to ``error``, without any secret."""
    url = engine.url if engine is not None else None
    if isinstance(error, ReflectionError):
        return _without_secrets(error, url)
    reason = str(error.__cause__ or error) if isinstance(error, SQLAlchemyError) else str(error)
    if isinstance(error, AssertionError) and engine is not None and isinstance(engine.pool, AssertionPool):
        reason = f"{reason.partition(' at:')[0]}, and an AssertionPool has no other. {REMEDY}"
    raised = ReflectionError(f"{what}: {type(error).__name__}: {redact(reason.strip(), url, error)}")
    raised.__cause__ = without_secrets(error, url)
    return raised


def _without_secrets(error: ReflectionError, url: URL | None) -> ReflectionError:
    """Return ``error``, which a reflector raised, or one that says the same without a secret."""
    if not tells_secret(error, url):
        return error
    raised = ReflectionError(redact(str(error), url, error))
    raised.__cause__ = error.__cause__ and without_secrets(error.__cause__, url)
    return raised


def without_secrets(error: BaseException, url: URL | None) -> BaseException:
    """Return ``error``, or where it or what it is chained to tells a secret, one with its kind and redacted text."""
    if not tells_secret(error, url):
        return error
    return LazyAlchemyError(f"{type(error).__name__}: {redact(str(error), url, error)}")


def raise_alone(failure: BaseException) -> NoReturn:
    """Raise ``failure`` with its cause, and without the error that is being handled, which may tell a secret."""
    try:
        raise failure
    finally:
        failure.__context__ = None


def together(errors: list[Exception]) -> LazyAlchemyError:
    """Return an error of its own for each of the calls that share a load which failed, naming all that failed."""
    texts = dict.fromkeys(map(str, errors))
    first = errors[0]
    raised = ReflectionError("\n".join(texts))
    raised.__cause__ = first.__cause__ if isinstance(first, ReflectionError) else first
    return raised
