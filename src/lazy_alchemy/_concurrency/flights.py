"""Single flight for threads, asyncio and trio: which loads are under way, and which callers wait for them.

No I/O and no knowledge of tables: a key is any hashable, and the result of a load means something to its owner only.
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
from lazy_alchemy._concurrency.loops import LoopSlots, PerLoop, call_soon, create_task, current, new_event, wait_for
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping

__all__ = ["Board", "Clock", "Flight", "SingleFlight"]

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Abandoned(BaseException):
    """Ends a flight that has no carrier: its waiters look for another one."""


class Flight(Generic[K, R]):
    """One load: its keys, the thread or task that carries it, and how it ended.

    Attributes:
        began: The tick of the clock at which its keys became final; 0 before. It reads nothing older than that tick.
        began_at: ``time.monotonic()`` and ``time.time()`` at that tick.
        keys: The keys, each with the oldest answer (seconds since the epoch) that a cache may give. Keys are added
            until the flight begins.
        outcome: The result for each key, once it has landed.
        answered: How recent (seconds since the epoch) each of the cache's answers is. Keys without one are read from
            the database. Final once the flight has begun.
        error: The failure of the whole flight, if it failed.
        landed: Whether it has ended.
        opened_at: ``time.monotonic()`` at which it was opened.
    """

    def __init__(self, board: Board[K, R]) -> None:
        """Open a flight on ``board``; it has not begun."""
        self.began = 0
        self.began_at = (0.0, 0.0)
        self.keys: dict[K, float] = {}
        self.answered: dict[K, float] = {}
        self.outcome: Mapping[K, R] = {}
        self.error: BaseException | None = None
        self.landed = False
        self.opened_at = time.monotonic()
        self.carrier: int | None = None
        self._board = board
        self._wakers: list[Callable[[], object]] = []
        self._slot: list[Callable[[], object]] = []  # gives its slot back; popped, so that it is given back once
        self._task: Callable[[], object] | None = None  # cancels the task that carries it

    @property
    def flights(self) -> SingleFlight[K, R]:
        """The SingleFlight that it is one of."""
        return self._board.flights

    def claim(self, carrier: int | None = None) -> bool:
        """Make the caller (or ``carrier``) its carrier; return False if it has one."""
        with self._board.flights.lock:
            if self.carrier is not None:
                return False
            self.carrier = current() if carrier is None else carrier
            return True

    def abandon(self) -> None:
        """End it if the caller carries it, or no one does, and it has not landed."""
        if self.landed:
            self._wake()  # an interruption may have left waiters asleep
            return
        me = current()
        with self._board.flights.lock:
            if self.carrier not in (None, me):  # its carrier may have landed it by now
                return
            self.carrier = me
        self.error = Abandoned()
        self.land()

    def wanted(self) -> dict[K, float]:
        """Return a copy of its keys."""
        with self._board.flights.lock:
            return dict(self.keys)

    def begin(self, *, if_answered: bool = False) -> bool:
        """Begin: from here on the keys are final. The carrier calls it.

        Args:
            if_answered: Begin only if the cache has answered every key recently enough.

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
            self.began = self._board.flights.clock.tick()
            self.began_at = (time.monotonic(), time.time())
            return True

    def land(self) -> None:
        """End it: no one can join any more, and its waiters are woken. Does not wait for them."""
        with self._board.flights.lock:
            if self._board.waiting is self:
                self._board.waiting = None
            self._board.begun.discard(self)
        self.landed = True
        self._wake()

    def _wake(self) -> None:
        """Wake all waiters. Waking one twice does no harm."""
        for wake in list(self._wakers):
            with contextlib.suppress(RuntimeError):  # already woken, or its event loop is closed
                wake()
            self._forget(wake)

    def _forget(self, wake: Callable[[], object]) -> None:
        with contextlib.suppress(ValueError):
            self._wakers.remove(wake)

    def hold_slot(self, give_back: Callable[[], object]) -> None:
        """Hold a slot, to be given back by ``give_back``."""
        self._slot.append(give_back)

    def free_slot(self) -> None:
        """Give its slot back, if it holds one."""
        with contextlib.suppress(IndexError):
            self._slot.pop()()

    def give_up(self) -> None:
        """Let no one join it any more, and give its slot back: it is overdue. The lock is held."""
        if self._board.waiting is self:
            self._board.waiting = None
        self._board.begun.discard(self)
        self.free_slot()
        if not self._wakers and self._task is not None:
            self._task()  # a task that no one waits for is cancelled, which closes its connection

    def wait(self, until: float | None = None) -> None:
        """Block this thread until it has landed, or until ``time.monotonic()`` reaches ``until``."""
        if self.landed:  # always so for its carrier
            return
        # Not an Event, which is written in Python: an interruption could strike halfway through.
        latch = threading.Lock()
        latch.acquire()
        with self._waking(latch.release):
            if not self.landed:
                latch.acquire(timeout=-1 if until is None else max(0.0, until - time.monotonic()))

    async def wait_async(self, until: float | None = None) -> None:
        """Wait as ``wait`` does, in an event loop. A cancelled wait leaves no trace."""
        event = new_event()
        with self._waking(partial(call_soon(), event.set)):
            if not self.landed:
                await wait_for(event, None if until is None else max(0.0, until - time.monotonic()))

    @contextlib.contextmanager
    def _waking(self, wake: Callable[[], object]) -> Generator[None, None, None]:
        """Call ``wake`` when it lands. Within the block, check ``landed`` before sleeping: no landing is missed."""
        # The waiter registers, then checks ``landed``; landing sets ``landed``, then wakes. One of them sees the other.
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._forget(wake)

    def carry_in_background(self, carry: Coroutine[Any, Any, None]) -> None:
        """Carry it in an asyncio task of its own, which outlives the cancellation of the task that asked."""
        task = create_task(carry)
        self._task = task.cancel
        self._board.tasks.add(task)
        self.claim(id(task))
        task.add_done_callback(self._carried)

    def _carried(self, task: object) -> None:
        self._board.tasks.discard(task)
        if not self.landed:  # the task was cancelled before its first step
            self.error = Abandoned()
        self.land()


