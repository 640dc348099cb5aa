"""One call to a catalog: what it asks for, what was found, and what still has to be loaded for it.

It reads ``Entries`` and never changes them. Callers hold the catalog's lock.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from lazy_alchemy._catalog.entries import RETRY
from lazy_alchemy._catalog.outcomes import Found, Key, Missing, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lazy_alchemy._catalog.entries import Entries
    from lazy_alchemy._concurrency.flights import Flight
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Plan", "Request"]


class Plan(NamedTuple):
    """What a request needs next, or how it ends.

    Attributes:
        needs: The tables to load: for each, the earliest tick of its load, and how recent a cached answer must be
            (``time.time()``).
        checks: The loaded tables to check, likewise. They are served as they are if the check fails, or takes too long.
        missing: Tables that it asks for and that do not exist.
        errors: Tables that it asks for and that could not be loaded. A loaded table whose check failed is not among
            them: it is served as it is.
    """

    needs: Mapping[Key, tuple[int, float]]
    checks: Mapping[Key, tuple[int, float]]
    missing: Mapping[Key, Missing]
    errors: Mapping[Key, Exception]


class Request:
    """One call, from its question to its answer.

    Attributes:
        keys: The tables that it asks for, in order.
        ttl: Seconds after which a loaded table is checked.
        refresh: Whether each table is checked, expired or not.
        call: The clock at the call.
    """

    def __init__(self, keys: Iterable[Key], ttl: float | None, call: int, *, refresh: bool = False) -> None:
        """Ask for ``keys``."""
        self.keys = dict.fromkeys(keys)
        self.ttl = ttl
        self.refresh = refresh
        self.call = call
        # For each table, the earliest tick at which its load may have begun.
        self._floors: dict[Key, int] = {}
        # What was found of the keys, other than a table on the shelf: missing, private, or a failure.
        self._answers: dict[Key, Outcome] = {}
        # Tables that were only checked along the way; their failures do not fail the call.
        self._tried: set[Key] = set()

    # -- Results

    def private(self, key: Key) -> TableInfo | None:
        """Return what was found of a key that only one connection can see; None for any other key."""
        found = self._answers.get(key)
        return found.info if isinstance(found, Found) else None

    def is_answered(self, key: Key) -> bool:
        """Return whether the answer for one of its keys is final without a table on the shelf."""
        return key in self._answers

    def note(self, key: Key, found: Outcome | BaseException | None) -> None:
        """Note the result for one of its keys."""
        if isinstance(found, (Missing, Exception)) or (isinstance(found, Found) and found.private):
            self._answers[key] = found

    def note_flight(self, entries: Entries, flight: Flight[Key, Outcome]) -> None:
        """Note the results of a flight that has landed."""
        if flight.error is not None and not isinstance(flight.error, Exception):
            return  # its carrier was interrupted, which says nothing about the tables
        for key in self.keys:
            if key in flight.keys and flight.began >= self._floors[key]:
                found = flight.outcome.get(key, flight.error)
                if not (isinstance(found, Missing) and entries.began(key) > flight.began):
                    self.note(key, found)
        # Not so a table that came into reach with this very load: it is still to be checked.
        self._tried.update(key for key in flight.keys if flight.began >= self._floors.get(key, math.inf))

    def refuse(self, keys: Iterable[Key], error: Exception) -> None:
        """Note that ``keys`` cannot be loaded for this call."""
        for key in keys:
            if key in self.keys:
                self._answers[key] = error
            self._tried.add(key)

    # -- The plan

    def plan(self, entries: Entries) -> Plan:
        """Return what it needs next, or how it ends."""
        missing: dict[Key, Missing] = {}
        errors: dict[Key, Exception] = {}
        for key, found in self._answers.items():
            if isinstance(found, Missing):
                missing[key] = found
            elif isinstance(found, Exception) and not self._is_served(entries, key):
                errors[key] = found
        lacking = self._needs(entries)
        checks = {key: need for key, need in lacking.items() if self._is_served(entries, key)}
        return Plan({key: need for key, need in lacking.items() if key not in checks}, checks, missing, errors)

    def _is_served(self, entries: Entries, key: Key) -> bool:
        """Return whether a loaded table is served although its check fails."""
        floor = min(entries.invalidation(key)[0], self.call)
        return not self.refresh and key in entries and entries.began(key) >= floor

    def _needs(self, entries: Entries) -> dict[Key, tuple[int, float]]:
        """Return the tables to load or check.

        These are the tables that it asks for; the loaded tables that they reach through foreign keys, if stale, so that
        tables got one after another join; and, if one of all these has expired, a bounded number of other expired ones
        that were used since their last check.
        """
        now = time.monotonic()
        lacking: dict[Key, int] = {}
        for key in self.keys:
            if not self.is_answered(key) and (floor := self._lacks(entries, key, now)) is not None:
                lacking[key] = floor
        if self.ttl is not None or entries.doubtful:
            for key in entries.reached(self.keys):
                if key in self._tried or now < entries[key].failed + RETRY:
                    continue
                if (floor := self._lacks(entries, key, now)) is not None:
                    lacking[key] = floor
        if self.ttl is not None and any(entries.expired(key, self.ttl, now) for key in lacking):
            for key in entries.expired_in_use(self.ttl, now):
                if not (key in self._tried or key in lacking):
                    lacking[key] = self._floors.setdefault(key, entries.began(key) + 1)
        return {key: (floor, self._not_before(entries, key)) for key, floor in lacking.items()}

    def _lacks(self, entries: Entries, key: Key, now: float) -> int | None:
        """Return the earliest tick at which a load of ``key`` may have begun; None if no load is needed."""
        entry = entries.get(key)
        floor = self._floors.get(key)
        if floor is None:
            # An invalidation after the call does not prolong it: readers make progress under any storm of them.
            floor = min(entries.invalidation(key)[0], self.call)
            if self.refresh and key in self.keys:
                floor = self.call
            elif entry is not None and entry.began >= floor and entries.expired(key, self.ttl, now):
                floor = entry.began + 1
            self._floors[key] = floor
        return None if entry is not None and entry.began >= floor else floor

    def _not_before(self, entries: Entries, key: Key) -> float:
        if (self.refresh and key in self.keys) or key in entries.rejected:
            return math.inf
        age = -math.inf if self.ttl is None else time.time() - self.ttl
        return max(age, entries.invalidation(key)[1])
