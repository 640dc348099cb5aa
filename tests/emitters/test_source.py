# ruff: noqa: E501 - lists of names

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, inspect
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from lazy_alchemy import AsyncLazyDBAccessor, LazyDB, ModelError
from lazy_alchemy._accessors.drift import differences
from lazy_alchemy._accessors.type_arguments import declared_columns
from lazy_alchemy._cli.module_file import generate
from lazy_alchemy.emitters import SourceEmitter
from lazy_alchemy.emitters._source import classes, registry
from lazy_alchemy.emitters.source import module_source
from tests.effort import amount, full, more
from tests.schemas import AWKWARD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from sqlalchemy import Engine

ROOT = Path(__file__).resolve().parent.parent.parent
RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff") or "ruff"

# Names that a generated module uses itself, and so must not confuse with columns and tables.
TRAPS = [
    "int", "str", "list", "datetime", "decimal", "uuid", "Any", "Literal", "Column", "Columns", "Field", "omitted", "overload",
    "LazyTable", "LazyDB", "AppDB", "RowModel", "UsersColumns", "users", "UsersRow", "model_config", "model_fields", "copy", "json",
    "metadata", "registry", "keys", "values", "items", "__init__", "__mapper__", "_sa_instance_state", "None", "class", "self", "cls",
    "A" * 70, "b" * 87, "c" * 120,
]  # fmt: skip
NAMES = sorted({*AWKWARD, *TRAPS})
TYPES = [
    "INTEGER", "TEXT", "VARCHAR(30)", "NUMERIC(8, 2)", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "BLOB", "JSON", "BIGINT",
    "WHATEVER",
]  # fmt: skip

names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30),
)
columns = st.tuples(names, st.sampled_from(TYPES), st.booleans(), st.sampled_from(["", " DEFAULT 1"]))


def _unique(name: str) -> str:
    return name.lower()


tables = st.tuples(names, st.lists(columns, min_size=1, max_size=9, unique_by=lambda column: _unique(column[0])))
schemas = st.lists(tables, min_size=1, max_size=4, unique_by=lambda table: _unique(table[0]))


def quoted(name: str) -> str:
    """Return a name as SQLite reads it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


_engines: list[Engine] = []


@pytest.fixture(autouse=True)
def disposed() -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while _engines:
        _engines.pop().dispose()


def database_of(schema: list[Any]) -> Engine:
    """Make a database of a drawn schema: the first column is the key of every other table."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _engines.append(engine)
    with engine.begin() as connection:
        for number, (table, some) in enumerate(schema):
            lines = [
                f"{quoted(name)} {type_}{' NOT NULL' if required else ''}{default}"
                for name, type_, required, default in some
            ]
            if number % 2:
                lines.append(f"PRIMARY KEY ({quoted(some[0][0])})")
            text = f"CREATE TABLE {quoted('t_' + table if table.startswith('sqlite_') else table)} ({', '.join(lines)})"
            connection.connection.cursor().execute(text)  # no parameters, in whatever style
    return engine


def drawn_schemas(count: int) -> list[list[Any]]:
    """Return schemas as hypothesis draws them for the tests of any schema."""
    found: list[list[Any]] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(schemas)
    def collect(schema: list[Any]) -> None:
        found.append(schema)

    collect()
    return found


def write_traps(directory: Path) -> None:
    """Generate modules of drawn schemas, and of every name: of a table with a column called as it is, and among others."""
    for number, schema in enumerate(drawn_schemas(12)):
        text = generate(database_of(schema), models=("pydantic", "sqlmodel"))
        (directory / f"drawn_{number}.py").write_text(text, encoding="utf-8")
    drawn = random.Random(1)
    distinct = list({_unique(name): name for name in NAMES if not name.startswith("sqlite_")}.values())
    columns = [(name, drawn.choice(TYPES), drawn.random() < 0.5, "") for name in distinct]
    narrow = [(column[0], [column]) for column in columns]
    wide = [(f"wide {start}", columns[start : start + 40]) for start in range(0, len(columns), 40)]
    text = generate(database_of([*narrow, *wide]), models=("pydantic", "sqlmodel"))
    (directory / "portable.py").write_text(text, encoding="utf-8")
    if tuple(map(int, importlib.metadata.version("sqlalchemy").split(".")[:2])) >= (2, 1):
        text = generate(database_of(wide), target="2.1", is_async=True)
        (directory / "newest.py").write_text(text, encoding="utf-8")


