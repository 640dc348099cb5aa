"""The ways in which a call waits, and a load does its I/O: in a thread, in an asyncio task, in a worker thread.

A load is written once, as a coroutine over a ``Way``. Threads run it with ``drive``, because nothing in their way ever
suspends; event loops await it. So an interruption or a cancellation is raised inside the very same frames.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lazy_alchemy._concurrency.loops import in_thread, require_asyncio, spawn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from lazy_alchemy._catalog.outcomes import Key, Outcome
    from lazy_alchemy._concurrency.flights import Board, Flight, SingleFlight

__all__ = ["IN_THREAD", "IN_WORKER", "InTask", "Way", "drive"]

T = TypeVar("T")

if TYPE_CHECKING:
    Flights = SingleFlight[Key, Outcome]
    OneFlight = Flight[Key, Outcome]
    Carry = Callable[[OneFlight, "Way"], Coroutine[Any, Any, None]]  # Any: what an event loop sends and receives


class Way(Protocol):
    """How one kind of caller waits and does I/O."""

    @property
    def blocking(self) -> bool:
        """Whether waiting blocks the whole thread."""
        ...

    def board(self, flights: Flights) -> Board[Key, Outcome]:
        """Return the board of those that this kind of caller shares loads with."""
        ...

    def slot(self, flights: Flights) -> AbstractAsyncContextManager[None]:
        """Wait for a slot, and hold it."""
        ...

    def slot_of(self, flight: OneFlight) -> AbstractAsyncContextManager[None]:
        """Wait for a slot for ``flight``, which may give it back before it lands."""
        ...

    async def read(self, engine: Engine, flights: Flights, function: Callable[[Connection], T]) -> T:
        """Return what ``function`` returns for a connection of the pool."""
        ...

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Return the result of a function that may block: one that uses the Cache."""
        ...

    async def finish(self, function: Callable[..., T], *arguments: object) -> T:
        """Do as ``call`` does, but let no cancellation end the wait before the function has ended."""
        ...

    async def launch(self, joined: Collection[OneFlight], opened: OneFlight | None, carry: Carry) -> None:
        """Carry, or have carried, the flights that have no carrier yet, as far as that is this caller's task."""
        ...

    def launch_behind(self, flight: OneFlight, carry: Carry) -> None:
        """Have ``flight`` carried behind the back of the caller, which need not wait for its end."""
        ...

    async def wait(self, flight: OneFlight, until: float | None = None) -> None:
        """Wait until ``flight`` has landed, or until ``time.monotonic()`` reaches ``until``."""
        ...

    def left(self, joined: Collection[OneFlight], opened: OneFlight | None) -> Collection[OneFlight]:
        """Return the flights that this caller must abandon when its wait ends, however it ends."""
        ...


def drive(coroutine: Coroutine[Any, Any, T]) -> T:  # Any: it sends and receives nothing
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        coroutine.close()
    raise RuntimeError("a load in a thread has suspended")


class InThread:
    """The way of threads: every step blocks."""

    blocking = True

    def board(self, flights: Flights) -> Board[Key, Outcome]:
        """See ``Way``."""
        return flights.threads

    @asynccontextmanager
    async def slot(self, flights: Flights) -> AsyncGenerator[None, None]:
        """See ``Way``."""
        with flights.slot():
            yield

    @asynccontextmanager
    async def slot_of(self, flight: OneFlight) -> AsyncGenerator[None, None]:
        """See ``Way``."""
        with flight.flights.slot_of(flight):
            yield

    async def read(self, engine: Engine, flights: Flights, function: Callable[[Connection], T]) -> T:  # noqa: ARG002
        """See ``Way``; the caller holds the slot."""
        with engine.connect() as connection:
            return function(connection)

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """See ``Way``."""
        return function(*arguments)

    async def finish(self, function: Callable[..., T], *arguments: object) -> T:
        """See ``Way``."""
        return function(*arguments)

    async def launch(
        self,
        joined: Collection[OneFlight],
        opened: OneFlight | None,  # noqa: ARG002
        carry: Carry,
    ) -> None:
        """See ``Way``. Not only the opened flight: one opened by a task of this very thread would never start."""
        for flight in joined:
            if flight.claim():
                await carry(flight, self)

    def launch_behind(self, flight: OneFlight, carry: Carry) -> None:
        """See ``Way``."""
        spawn(partial(_carry_unclaimed, flight, carry))

    async def wait(self, flight: OneFlight, until: float | None = None) -> None:
        """See ``Way``."""
        flight.wait(until)

    def left(
        self,
        joined: Collection[OneFlight],
        opened: OneFlight | None,  # noqa: ARG002
    ) -> Collection[OneFlight]:
        """See ``Way``."""
        return joined


