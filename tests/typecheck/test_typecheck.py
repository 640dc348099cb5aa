"""The type-checking suite in typecheck/: what a user's checker sees of the installed package, editable or wheel.

Each checker runs once a session, over a copy of the suite; the tests look at what it said about their part.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import lazy_alchemy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "typecheck"
LINE = "_".join(importlib.metadata.version("sqlalchemy").split(".")[:2])
SQLMODEL = importlib.metadata.version("sqlmodel")
FIELD_OF_0_0_20 = re.compile(r'Type of "\w*Field" is partially unknown')  # it was SQLModel's fault, and no longer is
PUBLIC_MODULES = ["lazy_alchemy", "lazy_alchemy.caches", "lazy_alchemy.emitters", "lazy_alchemy.reflectors"]
IGNORE = re.compile(r"# (type|pyright): ignore\[[^\]]*\]")

# A checker on a busy machine takes a while.
pytestmark = pytest.mark.timeout(600)

# All tests of one run of a checker belong in one process, which runs it once.
MYPY = pytest.mark.xdist_group("mypy")
PYRIGHT = pytest.mark.xdist_group("pyright")


class Finding(NamedTuple):
    """One error of one checker."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} [{self.code}]"


class Findings(list[Finding]):
    """What one run of one checker said."""

    def below(self, *directories: str) -> list[str]:
        """Return what it said about files of `directories`, for reading."""
        return [str(finding) for finding in self if finding.path.startswith(tuple(directories))]

    def lines(self, directory: str) -> set[tuple[str, int]]:
        """Return which lines of the files of `directory` have an error."""
        return {
            (finding.path.removeprefix(directory), finding.line)
            for finding in self
            if finding.path.startswith(directory)
        }


def run(arguments: list[str], cwd: Path, *, allowed: tuple[int, ...] = (0, 1)) -> str:
    """Run a checker, which says in JSON or text what it thinks of what is in `cwd`, and return that."""
    # What is checked is what is installed: nothing may come from the checkout by way of the environment.
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MYPYPATH")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["NO_COLOR"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in allowed, f"{arguments}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _public_names() -> Iterator[str]:
    """Yield every public name of every public module, and every public attribute of our own classes among them."""
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            yield f"{module_name}.{name}"
            value = getattr(module, name)
            if inspect.isclass(value):
                for attribute in sorted(_own_attributes(value)):
                    yield f"{module_name}.{name}.{attribute}"


def _own_attributes(cls: type[Any]) -> set[str]:
    ours = [base for base in cls.__mro__ if base.__module__.startswith("lazy_alchemy")]
    return {name for base in ours for name in vars(base) if not name.startswith("_")}


