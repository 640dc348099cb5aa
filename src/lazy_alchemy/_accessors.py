"""The accessors: ``LazyDB``, and what all accessors of one engine share.

Nothing here talks to a database; it turns a name into a question to a Catalog, and remembers the answer.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from sqlalchemy import Engine
from typing_extensions import Self

from lazy_alchemy._catalog import Catalog
from lazy_alchemy._connections import Holders, database_name
from lazy_alchemy._loading import Load
from lazy_alchemy._registry import LazyDBMeta, LazyTable
from lazy_alchemy.reflectors import InspectorReflector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, MetaData

    from lazy_alchemy._catalog import CacheInfo, Key
    from lazy_alchemy._protocols import Cache, Reflector
    from lazy_alchemy._tables import CustomTable

__all__ = ["LazyDB", "get_lazy_class"]

# -- The catalogs of an engine
# --------------------------------------------------------------------------------------------


class _Engine:
    """What all accessors of one Engine object share. It does not keep the Engine alive."""

    def __init__(self, engine: Engine) -> None:
        self._token = uuid.uuid4().hex
        self._holders = Holders(engine)
        self._shared: Catalog | None = None
        self._catalogs: weakref.WeakSet[Catalog] = weakref.WeakSet()

    def catalog(self, engine: Engine, reflector: Reflector | None, cache: Cache | None) -> Catalog:
        """Return the catalog of all accessors that have neither a reflector nor a cache of their own, or a new one."""
        private = reflector is not None or cache is not None
        if self._shared is not None and not private:
            return self._shared
        load = Load(engine, reflector or InspectorReflector(), cache, self._holders, self._token)
        catalog = Catalog(engine, load)
        self._catalogs.add(catalog)
        if not private:
            self._shared = catalog
        return catalog

    def invalidate(self, keys: list[Key] | None) -> None:
        """Invalidate ``keys`` in every catalog of the engine."""
        for catalog in list(self._catalogs):
            catalog.invalidate(keys)


_engines: weakref.WeakKeyDictionary[Engine, _Engine] = weakref.WeakKeyDictionary()
_engines_lock = threading.Lock()


def _shared_by(engine: Engine) -> _Engine:
    # The lock is held for the making of a few objects, no I/O; setdefault of a WeakKeyDictionary alone is not atomic.
    with _engines_lock:
        shared = _engines.get(engine)
        if shared is None:
            shared = _engines[engine] = _Engine(engine)
        return shared


# -- Accessors
# ------------------------------------------------------------------------------------------------------------


class _Unset:
    def __repr__(self) -> str:
        return "<the class's>"


_UNSET: Final = _Unset()


class LazyDB(metaclass=LazyDBMeta):
    """The tables of one database, each loaded when it is first used.

    ``db.users``, ``db["order-items"]`` and ``db.get("users")`` return the table, a ``sqlalchemy.Table``. A name that is
    also a method or begins with an underscore is reached by item or ``get``. Declare the tables that a typed codebase
    uses in a subclass::

        class AppDB(LazyDB, schema="public"):
            users: LazyTable
            order_items: LazyTable = LazyTable(name="order-items")

    Accessors of one Engine share their tables. All of it may be used by many threads at once.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        cache_ttl: float | None = None,
        schema: str | _Unset | None = _UNSET,
        cache: Cache | None = None,
        reflector: Reflector | None = None,
    ) -> None:
        """Make an accessor; nothing is loaded, and no connection is made.

        Args:
            engine: The database.
            cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
            schema: The schema; None for the connection's default. Left out, it is the class's.
            cache: Where TableInfos are kept besides. The accessor then shares no tables with others of the engine.
            reflector: How the database is read. The accessor then shares no tables with others of the engine.

        Raises:
            TypeError: ``engine`` is not an Engine, or another argument is not of its type.
            ValueError: ``cache_ttl`` is negative or not a number.
        """
        _check_engine(type(self).__name__, engine)
        self._engine = engine
        self._ttl = _checked_ttl(cache_ttl)
        self._schema = type(self).__schema__ if isinstance(schema, _Unset) else _checked_schema(schema)
        self._shared = _shared_by(engine)
        self._catalog = self._shared.catalog(engine, reflector, cache)
        self._begin()

    def _begin(self) -> None:
        self._hits: dict[str, tuple[CustomTable, float]] = {}
        self._raised: dict[tuple[int, str], AttributeError] = {}
        self._catalog.register(self)

    # -- Tables
    # ---------------------------------------------------------------------------------------------------------

    def get(self, name: str, *, connection: Connection | None = None) -> CustomTable:
        """Return a table or view.

        Args:
            name: Its name as the database spells it.
            connection: Load it, if it is not loaded, on this connection and in its transaction. A table that only this
                connection may see (temporary, or not committed) is returned and not kept.

        Returns:
            The table; the same object as long as neither it nor a table that it refers to has changed.

        Raises:
            TableNotFoundError: It does not exist.
            ReflectionError: It cannot be loaded.

        Round trips: none if it is loaded and has not expired; else those of the reflector (see ``InspectorReflector``).
        """
        hit = self._hits.get(name)
        if hit is not None and (self._ttl is None or time.monotonic() < hit[1]):
            return hit[0]
        key = self._key(name)
        if connection is not None:
            return self._catalog.through(connection, [key], self._ttl)[key]
        return self._catalog.table(key, self._ttl, self)

    def __getitem__(self, name: str) -> CustomTable:
        """Return the table called ``name``; see ``get``."""
        return self.get(name)

    def __getattr__(self, name: str) -> CustomTable:
        """Return the table called ``name``, which must not begin with an underscore; see ``get``."""
        if name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}; a table of that name is db[{name!r}]"
            )
        # Python comes here once more after a declared accessor has raised: that is the answer.
        raised = self._raised.pop((threading.get_ident(), name), None)
        if raised is not None:
            raise raised
        return self.get(name)

    def _declared(self, declared: LazyTable[Any, Any, Any]) -> CustomTable[Any, Any, Any]:
        """Answer a declared accessor. ``Any``: which table it is only the declaration knows."""
        try:
            return self.get(declared.name)
        except AttributeError as error:
            self._raised[threading.get_ident(), declared.attribute] = error
            raise

    # These two keep what was loaded where reading it takes no lock. The catalog calls them, holding its own.

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        name = key[1]
        self._hits[name] = (table, until)
        if until == math.inf:
            for attribute in self._attributes(name):
                # An instance's own attribute is found before a declaration and before __getattr__.
                vars(self)[attribute] = table

    def _forget(self) -> None:
        for name in list(self._hits):
            for attribute in self._attributes(name):
                vars(self).pop(attribute, None)
        self._hits.clear()

    def _attributes(self, name: str) -> Sequence[str]:
        cls = type(self)
        declared = [attribute for attribute, table in cls.__tables__.items() if table.name == name]
        if declared or name.startswith("_") or name in cls.__reserved__ or name in cls.__tables__:
            return declared
        return [name]

    # Without these, `in` and `for` would ask for the tables 0, 1, 2...
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    # -- What there is
    # --------------------------------------------------------------------------------------------------

    def list_tables(self) -> list[str]:
        """Return the names of the base tables of the schema, sorted; one round trip, each time.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        return [name for name, kind in self._catalog.names(self._schema).items() if not kind.is_view]

    def list_views(self) -> list[str]:
        """Return the names of the views and materialized views of the schema, sorted; one round trip, each time.

        Raises:
            ReflectionError: The database cannot be asked.
        """
        return [name for name, kind in self._catalog.names(self._schema).items() if kind.is_view]

    # -- Loading and forgetting
    # -----------------------------------------------------------------------------------------

    def preload(self, *names: str, connection: Connection | None = None) -> None:
        """Load those of ``names`` that are not loaded, in one batch.

        Args:
            names: Names of tables and views.
            connection: Load them on this connection and in its transaction.

        Raises:
            TableNotFoundError: Some do not exist; it names them all, and the others are loaded.
            ReflectionError: Some cannot be loaded; the others are.
        """
        keys = [self._key(name) for name in names]
        if connection is not None:
            self._catalog.through(connection, keys, self._ttl)
        elif keys:
            self._catalog.ensure(keys, self._ttl)

    def preload_all(self) -> None:
        """Load every table and view of the schema that is not loaded: one round trip more than ``preload`` of them.

        Raises:
            ReflectionError: Some cannot be loaded; the others are.
        """
        names = self._catalog.names(self._schema)
        self._catalog.ensure(map(self._key, names), self._ttl, ignore_missing=True)

    def refresh(self, *names: str) -> None:
        """Check ``names`` for changes now, in one batch; without names, every loaded table of the schema.

        Raises:
            TableNotFoundError: Some do not exist any more.
            ReflectionError: The database cannot be asked; what was loaded stays as it was.
        """
        keys = [self._key(name) for name in names] or self._catalog.loaded(self._schema)
        if keys:
            self._catalog.ensure(keys, self._ttl, refresh=True)

    def invalidate(self, name: str) -> None:
        """Have a table checked for a change at its next use, by all accessors of the engine. No round trip.

        A table that is found unchanged stays the same object. A name that is not loaded is none the worse for it.
        """
        self._shared.invalidate([self._key(name)])

    def invalidate_all(self) -> None:
        """Have every table of the engine, in all schemas, checked for a change at its next use. No round trip."""
        self._shared.invalidate(None)

    def cache_info(self) -> CacheInfo:
        """Return how much is loaded and how often the database was asked. No round trip."""
        return self._catalog.info()

    # -- What it was made of
    # --------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._engine

    @property
    def schema(self) -> str | None:
        """The schema; None for the connection's default."""
        return self._schema

    @property
    def cache_ttl(self) -> float | None:
        """Seconds after which a loaded table is checked for a change; None for never."""
        return self._ttl

    @property
    def metadata(self) -> MetaData:
        """The MetaData of the tables that were used so far, of all schemas.

        Another thread may be adding a table while you look: iterate it when nothing loads.
        """
        return self._catalog.metadata

    # -- What Python asks
    # -----------------------------------------------------------------------------------------------

    def __dir__(self) -> list[str]:
        """Return the attributes, and the tables that are declared, loaded or have been listed; no round trip."""
        tables = self._catalog.seen(self._schema)
        usable = {name for name in tables if name.isidentifier() and not name.startswith("_")}
        return sorted({*object.__dir__(self), *usable})

    def _ipython_key_completions_(self) -> list[str]:
        """Return the names of all tables and views, for completing ``db["``; one round trip."""
        return list(self._catalog.names(self._schema))

    def __repr__(self) -> str:
        schema = "" if self._schema is None else f", schema {self._schema!r}"
        loaded = len(self._catalog.loaded(self._schema))
        return (
            f"<{type(self).__name__} of {self._engine.dialect.name} database {database_name(self._engine)!r}{schema}: "
            f"{loaded} tables loaded>"
        )

    def __copy__(self) -> Self:
        """Return another accessor of the same engine, which shares the tables."""
        copy = object.__new__(type(self))
        tables = {attribute for name in self._hits for attribute in self._attributes(name)}
        vars(copy).update((k, v) for k, v in vars(self).items() if k not in tables)
        copy._begin()
        return copy

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return another accessor of the same engine: an engine cannot be copied."""
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(
            f"{type(self).__name__!r} object cannot be pickled, because its engine cannot: send the URL (or what makes "
            "the engine) and call get_lazy_class there."
        )

    # -- Inside
    # ---------------------------------------------------------------------------------------------------------

    def _key(self, name: str) -> Key:
        return (self._schema, _checked_name(name))


def get_lazy_class(
    engine: Engine,
    *,
    cache_ttl: float | None = None,
    schema: str | None = None,
    cache: Cache | None = None,
    reflector: Reflector | None = None,
) -> LazyDB:
    """Return an accessor of the tables of ``engine``'s database; nothing is loaded, and no connection is made.

    Args:
        engine: The database.
        cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
        schema: The schema; None for the connection's default.
        cache: Where TableInfos are kept besides. The accessor then shares no tables with others of the engine.
        reflector: How the database is read. The accessor then shares no tables with others of the engine.

    Raises:
        TypeError: ``engine`` is not an Engine, or another argument is not of its type.
        ValueError: ``cache_ttl`` is negative or not a number.
    """
    return LazyDB(engine, cache_ttl=cache_ttl, schema=schema, cache=cache, reflector=reflector)


def _check_engine(cls: str, engine: object) -> None:
    if isinstance(engine, Engine):
        return
    given = type(engine).__name__
    remedy = "make one with sqlalchemy.create_engine(url)"
    if given in ("Session", "Connection"):
        remedy = "pass its engine"
    raise TypeError(f"{cls} takes a sqlalchemy.Engine, not {given}: {remedy}.")


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a table is asked for by its name, a str, not {type(name).__name__}")
    return name


def _checked_schema(schema: object) -> str | None:
    if schema is not None and (not isinstance(schema, str) or not schema):
        raise TypeError(f"schema= takes the name of a schema or None, not {schema!r}")
    return schema


def _checked_ttl(ttl: object) -> float | None:
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(f"cache_ttl takes a number of seconds or None, not {ttl!r}")
    if not ttl >= 0:
        raise ValueError(f"cache_ttl takes a number of seconds that is not negative, not {ttl!r}")
    return float(ttl)
