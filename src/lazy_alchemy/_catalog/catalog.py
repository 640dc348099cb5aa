"""The Catalog: answers calls, decides which caller loads what, and publishes what was loaded.

Its state is in ``entries`` and ``metadata``. It reaches the database through ``loading`` only, and waits through
``_concurrency`` only.
"""

from __future__ import annotations

import logging
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sqlalchemy import Connection

from lazy_alchemy._catalog.connections import not_a_connection
from lazy_alchemy._catalog.databases import database_name
from lazy_alchemy._catalog.entries import Entries
from lazy_alchemy._catalog.failures import together
from lazy_alchemy._catalog.metadata import BuiltTables
from lazy_alchemy._catalog.outcomes import Found, Key, Missing, Outcome
from lazy_alchemy._catalog.pools import pool_capacity
from lazy_alchemy._catalog.requests import Request
from lazy_alchemy._concurrency.flights import Board, Flight, SingleFlight
from lazy_alchemy._concurrency.loops import in_thread
from lazy_alchemy._errors import ReflectionError, TableNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Engine, MetaData
    from sqlalchemy.ext.asyncio import AsyncEngine

    from lazy_alchemy._catalog.entries import Moment
    from lazy_alchemy._catalog.loading import Load
    from lazy_alchemy._schema.tables import TableInfo, TableKind
    from lazy_alchemy._tables import CustomTable

    class HitCache(Protocol):
        """An accessor, as the catalog sees it: it keeps the tables that it was given until it is told to forget them.

        The names are private because a public name of an accessor hides the table of that name.
        """

        def _remember(self, key: Key, table: CustomTable, until: float) -> None:
            """Keep ``table`` until ``time.monotonic()`` reaches ``until``. No lock is taken."""
            ...

        def _forget(self) -> None:
            """Forget every table. No lock is taken."""
            ...


__all__ = ["CacheInfo", "Catalog"]

logger = logging.getLogger("lazy_alchemy")

_LOADS = 4
"""How many loads of one catalog hold a connection or wait for one at a time."""


class CacheInfo(NamedTuple):
    """What an accessor's ``cache_info()`` returns: counts since the engine's first accessor was made.

    Hits are not counted: they cost nothing, and leave ``loads`` as it is.

    Attributes:
        loaded: The number of tables that are loaded now.
        loads: How many times the database, or the ``Cache``, was asked.
        reflected: The number of tables read from the database; a table that changed and was read again counts twice.
        revalidated: How many times a loaded table was found unchanged.
        replaced: How many times a loaded table was found changed or gone.
        from_cache: The number of tables that came from the ``Cache`` instead of the database.
    """

    loaded: int
    loads: int
    reflected: int
    revalidated: int
    replaced: int
    from_cache: int


_Board = Board[Key, Outcome]
_Flight = Flight[Key, Outcome]


