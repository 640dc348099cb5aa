"""``LazyDB``: the accessor for synchronous code."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from lazy_alchemy._accessors.base import UNSET, Accessor, Unset, checked_engine
from lazy_alchemy._catalog.ways import IN_THREAD, drive
from lazy_alchemy._tables import CustomTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from lazy_alchemy._accessors.registry import OnDrift
    from lazy_alchemy._catalog.outcomes import Key
    from lazy_alchemy._protocols import Cache, Reflector

__all__ = ["LazyDB"]


_EXPIRING: Final = "_expiring"


class LazyDB(Accessor):
    """The tables of one database, each loaded when it is first used.

    ``db.users``, ``db["order-items"]`` and ``db.get("users")`` return the table, a ``sqlalchemy.Table``. A table whose
    name is also a method, or begins with an underscore, is available by item or ``get``. In a typed codebase, declare
    the tables that it uses in a subclass::

        class AppDB(LazyDB, schema="public"):
            users: LazyTable
            order_items: LazyTable = LazyTable(name="order-items")

    Accessors of one Engine share their tables, if they have the same cache and reflector. An accessor may be used by
    many threads at once.
    """

    __declarable__ = True

    def __init__(
        self,
        engine: Engine,
        *,
        cache_ttl: float | None = None,
        schema: str | Unset | None = UNSET,
        cache: Cache | None = None,
        reflector: Reflector | None = None,
        on_drift: OnDrift | Unset = UNSET,
    ) -> None:
        """Create an accessor; nothing is loaded, and no connection is made.

        Args:
            engine: The database.
            cache_ttl: Time to live in seconds; after it, a table's next use checks it for changes. None for no expiry.
            schema: The schema; None for the connection's default. If omitted, that of the class.
            cache: Additional storage for TableInfos. Accessors of the engine with the same cache and reflector objects
                share their tables.
            reflector: Reads the schema; see ``cache``.
            on_drift: What to do if a declared table does not match its annotations when it is first used: "warn" (a
                ``DriftWarning`` that lists each difference), "raise" (a ``DriftError``; undeclared columns only warn),
                or "ignore". If omitted, that of the class.

        Raises:
            TypeError: ``engine`` is not an Engine, or another argument has the wrong type.
            ValueError: ``cache_ttl`` is negative or NaN.
        """
        super().__init__(checked_engine(type(self).__name__, engine), cache_ttl, schema, cache, reflector, on_drift)
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine that the accessor was created with."""
        return self._engine

    # -- Tables

    def get(self, name: str, *, connection: Connection | None = None) -> CustomTable:
        """Return a table or view.

        Args:
            name: The name as the database spells it.
            connection: If the table is not loaded, or the open transaction of this connection may have changed it, read
                it on this connection. A table that only this connection may see (temporary, or not committed) is
                returned but not cached.

        Returns:
            The table; the same object as long as neither it nor a table it refers to has changed.

        Raises:
            TableNotFoundError: The table does not exist.
            ReflectionError: The table cannot be loaded.
            DriftError: The table does not match its declaration, and the accessor has ``on_drift="raise"``.

        Round trips: none if the table is loaded and has not expired; else those of the reflector (see
        ``InspectorReflector``). In an open transaction of ``connection``, see docs/transactions.md.
        """
        if connection is not None:
            key = self._key(name)
            return self._checked_for_drift(key[1], self._catalog.through(connection, [key], self._ttl)[key])
        try:
            table, until = self._hits[name]
            if self._ttl is None or monotonic() < until:
                return table
        except (KeyError, TypeError):  # not loaded, or not even hashable
            pass
        return self._checked_for_drift(name, drive(self._catalog.table(self._key(name), self._ttl, self, IN_THREAD)))

    def __getitem__(self, name: str) -> CustomTable:
        """Return the table called ``name``; see ``get``."""
        return self.get(name)

    def __getattr__(self, name: str) -> CustomTable:
        """Return the table called ``name``, which must not begin with an underscore; see ``get``."""
        if name is not _EXPIRING:  # not set before __init__, so looking it up would recurse
            try:
                table, until = self._expiring[name]
                if monotonic() < until:
                    return table
            except (KeyError, AttributeError):
                pass
        if name in type(self).__reserved__ and "_catalog" in vars(self):
            # A subclass's property raised an AttributeError: raise it again, and do not look for a table of that name.
            return cast("CustomTable", object.__getattribute__(self, name))  # cast: it raises
        if name.startswith("_") or "_catalog" not in vars(self):
            raise self._no_attribute(name)
        return self.get(self._table_name(name))

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        if self._needs_drift_check(key[1], table):
            return
        super()._remember(key, table, until)
        for attribute in self._attributes(key[1]):
            if until == math.inf:
                # Python finds an instance attribute without calling __getattr__. One that the user has set stays.
                if isinstance(vars(self).get(attribute, table), CustomTable):
                    vars(self)[attribute] = table
            else:
                self._expiring[attribute] = table, until

    def _forget(self) -> None:
        for name in self._hits:
            for attribute in self._attributes(name):
                if isinstance(vars(self).get(attribute), CustomTable):
                    vars(self).pop(attribute, None)
        self._expiring.clear()
        super()._forget()

    def _attributes(self, name: str) -> Sequence[str]:
        cls = type(self)
        if name in cls.__named__:
            return [cls.__named__[name]]
        return [] if name.startswith("_") or name in cls.__reserved__ or name in cls.__tables__ else [name]

    # -- Listing

    def list_tables(self) -> list[str]:
        """Return the names of the base tables of the schema, sorted. Each call costs one round trip.

        Raises:
            ReflectionError: The database cannot be read.
        """
        return [name for name, kind in drive(self._catalog.names(self._schema, IN_THREAD)).items() if not kind.is_view]

    def list_views(self) -> list[str]:
        """Return the names of the views and materialized views of the schema, sorted. Each call costs one round trip.

        Raises:
            ReflectionError: The database cannot be read.
        """
        return [name for name, kind in drive(self._catalog.names(self._schema, IN_THREAD)).items() if kind.is_view]

    # -- Loading and invalidating

    def preload(self, *names: str, connection: Connection | None = None) -> None:
        """Load those of ``names`` that are not loaded, in one batch.

        Args:
            names: Names of tables and views.
            connection: Load them on this connection, in its transaction; see ``get``.

        Raises:
            TableNotFoundError: Some do not exist; the error names them all, and the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        keys = [self._key(name) for name in names]
        if connection is not None:
            self._catalog.through(connection, keys, self._ttl)
        elif keys:
            drive(self._catalog.ensure(keys, self._ttl, IN_THREAD))

    def preload_all(self) -> None:
        """Load every table and view of the schema that is not loaded. It costs one round trip more than ``preload``.

        Raises:
            ReflectionError: Some cannot be loaded; the others are.
        """
        names = drive(self._catalog.names(self._schema, IN_THREAD))
        drive(self._catalog.ensure(map(self._key, names), self._ttl, IN_THREAD, ignore_missing=True))

    def refresh(self, *names: str) -> None:
        """Check ``names`` for changes now, in one batch; without names, every loaded table of the schema.

        Raises:
            TableNotFoundError: Some no longer exist.
            ReflectionError: The database cannot be read; loaded tables stay as they were.
        """
        keys = [self._key(name) for name in names] or self._catalog.loaded(self._schema)
        if keys:
            drive(self._catalog.ensure(keys, self._ttl, IN_THREAD, refresh=True))

    def invalidate(self, name: str) -> None:
        """Mark a table, for all accessors of the engine, to be checked for changes at its next use. No round trip.

        If the table has not changed, it stays the same object. The table need not be loaded.
        """
        drive(self._engine_catalogs.invalidate([self._key(name)], IN_THREAD))

    def invalidate_all(self) -> None:
        """Mark every table of the engine, in all schemas, to be checked for changes at its next use. No round trip."""
        drive(self._engine_catalogs.invalidate(None, IN_THREAD))

    def _ipython_key_completions_(self) -> list[str]:
        """Return the names of all tables and views, to complete ``db["``. One round trip."""
        return list(drive(self._catalog.names(self._schema, IN_THREAD)))
