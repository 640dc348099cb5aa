"""What happens when a test's time is over (tests/timeouts.py), in a run of pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .effort import some

CONFTEST = """
pytest_plugins = ["tests.timeouts"]

def pytest_configure():
    from tests import timeouts

    timeouts.GRACE = 1.0
"""

TESTS = """
import sqlite3, threading, time
import anyio
import pytest

class SlowError(Exception):
    def __str__(self):
        time.sleep(1.2)
        return "slow"

def stuck_in_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def stuck_in_sleep():
    time.sleep(100)

def stuck_in_thread():
    thread = threading.Thread(target=time.sleep, args=(100,), daemon=True)
    thread.start()
    thread.join()

def stuck_in_c():
    forever = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    sqlite3.connect(":memory:").execute(forever).fetchall()

def stuck_in_asyncio():
    anyio.run(anyio.sleep, 100)

def stuck_in_uvloop():
    anyio.run(anyio.sleep, 100, backend_options={"use_uvloop": True})

def stuck_in_trio():
    anyio.run(anyio.sleep, 100, backend="trio")

@pytest.mark.parametrize("name", NAMES)
def test_stuck(name):
    globals()[f"stuck_in_{name}"]()

@pytest.fixture
def stuck():
    yield
    stuck_in_sleep()

def test_stuck_teardown(stuck):
    pass

def test_slow_report():
    raise SlowError

@pytest.mark.parametrize("number", range(4))
def test_other(number):
    anyio.run(anyio.sleep, 0, backend="trio")
    anyio.run(anyio.sleep, 0)
"""

NAMES = ["lock", "sleep", "thread", "c", "asyncio", "uvloop", "trio"]


@pytest.mark.parametrize("workers", some(["0", "2"], "2"))
def test_a_test_whose_time_is_over_is_reported_and_the_others_go_on(tmp_path: Path, workers: str) -> None:
    """Wherever a test is stuck, it fails with the stack, and every other test passes; in C only where there are workers."""  # noqa: E501
    names = NAMES if workers != "0" else [name for name in NAMES if name != "c"]
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_stuck.py").write_text(TESTS.replace("NAMES", repr(names)))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-m", "pytest", "-n", workers, "--timeout=1", "-p", "no:cacheprovider", "-v", "-ra"]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    said = done.stdout
    assert "INTERNALERROR" not in said, said
    assert f"{len(names) + 1} failed, 5 passed, 1 error" in said, said + done.stderr
    for name in names:
        reason = "worker 'gw.' crashed" if name == "c" else r"Failed: Timeout \(>1.0s\)"
        if name in ("asyncio", "uvloop") and sys.version_info < (3, 11):
            reason = rf"(?:{reason}|asyncio.exceptions.CancelledError)"  # asyncio.run cancels the task then
        assert re.search(rf"^FAILED test_stuck.py::test_stuck\[{name}\] - {reason}", said, re.MULTILINE), said
        assert f"in stuck_in_{name}" in said, said
    assert "ERROR test_stuck.py::test_stuck_teardown - Failed: Timeout" in said, said
    assert "FAILED test_stuck.py::test_slow_report - test_stuck.SlowError: slow" in said, said