def _copy_suite(to: Path, *, without: Collection[str] = ()) -> Path:
    """Copy the suite, without what is for the other SQLAlchemy line and the directories that `without` names."""

    def ignored(_: str, names: list[str]) -> list[str]:
        return [
            name
            for name in names
            if (name.startswith("sqlalchemy_") and name != f"sqlalchemy_{LINE}")
            or name in ("__pycache__", ".mypy_cache")
            or name in without
        ]

    shutil.copytree(SUITE, to / "typecheck", ignore=ignored)
    return to / "typecheck"


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the suite, with the public names as a file, and a copy of must_error without its ignores."""
    root = tmp_path_factory.mktemp("typecheck")
    copy = _copy_suite(root)
    imports = "".join(f"import {module}\n" for module in PUBLIC_MODULES)
    (copy / "names").mkdir()
    (copy / "names" / "__init__.py").touch()
    (copy / "names" / "names.py").write_text(imports + "".join(f"print({name})\n" for name in _public_names()))
    shutil.copytree(installed_stubs(), copy / "stubs")
    shutil.copytree(copy / "must_error", copy / "stripped")
    shutil.copytree(copy / "stubs", copy / "stripped" / "stubs")
    for path in (copy / "stripped").rglob("*.py*"):
        path.write_text(IGNORE.sub("", path.read_text()))
    return root


@pytest.fixture(scope="session")
def mypy(suite: Path, mypy_cache: Path) -> Findings:
    """What mypy --strict says of the suite."""
    output = run(
        [
            "mypy",
            "--config-file=typecheck/mypy.ini",
            "--output=json",
            "--exclude=pyright_only",
            f"--cache-dir={mypy_cache}",
            "typecheck",
        ],
        suite,
    )
    findings = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return Findings(
        Finding(one["file"].removeprefix("typecheck/"), one["line"], one["code"] or "", one["message"])
        for one in findings
        if one["severity"] == "error"
    )


@pytest.fixture(scope="session")
def pyright(suite: Path) -> Findings:
    """What pyright, strict, says of the suite."""
    return _pyright("pyright", suite)


@pytest.fixture(scope="session")
def basedpyright(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """What basedpyright, strict, says of the part that every checker must accept."""
    return _pyright("basedpyright", _accepted(tmp_path_factory.mktemp("basedpyright")))


def _pyright(command: str, root: Path) -> Findings:
    output = run(
        [command, "--project=typecheck", f"--pythonpath={sys.executable}", "--outputjson", "--warnings"],
        root,
    )
    return Findings(
        Finding(
            str(Path(one["file"]).resolve().relative_to((root / "typecheck").resolve())),
            one["range"]["start"]["line"] + 1,
            one.get("rule", ""),
            one["message"],
        )
        for one in json.loads(output)["generalDiagnostics"]
        if not (SQLMODEL == "0.0.20" and FIELD_OF_0_0_20.match(one["message"]))
    )


def _accepted(root: Path) -> Path:
    """Copy the part that every checker must accept to `root`."""
    _copy_suite(root, without=("must_error", "emitted", "mypy_only", "pyright_only"))
    return root


# -- mypy and pyright

PARTS = ["stubs/", "shop.py", "baseline/", f"sqlalchemy_{LINE}/", "must_error/", "emitted/"]


@MYPY
@pytest.mark.parametrize("part", [*PARTS, "mypy_only/"])
def test_mypy_agrees(mypy: Findings, part: str) -> None:
    """To mypy --strict every part has the types and the errors that it says it has, and no unnecessary ignore."""
    assert [] == mypy.below(part)


@PYRIGHT
@pytest.mark.parametrize("part", [*PARTS, "pyright_only/"])
def test_pyright_agrees(pyright: Findings, part: str) -> None:
    """To pyright, strict, every part has the types and the errors that it says it has, and no unnecessary ignore."""
    assert [] == pyright.below(part)


def test_there_is_a_suite() -> None:
    """No part of the suite is empty, so that agreeing means something."""
    for part in ["baseline", f"sqlalchemy_{LINE}", "must_error", "mypy_only", "pyright_only"]:
        assert [path for path in (SUITE / part).rglob("*.py") if path.stat().st_size], part


def _expected(checker: str) -> set[tuple[str, int]]:
    """Return the lines of must_error that have an ignore for `checker`."""
    return {
        (str(path.relative_to(SUITE / "must_error")), number)
        for path in (SUITE / "must_error").rglob("*.py")
        if LINE in str(path) or "sqlalchemy_" not in str(path)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if f"# {checker}: ignore[" in line
    }


def _of_stubs(checker: str) -> set[tuple[str, int]]:
    """Return the lines of the stubs that have an ignore for `checker`, needed on this line of SQLAlchemy."""
    return {
        (f"stubs/{path.name}", number)
        for path in installed_stubs().glob("*.pyi")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if f"# {checker}: ignore[" in line and (LINE == "2_0" or "unused-ignore" not in line)
    }


@MYPY
def test_mypy_fails_where_an_ignore_is_removed(mypy: Findings) -> None:
    """Without the ignores of must_error and of the stubs, mypy reports each of their lines, and no other."""
    assert _expected("type") | _of_stubs("type") == mypy.lines("stripped/")


@PYRIGHT
def test_pyright_fails_where_an_ignore_is_removed(pyright: Findings) -> None:
    """Without the ignores of must_error and of the stubs, pyright reports each of their lines, and no other."""
    assert _expected("pyright") | _of_stubs("pyright") == pyright.lines("stripped/")
    assert _of_stubs("pyright")


def test_both_checkers_see_each_error() -> None:
    """Each line of must_error is an error to mypy and to pyright alike, and says so in each one's own code."""
    assert _expected("type") == _expected("pyright")
    assert len(_expected("type")) > 80


