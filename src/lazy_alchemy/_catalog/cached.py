"""The Cache of one catalog: asked before the database, told after it. Its failures are logged, and never raised."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from lazy_alchemy._catalog.outcomes import Found, Key
from lazy_alchemy._protocols import CacheEntry, TableKey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lazy_alchemy._protocols import Cache
    from lazy_alchemy._schema.tables import TableInfo

__all__ = ["CachedTables"]

logger = logging.getLogger("lazy_alchemy")


class CachedTables:
    """The entries of one database in a Cache. Every method may do I/O."""

    def __init__(self, cache: Cache, database: str) -> None:
        """Use ``cache`` for the database with the key ``database``; see ``database_key``."""
        self._cache = cache
        self._database = database

    def get(self, not_before: Mapping[Key, float]) -> dict[Key, Found]:
        """Return the entries that are recent enough.

        Args:
            not_before: The keys, each with the oldest acceptable ``time.time()`` at which it was reflected.
        """
        now = time.time()
        try:
            entries = self._cache.get_many([self._key(key) for key in not_before])
        except Exception:
            logger.warning("The cache %r cannot be read; the database is asked", self._cache, exc_info=True)
            return {}
        found: dict[Key, Found] = {}
        for (_, schema, name), entry in entries.items():
            key = (schema, name)
            if key in not_before and entry.reflected_at >= not_before[key]:
                found[key] = Found(entry.info, True, max(0.0, now - entry.reflected_at))
        return found

    def put(self, infos: Mapping[Key, tuple[TableInfo, float]]) -> None:
        """Write ``infos``, each with the time at which it was reflected."""
        if not infos:
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
        """Delete the entries of ``keys``; None stands for everything of the database."""
        try:
            if keys is None:
                self._cache.clear(self._database)
            else:
                self._cache.discard([self._key(key) for key in keys])
        except Exception:
            logger.warning("The cache %r cannot be cleared", self._cache, exc_info=True)

    def _key(self, key: Key) -> TableKey:
        return TableKey(self._database, *key)
