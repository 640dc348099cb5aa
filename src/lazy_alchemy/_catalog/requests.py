"""One call to a catalog: what it asks for, what was found, and what still has to be loaded for it.

It reads ``Entries`` and never changes them. Callers hold the catalog's lock.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from lazy_alchemy._catalog.entries import RETRY
from lazy_alchemy._catalog.outcomes import Found, Key, Missing, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lazy_alchemy._catalog.entries import Entries
    from lazy_alchemy._concurrency.flights import Board, Flight
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["Request"]


class Request:
    """One call, from its question to its answer.

    Attributes:
        keys: The tables that it asks for, in order.
        ttl: Seconds after which a loaded table is checked.
        refresh: Whether each table is checked, expired or not.
        board: The board whose flights it shares.
        blocking: Whether it blocks its thread.
        call: The clock at the call.
        floors: For each table, the earliest tick at which its load may have begun.
        tried: Tables that were only checked along the way; their failures do not fail the call.
        missing: Tables that do not exist.
        private: Tables that only one connection can see.
        errors: Tables that could not be loaded.
        flights: The flights that it waits for.
        opened: The one among them that it opened, and must have carried.
    """

    def __init__(
        self,
        keys: Iterable[Key],
        ttl: float | None,
        board: Board[Key, Outcome],
        *,
        refresh: bool,
        blocking: bool,
        call: int,
    ) -> None:
        """Ask for ``keys``."""
        self.keys = dict.fromkeys(keys)
        self.ttl = ttl
        self.refresh = refresh
        self.board = board
        self.blocking = blocking
        self.call = call
        self.floors: dict[Key, int] = {}
        self.tried: set[Key] = set()
        self.missing: dict[Key, Missing] = {}
        self.private: dict[Key, TableInfo] = {}
        self.errors: dict[Key, Exception] = {}
        self.flights: set[Flight[Key, Outcome]] = set()
        self.opened: Flight[Key, Outcome] | None = None

    def settled(self, key: Key) -> bool:
        """Return whether the answer for one of its keys is final without a loaded table."""
        return key in self.missing or key in self.private or key in self.errors

    def note(self, key: Key, found: Outcome | BaseException | None) -> None:
        """Note the result for one of its keys."""
        if isinstance(found, Missing):
            self.missing[key] = found
        elif isinstance(found, Found):
            if found.private:
                self.private[key] = found.info
        elif isinstance(found, Exception):
            self.errors[key] = found

    def unserved(self, entries: Entries) -> dict[Key, Exception]:
        """Return the errors to be raised. A loaded table whose check failed is served as it is."""
        errors: dict[Key, Exception] = {}
        for key, error in self.errors.items():
            believed = min(entries.invalidation(key)[0], self.call)
            if self.refresh or entries.began(key) < believed or key not in entries:
                errors[key] = error
        return errors

    def take_in(self, entries: Entries, flight: Flight[Key, Outcome]) -> None:
        """Note the results of a flight that has landed."""
        if flight.error is not None and not isinstance(flight.error, Exception):
            return  # its carrier was interrupted, which says nothing about the tables
        for key in self.keys:
            if key in flight.keys and flight.began >= self.floors[key]:
                found = flight.outcome.get(key, flight.error)
                if not (isinstance(found, Missing) and entries.began(key) > flight.began):
                    self.note(key, found)
        # Not so a table that came into reach with this very load: it is still to be checked.
        self.tried.update(key for key in flight.keys if flight.began >= self.floors.get(key, math.inf))

    def needs(self, entries: Entries) -> dict[Key, tuple[int, float]]:
        """Return the tables to load: for each, the earliest tick of its load and how recent a cached answer must be.

        These are the tables that it asks for; the loaded tables that they reach through foreign keys, if stale, so that
        tables got one after another join; and, if one of all these has expired, every other expired table.
        """
        now = time.monotonic()
        lacking: dict[Key, int] = {}
        for key in self.keys:
            if not self.settled(key) and (floor := self._lacks(entries, key, now)) is not None:
                lacking[key] = floor
        if self.ttl is not None or entries.doubtful:
            for key in entries.reached(self.keys):
                if key in self.tried or now < entries[key].failed + RETRY:
                    continue
                if (floor := self._lacks(entries, key, now)) is not None:
                    lacking[key] = floor
        if self.ttl is not None and any(entries.expired(key, self.ttl, now) for key in lacking):
            for key in entries:
                if not (key in self.tried or key in lacking) and entries.expired(key, self.ttl, now):
                    lacking[key] = self.floors.setdefault(key, entries.began(key) + 1)
        return {key: (floor, self._not_before(entries, key)) for key, floor in lacking.items()}

    def _lacks(self, entries: Entries, key: Key, now: float) -> int | None:
        """Return the earliest tick at which a load of ``key`` may have begun; None if no load is needed."""
        entry = entries.get(key)
        floor = self.floors.get(key)
        if floor is None:
            # An invalidation after the call does not prolong it: readers make progress under any storm of them.
            floor = min(entries.invalidation(key)[0], self.call)
            if self.refresh and key in self.keys:
                floor = self.call
            elif entry is not None and entry.began >= floor and entries.expired(key, self.ttl, now):
                floor = entry.began + 1
            self.floors[key] = floor
        return None if entry is not None and entry.began >= floor else floor

    def _not_before(self, entries: Entries, key: Key) -> float:
        if self.refresh and key in self.keys:
            return math.inf
        age = -math.inf if self.ttl is None else time.time() - self.ttl
        return max(age, entries.invalidation(key)[1])
