"""Stand-ins that the tests of loading share: reflectors and caches that are watched and can be stopped, and threads.

Nothing here waits for a time to pass: a `Gate` says when somebody stands before it, and lets them through when told to.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, String, event

from lazy_alchemy._concurrency.flights import Flight
from lazy_alchemy._concurrency.loops import current
from lazy_alchemy._schema.tables import ColumnInfo, ForeignKeyInfo, KeyInfo, TableInfo, TableKind
from lazy_alchemy._schema.types import TypeInfo
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pytest
    from sqlalchemy import Connection, Engine

    from lazy_alchemy import CacheEntry, Reflector
    from lazy_alchemy._protocols import TableKey

SECONDS = 20
"""How long anything that must happen may take before the test fails instead of hanging."""


class Gate:
    """Stops whoever comes until it is opened, and says that they came."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def stop(self) -> None:
        """Stand before the gate until it is opened."""
        self.reached.set()
        assert self.opened.wait(SECONDS), "nobody opened the gate"

    def await_reached(self) -> None:
        """Wait until somebody stands before it."""
        assert self.reached.wait(SECONDS), "nobody came to the gate"

    def open(self) -> None:
        """Let everybody through, now and later."""
        self.opened.set()


def info(
    name: str,
    *columns: str,
    schema: str | None = None,
    refers: Mapping[str, tuple[str | None, str] | str] | None = None,
    primary_key: bool = True,
) -> TableInfo:
    """Return a TableInfo with an integer `id`, the named text columns, and an integer column for each foreign key.

    Args:
        name: The table's name.
        columns: Names of further columns.
        schema: Its schema.
        refers: For each column with a foreign key, the table whose `id` it refers to.
        primary_key: Whether `id` is the primary key.
    """
    keys = dict(refers or {})
    targets = {column: (None, to) if isinstance(to, str) else to for column, to in keys.items()}
    return TableInfo(
        name=name,
        schema=schema,
        kind=TableKind.TABLE,
        columns=(
            ColumnInfo("id", TypeInfo.of(Integer()), nullable=False),
            *(ColumnInfo(column, TypeInfo.of(Integer())) for column in targets),
            *(ColumnInfo(column, TypeInfo.of(String(20))) for column in columns),
        ),
        primary_key=KeyInfo(("id",)) if primary_key else None,
        foreign_keys=tuple(
            ForeignKeyInfo((column,), target[0], target[1], ("id",), f"fk_{name}_{column}")
            for column, target in targets.items()
        ),
    )


class FakeReflector:
    """A Reflector whose database is a dictionary; the connection that it is given is asked nothing."""

    def __init__(self, *infos: TableInfo) -> None:
        self.tables: dict[tuple[str | None, str], TableInfo] = {}
        self.put(*infos)

    def put(self, *infos: TableInfo) -> None:
        """Create tables, or change them."""
        self.tables.update({(one.schema, one.name): one for one in infos})

    def drop(self, name: str, schema: str | None = None) -> None:
        """Drop a table."""
        del self.tables[schema, name]

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Return those that there are."""
        return {name: self.tables[schema, name] for name in names if (schema, name) in self.tables}

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the names of all."""
        return {name: one.kind for (of, name), one in sorted(self.tables.items(), key=str) if of == schema}

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Return the fingerprints of those that there are."""
        return {name: one.fingerprint for name, one in self.reflect(connection, names, schema=schema).items()}


class Watched:
    """A Reflector that notes what another is asked, and can be stopped after it has read.

    Attributes:
        reads: The names of every call, in order, whether they were to be reflected or only checked for a change.
        reflected: The names of every call of `reflect`.
        gates: By a table's name: the next call that carries it stops there, after it has read, once.
        before: Called with the names before each read; it may raise.
        inside: How many calls are under way.
        peak: How many were under way at most.
    """

    def __init__(self, inner: Reflector | None = None) -> None:
        self.inner: Reflector = inner if inner is not None else InspectorReflector()
        self.reads: list[frozenset[str]] = []
        self.reflected: list[frozenset[str]] = []
        self.gates: dict[str, Gate] = {}
        self.before: Callable[[frozenset[str]], object] = lambda _: None
        self.inside = self.peak = 0
        self._lock = threading.Lock()

    def gate(self, name: str) -> Gate:
        """Stop the next read that carries `name`, after it has read."""
        self.gates[name] = Gate()
        return self.gates[name]

    def count(self, name: str) -> int:
        """Return how many reads carried `name`."""
        return sum(name in names for names in list(self.reads))

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Reflect."""
        self.reflected.append(frozenset(names))
        return self._watch(names, lambda: self.inner.reflect(connection, names, schema=schema))

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """List."""
        return self.inner.list_names(connection, schema=schema)

    def fingerprints(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, str]:
        """Check."""
        return self._watch(names, lambda: self.inner.fingerprints(connection, names, schema=schema))

    def _watch(self, names: Collection[str], read: Callable[[], Any]) -> Any:
        carried = frozenset(names)
        with self._lock:
            self.reads.append(carried)
            self.inside += 1
            self.peak = max(self.peak, self.inside)
        try:
            self.before(carried)
            found = read()
            with self._lock:
                gates = [gate for name in carried if (gate := self.gates.pop(name, None)) is not None]
            for gate in gates:
                gate.stop()
            return found
        finally:
            with self._lock:
                self.inside -= 1


