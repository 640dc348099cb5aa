"""The rooms of the source and their floors: a room imports only from lower floors, and nothing goes in circles.

The same table stands in docs/architecture.md.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import lazy_alchemy

SOURCE = Path(lazy_alchemy.__file__).parent
PACKAGE = "lazy_alchemy"

# From the ground up. A room is a module, or a folder with all that is in it but for the rooms that are named by
# themselves. Rooms of one folder have floors of their own beside those of the house.
FLOORS: list[set[str]] = [
    {"_errors", "_secrets", "_drivers", "_type_parameters"},
    {"_schema", "_concurrency"},
    {"_protocols", "_reflected", "reflectors"},
    {"caches", "emitters"},
    {"_tables"},
    {"_catalog"},
    {"_accessors"},
    {"__init__"},
    {"_cli"},
]
INNER: dict[str, list[set[str]]] = {
    "emitters": [
        {"_fields", "_values"},
        {"_columns", "bases"},
        {"_mapped", "_source"},
        {"dataclass", "orm", "pydantic", "source", "sqlmodel", "typeddict"},
        {"__init__"},
    ],
    "reflectors": [
        {"_kinds", "_proxy", "_version"},
        {"_mariadb", "_postgresql", "_sqlite"},
        {"_batch", "_listeners"},
        {"inspector"},
        {"postgresql"},
        {"__init__"},
    ],
}

MODULES = {
    ".".join([PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts]): path for path in sorted(SOURCE.rglob("*.py"))
}


def _module_of(name: str) -> str | None:
    """Return the module that a dotted name leads to, by the longest part of it that is one."""
    parts = name.split(".")
    while parts:
        for candidate in (".".join(parts), ".".join([*parts, "__init__"])):
            if candidate in MODULES:
                return candidate
        parts.pop()
    return None


def _imports(text: str, module: str) -> set[str]:
    """Return the modules of the package that a text imports: under TYPE_CHECKING and inside of functions too."""
    package = module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(str(item.value) for item in node.args if isinstance(item, ast.Constant))
    modules = {_module_of(name) for name in found if name.split(".")[0] == PACKAGE}
    return {name for name in modules if name is not None} - {module}


def _floor(room: str, floors: list[set[str]]) -> int:
    return next(number for number, rooms in enumerate(floors, 1) if room in rooms)


def _problem(importing: str, imported: str) -> str | None:
    """Return what is wrong with an import between two modules; None if nothing is."""
    ours, theirs = importing.split(".")[1:], imported.split(".")[1:]
    if ours[0] != theirs[0]:
        one, other = _floor(ours[0], FLOORS), _floor(theirs[0], FLOORS)
        return None if other < one else f"{importing} (floor {one}) imports {imported} (floor {other})"
    if ours[0] in INNER and ours[1] != theirs[1]:
        inner = INNER[ours[0]]
        one, other = _floor(ours[1], inner), _floor(theirs[1], inner)
        return None if other < one else f"{importing} (floor {one} of {ours[0]}) imports {imported} (floor {other})"
    return None


def test_every_room_has_a_floor() -> None:
    """Each module and folder of the source stands in the table, once, and the table names nothing else."""
    top = {name.split(".")[1] for name in MODULES}
    assert sorted(top) == sorted(room for rooms in FLOORS for room in rooms)
    for folder, floors in INNER.items():
        inside = {name.split(".")[2] for name in MODULES if name.split(".")[1] == folder}
        assert sorted(inside) == sorted(room for rooms in floors for room in rooms)


def test_at_most_nine_floors() -> None:
    """The house has nine floors at most."""
    assert len(FLOORS) <= 9


def test_imports_lead_down() -> None:
    """Every import, also for typing and inside of a function, is of a room on a lower floor or within the room."""
    problems = [
        problem
        for module, path in MODULES.items()
        for imported in sorted(_imports(path.read_text(encoding="utf-8"), module))
        if (problem := _problem(module, imported)) is not None
    ]
    assert [] == problems


def test_no_circle() -> None:
    """No two modules import each other, directly or by way of others."""
    graph = {module: _imports(path.read_text(encoding="utf-8"), module) for module, path in MODULES.items()}
    while leaves := [module for module, imported in graph.items() if not imported]:
        for leaf in leaves:
            del graph[leaf]
        for imported in graph.values():
            imported.difference_update(leaves)
    assert {} == graph


@pytest.mark.parametrize(
    "text",
    [
        "from lazy_alchemy._accessors.threaded import LazyDB",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lazy_alchemy._accessors.threaded import LazyDB",
        "def ask():\n    import lazy_alchemy._accessors.threaded",
        "from .._accessors import threaded",
        "from importlib import import_module\nimport_module('lazy_alchemy._accessors.threaded')",
    ],
    ids=["plain", "typing", "function", "relative", "import_module"],
)
def test_an_import_that_leads_up_is_found(text: str) -> None:
    """Each form of an import from a higher floor is found."""
    module = f"{PACKAGE}._catalog.catalog"
    problems = [_problem(module, imported) for imported in _imports(text, module)]
    assert problems
    assert all("(floor 6) imports lazy_alchemy._accessors" in str(problem) for problem in problems)
