"""The loaded TableInfos of one database, and how recent each is. Plain state: no lock, no I/O, no Tables.

Callers hold the catalog's lock.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from lazy_alchemy._catalog.outcomes import Found, Missing
from lazy_alchemy._reflected import refers_to

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lazy_alchemy._catalog.outcomes import Key, Outcome
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Entries", "Entry", "Moment"]

RETRY = 5.0
"""Longest pause, in seconds, between two attempts to check a table while the database cannot be reached."""

_REMEMBERED = 1000
"""How many missing names are remembered, so that a late load does not bring one of them back."""

_USED = 100
"""How many other tables a check takes along."""

_INVALIDATED = 10_000
"""How many names that are not loaded can be invalidated singly, before that counts as invalidating everything."""

Moment: TypeAlias = "tuple[int, float, float]"
"""The start of a load: the tick of the catalog's clock, ``time.monotonic()`` and ``time.time()``."""


class Entry:
    """A loaded table.

    Attributes:
        info: Its TableInfo.
        began: The tick at which its newest load began.
        checked: ``time.monotonic()`` at that tick.
        reflected_at: ``time.time()`` at that tick.
        failed: ``time.monotonic()`` of the last failed attempt to check it.
        held: ``time.monotonic()`` before which it is not checked again, because its last check got no answer in time.
        cached: Whether it comes from the cache.
    """

    def __init__(self, info: TableInfo, moment: Moment, *, cached: bool) -> None:
        """See the class."""
        began, checked, reflected_at = moment
        self.cached = cached
        self.info = info
        self.began = began
        self.checked = checked
        self.reflected_at = reflected_at
        self.failed = self.held = -math.inf

    def expires(self, ttl: float) -> float:
        """Return the ``time.monotonic()`` at which its next check is due."""
        return max(self.checked + ttl, self.failed + min(ttl, RETRY), self.held)


