"""The names that were listed for missing tables: for a second, they serve other missing tables too.

A missing table itself is looked for each time. Plain state: callers hold the catalog's lock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from lazy_alchemy._catalog.outcomes import Missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazy_alchemy._catalog.outcomes import Key, Outcome

__all__ = ["Listings"]

_SECONDS = 1.0
"""For how long the names are reused, from when the load that listed them has ended."""


class Listing(NamedTuple):
    """The names of a schema.

    Attributes:
        names: The names.
        began: The tick at which the load that listed them began.
        until: The ``time.monotonic()`` at which they are too old.
    """

    names: tuple[str, ...]
    began: int
    until: float


class Listings:
    """The last listing of each schema."""

    def __init__(self) -> None:
        """Nothing is listed yet."""
        self._listings: dict[str | None, Listing] = {}
        self._distrusted = 0

    def distrust(self, tick: int) -> None:
        """Reuse no names of loads that began before ``tick``: that of an invalidation, a refresh or a rollback."""
        self._distrusted = tick

    def recent(self) -> dict[str | None, tuple[str, ...]]:
        """Return the names, by schema, that a load which begins now need not list."""
        now = time.monotonic()
        recent: dict[str | None, tuple[str, ...]] = {}
        for schema, listing in self._listings.items():
            if listing.began >= self._distrusted and now < listing.until:
                recent[schema] = listing.names
        return recent

    def note(self, outcome: Mapping[Key, Outcome], began: int) -> None:
        """Note the names that a load has listed, if other loads would find the same; forget those that are too old."""
        now = time.monotonic()
        for (schema, _), found in outcome.items():
            if isinstance(found, Missing) and found.listed and not (found.private or found.uncommitted):
                noted = self._listings.get(schema)
                if noted is None or noted.began < began:
                    self._listings[schema] = Listing(found.available, began, now + _SECONDS)
        for schema, listing in list(self._listings.items()):
            if now >= listing.until:
                del self._listings[schema]
