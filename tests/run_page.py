"""Run the Python examples of one Markdown page: `python run_page.py PAGE`.

A program of its own, so that every page meets a fresh interpreter, as its reader does. How a page is written is told
in test_docs.py. Exit status 0 says that every block ran and printed what the page says; otherwise the traceback or
the difference is on standard error.
"""

from __future__ import annotations

import contextlib
import difflib
import doctest
import io
import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_EXECUTED = "python"
_OUTPUT = "text"
_NEVER_EXECUTED = re.compile(r"(python3?|py|pycon|pytb)\b.*", re.IGNORECASE)


class PageError(Exception):
    """The page is not written as test_docs.py says."""


@dataclass
class Block:
    """One Python block of a page, with the output that the page gives for it, if any."""

    line: int
    source: str
    output: str | None = None


def blocks_of(text: str) -> list[Block]:
    """Return the Python blocks of a page in order.

    Raises:
        PageError: A fence is never closed, or it hides Python from this runner.
    """
    blocks: list[Block] = []
    previous: Block | None = None  # the Python block that nothing but blank lines has followed so far
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            if line.strip():
                previous = None
            continue
        info, indent = fence["info"].strip(), len(fence["indent"])
        body: list[str] = []
        for _, inner in lines:
            if inner.strip().startswith(fence["marks"]) and not inner.strip().strip(fence["marks"][0]):
                break
            body.append(inner[min(indent, len(inner) - len(inner.lstrip())) :])
        else:
            raise PageError(f"line {number}: the block is never closed")
        content = "".join(f"{inner}\n" for inner in body)
        if info == _EXECUTED:
            previous = Block(number + 1, content)
            blocks.append(previous)
        elif _NEVER_EXECUTED.fullmatch(info):
            raise PageError(
                f"line {number}: a block of Python is fenced with ```python and nothing else, not ```{info}"
            )
        else:
            if info == _OUTPUT and previous is not None:
                previous.output = content
            previous = None
    return blocks


def run(page: Path) -> None:
    """Run a page's blocks in order in one namespace, which is the module `__main__`.

    Raises:
        PageError: The page is not written as it should be, or a block printed something else.
    """
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    for block in blocks_of(page.read_text(encoding="utf-8")):
        # Empty lines before the source make a traceback's line number the page's.
        code = compile("\n" * (block.line - 1) + block.source, str(page), "exec", dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, main.__dict__)  # noqa: S102 - running the page is the purpose
        if block.output is not None and not _same(block.output, printed.getvalue()):
            difference = difflib.unified_diff(
                block.output.splitlines(), printed.getvalue().splitlines(), "the page", "printed", lineterm=""
            )
            raise PageError("\n".join([f"line {block.line}: the block printed something else", *difference]))


def _same(expected: str, printed: str) -> bool:
    expected, printed = (
        "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines()) for text in (expected, printed)
    )
    return doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except PageError as error:
        sys.exit(f"{sys.argv[1]}, {error}")