@pytest.mark.parametrize("checker", [pytest.param("mypy", marks=MYPY), pytest.param("pyright", marks=PYRIGHT)])
def test_every_name_is_seen(checker: str, suite: Path, request: pytest.FixtureRequest) -> None:
    """Every public name that exists at run time, and every public attribute of a public class, is seen by checkers."""
    findings: Findings = request.getfixturevalue(checker)
    names = (suite / "typecheck" / "names" / "names.py").read_text().splitlines()

    unseen = {
        names[finding.line - 1]
        for finding in findings
        if finding.path.startswith("names/")
        and finding.code in ("attr-defined", "import-not-found", "reportAttributeAccessIssue", "reportMissingImports")
    }

    assert set() == unseen
    assert "print(lazy_alchemy.LazyDB.preload)" in names


def test_every_public_name_is_in_the_baseline() -> None:
    """Every public name is used in the baseline, where its type is asserted."""
    used = "\n".join(path.read_text() for path in [SUITE / "shop.py", *(SUITE / "baseline").glob("*.py")])
    words = set(re.findall(r"\w+", used))

    missing = {name for name in _public_names() if name.rpartition(".")[2] not in words}

    assert set() == missing


# -- The other checkers, on the part that every checker must accept


def test_basedpyright_accepts_the_baseline(basedpyright: Findings) -> None:
    """To basedpyright, strict, the baseline is as right as to mypy and pyright."""
    assert [] == basedpyright.below("")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its stubs in one directory, as a wheel installs them.

    pyrefly looks for a package's stubs beside it, and so not in an editable install of this project.
    """
    site = tmp_path_factory.mktemp("site")
    package = installed_package()
    (site / "lazy_alchemy").symlink_to(package)
    (site / "lazy_alchemy-stubs").symlink_to(installed_stubs())
    return site


def installed_package() -> Path:
    """Return the directory of the package that checkers see: an editable install's, or a wheel's."""
    return Path(lazy_alchemy.__path__[0])


def installed_stubs() -> Path:
    """Return the directory of the stubs that checkers see: beside the package in a wheel, in stubs/ otherwise."""
    package = installed_package()
    beside = package.parent / "lazy_alchemy-stubs"
    return beside if beside.exists() else package.parent.parent / "stubs" / "lazy_alchemy-stubs"


def test_pyrefly_accepts_the_baseline(tmp_path: Path, site: Path) -> None:
    """To pyrefly the baseline is as right as to mypy and pyright."""
    root = _accepted(tmp_path)
    for config in ("mypy.ini", "pyrightconfig.json"):  # it would take its settings from them
        (root / "typecheck" / config).unlink()
    paths = [site, *(path for path in sys.path if path.endswith("site-packages"))]

    output = run(
        [
            "pyrefly",
            "check",
            "--skip-interpreter-query",
            "--python-version=3.10",
            *(f"--site-package-path={path}" for path in paths),
            "--search-path=.",
            "--output-format=json",
            "typecheck",
        ],
        root,
    )

    assert [] == [f"{one['path']}:{one['line']}: {one['description']}" for one in json.loads(output)["errors"]]


def test_ty_accepts_the_baseline(tmp_path: Path) -> None:
    """To ty the baseline is right if each declaration has a value; typecheck/README.md says why, and what ty cannot."""
    root = _accepted(tmp_path)
    shutil.rmtree(root / "typecheck" / f"sqlalchemy_{LINE}")
    for path in (root / "typecheck").rglob("*.py"):
        path.write_text(re.sub(r"(?m)^(    \w+: LazyTable(\[.*\])?)$", r"\1 = LazyTable()", path.read_text()))

    output = run(["ty", "check", f"--python={sys.executable}", "--output-format=concise", "typecheck"], root)

    errors = [line for line in output.splitlines() if ": error[" in line]
    if LINE == "2_0":
        # There ty does not know what CustomTable has from Table, and takes it for Any.
        errors = [error for error in errors if "Type `Any` does not match" not in error]
    assert [] == errors


# -- Completeness


def test_every_public_type_is_known(tmp_path: Path) -> None:
    """Every symbol of the public surface has a type that all checkers agree on: pyright --verifytypes says 100 %."""
    output = run(["pyright", "--verifytypes", "lazy_alchemy", "--ignoreexternal", "--outputjson"], tmp_path)

    report: dict[str, Any] = json.loads(output)["typeCompleteness"]
    unknown = defaultdict(list)
    for symbol in report["symbols"]:
        if not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]):
            unknown[symbol["name"]] += [one["message"] for one in symbol["diagnostics"]]

    assert {} == dict(unknown)
    assert 1 == report["completenessScore"]
    assert report["exportedSymbolCounts"]["withKnownType"] > 100
