"""What went wrong, as the errors that a caller gets: chained to their cause, and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import AssertionPool

from lazy_alchemy._catalog.pools import REMEDY
from lazy_alchemy._errors import LazyAlchemyError, ReflectionError
from lazy_alchemy._secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

__all__ = ["reflection_error", "together"]


def reflection_error(engine: Engine | None, what: str, error: BaseException) -> ReflectionError:
    """Return a ReflectionError that says ``what`` failed and why, chained to ``error``, without any secret."""
    if isinstance(error, ReflectionError):
        return error
    url = engine.url if engine is not None else None

    def clean(text: str) -> str:
        return text if url is None else redact(text, url)

    reason = str(error.__cause__ or error) if isinstance(error, SQLAlchemyError) else str(error)
    if isinstance(error, AssertionError) and engine is not None and isinstance(engine.pool, AssertionPool):
        reason = f"{reason.partition(' at:')[0]}, and an AssertionPool has no other. {REMEDY}"
    kind = type(error).__name__
    raised = ReflectionError(f"{what}: {kind}: {clean(reason.strip())}")
    if any(clean(text) != text for text in map(str, _links(error))):
        # What the driver said holds a secret: its kind and the redacted text stand in for it.
        raised.__cause__ = LazyAlchemyError(f"{kind}: {clean(str(error))}")
    else:
        raised.__cause__ = error
    return raised


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def together(errors: list[Exception]) -> LazyAlchemyError:
    """Return an error of its own for each of the calls that share a load which failed, naming all that failed."""
    texts = dict.fromkeys(map(str, errors))
    first = errors[0]
    raised = ReflectionError("\n".join(texts))
    raised.__cause__ = first.__cause__ if isinstance(first, ReflectionError) else first
    return raised
