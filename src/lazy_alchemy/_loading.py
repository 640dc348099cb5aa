"""How a load is carried out: the Cache is asked, then the database through a Reflector, and errors are made the
library's own.

It knows nothing of what is loaded already but what it is told, and publishes nothing itself.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.exc import DBAPIError

from lazy_alchemy._connections import (
    Holders,
    database_key,
    database_name,
    lend,
    reflection_error,
    savepoint,
)
from lazy_alchemy._protocols import CacheEntry, TableKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection, Engine

    from lazy_alchemy._locks import Flight, SingleFlight
    from lazy_alchemy._protocols import Cache, Reflector
    from lazy_alchemy._tableinfo import TableInfo, TableKind

__all__ = ["Found", "Key", "Load", "Missing", "Outcome"]

logger = logging.getLogger("lazy_alchemy")

Key: TypeAlias = "tuple[str | None, str]"
"""A schema and a name."""


@dataclass(frozen=True)
class Found:
    """A table that exists.

    Attributes:
        info: What it is.
        cached: Whether the cache said so, not the database.
        age: How many seconds ago that was true.
    """

    info: TableInfo
    cached: bool = False
    age: float = 0.0


@dataclass(frozen=True)
class Missing:
    """A table that does not exist, and the names that do."""

    available: tuple[str, ...] = ()


Outcome: TypeAlias = Found | Missing | Exception
"""What a load found for one key."""


_SHOWN = 10  # names in a message


class Load:
    """Loads tables of one engine, which it does not keep alive, with one reflector and one cache."""

    def __init__(
        self,
        engine: Engine,
        reflector: Reflector,
        cache: Cache | None,
        holders: Holders,
        token: str,
    ) -> None:
        """See ``Holders`` and ``database_key`` for ``holders`` and ``token``."""
        self._engine = weakref.ref(engine)
        self._reflector = reflector
        self._cache = cache
        self._holders = holders
        self._database = database_key(engine, token)

    def refuse_deadlock(self) -> None:
        """Raise a ReflectionError if this thread would wait for a connection that it holds itself."""
        engine = self._engine()
        if engine is not None:
            self._holders.refuse_deadlock(engine.pool)

    def fly(
        self,
        flights: SingleFlight[Key, Outcome],
        flight: Flight[Key, Outcome],
        known: Callable[[Collection[Key]], Mapping[Key, TableInfo]],
    ) -> dict[Key, Outcome]:
        """Load what ``flight`` carries; it takes its keys when the connection is in hand.

        Args:
            flights: Where it is under way.
            flight: The flight; this thread carries it.
            known: Returns what is loaded of some keys: these are checked for a change and read again only if there is
                one.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        cached = self._ask(flights, flight)
        if flight.began:
            return dict(cached)
        engine = self._required_engine()
        try:
            with lend(engine) as loan:
                flights.begin(flight)
                now = time.time()
                valid = {key: found for key, found in cached.items() if now - found.age >= flight.keys[key]}
                keys = [key for key in flight.keys if key not in valid]
                return {**valid, **self._read(loan.connection, keys, known(keys), foreign=loan.foreign)}
        except Exception as error:  # noqa: BLE001 - whatever it is becomes a ReflectionError
            failure = self._failure(flight.keys, error)
            raise failure from failure.__cause__

    def through(
        self, connection: Connection, keys: Collection[Key], known: Mapping[Key, TableInfo]
    ) -> tuple[dict[Key, Outcome], set[Key]]:
        """Load ``keys`` on the caller's connection, whose transaction stays as it is.

        Returns:
            What was found, and which of that only this connection may see.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        foreign = connection.in_transaction()
        try:
            outcome = self._read(connection, keys, known, foreign=foreign)
            hidden = _temporary(outcome)
            if foreign:
                for schema, names in _by_schema(key for key in outcome if key not in hidden).items():
                    with savepoint(connection, foreign=True):
                        uncommitted = self._uncommitted(connection, names, schema)
                    hidden.update((schema, name) for name in uncommitted)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes a ReflectionError
            failure = self._failure(keys, error)
            raise failure from failure.__cause__
        finally:
            if not foreign and connection.in_transaction():
                connection.rollback()  # it was begun by reading
        return outcome, hidden

    def names(self, schema: str | None, connection: Connection | None = None) -> Mapping[str, TableKind]:
        """Return all names of ``schema``.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        try:
            if connection is not None:
                return self._reflector.list_names(connection, schema=schema)
            self.refuse_deadlock()
            with lend(self._required_engine()) as loan, savepoint(loan.connection, foreign=loan.foreign):
                return self._reflector.list_names(loan.connection, schema=schema)
        except Exception as error:
            what = f"The tables of {self._called()} could not be listed"
            failure = reflection_error(self._engine(), what, error)
            raise failure from failure.__cause__

    # -- The cache
    # ----------------------------------------------------------------------------------------------------------

    def _ask(self, flights: SingleFlight[Key, Outcome], flight: Flight[Key, Outcome]) -> dict[Key, Found]:
        """Return what the cache has of the keys of ``flight``; if that is all of them, the flight begins with it."""
        if self._cache is None:
            return {}
        answered: dict[Key, Found] = {}
        asked: set[Key] = set()
        while True:
            with flights.lock:
                keys = {key: not_before for key, not_before in flight.keys.items() if key not in asked}
            asked.update(keys)
            now = time.time()
            for key, entry in self._cached(keys).items():
                if entry.reflected_at >= keys[key]:
                    answered[key] = Found(entry.info, True, max(0.0, now - entry.reflected_at))
            if len(answered) < len(asked):
                return answered
            if flights.begin(flight, {key: now - found.age for key, found in answered.items()}):
                return answered

    def _cached(self, keys: Collection[Key]) -> dict[Key, CacheEntry]:
        if self._cache is None:
            return {}
        try:
            entries = self._cache.get_many([self._key(key) for key in keys])
        except Exception:
            logger.warning("The cache %r cannot be read; the database is asked", self._cache, exc_info=True)
            return {}
        return {(key.schema, key.name): entry for key, entry in entries.items()}

    def tell(self, infos: Mapping[Key, tuple[TableInfo, float]]) -> None:
        """Have the cache keep ``infos``, each with the time at which it was reflected."""
        if self._cache is None or not infos:
            return
        try:
            self._cache.set_many(
                {
                    self._key(key): CacheEntry(info, reflected_at, info.fingerprint)
                    for key, (info, reflected_at) in infos.items()
                }
            )
        except Exception:
            logger.warning("The cache %r cannot be written", self._cache, exc_info=True)

    def discard(self, keys: Collection[Key] | None) -> None:
        """Have the cache forget ``keys``; None: everything of this database."""
        if self._cache is None:
            return
        try:
            if keys is None:
                self._cache.clear(self._database)
            else:
                self._cache.discard([self._key(key) for key in keys])
        except Exception:
            logger.warning("The cache %r cannot be cleared", self._cache, exc_info=True)

    def _key(self, key: Key) -> TableKey:
        return TableKey(self._database, *key)

    # -- The database
    # ---------------------------------------------------------------------------------------------------------

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
                with savepoint(connection, foreign=foreign):
                    now = self._reflector.fingerprints(connection, loaded, schema=schema)
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

    def _reflect(
        self, connection: Connection, names: Collection[str], schema: str | None, *, foreign: bool
    ) -> dict[str, Outcome]:
        """Reflect ``names`` in one batch; if that fails, one by one, so that a broken view fails nobody else."""
        names = [name for name in names if _can_exist(name)]
        try:
            with savepoint(connection, foreign=foreign):
                if not names:
                    return {}
                infos = self._reflector.reflect(connection, names, schema=schema)
            return {name: Found(info) for name, info in infos.items()}
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            if not foreign:
                connection.rollback()
            if len(names) == 1:
                return {name: self._failure([(schema, name)], error) for name in names}
        outcome: dict[str, Outcome] = {}
        for name in names:
            outcome.update(self._reflect(connection, [name], schema, foreign=foreign))
        return outcome

    def _uncommitted(self, connection: Connection, names: Collection[str], schema: str | None) -> Collection[str]:
        uncommitted: Callable[..., Collection[str]] | None = getattr(self._reflector, "uncommitted", None)
        return names if uncommitted is None else uncommitted(connection, names, schema=schema)

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


def _by_schema(keys: Iterable[Key]) -> dict[str | None, list[str]]:
    grouped: defaultdict[str | None, list[str]] = defaultdict(list)
    for schema, name in keys:
        grouped[schema].append(name)
    return grouped


def _temporary(outcome: Mapping[Key, Outcome]) -> set[Key]:
    return {key for key, found in outcome.items() if isinstance(found, Found) and found.info.kind.is_temporary}


def _can_exist(name: str) -> bool:
    """Return whether any database could have a table of this name; a driver would raise on the others."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name) and "\0" not in name
