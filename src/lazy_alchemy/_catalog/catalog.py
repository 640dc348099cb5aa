"""The Catalog: what an accessor calls. Each call makes a request, has it answered, and gives the tables out.

The shelf keeps what is loaded; the loads decide which caller loads what; the reader alone reaches the database.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from lazy_alchemy._catalog.cached import CachedTables
from lazy_alchemy._catalog.connections import not_a_connection
from lazy_alchemy._catalog.databases import database_key, database_name
from lazy_alchemy._catalog.failures import together
from lazy_alchemy._catalog.loading import Loads
from lazy_alchemy._catalog.outcomes import Found
from lazy_alchemy._catalog.reading import Reader
from lazy_alchemy._catalog.requests import Request
from lazy_alchemy._catalog.shelf import CacheInfo, Rejected, Shelf
from lazy_alchemy._errors import ReflectionError, TableNotFoundError
from lazy_alchemy._secrets import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Engine, MetaData

    from lazy_alchemy._catalog.outcomes import Key, Missing, Outcome
    from lazy_alchemy._catalog.pools import ConnectionHolders
    from lazy_alchemy._catalog.requests import Plan
    from lazy_alchemy._catalog.shelf import HitCache
    from lazy_alchemy._catalog.ways import Way
    from lazy_alchemy._protocols import Cache, Reflector
    from lazy_alchemy._schema.tables import TableInfo, TableKind
    from lazy_alchemy._tables import CustomTable

__all__ = ["CacheInfo", "Catalog"]


class Catalog:
    """The tables of one Engine, shared by its accessors. It does not keep the Engine alive.

    Calls that may wait take the ``Way`` in which they do so: threads run them with ``drive``, event loops await them.
    """

    def __init__(
        self, engine: Engine, reflector: Reflector, cache: Cache | None, holders: ConnectionHolders, token: str
    ) -> None:
        """Make an empty catalog.

        Args:
            engine: The database.
            reflector: How it is read.
            cache: Asked before the database, and told after it.
            holders: The holders of the connections of the engine's pool.
            token: See ``database_key``.

        Raises:
            TypeError: ``reflector`` or ``cache`` lacks a method.
        """
        _require("reflector", reflector, ("reflect", "list_names", "fingerprints"))
        if cache is not None:
            _require("cache", cache, ("get_many", "set_many", "discard", "clear"))
        self._engine = weakref.ref(engine)
        self._shelf = Shelf(f"{engine.dialect.name}+{engine.dialect.driver}")
        self._reader = Reader(engine, reflector)
        self._cached = None if cache is None else CachedTables(cache, database_key(engine, token), engine.url)
        self._loads = Loads(engine, self._shelf, self._reader, self._cached, holders)

    @property
    def metadata(self) -> MetaData:
        """The MetaData that the tables are built in."""
        return self._shelf.metadata

    def register(self, accessor: HitCache) -> None:
        """From now on, tell ``accessor`` when to forget its tables."""
        self._shelf.register(accessor)

    # -- Calls that may wait

    async def table(self, key: Key, ttl: float | None, hit_cache: HitCache, way: Way) -> CustomTable:
        """Return the table, loading it if necessary, and let ``hit_cache`` remember it.

        Raises:
            TableNotFoundError: It does not exist.
            ReflectionError: It cannot be loaded.
        """
        request = Request([key], ttl, self._shelf.clock.now)

        def deliver(plan: Plan) -> CustomTable:
            self._raise_failures(plan)
            return self._shelf.deliver(request, key, hit_cache)

        return await self._loads.answer(request, way, deliver)

    async def ensure(
        self,
        keys: Iterable[Key],
        ttl: float | None,
        way: Way,
        *,
        refresh: bool = False,
        ignore_missing: bool = False,
    ) -> None:
        """Load those of ``keys`` that are not loaded, or check all of them if ``refresh``; build no tables.

        Raises:
            TableNotFoundError: Some do not exist; the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        with self._shelf.clock.lock:
            call = self._shelf.tick() if refresh else self._shelf.clock.now
        request = Request(keys, ttl, call, refresh=refresh)

        def deliver(plan: Plan) -> Plan:
            self._shelf.use(request)
            return plan

        plan = await self._loads.answer(request, way, deliver)
        self._raise_failures(plan._replace(missing={}) if ignore_missing else plan)

    async def names(self, schema: str | None, way: Way) -> Mapping[str, TableKind]:
        """Return all names of ``schema`` with their kinds; one round trip.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        return await self._loads.names(schema, way)

    async def invalidate(self, keys: Collection[Key] | None, way: Way) -> None:
        """Check ``keys`` at their next use; None stands for everything. An unchanged table stays the same object."""
        self._shelf.invalidate(keys)
        if self._cached is not None:
            await way.finish(self._cached.discard, keys)

    # -- Calls on a connection of the caller

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
        entries = self._shelf.entries
        request = Request(keys, ttl, self._shelf.clock.now)
        loaded = self._shelf.infos(request.keys)
        changed = self._reader.changed_within(connection, loaded)
        with self._shelf.clock.lock:
            plan = request.plan(entries)
            needs = {*plan.needs, *plan.checks, *changed}
            moment = (self._shelf.clock.tick(), time.monotonic(), time.time())
            known = entries.infos({*needs, *request.keys})
        outcome: Mapping[Key, Outcome] = {}
        if needs:
            try:
                outcome = self._reader.through(connection, list(needs), known, self._shelf.torn)
            except ReflectionError as error:
                outcome = dict.fromkeys(needs, error)
        with self._shelf.clock.lock:
            if outcome:
                outcome = self._shelf.take_in(outcome, moment)
            for key in request.keys:
                found = outcome.get(key)
                if not (isinstance(found, Found) and key in entries and entries[key].info == found.info):
                    request.note(key, found)  # else the transaction has not changed what is loaded
                if not request.is_answered(key) and key not in entries:
                    # It was found, or was loaded at the call, and another load has found it gone since.
                    request.note(key, Found(found.info if isinstance(found, Found) else known[key], private=True))
            self._raise_failures(request.plan(entries))
            try:
                return self._shelf.deliver_through(request, connection)
            except Rejected:
                pass
        return self.through(connection, request.keys, ttl)  # an entry of the cache cannot be used

    # -- Calls without I/O

    def seen(self, schema: str | None) -> set[str]:
        """Return the names that are loaded or have been listed."""
        return self._shelf.seen(schema)

    def loaded(self, schema: str | None) -> list[Key]:
        """Return the keys of the loaded tables of ``schema``."""
        return self._shelf.loaded(schema)

    def roll_back(self) -> None:
        """Check the tables that were uncommitted when they were loaded: their transaction was rolled back."""
        self._shelf.roll_back()

    def infos(self, keys: Collection[Key]) -> dict[Key, TableInfo]:
        """Return the TableInfos of those of ``keys`` that are loaded."""
        return self._shelf.infos(keys)

    def info(self) -> CacheInfo:
        """Return the counts."""
        return self._shelf.info()

    # -- Failures

    def _raise_failures(self, plan: Plan) -> None:
        """Raise the failures of an answered request."""
        failure = together(list(plan.errors.values())) if plan.errors else None
        if plan.missing:
            raise self._not_found(plan.missing) from failure
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


def _require(argument: str, given: object, methods: Collection[str]) -> None:
    lacking = [method for method in methods if not callable(getattr(given, method, None))]
    if lacking or isinstance(given, type):
        what = "the class itself" if isinstance(given, type) else redact(repr(given))
        raise TypeError(f"{argument}= takes an object with the methods {', '.join(methods)}, not {what}")
