"""How much a run of the tests does: every behaviour once, or with ``--full`` whatever multiplies it as well.

Without an option, each behaviour is tried once on each database and in each way of the event loops. ``--full`` adds
all combinations of ways and databases, the many rounds and examples, SQLAlchemy's own suite and the type checkers over
drawn schemas. ``--only-full`` runs what ``--full`` adds, for a run that follows one without an option.

A test or a parameter that is for ``--full`` alone has the marker ``full``; one that does more there has ``more``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

T = TypeVar("T")

full = pytest.mark.full
"""A test that runs with ``--full`` only."""

more = pytest.mark.more
"""A test that runs always, and does more with ``--full``."""

_full_run = False


def begin(*, full_run: bool) -> None:
    """Note what run this is, before any test is imported."""
    global _full_run  # noqa: PLW0603 - what a module says of its parameters, it says when it is imported
    _full_run = full_run
    # No deadline: an example that asks a database takes as long as the database takes.
    options: dict[str, Any] = {"deadline": None, "max_examples": amount(25, 100)}
    if os.environ.get("CI") == "true":
        options |= {"derandomize": True, "print_blob": True}
    settings.register_profile("tests", **options)
    settings.load_profile("tests")


def amount(short: T, long: T) -> T:
    """Return how much to do: `short`, or `long` with ``--full``. The test has the marker `more`."""
    return long if _full_run else short


def some(values: Iterable[Any], *always: Any) -> list[Any]:
    """Return the parameters of a test of which only `always` are tried in every run."""
    return [value if value in always else pytest.param(value, marks=full) for value in values]


def sort_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of `items` what this run is not for."""
    if config.getoption("only_full"):
        wanted: Collection[str] = {"full", "more"}
        kept = [item for item in items if any(item.get_closest_marker(name) for name in wanted) or _drawn(item)]
    elif not _full_run:
        kept = [item for item in items if not item.get_closest_marker("full")]
    else:
        return
    left_out = set(items) - set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = kept


def _drawn(item: pytest.Item) -> bool:
    """Return whether hypothesis draws the examples of a test, which are fewer in a short run."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
