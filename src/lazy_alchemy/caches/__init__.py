"""The caches: what outlives an engine, or is shared by several on purpose."""

from lazy_alchemy.caches.memory import MemoryCache

__all__ = ["MemoryCache"]
