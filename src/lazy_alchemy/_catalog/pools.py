"""Which threads and tasks hold the connections of a pool, so that a load that would deadlock is refused.

Nothing here takes a connection or a lock.
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
    """The threads and tasks that hold connections of a pool, and those that wait for one to load with.

    It takes no lock, because a pool's events also come from finalizers: each operation on its collections is atomic.
    """

    def __init__(self, engine: Engine) -> None:
        """Watch the pool of ``engine``, which is not kept alive; see ``holders_of``."""
        me = (threading.get_ident(), current())
        self._holders: dict[int, tuple[int, int]] = {}  # a thread, and the task of it or the thread again
        # The caller who makes the first accessor most likely holds the connections that are already out.
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
        """Note that the caller waits for a connection to load with, until ``stop_waiting``.

        Args:
            pool: The pool.
            blocking: Whether the whole thread waits, and not just the current task.

        Raises:
            ReflectionError: ``pool`` is exhausted, and all holders of its connections wait for one themselves.
        """
        capacity = self._capacity
        if capacity is None or not isinstance(pool, QueuePool):
            return
        # Register first, then look: of several waiters that would deadlock, the last one sees all others.
        self._waiting.add(threading.get_ident() if blocking else current())
        if pool.checkedout() < capacity:
            return
        holders = [*self._holders.copy().values(), *self._earlier]
        out = pool.checkedout()
        # A connection without a holder is still being made, by a caller that waits for no other one.
        if out < capacity or len(holders) < out or any(self._waiting.isdisjoint(holder) for holder in holders):
            return
        self.stop_waiting(blocking=blocking)
        connections = "The only connection" if capacity == 1 else f"All {capacity} connections"
        waiting = "thread" if blocking else "task"
        held = "it holds it itself" if capacity == 1 else "their holders wait for a table as well"
        raise ReflectionError(
            f"{connections} of the pool cannot come back while this {waiting} waits, because {held}: loading a table "
            f"now would wait for ever. {REMEDY}"
        )

    def stop_waiting(self, *, blocking: bool) -> None:
        """Note that the caller has its connection, or gave up."""
        self._waiting.discard(threading.get_ident() if blocking else current())


_watched: weakref.WeakKeyDictionary[Dialect, ConnectionHolders] = weakref.WeakKeyDictionary()


def holders_of(engine: Engine) -> ConnectionHolders:
    """Return the holders of the connections of ``engine``. Not to be called by several threads at once.

    An engine and the engines that ``execution_options`` derives from it share one pool and one Dialect, which outlives
    ``dispose``. Their pool is watched once, however many of them are made.
    """
    holders = _watched.get(engine.dialect)
    if holders is None:
        holders = _watched[engine.dialect] = ConnectionHolders(engine)
    return holders


def pool_capacity(pool: Pool) -> int | None:
    """Return the maximum number of connections of ``pool``; None for no limit."""
    if not isinstance(pool, QueuePool):
        return None
    # Private: SQLAlchemy shows the pool's size and not its max_overflow. Without it no deadlock is detected, and the
    # pool's own timeout ends the wait.
    overflow: int = getattr(pool, "_max_overflow", -1)
    return pool.size() + overflow if pool.size() > 0 and overflow >= 0 else None
