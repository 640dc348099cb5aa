"""What all accessors have in common: everything but the questions themselves.

Nothing here talks to a database; an accessor turns a name into a question to a Catalog, and remembers the answer.
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
    """The default of an argument whose None means something."""

    def __repr__(self) -> str:
        return "<the class's>"


UNSET: Final = Unset()


class HitSlots:
    """What every use of a table looks at.

    Until Python 3.13 a class with ``__getattr__``, as an accessor's is, is slow at finding its attributes unless they
    are in slots. From then on it is slow if it has slots.
    """

    if sys.version_info < (3, 13):
        __slots__ = ("_expiring", "_hits", "_ttl")

    # By attribute, the tables that expire, and when. Any: which table it is only its declaration knows.
    _expiring: dict[str | None, tuple[CustomTable[Any, Any, Any, Any, Any], float]]
    # By name, all that are loaded, and when they expire.
    _hits: dict[str, tuple[CustomTable, float]]
    _ttl: float | None


class Accessor(HitSlots, metaclass=LazyDBMeta):
    """What ``LazyDB`` and ``AsyncLazyDBAccessor`` have in common: everything but the questions themselves.

    Every public name of it is one that no table can have as an attribute, so there are few.
    """

    def __init__(  # noqa: PLR0917  its subclasses alone call it
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

    # These two keep what was loaded where reading it takes no lock. The catalog calls them, holding its own.

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        if not self._awaits_comparison(key[1], table):
            self._hits[key[1]] = (table, until)

    def _forget(self) -> None:
        self._hits.clear()

    # A declared table is compared with its annotations once for each shape it has; before, nobody remembers it.

    def _awaits_comparison(self, name: str, table: CustomTable) -> bool:
        return name in type(self).__named__ and self._compared.get(name) is not table

    def _declared_well(self, name: str, table: CustomTable) -> CustomTable:
        """Return ``table`` once it was compared with its declaration, if it has one. No lock is held, no I/O done.

        Raises:
            DriftError: It is not what its annotations say, and the accessor has ``on_drift="raise"``.
        """
        if self._awaits_comparison(name, table):
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
                f"{cls!r} object has no {name!r} yet: call super().__init__(engine) before anything else is used"
            )
        return AttributeError(f"{cls!r} object has no attribute {name!r}; a table of that name is {item}[{name!r}]")

    def _table_name(self, attribute: str) -> str:
        declared = type(self).__tables__.get(attribute)
        return attribute if declared is None else declared.name

    def _key(self, name: str) -> Key:
        return (self._schema, _checked_name(name))

    # Without these, `in` and `for` would ask for the tables 0, 1, 2...
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def cache_info(self) -> CacheInfo:
        """Return how much is loaded and how often the database was asked. No round trip."""
        return self._catalog.info()

    # -- What it was made of

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

    def __dir__(self) -> list[str]:
        """Return the attributes, and the tables that are declared, loaded or have been listed; no round trip."""
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
        """Return another accessor of the same engine, which shares the tables."""
        copy = object.__new__(type(self))
        # Other threads may be adding and removing tables: vars(self) is copied in one step, and looked at then.
        state = vars(self).copy()
        vars(copy).update((key, value) for key, value in state.items() if not isinstance(value, CustomTable))
        copy._ttl = self._ttl
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


def checked_engine(cls: str, engine: object) -> Engine:
    """Return ``engine`` if it is an Engine, for the class called ``cls``.

    Raises:
        TypeError: It is not; the message says what to pass.
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
