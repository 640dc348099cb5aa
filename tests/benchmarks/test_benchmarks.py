from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import report
from tests.benchmarks.measure import Figures, Result
from tests.benchmarks.proxy import Proxy
from tests.effort import amount, more

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Database


FIRST = [
    "first touch, warm",
    *amount([], ["first touch, cold", "preload of 15", "preload_all", "revalidation", "100 threads"]),
]
OTHERS = amount(
    [], ["15 trio tasks", "hit with TTL", "hit, awaited, trio", "as_sqlmodel", "memory of 100", "import", "generate"]
)
JOBS = amount(["--jobs", "warm"], [])


@more
def test_every_job_prints_its_figures(tmp_path: Path) -> None:
    """`python -m tests.benchmarks` measures every job and writes the figures between the marks of a page."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nwhat it was before\n{report.END}\nafter\n")
    command = [sys.executable, "-m", "tests.benchmarks", "--databases", "sqlite", "--sizes", "100", "--turns", "1"]
    done = subprocess.run(
        [*command, *JOBS, "--write", str(page)], capture_output=True, text=True, check=False, timeout=55
    )

    assert 0 == done.returncode, done.stderr
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"{report.END}\nafter\n")
    for job in FIRST:
        assert re.search(rf"^\| {job}.*\| \d+ \(\d+", text, re.MULTILINE), f"{job}\n{text}"
    for job in OTHERS:
        assert f"| {job}" in text
    assert "what it was before" not in text


def test_a_job_that_is_not_there_is_an_error() -> None:
    """`--jobs` with a text that no job's name has measures nothing, and says which jobs there are."""
    command = [sys.executable, "-m", "tests.benchmarks", "--jobs", "hitting"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55)
    assert 2 == done.returncode
    assert "no job has 'hitting' in its name; there are cold, warm" in done.stderr


def test_latency_is_that_of_every_round_trip(postgresql_db: Database) -> None:
    """A statement takes as much longer through the proxy as it is told, and the same answer comes back."""
    url = postgresql_db.url
    with Proxy(url.host or "127.0.0.1", url.port or 5432, 0.05) as proxy:
        slow = type(postgresql_db)(postgresql_db.name, proxy.url(url)).make_engine(isolation_level="AUTOCOMMIT")
        with slow.connect() as connection:
            began = time.perf_counter()
            for number in range(5):
                assert number == connection.exec_driver_sql(f"SELECT {number}").scalar()
            assert time.perf_counter() - began >= 0.25
        slow.dispose()


def test_ratio_is_that_of_turns() -> None:
    """A machine that becomes slower between two turns changes the medians of the sides, and not their ratio."""
    slow, fast = Figures([1.0, 2.0, 2.0]), Figures([4.0, 8.0, 16.0])
    assert "| 2.00 s | 0.25 |" in report.line(Result("job", slow, fast))


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """Where the marks are missing, the page is not touched and the command says so."""
    page = tmp_path / "performance.md"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="has no lines"):
        report.write(page, "figures")
    assert "no marks" == page.read_text()
