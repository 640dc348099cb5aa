"""Every Python example of README.md and docs/ runs, as a reader would run it.

How a page is written:

- Each block fenced with ```python is executed. The blocks of one page run in order in one namespace, in an empty
  directory and an interpreter of their own, with every warning an error: a page makes its own engine (SQLite) and its
  own tables, and can be pasted block by block. There is no way to exclude a block of Python.
- A block fenced with ```text directly after it (blank lines aside) is what it prints, line for line; `...` stands for
  anything. Blocks of other kinds (bash, console, toml) are not looked at.

README's two commands are looked at here and run by .ci/run.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .run_page import PageError, blocks_of

ROOT = Path(__file__).resolve().parent.parent
RUNNER = Path(__file__).with_name("run_page.py")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _run(page: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(RUNNER), str(page)],
        cwd=directory,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=50,
    )


def _sample(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "sample.md"
    page.write_text(textwrap.dedent(text), encoding="utf-8")
    return page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_example_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    """The page's Python blocks run one after another and print what the page says."""
    completed = _run(page, tmp_path)

    assert 0 == completed.returncode, completed.stderr


def test_readme_has_its_two_commands() -> None:
    """README has one line that installs and runs the demo, and one that installs and runs the tests."""
    commands = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if "python3 -m " in line]

    assert ["demo", "pytest"] == [command.split()[-1] for command in commands]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)


def test_blocks_share_a_namespace_and_a_directory(tmp_path: Path) -> None:
    """What one block defines or writes, the next has; the classes of a page can be pickled."""
    page = _sample(
        tmp_path,
        """\
        ```python
        import pathlib, pickle
        class Kept: ...
        pathlib.Path("here").touch()
        ```
        Some prose.
        ```python
        assert isinstance(pickle.loads(pickle.dumps(Kept())), Kept)
        print(*pathlib.Path().iterdir())
        ```

        ```text
        here
        ```
        """,
    )
    (tmp_path / "empty").mkdir()

    completed = _run(page, tmp_path / "empty")

    assert 0 == completed.returncode, completed.stderr


def test_a_failing_example_fails_with_the_line_of_the_page(tmp_path: Path) -> None:
    """An exception in a block fails the page, and the traceback names the page and the line in it."""
    completed = _run(_sample(tmp_path, "# Title\n\n```python\nok = 1\nok / 0\n```\n"), tmp_path)

    assert 1 == completed.returncode
    assert "ZeroDivisionError" in completed.stderr
    assert 'sample.md", line 5' in completed.stderr


def test_a_warning_fails_the_page(tmp_path: Path) -> None:
    """An example that warns is not one to show."""
    completed = _run(_sample(tmp_path, "```python\nimport warnings\nwarnings.warn('old')\n```\n"), tmp_path)

    assert 1 == completed.returncode
    assert "UserWarning: old" in completed.stderr


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("1 table\n2 rows, 0.3 ms\n", 1),
        ("1 table\n2 rows, 0.5 ms\n", 0),
        ("1 table\n2 rows, ... ms\n", 0),
        ("1 table  \n2 rows, 0.5 ms\n\n", 0),
        ("1 table\n", 1),
        ("", 1),
    ],
)
def test_output_is_compared(tmp_path: Path, output: str, status: int) -> None:
    """A text block after a Python block is compared with what was printed, with `...` for anything."""
    source = "print('1 table')\nprint('2 rows, 0.5 ms')\n"

    completed = _run(_sample(tmp_path, f"```python\n{source}```\n\n```text\n{output}```\n"), tmp_path)

    assert status == completed.returncode, completed.stderr
    assert ("printed something else" in completed.stderr) == bool(status)


def test_a_text_block_after_prose_is_not_output(tmp_path: Path) -> None:
    """Only a text block directly after the Python block is its output."""
    (block,) = blocks_of("```python\nprint(1)\n```\nNot output:\n```text\n2\n```\n")

    assert block.output is None


@pytest.mark.parametrize("info", ["python no-run", "py", "python3", "pycon", "Python"])
def test_no_python_is_left_out(info: str) -> None:
    """A block of Python that would not be executed is an error."""
    with pytest.raises(PageError, match="line 2: "):
        blocks_of(f"\n```{info}\n1\n```\n")


def test_a_block_must_be_closed() -> None:
    """A fence without its end is an error, not a block that nobody runs."""
    with pytest.raises(PageError, match="never closed"):
        blocks_of("```python\n1\n")


def test_fences_inside_other_blocks_are_their_content() -> None:
    """A block of Markdown that shows a Python block is not executed."""
    assert [] == blocks_of("````markdown\n```python\n1 / 0\n```\n````\n")


def test_indented_blocks_are_executed() -> None:
    """A block in a list item is executed, without the item's indentation."""
    (block,) = blocks_of("- item\n\n  ```python\n  if True:\n      pass\n  ```\n")

    assert "if True:\n    pass\n" == block.source
    assert 4 == block.line
