"""Carries out a load: asks the Cache, then the database, and turns errors into the library's own.

It is told what is loaded already, and publishes nothing itself.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.exc import DBAPIError

from lazy_alchemy._catalog.connections import Loan, caller_loan, pooled_loan, savepoint
from lazy_alchemy._catalog.databases import database_key, database_name
from lazy_alchemy._catalog.failures import raise_alone, reflection_error, without_secrets
from lazy_alchemy._catalog.outcomes import Found, Key, Missing, Outcome
from lazy_alchemy._concurrency.loops import in_thread
from lazy_alchemy._drivers import gave_up_waiting
from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._protocols import CacheEntry, TableKey
from lazy_alchemy._schema.names import can_exist
from lazy_alchemy._secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection, Dialect, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from lazy_alchemy._catalog.pools import ConnectionHolders
    from lazy_alchemy._concurrency.flights import Flight
    from lazy_alchemy._protocols import Cache, Reflector
    from lazy_alchemy._schema.tables import TableInfo, TableKind

__all__ = ["Load"]

logger = logging.getLogger("lazy_alchemy")

_SHOWN = 10
"""How many names a message lists."""


Known: TypeAlias = "Callable[[Collection[Key]], Mapping[Key, TableInfo]]"
"""Returns the TableInfos of those of the given keys that are loaded."""


class Load:
    """Loads tables of one engine, which it does not keep alive, with one reflector and one cache."""

    def __init__(
        self,
        engine: Engine,
        reflector: Reflector,
        cache: Cache | None,
        holders: ConnectionHolders,
        token: str,
    ) -> None:
        """See ``ConnectionHolders`` and ``database_key`` for ``holders`` and ``token``.

        Raises:
            TypeError: ``reflector`` or ``cache`` lacks a method.
        """
        _require("reflector", reflector, ("reflect", "list_names", "fingerprints"))
        if cache is not None:
            _require("cache", cache, ("get_many", "set_many", "discard", "clear"))
        self._engine = weakref.ref(engine)
        self._reflector = reflector
        self._cache = cache
        self._holders = holders
        self._database = database_key(engine, token)

    @property
    def asks_cache(self) -> bool:
        """Whether there is a cache, which may do I/O."""
        return self._cache is not None

    def wait(self, *, blocking: bool) -> None:
        """See ``ConnectionHolders.wait``."""
        engine = self._engine()
        if engine is not None:
            self._holders.wait(engine.pool, blocking=blocking)

    def stop_waiting(self, *, blocking: bool) -> None:
        """See ``ConnectionHolders.stop_waiting``."""
        self._holders.stop_waiting(blocking=blocking)

    def fly(self, flight: Flight[Key, Outcome], known: Known) -> dict[Key, Outcome]:
        """Load the keys of a flight, which become final when the connection is in hand.

        Args:
            flight: The flight; the caller carries it.
            known: Loaded tables are only checked for a change, and read again if there is one.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        cached = self._ask(flight)
        if flight.began:
            return dict(cached)
        try:
            with (
                self._required_engine().connect() as connection,
                pooled_loan(connection, autocommit=self._autocommits()) as loan,
            ):
                return self._look_for(flight, cached, known, loan)
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._flight_failure(flight, error))

    async def fly_async(self, engine: AsyncEngine, flight: Flight[Key, Outcome], known: Known) -> dict[Key, Outcome]:
        """Do as ``fly`` does, through ``engine``."""
        cached: dict[Key, Found] = {} if self._cache is None else await in_thread(self._ask, flight)
        if flight.began:
            return dict(cached)

        def read(connection: Connection) -> dict[Key, Outcome]:
            with pooled_loan(connection, autocommit=self._autocommits()) as loan:
                return self._look_for(flight, cached, known, loan)

        try:
            async with engine.connect() as connection:
                return await connection.run_sync(read)
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._flight_failure(flight, error))

    def _look_for(
        self, flight: Flight[Key, Outcome], cached: Mapping[Key, Found], known: Known, loan: Loan
    ) -> dict[Key, Outcome]:
        flight.begin()
        now = time.time()
        outcome: dict[Key, Outcome] = {
            key: found for key, found in cached.items() if now - found.age >= flight.keys[key]
        }
        keys = [key for key in flight.keys if key not in outcome]
        outcome.update(self._look(loan, keys, known(keys)))
        return outcome

    def _flight_failure(self, flight: Flight[Key, Outcome], error: Exception) -> Exception:
        flight.begin()  # from here on no key is added
        return self._failure(flight.keys, error)

    def through(
        self, connection: Connection, keys: Collection[Key], known: Mapping[Key, TableInfo]
    ) -> dict[Key, Outcome]:
        """Load ``keys`` on the caller's connection, and leave its transaction as it is.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        try:
            with caller_loan(connection) as loan:
                return self._diverted(loan, self._look(loan, keys, known))
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._failure(keys, error))

    def names(self, schema: str | None) -> Mapping[str, TableKind]:
        """Return all names of ``schema``.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        try:
            with (
                self._required_engine().connect() as connection,
                pooled_loan(connection, autocommit=self._autocommits()) as loan,
            ):
                return self._list(loan, schema)
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._list_failure(error))

    async def names_async(self, engine: AsyncEngine, schema: str | None) -> Mapping[str, TableKind]:
        """Do as ``names`` does, through ``engine``."""

        def read(connection: Connection) -> Mapping[str, TableKind]:
            with pooled_loan(connection, autocommit=self._autocommits()) as loan:
                return self._list(loan, schema)

        try:
            async with engine.connect() as connection:
                return await connection.run_sync(read)
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self._list_failure(error))

    def _list(self, loan: Loan, schema: str | None) -> Mapping[str, TableKind]:
        with savepoint(loan.connection, foreign=loan.foreign):
            return self._reflector.list_names(loan.connection, schema=schema)

    def _list_failure(self, error: Exception) -> Exception:
        return reflection_error(self._engine(), f"The tables of {self._called()} could not be listed", error)

    # -- The cache
    # ----------------------------------------------------------------------------------------------------------

    def _ask(self, flight: Flight[Key, Outcome]) -> dict[Key, Found]:
        """Return the cache's answers for the keys of a flight; the flight begins here if they are complete."""
        if self._cache is None:
            return {}
        answered: dict[Key, Found] = {}
        asked: set[Key] = set()
        while True:
            keys = {key: not_before for key, not_before in flight.wanted().items() if key not in asked}
            if not keys:
                return answered  # a later caller asks for a more recent answer than the cache has
            asked.update(keys)
            now = time.time()
            for key, entry in self._cached(keys).items():
                if key in keys and entry.reflected_at >= keys[key]:
                    answered[key] = Found(entry.info, True, max(0.0, now - entry.reflected_at))
                    flight.answered[key] = now - answered[key].age
            if len(answered) < len(asked) or flight.begin(if_answered=True):
                return answered

    def _cached(self, keys: Collection[Key]) -> dict[Key, CacheEntry]:
        if self._cache is None:
            return {}
        try:
            entries = self._cache.get_many([self._key(key) for key in keys])
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn_of_cache("cannot be read; the database is asked", error)
            return {}
        return {(key.schema, key.name): entry for key, entry in entries.items()}

    def tell(self, infos: Mapping[Key, tuple[TableInfo, float]]) -> None:
        """Write ``infos`` to the cache, each with the time at which it was reflected."""
        if self._cache is None or not infos:
            return
        try:
            self._cache.set_many(
                {
                    self._key(key): CacheEntry(info, reflected_at, info.fingerprint)
                    for key, (info, reflected_at) in infos.items()
                }
            )
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn_of_cache("cannot be written", error)

    def discard(self, keys: Collection[Key] | None) -> None:
        """Delete ``keys`` from the cache; None stands for everything of this database."""
        if self._cache is None:
            return
        try:
            if keys is None:
                self._cache.clear(self._database)
            else:
                self._cache.discard([self._key(key) for key in keys])
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn_of_cache("cannot be cleared", error)

    def _warn_of_cache(self, what: str, error: Exception) -> None:
        engine = self._engine()
        url = engine.url if engine is not None else None
        shown = redact(_represented(self._cache), url, error)
        logger.warning("The cache %s %s", shown, what, exc_info=without_secrets(error, url))

    def _key(self, key: Key) -> TableKey:
        return TableKey(self._database, *key)

    # -- The database
    # ---------------------------------------------------------------------------------------------------------

    def _look(self, loan: Loan, keys: Collection[Key], known: Mapping[Key, TableInfo]) -> dict[Key, Outcome]:
        """Read ``keys``, and mark the ones that the connection's transaction may have created, changed or dropped."""
        outcome = self._read(loan.connection, keys, known, foreign=loan.foreign)
        if loan.sees_uncommitted:
            marked = self._asked("uncommitted", loan, outcome, otherwise=True)
            outcome |= _marked(outcome, marked, private=not loan.is_shared, uncommitted=True)
        for key, found in outcome.items():
            if isinstance(found, Found) and found.info.kind.is_temporary:
                outcome[key] = found._replace(private=True)
        return outcome

    def _diverted(self, loan: Loan, outcome: dict[Key, Outcome]) -> dict[Key, Outcome]:
        """Mark as private the tables that other connections would not find, or would find in another schema."""
        if loan.is_shared:
            return outcome
        return outcome | _marked(outcome, self._asked("diverted", loan, outcome, otherwise=False), private=True)

    def _asked(self, method: str, loan: Loan, outcome: Mapping[Key, Outcome], *, otherwise: bool) -> set[Key]:
        """Return the found keys that a method of ``ConnectionAware`` names.

        Args:
            method: The method.
            loan: The connection to ask on.
            outcome: What was found on it.
            otherwise: Whether to return all found keys if the reflector lacks the method; else none.
        """
        found = [key for key, result in outcome.items() if isinstance(result, Found)]
        ask: Callable[..., Collection[str]] | None = getattr(self._reflector, method, None)
        if ask is None:
            return set(found) if otherwise else set()
        said: set[Key] = set()
        for schema, names in _by_schema(found).items():
            with savepoint(loan.connection, foreign=loan.foreign):
                said.update((schema, name) for name in ask(loan.connection, names, schema=schema))
        return said

    def _read(
        self,
        connection: Connection,
        keys: Collection[Key],
        known: Mapping[Key, TableInfo],
        *,
        foreign: bool,
    ) -> dict[Key, Outcome]:
        outcome: dict[Key, Outcome] = {}
        for schema, names in _by_schema(keys).items():
            fresh = [name for name in names if (schema, name) not in known]
            loaded = {name: known[schema, name] for name in names if (schema, name) in known}
            if loaded:
                try:
                    now = self._fingerprints(connection, loaded, schema, foreign=foreign)
                except DBAPIError as error:
                    if foreign or not fresh or not gave_up_waiting(error):
                        raise
                    # Only the loaded tables fail; the new ones are still read.
                    connection.rollback()
                    failure = self._failure([(schema, name) for name in loaded], error)
                    outcome.update(((schema, name), failure) for name in loaded)
                    loaded = {}
                    now = {}
                for name, info in loaded.items():
                    if name in now and now[name] == info.fingerprint:
                        outcome[schema, name] = Found(info)
                    else:
                        fresh.append(name)
            found = self._reflect(connection, fresh, schema, foreign=foreign) if fresh else {}
            outcome.update(((schema, name), result) for name, result in found.items())
            missing = [name for name in names if (schema, name) not in outcome]
            if missing:
                with savepoint(connection, foreign=foreign):
                    available = tuple(self._reflector.list_names(connection, schema=schema))
                outcome.update(((schema, name), Missing(available)) for name in missing)
        return outcome

    def _fingerprints(
        self, connection: Connection, names: Collection[str], schema: str | None, *, foreign: bool
    ) -> Mapping[str, str]:
        """Return the fingerprints of ``names``; none if that fails: reflecting them then shows which one is broken."""
        try:
            with savepoint(connection, foreign=foreign):
                return self._reflector.fingerprints(connection, names, schema=schema)
        except Exception as error:
            if _concerns_all(error):
                raise
            if not foreign:
                connection.rollback()
            return {}

    def _reflect(
        self, connection: Connection, names: Collection[str], schema: str | None, *, foreign: bool
    ) -> dict[str, Outcome]:
        """Reflect ``names`` in one batch; if it fails, in halves, so that a broken view fails only itself."""
        names = [name for name in names if can_exist(name)]
        try:
            with savepoint(connection, foreign=foreign):
                if not names:
                    return {}
                infos = self._reflector.reflect(connection, names, schema=schema)
            return {name: Found(info) for name, info in infos.items()}
        except Exception as error:
            if _concerns_all(error):
                raise
            if not foreign:
                connection.rollback()
            if len(names) == 1:
                return {name: self._failure([(schema, name)], error) for name in names}
        half = len(names) // 2
        return {
            **self._reflect(connection, names[:half], schema, foreign=foreign),
            **self._reflect(connection, names[half:], schema, foreign=foreign),
        }

    def _autocommits(self) -> bool:
        ask: Callable[[Dialect], bool] | None = getattr(self._reflector, "autocommits", None)
        return ask is not None and ask(self._required_engine().dialect)

    # -- Errors
    # ---------------------------------------------------------------------------------------------------------------

    def _failure(self, keys: Iterable[Key], error: Exception) -> Exception:
        names = sorted(name for _, name in keys)
        shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
        what = f"{'Table' if len(names) == 1 else 'Tables'} {shown} could not be loaded from {self._called()}"
        return reflection_error(self._engine(), what, error)

    def _called(self) -> str:
        engine = self._engine()
        return f"database {database_name(engine)!r}" if engine is not None else "the database"

    def _required_engine(self) -> Engine:
        engine = self._engine()
        if engine is None:
            raise ReferenceError("the engine of this accessor is gone")
        return engine


