"""What is measured: each job is a function that returns its Results."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import timeit
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from sqlalchemy import Engine, MetaData, Table, create_engine, event
from sqlalchemy.pool import NullPool

from lazy_alchemy import LazyDB, LazyTable, get_async_lazy_class, get_lazy_class
from lazy_alchemy._cli.module_file import generate
from tests.workload import table_name

from . import fresh
from .measure import Figures, Prepare, Result, Run, by_turns, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from sqlalchemy import URL

MANY = 15
"""How many tables a program uses, in the jobs that are about some of many."""

CROWD = 100
"""How many threads or tasks come at once."""


def anew(engine: Engine, **options: Any) -> LazyDB:
    """Return an accessor that has loaded nothing, over the connections of ``engine``."""
    return get_lazy_class(engine.execution_options(), **options)


def _names(count: int, number: int, seed: int) -> list[str]:
    return [table_name(k) for k in random.Random(seed).sample(range(count), number)]


def _reflect(engine: Engine, names: list[str], *, follow: bool) -> MetaData:
    metadata = MetaData()
    if len(names) == 1:
        Table(names[0], metadata, autoload_with=engine, resolve_fks=follow)
    else:
        metadata.reflect(engine, only=names, resolve_fks=follow)
    return metadata


# -- Loading -----------------------------------------------------------------------------------------------------------


def first_touch_cold(engine: Engine, count: int, turns: int) -> Result:
    """One table, the first that a process loads; a connection is open."""
    environment = {**os.environ, fresh.URL: engine.url.render_as_string(hide_password=False)}
    figures = {side: Figures() for side in ("ours", "same", "default")}
    for turn in range(turns):
        name = _names(count, 1, turn)[0]
        for side in figures if turn % 2 else reversed(figures):
            command = [sys.executable, "-m", fresh.__name__, side, name]
            printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            found = json.loads(printed)
            figures[side].seconds.append(found["seconds"])
            figures[side].statements = found["statements"]
    return Result(f"first touch, cold, N = {count}", **figures)


def first_touch_warm(engine: Engine, count: int, turns: int) -> Result:
    """One table that nobody has loaded, over a connection that has loaded fifteen others, one by one."""
    with _engine_a_side(engine) as engines:

        def ours(turn: int) -> Run:
            return partial(anew(engines["ours"]).get, _names(count, 1, turn)[0])

        def theirs(side: str, turn: int) -> Run:
            return partial(_reflect, engines[side], _names(count, 1, turn), follow=side == "default")

        sides: dict[str, Prepare] = {side: partial(theirs, side) for side in engines} | {"ours": ours}
        for other in range(1, MANY + 1):
            ours(-other)()
            theirs("same", -other)()
        return Result(f"first touch, warm, N = {count}", **by_turns(turns, sides, *engines.values()))


@contextmanager
def _engine_a_side(engine: Engine) -> Generator[dict[str, Engine]]:
    """Yield an engine for each side, with connections of its own: drivers prepare what comes again on one."""
    engines = {side: create_engine(engine.url) for side in ("ours", "same", "default")}
    try:
        yield engines
    finally:
        for each in engines.values():
            each.dispose()


def some_tables(engine: Engine, count: int, turns: int) -> Iterator[Result]:
    """Fifteen tables in one call: loaded, as a program does at its start, and then all used at once."""

    def preload(engine: Engine, turn: int) -> Run:
        return partial(anew(engine).preload, *_names(count, MANY, turn))

    def use(engine: Engine, turn: int) -> Run:
        db, names = anew(engine), _names(count, MANY, turn)

        def run() -> list[Table]:
            db.preload(*names)
            return [db[name] for name in names]

        return run

    def theirs(engine: Engine, turn: int, *, follow: bool) -> Run:
        return partial(_reflect, engine, _names(count, MANY, turn), follow=follow)

    for job, ours in ((f"preload of {MANY}", preload), (f"{MANY} tables, used", use)):
        with _engine_a_side(engine) as engines:
            sides: dict[str, Prepare] = {
                "ours": partial(ours, engines["ours"]),
                "same": partial(theirs, engines["same"], follow=False),
                "default": partial(theirs, engines["default"], follow=True),
            }
            yield Result(f"{job}, N = {count}", **by_turns(turns, sides, *engines.values()))


def all_tables(engine: Engine, count: int, turns: int) -> Result:
    """Every table."""

    def ours(turn: int) -> Run:
        del turn
        return anew(engine).preload_all

    def same(turn: int, *, follow: bool = False) -> Run:
        del turn
        return partial(MetaData().reflect, engine, resolve_fks=follow)

    sides: dict[str, Prepare] = {"ours": ours, "same": same, "default": partial(same, follow=True)}
    return Result(f"preload_all, N = {count}", **by_turns(turns, sides, engine))


def revalidation(engine: Engine, count: int, turns: int, *, number: int = MANY) -> Result:
    """The first access after every loaded table has passed its time to live."""

    def ours(turn: int) -> Run:
        names = _names(count, number, turn)
        db = anew(engine, cache_ttl=0.001)
        db.preload(*names)
        time.sleep(0.01)
        return partial(db.get, names[0])

    def same(turn: int) -> Run:
        return partial(_reflect, engine, _names(count, number, turn), follow=False)

    figures = by_turns(turns, {"ours": ours, "same": same}, engine)
    return Result(f"revalidation of {number} tables, N = {count}", **figures)


# -- A crowd -----------------------------------------------------------------------------------------------------------


def _connections(engine: Engine) -> Callable[[], int]:
    """Return what tells how many connections of an engine are out at most, from now on."""
    lock, out, most = threading.Lock(), 0, 0

    def taken(*_: object) -> None:
        nonlocal out, most
        with lock:
            out += 1
            most = max(most, out)

    def returned(*_: object) -> None:
        nonlocal out
        with lock:
            out -= 1

    event.listen(engine, "checkout", taken)
    event.listen(engine, "checkin", returned)
    return lambda: most


def crowd_of_threads(url: URL, count: int, turns: int) -> Result:
    """A hundred threads, each touching a table of its own for the first time."""

    def together(work: Callable[[str], object], names: list[str]) -> None:
        barrier = threading.Barrier(len(names))

        def one(name: str) -> None:
            barrier.wait()
            work(name)

        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(one, names))

    ours, same = Figures(), Figures()
    for turn in range(turns):
        names = _names(count, CROWD, turn)
        for figures, is_ours in ((ours, True), (same, False)):
            engine = create_engine(url)
            engine.connect().close()
            db, metadata = get_lazy_class(engine), MetaData()

            def reflect(name: str, metadata: MetaData = metadata, engine: Engine = engine) -> Table:
                return Table(name, metadata, autoload_with=engine, resolve_fks=False)

            most = _connections(engine)
            with counted(engine) as statements:
                began = time.perf_counter()
                together(db.get if is_ours else reflect, names)
                figures.seconds.append(time.perf_counter() - began)
            figures.statements = max(statements.count, figures.statements or 0)
            figures.more["connections"] = max(most(), figures.more.get("connections", 0))
            engine.dispose()
    return Result(f"{CROWD} threads, {CROWD} tables, N = {count}", ours, same)


def crowd_of_tasks(url: URL, count: int, turns: int, *, backend: str, number: int = MANY) -> Result:
    """Tasks, each touching a table of its own for the first time, over a sync engine's worker threads."""
    ours = Figures()
    for turn in range(turns):
        names = _names(count, number, turn)
        engine = create_engine(url)
        engine.connect().close()
        db = get_async_lazy_class(engine)
        with counted(engine) as statements:
            began = time.perf_counter()
            if backend == "asyncio":

                async def all_of_them(names: list[str] = names, db: Any = db) -> None:
                    await asyncio.gather(*map(db.get, names))

                asyncio.run(all_of_them())
            else:

                async def in_a_nursery(names: list[str] = names, db: Any = db) -> None:
                    async with trio.open_nursery() as nursery:
                        for name in names:
                            nursery.start_soon(db.get, name)

                trio.run(in_a_nursery)
            ours.seconds.append(time.perf_counter() - began)
        ours.statements = max(statements.count, ours.statements or 0)
        engine.dispose()
    return Result(f"{number} {backend} tasks, {number} tables, N = {count}", ours)


