"""SQLAlchemy's own tests of reflection (``sqlalchemy.testing.suite``), passed by our reflectors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lazy_alchemy.reflectors._postgresql_types import NEWER_LINE
from tests.databases import LEAN, database_on, require

if TYPE_CHECKING:
    from tests.databases import Server

ROOT = Path(__file__).parents[2]
SETUP = """
[sqla_testing]
requirement_cls=tests.sqlalchemy_suite.requirements:Requirements
profile_file=profiles.txt
"""
INI = """
[pytest]
addopts = -p no:cacheprovider -p no:xdist -p tests.sqlalchemy_suite.plugin
filterwarnings = ignore:Computed column
"""

_REPEATED = (
    "no Table can have a foreign key that names a column twice, so it is left out, with SQLAlchemy's warning of it"
)
FAILED = {
    "test_get_foreign_keys_local_repeated": _REPEATED,
    "test_fk_repeated_source_cols_reported_by_inspector": f"{_REPEATED} (this is what the test is called in 2.0)",
    "test_reflect_constraint_local_repeated": f"{_REPEATED}; the test asks for the warning where the Table is made",
}
"""The tests that cannot pass, and why."""

LEFT_OUT = {
    "test_get_foreign_keys_remote_repeated": "PostgreSQL refuses a foreign key that refers to a column twice",
    "test_reflect_constraint_remote_repeated": "the same",
}
if not NEWER_LINE:
    LEFT_OUT["test_multi_get_table_options_tables"] = "SQLAlchemy 2.0 reflects no options of PostgreSQL's tables"
"""The tests that SQLAlchemy itself leaves out on PostgreSQL, and why."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("reflector", ["PostgresReflector", *([] if LEAN else ["InspectorReflector"])])
def test_suite(servers: dict[str, Server], reflector: str, tmp_path: Path) -> None:
    """Every test of the suite passes when the Inspector answers from TableInfos, but for those that are named with the reason."""  # noqa: E501
    require(servers["postgresql"])
    (tmp_path / "setup.cfg").write_text(SETUP)
    (tmp_path / "pytest.ini").write_text(INI)
    with database_on(servers["postgresql"]) as database:
        database.execute("CREATE SCHEMA test_schema")
        arguments = ["-c", tmp_path / "pytest.ini", "--rootdir", tmp_path, "--junitxml", tmp_path / "report.xml"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            "LAZY_ALCHEMY_TEST_REFLECTOR": reflector,
        }
        url = database.url.render_as_string(hide_password=False)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, "--dburi", url, Path(__file__).with_name("suite.py")],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    output = run.stdout[-5000:] + run.stderr[-5000:]
    assert (tmp_path / "report.xml").exists(), output
    outcomes: dict[str, set[str]] = {}
    for case in ElementTree.parse(tmp_path / "report.xml").iter("testcase"):  # noqa: S314 - our own process wrote it
        name = str(case.get("name")).split("[")[0]
        outcomes.setdefault(name, set()).update([child.tag for child in case] or ["passed"])
    assert len(outcomes) > 50, output
    failed = {name for name, found in outcomes.items() if found & {"failure", "error"}}
    assert failed == FAILED.keys() & outcomes.keys(), output  # a reason must hold, too
    left_out = {name for name, found in outcomes.items() if found == {"skipped"}}
    assert left_out == LEFT_OUT.keys() & outcomes.keys(), output
