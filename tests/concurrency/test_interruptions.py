"""What a KeyboardInterrupt leaves behind, wherever in the bookkeeping it comes: nobody hangs, and tables still join."""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lazy_alchemy import LazyDB, get_lazy_class
from lazy_alchemy._catalog.entries import Entries
from lazy_alchemy._catalog.metadata import BuiltTables
from lazy_alchemy._concurrency.flights import Flight
from tests.fakes import FakeReflector, Started, Watched, info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    from sqlalchemy import Engine

    from lazy_alchemy import CustomTable


class Points:
    """The places of some functions at which an interruption may come: before each of their lines, as they are run.

    Not before a line with ``with``: Python comes to it again after the block, and there it heeds no signal.
    """

    def __init__(self, *functions: Callable[..., object]) -> None:
        self._lines: dict[CodeType, set[int]] = {}
        for function in functions:
            lines, first = inspect.getsourcelines(function)
            code: CodeType = function.__code__  # type: ignore[attr-defined]
            self._lines[code] = {
                first + k for k, line in enumerate(lines) if not line.strip().startswith(("with ", "def "))
            }
        self._left = 0
        self.reached = True

    def __iter__(self) -> Iterator[int]:
        """Yield 1, 2, 3... as long as there was that much to interrupt."""
        number = 1
        while self.reached:
            self.reached = False
            yield number
            number += 1
        assert number > 4, "nothing of these functions was run"

    @contextmanager
    def interrupting(self, number: int) -> Iterator[None]:
        """Raise a KeyboardInterrupt in this thread at the ``number``th place that is reached in the block."""
        self._left = number
        tracer = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(tracer)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        return self._ran if frame.f_code in self._lines else None

    def _ran(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        if event == "line" and frame.f_lineno in self._lines[frame.f_code] and not self.reached:
            self._left -= 1
            if self._left == 0:
                self.reached = True
                raise KeyboardInterrupt
        return self._ran


def family() -> FakeReflector:
    """Return what reads a parent, a child and a grandchild."""
    return FakeReflector(
        info("parent"),
        info("child", refers={"parent_id": "parent"}),
        info("grandchild", refers={"child_id": "child"}),
    )


def get_joined(db: LazyDB) -> tuple[CustomTable, CustomTable, CustomTable]:
    """Get all three, the referring ones first, and see that they join."""
    grandchild, child, parent = db.grandchild, db.child, db.parent
    assert "JOIN parent" in str(child.join(parent))
    assert "JOIN child" in str(grandchild.join(child))
    assert [False] * 2 == [key.use_alter for table in (child, grandchild) for key in table.foreign_key_constraints]
    return grandchild, child, parent


@pytest.mark.parametrize("all_of_them", [False, True])
def test_check_that_is_interrupted(engine: Engine, all_of_them: bool) -> None:
    """Tables join, and are as the database has them, after a check that was interrupted at any point."""
    points = Points(Entries.enter, BuiltTables.replace, BuiltTables._add, BuiltTables._remove)
    for number in points:
        fake = family()
        db = get_lazy_class(engine.execution_options(), reflector=fake)
        get_joined(db)
        fake.put(info("parent", "new"))
        db.invalidate_all() if all_of_them else db.invalidate("parent")
        with points.interrupting(number):
            db.get("parent")
        before = get_joined(db)
        assert "new" in before[2].c
        db.invalidate_all()
        assert before == get_joined(db)


def test_invalidation_that_is_interrupted(engine: Engine) -> None:
    """An invalidation that was interrupted at any point, and said again, is one."""
    points = Points(Entries.invalidate)
    for number in points:
        fake = family()
        db = get_lazy_class(engine.execution_options(), reflector=fake)
        get_joined(db)
        fake.put(info("parent", "new"))
        with points.interrupting(number):
            db.invalidate("parent")
        db.invalidate("parent")
        assert "new" in get_joined(db)[2].c


@pytest.mark.parametrize("name", ["parent", "child", "grandchild"])
@pytest.mark.parametrize("loaded", [(), ("grandchild", "parent"), ("parent", "child", "grandchild")])
def test_first_use_that_is_interrupted(engine: Engine, name: str, loaded: tuple[str, ...]) -> None:
    """Tables join after a first use that was interrupted at any point, whatever was used before."""
    if name in loaded:
        loaded = tuple(other for other in loaded if other != name)
    points = Points(Entries.enter, BuiltTables._add, BuiltTables.table)
    for number in points:
        db = get_lazy_class(engine.execution_options(), reflector=family())
        for other in loaded:
            db.get(other)
        with points.interrupting(number):
            db.get(name)
        before = get_joined(db)
        db.invalidate_all()
        assert before == get_joined(db)


@pytest.mark.parametrize("waiting", [1, 3])
def test_landing_that_is_interrupted(engine: Engine, waiting: int) -> None:
    """Whoever waits for a load hears of its end, wherever the one who carries it is interrupted at that."""
    points = Points(Flight.land, Flight._wake, Flight._forget)
    for number in points:
        reflector = Watched(family())
        db = get_lazy_class(engine.execution_options(), reflector=reflector)
        gate = reflector.gate("parent")

        def carry(db: LazyDB = db, number: int = number) -> None:
            with points.interrupting(number):
                db.get("parent")

        carrier = Started(carry)
        gate.await_reached()
        others = [Started(lambda db=db: db.get("parent").name) for _ in range(waiting)]
        (flight,) = db._catalog._loads.flights.threads.begun
        while len(flight._wakers) < waiting:
            pass
        gate.open()
        carrier.result()
        assert ["parent"] * waiting == [other.result() for other in others]
        assert [] == flight._wakers