# -- Hits


class _Plain:
    """An object with an attribute, which every hit is compared with."""

    users: object

    def __init__(self) -> None:
        self.users = object()


def hits(engine: Engine, name: str, turns: int) -> Iterator[Result]:
    """A table that is loaded, against an attribute of a plain object. Seconds are those of one access."""
    namespace = {"__annotations__": {"users": "LazyTable"}, "users": LazyTable(name=name), "__module__": __name__}
    declared_class = type(LazyDB)("Declared", (LazyDB,), namespace)
    plain = _Plain()
    db, timed = anew(engine), anew(engine, cache_ttl=3600)
    declared, declared_timed = declared_class(engine.execution_options()), None
    declared_timed = declared_class(engine.execution_options(), cache_ttl=3600)
    statement = f"db.{name}"
    for job, code, accessor in (
        ("hit", statement, db),
        ("hit, declared", "db.users", declared),
        ("hit with TTL", statement, timed),
        ("hit with TTL, declared", "db.users", declared_timed),
        ("hit by get", f"db.get({name!r})", db),
    ):
        eval(code, {"db": accessor})  # noqa: S307 - a constant
        yield Result(job, *_per_access(code, accessor, plain, turns))
    for backend in ("asyncio", "trio"):
        yield _awaited_hit(engine, name, plain, backend, turns)


