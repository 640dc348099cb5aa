"""Who holds the connections of a pool: a load that would wait for one for ever is refused instead.

Nothing here takes a connection, or a lock.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from lazy_alchemy._concurrency.loops import current
from lazy_alchemy._errors import ReflectionError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import Dialect
    from sqlalchemy.pool import ConnectionPoolEntry, Pool

__all__ = ["REMEDY", "ConnectionHolders", "holders_of", "pool_capacity"]

REMEDY = (
    "Load the table before the transaction begins (preload), pass the transaction's own connection (connection=), or "
    "give the pool one more connection."
)


class ConnectionHolders:
    """Who holds each connection that is checked out of a pool, and who waits for one to load with.

    Every operation on its collections is one atomic step: it takes no lock, because a pool's events come from
    finalizers as well.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin to watch the pool of ``engine``, which is not kept alive by it; see ``holders_of``."""
        me = (threading.get_ident(), current())
        self._holders: dict[int, tuple[int, int]] = {}  # a thread, and the task of it or the thread again
        # Whoever makes the first accessor has most likely made the connections that are out.
        self._earlier: list[tuple[int, int]] = []
        self._waiting: set[int] = set()  # threads that block, and tasks
        self._capacity = pool_capacity(engine.pool)  # a pool that replaces it after ``dispose`` has the same
        if isinstance(engine.pool, QueuePool):
            self._earlier += [me] * engine.pool.checkedout()
            event.listen(engine, "checkout", self._checked_out)
            event.listen(engine, "checkin", self._checked_in)
            event.listen(engine, "detach", self._checked_in)

    def _checked_out(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        me = (threading.get_ident(), current())
        self._waiting.difference_update(me)
        self._holders[id(record)] = me

    def _checked_in(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if self._holders.pop(id(record), None) is None and self._earlier:
            with suppress(IndexError):
                self._earlier.pop()

    def wait(self, pool: Pool, *, blocking: bool) -> None:
        """Note that the caller is going to wait for a connection to load with, until ``stop_waiting``.

        Args:
            pool: The pool.
            blocking: Whether the whole thread is going to wait, and not just the current task.

        Raises:
            ReflectionError: ``pool`` is empty, and all who could give a connection back wait for one themselves.
        """
        capacity = self._capacity
        if capacity is None or not isinstance(pool, QueuePool):
            return
        # First noted, then looked: of several that would wait for each other, the last to come here sees them all.
        self._waiting.add(threading.get_ident() if blocking else current())
        if pool.checkedout() < capacity:
            return
        holders = [*self._holders.copy().values(), *self._earlier]
        out = pool.checkedout()
        # A connection that is out and has no holder yet is being made, by somebody who does not wait for another.
        if out < capacity or len(holders) < out or any(self._waiting.isdisjoint(holder) for holder in holders):
            return
        self.stop_waiting(blocking=blocking)
        connections = "The only connection" if capacity == 1 else f"All {capacity} connections"
        waiting = "thread" if blocking else "task"
        held = "it holds it itself" if capacity == 1 else "whoever holds them waits for a table as well"
        raise ReflectionError(
            f"{connections} of the pool cannot come back while this {waiting} waits, because {held}: loading a table "
            f"now would wait for ever. {REMEDY}"
        )

    def stop_waiting(self, *, blocking: bool) -> None:
        """Note that the caller has what it waited for, or gives up."""
        self._waiting.discard(threading.get_ident() if blocking else current())


_watched: weakref.WeakKeyDictionary[Dialect, ConnectionHolders] = weakref.WeakKeyDictionary()


def holders_of(engine: Engine) -> ConnectionHolders:
    """Return who holds the connections of ``engine``. It is not for several threads at once.

    An engine and those that ``execution_options`` derives from it have one pool and one Dialect, which outlives
    ``dispose``: however many of them there are, and however often they are made, their pool is watched once.
    """
    holders = _watched.get(engine.dialect)
    if holders is None:
        holders = _watched[engine.dialect] = ConnectionHolders(engine)
    return holders


def pool_capacity(pool: Pool) -> int | None:
    """Return how many connections ``pool`` hands out at most; None where there is no bound."""
    if not isinstance(pool, QueuePool):
        return None
    # Private: SQLAlchemy shows the pool's size and not its max_overflow. Without it no deadlock is foreseen, and the
    # pool's own timeout ends the wait.
    overflow: int = getattr(pool, "_max_overflow", -1)
    return pool.size() + overflow if pool.size() > 0 and overflow >= 0 else None
