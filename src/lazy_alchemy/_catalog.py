"""The Catalog: what is known of one database's tables, how recent it is, and who has to load what.

It decides and keeps; it asks the database through a Reflector only (``_loading``), and makes Tables through ``_built``
only.
"""

from __future__ import annotations

import logging
import math
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lazy_alchemy._built import BuiltTables
from lazy_alchemy._connections import database_name
from lazy_alchemy._errors import LazyAlchemyError, ReflectionError, TableNotFoundError
from lazy_alchemy._loading import Found, Key, Load, Missing, Outcome
from lazy_alchemy._locks import Flight, SingleFlight
from lazy_alchemy._tables import refers_to

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, MetaData

    from lazy_alchemy._tableinfo import TableInfo, TableKind
    from lazy_alchemy._tables import CustomTable

__all__ = ["CacheInfo", "Catalog", "Key"]

logger = logging.getLogger("lazy_alchemy")

_RETRY = 5.0
"""Seconds at most between two attempts to check an expired table while the database cannot be reached."""


class CacheInfo(NamedTuple):
    """What an accessor's ``cache_info()`` returns: counts since the engine's first accessor was made.

    Attributes:
        loaded: How many tables are loaded now.
        loads: How many times the database was asked.
        reflected: How many tables were read from it; a table that was read again counts again.
        revalidated: How many times a loaded table was found unchanged.
        replaced: How many times a loaded table was found changed or gone.
        from_cache: How many tables came from the ``Cache`` instead of the database.
    """

    loaded: int
    loads: int
    reflected: int
    revalidated: int
    replaced: int
    from_cache: int


@dataclass
class _Entry:
    """A loaded table: what it is, and how recent that is."""

    info: TableInfo
    began: int  # the tick at which the newest load of it began
    checked: float  # time.monotonic() of that
    reflected_at: float  # time.time() of that
    failed: float = -math.inf  # time.monotonic() of the last attempt to check it that failed

    def expires(self, ttl: float) -> float:
        """Return the time.monotonic() at which it is to be checked again."""
        return max(self.checked + ttl, self.failed + min(ttl, _RETRY))


@dataclass
class _Request:
    """What one call wants, and how far it has come."""

    keys: tuple[Key, ...]
    ttl: float | None
    refresh: bool
    call: int  # the clock at the call
    floors: dict[Key, int] = field(default_factory=dict[Key, int])  # the tick a load must not have begun before
    tried: set[Key] = field(default_factory=set[Key])  # of the tables that are checked along the way
    missing: dict[Key, Missing] = field(default_factory=dict[Key, Missing])
    private: dict[Key, TableInfo] = field(default_factory=dict[Key, "TableInfo"])  # what only one connection may see
    errors: dict[Key, Exception] = field(default_factory=dict[Key, Exception])
    flights: set[Flight[Key, Outcome]] = field(default_factory=set[Flight[Key, Outcome]])
    lead: Flight[Key, Outcome] | None = None


class Hits(Protocol):
    """An accessor, as the catalog sees it: it keeps what it was given until it is told to forget.

    The names are private ones because every public name of an accessor is one that no table can have.
    """

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        """Keep ``table`` until ``time.monotonic()`` reaches ``until``. No lock is taken."""
        ...

    def _forget(self) -> None:
        """Forget every table. No lock is taken."""
        ...


