"""Single flight for threads, asyncio and trio: which loads are under way, and who waits for which.

No I/O and no knowledge of tables: a key is any hashable, and only the owner of the flights knows what a load found.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Hashable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lazy_alchemy._concurrency.forks import renew_in_child
from lazy_alchemy._concurrency.loops import LoopSlots, PerLoop, call_soon, create_task, current, new_event
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping

__all__ = ["Board", "Flight", "SingleFlight"]

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Abandoned(BaseException):
    """How a flight ends that nobody carried: those who wait for it look for another."""


class Flight(Generic[K, R]):
    """One load: the keys that it carries, who carries it, and how it ended.

    Attributes:
        began: The tick of the clock at which it took its keys; 0 before. What it reads is at least as new as that.
        began_at: ``time.monotonic()`` and ``time.time()`` of that.
        keys: The keys, and how recent (seconds since the epoch) an answer from a cache must be for each. Others are
            added until the flight has begun.
        outcome: What it found for each key, once it has landed.
        answered: How recent (seconds since the epoch) a cache's answers are, by key; what it did not answer is read
            from the database. Final once the flight has begun.
        error: Why it found nothing at all.
        landed: Whether it has ended.
    """

    def __init__(self, board: Board[K, R]) -> None:
        """Open a flight of ``board`` that has not begun."""
        self.began = 0
        self.began_at = (0.0, 0.0)
        self.keys: dict[K, float] = {}
        self.answered: dict[K, float] = {}
        self.outcome: Mapping[K, R] = {}
        self.error: BaseException | None = None
        self.landed = False
        self.carrier: int | None = None
        self._board = board
        self._wakers: list[Callable[[], object]] = []

    def claim(self, carrier: int | None = None) -> bool:
        """Make the caller (or ``carrier``) the one who carries it; return False if somebody does or did."""
        with self._board.flights.lock:
            if self.carrier is not None:
                return False
            self.carrier = current() if carrier is None else carrier
            return True

    def abandon(self) -> None:
        """End it, unless it has landed or somebody else carries it: the caller will not, or not to its end."""
        if self.landed:
            self._wake()  # those whom an interruption has kept from being woken
            return
        me = current()
        with self._board.flights.lock:
            if self.carrier not in (None, me):  # who may have landed it meanwhile
                return
            self.carrier = me
        self.error = Abandoned()
        self.land()

    def wanted(self) -> dict[K, float]:
        """Return a copy of its keys as they are now."""
        with self._board.flights.lock:
            return dict(self.keys)

    def begin(self, *, if_answered: bool = False) -> bool:
        """Take the keys and begin, as the one who carries it.

        Args:
            if_answered: Begin only if a cache has answered all of the keys, recently enough for each.

        Returns:
            Whether it has begun.
        """
        with self._board.flights.lock:
            if self.began:
                return True
            if if_answered and any(
                key not in self.answered or self.answered[key] < not_before for key, not_before in self.keys.items()
            ):
                return False
            if self._board.waiting is self:
                self._board.waiting = None
            self._board.begun.add(self)
            self.began = self._board.flights.tick()
            self.began_at = (time.monotonic(), time.time())
            return True

    def land(self) -> None:
        """End it: nobody can join any more, and those who wait are woken, without waiting for them."""
        with self._board.flights.lock:
            if self._board.waiting is self:
                self._board.waiting = None
            self._board.begun.discard(self)
        self.landed = True
        self._wake()

    def _wake(self) -> None:
        """Wake those who wait; who was woken already is none the worse for it."""
        for wake in list(self._wakers):
            with contextlib.suppress(RuntimeError):  # it was woken, or its event loop is closed
                wake()
            self._forget(wake)

    def _forget(self, wake: Callable[[], object]) -> None:
        with contextlib.suppress(ValueError):
            self._wakers.remove(wake)

    def wait(self) -> None:
        """Block this thread until it has landed."""
        if self.landed:  # as ever for who carried it
            return
        # Not an Event, which is made in Python: an interruption could come in the middle of it.
        latch = threading.Lock()
        latch.acquire()
        with self._waking(latch.release):
            if not self.landed:
                latch.acquire()

    async def wait_async(self) -> None:
        """Wait until it has landed, in an event loop. A wait that is cancelled leaves no trace."""
        event = new_event()
        with self._waking(partial(call_soon(), event.set)):
            if not self.landed:
                await event.wait()

    @contextlib.contextmanager
    def _waking(self, wake: Callable[[], object]) -> Generator[None, None, None]:
        """Have ``wake`` called when it lands; whoever asks in the block whether it has, misses nothing."""
        # First noted, then asked: whoever lands it does them the other way round, so one of the two sees the other.
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._forget(wake)

    def carry_in_background(self, carry: Coroutine[Any, Any, None]) -> None:
        """Have an asyncio task of its own carry it, which goes on when the task that wanted it is cancelled."""
        task = create_task(carry)
        self._board.tasks.add(task)
        self.claim(id(task))
        task.add_done_callback(self._carried)

    def _carried(self, task: object) -> None:
        self._board.tasks.discard(task)
        if not self.landed:  # somebody cancelled the task before its first step
            self.error = Abandoned()
        self.land()


class _Slots:
    """A semaphore. That of ``threading`` is made in Python: an interruption in the middle of it locks it for good."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def __enter__(self) -> None:
        self._free.get()

    def __exit__(self, *_: object) -> None:
        self._free.put(None)


