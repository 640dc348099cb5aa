"""What is loaded of one database, and how recent that is. Plain state: no lock, no I/O, no Tables.

Whoever calls holds the catalog's lock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from lazy_alchemy._catalog.outcomes import Missing
from lazy_alchemy._reflected import refers_to

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lazy_alchemy._catalog.outcomes import Key, Outcome
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Entries", "Entry", "Moment"]

RETRY = 5.0
"""Seconds at most between two attempts to check a table while the database cannot be reached."""

_REMEMBERED = 1000
"""How many names that do not exist are remembered, so that a load that lands late does not bring one of them back."""

_INVALIDATED = 10_000
"""How many names that are not loaded can be invalidated one by one before that counts as invalidating everything."""

Moment: TypeAlias = "tuple[int, float, float]"
"""When a load began: the tick of the catalog's clock, ``time.monotonic()`` and ``time.time()``."""


class Entry:
    """A loaded table: what it is, and how recent that is.

    Attributes:
        info: What it is.
        began: The tick at which the newest load of it began.
        checked: ``time.monotonic()`` of that.
        reflected_at: ``time.time()`` of that.
        failed: ``time.monotonic()`` of the last attempt to check it that failed.
    """

    def __init__(self, info: TableInfo, began: int, checked: float, reflected_at: float) -> None:
        """See the class."""
        self.info = info
        self.began = began
        self.checked = checked
        self.reflected_at = reflected_at
        self.failed = -math.inf

    def expires(self, ttl: float) -> float:
        """Return the ``time.monotonic()`` at which it is to be checked again."""
        return max(self.checked + ttl, self.failed + min(ttl, RETRY))


class Entries:
    """The loaded tables by schema and name, and what has been invalidated.

    Attributes:
        doubtful: The loaded tables that were invalidated after their newest load began. While there are none, no table
            needs to be followed to those that it reaches. An interruption may leave one too many in it, never too few.
        referred: All tables that loaded ones refer to.
        reflected: How many tables were read from the database.
        revalidated: How many times a loaded table was found unchanged.
        replaced: How many times a loaded table was found changed or gone.
        from_cache: How many tables came from the Cache.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._entries: dict[Key, Entry] = {}
        self._invalidated: dict[Key, tuple[int, float]] = {}
        self._all_invalidated = (0, -math.inf)
        self.doubtful: set[Key] = set()
        self.referred: set[Key] = set()
        self._gone: dict[Key, int] = {}  # the tick at which the newest load began that found it missing
        self.reflected = self.revalidated = self.replaced = self.from_cache = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __getitem__(self, key: Key) -> Entry:
        return self._entries[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """Return the entry of ``key``, if it is loaded."""
        return self._entries.get(key)

    def began(self, key: Key) -> int:
        """Return the tick at which the newest load of ``key`` began; -1 if it is not loaded."""
        entry = self._entries.get(key)
        return -1 if entry is None else entry.began

    def infos(self, keys: Iterable[Key]) -> dict[Key, TableInfo]:
        """Return what is known of those of ``keys`` that are loaded."""
        return {key: self._entries[key].info for key in keys if key in self._entries}

    # -- Invalidation

    def invalidate(self, keys: Collection[Key] | None, tick: int, now: float) -> None:
        """Note that nothing that was loaded of ``keys`` (None: of anything) before ``tick`` is to be believed.

        Args:
            keys: The keys.
            tick: The clock.
            now: ``time.time()``.
        """
        loaded = list(self._entries) if keys is None else [key for key in keys if key in self._entries]
        self.doubtful.update(loaded)
        if keys is None:
            self._all_invalidated = (tick, now)
            self._invalidated.clear()
        else:
            self._invalidated.update(dict.fromkeys(keys, (tick, now)))
            if len(self._invalidated) > len(self._entries) + _INVALIDATED:
                self.invalidate(None, tick, now)
                return
        for key in loaded:
            self._entries[key].failed = -math.inf

    def invalidation(self, key: Key) -> tuple[int, float]:
        """Return when ``key`` was last invalidated: the tick, and ``time.time()``."""
        return max(self._invalidated.get(key, self._all_invalidated), self._all_invalidated)

    # -- Freshness

    def current(self, key: Key) -> bool:
        """Return whether neither the table nor any loaded one that it reaches was invalidated since it was loaded."""
        return not self.doubtful or self.doubtful.isdisjoint((key, *self.reached([key])))

    def expired(self, key: Key, ttl: float | None, now: float) -> bool:
        """Return whether a loaded table is older than ``ttl`` at ``now`` (``time.monotonic()``)."""
        entry = self._entries.get(key)
        return ttl is not None and entry is not None and now >= entry.expires(ttl)

    def deadline(self, key: Key, ttl: float | None) -> float:
        """Return the ``time.monotonic()`` at which a loaded table, or one that it reaches, expires."""
        if ttl is None:
            return math.inf
        return min(self._entries[k].expires(ttl) for k in (key, *self.reached([key])))

    def reached(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Yield the loaded tables that foreign keys of ``keys`` lead to, directly or not, without ``keys``."""
        seen = set(keys)
        queue = list(seen)
        while queue:
            entry = self._entries.get(queue.pop())
            if entry is None:
                continue
            for target in refers_to(entry.info):
                if target not in seen and target in self._entries:
                    seen.add(target)
                    queue.append(target)
                    yield target

    # -- What a load found

    def changes(self, outcome: Mapping[Key, Outcome], began: int) -> dict[Key, TableInfo | None]:
        """Return which loaded tables a load that began at tick ``began`` found changed, and to what (None: gone)."""
        changed: dict[Key, TableInfo | None] = {}
        for key, found in outcome.items():
            entry = self._entries.get(key)
            if entry is None or isinstance(found, Exception) or found.private or self._is_late(key, began):
                continue
            if isinstance(found, Missing):
                changed[key] = None
            elif found.info != entry.info:
                changed[key] = found.info
        return changed

    def enter(self, outcome: Mapping[Key, Outcome], moment: Moment) -> None:
        """Take in what a load found; what a later load found already stays, and what is private changes nothing."""
        began, checked, reflected_at = moment
        for key, found in outcome.items():
            entry = self._entries.get(key)
            if isinstance(found, Exception) or found.private or self._is_late(key, began):
                continue
            if isinstance(found, Missing):
                self._gone[key] = began
                if entry is not None:
                    del self._entries[key]
                    self.replaced += 1
                    self.doubtful.discard(key)
                continue
            info = found.info
            if entry is not None and entry.info == info:
                self.revalidated += 1
            else:
                self.replaced += entry is not None
                self.from_cache += found.cached
                self.reflected += not found.cached
            self.referred.update(refers_to(info))
            is_doubtful = began < self.invalidation(key)[0]
            if is_doubtful:
                self.doubtful.add(key)
            self._entries[key] = Entry(info, began, checked - found.age, reflected_at - found.age)
            if not is_doubtful:
                self.doubtful.discard(key)
        while len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def _is_late(self, key: Key, began: int) -> bool:
        """Return whether a load that began after tick ``began`` has already told what has become of ``key``."""
        return max(self.began(key), self._gone.get(key, -1)) >= began

    def fail(self, keys: Iterable[Key], now: float) -> list[Key]:
        """Note that ``keys`` could not be checked at ``now`` (``time.monotonic()``); return those that are loaded."""
        failed = [key for key in keys if key in self._entries]
        for key in failed:
            self._entries[key].failed = now
        return failed
