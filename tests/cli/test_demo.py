from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import URL, MetaData, create_engine, inspect

from lazy_alchemy import get_lazy_class
from lazy_alchemy._cli.demo import PROGRAM, Step, measure, measure_again, perform
from lazy_alchemy._cli.demo_schema import USED, create_shop, foreign_keys
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo makes its temporary files."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def output(directory: Path) -> str:
    """What the real command prints, on a terminal of 200 columns that it does not know to be one."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "lazy_alchemy._cli.main", "demo"],
        capture_output=True,
        env={**os.environ, "TMPDIR": str(directory), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"},
        text=True,
        encoding="utf-8",
        check=False,
        timeout=50,
    )
    assert ("", 0) == (result.stderr, result.returncode)
    return result.stdout


@pytest.fixture
def shop(tmp_path: Path) -> URL:
    """The demo's database."""
    create_shop(tmp_path / "shop.db")
    return URL.create("sqlite", database=str(tmp_path / "shop.db"))


class TestSchema:
    def test_every_table_has_its_keys(self, shop: URL) -> None:
        """There are 120 tables, each with the foreign keys it is listed with, an index and a unique constraint."""
        engine = create_engine(shop)
        inspector = inspect(engine)
        keys = foreign_keys()

        assert sorted(keys) == inspector.get_table_names()
        assert 120 == len(keys)
        for (_, name), found in inspector.get_multi_foreign_keys().items():
            assert sorted(keys[name]) == sorted(key["referred_table"] for key in found)
        assert all(len(found) == 1 for found in inspector.get_multi_indexes().values())
        assert all(len(found) == 1 for found in inspector.get_multi_unique_constraints().values())
        engine.dispose()

    def test_rows(self, shop: URL) -> None:
        """The three tables that are used have rows, whose foreign keys all lead to a row."""
        with closing(sqlite3.connect(str(shop.database))) as connection:
            for name in USED:
                assert connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] >= 3
            assert [] == connection.execute("PRAGMA foreign_key_check").fetchall()

    def test_foreign_keys_are_deep(self) -> None:
        """Following the foreign keys of the three tables leads to at least a third of all tables."""
        keys = foreign_keys()
        reached: set[str] = set()
        waiting = list(USED)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(keys[name])

        assert len(reached) >= 40


class TestMeasure:
    def test_connecting_does_not_count(self, shop: URL) -> None:
        """What loads nothing costs no round trip: what a dialect asks when it first connects is not counted."""
        cost = measure(shop, lambda _: MetaData())

        assert (0, 0) == (cost.tables, cost.round_trips)

    def test_counts(self, shop: URL) -> None:
        """A cost has the tables that were loaded and the statements that were sent."""

        def load(engine: Engine) -> MetaData:
            metadata = MetaData()
            metadata.reflect(engine, only=["currencies"])
            return metadata

        engine = warm(create_engine(shop))
        with count_queries(engine) as counter:
            load(engine)
        engine.dispose()

        cost = measure(shop, load)

        assert (1, counter.count) == (cost.tables, cost.round_trips)
        assert cost.milliseconds > 0

    def test_used_again(self, shop: URL) -> None:
        """Tables that are loaded cost no round trip when they are used again, and the demo says so."""
        cost = measure_again(shop)

        assert (3, 0) == (cost.tables, cost.round_trips)


class TestPerform:
    def test_prints_what_it_runs(self) -> None:
        """A step yields each statement as it is written, and the value of an expression."""
        names: dict[str, object] = {}

        shown = list(perform(Step("", "x = 1\nx + (\n    1\n)\nNone"), names))

        assert [("x = 1", ""), ("x + (\n    1\n)", "2"), ("None", "")] == shown
        assert 1 == names["x"]


class TestDemo:
    def test_numbers_are_true(self, output: str, shop: URL) -> None:
        """The tables and the round trips that the demo prints are those that a count of one's own gives."""
        expected = []
        for only in (None, USED):
            engine = warm(create_engine(shop))
            metadata = MetaData()
            with count_queries(engine) as counter:
                metadata.reflect(engine, only=only)
            expected.append((len(metadata.tables), counter.count))
            engine.dispose()
        engine = warm(create_engine(shop))
        with count_queries(engine) as counter:
            db = get_lazy_class(engine)
            db.preload(*USED)
            for name in USED:
                db.get(name)
        expected.append((len(db.metadata.tables), counter.count))
        engine.dispose()

        lines = re.findall(r"^(?:SQLAlchemy|lazy_alchemy),.*?\s{2,}(\d+)\s+(\d+)\s+([\d.]+)$", output, re.MULTILINE)

        assert expected == [(int(tables), int(trips)) for tables, trips, _ in lines]
        assert [120, 3] == [expected[0][0], expected[-1][0]]
        assert all(float(milliseconds) > 0 for *_, milliseconds in lines)

    def test_program_is_printed_with_its_results(self, output: str, shop: URL) -> None:
        """Every statement of the program is in the output, followed by what it gives on the same data."""
        names: dict[str, object] = {"url": shop}
        for step in PROGRAM:
            assert f"\n{step.title}\n" in output
            for code, result in perform(step, names):
                prompted = "\n... ".join(code.split("\n"))
                assert f">>> {prompted}\n{result}" in output
        names["engine"].dispose()  # type: ignore[attr-defined]

    def test_what_happens(self, output: str) -> None:
        """The program reads, joins, refuses a wrong body, creates, patches and deletes; three tables are loaded."""
        for line in (
            "('Grace Hopper', 'New York')",
            "[('Alan Turing', 2490), ('Grace Hopper', 42450)]",
            "ValidationError:",
            "  name: Input should be a valid string",
            "  email: Field required",
            "('Ada Lovelace', 'London')",
            "id: Input should be a valid integer",
            "['customers', 'orders', 'order_items']",
        ):
            assert line in output
        assert ">>> ada.id\n4\n" in output
        assert ">>> session.get(Customer, 4) is None\nTrue\n" in output

    def test_fits_and_is_plain(self, output: str) -> None:
        """No line is longer than 100 columns, none of the program than 80, and no pipe gets a colour."""
        lines = output.splitlines()
        assert max(map(len, lines)) <= 100
        assert max(len(line) for line in lines if line.startswith((">>>", "..."))) <= 80
        assert "\x1b" not in output

    def test_leaves_nothing_behind(self, output: str, directory: Path) -> None:
        """When the demo ends its temporary directory is gone."""
        assert output
        assert [] == list(directory.iterdir())
