"""What one call wants of a catalog, how far it has come, and what is still to be loaded for it.

It decides by what is loaded (``Entries``) and changes nothing of that. Whoever calls holds the catalog's lock.
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
    """What one call wants, and how far it has come.

    Attributes:
        keys: The tables that it wants, in order.
        ttl: Seconds after which a loaded table is checked.
        refresh: Whether each is checked in any case.
        board: With whom it shares loads.
        blocking: Whether it blocks its thread.
        call: The clock at the call.
        floors: The tick that the load of a table must not have begun before.
        tried: What has been tried of the tables that are checked along the way; a failure of theirs is not the call's.
        missing: Which tables do not exist.
        private: Which tables only one connection can see.
        errors: Which tables could not be loaded.
        flights: The loads that it waits for.
        opened: That among them which it must see carried.
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
        """Want ``keys``; nothing has been tried."""
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
        """Return whether all that can be said of one of its keys has been said."""
        return key in self.missing or key in self.private or key in self.errors

    def note(self, key: Key, found: Outcome | BaseException | None) -> None:
        """Take in what was found of one of its keys."""
        if isinstance(found, Missing):
            self.missing[key] = found
        elif isinstance(found, Found):
            if found.private:
                self.private[key] = found.info
        elif isinstance(found, Exception):
            self.errors[key] = found

    def unserved(self, entries: Entries) -> dict[Key, Exception]:
        """Return the errors that the caller must hear: a table that merely could not be checked is served as it is."""
        errors: dict[Key, Exception] = {}
        for key, error in self.errors.items():
            believed = min(entries.invalidation(key)[0], self.call)
            if self.refresh or entries.began(key) < believed or key not in entries:
                errors[key] = error
        return errors

    def take_in(self, entries: Entries, flight: Flight[Key, Outcome]) -> None:
        """Take in what a flight that has landed brought."""
        if flight.error is not None and not isinstance(flight.error, Exception):
            return  # whoever carried it was interrupted; that says nothing about the tables
        for key in self.keys:
            if key in flight.keys and flight.began >= self.floors[key]:
                found = flight.outcome.get(key, flight.error)
                if not (isinstance(found, Missing) and entries.began(key) > flight.began):
                    self.note(key, found)
        # What nobody has looked at yet (a table that one of those just loaded refers to now) is still to be checked.
        self.tried.update(key for key in flight.keys if flight.began >= self.floors.get(key, math.inf))

    def needs(self, entries: Entries) -> dict[Key, tuple[int, float]]:
        """Return what it lacks: the tick each load must not begin before, how recent a cache's answer must be.

        Besides what it asks for, that are the tables that these reach through foreign keys, if they are loaded and no
        longer current, so that tables got one after another join; and, if one of all those has expired, every table
        that has.
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
        """Return the tick that a load of ``key`` must not have begun before, None if what is loaded will do."""
        entry = entries.get(key)
        floor = self.floors.get(key)
        if floor is None:
            # Whoever invalidates after the call does not make it wait for longer: readers advance under any storm of
            # invalidations.
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