class Entries:
    """The loaded tables by schema and name, and the invalidations.

    Attributes:
        doubtful: The loaded tables that were invalidated after their newest load began. While it is empty, foreign keys
            need not be followed. After an interruption it may hold one too many, never one too few.
        referred: All tables that foreign keys of loaded ones refer to, each with the tables that refer to it, or did.
        rejected: Tables whose entry in the cache cannot be built here, so that the database is asked.
        reflected: The number of tables read from the database.
        revalidated: How many times a loaded table was found unchanged.
        replaced: How many times a loaded table was found changed or gone.
        from_cache: The number of tables that came from the Cache.
    """

    def __init__(self) -> None:
        """Nothing is loaded or invalidated yet."""
        self._entries: dict[Key, Entry] = {}
        self._invalidated: dict[Key, tuple[int, float]] = {}
        self._all_invalidated = (0, -math.inf)
        self.doubtful: set[Key] = set()
        self.referred: defaultdict[Key, set[Key]] = defaultdict(set)
        self.rejected: set[Key] = set()
        self._used: dict[Key, None] = {}  # since their last check, in order
        self._gone: dict[Key, int] = {}  # when the newest load that found it missing began: the tick
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
        """Return the entry of ``key``; None if it is not loaded."""
        return self._entries.get(key)

    def began(self, key: Key) -> int:
        """Return the tick at which the newest load of ``key`` began; -1 if it is not loaded."""
        entry = self._entries.get(key)
        return -1 if entry is None else entry.began

    def infos(self, keys: Iterable[Key]) -> dict[Key, TableInfo]:
        """Return the TableInfos of those of ``keys`` that are loaded."""
        return {key: self._entries[key].info for key in keys if key in self._entries}

    # -- Invalidation

    def invalidate(self, keys: Collection[Key] | None, tick: int, now: float) -> None:
        """Distrust everything that was loaded of ``keys`` before ``tick``; None stands for all tables.

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
            self._entries[key].failed = self._entries[key].held = -math.inf

    def invalidation(self, key: Key) -> tuple[int, float]:
        """Return the last invalidation of ``key``: the tick, and ``time.time()``."""
        return max(self._invalidated.get(key, self._all_invalidated), self._all_invalidated)

    # -- Freshness

    def current(self, key: Key) -> bool:
        """Return whether neither the table nor a loaded table that it reaches is doubtful."""
        return not self.doubtful or self.doubtful.isdisjoint((key, *self.reached([key])))

    def expired(self, key: Key, ttl: float | None, now: float) -> bool:
        """Return whether a loaded table is older than ``ttl`` at ``now`` (``time.monotonic()``)."""
        entry = self._entries.get(key)
        return ttl is not None and entry is not None and now >= entry.expires(ttl)

    def use(self, key: Key) -> None:
        """Note that a loaded table with a time to live was given out."""
        self._used.pop(key, None)
        self._used[key] = None

    def expired_in_use(self, ttl: float, now: float) -> list[Key]:
        """Return the tables used last that are older than ``ttl``, a bounded number of them."""
        return [key for key in itertools.islice(reversed(self._used), _USED) if self.expired(key, ttl, now)]

    def deadline(self, key: Key, ttl: float | None) -> float:
        """Return the ``time.monotonic()`` at which the first of a loaded table and those that it reaches expires."""
        if ttl is None:
            return math.inf
        return min(self._entries[k].expires(ttl) for k in (key, *self.reached([key])))

    def reached(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Yield the loaded tables that ``keys`` reach through foreign keys, directly or not, without ``keys``."""
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

    # -- Results of loads

    def changes(self, outcome: Mapping[Key, Outcome], began: int) -> dict[Key, TableInfo | None]:
        """Return the loaded tables that a load found changed, with their new TableInfo, or None where it is gone.

        ``began`` is the tick at which the load began.
        """
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

    def torn(self, outcome: Mapping[Key, Outcome], batches: Sequence[Collection[Key]]) -> set[Key]:
        """Return the tables to read again, because with ``outcome`` their foreign keys and columns would not agree.

        A foreign key that names a column which its target lacks shows that the two were read at different times, unless
        both were last read in one batch: then the key really leads nowhere. Both ends are to be read again.

        Args:
            outcome: What a load has found so far.
            batches: The keys that it has read, batch by batch.
        """
        again: set[Key] = set()
        for child, parent in self._references(outcome):
            last = next((batch for batch in reversed(batches) if child in batch or parent in batch), ())
            if not (child in last and parent in last) and _disagree(
                self._after(child, outcome), self._after(parent, outcome), parent
            ):
                again.update((child, parent))
        return again

    def outdated(self, outcome: Mapping[Key, Outcome]) -> set[Key]:
        """Return the loaded tables that do not agree with one of ``outcome``, and were read earlier than it.

        ``torn`` has had them read again, unless that failed, or another load has found them in the meantime.
        """
        older: set[Key] = set()
        for child, parent in self._references(outcome):
            read, target_read = self._newest(child), self._newest(parent)
            if read != target_read and _disagree(self._after(child, {}), self._after(parent, {}), parent):
                older.add(child if read < target_read else parent)
        return older

    def _references(self, outcome: Mapping[Key, Outcome]) -> Iterator[tuple[Key, Key]]:
        """Yield each pair of a referring table and its target that are loaded or found, one of them in ``outcome``."""
        for key, found in outcome.items():
            if isinstance(found, Exception):
                continue
            yield from ((child, key) for child in self.referred.get(key, ()))
            info = self._after(key, outcome)
            for target in () if info is None else refers_to(info):
                if target in self or target in outcome:
                    yield key, target

    def _after(self, key: Key, outcome: Mapping[Key, Outcome]) -> TableInfo | None:
        """Return what would be loaded of ``key`` with ``outcome``."""
        found = outcome.get(key)
        if isinstance(found, Found):
            return found.info
        return self._entries[key].info if key in self._entries and not isinstance(found, Missing) else None

    def enter(self, outcome: Mapping[Key, Outcome], moment: Moment) -> None:
        """Take in the results of a load. Results of later loads stay, and private results change nothing."""
        began, checked, reflected_at = moment
        for key, found in outcome.items():
            entry = self._entries.get(key)
            if isinstance(found, Exception) or found.private or self._is_late(key, began):
                continue
            if isinstance(found, Missing):
                self._gone[key] = began
                if entry is not None:
                    self.drop(key)
                    self.replaced += 1
                continue
            info = found.info
            if entry is not None and entry.info == info:
                self.revalidated += 1
            else:
                self.replaced += entry is not None
                self.from_cache += found.cached
                self.reflected += not found.cached
            for target in refers_to(info):
                self.referred[target].add(key)
            is_doubtful = began < self.invalidation(key)[0]
            if is_doubtful:
                self.doubtful.add(key)
            times = (began, checked - found.age, reflected_at - found.age)
            self._entries[key] = Entry(info, times, cached=found.cached)
            self._used.pop(key, None)
            if not found.cached:
                self.rejected.discard(key)
            if not is_doubtful:
                self.doubtful.discard(key)
        while len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def drop(self, key: Key) -> None:
        """Forget a loaded table."""
        self._entries.pop(key, None)
        self._used.pop(key, None)
        self.doubtful.discard(key)

    def _newest(self, key: Key) -> int:
        """Return the tick at which the newest load began that found a table, or found it missing; -1 if none did."""
        return max(self.began(key), self._gone.get(key, -1))

    def _is_late(self, key: Key, began: int) -> bool:
        """Return whether the result of a later load than the one that began at tick ``began`` is known."""
        return self._newest(key) >= began

    def fail(self, keys: Iterable[Key], now: float, *, hold: bool = False) -> list[Key]:
        """Note that checking ``keys`` failed, and return the loaded ones among them.

        Args:
            keys: The keys.
            now: ``time.monotonic()``.
            hold: Whether the check got no answer in time: the next one comes after ``RETRY`` seconds, however short the
                time to live is.
        """
        failed = [key for key in keys if key in self._entries]
        for key in failed:
            entry = self._entries[key]
            entry.failed = now
            if hold:
                entry.held = now + RETRY
        return failed


def _disagree(child: TableInfo | None, parent: TableInfo | None, target: Key) -> bool:
    """Return whether a foreign key of ``child`` names a column that its target ``parent`` lacks, or a missing table."""
    if child is None:
        return False
    names = {column.name for column in parent.columns} if parent is not None else set[str]()
    return any(
        (key.referred_schema, key.referred_table) == target and not names.issuperset(key.referred_columns)
        for key in child.foreign_keys
    )
