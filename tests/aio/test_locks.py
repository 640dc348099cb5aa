"""Flights by themselves: every order of joining, claiming, beginning, abandoning and landing; and interruptions."""

from __future__ import annotations

import asyncio
import itertools
import linecache
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

import lazy_alchemy
from lazy_alchemy import AsyncLazyDBAccessor, LazyDB, ReflectionError
from lazy_alchemy._concurrency.flights import Flight, SingleFlight
from tests.fakes import FakeReflector, Started, Watched, info

from .ways import THREADED, flights, run_in, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ways import Way

of_threads = [way for way in THREADED if way.database == "sqlite"]


@pytest.fixture
def single() -> SingleFlight[str, str]:
    """A single flight of four slots."""
    return SingleFlight(4)


@pytest.fixture
def bare() -> Any:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


def join(single: SingleFlight[str, str], *keys: str, since: int = 0) -> tuple[set[Flight[str, str]], Any]:
    """Ask for keys, as another caller than the one who carries a flight does."""
    with single.lock:
        return single.threads.join(dict.fromkeys(keys, (since, 0.0)), lambda: None)


# -- One flight ----------------------------------------------------------------


def test_flight_is_opened_once(single: SingleFlight[str, str]) -> None:
    """The first who asks opens a flight; whoever asks before it begins joins it, whatever the key."""
    joined, opened = join(single, "a")
    again, none = join(single, "a", "b")
    assert {opened} == joined == again
    assert none is None
    assert {"a", "b"} == set(opened.wanted())


def test_flight_that_has_begun_takes_no_new_key(single: SingleFlight[str, str]) -> None:
    """A flight that has begun serves the keys that it has; others open the next."""
    _, first = join(single, "a")
    assert first.begin()
    assert ({first}, None) == join(single, "a")
    joined, second = join(single, "a", "b")
    assert {first, second} == joined
    assert {"b"} == set(second.wanted())


def test_flight_that_began_too_early_is_not_joined(single: SingleFlight[str, str]) -> None:
    """Whoever needs something newer than what a flight reads opens another."""
    _, first = join(single, "a")
    first.begin()
    with single.lock:
        now = single.clock.tick()
    joined, second = join(single, "a", since=now)
    assert {second} == joined
    second.begin()
    assert second.began >= now


def test_flight_that_has_landed_is_not_joined(single: SingleFlight[str, str]) -> None:
    """Nobody joins a flight that is over."""
    _, first = join(single, "a")
    first.begin()
    first.land()
    joined, second = join(single, "a")
    assert {second} == joined
    assert second is not first


