"""How something is measured: sides by turns in one process, statements counted, memory in a run of its own."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Engine, event

Run: TypeAlias = Callable[[], object]
"""What is timed."""

Prepare: TypeAlias = Callable[[int], Run]
"""Makes the run of a turn, which is counted from zero; what it does itself is not timed."""


@dataclass
class Figures:
    """What one side of a job took.

    Attributes:
        seconds: Of each turn.
        statements: Of one turn; None where none are counted.
        peak: Bytes of memory that a turn needed besides what there was, as Python's allocator counts them.
        more: Other figures, by name.
    """

    seconds: list[float] = field(default_factory=list[float])
    statements: int | None = None
    peak: int | None = None
    more: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


@dataclass
class Result:
    """What a job took: our side, SQLAlchemy doing the same, and SQLAlchemy's default."""

    job: str
    ours: Figures
    same: Figures | None = None
    default: Figures | None = None


def by_turns(turns: int, sides: dict[str, Prepare], *engines: Engine) -> dict[str, Figures]:
    """Run each side once a turn, in another order each turn, after one turn that does not count.

    Args:
        turns: How many turns are timed.
        sides: What is run, by name.
        engines: The engines whose statements are counted.
    """
    figures = {name: Figures() for name in sides}
    order = list(sides)
    for turn in range(turns + 1):
        for name in order:
            run = sides[name](turn)
            gc.collect()
            gc.disable()
            with counted(*engines) as statements:
                began = time.perf_counter()
                run()
                seconds = time.perf_counter() - began
            gc.enable()
            if turn:
                figures[name].seconds.append(seconds)
                figures[name].statements = statements.count if engines else None
        order.reverse()
    for name, prepare in sides.items():
        run = prepare(turns + 1)
        gc.collect()
        tracemalloc.start()
        kept = run()
        figures[name].peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del kept
    return figures


class Statements:
    """How many statements there were."""

    count = 0


@contextmanager
def counted(*engines: Engine) -> Generator[Statements]:
    """Count the statements of engines while a block runs."""
    statements = Statements()

    def count(*_: object) -> None:
        statements.count += 1

    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)
