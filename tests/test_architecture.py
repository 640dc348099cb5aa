"""What docs/architecture.md says of the code is so: tests, paths, names, floors. And the links of all pages work."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .test_floors import FLOORS, INNER, SOURCE

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "docs" / "contributing.md"
PAGES = [ROOT / "README.md", ROOT / "typecheck" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*(/|\.(py|pyi|md|toml))")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def _spans(text: str) -> list[str]:
    """Return the code spans of a page, each on one line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", _prose(text))]


def _tests() -> set[str]:
    """Return the names of all tests that there are."""
    texts = (_read(path) for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"^\s*(?:async )?def (test_\w+)\(", text, re.MULTILINE)}


def _definitions(path: Path) -> set[str]:
    """Return the names of a module's classes and functions, and ``Class.member`` for what the classes define."""
    found: set[str] = set()
    for node in ast.parse(_read(path)).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    found.add(f"{node.name}.{inner.name}")
                elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                    found.add(f"{node.name}.{inner.target.id}")
                elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    found.add(f"{node.name}.{inner.attr}")
    return found


def _unknown_tests(text: str) -> set[str]:
    """Return the tests that a page names and that there are not."""
    return {span for span in _spans(text) if re.fullmatch(r"test_\w+", span)} - _tests()


def _unknown_paths(text: str) -> set[str]:
    """Return the paths that a page names and that lead nowhere, from the source or the root of the repository."""
    paths = {span for span in _spans(text) if _PATH.fullmatch(span)}
    return {path for path in paths if not any((start / path).exists() for start in (SOURCE, ROOT))}


def _unknown_members(text: str) -> set[str]:
    """Return each ``Class.member`` that a page names whose class the package has without the member."""
    known = set[str]().union(*map(_definitions, SOURCE.rglob("*.py")))
    named = {span for span in _spans(text) if re.fullmatch(r"[A-Z]\w+\.\w+", span)}
    return {span for span in named if span.partition(".")[0] in known} - known


def _misplaced(text: str) -> set[tuple[str, str]]:
    """Return each path that is followed by names in brackets, with those of the names that it does not define."""
    found: set[tuple[str, str]] = set()
    for path, names in re.findall(r"`([\w/]+\.py)`\s+\((`[^)]+`)\)", _prose(text)):
        module = SOURCE / path
        defined = _definitions(module) if module.exists() else set[str]()
        found.update((path, name) for name in re.findall(r"`([^`]+)`", names) if name not in defined)
    return found


def _floors(text: str, heading: str) -> list[set[str]]:
    """Return the floors of the first table under a heading, from the ground up."""
    section = re.split(r"^#", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = {int(number): rooms for number, rooms in re.findall(r"^\| (\d+) \| ([^|]+) \|", section, re.MULTILINE)}
    assert sorted(rows) == list(range(1, len(rows) + 1))
    return [set(re.findall(r"`([^`]+)`", rows[number])) for number in sorted(rows)]


def _anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _dead_links(page: Path, text: str) -> list[str]:
    """Return the links of a page within the repository that lead nowhere."""
    dead: list[str] = []
    for link in _LINK.findall(re.sub(r"`[^`]*`", "", _prose(text))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        if not path.exists() or (anchor and anchor not in _anchors(text if path == page else _read(path))):
            dead.append(link)
    return dead


@pytest.fixture
def text() -> str:
    """The page."""
    return _read(PAGE)


def test_its_tests_exist(text: str) -> None:
    """Every test that the page names is somewhere under tests/."""
    assert set() == _unknown_tests(text)
    assert {"test_nothing_of_the_kind"} == _unknown_tests("`test_nothing_of_the_kind`, `test_no_circle`")


def test_its_paths_exist(text: str) -> None:
    """Every path that the page names, or docs/contributing.md, is one of the source or of the repository."""
    assert set() == _unknown_paths(text)
    assert set() == _unknown_paths(_read(CONTRIBUTING))
    assert {"_catalog/attic.py", "_attic/"} == _unknown_paths("`_catalog/attic.py` `_attic/` `_catalog/` `_tables.py`")


def test_its_names_are_in_the_code(text: str) -> None:
    """Every member of a class that the page names exists, and what it says a module defines is defined there."""
    assert set() == _unknown_members(text)
    assert set() == _misplaced(text)
    assert {"Catalog.ask"} == _unknown_members("`Catalog.ask`, `Catalog.table`, `MetaData.tables`")
    assert {("_secrets.py", "Loads")} == _misplaced("`_secrets.py` (`Loads`), `_catalog/loading.py` (`Loads`)")


def test_its_floors_are_those_of_the_test(text: str) -> None:
    """The tables of floors are those that the imports are checked by."""
    assert FLOORS == _floors(text, "## Floors")
    assert INNER == {folder: _floors(text, f"### Floors of {folder}") for folder in INNER}
    assert [{"a"}, {"b", "c"}] == _floors("## F\n\n| 2 | `b`, `c` | |\n| 1 | `a` | |\n### G\n| 3 | `d` | |\n", "## F")


def test_the_invariants_are_numbered(text: str) -> None:
    """The page has I1 to I11, each with its code and its tests, and the tests refer to no other."""
    numbers = re.findall(r"^### (I\d+)\. ", text, re.MULTILINE)
    assert [f"I{number}" for number in range(1, 12)] == numbers
    for section in re.split(r"^### I", text, flags=re.MULTILINE)[1:]:
        assert "\n- Code: `" in section
        assert "\n- Tests: `test_" in section
    for path in (ROOT / "tests").rglob("*.py"):
        documentation = ast.get_docstring(ast.parse(_read(path))) or ""
        assert set(re.findall(r"\bI\d+\b", documentation)) <= set(numbers), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """Every link of a page to another file, or to a heading, finds it."""
    assert [] == _dead_links(page, _read(page))


def test_a_dead_link_is_found() -> None:
    """A missing file and a missing heading are found; an address of the web is not looked at."""
    text = "# A b\n[1](nothing.md) [2](#a-b) [3](#c) [4](https://example.org/x) [5](caching.md#nothing) [6](caching.md)"
    assert ["nothing.md", "#c", "caching.md#nothing"] == _dead_links(PAGE, text)
