"""The stubs in stubs/: that they are good code, and that they say of the package what is so."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from .test_typecheck import MYPY, ROOT, SUITE, installed_package, installed_stubs, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

STUBS = sorted(path.stem for path in (ROOT / "stubs" / "lazy_alchemy-stubs").glob("*.pyi"))


@pytest.fixture(scope="session")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as type checkers see it: its source, and the stubs in the place of what they describe."""
    root = tmp_path_factory.mktemp("merged")
    shutil.copytree(installed_package(), root / "lazy_alchemy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(installed_stubs(), root / "lazy_alchemy", dirs_exist_ok=True)
    return root


def test_the_stubs_are_installed() -> None:
    """The installed package has the stubs of the checkout, and they say that they are a part of its types."""
    installed = installed_stubs()

    assert STUBS == sorted(path.stem for path in installed.glob("*.pyi"))
    assert "partial\n" == (installed / "py.typed").read_text()
    assert STUBS


def test_the_stubs_agree_with_the_runtime(tmp_path: Path) -> None:
    """What the stubs declare exists, with the same arguments, and they leave out nothing; stubtest has an allowlist."""
    modules = [f"lazy_alchemy.{name}" for name in STUBS]
    allowlist = ROOT / "stubs" / "allowlist.txt"

    output = run(["mypy.stubtest", *modules, f"--allowlist={allowlist}", "--concise"], tmp_path)

    assert "" == output


@MYPY  # it finds there what mypy kept of SQLAlchemy
def test_mypy_accepts_the_stubs_as_code(merged: Path, mypy_cache: Path) -> None:
    """The stubs are right by themselves to mypy --strict."""
    stubs = [f"lazy_alchemy/{name}.pyi" for name in STUBS]

    output = run(["mypy", f"--config-file={SUITE / 'mypy.ini'}", f"--cache-dir={mypy_cache}", *stubs], merged)

    assert [] == [line for line in output.splitlines() if line.startswith(tuple(stubs))]
    assert f"(checked {len(stubs)} source file" in output or "no issues found" in output


def test_pyright_accepts_the_stubs_as_code(merged: Path) -> None:
    """The stubs are right by themselves to pyright, strict."""
    settings = json.loads((SUITE / "pyrightconfig.json").read_text())
    settings.update(include=[f"lazy_alchemy/{name}.pyi" for name in STUBS], exclude=[], extraPaths=[])
    (merged / "pyrightconfig.json").write_text(json.dumps(settings))

    output = run(["pyright", "--project=.", f"--pythonpath={sys.executable}", "--outputjson"], merged)

    report = json.loads(output)
    assert [] == report["generalDiagnostics"]
    assert len(STUBS) == report["summary"]["filesAnalyzed"]
