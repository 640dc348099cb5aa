"""``lazy-alchemy demo``: it measures what loading tables costs, and runs a program that uses three of them.

The database is that of ``demo_schema``, in a temporary directory that is removed at the end.
"""

from __future__ import annotations

import ast
import gc
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from time import perf_counter
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich import box
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from sqlalchemy import URL, Engine, MetaData, create_engine, event

from lazy_alchemy import LazyDB, get_lazy_class
from lazy_alchemy._cli.demo_schema import USED, create_shop, foreign_keys
from lazy_alchemy._cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from rich.console import Console

__all__ = ["Cost", "Measurement", "Step", "measure", "measure_again", "perform", "run_demo"]


@dataclass(frozen=True)
class Cost:
    """The cost of a load: the tables in the MetaData, the statements sent, the time in milliseconds."""

    tables: int
    round_trips: int
    milliseconds: float


@dataclass(frozen=True)
class Measurement:
    """A way to load tables, with the code that a user would write."""

    title: str
    code: str
    load: Callable[[Engine], MetaData]


def _lazily(engine: Engine) -> MetaData:
    return _used(engine).metadata


def _used(engine: Engine) -> LazyDB:
    db = get_lazy_class(engine)
    db.preload(*USED)
    for name in USED:
        db.get(name)  # builds the Table, as SQLAlchemy does
    return db


def _with_parents(engine: Engine) -> MetaData:
    metadata = MetaData()
    metadata.reflect(engine, only=USED)
    return metadata


def _whole(engine: Engine) -> MetaData:
    metadata = MetaData()
    metadata.reflect(engine)
    return metadata


MEASUREMENTS = (
    Measurement("SQLAlchemy, the whole schema", "MetaData().reflect(engine)", _whole),
    Measurement("SQLAlchemy, three tables", "MetaData().reflect(engine, only=three)", _with_parents),
    Measurement("lazy_alchemy, the same three", "get_lazy_class(engine).preload(*three)", _lazily),
)


def measure(url: URL, load: Callable[[Engine], MetaData]) -> Cost:
    """Return the cost of ``load`` on its own, already connected Engine: a dialect's first queries do not count."""
    with _connected(url) as engine, _counting(engine) as statements:
        gc.collect()  # the garbage of earlier measurements
        started = perf_counter()
        metadata = load(engine)
        milliseconds = (perf_counter() - started) * 1000
    return Cost(len(metadata.tables), len(statements), milliseconds)


def measure_again(url: URL) -> Cost:
    """Return the cost of using the three tables a second time."""
    with _connected(url) as engine:
        db = _used(engine)
        with _counting(engine) as statements:
            started = perf_counter()
            for name in USED:
                db.get(name)
            milliseconds = (perf_counter() - started) * 1000
        return Cost(len(db.metadata.tables), len(statements), milliseconds)


@dataclass(frozen=True)
class Step:
    """A few lines of the program, under a heading."""

    title: str
    code: str


PROGRAM = (
    Step(
        "Connect: no table is read",
        """
        from lazy_alchemy import get_lazy_class
        from sqlmodel import Session, create_engine, func, select
        engine = create_engine(url)
        db = get_lazy_class(engine)
        list(db.metadata.tables)
        """,
    ),
    Step(
        "Read: the first use of db.customers loads that one table",
        """
        Customer = db.customers.as_sqlmodel()
        session = Session(engine)
        grace = session.get(Customer, 1)
        grace.name, grace.city
        list(db.metadata.tables)
        """,
    ),
    Step(
        "Join: two more tables, as in plain SQLAlchemy",
        """
        customers, orders, items = db.customers, db.orders, db.order_items
        total = func.sum(items.c.quantity * items.c.price_cents)
        joined = customers.join(orders).join(items)
        query = select(customers.c.name, total).select_from(joined)
        session.exec(query.group_by(customers.c.name)).all()
        """,
    ),
    Step(
        "Create: columns that the database fills in are optional, the rest is validated",
        """
        NewCustomer = db.customers.as_pydantic_insert()
        NewCustomer.model_validate({"name": None, "newsletter": "perhaps"})
        sent = {"name": "Ada Lovelace", "email": "ada@example.org"}
        body = NewCustomer.model_validate(sent)
        ada = Customer(**body.model_dump(exclude_unset=True))
        session.add(ada)
        session.commit()
        ada.id
        """,
    ),
    Step(
        "Update: a patch has only the fields that were sent",
        """
        CustomerPatch = db.customers.as_pydantic_partial()
        patch = CustomerPatch.model_validate({"city": "London"})
        session.add(ada.sqlmodel_update(patch.model_dump(exclude_unset=True)))
        session.commit()
        ada.name, ada.city
        """,
    ),
    Step(
        "Validate: rows on their way out, request bodies on their way in",
        """
        CustomerRow = db.customers.as_pydantic()
        row = CustomerRow.model_validate(ada)
        row.model_dump_json(include={"id", "name", "city"})
        CustomerRow.model_validate({"id": "four", "name": "Ada Lovelace"})
        """,
    ),
    Step(
        "Delete",
        """
        session.delete(ada)
        session.commit()
        session.get(Customer, 4) is None
        session.close()
        list(db.metadata.tables)
        """,
    ),
)


