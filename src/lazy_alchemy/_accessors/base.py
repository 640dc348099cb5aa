"""The base class of the accessors: everything but the methods that load tables.

Nothing here talks to a database. An accessor turns a name into a request to its Catalog, and remembers the table.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from sqlalchemy import Engine
from typing_extensions import Self

from lazy_alchemy._accessors.registry import LazyDBMeta, OnDrift, checked_on_drift
from lazy_alchemy._catalog.databases import database_name
from lazy_alchemy._catalog.engines import catalogs_of
from lazy_alchemy._tables import CustomTable

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from lazy_alchemy._catalog.catalog import CacheInfo
    from lazy_alchemy._catalog.outcomes import Key
    from lazy_alchemy._protocols import Cache, Reflector

__all__ = ["UNSET", "Accessor", "Unset", "checked_engine"]


class Unset:
    """The default of an argument for which None has a meaning of its own."""

    def __repr__(self) -> str:
        return "<the class's>"


UNSET: Final = Unset()


class HitSlots:
    """The attributes that every cache hit reads.

    Before Python 3.13, a class with ``__getattr__``, like an accessor's, finds its attributes slowly unless they are in
    slots. From 3.13 on, slots make it slow.
    """

    if sys.version_info < (3, 13):
        __slots__ = ("_expiring", "_hits", "_ttl")

    # By attribute: the tables with a time to live, and when it ends. Any: only a declaration knows a table's types.
    _expiring: dict[str | None, tuple[CustomTable[Any, Any, Any, Any, Any], float]]
    # By name: all loaded tables, and when they expire.
    _hits: dict[str, tuple[CustomTable, float]]
    _ttl: float | None


class Accessor(HitSlots, metaclass=LazyDBMeta):
    """The base class of ``LazyDB`` and ``AsyncLazyDBAccessor``: everything but the methods that load tables.

    It has few public names, because each is one that no table can have as an attribute.
    """

    def __init__(  # noqa: PLR0917  only its subclasses call it
        self,
        engine: Engine,
        cache_ttl: float | None,
        schema: str | Unset | None,
        cache: Cache | None,
        reflector: Reflector | None,
        on_drift: OnDrift | Unset,
    ) -> None:
        """See ``LazyDB``; the engine has been checked."""
        self._sync_engine = engine
        self._ttl = _checked_ttl(cache_ttl)
        self._schema = type(self).__schema__ if isinstance(schema, Unset) else _checked_schema(schema)
        drift = type(self).__on_drift__ if isinstance(on_drift, Unset) else checked_on_drift(on_drift)
        self._on_drift: OnDrift = drift
        self._engine_catalogs = catalogs_of(engine)
        self._catalog = self._engine_catalogs.catalog(engine, reflector, cache)
        self._begin()

    def _begin(self) -> None:
        self._expiring = {}
        self._hits = {}
        self._compared: dict[str, CustomTable] = {}
        self._catalog.register(self)

    # These two maintain the cache hits, which are read without a lock. The catalog calls them while it holds its lock.

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        if not self._needs_drift_check(key[1], table):
            self._hits[key[1]] = (table, until)

    def _forget(self) -> None:
        self._hits.clear()

    # Each new Table of a declared table is compared with the annotations once. Until then it is not a cache hit.

    def _needs_drift_check(self, name: str, table: CustomTable) -> bool:
        return name in type(self).__named__ and self._compared.get(name) is not table

    def _checked_for_drift(self, name: str, table: CustomTable) -> CustomTable:
        """Return ``table``; if it is declared, compare it with its declaration first. No lock is held. No I/O.

        Raises:
            DriftError: It does not match its annotations, and the accessor has ``on_drift="raise"``.
        """
        if self._needs_drift_check(name, table):
            from lazy_alchemy._accessors.drift import compare
            from lazy_alchemy._accessors.type_arguments import bind

            cls = type(self)
            declared = cls.__tables__[cls.__named__[name]]
            bind(table, declared)
            compare(table, declared, self._on_drift)
            self._compared[name] = table
        return table

    def _no_attribute(self, name: str, item: str = "db") -> AttributeError:
        cls = type(self).__name__
        if "_catalog" not in vars(self):
            return AttributeError(
                f"{cls!r} object has no {name!r} yet: call super().__init__(engine) before using anything else"
            )
        return AttributeError(f"{cls!r} object has no attribute {name!r}; a table of that name is {item}[{name!r}]")

    def _table_name(self, attribute: str) -> str:
        declared = type(self).__tables__.get(attribute)
        return attribute if declared is None else declared.name

    def _key(self, name: str) -> Key:
        return (self._schema, _checked_name(name))

    # Without these, `in` and `for` would look up the tables 0, 1, 2...
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def cache_info(self) -> CacheInfo:
        """Return how many tables are loaded and how often the database was read. No round trip."""
        return self._catalog.info()

    # -- Configuration

    @property
    def schema(self) -> str | None:
        """The schema; None for the connection's default."""
        return self._schema

    @property
    def cache_ttl(self) -> float | None:
        """Time to live of a loaded table, in seconds; None for no expiry."""
        return self._ttl

    @property
    def metadata(self) -> MetaData:
        """The MetaData of the tables used so far, in all schemas.

        Another thread may add a table at any time: iterate over it only while nothing loads.
        """
        return self._catalog.metadata

    # -- Special methods

    def __dir__(self) -> list[str]:
        """Return the attributes, and the tables that are declared, loaded or have been listed. No round trip."""
        tables = self._catalog.seen(self._schema)
        usable = {name for name in tables if name.isidentifier() and not name.startswith("_")}
        return sorted({*object.__dir__(self), *type(self).__tables__, *usable})

    def __repr__(self) -> str:
        schema = "" if self._schema is None else f", schema {self._schema!r}"
        loaded = len(self._catalog.loaded(self._schema))
        return (
            f"<{type(self).__name__} of {self._sync_engine.dialect.name} database "
            f"{database_name(self._sync_engine)!r}{schema}: {loaded} tables loaded>"
        )

    def __copy__(self) -> Self:
        """Return another accessor of the same engine; they share their tables."""
        copy = object.__new__(type(self))
        # Other threads may be adding and removing tables: copy vars(self) in one atomic step, then filter the copy.
        state = vars(self).copy()
        vars(copy).update((key, value) for key, value in state.items() if not isinstance(value, CustomTable))
        copy._ttl = self._ttl
        copy._begin()
        return copy

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return another accessor of the same engine, because an engine cannot be copied."""
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: an engine cannot be pickled."""
        raise TypeError(
            f"{type(self).__name__!r} object cannot be pickled, because its engine cannot: send the URL, or whatever "
            "the engine is created from, and call get_lazy_class in the other process."
        )


def checked_engine(cls: str, engine: object) -> Engine:
    """Return ``engine`` if it is an Engine; ``cls`` is the name of the class that takes it, for the message.

    Raises:
        TypeError: It is not an Engine; the message says what to pass.
    """
    if isinstance(engine, Engine):
        return engine
    given = type(engine).__name__
    remedy = {
        "AsyncEngine": "pass it to get_lazy_class or AsyncLazyDBAccessor",
        "Connection": "pass its engine",
        "Session": "pass its engine",
    }.get(given, "make one with sqlalchemy.create_engine(url)")
    raise TypeError(f"{cls} takes a sqlalchemy.Engine, not {given}: {remedy}.")


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a table must be a str, not {type(name).__name__}")
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
        raise ValueError(f"cache_ttl takes a non-negative number of seconds, not {ttl!r}")
    return float(ttl)