OPERATIONS = ("abandon", "claim", "begin", "land", "join")
ORDERS = [order for order in itertools.permutations(OPERATIONS) if order.index("begin") < order.index("land")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_any_order_of_operations(single: SingleFlight[str, str], order: tuple[str, ...]) -> None:
    """In whatever order a flight is abandoned, claimed, begun, landed and joined, whoever joined it is woken."""
    _, opened = join(single, "a")
    carried = None
    joined: set[Flight[str, str]] = set()
    for operation in order:
        if operation == "abandon":
            opened.abandon()
        elif operation == "claim":
            carried = opened.claim(-1)
        elif operation == "join":
            joined, _ = join(single, "a")
        elif carried:  # only who claimed it begins and lands it
            getattr(opened, operation)()
    if carried and not opened.landed:
        opened.begin()
        opened.land()
    if carried is False:
        assert order.index("abandon") < order.index("claim")
    if opened in joined:
        assert Started(opened.wait).wait(5) is None
    assert opened.landed
    assert opened is not single.threads.waiting
    assert opened not in single.threads.begun


def test_claim_and_abandon_are_one_decision(single: SingleFlight[str, str]) -> None:
    """Of many who claim a flight, and one who abandons it, exactly one decides."""
    for _ in range(200):
        _, opened = join(single, "a")
        start = threading.Barrier(4)
        claims: list[bool] = []

        def claim(opened: Any = opened, start: Any = start, claims: Any = claims) -> None:
            start.wait(5)
            claims.append(opened.claim(threading.get_ident()))

        def abandon(opened: Any = opened, start: Any = start) -> None:
            start.wait(5)
            opened.abandon()

        for thread in [Started(claim), Started(claim), Started(claim), Started(abandon)]:
            thread.wait(5)
        assert sum(claims) == (0 if opened.landed else 1)
        opened.land()


def test_carrier_gets_no_flight(single: SingleFlight[str, str]) -> None:
    """Who carries a flight may wait for none, not even for another key."""
    _, opened = join(single, "a")
    opened.claim()
    for key in ("a", "b"):
        with pytest.raises(ReflectionError, match="re-entered"):
            join(single, key)
    opened.begin()
    with pytest.raises(ReflectionError, match="re-entered"):
        join(single, "b")
    opened.land()
    join(single, "b")


@pytest.mark.parametrize("way", of_threads, ids=str)
def test_no_wake_up_is_lost(way: Way, single: SingleFlight[str, str]) -> None:
    """A flight that lands at whatever moment of a task's beginning to wait wakes it."""

    async def main() -> None:
        for delay in range(300):
            _, opened = join(single, "a")
            start = threading.Event()

            def land(opened: Any = opened, start: Any = start, delay: int = delay) -> None:
                start.wait(5)
                for _ in range(delay * 3):
                    pass
                opened.land()

            thread = Started(land)
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(opened.wait_async)
                start.set()
            assert thread.wait(5) is None
            assert [] == opened._wakers

    run_in(way, main)


@pytest.mark.parametrize("way", of_threads, ids=str)
def test_wait_for_a_flight_that_has_landed(way: Way, single: SingleFlight[str, str]) -> None:
    """A task does not wait for a flight that is over."""

    async def main() -> None:
        _, opened = join(single, "a")
        opened.abandon()
        with anyio.fail_after(1):
            await opened.wait_async()
        assert [] == opened._wakers

    run_in(way, main)


def test_waking_a_loop_that_is_closed(single: SingleFlight[str, str]) -> None:
    """A waiter whose event loop was closed keeps nobody else from being woken."""
    _, opened = join(single, "a")
    loop = asyncio.new_event_loop()
    dead = opened.wait_async()

    async def begin() -> None:
        dead.send(None)

    loop.run_until_complete(begin())
    loop.close()
    waiting = Started(opened.wait)
    opened.land()
    assert waiting.wait(5) is None
    dead.close()
    assert [] == opened._wakers


def test_loop_that_is_blocked_is_not_waited_for(single: SingleFlight[str, str]) -> None:
    """Landing wakes other loops without waiting for them: two that are blocked by each other's thread go on."""
    _, opened = join(single, "a")
    blocked, release = threading.Event(), threading.Event()

    async def block() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(opened.wait_async)
            await until(lambda: opened._wakers)
            blocked.set()
            assert release.wait(10)

    thread = Started(lambda: anyio.run(block))
    assert blocked.wait(5)
    opened.land()
    release.set()
    assert thread.wait(5) is None


# -- Interruptions ----------------------------------------------------------------

PACKAGE = str(lazy_alchemy.__file__).rpartition("/")[0]


def interrupted_at(step: int, function: Callable[[], object]) -> bool:
    """Run `function`, raise KeyboardInterrupt at the `step`-th line of lazy_alchemy, return whether it got there."""
    count = 0
    fired = False

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal count, fired
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return None
        # Python traces `with` once more before it leaves the block, and `try` before it enters, where the exception
        # would go past what they guard; it handles no signal there.
        line = linecache.getline(code.co_filename, frame.f_lineno).strip()
        if event == "line" and not fired and not line.startswith(("with ", "try:")):
            count += 1
            if count == step:
                fired = True
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return fired


def test_interruption_at_any_line_hangs_nobody(bare: Any) -> None:
    """A KeyboardInterrupt at whatever line of a load leaves an accessor that loads the table for the next who asks."""
    hung: list[int] = []
    step = 0
    for step in range(1, 5000):
        reflector = Watched(FakeReflector(info("users")))
        db = LazyDB(bare, reflector=reflector)
        if not interrupted_at(step, lambda: db.get("users")):  # noqa: B023 - called at once
            break
        if any(flight.carrier is not None for flight in flights(db)):
            hung.append(step)
        else:
            assert "users" == Started(lambda: db.users).result(5).name  # noqa: B023
    assert 50 < step < 4999
    assert [] == hung


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("way", of_threads, ids=str)
def test_interrupted_worker_hangs_no_task(way: Way, error: type[BaseException], bare: Any) -> None:
    """Whatever a reflector raises in a worker thread, the tasks that follow load the table themselves."""
    reflector = Watched(FakeReflector(info("users")))
    db = AsyncLazyDBAccessor(bare, reflector=reflector)
    release = threading.Event()

    def interrupt(_: frozenset[str]) -> None:
        if len(reflector.reads) == 1:
            assert release.wait(10)
            raise error

    reflector.before = interrupt
    names: list[str] = []

    async def lead() -> None:
        with pytest.raises(error):
            await db.users

    async def follow() -> None:
        names.append((await db.users).name)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lead)
            await until(lambda: reflector.reads)
            for _ in range(3):
                tasks.start_soon(follow)
            await until(lambda: sum(len(flight._wakers) for flight in flights(db)) == 3)
            release.set()
        assert ["users"] * 3 == names

    run_in(way, main)
    assert set() == flights(db)