class Catalog:
    """The tables of one Engine, shared by its accessors. It does not keep the Engine alive.

    The lock of ``_flights`` guards all state, and is never held across I/O. Under that lock, accessors are told to
    forget their tables whenever one of them may have become stale; so a hit reads them without a lock. No comprehension
    with a condition stands in a ``with`` of the lock: in Python 3.13 an interruption between two of its iterations
    would leave the lock held.

    The methods that take ``engine`` are for event loops. With an AsyncEngine a task of the running loop carries the
    load; with None a worker thread does, and shares it with all threads.
    """

    def __init__(self, engine: Engine, load: Load) -> None:
        """Make an empty catalog that loads through ``load``."""
        self._engine = weakref.ref(engine)
        self._load = load
        self._flights: SingleFlight[Key, Outcome] = SingleFlight(min(_LOADS, pool_capacity(engine.pool) or _LOADS))
        self._entries = Entries()
        self._built = BuiltTables(f"{engine.dialect.name}+{engine.dialect.driver}")
        # Tables that only one connection may see; those of the same connection join each other.
        self._by_connection: weakref.WeakKeyDictionary[Connection, BuiltTables] = weakref.WeakKeyDictionary()
        self._uncommitted: set[Key] = set()
        self._rolled_back = 0  # the tick
        self._expires = False  # whether an accessor holds, or held, a table with a time to live
        self._loads = 0
        # By identity: a subclass of LazyDB may say that two accessors are equal, or cannot be hashed.
        self._accessors: weakref.WeakValueDictionary[int, HitCache] = weakref.WeakValueDictionary()
        self._listed: dict[str | None, tuple[str, ...]] = {}

    @property
    def metadata(self) -> MetaData:
        """The MetaData that the tables are built in."""
        return self._built.metadata

    def register(self, accessor: HitCache) -> None:
        """From now on, tell ``accessor`` when to forget its tables."""
        with self._flights.lock:
            self._accessors[id(accessor)] = accessor

    # -- Calls

    def table(self, key: Key, ttl: float | None, hit_cache: HitCache) -> CustomTable:
        """Return the table, loading it if necessary, and let ``hit_cache`` remember it.

        Raises:
            TableNotFoundError: It does not exist.
            ReflectionError: It cannot be loaded.
        """
        request = self._request([key], ttl)
        while (table := self._delivered(request, key, hit_cache)) is None:
            self._travel(request)
        return table

    async def table_async(
        self, key: Key, ttl: float | None, hit_cache: HitCache, engine: AsyncEngine | None
    ) -> CustomTable:
        """Do as ``table`` does, in an event loop."""
        request = self._request([key], ttl, board=self._board(engine), blocking=False)
        while (table := self._delivered(request, key, hit_cache)) is None:
            await self._travel_async(request, engine)
        return table

    def ensure(
        self, keys: Iterable[Key], ttl: float | None, *, refresh: bool = False, ignore_missing: bool = False
    ) -> None:
        """Load those of ``keys`` that are not loaded, or check all of them if ``refresh``; build no tables.

        Raises:
            TableNotFoundError: Some do not exist; the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        request = self._request(keys, ttl, refresh=refresh)
        while not self._ensured(request, ignore_missing=ignore_missing):
            self._travel(request)

    async def ensure_async(
        self,
        keys: Iterable[Key],
        ttl: float | None,
        engine: AsyncEngine | None,
        *,
        refresh: bool = False,
        ignore_missing: bool = False,
    ) -> None:
        """Do as ``ensure`` does, in an event loop."""
        request = self._request(keys, ttl, refresh=refresh, board=self._board(engine), blocking=False)
        while not self._ensured(request, ignore_missing=ignore_missing):
            await self._travel_async(request, engine)

    def through(self, connection: Connection, keys: Iterable[Key], ttl: float | None) -> dict[Key, CustomTable]:
        """Return the tables, loading what is not loaded through the caller's ``connection``, in its transaction.

        A table that only that connection may see (temporary, or not committed) is returned and not kept.

        Raises:
            TableNotFoundError: Some do not exist; the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
            TypeError: It is not a connection.
            ValueError: The connection belongs to another engine.
        """
        self._check_connection(connection)
        request = self._request(keys, ttl)
        with self._flights.lock:
            needs = request.needs(self._entries)
            moment = (self._flights.tick(), time.monotonic(), time.time())
            known = self._entries.infos({*needs, *request.keys})
        outcome: Mapping[Key, Outcome] = {}
        if needs:
            try:
                outcome = self._load.through(connection, list(needs), known)
            except ReflectionError as error:
                outcome = dict.fromkeys(needs, error)
        with self._flights.lock:
            if outcome:
                outcome = self._publish(outcome, moment)
            for key in request.keys:
                request.note(key, outcome.get(key))
                if not request.settled(key) and key not in self._entries:
                    # It was found, or was loaded at the call, and another load has found it gone since.
                    found = outcome.get(key)
                    request.private[key] = found.info if isinstance(found, Found) else known[key]
            self._raise_failures(request)
            return self._tables_of(request, connection)

    def _tables_of(self, request: Request, connection: Connection) -> dict[Key, CustomTable]:
        """Return the Tables of a request that was answered on ``connection``. The lock is held."""
        private = self._by_connection.get(connection)
        if request.private and private is None:
            private = self._by_connection[connection] = BuiltTables(self._built.dialect)
        return {
            key: private.latest(request.private[key])
            if private is not None and key in request.private
            else self._built.table(self._entries[key].info)
            for key in request.keys
        }

    def names(self, schema: str | None) -> Mapping[str, TableKind]:
        """Return all names of ``schema`` with their kinds; one round trip.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        self._load.wait(blocking=True)
        try:
            return self._list(schema)
        finally:
            self._load.stop_waiting(blocking=True)

    async def names_async(self, schema: str | None, engine: AsyncEngine | None) -> Mapping[str, TableKind]:
        """Do as ``names`` does, in an event loop."""
        self._load.wait(blocking=False)
        try:
            async with self._flights.loop_slot():
                if engine is None:  # the slot is taken here, or each call would block a thread while it waits for one
                    return await in_thread(self._list, schema)
                return self._noted(schema, await self._load.names_async(engine, schema))
        finally:
            self._load.stop_waiting(blocking=False)

    def seen(self, schema: str | None) -> set[str]:
        """Return the names that are loaded or have been listed; no round trip."""
        return {name for _, name in self.loaded(schema)}.union(self._listed.get(schema, ()))

    def loaded(self, schema: str | None) -> list[Key]:
        """Return the keys of the loaded tables of ``schema``."""
        with self._flights.lock:
            keys = list(self._entries)
        return [key for key in keys if key[0] == schema]

    def invalidate(self, keys: Collection[Key] | None) -> None:
        """Check ``keys`` at their next use; None stands for everything. An unchanged table stays the same object."""
        self._invalidate(keys)
        self._load.discard(keys)

    async def invalidate_async(self, keys: Collection[Key] | None) -> None:
        """Do as ``invalidate`` does, in an event loop."""
        self._invalidate(keys)
        if self._load.asks_cache:
            await in_thread(self._load.discard, keys, abandon=False)

    def roll_back(self) -> None:
        """Check the tables that were uncommitted when they were loaded: their transaction was rolled back."""
        with self._flights.lock:
            self._rolled_back = self._flights.tick()
            if self._uncommitted:
                self._entries.invalidate(self._uncommitted, self._rolled_back, time.time())
                self._uncommitted.clear()
                self._forget()

    def _invalidate(self, keys: Collection[Key] | None) -> None:
        with self._flights.lock:
            self._entries.invalidate(keys, self._flights.tick(), time.time())
            self._forget()

    def info(self) -> CacheInfo:
        """Return the counts."""
        with self._flights.lock:
            known = self._entries
            return CacheInfo(
                len(known), self._loads, known.reflected, known.revalidated, known.replaced, known.from_cache
            )

    # -- From a call to its answer

    def _board(self, engine: AsyncEngine | None) -> _Board:
        return self._flights.threads if engine is None else self._flights.loop()

    def _request(
        self,
        keys: Iterable[Key],
        ttl: float | None,
        *,
        refresh: bool = False,
        board: _Board | None = None,
        blocking: bool = True,
    ) -> Request:
        with self._flights.lock:
            call = self._flights.tick() if refresh else self._flights.clock
            board = self._flights.threads if board is None else board
            return Request(keys, ttl, board, refresh=refresh, blocking=blocking, call=call)

    def _delivered(self, request: Request, key: Key, hit_cache: HitCache) -> CustomTable | None:
        """Return the table; None if ``request`` must wait for flights first."""
        with self._flights.lock:
            if self._plan(request):
                return None
            self._raise_failures(request)
            if key in request.private:
                return self._built.standalone(request.private[key])
            table = self._built.table(self._entries[key].info)
            if self._entries.current(key):
                until = self._entries.deadline(key, request.ttl)
                self._expires = self._expires or request.ttl is not None
                hit_cache._remember(key, table, until)  # pyright: ignore[reportPrivateUsage]  # see HitCache
            return table

    def _ensured(self, request: Request, *, ignore_missing: bool) -> bool:
        with self._flights.lock:
            if self._plan(request):
                return False
        if ignore_missing:
            request.missing.clear()
        self._raise_failures(request)
        return True

    def _plan(self, request: Request) -> bool:
        """Note the results of flights, board flights for what ``request`` still lacks; return whether it must wait.

        The lock is held.
        """
        for flight in request.flights:
            request.take_in(self._entries, flight)
        request.flights, request.opened = set(), None
        needs = request.needs(self._entries)
        if not needs:
            return False
        try:
            boarding = partial(self._load.wait, blocking=request.blocking)
            request.flights, request.opened = request.board.join(needs, boarding)
        except ReflectionError as error:
            self._load.stop_waiting(blocking=request.blocking)
            # It would wait for itself. Loaded tables that have merely expired are served all the same.
            request.errors.update((key, error) for key in needs if key in request.keys)
            request.tried.update(needs)
            return False
        return True

    # -- Carrying loads and waiting for them. No lock is held.

    def _travel(self, request: Request) -> None:
        """Carry the flights that have no carrier yet, and wait for the others."""
        try:
            for flight in request.flights:
                # Not only the one that it opened: one opened by a task of this very thread would never start.
                if flight.claim():
                    self._carry(flight)
            for flight in request.flights:
                flight.wait()
        finally:
            self._load.stop_waiting(blocking=True)
            for flight in request.flights:
                flight.abandon()

    async def _travel_async(self, request: Request, engine: AsyncEngine | None) -> None:
        """Wait; a thread or a task that survives a cancellation of this one carries the flight that it opened."""
        opened = request.opened
        try:
            if opened is not None and engine is None:
                await in_thread(self._carry_unclaimed, opened)
            elif opened is not None and engine is not None:
                opened.carry_in_background(self._carry_async(opened, engine))
            for flight in request.flights:
                await flight.wait_async()
        finally:
            self._load.stop_waiting(blocking=False)
            if opened is not None:
                opened.abandon()

    def _carry_unclaimed(self, flight: _Flight) -> None:
        if flight.claim():
            self._carry(flight)

    def _carry(self, flight: _Flight) -> None:
        """Load the keys of ``flight``, publish the results, and wake the waiters, whatever happens."""
        try:
            with self._flights.slot():
                self._arrive(flight, self._load.fly(flight, self.infos))
        except BaseException as error:
            self._fail(flight, error)
            if not isinstance(error, Exception):
                raise
        finally:
            flight.land()
        if self._load.asks_cache:
            self._tell(flight)

    async def _carry_async(self, flight: _Flight, engine: AsyncEngine) -> None:
        """Do as ``_carry`` does, in a task."""
        flight.claim()  # in an event loop with eager tasks, the carrier is not known earlier
        try:
            async with self._flights.loop_slot():
                self._arrive(flight, await self._load.fly_async(engine, flight, self.infos))
        except BaseException as error:
            self._fail(flight, error)
            if not isinstance(error, Exception):
                raise
        finally:
            flight.land()
        if self._load.asks_cache:
            await in_thread(self._tell, flight)

    def infos(self, keys: Collection[Key]) -> dict[Key, TableInfo]:
        """Return the TableInfos of those of ``keys`` that are loaded; no round trip."""
        with self._flights.lock:
            return self._entries.infos(keys)

    def _arrive(self, flight: _Flight, outcome: Mapping[Key, Outcome]) -> None:
        outcome = self._publish(outcome, (flight.began, *flight.began_at))
        flight.outcome = outcome
        errors = {key: found for key, found in outcome.items() if isinstance(found, Exception)}
        if errors:
            self._postpone(errors, next(iter(errors.values())))

    def _fail(self, flight: _Flight, error: BaseException) -> None:
        flight.begin()  # its waiters get the error, and no one joins any more
        flight.error = error
        if isinstance(error, Exception):
            self._postpone(flight.keys, error)

    def _postpone(self, keys: Iterable[Key], error: Exception) -> None:
        """Note that checking ``keys`` failed, so that not every access tries again."""
        with self._flights.lock:
            failed = self._entries.fail(keys, time.monotonic())
        if failed:
            logger.warning(
                "Could not check %s for changes: %s",
                ", ".join(repr(name) for _, name in failed),
                error,
            )

    def _publish(self, outcome: Mapping[Key, Outcome], moment: Moment) -> dict[Key, Outcome]:
        """Take in the results of a load; return them, with an error for each table that cannot be built any more."""
        with self._flights.lock:
            self._loads += not all(isinstance(found, Found) and found.cached for found in outcome.values())
            changed = self._entries.changes(outcome, moment[0])
            try:
                published = {**outcome, **self._replace(changed)}
            finally:
                if changed or self._makes_older(outcome, moment[0]):
                    self._forget()
            self._entries.enter(published, moment)
            # A generator: in CPython 3.13 a signal in a comprehension with `if` goes past the `with` around it.
            self._uncommitted.update(
                key for key, found in published.items() if not isinstance(found, Exception) and found.uncommitted
            )
            if self._uncommitted and moment[0] < self._rolled_back:
                self.roll_back()  # read before the rollback, published after it
            return published

    def _makes_older(self, outcome: Mapping[Key, Outcome], began: int) -> bool:
        """Return whether the results of a load make tables that accessors hold expire earlier than they know."""
        links = bool(self._entries.doubtful) or self._expires
        for key, found in outcome.items():
            if began < self._entries.invalidation(key)[0]:
                return True  # tables that reach it are due at once, as it is
            if not isinstance(found, Found) or found.private:
                continue
            if found.cached or (links and key in self._entries.referred and key not in self._entries):
                return True  # it is older than its load, or it links held tables to further ones
        return False

    def _replace(self, changed: Mapping[Key, TableInfo | None]) -> dict[Key, Outcome]:
        """Replace the Tables of ``changed``; return an error for each that cannot be built and stays as it was."""
        if not changed:
            return {}  # finding the tables that refer to one takes time in proportion to all tables
        try:
            self._built.replace(changed)
        except ReflectionError as error:
            if len(changed) == 1:
                return dict.fromkeys(changed, error)
            return {k: e for key, info in changed.items() for k, e in self._replace({key: info}).items()}
        return {}

    def _tell(self, flight: _Flight) -> None:
        kept = self._kept(flight)
        self._load.tell(kept)
        if late := kept.keys() - self._kept(flight).keys():
            self._load.discard(late)  # invalidated while the cache was being written

    def _kept(self, flight: _Flight) -> dict[Key, tuple[TableInfo, float]]:
        """Return the results of ``flight`` that are still valid; only these are written to the cache."""
        with self._flights.lock:
            return self._valid(flight)

    def _valid(self, flight: _Flight) -> dict[Key, tuple[TableInfo, float]]:
        return {
            key: (entry.info, entry.reflected_at)
            for key, found in flight.outcome.items()
            if not (isinstance(found, Found) and found.cached)
            and (entry := self._entries.get(key)) is not None
            and entry.began == flight.began
            and flight.began >= self._entries.invalidation(key)[0]
        }

    def _forget(self) -> None:
        for accessor in self._accessors.values():
            accessor._forget()  # pyright: ignore[reportPrivateUsage]  # see HitCache

    def _list(self, schema: str | None) -> Mapping[str, TableKind]:
        with self._flights.slot():
            return self._noted(schema, self._load.names(schema))

    def _noted(self, schema: str | None, names: Mapping[str, TableKind]) -> Mapping[str, TableKind]:
        self._listed[schema] = tuple(names)
        return names

    # -- Failures

    def _raise_failures(self, request: Request) -> None:
        """Raise the failures of a request. A loaded table whose check failed is served as it is."""
        errors = request.unserved(self._entries)
        failure = together(list(errors.values())) if errors else None
        if request.missing:
            raise self._not_found(request.missing) from failure
        if failure is not None:
            raise failure

    def _not_found(self, missing: Mapping[Key, Missing]) -> TableNotFoundError:
        engine = self._engine()
        (schema, _), first = next(iter(missing.items()))
        return TableNotFoundError(
            [name for _, name in missing],
            database=database_name(engine) if engine is not None else "?",
            schema=schema,
            available=first.available,
        )

    def _check_connection(self, connection: object) -> None:
        if not isinstance(connection, Connection):
            raise not_a_connection(connection)
        engine = self._engine()
        if engine is not None and connection.engine is not engine and connection.engine.pool is not engine.pool:
            raise ValueError(
                f"connection= belongs to another engine than this accessor ({database_name(connection.engine)!r} and "
                f"{database_name(engine)!r}): get the table from an accessor of that engine."
            )