class _InLoop:
    """What the ways of event loops have in common."""

    blocking = False

    @asynccontextmanager
    async def slot(self, flights: Flights) -> AsyncGenerator[None, None]:
        """See ``Way``."""
        async with flights.loop_slot():
            yield

    @asynccontextmanager
    async def slot_of(self, flight: OneFlight) -> AsyncGenerator[None, None]:
        """See ``Way``."""
        async with flight.flights.loop_slot_of(flight):
            yield

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """See ``Way``."""
        return await in_thread(function, *arguments)

    async def finish(self, function: Callable[..., T], *arguments: object) -> T:
        """See ``Way``."""
        return await in_thread(function, *arguments, abandon=False)

    async def wait(self, flight: OneFlight, until: float | None = None) -> None:
        """See ``Way``."""
        await flight.wait_async(until)

    def left(
        self,
        joined: Collection[OneFlight],  # noqa: ARG002
        opened: OneFlight | None,
    ) -> Collection[OneFlight]:
        """See ``Way``."""
        return () if opened is None else (opened,)


class InTask(_InLoop):
    """The way of an asyncio task with an AsyncEngine: a task of its own carries each load."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Load through ``engine``.

        Raises:
            TypeError: The running event loop is not asyncio's.
        """
        require_asyncio()
        self._engine = engine

    def board(self, flights: Flights) -> Board[Key, Outcome]:
        """See ``Way``."""
        return flights.loop()

    async def read(self, engine: Engine, flights: Flights, function: Callable[[Connection], T]) -> T:  # noqa: ARG002
        """See ``Way``; the caller holds the slot."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(function)

    async def launch(
        self,
        joined: Collection[OneFlight],  # noqa: ARG002
        opened: OneFlight | None,
        carry: Carry,
    ) -> None:
        """See ``Way``. The new task survives a cancellation of this one."""
        if opened is not None:
            self.launch_behind(opened, carry)

    def launch_behind(self, flight: OneFlight, carry: Carry) -> None:
        """See ``Way``."""
        flight.carry_in_background(carry(flight, self))


class InWorker(_InLoop):
    """The way of an asyncio or trio task with a sync Engine: a worker thread carries the load, for all threads."""

    def board(self, flights: Flights) -> Board[Key, Outcome]:
        """See ``Way``."""
        return flights.threads

    async def read(self, engine: Engine, flights: Flights, function: Callable[[Connection], T]) -> T:
        """See ``Way``. Slots of both kinds are held: without that of the loop, each call would block a thread."""

        def read() -> T:
            with flights.slot(), engine.connect() as connection:
                return function(connection)

        return await in_thread(read)

    async def launch(
        self,
        joined: Collection[OneFlight],  # noqa: ARG002
        opened: OneFlight | None,
        carry: Carry,
    ) -> None:
        """See ``Way``. The worker thread survives a cancellation of this task."""
        if opened is not None:
            await in_thread(_carry_unclaimed, opened, carry)

    def launch_behind(self, flight: OneFlight, carry: Carry) -> None:
        """See ``Way``."""
        spawn(partial(_carry_unclaimed, flight, carry))


IN_THREAD = InThread()
IN_WORKER = InWorker()


def _carry_unclaimed(flight: OneFlight, carry: Carry) -> None:
    if flight.claim():
        drive(carry(flight, IN_THREAD))