def perform(step: Step, names: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Run a step, and yield the source of each statement with what a prompt would print after it.

    Args:
        step: The step to run.
        names: The program's variables; the step adds to them.
    """
    source = dedent(step.code).strip()
    for statement in ast.parse(source).body:
        code = ast.get_source_segment(source, statement) or ""
        yield code, _evaluate(statement, code, names)


def _evaluate(statement: ast.stmt, code: str, names: dict[str, object]) -> str:
    if not isinstance(statement, ast.Expr):
        exec(compile(code, "<demo>", "exec"), names)  # noqa: S102 - the code above; what is printed is what runs
        return ""
    try:
        value: object = eval(compile(code, "<demo>", "eval"), names)  # noqa: S307 - as above
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        return "\n".join(["ValidationError:", *(f"  {line}" for line in lines)])
    return "" if value is None else repr(value)


def run_demo(console: Console) -> None:
    """Create the database, measure, run the program, and remove the database."""
    with TemporaryDirectory(prefix="lazy-alchemy-") as directory:
        path = Path(directory) / "shop.db"
        create_shop(path)
        url = URL.create("sqlite", database=str(path))
        _print_costs(console, url)
        _print_program(console, url)
    console.print()
    _say(console, "The database has been removed. Now try it with yours:")
    for command in ("lazy-alchemy tables URL", "lazy-alchemy show URL TABLE..."):
        console.print(Text(f"  {command}", style="bold"))


def _print_costs(console: Console, url: URL) -> None:
    keys = foreign_keys()
    count = sum(map(len, keys.values()))
    _head(console, f"A shop with {len(keys)} tables and {count} foreign keys")
    _say(
        console,
        f"A program uses three of them: {', '.join(USED)}. Measured just now, on SQLite, each with its own engine,"
        " which is already connected:",
    )
    for measurement in MEASUREMENTS:
        _warm(url, measurement)
    costs = [measure(url, measurement.load) for measurement in MEASUREMENTS]

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for header in ("tables", "round trips", "ms"):
        table.add_column(header, justify="right")
    for measurement, cost in zip(MEASUREMENTS, costs, strict=True):
        style = "bold green" if cost is costs[-1] else ""
        words = Text.assemble((measurement.title, style), "\n", (f"  {measurement.code}", "dim"))
        cells = (str(cost.tables), str(cost.round_trips), f"{cost.milliseconds:.1f}")
        table.add_row(words, *[Text(cell, style) for cell in cells])
    console.print()
    console.print(table)
    console.print()
    again = measure_again(url)
    round_trips = ", ".join(f"{cost.round_trips:,}" for cost in costs)
    _say(
        console,
        "By default SQLAlchemy follows foreign keys, to the parents of parents. lazy_alchemy loads only the tables that"
        f" are used; using them again costs {again.round_trips} round trips. With a server 1 ms away, the round trips"
        f" above would take another {round_trips} milliseconds.",
    )


def _print_program(console: Console, url: URL) -> None:
    names: dict[str, object] = {"url": url}
    try:
        for step in PROGRAM:
            _head(console, step.title)
            for code, output in perform(step, names):
                console.print(_prompted(code), soft_wrap=True)
                for line in output.splitlines():
                    console.print(Text(printable(line), style="cyan"))
    finally:
        engine = names.get("engine")
        if isinstance(engine, Engine):
            engine.dispose()


def _prompted(code: str) -> Text:
    """Return Python code as it looks at a prompt."""
    lines = code.split("\n")
    text = "\n".join(f"{'...' if number else '>>>'} {line}" for number, line in enumerate(lines))
    highlighted = Syntax("", "python", theme="ansi_dark").highlight(text)
    highlighted.rstrip()
    return highlighted


def _head(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold underline"))


def _say(console: Console, words: str) -> None:
    console.print(Text(words))


def _warm(url: URL, measurement: Measurement) -> None:
    """Run a measurement once, so that imports and compilation do not count."""
    with _connected(url) as engine:
        measurement.load(engine)


@contextmanager
def _connected(url: URL) -> Generator[Engine, None, None]:
    engine = create_engine(url)
    try:
        engine.connect().close()
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _counting(engine: Engine) -> Generator[list[str], None, None]:
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)
