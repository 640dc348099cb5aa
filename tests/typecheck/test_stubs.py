"""The stubs in stubs/: that they say of the package what is so. That they are good code, test_typecheck.py tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_typecheck import ROOT, installed_stubs, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

STUBS = sorted(path.stem for path in (ROOT / "stubs" / "lazy_alchemy-stubs").glob("*.pyi"))


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
