"""The choreography of loads, written once for all ways: which flights a call joins, and how a flight is carried."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lazy_alchemy._catalog.failures import raise_alone
from lazy_alchemy._catalog.outcomes import Task
from lazy_alchemy._catalog.pools import pool_capacity
from lazy_alchemy._catalog.shelf import Rejected
from lazy_alchemy._concurrency.flights import SingleFlight
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import TypeAlias

    from sqlalchemy import Engine

    from lazy_alchemy._catalog.cached import CachedTables
    from lazy_alchemy._catalog.outcomes import Found, Key, Outcome
    from lazy_alchemy._catalog.pools import ConnectionHolders
    from lazy_alchemy._catalog.reading import Reader
    from lazy_alchemy._catalog.requests import Plan, Request
    from lazy_alchemy._catalog.shelf import Shelf
    from lazy_alchemy._catalog.ways import Way
    from lazy_alchemy._concurrency.flights import Flight
    from lazy_alchemy._schema.tables import TableKind

    OneFlight: TypeAlias = Flight[Key, Outcome]

__all__ = ["Loads"]

T = TypeVar("T")

_LOADS = 4
"""How many loads of one catalog hold a connection or wait for one at a time."""


class Loads:
    """The loads of one catalog.

    Attributes:
        flights: Those that are under way.
        holders: The holders of the connections of the engine's pool.
    """

    def __init__(
        self, engine: Engine, shelf: Shelf, reader: Reader, cached: CachedTables | None, holders: ConnectionHolders
    ) -> None:
        """Load through ``reader`` what ``cached`` does not have, and put it on ``shelf``."""
        capacity = pool_capacity(engine.pool) or _LOADS
        self.flights: SingleFlight[Key, Outcome] = SingleFlight(min(_LOADS, capacity), shelf.clock)
        self.holders = holders
        self._shelf = shelf
        self._reader = reader
        self._cached = cached

    async def answer(self, request: Request, way: Way, deliver: Callable[[Plan], T]) -> T:
        """Load what ``request`` needs, and return what ``deliver`` makes of its end, under the lock."""
        joined: Collection[OneFlight] = ()
        while True:
            with self._shelf.clock.lock:
                for flight in joined:
                    request.note_flight(self._shelf.entries, flight)
                plan = request.plan(self._shelf.entries)
                joined, opened = self._board(request, plan, way)
                if not joined:
                    try:
                        return deliver(request.plan(self._shelf.entries) if plan.needs else plan)
                    except Rejected:
                        continue
            await self._travel(joined, opened, way)

    def _board(self, request: Request, plan: Plan, way: Way) -> tuple[Collection[OneFlight], OneFlight | None]:
        """Find flights for what ``request`` needs; none if it is answered. The lock is held."""
        if not plan.needs:
            return (), None
        try:
            return way.board(self.flights).join(plan.needs, partial(self._wait, way))
        except ReflectionError as error:
            self.holders.stop_waiting(blocking=way.blocking)
            # It would wait for itself. Loaded tables that have merely expired are served all the same.
            request.refuse(plan.needs, error)
            return (), None

    def _wait(self, way: Way) -> None:
        self.holders.wait(self._reader.engine().pool, blocking=way.blocking)

    # No lock is held from here on.

    async def _travel(self, joined: Collection[OneFlight], opened: OneFlight | None, way: Way) -> None:
        """Wait for flights, and carry, or have carried, those that have no carrier yet."""
        try:
            await way.launch(joined, opened, self._carry)
            for flight in joined:
                await way.wait(flight)
        finally:
            self.holders.stop_waiting(blocking=way.blocking)
            for flight in way.left(joined, opened):
                flight.abandon()

    async def _carry(self, flight: OneFlight, way: Way) -> None:
        """Load the keys of ``flight``, publish the results, and wake the waiters, whatever happens."""
        flight.claim()  # in an event loop with eager tasks, the carrier is not known earlier
        try:
            async with way.slot(self.flights):
                self._arrive(flight, await self._load(flight, way))
        except BaseException as error:
            self._fail(flight, error)
            if not isinstance(error, Exception):
                raise
        finally:
            flight.land()
        if self._cached is not None:
            await way.call(self._write, flight, self._cached)

    async def _load(self, flight: OneFlight, way: Way) -> dict[Key, Outcome]:
        """Ask the cache, then the database; the keys become final when the connection is in hand.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        cached: dict[Key, Found] = {}
        if self._cached is not None:
            cached = await way.call(self._ask, flight, self._cached)
        outcome: dict[Key, Outcome] = {}
        if flight.began and not self._shelf.torn(cached, ()):
            return {**cached}

        def take() -> Task:
            flight.begin()
            now = time.time()
            torn = self._shelf.torn(cached, ())
            outcome.update(
                (key, found) for key, found in cached.items() if now - found.age >= flight.keys[key] and key not in torn
            )
            keys = [key for key in {**flight.keys, **torn} if key not in outcome]
            return Task(keys, self._shelf.infos(keys), self._shelf.listings())

        try:
            outcome |= await way.read(
                self._reader.engine(), self.flights, partial(self._reader.read, take=take, torn=self._shelf.torn)
            )
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            flight.begin()  # from here on no key is added
            raise_alone(self._reader.failure(flight.keys, error))
        return outcome

    def _arrive(self, flight: OneFlight, outcome: Mapping[Key, Outcome]) -> None:
        flight.outcome = outcome = self._shelf.take_in(outcome, (flight.began, *flight.began_at))
        errors = {key: found for key, found in outcome.items() if isinstance(found, Exception)}
        if errors:
            self._shelf.postpone(errors, next(iter(errors.values())))

    def _fail(self, flight: OneFlight, error: BaseException) -> None:
        flight.begin()  # its waiters get the error, and no one joins any more
        flight.error = error
        if isinstance(error, Exception):
            self._shelf.postpone(flight.keys, error)

    # -- The cache

    def _ask(self, flight: OneFlight, cached: CachedTables) -> dict[Key, Found]:
        """Return the cache's answers for the keys of a flight; the flight begins here if they are complete."""
        answered: dict[Key, Found] = {}
        asked: set[Key] = set()
        while True:
            keys = {key: not_before for key, not_before in flight.wanted().items() if key not in asked}
            if not keys:
                return answered  # a later caller asks for a more recent answer than the cache has
            asked.update(keys)
            now = time.time()
            for key, found in cached.get(keys).items():
                answered[key] = found
                flight.answered[key] = now - found.age
            if len(answered) < len(asked) or flight.begin(if_answered=True):
                return answered

    def _write(self, flight: OneFlight, cached: CachedTables) -> None:
        valid = self._shelf.valid(flight.outcome, flight.began)
        cached.put(valid)
        if late := valid.keys() - self._shelf.valid(flight.outcome, flight.began).keys():
            cached.discard(late)  # invalidated while the cache was being written

    # -- Listing

    async def names(self, schema: str | None, way: Way) -> Mapping[str, TableKind]:
        """Return all names of ``schema`` with their kinds; one round trip.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        self._wait(way)
        try:
            async with way.slot(self.flights):
                read = partial(self._reader.names, schema=schema)
                names = await way.read(self._reader.engine(), self.flights, read)
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._reader.list_failure(error))
        finally:
            self.holders.stop_waiting(blocking=way.blocking)
        self._shelf.listed(schema, names)
        return names
