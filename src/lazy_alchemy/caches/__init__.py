"""Caches that outlive an engine, or that several engines share on purpose."""

from lazy_alchemy.caches.memory import MemoryCache

__all__ = ["MemoryCache"]