def _accesses(turns: int) -> int:
    return 20_000 * min(turns, 5)


def _per_access(code: str, accessor: object, plain: object, turns: int) -> tuple[Figures, Figures]:
    ours, base, accesses = Figures(), Figures(), _accesses(turns)
    timers = {
        id(ours): (ours, timeit.Timer(code, globals={"db": accessor})),
        id(base): (base, timeit.Timer("plain.users", globals={"plain": plain})),
    }
    for _ in range(turns):
        for figures, timer in timers.values():
            figures.seconds.append(timer.timeit(accesses) / accesses)
    return ours, base


def _awaited_hit(engine: Engine, name: str, plain: _Plain, backend: str, turns: int) -> Result:
    db = get_async_lazy_class(engine.execution_options())
    ours, base, accesses = Figures(), Figures(), _accesses(turns)
    attribute = timeit.Timer("plain.users", globals={"plain": plain})

    async def measure() -> None:
        await db.get(name)
        for _ in range(turns):
            began = time.perf_counter()
            for _ in range(accesses):
                await db.get(name)
            ours.seconds.append((time.perf_counter() - began) / accesses)
            base.seconds.append(attribute.timeit(accesses) / accesses)  # as the hits are timed that nobody awaits

    asyncio.run(measure()) if backend == "asyncio" else trio.run(measure)
    return Result(f"hit, awaited, {backend}", ours, base)


# -- Models, memory, import --------------------------------------------------------------------------------------------


def emitting(engine: Engine, count: int, turns: int) -> Iterator[Result]:
    """The classes of 120 tables, per table."""
    names = _names(count, min(120, count), 0)
    for job, make in (
        ("as_pydantic, a table", lambda table: table.as_pydantic()),
        ("as_sqlmodel, a table", lambda table: table.as_sqlmodel()),
    ):
        figures = Figures()
        for turn in range(turns + 1):
            db = anew(engine)
            db.preload(*names)
            tables = [db[name] for name in names]
            began = time.perf_counter()
            for table in tables:
                make(table)
            if turn:
                figures.seconds.append((time.perf_counter() - began) / len(names))
        yield Result(job, figures)


def generating(engine: Engine, count: int) -> Result:
    """The module of every table, with Pydantic and SQLModel classes; once."""
    figures = Figures()
    fresh = engine.execution_options()
    with counted(fresh) as statements:
        began = time.perf_counter()
        generate(fresh, models=("pydantic", "sqlmodel"))
        figures.seconds.append(time.perf_counter() - began)
    figures.statements = statements.count
    return Result(f"generate, N = {count}", figures)


def memory(engine: Engine, count: int) -> Result:
    """What ``count`` cached TableInfos take, against as many reflected Tables."""
    ours, same = Figures(), Figures()
    db = anew(engine)
    db.preload(table_name(0))
    _reflect(engine, [table_name(0)], follow=False)
    for figures, run in ((ours, db.preload_all), (same, partial(MetaData().reflect, engine, resolve_fks=False))):
        tracemalloc.start()
        began = time.perf_counter()
        run()
        figures.seconds.append(time.perf_counter() - began)
        size, figures.peak = tracemalloc.get_traced_memory()
        figures.more["MB kept"] = size / 1e6
        tracemalloc.stop()
    return Result(f"memory of {count} tables", ours, same)


def importing(turns: int) -> Result:
    """``from lazy_alchemy import get_lazy_class``, beyond ``import sqlalchemy``; processor time of a fresh process."""

    def seconds(code: str) -> float:
        program = f"import time, sqlalchemy; began = time.process_time(); {code}; print(time.process_time() - began)"
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        return float(printed)

    ours = Figures([seconds("from lazy_alchemy import get_lazy_class") for _ in range(turns)])
    ours.more["ms of import lazy_alchemy alone"] = 1000 * statistics.median(
        seconds("import lazy_alchemy") for _ in range(turns)
    )
    return Result("import, beyond SQLAlchemy", ours)


def unpooled(url: URL) -> Engine:
    """Return an engine that keeps no connection."""
    return create_engine(url, poolclass=NullPool)
