"""Accessors, which return a table (or an awaitable of it) by its name, and registries, which declare tables."""
