"""The Cache of one catalog: asked before the database, told after it. Its failures are logged, and never raised."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from lazy_alchemy._catalog.failures import without_secrets
from lazy_alchemy._catalog.outcomes import Found, Key
from lazy_alchemy._protocols import CacheEntry, TableKey
from lazy_alchemy._schema.tables import TableInfo
from lazy_alchemy._secrets import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import URL

    from lazy_alchemy._protocols import Cache

__all__ = ["CachedTables"]

logger = logging.getLogger("lazy_alchemy")


class CachedTables:
    """The entries of one database in a Cache. Every method may do I/O."""

    def __init__(self, cache: Cache, database: str, url: URL) -> None:
        """Use ``cache`` for the database at ``url`` with the key ``database``; see ``database_key``."""
        self._cache = cache
        self._database = database
        self._url = url

    def get(self, not_before: Mapping[Key, float]) -> dict[Key, Found]:
        """Return the entries that are recent enough.

        Args:
            not_before: The keys, each with the oldest acceptable ``time.time()`` at which it was reflected.
        """
        now = time.time()
        found: dict[Key, Found] = {}
        unusable: list[Key] = []
        try:
            entries = self._cache.get_many([self._key(key) for key in not_before])
            for key, oldest in not_before.items():
                entry = entries.get(self._key(key))
                if entry is None:
                    continue
                if not _is_usable(entry, key):
                    unusable.append(key)
                elif entry.reflected_at >= oldest:
                    found[key] = Found(entry.info, True, max(0.0, now - entry.reflected_at))
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn("cannot be read; the database is asked", error)
            return {}
        if unusable:
            names = ", ".join(repr(name) for _, name in unusable)
            logger.warning("What the cache has of %s is no reflected table; the database is asked", names)
            self.discard(unusable)
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
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn("cannot be written", error)

    def discard(self, keys: Collection[Key] | None) -> None:
        """Delete the entries of ``keys``; None stands for everything of the database."""
        try:
            if keys is None:
                self._cache.clear(self._database)
            else:
                self._cache.discard([self._key(key) for key in keys])
        except Exception as error:  # noqa: BLE001 - a cache may raise anything at all
            self._warn("cannot be cleared", error)

    def _warn(self, what: str, error: Exception) -> None:
        shown = redact(_represented(self._cache), self._url, error)
        logger.warning("The cache %s %s", shown, what, exc_info=without_secrets(error, self._url))

    def _key(self, key: Key) -> TableKey:
        return TableKey(self._database, *key)


def _is_usable(entry: Any, key: Key) -> bool:  # Any: whatever a cache returns
    """Return whether an entry is what ``put`` writes for ``key``, with all fields: another version may lack some.

    An entry that is usable may still be impossible to build here; see ``Shelf``.
    """
    try:
        hash(entry.info)  # reads every field that is compared
        return (
            isinstance(entry.info, TableInfo)
            and (entry.info.schema, entry.info.name) == key
            and isinstance(entry.reflected_at, (int, float))
        )
    except Exception:  # noqa: BLE001 - it may be any object at all
        return False


def _represented(cache: Cache) -> str:
    try:
        return repr(cache)
    except Exception:  # noqa: BLE001 - a cache that fails may also fail to say what it is
        return object.__repr__(cache)