def _concerns_all(error: BaseException | None) -> bool:
    """Return whether a load failed for lack of a connection, a lock or time; loading fewer tables would not help."""
    while isinstance(error, ReflectionError):
        error = error.__cause__
    return isinstance(error, DBAPIError) and (error.connection_invalidated or gave_up_waiting(error))


def _represented(cache: Cache | None) -> str:
    try:
        return repr(cache)
    except Exception:  # noqa: BLE001 - a cache that fails may also fail to say what it is
        return object.__repr__(cache)


def _require(argument: str, given: object, methods: Collection[str]) -> None:
    lacking = [method for method in methods if not callable(getattr(given, method, None))]
    if lacking or isinstance(given, type):
        what = "the class itself" if isinstance(given, type) else redact(repr(given))
        raise TypeError(f"{argument}= takes an object with the methods {', '.join(methods)}, not {what}")


def _marked(
    outcome: Mapping[Key, Outcome], keys: Collection[Key], *, private: bool, uncommitted: bool = False
) -> dict[Key, Outcome]:
    """Return the missing tables, and those of ``keys`` that were found, with these marks."""
    return {
        key: found._replace(private=private, uncommitted=uncommitted)
        for key, found in outcome.items()
        if isinstance(found, Missing) or (isinstance(found, Found) and key in keys)
    }


def _by_schema(keys: Iterable[Key]) -> dict[str | None, list[str]]:
    grouped: defaultdict[str | None, list[str]] = defaultdict(list)
    for schema, name in keys:
        grouped[schema].append(name)
    return grouped
