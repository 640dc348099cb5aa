"""SQLAlchemy's own tests of reflection (``sqlalchemy.testing.suite``), passed by our reflectors."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from lazy_alchemy.reflectors._version import NEWER_LINE
from tests.databases import database_on, require
from tests.effort import full

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Server

ROOT = Path(__file__).parents[3]
SETUP = """
[sqla_testing]
requirement_cls=tests.reflectors.sqlalchemy_suite.requirements:Requirements
profile_file=profiles.txt
"""
INI = """
[pytest]
addopts = -p no:cacheprovider -p tests.reflectors.sqlalchemy_suite.plugin
filterwarnings = ignore:Computed column
"""

FAILED = {
    "test_fk_repeated_source_cols_reported_by_inspector": (
        "no Table of SQLAlchemy 2.0 can have a foreign key that names a column twice, so it is left out, with "
        "SQLAlchemy's warning of it (2.1 has no such test)"
    ),
}
"""The tests that cannot pass, and why."""

_NO_COMMENTS = "SQLite has no comments"
_NO_REPEATED = "MariaDB refuses a foreign key that names a column twice, or refers to one twice"
_NO_INLINE = "MariaDB takes no name for a check within a column, and SQLAlchemy reads none there"
LEFT_OUT = {
    "postgresql": {
        "test_get_foreign_keys_remote_repeated": "PostgreSQL refuses a foreign key that refers to a column twice",
        "test_reflect_constraint_remote_repeated": "the same",
    },
    "sqlite": {
        "test_column_collation_reflection": "SQLAlchemy reads no collations of SQLite's columns",
        "test_comments_unicode": _NO_COMMENTS,
        "test_comments_unicode_full": _NO_COMMENTS,
        "test_get_comments": _NO_COMMENTS,
        "test_get_comments_with_schema": _NO_COMMENTS,
        "test_get_inter_schema_foreign_keys": "SQLite's foreign keys stay within a schema",
        "test_get_multi_table_comment": _NO_COMMENTS,
        "test_get_table_comment": _NO_COMMENTS,
        "test_reflect_comments": _NO_COMMENTS,
        "test_reflect_covering_index": "SQLite has no INCLUDE",
        "test_reflect_identity": "SQLite has no identity columns",
        "test_schema_cache": "SQLite has no CREATE SCHEMA",
    },
    "mariadb": {
        "test_check_constraint_inline": _NO_INLINE,
        "test_check_constraint_mixed": _NO_INLINE,
        "test_column_collation_reflection": "the test wants a VARCHAR without a length, which MariaDB does not have",
        "test_comments_unicode_full": "MariaDB keeps no characters of four bytes in comments",
        "test_fk_repeated_source_cols_reported_by_inspector": _NO_REPEATED,
        "test_get_foreign_keys_local_repeated": _NO_REPEATED,
        "test_get_foreign_keys_remote_repeated": _NO_REPEATED,
        "test_get_pk_constraint_quoted_name": "every primary key of MariaDB is called PRIMARY",
        "test_get_temp_table_names": "SQLAlchemy lists no temporary tables of MariaDB",
        "test_get_temp_view_columns": "MariaDB has no temporary views",
        "test_get_temp_view_names": "the same",
        "test_has_table_temp_view": "the same",
        "test_reflect_constraint_local_repeated": _NO_REPEATED,
        "test_reflect_constraint_remote_repeated": _NO_REPEATED,
        "test_reflect_covering_index": "MariaDB has no INCLUDE",
        "test_reflect_expression_based_indexes": "MariaDB has no indexes of expressions",
        "test_reflect_identity": "MariaDB has no identity columns",
    },
}
if not NEWER_LINE:
    LEFT_OUT["postgresql"]["test_multi_get_table_options_tables"] = (
        "SQLAlchemy 2.0 reflects no options of PostgreSQL's tables"
    )
"""The tests that SQLAlchemy itself leaves out on each database, and why."""


@full
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "reflector"),
    [
        ("postgresql", "PostgresReflector"),
        ("postgresql", "InspectorReflector"),
        ("sqlite", "InspectorReflector"),
        ("mariadb", "InspectorReflector"),
    ],
)
def test_suite(servers: dict[str, Server], name: str, reflector: str, tmp_path: Path) -> None:
    """Every test of the suite passes when the Inspector answers from TableInfos, but for those that are named with the reason."""  # noqa: E501
    require(servers[name])
    (tmp_path / "setup.cfg").write_text(SETUP)
    (tmp_path / "pytest.ini").write_text(INI)
    with _prepared(servers[name]) as (url, ident):
        arguments = ["-c", tmp_path / "pytest.ini", "--rootdir", tmp_path, "--junitxml", tmp_path / "report.xml"]
        if name != "postgresql":
            arguments += ["-k", "not MATERIALIZED_VIEW"]  # without any, the tests that want these too repeat others
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "LAZY_ALCHEMY_TEST_REFLECTOR": reflector,
            "LAZY_ALCHEMY_TEST_IDENT": ident,
        }
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
        test = str(case.get("name")).split("[")[0]
        outcomes.setdefault(test, set()).update([child.tag for child in case] or ["passed"])
    assert len(outcomes) > 50, output
    left_out = {test for test, found in outcomes.items() if found == {"skipped"}}
    assert left_out == LEFT_OUT[name].keys() & outcomes.keys(), output  # a reason must hold, too
    failed = {test for test, found in outcomes.items() if found & {"failure", "error"}}
    assert failed == FAILED.keys() & outcomes.keys() - left_out, output


@contextmanager
def _prepared(server: Server) -> Iterator[tuple[str, str]]:
    """Make a database and beside it the schema that the suite wants; yield its URL, and what the schema's name begins with."""  # noqa: E501
    if server.name == "sqlite":
        yield "sqlite://", ""  # in memory, or the suite leaves temporary tables out; it makes the schema itself
        return
    with database_on(server) as database, ExitStack() as stack:
        ident = ""
        if server.name == "postgresql":
            database.execute("CREATE SCHEMA test_schema")
        else:
            ident = str(database.url.database)
            for schema in (f"{ident}_test_schema", f"{ident}_test_schema_2"):
                database.execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
                stack.callback(database.execute, f"DROP DATABASE {schema}")
        yield database.url.render_as_string(hide_password=False), ident