def import_text(text: str, directory: Path) -> ModuleType:
    """Import a module with this text."""
    number = len(list(directory.iterdir()))
    path = directory / f"generated_{number}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"{directory.name}_{number}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def formatted(text: str) -> str:
    """Return what `ruff format` makes of a text, with its default settings."""
    done = subprocess.run(
        [RUFF, "format", "--isolated", "-"], input=text, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout


class TestAnySchema:
    @more
    @settings(max_examples=amount(6, 30), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(schemas)
    def test_module_is_formatted_imports_and_matches(self, tmp_path: Path, schema: list[Any]) -> None:
        """Of whatever names, a module is as ruff formats it, imports, matches its database, and its classes work."""
        engine = database_of(schema)
        text = generate(engine, models=("pydantic", "sqlmodel"))

        assert formatted(text) == text
        module = import_text(text, tmp_path)
        db = module.AppDB(engine, on_drift="raise")
        assert len(schema) == len(module.AppDB.__tables__)
        for attribute, declared in module.AppDB.__tables__.items():
            table = getattr(db, attribute)
            columns = declared_columns(declared)
            assert declared.name == table.name
            assert columns is not None
            assert [] == differences(table, columns)
            row = table.as_pydantic()
            assert len(table.c) == len(row.model_fields)
            assert module.__name__ == row.__module__
            if table.primary_key.columns:
                model = table.as_sqlmodel()
                assert module.__name__ == model.__module__
                assert {*table.c} == {column for attr in inspect(model).column_attrs for column in attr.columns}
        assert text == generate(engine, models=("pydantic", "sqlmodel"))
        engine.dispose()

    @full
    @pytest.mark.timeout(600)
    @pytest.mark.xdist_group("mypy")  # whose cache it shares
    def test_module_passes_mypy(self, tmp_path: Path, mypy_cache: Path) -> None:
        """Modules of drawn schemas, every trap and every awkward name pass mypy --strict, for both targets."""
        write_traps(tmp_path)
        config = ROOT / "typecheck" / "mypy.ini"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "mypy",
                f"--config-file={config}",
                f"--cache-dir={mypy_cache}",
                *tmp_path.glob("*.py"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

        assert 0 == done.returncode, done.stdout[-3000:]

    @full
    @pytest.mark.timeout(600)
    @pytest.mark.xdist_group("pyright")
    def test_module_passes_pyright(self, tmp_path: Path) -> None:
        """Modules of drawn schemas, every trap and every awkward name pass pyright in strict mode, for both targets."""
        write_traps(tmp_path)
        (tmp_path / "pyrightconfig.json").write_text(
            json.dumps({"typeCheckingMode": "strict", "enableTypeIgnoreComments": False, "include": ["*.py"]})
        )
        done = subprocess.run(
            [sys.executable, "-m", "pyright", "--outputjson", "-p", ".", f"--pythonpath={sys.executable}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

        found = [one["message"] for one in json.loads(done.stdout)["generalDiagnostics"]]
        if importlib.metadata.version("sqlmodel") == "0.0.20":  # it was SQLModel's fault, and no longer is
            found = [message for message in found if not message.startswith('Type of "SQLField" is partially unknown')]
        assert [] == found


class TestEmitter:
    def test_text_of_one_table(self, tmp_path: Path) -> None:
        """SourceEmitter writes a module with the classes of one table, which can be executed, and no registry."""
        engine = database_of([("users", [("id", "INTEGER", True, ""), ("name", "TEXT", False, "")])])
        text = LazyDB(engine).get("users").emit(SourceEmitter())
        module = import_text(text, tmp_path)

        assert formatted(text) == text
        assert "LazyTable" not in text
        assert ["UsersColumns", "UsersInsert", "UsersRow", "UsersUpdate"] == sorted(
            name for name in vars(module) if name.startswith("Users")
        )

    def test_equal_emitters_give_the_same(self) -> None:
        """Emitters are values: equal ones give the text that was written first."""
        engine = database_of([("users", [("id", "INTEGER", True, "")])])
        users = LazyDB(engine).get("users")

        assert users.emit(SourceEmitter()) is users.emit(SourceEmitter())
        assert users.emit(SourceEmitter()) != users.emit(SourceEmitter(("sqlmodel",)))

    def test_any_table(self) -> None:
        """A Table that no accessor loaded is written too."""
        table = Table(
            "plain", MetaData(), Column("id", Integer, primary_key=True), Column("note", Text, comment='a "b"')
        )
        text = SourceEmitter().emit(table)

        assert '    note: Column[str | None]\n    """a \'b\'"""\n' in text
        assert "    note: str | None = Field(default=None, description='a \"b\"')\n" in text

    @pytest.mark.parametrize("options", [{"models": ("dataclass",)}, {"target": "1.4"}])
    def test_unknown_option(self, options: dict[str, Any]) -> None:
        """An option that there is not is a ModelError."""
        with pytest.raises(ModelError, match="is no"):
            SourceEmitter(**options)

    def test_order_does_not_matter(self) -> None:
        """The same tables give the same text, in whatever order they come."""
        engine = database_of([(name, [("id", "INTEGER", True, "")]) for name in ("b", "A-b", "a_b", "c", "B b")])
        db = LazyDB(engine)
        found = [db[name] for name in ("b", "A-b", "a_b", "c", "B b")]

        assert module_source(found) == module_source(reversed(found))

    def test_names_depend_on_the_table_alone(self) -> None:
        """No other table, no column and no option changes the names of a table's classes, or its attribute."""
        traps = [
            "users_row",
            "user",
            "UserRow",
            "UsersInsert",
            "any",
            "Field",
            "typed",
            "a",
            "status",
            "BaseModel",
        ]
        engine = database_of(
            [(name, [("id", "INTEGER", True, ""), ("Users", "TEXT", True, "")]) for name in ("x", "users", *traps)]
        )
        text = generate(engine, models=("pydantic", "sqlmodel"))

        def declared(text: str) -> dict[str, str]:
            found = re.findall(r"    (\w+): LazyTable\[\s*(\w+)Columns,", text)
            return dict(found)

        everything = declared(text)
        assert everything["users"] == "Users"
        assert everything["user"] == "User"
        assert everything["users_row"] == "UsersRow_"
        assert len(everything) == len(set(everything.values())) == len(traps) + 2
        for name in everything:
            alone = generate(engine, tables=[name], class_name="OtherDB")
            assert {name: everything[name]} == declared(alone)

    def test_namesakes(self) -> None:
        """Of tables whose classes would be namesakes, all but the likeliest name have a mark, of their own names' making."""
        tables = [(name, [("id", "INTEGER", True, "")]) for name in ("a-b", "a_b", "a b")]
        text = generate(database_of(tables))

        assert "    a_b: LazyTable[ABColumns, ABRow, SQLModel, ABInsert, ABUpdate]\n" in text
        for name in ("a-b", "a b"):
            mark = hashlib.sha256(name.encode()).hexdigest()[:4]
            assert f"class AB_{mark}Row(RowModel):" in text
            assert f"    a_b_{mark}: LazyTable[" in text
            assert f"class AB_{mark}Row(RowModel):" in generate(
                database_of([one for one in tables if one[0] in ("a_b", name)])
            )

    def test_written_lists_are_complete(self) -> None:
        """The names that are written down are those of the installed SQLAlchemy and of the accessors."""
        collection = {name for name in dir(ReadOnlyColumnCollection) if not name.startswith("_")}
        accessors = {name for cls in (LazyDB, AsyncLazyDBAccessor) for name in dir(cls) if not name.startswith("_")}

        assert set() == collection - classes._COLLECTION
        assert set() == accessors - registry._ACCESSOR
