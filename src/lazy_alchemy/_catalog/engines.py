"""The catalogs that all accessors of one Engine object share. They do not keep the Engine alive."""

from __future__ import annotations

import threading
import uuid
import weakref
from typing import TYPE_CHECKING

from sqlalchemy import event

from lazy_alchemy._catalog.catalog import Catalog
from lazy_alchemy._catalog.connections import shares_connections
from lazy_alchemy._catalog.pools import holders_of
from lazy_alchemy._concurrency.forks import survive_fork

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lazy_alchemy._catalog.outcomes import Key
    from lazy_alchemy._catalog.ways import Way
    from lazy_alchemy._protocols import Cache, Reflector

__all__ = ["EngineCatalogs", "catalogs_of"]


class EngineCatalogs:
    """The catalogs of one Engine."""

    def __init__(self, engine: Engine) -> None:
        """Begin with no catalog."""
        self._token = uuid.uuid4().hex
        self._holders = holders_of(engine)
        # The catalog of accessors without a reflector or a cache of their own.
        self._plain: Catalog | None = None
        # All of them, by the identities of the reflector and the cache, which live as long as their catalog does.
        self._catalogs: weakref.WeakValueDictionary[tuple[int, int], Catalog] = weakref.WeakValueDictionary()
        if shares_connections(engine.pool):
            event.listen(engine, "rollback", self._rolled_back)
            event.listen(engine, "rollback_savepoint", self._rolled_back)

    def _rolled_back(self, *_: object) -> None:
        for catalog in self._all():
            catalog.roll_back()

    def catalog(self, engine: Engine, reflector: Reflector | None, cache: Cache | None) -> Catalog:
        """Return the catalog of all accessors with the same ``reflector`` and ``cache`` objects."""
        key = (id(reflector), id(cache))  # of None, too
        with _engines_lock:
            catalog = self._catalogs.get(key)
            if catalog is None:
                used = _reflector_of(engine) if reflector is None else reflector
                catalog = self._catalogs[key] = Catalog(engine, used, cache, self._holders, self._token)
            if reflector is None and cache is None:
                self._plain = catalog
            return catalog

    def _all(self) -> list[Catalog]:
        with _engines_lock:
            return list(self._catalogs.values())

    async def invalidate(self, keys: list[Key] | None, way: Way) -> None:
        """Invalidate ``keys`` in every catalog of the engine; None stands for everything."""
        for catalog in self._all():
            await catalog.invalidate(keys, way)


def _reflector_of(engine: Engine) -> Reflector:
    """Return the best reflector for the database of ``engine``."""
    if engine.dialect.name == "postgresql":
        from lazy_alchemy.reflectors import PostgresReflector

        return PostgresReflector()
    from lazy_alchemy.reflectors import InspectorReflector

    return InspectorReflector()


_engines: weakref.WeakKeyDictionary[Engine, EngineCatalogs] = weakref.WeakKeyDictionary()
_engines_lock = threading.Lock()
survive_fork(_engines_lock.acquire, _engines_lock.release)


def catalogs_of(engine: Engine) -> EngineCatalogs:
    """Return the catalogs of ``engine``."""
    # The lock is held while a few objects are made, without I/O: a WeakKeyDictionary's setdefault is not atomic.
    with _engines_lock:
        shared = _engines.get(engine)
        if shared is None:
            shared = _engines[engine] = EngineCatalogs(engine)
        return shared