class WatchedCache(MemoryCache):
    """A MemoryCache that notes what it is asked and told, and can be stopped after it has answered.

    Attributes:
        log: ("get" | "set" | "discard", names) or ("clear", "everything"), in order.
        gate: Where the next `get_many` stops.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, object]] = []
        self.gate: Gate | None = None

    def get_many(self, keys: Collection[TableKey]) -> Mapping[TableKey, CacheEntry]:
        """Get."""
        self.log.append(("get", {key.name for key in keys}))
        found = super().get_many(keys)
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.stop()
        return found

    def set_many(self, entries: Mapping[TableKey, CacheEntry]) -> None:
        """Set."""
        self.log.append(("set", {key.name for key in entries}))
        super().set_many(entries)

    def discard(self, keys: Collection[TableKey]) -> None:
        """Discard."""
        self.log.append(("discard", {key.name for key in keys}))
        super().discard(keys)

    def clear(self, database: str) -> None:
        """Clear."""
        self.log.append(("clear", "everything"))
        super().discard([key for key in list(self._entries) if key.database == database])


class Started:
    """A function that runs in a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self.error: BaseException | None = None
        # A daemon: a thread that hangs fails its test and does not keep the tests from ending.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self.error = error

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def wait(self, seconds: float = SECONDS) -> BaseException | None:
        """Wait until it has ended, and return what it raised."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"{self._function} hangs"
        return self.error

    def result(self, seconds: float = SECONDS) -> Any:
        """Wait until it has ended, and return what it returned or raise what it raised."""
        self.wait(seconds)
        if self.error is not None:
            raise self.error
        return self._value


def together(*functions: Callable[[], Any], seconds: float = SECONDS) -> list[Any]:
    """Run the functions at once, each in a thread of its own, and return what they returned."""
    barrier = threading.Barrier(len(functions))

    def started(function: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            barrier.wait(SECONDS)
            return function()

        return run

    threads = [Started(started(function)) for function in functions]
    return [thread.result(seconds) for thread in threads]


@contextmanager
def collecting_only_what_is_new() -> Iterator[None]:
    """Let garbage collections within the block look only through what is made in it: with the rest, each takes long."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Waiters:
    """Says when threads have begun to wait for a load that another thread carries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._came = threading.Semaphore(0)
        wait = Flight.wait

        def watched(flight: Flight[Any, Any], until: float | None = None) -> None:
            if flight.carrier != current():
                self._came.release()
            wait(flight, until)

        monkeypatch.setattr(Flight, "wait", watched)

    def await_(self, count: int = 1) -> None:
        """Wait until `count` more threads wait."""
        for _ in range(count):
            assert self._came.acquire(timeout=SECONDS), "not enough threads came to wait"


@contextmanager
def count_checkouts(engine: Engine) -> Iterator[list[int]]:
    """Yield a list of how many connections were out of the pool each time one was taken."""
    lock = threading.Lock()
    out = 0
    seen: list[int] = []

    def taken(*_: object) -> None:
        nonlocal out
        with lock:
            out += 1
            seen.append(out)

    def given_back(*_: object) -> None:
        nonlocal out
        with lock:
            out -= 1

    event.listen(engine, "checkout", taken)
    event.listen(engine, "checkin", given_back)
    try:
        yield seen
    finally:
        event.remove(engine, "checkout", taken)
        event.remove(engine, "checkin", given_back)


class Clock:
    """The two clocks of the catalog, which go on when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    @classmethod
    def instead_of_time(cls, monkeypatch: pytest.MonkeyPatch) -> Clock:
        """Return one that all modules of the package that are imported reckon with."""
        clock = cls()
        for name, module in list(sys.modules.items()):
            if name.startswith("lazy_alchemy."):
                if getattr(module, "time", None) is time:
                    monkeypatch.setattr(module, "time", clock)
                if getattr(module, "monotonic", None) is time.monotonic:
                    monkeypatch.setattr(module, "monotonic", clock.monotonic)
        return clock

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self.now

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self.now + 1e9
