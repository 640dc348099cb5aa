"""The accessors: what all have in common, and ``LazyDB``.

Nothing here talks to a database; it turns a name into a question to a Catalog, and remembers the answer.
"""

from __future__ import annotations

import math
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, cast

from sqlalchemy import Engine
from typing_extensions import Self

from lazy_alchemy._engines import shared_by
from lazy_alchemy._registry import LazyDBMeta, OnDrift, checked_on_drift
from lazy_alchemy._tables import CustomTable
from lazy_alchemy._urls import database_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, MetaData

    from lazy_alchemy._catalog import CacheInfo
    from lazy_alchemy._outcomes import Key
    from lazy_alchemy._protocols import Cache, Reflector

__all__ = ["UNSET", "Accessor", "LazyDB", "Unset"]


_EXPIRING: Final = "_expiring"


class Unset:
    """The default of an argument whose None means something."""

    def __repr__(self) -> str:
        return "<the class's>"


UNSET: Final = Unset()


class Hot:
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


class Accessor(Hot, metaclass=LazyDBMeta):
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
        self._shared = shared_by(engine)
        self._catalog = self._shared.catalog(engine, reflector, cache)
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
            from lazy_alchemy._declarations import bind
            from lazy_alchemy._drift import compare

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


class LazyDB(Accessor):
    """The tables of one database, each loaded when it is first used.

    ``db.users``, ``db["order-items"]`` and ``db.get("users")`` return the table, a ``sqlalchemy.Table``. A name that is
    also a method or begins with an underscore is reached by item or ``get``. Declare the tables that a typed codebase
    uses in a subclass::

        class AppDB(LazyDB, schema="public"):
            users: LazyTable
            order_items: LazyTable = LazyTable(name="order-items")

    Accessors of one Engine share their tables. All of it may be used by many threads at once.
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
        """Make an accessor; nothing is loaded, and no connection is made.

        Args:
            engine: The database.
            cache_ttl: Seconds after which a loaded table is checked for a change at its next use; None for never.
            schema: The schema; None for the connection's default. Left out, it is the class's.
            cache: Where TableInfos are kept besides. The accessor then shares no tables with others of the engine.
            reflector: How the database is read. The accessor then shares no tables with others of the engine.
            on_drift: What is done when a declared table is first used and is not what its annotations say: "warn" (a
                ``DriftWarning`` that lists each difference), "raise" (a ``DriftError``; columns that are merely not
                declared only warn), or "ignore". Left out, it is the class's.

        Raises:
            TypeError: ``engine`` is not an Engine, or another argument is not of its type.
            ValueError: ``cache_ttl`` is negative or not a number.
        """
        super().__init__(checked_engine(type(self).__name__, engine), cache_ttl, schema, cache, reflector, on_drift)
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._engine

    # -- Tables

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
            DriftError: It is declared otherwise, and the accessor has ``on_drift="raise"``.

        Round trips: none if it is loaded and has not expired; else those of the reflector (see ``InspectorReflector``).
        """
        if connection is not None:
            key = self._key(name)
            return self._declared_well(key[1], self._catalog.through(connection, [key], self._ttl)[key])
        try:
            table, until = self._hits[name]
            if self._ttl is None or monotonic() < until:
                return table
        except (KeyError, TypeError):  # it is not loaded, or not even hashable
            pass
        return self._declared_well(name, self._catalog.table(self._key(name), self._ttl, self))

    def __getitem__(self, name: str) -> CustomTable:
        """Return the table called ``name``; see ``get``."""
        return self.get(name)

    def __getattr__(self, name: str) -> CustomTable:
        """Return the table called ``name``, which must not begin with an underscore; see ``get``."""
        if name is not _EXPIRING:  # which has no value yet if Python asks before __init__
            try:
                table, until = self._expiring[name]
                if monotonic() < until:
                    return table
            except (KeyError, AttributeError):
                pass
        if name in type(self).__reserved__ and "_catalog" in vars(self):
            # A property of a subclass raised an AttributeError, and raises it again: no table of its name is asked for.
            return cast("CustomTable", object.__getattribute__(self, name))  # cast: it does not return
        if name.startswith("_") or "_catalog" not in vars(self):
            raise self._no_attribute(name)
        return self.get(self._table_name(name))

    def _remember(self, key: Key, table: CustomTable, until: float) -> None:
        if self._awaits_comparison(key[1], table):
            return
        super()._remember(key, table, until)
        for attribute in self._attributes(key[1]):
            if until == math.inf:
                # An instance's own attribute is found before __getattr__. What the user has put there stays.
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

    # -- What there is

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

    def _ipython_key_completions_(self) -> list[str]:
        """Return the names of all tables and views, for completing ``db["``; one round trip."""
        return list(self._catalog.names(self._schema))


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
