from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import lazy_alchemy
from tests.effort import amount, more


def _imported_by(code: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has imported after running `code`."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return set(json.loads(done.stdout))


def test_importing_the_package_imports_little() -> None:
    """`import lazy_alchemy` imports neither SQLAlchemy, Pydantic, SQLModel, anyio nor asyncio."""
    imported = _imported_by("import lazy_alchemy")

    assert set() == imported & {"sqlalchemy", "pydantic", "sqlmodel", "anyio", "asyncio", "trio", "typing_extensions"}
    assert {"lazy_alchemy"} == {name for name in imported if name.startswith("lazy_alchemy")}


def test_a_synchronous_accessor_imports_no_models_and_no_event_loop() -> None:
    """Getting a table through a sync Engine imports no Pydantic, SQLModel or anyio, and no asyncio of our own."""
    use = """
        from sqlalchemy import create_engine, text
        from sqlalchemy.pool import StaticPool
        engine = create_engine("sqlite://", poolclass=StaticPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY)"))
            connection.execute(text("SELECT * FROM users")).all()
    """.replace("\n        ", "\n")
    alone = _imported_by(use)
    imported = _imported_by(
        f"{use}\nfrom lazy_alchemy import get_lazy_class\ndb = get_lazy_class(engine, cache_ttl=1)\n"
        "assert db.users.name == 'users'\ndb.list_tables(), repr(db), dir(db)"
    )

    assert set() == imported & {"pydantic", "sqlmodel", "anyio", "trio"}
    assert set() == (imported - alone) & {"asyncio", "greenlet", "psycopg", "pymysql"}


def test_a_registry_imports_no_models() -> None:
    """Declaring a registry imports neither Pydantic nor SQLModel."""
    imported = _imported_by(
        "from lazy_alchemy import LazyDB, LazyTable\nclass AppDB(LazyDB):\n    users: LazyTable\n"
        "    items: 'LazyTable' = LazyTable(name='order-items')"
    )

    assert set() == imported & {"pydantic", "sqlmodel", "anyio"}


@pytest.mark.parametrize("name", lazy_alchemy.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Every name of `__all__` can be imported, in a fresh interpreter too where nothing else was."""
    assert getattr(lazy_alchemy, name) is not None
    assert name in dir(lazy_alchemy)


@more
def test_every_public_name_can_be_the_first() -> None:
    """Each public name can be the first that is imported: no order of imports is needed."""
    for name in lazy_alchemy.__all__[:: amount(5, 1)]:
        _imported_by(f"from lazy_alchemy import {name}")


def test_all_is_what_there_is() -> None:
    """`__all__` is sorted, has no name twice, and is exactly what the package defines of its own."""
    submodules = {module.name for module in pkgutil.iter_modules(lazy_alchemy.__path__)}
    offered = {name for name in dir(lazy_alchemy) if not name.startswith("_")} - submodules

    assert sorted(set(lazy_alchemy.__all__)) == lazy_alchemy.__all__
    assert offered - {"annotations", "importlib", "TYPE_CHECKING"} == set(lazy_alchemy.__all__) - {"__version__"}
    assert {"caches", "reflectors", "emitters"} == {name for name in submodules if not name.startswith("_")}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A name that the package does not have is an AttributeError, and an ImportError in `from ... import`."""
    assert not hasattr(lazy_alchemy, "nothing_of_the_kind")
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = lazy_alchemy.nothing_of_the_kind


@pytest.mark.parametrize("module", ["caches", "reflectors", "emitters"])
def test_the_public_modules_export_what_they_list(module: str) -> None:
    """What `caches`, `reflectors` and `emitters` list in `__all__` is there."""
    imported = importlib.import_module(f"lazy_alchemy.{module}")

    for name in imported.__all__:
        assert getattr(imported, name) is not None
