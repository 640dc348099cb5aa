"""Event loops: which task runs this, how another loop is woken, and how a function runs in a worker thread.

The only module that knows asyncio from trio. anyio is imported when an event loop is at hand.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from anyio import Event, Semaphore

__all__ = [
    "LoopSlots",
    "PerLoop",
    "call_soon",
    "create_task",
    "current",
    "in_thread",
    "new_event",
    "require_asyncio",
    "spawn",
    "wait_for",
]

T = TypeVar("T")


def current() -> int:
    """Return an identifier of the running asyncio or trio task, or of the thread outside of a task."""
    for library in ("asyncio", "trio.lowlevel"):
        module = sys.modules.get(library)
        current_task: Callable[[], object] | None = getattr(module, "current_task", None)
        in_task: Callable[[], bool] | None = getattr(module, "in_trio_task", None)  # quicker than trio's error
        if current_task is None or (in_task is not None and not in_task()):
            continue
        try:
            task = current_task()
        except RuntimeError:  # no event loop of that kind is running in this thread
            continue
        if task is not None:
            return id(task)
    return threading.get_ident()


def _native_token() -> Any:
    # Any: asyncio's event loop or trio's token, which share no base.
    from anyio.lowlevel import current_token

    token = current_token()
    return getattr(token, "native_token", token)  # anyio before 4.11 returns it bare


def call_soon() -> Callable[[Callable[[], object]], object]:
    """Return a function that schedules a call in the running event loop, from any thread, without waiting for it.

    ``anyio.from_thread.run_sync`` waits for the loop; two loops could then wait for each other.
    """
    token = _native_token()
    call: Callable[[Callable[[], object]], object] | None = getattr(token, "call_soon_threadsafe", None)
    return token.run_sync_soon if call is None else call


def require_asyncio() -> None:
    """Raise a TypeError if the running event loop is not asyncio's."""
    if not hasattr(_native_token(), "call_soon_threadsafe"):
        raise TypeError(
            "an AsyncEngine works under asyncio only. Under trio, make a sync Engine of the same database "
            "(create_engine with a sync driver) and pass that to get_async_lazy_class: it loads in worker threads."
        )


class PerLoop(Generic[T]):
    """A value for each event loop, made when the loop first asks for it, and dropped with the loop or with this object.

    anyio's RunVar would keep it for as long as the loop runs, even when this object is gone.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Make values with ``make``."""
        self._make = make
        # Any: see _native_token
        self._values: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()

    def get(self) -> T:
        """Return the value of the running event loop."""
        token = _native_token()
        value = self._values.get(token)
        if value is None:  # only this loop's thread ever makes it
            value = self._values[token] = self._make()
        return value


class LoopSlots:
    """A semaphore for each event loop."""

    def __init__(self, count: int) -> None:
        """Give each event loop ``count`` slots."""
        self._count = count
        self._semaphores: PerLoop[Semaphore] = PerLoop(self._semaphore)

    def _semaphore(self) -> Semaphore:
        from anyio import Semaphore

        return Semaphore(self._count)

    async def acquire(self) -> Callable[[], object]:
        """Wait for one of the slots of the running event loop; return the function that gives it back."""
        semaphore = self._semaphores.get()
        await semaphore.acquire()
        return semaphore.release

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[None, None]:
        """Wait for one of the slots of the running event loop, and hold it."""
        async with self._semaphores.get():
            yield


def new_event() -> Event:
    """Return an event of the running event loop."""
    from anyio import Event

    return Event()


async def wait_for(event: Event, seconds: float | None) -> None:
    """Wait for ``event``, for ``seconds`` at most."""
    if seconds is None:
        await event.wait()
        return
    from anyio import move_on_after

    with move_on_after(seconds):
        await event.wait()


def spawn(function: Callable[[], object]) -> None:
    """Run ``function`` in a daemon thread, with the context variables of the caller."""
    threading.Thread(target=copy_context().run, args=(function,), daemon=True).start()


def create_task(coroutine: Coroutine[Any, Any, T]) -> Task[T]:  # Any: what an event loop sends and receives
    """Run ``coroutine`` in an asyncio task of its own."""
    import asyncio

    return asyncio.get_running_loop().create_task(coroutine)


async def in_thread(function: Callable[..., T], *arguments: object, abandon: bool = True) -> T:
    """Return ``function(*arguments)``, run in a worker thread.

    Args:
        function: What to run.
        arguments: Its arguments.
        abandon: Whether a cancelled wait ends at once and leaves the thread running; otherwise it ends with the thread.
    """
    from anyio import CancelScope, CapacityLimiter, Event, get_cancelled_exc_class
    from anyio.to_thread import run_sync

    # A limiter of its own, because the whole program shares anyio's default one. Slots bound how many loads run at
    # once; they also count abandoned threads.
    limiter = CapacityLimiter(1)
    if abandon:
        return await run_sync(partial(function, *arguments), abandon_on_cancel=True, limiter=limiter)

    # Not anyio's shield: asyncio's own cancellation (Task.cancel, asyncio.timeout) goes through it.
    begun, ended, wake = threading.Lock(), Event(), call_soon()

    def run() -> T | None:
        if not begun.acquire(blocking=False):
            return None  # the wait was cancelled before this began
        try:
            return function(*arguments)
        finally:
            with contextlib.suppress(RuntimeError):  # that event loop is closed
                wake(ended.set)

    cancelled = get_cancelled_exc_class()
    try:
        # cast: it returns None only where the wait was cancelled before it began.
        return cast("T", await run_sync(run, limiter=limiter))
    except cancelled:
        if not begun.acquire(blocking=False):
            with CancelScope(shield=True):
                while not ended.is_set():
                    with contextlib.suppress(cancelled):
                        await ended.wait()
        raise
