"""Forks: how locks, and the state that they guard, survive one.

Only the forking thread lives on in the child. Every lock is taken before the fork, so no state is half changed; the
child makes new locks.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from typing import Protocol

    class Renewable(Protocol):
        """State with a lock of its own."""

        @property
        def lock(self) -> threading.RLock:
            """Its lock."""
            ...

        def renew(self) -> None:
            """Make new locks, in the child."""
            ...


__all__ = ["renew_in_child", "survive_fork"]

_renewable: weakref.WeakSet[Renewable] = weakref.WeakSet()
_held: list[tuple[Renewable, threading.RLock]] = []


def renew_in_child(state: Renewable) -> None:
    """Block forks while the lock of ``state`` is held, and renew ``state`` in the child. ``state`` is held weakly."""
    _renewable.add(state)


def survive_fork(acquire: Callable[[], object], release: Callable[[], None]) -> None:
    """Block forks while the lock of these two functions is held, so that the child finds it free."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)


def _before_fork() -> None:
    for state in list(_renewable):
        lock = state.lock
        lock.acquire()
        _held.append((state, lock))


def _after_fork_in_parent() -> None:
    for _, lock in _held:
        lock.release()
    _held.clear()


def _after_fork_in_child() -> None:
    for state, _ in _held:
        state.renew()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
