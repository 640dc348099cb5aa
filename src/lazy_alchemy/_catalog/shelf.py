"""The Shelf: everything that the catalog's one lock guards, and every change of it.

It has the loaded tables, the Tables built of them, and the accessors that hold some of these. No I/O.
"""

from __future__ import annotations

import logging
import time
import weakref
from typing import TYPE_CHECKING, NamedTuple

from lazy_alchemy._catalog.entries import Entries
from lazy_alchemy._catalog.listings import Listings
from lazy_alchemy._catalog.metadata import BuiltTables
from lazy_alchemy._catalog.outcomes import Found
from lazy_alchemy._concurrency.flights import Clock
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Protocol

    from sqlalchemy import Connection, MetaData

    from lazy_alchemy._catalog.entries import Moment
    from lazy_alchemy._catalog.outcomes import Key, Outcome
    from lazy_alchemy._catalog.requests import Request
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


__all__ = ["CacheInfo", "Rejected", "Shelf"]

logger = logging.getLogger("lazy_alchemy")


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


class Rejected(Exception):  # noqa: N818  no caller gets it
    """A table has to be loaded again, because the cache's entry cannot be used."""


class Shelf:
    """The tables of one catalog.

    Under the lock, accessors are told to forget their tables whenever one of them may have become stale; so a hit reads
    them without the lock. No comprehension with a condition stands in a ``with`` of the lock: in Python 3.13 an
    interruption between two of its iterations would leave the lock held.

    Methods whose docstring says "The lock is held" are called by the loads, within ``with shelf.clock.lock``.

    Attributes:
        clock: The lock, and the ticks that order loads and invalidations.
        entries: The loaded tables.
    """

    def __init__(self, dialect: str) -> None:
        """Begin with no table, for a database of ``dialect+driver``."""
        self.clock = Clock()
        self.entries = Entries()
        self._built = BuiltTables(dialect)
        # Tables that only one connection may see; those of the same connection join each other.
        self._by_connection: weakref.WeakKeyDictionary[Connection, BuiltTables] = weakref.WeakKeyDictionary()
        self._uncommitted: set[Key] = set()
        self._rolled_back = 0  # the tick
        self._expires = False  # whether an accessor holds, or held, a table with a time to live
        self._loads = 0
        # By identity: a subclass of LazyDB may say that two accessors are equal, or cannot be hashed.
        self._accessors: weakref.WeakValueDictionary[int, HitCache] = weakref.WeakValueDictionary()
        self._listed: dict[str | None, tuple[str, ...]] = {}
        self._listings = Listings()

    @property
    def metadata(self) -> MetaData:
        """The MetaData that the tables are built in."""
        return self._built.metadata

    def register(self, accessor: HitCache) -> None:
        """From now on, tell ``accessor`` when to forget its tables."""
        with self.clock.lock:
            self._accessors[id(accessor)] = accessor

    # -- What is known

    def infos(self, keys: Collection[Key]) -> dict[Key, TableInfo]:
        """Return the TableInfos of those of ``keys`` that are loaded."""
        with self.clock.lock:
            return self.entries.infos(keys)

    def loaded(self, schema: str | None) -> list[Key]:
        """Return the keys of the loaded tables of ``schema``."""
        with self.clock.lock:
            keys = list(self.entries)
        return [key for key in keys if key[0] == schema]

    def seen(self, schema: str | None) -> set[str]:
        """Return the names that are loaded or have been listed."""
        return {name for _, name in self.loaded(schema)}.union(self._listed.get(schema, ()))

    def listed(self, schema: str | None, names: Mapping[str, TableKind]) -> None:
        """Note the names of ``schema``."""
        self._listed[schema] = tuple(names)

    def listings(self) -> dict[str | None, tuple[str, ...]]:
        """Return the names, by schema, that a load which begins now need not list for its missing tables."""
        with self.clock.lock:
            return self._listings.recent()

    def info(self) -> CacheInfo:
        """Return the counts."""
        with self.clock.lock:
            known = self.entries
            return CacheInfo(
                len(known), self._loads, known.reflected, known.revalidated, known.replaced, known.from_cache
            )

    # -- Giving tables out

    def deliver(self, request: Request, key: Key, hit_cache: HitCache) -> CustomTable:
        """Return the table of a request that was answered, and let ``hit_cache`` remember it. The lock is held."""
        if (info := request.private(key)) is not None:
            return self._built.standalone(info)
        table = self._table(key)
        if self.entries.current(key):
            until = self.entries.deadline(key, request.ttl)
            if request.ttl is not None:
                self._expires = True
                self.entries.use(key)
            hit_cache._remember(key, table, until)  # pyright: ignore[reportPrivateUsage]  # see HitCache
        return table

    def use(self, request: Request) -> None:
        """Note that the tables of ``request`` are in use, so that checks take them along. The lock is held."""
        if request.ttl is not None:
            for key in request.keys:
                if key in self.entries:
                    self.entries.use(key)

    def deliver_through(self, request: Request, connection: Connection) -> dict[Key, CustomTable]:
        """Return the tables of a request that was answered on ``connection``. The lock is held."""
        tables: dict[Key, CustomTable] = {}
        for key in request.keys:
            if (info := request.private(key)) is None:
                tables[key] = self._table(key)
                continue
            if (private := self._by_connection.get(connection)) is None:
                private = self._by_connection[connection] = BuiltTables(self._built.dialect)
            tables[key] = private.latest(info)
        return tables

    def _table(self, key: Key) -> CustomTable:
        """Return the Table of a loaded key, building it if necessary.

        Raises:
            Rejected: It came from the cache, and cannot be built here.
            ReflectionError: It cannot be built.
        """
        entry = self.entries[key]
        try:
            return self._built.table(entry.info)
        except ReflectionError as error:
            if not entry.cached:
                raise
            self._reject({key: error})
            self.entries.drop(key)
            raise Rejected from error

    def _reject(self, errors: Mapping[Key, Exception]) -> None:
        """Take entries of the cache for misses: another version, or another line of SQLAlchemy, has written them."""
        for key, error in errors.items():
            if key not in self.entries.rejected:
                logger.warning("The cache's entry of %r cannot be used; the database is asked: %s", key[1], error)
            self.entries.rejected.add(key)

    # -- Taking in what loads found

    def take_in(self, outcome: Mapping[Key, Outcome], moment: Moment) -> dict[Key, Outcome]:
        """Publish the results of a load; return them, with an error for each table that cannot be built any more."""
        with self.clock.lock:
            self._loads += not all(isinstance(found, Found) and found.cached for found in outcome.values())
            changed = self.entries.changes(outcome, moment[0])
            try:
                errors = self._replace(changed)
                published = {**outcome, **errors}
            finally:
                if changed or self._makes_older(outcome, moment[0]):
                    self._forget()
            if rejected := self._from_cache(errors, outcome):
                self._reject(rejected)
                for key in rejected:
                    del published[key]
            self.entries.enter(published, moment)
            if outdated := self.entries.outdated(published):
                self.entries.invalidate(outdated, self.clock.tick(), time.time())
                self._forget()
            self._listings.note(published, moment[0])
            # A generator: in CPython 3.13 a signal in a comprehension with `if` goes past the `with` around it.
            self._uncommitted.update(
                key for key, found in published.items() if not isinstance(found, Exception) and found.uncommitted
            )
            if self._uncommitted and moment[0] < self._rolled_back:
                self.roll_back()  # read before the rollback, published after it
            return published

    def _from_cache(self, errors: Mapping[Key, Exception], outcome: Mapping[Key, Outcome]) -> dict[Key, Exception]:
        return {key: e for key, e in errors.items() if isinstance(found := outcome[key], Found) and found.cached}

    def valid(self, outcome: Mapping[Key, Outcome], began: int) -> dict[Key, tuple[TableInfo, float]]:
        """Return the results of a load that came from the database and are still valid, for the cache."""
        with self.clock.lock:
            return self._valid(outcome, began)

    def _valid(self, outcome: Mapping[Key, Outcome], began: int) -> dict[Key, tuple[TableInfo, float]]:
        return {
            key: (entry.info, entry.reflected_at)
            for key, found in outcome.items()
            if not (isinstance(found, Found) and found.cached)
            and (entry := self.entries.get(key)) is not None
            and entry.began == began
            and began >= self.entries.invalidation(key)[0]
        }

    def postpone(self, keys: Iterable[Key], error: Exception, *, hold: bool = False) -> None:
        """Note that checking ``keys`` failed, so that not every access tries again; see ``Entries.fail``."""
        with self.clock.lock:
            failed = self.entries.fail(keys, time.monotonic(), hold=hold)
        if failed:
            logger.warning("Could not check %s for changes: %s", ", ".join(repr(name) for _, name in failed), error)

    def _makes_older(self, outcome: Mapping[Key, Outcome], began: int) -> bool:
        """Return whether the results of a load make tables that accessors hold expire earlier than they know."""
        links = bool(self.entries.doubtful) or self._expires
        for key, found in outcome.items():
            if began < self.entries.invalidation(key)[0]:
                return True  # tables that reach it are due at once, as it is
            if not isinstance(found, Found) or found.private:
                continue
            if found.cached or (links and key in self.entries.referred and key not in self.entries):
                return True  # it is older than its load, or it links held tables to further ones
        return False

    def _replace(self, changed: Mapping[Key, TableInfo | None]) -> dict[Key, Exception]:
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

    def torn(self, outcome: Mapping[Key, Outcome], batches: Sequence[Collection[Key]]) -> dict[Key, TableInfo | None]:
        """Return the tables to read again, with what is loaded of them; see ``Entries.torn``."""
        with self.clock.lock:
            again = self.entries.torn(outcome, batches)
            known = self.entries.infos(again)
        return {key: known.get(key) for key in again}

    # -- Invalidating

    def tick(self) -> int:
        """Return a new tick; what was listed before it is listed again. The lock is held."""
        tick = self.clock.tick()
        self._listings.distrust(tick)
        return tick

    def invalidate(self, keys: Collection[Key] | None) -> None:
        """Distrust what is loaded of ``keys``; None stands for everything."""
        with self.clock.lock:
            self.entries.invalidate(keys, self.tick(), time.time())
            self._forget()

    def roll_back(self) -> None:
        """Distrust the tables that were uncommitted when they were loaded: their transaction was rolled back."""
        with self.clock.lock:
            self._rolled_back = self.tick()
            if self._uncommitted:
                self.entries.invalidate(self._uncommitted, self._rolled_back, time.time())
                self._uncommitted.clear()
                self._forget()

    def _forget(self) -> None:
        for accessor in self._accessors.values():
            accessor._forget()  # pyright: ignore[reportPrivateUsage]  # see HitCache
