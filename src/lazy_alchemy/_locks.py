"""The lock and single-flight abstraction: who loads what, who waits for whom, and what a fork makes of it.

No I/O and no knowledge of tables: a key is any hashable, what a load found is its owner's affair.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from lazy_alchemy._errors import ReflectionError

__all__ = ["Flight", "SingleFlight"]

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Flight(Generic[K, R]):
    """One load: the keys that it carries, who carries it, and how it ended.

    Attributes:
        keys: The keys, and how recent (seconds since the epoch) an answer from a cache must be for each. They may be
            added to until the flight has begun, and never change after.
        began: The tick of the clock at which it took its keys; 0 before. What it reads is at least as new as that.
        owner: The thread that carries it.
        outcome: What it found for each key, once it has landed.
        error: Why it found nothing at all.
    """

    __slots__ = ("_landed", "began", "error", "keys", "outcome", "owner")

    def __init__(self, owner: int) -> None:
        """Open a flight that has not begun."""
        self.keys: dict[K, float] = {}
        self.began = 0
        self.owner = owner
        self.outcome: Mapping[K, R] = {}
        self.error: BaseException | None = None
        self._landed = threading.Event()

    def wait(self) -> None:
        """Block this thread until the flight has landed."""
        self._landed.wait()

    def land(self) -> None:
        """Wake everybody who waits; ``outcome`` and ``error`` are final."""
        self._landed.set()


class SingleFlight(Generic[K, R]):
    """The loads of one catalog that are under way, and the logical clock that orders them.

    The clock ticks when a load begins and when something is invalidated. A load that began at tick 7 has read nothing
    older than what was true at tick 7, so it answers whoever needs something newer than an invalidation at tick 6.

    ``lock`` guards everything here and the catalog's own state. It is held for short computations only, never across
    I/O, and no finalizer takes it.
    """

    def __init__(self, at_most: int = 4) -> None:
        """Let at most ``at_most`` loads have a connection, or wait for one, at any time."""
        self._at_most = at_most
        self.clock = 0
        self.renew()
        _all.add(self)

    def renew(self) -> None:
        """Make locks anew and forget all flights, as a child process must."""
        self.lock = threading.RLock()
        self._slots = threading.BoundedSemaphore(self._at_most)
        self._waiting: Flight[K, R] | None = None  # the one flight that has not begun
        self._begun: set[Flight[K, R]] = set()

    def tick(self) -> int:
        """Advance the clock and return what it shows. The lock is held."""
        self.clock += 1
        return self.clock

    def join(
        self, needs: Mapping[K, tuple[int, float]], boarding: Callable[[], None]
    ) -> tuple[set[Flight[K, R]], Flight[K, R] | None]:
        """Find a flight for each key. The lock is held.

        A flight that has begun serves a key that it carries if it began late enough. All other keys go with the one
        flight that has not begun; where there is none, one is opened, and the caller must carry it.

        Args:
            needs: For each key the tick before which its load must not have begun, and how recent an answer from a
                cache must be.
            boarding: Called before a key is given to a flight that has not begun; it may raise.

        Returns:
            The flights to wait for, and the one among them that the caller must carry.

        Raises:
            ReflectionError: This thread carries a flight that it would have to wait for.
        """
        me = threading.get_ident()
        flights: set[Flight[K, R]] = set()
        rest: dict[K, float] = {}
        for key, (since, not_before) in needs.items():
            for flight in self._begun:
                if key in flight.keys and flight.began >= since:
                    flights.add(flight)
                    break
            else:
                rest[key] = not_before
        lead: Flight[K, R] | None = None
        if rest:
            boarding()
            if self._waiting is None:
                self._waiting = lead = Flight(me)
            flights.add(self._waiting)
            keys = self._waiting.keys
            for key, not_before in rest.items():
                keys[key] = max(not_before, keys.get(key, not_before))
        for flight in flights:
            if flight.owner == me and flight is not lead:
                raise ReflectionError(
                    f"The load of {_named(flight.keys)} was re-entered by the very thread that carries it (from an "
                    "event listener, a reflector or a cache): a load cannot wait for itself."
                )
        return flights, lead

    def begin(self, flight: Flight[K, R], answered: Mapping[K, float] | None = None) -> bool:
        """Let ``flight`` take its keys and begin.

        Args:
            flight: A flight that this thread carries.
            answered: How recent (seconds since the epoch) a cache's answers are. If given, it begins only if they are
                recent enough for all of its keys.

        Returns:
            Whether it has begun.
        """
        with self.lock:
            if flight.began:
                return True
            if answered is not None and any(
                answered.get(key, -math.inf) < not_before for key, not_before in flight.keys.items()
            ):
                return False
            if self._waiting is flight:
                self._waiting = None
            flight.began = self.tick()
            self._begun.add(flight)
            return True

    def land(self, flight: Flight[K, R]) -> None:
        """End ``flight``: nobody can join it any more, and those who wait go on."""
        with self.lock:
            if self._waiting is flight:
                self._waiting = None
            self._begun.discard(flight)
        flight.land()

    @contextmanager
    def slot(self) -> Generator[None, None, None]:
        """Wait for, and hold, one of the slots that bound how many connections loads take."""
        slots = self._slots
        with slots:
            yield


def _named(keys: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, keys)))


# After a fork only the thread that forked lives on in the child. Taking every lock first means that no state is half
# changed then; the child makes its locks anew, and the flights, whose threads are gone, are forgotten.
# Any: of whatever keys and results.
_all: weakref.WeakSet[SingleFlight[Any, Any]] = weakref.WeakSet()
_held: list[SingleFlight[Any, Any]] = []


def _before_fork() -> None:
    _held.extend(_all)
    for flights in _held:
        flights.lock.acquire()


def _after_fork_in_parent() -> None:
    for flights in _held:
        flights.lock.release()
    _held.clear()


def _after_fork_in_child() -> None:
    for flights in _held:
        flights.renew()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
