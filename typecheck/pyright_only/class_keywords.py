"""A class keyword of the wrong type: mypy does not look at what goes to a metaclass."""

from __future__ import annotations

from lazy_alchemy import LazyDB, LazyTable


class IsOfNoSchema(LazyDB, schema=1):  # pyright: ignore[reportArgumentType]
    users: LazyTable