class Catalog:
    """The tables of one Engine, shared by its accessors. It does not keep the Engine alive.

    All state is guarded by the lock of ``_flights``, which is never held across I/O. Accessors that were given a table
    are told, under that lock, whenever one that they hold might no longer be right; so what they hold needs no lock to
    be read.
    """

    def __init__(self, engine: Engine, load: Load) -> None:
        """Make an empty catalog that loads through ``load``."""
        self._engine = weakref.ref(engine)
        self._load = load
        self._flights: SingleFlight[Key, Outcome] = SingleFlight()
        self._entries: dict[Key, _Entry] = {}
        self._built = BuiltTables()
        self._invalidated: dict[Key, tuple[int, float]] = {}
        self._all_invalidated = (0, -math.inf)
        self._accessors: weakref.WeakSet[Hits] = weakref.WeakSet()
        self._listed: dict[str | None, tuple[str, ...]] = {}
        self._reflected = self._revalidated = self._replaced = self._from_cache = self._loads = 0

    @property
    def metadata(self) -> MetaData:
        """Where the tables are built."""
        return self._built.metadata

    def register(self, accessor: Hits) -> None:
        """Tell ``accessor`` from now on when to forget."""
        with self._flights.lock:
            self._accessors.add(accessor)

    # -- What is asked of it ------------------------------------------------------------------------------------------

    def table(self, key: Key, ttl: float | None, hits: Hits | None = None) -> CustomTable:
        """Return the table, loading it if need be, and let ``hits`` remember it.

        Raises:
            TableNotFoundError: It does not exist.
            ReflectionError: It cannot be loaded.
        """
        request = self._request([key], ttl)
        while True:
            with self._flights.lock:
                if not self._plan(request):
                    self._raise_failures(request)
                    if key in request.private:
                        return self._built.apart(request.private[key])
                    entry = self._entries[key]
                    table = self._built.table(entry.info)
                    if hits is not None and self._current(key, entry):
                        hits._remember(key, table, self._deadline(key, ttl))  # pyright: ignore[reportPrivateUsage]  # see Hits
                    return table
            self._travel(request)

    def ensure(
        self,
        keys: Iterable[Key],
        ttl: float | None,
        *,
        refresh: bool = False,
        ignore_missing: bool = False,
    ) -> None:
        """Load those of ``keys`` that are not loaded, or all of them if ``refresh``; build no tables.

        Raises:
            TableNotFoundError: Some do not exist; the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        request = self._request(keys, ttl, refresh=refresh)
        while True:
            with self._flights.lock:
                if not self._plan(request):
                    break
            self._travel(request)
        if ignore_missing:
            request.missing.clear()
        self._raise_failures(request)

    def through(self, connection: Connection, keys: Iterable[Key], ttl: float | None) -> dict[Key, CustomTable]:
        """Return the tables, loading what is not loaded through the caller's ``connection``, in its transaction.

        What only that connection may see, a temporary or an uncommitted table, is returned and not kept.

        Raises:
            TableNotFoundError: Some do not exist; the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
            ValueError: The connection belongs to another engine.
        """
        self._check_engine(connection)
        request = self._request(keys, ttl)
        with self._flights.lock:
            needs = self._needs(request)
            began = self._flights.tick()
            known = self._known(needs)
        if needs:
            started = time.monotonic(), time.time()
            outcome, hidden = self._load.through(connection, list(needs), known)
            request.private.update((key, found.info) for key in hidden if isinstance(found := outcome[key], Found))
            with self._flights.lock:
                self._apply({key: outcome[key] for key in outcome if key not in hidden}, began, *started)
            for key in request.keys:
                result = outcome.get(key)
                if isinstance(result, Missing):
                    request.missing[key] = result
                elif isinstance(result, Exception):
                    request.errors[key] = result
        self._raise_failures(request)
        with self._flights.lock:
            return {
                key: self._built.apart(request.private[key])
                if key in request.private
                else self._built.table(self._entries[key].info)
                for key in request.keys
            }

    def names(self, schema: str | None, connection: Connection | None = None) -> Mapping[str, TableKind]:
        """Return all names of ``schema`` and what they are; one round trip.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        names = self._load.names(schema, connection)
        self._listed[schema] = tuple(names)
        return names

    def seen(self, schema: str | None) -> set[str]:
        """Return the names that are loaded or have been listed; no round trip."""
        loaded = {name for entry_schema, name in list(self._entries) if entry_schema == schema}
        return loaded.union(self._listed.get(schema, ()))

    def loaded(self, schema: str | None) -> list[Key]:
        """Return the keys of the loaded tables of ``schema``."""
        with self._flights.lock:
            return [key for key in self._entries if key[0] == schema]

    def invalidate(self, keys: Collection[Key] | None) -> None:
        """Have ``keys`` (None: everything) checked at their next use; a table found unchanged stays the same object."""
        with self._flights.lock:
            now = (self._flights.tick(), time.time())
            if keys is None:
                self._all_invalidated = now
                self._invalidated.clear()
            else:
                self._invalidated.update(dict.fromkeys(keys, now))
            for key in self._entries if keys is None else keys:
                if key in self._entries:
                    self._entries[key].failed = -math.inf
            self._forget()
        self._load.discard(keys)

    def info(self) -> CacheInfo:
        """Return the counts."""
        with self._flights.lock:
            return CacheInfo(
                len(self._entries),
                self._loads,
                self._reflected,
                self._revalidated,
                self._replaced,
                self._from_cache,
            )

    # -- Planning: what has to be loaded. The lock is held.
    # ---------------------------------------------------------------

    def _request(self, keys: Iterable[Key], ttl: float | None, *, refresh: bool = False) -> _Request:
        with self._flights.lock:
            call = self._flights.tick() if refresh else self._flights.clock
        return _Request(tuple(dict.fromkeys(keys)), ttl, refresh, call)

    def _plan(self, request: _Request) -> bool:
        """Take in what flights brought, find flights for what ``request`` still lacks; return whether it must wait."""
        for flight in request.flights:
            self._take_in(request, flight)
        request.flights, request.lead = set(), None
        needs = self._needs(request)
        if not needs:
            return False
        try:
            request.flights, request.lead = self._flights.join(needs, self._load.refuse_deadlock)
        except ReflectionError as error:
            # This thread would wait for itself: what is loaded and has merely expired is served all the same.
            request.errors.update((key, error) for key in needs if key in request.keys)
            request.tried.update(needs)
            return False
        return True

    def _take_in(self, request: _Request, flight: Flight[Key, Outcome]) -> None:
        if flight.error is not None and not isinstance(flight.error, Exception):
            return  # whoever carried it was interrupted; that says nothing about the tables
        for key in request.keys:
            if key not in flight.keys or flight.began < request.floors[key]:
                continue
            found = flight.outcome.get(key, flight.error)
            if isinstance(found, Exception):
                request.errors[key] = found
            elif isinstance(found, Missing) and self._began(key) < flight.began:
                request.missing[key] = found
            elif isinstance(found, Found) and found.info.kind.is_temporary:
                request.private[key] = found.info
        request.tried.update(flight.keys)

    def _needs(self, request: _Request) -> dict[Key, tuple[int, float]]:
        """Return what ``request`` lacks: the tick each load must not begin before, how recent a cache's answer must be.

        Besides what it asks for, that are the tables that these reach through foreign keys, if they are loaded and no
        longer current, so that tables got one after another join; and, if one of all those has expired, every table
        that has.
        """
        now = time.monotonic()
        lacking = {
            key: floor
            for key in request.keys
            if not (key in request.missing or key in request.errors or key in request.private)
            and (floor := self._lacks(request, key, now)) is not None
        }
        for key in self._reached(request.keys):
            if key not in request.tried and (floor := self._lacks(request, key, now)) is not None:
                if now < self._entries[key].failed + _RETRY:
                    continue
                lacking[key] = floor
        if request.ttl is not None and any(self._expired(key, request.ttl, now) for key in lacking):
            for key in self._entries:
                if key not in request.tried and key not in lacking and self._expired(key, request.ttl, now):
                    lacking[key] = request.floors.setdefault(key, self._began(key) + 1)
        return {key: (floor, self._not_before(request, key)) for key, floor in lacking.items()}

    def _lacks(self, request: _Request, key: Key, now: float) -> int | None:
        """Return the tick that a load of ``key`` must not have begun before, None if what is loaded will do."""
        entry = self._entries.get(key)
        floor = request.floors.get(key)
        if floor is None:
            # Whoever invalidates after the call does not make it wait for longer: readers advance under any storm of
            # invalidations.
            floor = min(self._invalidation(key)[0], request.call)
            if request.refresh and key in request.keys:
                floor = request.call
            elif entry is not None and entry.began >= floor and self._expired(key, request.ttl, now):
                floor = entry.began + 1
            request.floors[key] = floor
        return None if entry is not None and entry.began >= floor else floor

    def _not_before(self, request: _Request, key: Key) -> float:
        if request.refresh and key in request.keys:
            return math.inf
        age = -math.inf if request.ttl is None else time.time() - request.ttl
        return max(age, self._invalidation(key)[1])

    def _invalidation(self, key: Key) -> tuple[int, float]:
        return max(self._invalidated.get(key, self._all_invalidated), self._all_invalidated)

    def _began(self, key: Key) -> int:
        entry = self._entries.get(key)
        return -1 if entry is None else entry.began

    def _current(self, key: Key, entry: _Entry) -> bool:
        """Return whether neither the table nor any loaded one that it reaches was invalidated since it was loaded."""
        return entry.began >= self._invalidation(key)[0] and all(
            self._began(reached) >= self._invalidation(reached)[0] for reached in self._reached([key])
        )

    def _expired(self, key: Key, ttl: float | None, now: float) -> bool:
        entry = self._entries.get(key)
        return ttl is not None and entry is not None and now >= entry.expires(ttl)

    def _deadline(self, key: Key, ttl: float | None) -> float:
        """Return when the table or one that it reaches expires."""
        if ttl is None:
            return math.inf
        entries = [self._entries[k] for k in (key, *self._reached([key]))]
        return min(entry.expires(ttl) for entry in entries)

    def _reached(self, keys: Iterable[Key]) -> Iterator[Key]:
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

    # -- Loading: no lock is held.
    # ----------------------------------------------------------------------------------------

    def _travel(self, request: _Request) -> None:
        """Carry the flight that is this caller's to carry, and wait for the others."""
        if request.lead is not None:
            self._carry(request.lead)
        for flight in request.flights:
            flight.wait()

    def _carry(self, flight: Flight[Key, Outcome]) -> None:
        """Load what ``flight`` carries, publish it, and wake those who wait, whatever happens."""
        started = time.monotonic(), time.time()
        outcome: dict[Key, Outcome] = {}
        try:
            with self._flights.slot():
                outcome = self._load.fly(self._flights, flight, self._known_now)
            with self._flights.lock:
                self._apply(outcome, flight.began, *started)
            flight.outcome = outcome
        except BaseException as error:
            self._flights.begin(flight)  # everybody who waits for it hears of the failure, and nobody joins any more
            flight.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            if flight.error is not None or any(isinstance(found, Exception) for found in outcome.values()):
                self._postpone(flight)
            self._flights.land(flight)
        self._load.tell(self._kept(outcome, flight.began))

    def _known_now(self, keys: Collection[Key]) -> dict[Key, TableInfo]:
        with self._flights.lock:
            return self._known(keys)

    def _known(self, keys: Iterable[Key]) -> dict[Key, TableInfo]:
        return {key: self._entries[key].info for key in keys if key in self._entries}

    def _postpone(self, flight: Flight[Key, Outcome]) -> None:
        """Note that the loaded tables of ``flight`` could not be checked, so that not every access tries in vain."""
        with self._flights.lock:
            failed = [
                key
                for key in flight.keys
                if key in self._entries and isinstance(flight.outcome.get(key, flight.error), Exception)
            ]
            for key in failed:
                self._entries[key].failed = time.monotonic()
        if failed:
            logger.warning(
                "Could not check %s for changes; what is loaded goes on being served: %s",
                ", ".join(repr(name) for _, name in failed),
                flight.error or next(flight.outcome[key] for key in failed),
            )

    def _apply(self, outcome: Mapping[Key, Outcome], began: int, checked: float, reflected_at: float) -> None:
        """Publish what a load found. The lock is held. What a later load found already stays."""
        changed: dict[Key, Found | None] = {}
        self._loads += 1
        for key, found in outcome.items():
            entry = self._entries.get(key)
            if isinstance(found, Exception) or (entry is not None and entry.began >= began):
                continue
            if isinstance(found, Missing):
                if entry is not None:
                    changed[key] = None
            elif found.info.kind.is_temporary:
                continue  # it belongs to one connection
            elif entry is not None and entry.info != found.info:
                changed[key] = found
            else:
                self._revalidated += entry is not None
                self._enter(key, found, began, checked, reflected_at)
        if not changed:
            return
        # May raise; then nothing has changed.
        self._built.replace({key: new.info if new else None for key, new in changed.items()})
        self._replaced += len(changed)
        for key, new in changed.items():
            if new is None:
                del self._entries[key]
            else:
                self._enter(key, new, began, checked, reflected_at)
        self._forget()

    def _enter(self, key: Key, found: Found, began: int, checked: float, reflected_at: float) -> None:
        known = self._entries.get(key)
        if known is not None and known.info == found.info:
            info = known.info  # the one that the Table was built from
        else:
            info = found.info
            self._from_cache += found.cached
            self._reflected += not found.cached
        self._entries[key] = _Entry(info, began, checked - found.age, reflected_at - found.age)

    def _kept(self, outcome: Mapping[Key, Outcome], began: int) -> dict[Key, tuple[TableInfo, float]]:
        """Return what of ``outcome`` is still what is known: the cache is told of nothing else."""
        with self._flights.lock:
            return {
                key: (entry.info, entry.reflected_at)
                for key in outcome
                if (entry := self._entries.get(key)) is not None
                and entry.began == began
                and began >= self._invalidation(key)[0]
            }

    def _forget(self) -> None:
        for accessor in self._accessors:
            accessor._forget()  # pyright: ignore[reportPrivateUsage]  # see Hits

    # -- Failures
    # -----------------------------------------------------------------------------------------------------------

    def _raise_failures(self, request: _Request) -> None:
        """Raise what the caller must hear; a table that merely could not be checked is served as it is."""
        errors: dict[Key, Exception] = {}
        for key, error in request.errors.items():
            entry = self._entries.get(key)
            expired_only = entry is not None and entry.began >= min(self._invalidation(key)[0], request.call)
            if request.refresh or not expired_only:
                errors[key] = error
        if request.missing:
            raise self._not_found(request.missing)
        if errors:
            raise _copy(next(iter(errors.values())))

    def _not_found(self, missing: Mapping[Key, Missing]) -> TableNotFoundError:
        engine = self._engine()
        keys: Sequence[Key] = list(missing)
        return TableNotFoundError(
            [name for _, name in keys],
            database=database_name(engine) if engine is not None else "?",
            schema=keys[0][0],
            available=missing[keys[0]].available,
        )

    def _check_engine(self, connection: Connection) -> None:
        engine = self._engine()
        if engine is not None and connection.engine is not engine and connection.engine.pool is not engine.pool:
            raise ValueError(
                f"connection= belongs to another engine than this accessor ({database_name(connection.engine)!r} and "
                f"{database_name(engine)!r}): get the table from an accessor of that engine."
            )


def _copy(error: Exception) -> LazyAlchemyError:
    """Return an error of its own for each of the threads that share a load which failed."""
    copied = ReflectionError(*error.args)
    copied.__cause__ = error.__cause__ if isinstance(error, ReflectionError) else error
    return copied
