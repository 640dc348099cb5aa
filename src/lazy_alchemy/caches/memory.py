"""A cache in this process's memory, for several engines that reach the same database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lazy_alchemy._protocols import CacheEntry, TableKey

__all__ = ["MemoryCache"]


class MemoryCache:
    """A ``Cache`` in a dictionary: pass one to several engines, and a table is reflected once for all of them.

    Safe under threads and after a fork without a lock: every operation on the dictionary is atomic, or a loop over a
    copy.
    """

    def __init__(self) -> None:
        """Create an empty cache."""
        self._entries: dict[TableKey, CacheEntry] = {}

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Return the entries that are stored under ``keys``."""
        found = ((key, self._entries.get(key)) for key in keys)
        return {key: entry for key, entry in found if entry is not None}

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Store ``entries``; of two with the same key, the one that was reflected later stays."""
        for key, entry in entries.items():
            kept = self._entries.setdefault(key, entry)
            if kept.reflected_at < entry.reflected_at:
                self._entries[key] = entry

    def discard(self, keys: Collection[TableKey]) -> None:
        """Remove the entries that are stored under ``keys``."""
        for key in keys:
            self._entries.pop(key, None)

    def clear(self, database: str) -> None:
        """Remove every entry of ``database``."""
        self.discard([key for key in list(self._entries) if key.database == database])

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self)} tables>"
