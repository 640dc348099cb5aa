"""The choreography of loads, written once for all ways: which flights a call joins, and how a flight is carried."""

from __future__ import annotations

import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lazy_alchemy._catalog.connections import shares_connections
from lazy_alchemy._catalog.failures import raise_alone
from lazy_alchemy._catalog.outcomes import Task
from lazy_alchemy._catalog.pools import pool_capacity
from lazy_alchemy._catalog.shelf import Rejected
from lazy_alchemy._concurrency.flights import SingleFlight
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
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
    from lazy_alchemy._schema.tables import TableInfo, TableKind

    OneFlight: TypeAlias = Flight[Key, Outcome]

__all__ = ["Loads"]

T = TypeVar("T")

_LOADS = 4
"""How many loads of one catalog hold a connection or wait for one at a time."""

_PATIENCE = 0.5
"""How many seconds a caller waits for the check of a table that it has."""


class _Journey:
    """The flights that one call waits for."""

    def __init__(self) -> None:
        """None yet."""
        self.loads: Collection[OneFlight] = ()
        self.opened: OneFlight | None = None  # that among the loads which the caller must have carried
        self.checks: Collection[OneFlight] = ()
        self.behind: OneFlight | None = None  # that among the checks

    def all(self) -> list[OneFlight]:
        """Return the loads and the checks."""
        return [*self.loads, *self.checks]

    def overdue(self) -> list[OneFlight]:
        """Return the checks that have not landed."""
        return [flight for flight in self.checks if not flight.landed]


class Loads:
    """The loads of one catalog.

    Tables that a caller does not have are loaded by flights that it waits for as long as it takes. Tables that it has,
    and that are only to be checked, are checked behind its back: it waits half a second at most and then gets them as
    they are. Where the pool has one connection, or one for all callers, it carries the check itself.

    Attributes:
        flights: Those that callers wait for.
        holders: The holders of the connections of the engine's pool.
    """

    def __init__(
        self, engine: Engine, shelf: Shelf, reader: Reader, cached: CachedTables | None, holders: ConnectionHolders
    ) -> None:
        """Load through ``reader`` what ``cached`` does not have, and put it on ``shelf``."""
        capacity = pool_capacity(engine.pool)
        self.flights: SingleFlight[Key, Outcome] = SingleFlight(min(_LOADS, capacity or _LOADS), shelf.clock)
        self._checks: SingleFlight[Key, Outcome] | None = None
        if capacity != 1 and not shares_connections(engine.pool):
            self._checks = SingleFlight(1, shelf.clock)
        self._overdue: weakref.WeakSet[OneFlight] = weakref.WeakSet()
        self._most_overdue = (capacity or 2 * _LOADS) // 2
        self.holders = holders
        self._shelf = shelf
        self._reader = reader
        self._cached = cached

    async def answer(self, request: Request, way: Way, deliver: Callable[[Plan], T]) -> T:
        """Load what ``request`` needs, and return what ``deliver`` makes of its end, under the lock."""
        journey = _Journey()
        while True:
            with self._shelf.clock.lock:
                for flight in journey.all():
                    if flight.landed:
                        request.note_flight(self._shelf.entries, flight)
                self._give_up(request, journey.overdue())
                plan = request.plan(self._shelf.entries)
                journey = self._board(request, plan, way)
                if not journey.all():
                    try:
                        return deliver(request.plan(self._shelf.entries) if plan.needs or plan.checks else plan)
                    except Rejected:
                        continue
            await self._travel(journey, way)

    def _board(self, request: Request, plan: Plan, way: Way) -> _Journey:
        """Find flights for what ``request`` needs; none if it is answered. The lock is held."""
        journey = _Journey()
        behind = self._checks is not None
        needs = plan.needs if behind else {**plan.needs, **plan.checks}
        checks: Mapping[Key, tuple[int, float]] = plan.checks if behind else {}
        try:
            if checks and self._checks is not None:
                if len([flight for flight in self._overdue if not flight.landed]) >= self._most_overdue:
                    raise ReflectionError("too many checks have got no answer yet")
                journey.checks, journey.behind = way.board(self._checks).join(checks, partial(self._look_ahead, way))
        except ReflectionError as error:
            request.refuse(checks, error)
        try:
            if needs:
                journey.loads, journey.opened = way.board(self.flights).join(needs, partial(self._wait, way))
        except ReflectionError as error:
            self.holders.stop_waiting(blocking=way.blocking)
            # It would wait for itself. Loaded tables that have merely expired are served all the same.
            request.refuse(needs, error)
        return journey

    def _wait(self, way: Way) -> None:
        self.holders.wait(self._reader.engine().pool, blocking=way.blocking)

    def _look_ahead(self, way: Way) -> None:
        """Refuse to wait for a check that could get a connection only from its own waiters."""
        self._wait(way)
        self.holders.stop_waiting(blocking=way.blocking)

    def _give_up(self, request: Request, overdue: Collection[OneFlight]) -> None:
        """Serve what overdue flights were to check as it is. The lock is held."""
        for flight in overdue:
            error = ReflectionError(f"the database gave no answer within {_PATIENCE} seconds")
            request.refuse(flight.keys, error)
            if flight not in self._overdue:
                self._overdue.add(flight)
                flight.give_up()
                self._shelf.postpone(flight.keys, error, hold=True)

    # No lock is held from here on.

    async def _travel(self, journey: _Journey, way: Way) -> None:
        """Wait for flights, and carry, or have carried, those that have no carrier yet."""
        try:
            if journey.behind is not None:
                way.launch_behind(journey.behind, self._carry)
            await way.launch(journey.loads, journey.opened, self._carry)
            for flight in journey.loads:
                await way.wait(flight)
            for flight in journey.checks:
                await way.wait(flight, flight.opened_at + _PATIENCE)
        finally:
            self.holders.stop_waiting(blocking=way.blocking)
            for flight in way.left(journey.loads, journey.opened):
                flight.abandon()
            if journey.behind is not None:
                journey.behind.abandon()

    async def _carry(self, flight: OneFlight, way: Way) -> None:
        """Load the keys of ``flight``, publish the results, and wake the waiters, whatever happens."""
        flight.claim()  # in an event loop with eager tasks, the carrier is not known earlier
        try:
            async with way.slot_of(flight) if flight.flights is self._checks else way.slot(self.flights):
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

        def again(found: Mapping[Key, Outcome], batches: Sequence[Collection[Key]]) -> Mapping[Key, TableInfo | None]:
            return self._shelf.torn({**outcome, **found}, batches)  # with what the cache has answered

        try:
            read = partial(self._reader.read, take=take, torn=again)
            outcome |= await way.read(self._reader.engine(), self.flights, read)
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