class _Slots:
    """A semaphore that an interruption cannot break: ``threading.Semaphore`` is Python code and may be left locked."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def __enter__(self) -> None:
        self._free.get()

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Free a slot."""
        self._free.put(None)


class Board(Generic[K, R]):
    """The flights that can be joined: by all threads, or by the tasks of one event loop.

    Attributes:
        flights: The SingleFlight that owns it.
        waiting: The one flight that has not begun.
        begun: The flights that have begun and not landed.
        tasks: The tasks that carry flights; they are kept alive here.
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

        A flight that has begun serves a key if it carries it, began late enough, and its answer is recent enough. All
        other keys board the one flight that has not begun. If there is none, one is opened, which the caller must have
        carried.

        Args:
            needs: For each key, the earliest tick at which its load may have begun, and how recent an answer of a cache
                must be.
            boarding: Called before a key boards a flight that has not begun; it may raise.

        Returns:
            The flights to wait for, and the one among them that was opened.

        Raises:
            ReflectionError: The caller itself carries a flight; waiting for another could deadlock.
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


class Clock:
    """The lock of one catalog, and the logical clock that orders its loads and invalidations.

    The clock ticks when a load begins and when something is invalidated. A load that began at tick 7 read nothing older
    than tick 7, so it satisfies a caller that needs something newer than an invalidation at tick 6.

    The lock is held for short computations only, never across I/O, and no finalizer takes it.

    Attributes:
        lock: The lock.
        now: The last tick.
    """

    def __init__(self) -> None:
        """Begin at tick 0."""
        self.now = 0
        self.lock = threading.RLock()

    def tick(self) -> int:
        """Advance the clock and return its new value. The lock is held."""
        self.now += 1
        return self.now


class SingleFlight(Generic[K, R]):
    """The loads of one kind that are under way in a catalog.

    Attributes:
        clock: The catalog's clock, whose lock guards everything here.
        threads: The board of the loads that threads carry.
    """

    def __init__(self, at_most: int, clock: Clock | None = None) -> None:
        """Allow ``at_most`` loads at a time to hold a connection or wait for one."""
        self._at_most = at_most
        self.clock = Clock() if clock is None else clock
        self._open()
        renew_in_child(self)

    @property
    def lock(self) -> threading.RLock:
        """The lock of the clock."""
        return self.clock.lock

    def renew(self) -> None:
        """Make new locks and forget all flights, as a forked child must."""
        self.clock.lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        self.threads: Board[K, R] = Board(self)
        self._slots = _Slots(self._at_most)
        self._loops: PerLoop[Board[K, R]] = PerLoop(partial(Board[K, R], self))
        self._loop_slots = LoopSlots(self._at_most)

    def loop(self) -> Board[K, R]:
        """Return the board of the running event loop, whose loads only its own tasks can carry."""
        return self._loops.get()

    def slot(self) -> contextlib.AbstractContextManager[object]:
        """Wait for one of the slots that bound the connections of loads in threads, and hold it."""
        return self._slots

    @contextlib.contextmanager
    def slot_of(self, flight: Flight[K, R]) -> Generator[None, None, None]:
        """Wait for a slot for ``flight``, which may give it back before it lands."""
        self._slots.__enter__()
        flight.hold_slot(self._slots.give_back)
        try:
            yield
        finally:
            flight.free_slot()

    @contextlib.asynccontextmanager
    async def loop_slot_of(self, flight: Flight[K, R]) -> AsyncGenerator[None, None]:
        """Do as ``slot_of``, with a slot of the running event loop."""
        flight.hold_slot(await self._loop_slots.acquire())
        try:
            yield
        finally:
            flight.free_slot()

    def loop_slot(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait for one of the slots of the running event loop, and hold it."""
        return self._loop_slots.slot()


def _named(keys: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, keys)))
