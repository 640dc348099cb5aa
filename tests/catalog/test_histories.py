"""Whatever has happened, tables that are got one after another join, and nobody holds one that is due (I1, I3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from lazy_alchemy import TableNotFoundError, get_lazy_class
from lazy_alchemy.caches import MemoryCache
from tests.effort import amount
from tests.fakes import Clock, FakeReflector, info

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lazy_alchemy import Cache, CustomTable, LazyDB

NAMES = "abcde"
TTLS = (None, 10.0, 3.0)

names = st.sampled_from(NAMES)
accessors = st.integers(0, len(TTLS) - 1)
USES = st.one_of(
    st.tuples(st.just("get"), accessors, names),
    st.tuples(st.just("get"), accessors, names),
    st.tuples(st.just("through"), accessors, names),
    st.tuples(st.just("unload"), names),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 3.0, 11.0])),
)
STEPS = st.one_of(
    USES,
    USES,
    USES,
    st.tuples(st.just("preload"), accessors, st.sets(names, min_size=1)),
    st.tuples(st.just("refresh"), accessors),
    st.tuples(st.just("alter"), names),
    st.tuples(st.just("relink"), names, st.sets(names, max_size=2)),
    st.tuples(st.just("invalidate"), names),
    st.tuples(st.just("invalidate_all")),
    st.tuples(st.just("walk"), accessors, st.permutations(NAMES)),
)
# With keys that are renamed, and the foreign keys that refer to them, and with a cache that another process shares.
KEYED_STEPS = st.one_of(
    STEPS,
    STEPS,
    st.tuples(st.just("rename"), names),
    st.tuples(st.just("rename"), names),
    st.tuples(st.just("elsewhere"), st.sampled_from(["preload", "refresh", "invalidate"]), names),
    st.tuples(st.just("elsewhere"), st.sampled_from(["preload", "refresh", "invalidate"]), names),
    st.tuples(st.just("restart"), st.booleans()),
)


class History:
    """A database whose tables change, and three accessors of it."""

    def __init__(
        self, clock: Clock, links: dict[str, set[str]], url: str = "sqlite://", cache: Cache | None = None
    ) -> None:
        self.clock = clock
        self.links = links
        self.altered = dict.fromkeys(NAMES, 0)
        self.renamed = dict.fromkeys(NAMES, 0)
        self.fake = FakeReflector()
        for name in NAMES:
            self._put(name)
        self._url = url
        self._cache = cache
        self.restart(elsewhere=False)
        self.restart(elsewhere=True)

    def _put(self, name: str) -> None:
        refers = {f"{target}_id": target for target in sorted(self.links[name])}
        made = info(name, f"version{self.altered[name]}", f"key{self.renamed[name]}", refers=refers)
        keys = tuple(
            replace(key, referred_columns=(f"key{self.renamed[key.referred_table]}",)) for key in made.foreign_keys
        )
        self.fake.put(replace(made, foreign_keys=keys))

    def take(self, step: tuple[Any, ...]) -> None:
        """Do what a step says, and look whether everybody holds only what is not due."""
        kind, *arguments = step
        getattr(self, kind)(*arguments)
        entries = self.lazy[0]._catalog._shelf.entries
        for lazy in self.lazy:
            for name, (_, until) in lazy._hits.items():
                assert entries.current((None, name)), f"{name} is held and is to be checked"
                assert until <= entries.deadline((None, name), lazy.cache_ttl), f"{name} is held for too long"

    def get(self, accessor: int, name: str) -> CustomTable:
        """Get a table."""
        return self.lazy[accessor].get(name)

    def through(self, accessor: int, name: str) -> None:
        """Get a table through a connection."""
        with self.engine.connect() as connection:
            assert name == self.lazy[accessor].get(name, connection=connection).name

    def preload(self, accessor: int, names: set[str]) -> None:
        """Load some tables."""
        self.lazy[accessor].preload(*sorted(names))

    def refresh(self, accessor: int) -> None:
        """Check all that is loaded."""
        self.lazy[accessor].refresh()

    def alter(self, name: str) -> None:
        """Change a table."""
        self.altered[name] += 1
        self._put(name)

    def rename(self, name: str) -> None:
        """Rename the key of a table; the database changes the foreign keys that refer to it."""
        self.renamed[name] += 1
        for one in (name, *(child for child in NAMES if name in self.links[child])):
            self._put(one)

    def restart(self, elsewhere: bool) -> None:
        """Have this process, or the other one, begin again with nothing but the cache."""
        engine = create_engine(self._url, poolclass=NullPool)
        one = get_lazy_class(engine, reflector=self.fake, cache=self._cache)
        if elsewhere:
            self.other = one
        else:
            self.engine = engine
            self.lazy = [_beside(one, ttl) for ttl in TTLS]

    def elsewhere(self, method: str, name: str) -> None:
        """Have another process do something."""
        getattr(self.other, method)(name)

    def unload(self, name: str) -> None:
        """Have a table be loaded no more: it is looked for while it is gone."""
        self.fake.drop(name)
        with pytest.raises(TableNotFoundError):
            self.lazy[0].refresh(name)
        self._put(name)

    def relink(self, name: str, targets: set[str]) -> None:
        """Have a table refer to others."""
        self.links[name] = targets
        self._put(name)

    def invalidate(self, name: str) -> None:
        """Invalidate a table."""
        self.lazy[0].invalidate(name)

    def invalidate_all(self) -> None:
        """Invalidate all tables."""
        self.lazy[0].invalidate_all()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds

    def walk(self, accessor: int, order: Sequence[str]) -> None:
        """Get all tables one after another; those that refer to one another join.

        They are loaded before: if a key was renamed, a table that was got just before another one's first use has to be
        got again.
        """
        if any(self.renamed.values()):
            self.lazy[accessor].preload(*NAMES)
        got = {name: self.get(accessor, name) for name in order}
        for name, table in got.items():
            for key in table.foreign_keys:
                target = key.target_fullname.split(".")[0]
                assert key.column.table is got[target], f"{name} does not join {target}"


def _beside(lazy: LazyDB, ttl: float | None) -> LazyDB:
    """Return an accessor that shares the tables of another one, with a time to live of its own."""
    other = lazy.__copy__()
    other._ttl = ttl
    return other


@settings(max_examples=amount(30, 200))
@given(
    st.fixed_dictionaries({name: st.sets(names, min_size=1, max_size=2) for name in NAMES}),
    st.lists(STEPS, min_size=20, max_size=60),
)
def test_any_history(links: dict[str, set[str]], steps: list[tuple[Any, ...]]) -> None:
    """After any steps all that is held is current; after an invalidation all is as the database has it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        history = History(Clock.instead_of_time(monkeypatch), {name: set(targets) for name, targets in links.items()})
        for step in steps:
            history.take(step)
        history.take(("invalidate_all",))
        for accessor in range(len(TTLS)):
            history.take(("walk", accessor, NAMES))
        for name in NAMES:
            assert f"version{history.altered[name]}" in history.get(0, name).c
        history.engine.dispose()