class Board(Generic[K, R]):
    """The flights of those who can wait for each other: of all threads, or of the tasks of one event loop.

    Attributes:
        flights: What it is a board of.
        waiting: The one flight that has not begun.
        begun: Those that have, and have not landed.
        tasks: The tasks that carry them, where it is tasks.
    """

    def __init__(self, flights: SingleFlight[K, R]) -> None:
        """Make an empty board."""
        self.flights = flights
        self.waiting: Flight[K, R] | None = None
        self.begun: set[Flight[K, R]] = set()
        self.tasks: set[object] = set()

    def join(
        self, needs: Mapping[K, tuple[int, float]], boarding: Callable[[], None]
    ) -> tuple[set[Flight[K, R]], Flight[K, R] | None]:
        """Find a flight for each key. The lock is held.

        A flight that has begun serves a key that it carries if it began late enough and its answer is recent enough.
        All other keys go with the one flight that has not begun; where there is none, one is opened, and the caller
        must see to it that it is carried. Who carries a flight gets none: what it waits for might wait for it.

        Args:
            needs: For each key the tick before which its load must not have begun, and how recent an answer from a
                cache must be.
            boarding: Called before a key is given to a flight that has not begun; it may raise.

        Returns:
            The flights to wait for, and the one among them that was opened.

        Raises:
            ReflectionError: The caller carries a flight.
        """
        under_way = [*self.begun] if self.waiting is None else [*self.begun, self.waiting]
        me = current() if under_way else None
        for flight in under_way:
            if flight.carrier == me:
                raise ReflectionError(
                    f"The load of {_named(flight.keys)} was re-entered by the very thread or task that carries it "
                    "(from an event listener, a reflector or a cache): a load cannot wait for a load."
                )
        joined: set[Flight[K, R]] = set()
        rest: dict[K, float] = {}
        for key, (since, not_before) in needs.items():
            for flight in self.begun:
                recent = flight.answered.get(key, math.inf)
                if key in flight.keys and flight.began >= since and recent >= not_before:
                    joined.add(flight)
                    break
            else:
                rest[key] = not_before
        if not rest:
            return joined, None
        boarding()
        opened: Flight[K, R] | None = None
        if self.waiting is None:
            self.waiting = opened = Flight(self)
        joined.add(self.waiting)
        for key, not_before in rest.items():
            self.waiting.keys[key] = max(not_before, self.waiting.keys.get(key, not_before))
        return joined, opened


class SingleFlight(Generic[K, R]):
    """The loads of one catalog that are under way, and the logical clock that orders them.

    The clock ticks when a load begins and when something is invalidated. A load that began at tick 7 has read nothing
    older than what was true at tick 7, so it answers whoever needs something newer than an invalidation at tick 6.

    ``lock`` guards everything here and the catalog's own state. It is held for short computations only, never across
    I/O, and no finalizer takes it.

    Attributes:
        lock: The lock.
        clock: The clock.
        threads: The board of the loads that threads carry.
    """

    def __init__(self, at_most: int) -> None:
        """Let at most ``at_most`` loads have a connection, or wait for one, at any time."""
        self._at_most = at_most
        self.clock = 0
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Make locks anew and forget all flights, as a child process must."""
        self.lock = threading.RLock()
        self.threads: Board[K, R] = Board(self)
        self._slots = _Slots(self._at_most)
        self._loops: PerLoop[Board[K, R]] = PerLoop(partial(Board[K, R], self))
        self._loop_slots = LoopSlots(self._at_most)

    def loop(self) -> Board[K, R]:
        """Return the board of the running event loop, for loads that only its own tasks can carry."""
        return self._loops.get()

    def tick(self) -> int:
        """Advance the clock and return what it shows. The lock is held."""
        self.clock += 1
        return self.clock

    def slot(self) -> contextlib.AbstractContextManager[object]:
        """Wait for, and hold, one of the slots that bound how many connections the loads of threads take."""
        return self._slots

    def loop_slot(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait for, and hold, one of the slots of the running event loop."""
        return self._loop_slots.slot()


def _named(keys: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, keys)))
