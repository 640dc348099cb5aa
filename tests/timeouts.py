"""What happens when a test's time is over: it fails, with the stacks of all threads, and the other tests go on.

pytest-timeout says how long a test may take, and would count from its beginning to its end. What it raises then may
come between setup, call and teardown, while pytest makes or sends a report: that is an internal error, which ends the
worker of pytest-xdist and the whole run. It is raised once, and some code never gets or swallows it: uvloop while it
waits, a callback of asyncio, a finalizer, and whatever stays in C. Therefore, here:

- it is raised only within setup, call and teardown, whose errors pytest reports;
- an event loop is told as it is of SIGINT, which it answers by cancelling its main task, so that the next one can run;
- it is raised again and again, until the phase ends;
- a phase that goes on all the same ends the process, from a thread that needs no GIL. pytest-xdist reports the test
  as failed, with the stacks that were written, and replaces the worker.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType

GRACE = 10.0
"""How many seconds there are between two errors; after the third, the process ends."""

_DEADLINE = pytest.StashKey[tuple[float, float]]()  # the seconds of a test, and when they are over
_FILE = pytest.StashKey[TextIO]()  # where a process writes its stacks before it ends
_DIRECTORY = pytest.StashKey[Path]()  # where the processes of pytest-xdist have those files


def pytest_configure(config: pytest.Config) -> None:
    """Open the file of this process, which is standard error where there are no workers."""
    if hasattr(config, "workerinput"):
        directory, worker = config.workerinput["timeouts"], config.workerinput["workerid"]
        config.stash[_FILE] = (Path(directory) / worker).open("w", encoding="utf-8")
    else:
        config.stash[_FILE] = os.fdopen(os.dup(2), "w", encoding="utf-8")
        directory = tempfile.TemporaryDirectory(prefix="timeouts-")
        config.add_cleanup(directory.cleanup)
        config.stash[_DIRECTORY] = Path(directory.name)
    config.add_cleanup(config.stash[_FILE].close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where its file is."""
    node.workerinput["timeouts"] = str(node.config.stash[_DIRECTORY])


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(report: pytest.TestReport) -> None:
    """Add the stacks of a worker that has ended to the report of the test that it ran."""
    node: Any = report.node  # type: ignore[attr-defined]
    with suppress(OSError):
        stacks = (node.config.stash[_DIRECTORY] / node.gateway.id).read_text(encoding="utf-8", errors="replace")
        if stacks:
            report.longrepr = f"{report.longrepr}\n{stacks}"


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Note when the time of a test is over; without signals it is pytest-timeout's."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return None
    item.stash[_DEADLINE] = settings.timeout, time.monotonic() + settings.timeout
    if not _debugging():
        _End.arm(settings.timeout + 3 * GRACE, item.config.stash[_FILE])
    return True


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> bool | None:
    """Stop the clock."""
    if _DEADLINE not in item.stash:
        return None
    _stop()
    _End.disarm()
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Bound the setup."""
    with _bounded(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Bound the call."""
    with _bounded(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Bound the teardown, which has a while even if the time is over."""
    with _bounded(item, "teardown"):
        return (yield)


@contextmanager
def _bounded(item: pytest.Item, phase: str) -> Generator[None]:
    """Raise in the block when the time of the test is over."""
    if _DEADLINE not in item.stash:
        yield
        return
    seconds, end = item.stash[_DEADLINE]
    message = f"Timeout (>{seconds}s)"
    interrupted = False

    def over(_signal: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if _debugging():
            return
        if not interrupted:
            item.add_report_section(phase, "stacks when the time was over", _stacks(frame))
        interrupted = True
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            pytest.fail(message)
        signal.raise_signal(signal.SIGINT)

    left = max(end - time.monotonic(), GRACE if phase == "teardown" else 0.001)
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, left, GRACE)
    try:
        yield
    except KeyboardInterrupt:
        if not interrupted:
            raise
        pytest.fail(message)
    finally:
        _stop()


def _stop() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


class _End:
    """The end of this process at some moment, with the stacks of all threads.

    faulthandler's thread is not in a child that a test forks, where faulthandler would wait for it: so there is none
    while a process forks, and the child has no end of this kind.
    """

    moment: ClassVar[float | None] = None
    file: ClassVar[TextIO]

    @classmethod
    def arm(cls, seconds: float, file: TextIO) -> None:
        """Set it to so many seconds from now."""
        cls.moment, cls.file = time.monotonic() + seconds, file
        cls.resume()

    @classmethod
    def disarm(cls) -> None:
        """Remove it."""
        cls.moment = None
        cls.pause()

    @classmethod
    def pause(cls) -> None:
        """End faulthandler's thread."""
        faulthandler.cancel_dump_traceback_later()

    @classmethod
    def resume(cls) -> None:
        """Start it again."""
        if cls.moment is not None:
            left = max(cls.moment - time.monotonic(), 0.001)
            faulthandler.dump_traceback_later(left, exit=True, file=cls.file)

    @classmethod
    def forget(cls) -> None:
        """Remove it in a child, where faulthandler has nothing to stop."""
        cls.moment = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_End.pause, after_in_parent=_End.resume, after_in_child=_End.forget)


def _stacks(here: FrameType | None) -> str:
    """Return the stacks of all threads; that of this one ends at `here`."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames() | ({threading.get_ident(): here} if here is not None else {})
    return "\n".join(
        f"~~ {names.get(ident, ident)}\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames.items()
    )


def _debugging() -> bool:
    import pytest_timeout

    debugging: bool = pytest_timeout.is_debugging()
    return debugging