@settings(max_examples=120)
@given(
    st.fixed_dictionaries({name: st.sets(names, min_size=1, max_size=2) for name in NAMES}),
    st.lists(KEYED_STEPS, min_size=20, max_size=60),
    st.booleans(),
)
def test_any_history_of_keys(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, set[str]], steps: list[tuple[Any, ...]], cached: bool
) -> None:
    """Whatever keys are renamed, and whatever another process leaves in the cache, tables that are got join."""
    url = f"sqlite:///{_directory(tmp_path_factory) / 'database.db'}"
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock.instead_of_time(monkeypatch)
        history = History(
            clock, {name: set(targets) for name, targets in links.items()}, url, MemoryCache() if cached else None
        )
        for step in steps:
            history.take(step)
        for accessor in range(len(TTLS)):
            history.take(("walk", accessor, NAMES))
        history.take(("invalidate_all",))
        for accessor in range(len(TTLS)):
            history.take(("walk", accessor, NAMES))
        for name in NAMES:
            assert f"key{history.renamed[name]}" in history.get(0, name).c


def _directory(factory: pytest.TempPathFactory) -> Path:
    """Return one directory for all examples; no table is ever in its file."""
    path = factory.getbasetemp() / "histories"
    path.mkdir(exist_ok=True)
    return path
