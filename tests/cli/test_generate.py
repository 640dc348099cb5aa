from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, event, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Session

from lazy_alchemy import get_lazy_class
from lazy_alchemy._accessors.drift import limit_differences
from lazy_alchemy._cli import generate as _cli_generate
from lazy_alchemy._cli.module_file import generate, write
from lazy_alchemy.emitters.source import is_generated
from tests.databases import count_queries, warm
from tests.emitters.test_roundtrip import ONLY_READ, every, unlike, values_of, written_by
from tests.schemas import BROKEN
from tests.shops import open_shop

from .test_cli import PASSWORD, command, invoke, on_a_terminal, url_of

if TYPE_CHECKING:
    from types import ModuleType

    from sqlalchemy import Table

    from tests.conftest import Graph
    from tests.databases import Database

__all__ = ["every"]  # a fixture

ROOT = Path(__file__).resolve().parents[2]
EMITTED = ROOT / "typecheck" / "emitted"


@pytest.fixture
def shop(db: Database) -> Database:
    """The shop of typecheck/emitted."""
    open_shop(db)
    return db


def import_text(text: str, directory: Path, name: str) -> ModuleType:
    """Import a module with this text."""
    path = directory / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def application(name: str) -> Any:
    """Import an application of typecheck/emitted with modules of its own, which no other test has mapped."""
    sys.path.insert(0, str(ROOT))
    try:
        for module in [module for module in sys.modules if module.startswith("typecheck.emitted")]:
            del sys.modules[module]
        return importlib.import_module(f"typecheck.emitted.{name}")
    finally:
        sys.path.remove(str(ROOT))


class TestGolden:
    def test_module_is_the_committed_one(self, shop: Database) -> None:
        """What is generated for the shop is typecheck/emitted/..._db.py, to the character."""
        text = generate(shop.engine, models=("pydantic", "sqlmodel"), class_name="ShopDB")

        assert (EMITTED / f"{shop.name}_db.py").read_text(encoding="utf-8") == text

    def test_async_module_is_the_committed_one(self, postgresql_db: Database) -> None:
        """The registry for asyncio, of a named schema, is typecheck/emitted/async_db.py."""
        open_shop(postgresql_db)
        text = generate(postgresql_db.engine, class_name="AsyncShopDB", is_async=True, schema="public")

        assert (EMITTED / "async_db.py").read_text(encoding="utf-8") == text

    def test_formatter_leaves_it(self) -> None:
        """`ruff format` with its default settings changes nothing in a generated module."""
        ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
        assert ruff is not None
        paths = sorted(map(str, EMITTED.glob("*_db.py")))
        done = subprocess.run(
            [ruff, "format", "--isolated", "--diff", *paths], capture_output=True, text=True, check=False
        )

        assert (0, "") == (done.returncode, done.stdout)

    def test_application_works(self, shop: Database) -> None:
        """The application of typecheck/emitted does what it says."""
        said = {
            "sqlite": "['ann@example.org'] 9.50 1",
            "postgresql": "Ann ['happy'] ['new'] 9.50 sent 2026-01-08",
            "mariadb": "Ann [{'new'}] 9.50 1",
        }

        assert said[shop.name] == application(f"{shop.name}_app").main(shop.engine)

    def test_async_application_works(self, postgresql_db: Database) -> None:
        """The asynchronous application of typecheck/emitted does what it says."""
        import asyncio

        open_shop(postgresql_db)

        async def run() -> str:
            engine = create_async_engine(postgresql_db.url)
            try:
                return str(await application("async_app").main(engine))
            finally:
                await engine.dispose()

        assert "ann@example.org ['Ann']" == asyncio.run(run())


class TestValues:
    """What generated models read and write, as those do that are made at run time."""

    @pytest.fixture
    def generated(self, db: Database, every: Table, tmp_path: Path) -> Any:
        """A table with a column of every type, declared in a generated module."""
        assert every.name == "every"
        text = generate(db.engine, models=("pydantic", "sqlmodel"))
        module = import_text(text, tmp_path, f"every_{db.name}")
        return module.AppDB(db.make_engine(), on_drift="raise").every

    def test_what_is_written_is_read(self, db: Database, generated: Any) -> None:
        """A value of every type goes through the generated Insert class, and comes back equal, also as JSON."""
        model, mapped = generated.as_pydantic(), generated.as_sqlmodel()
        assert {model.__module__, mapped.__module__, generated.as_pydantic_insert().__module__} == {f"every_{db.name}"}
        problems = []
        with Session(db.engine) as session:
            for column, sql_type, value in values_of(db):
                if ONLY_READ.get(sql_type) == value:
                    continue
                row, written = written_by(generated, column, value)
                session.execute(generated.insert(), row)
                found = session.execute(select(generated).order_by(generated.c.id.desc()).limit(1)).one()
                problems.append(unlike(model, found, column, written))
                problems.append(unlike(model, session.get(mapped, found.id), column, written))
        assert [] == [problem for problem in problems if problem]

    def test_limits_are_the_columns(self, generated: Any) -> None:
        """Right after they were generated, the limits of a column of every type are what check compares them with."""
        model = generated.as_pydantic_insert()

        assert is_generated(model)
        assert [] == limit_differences(generated, model)

    def test_json_schemas(self, generated: Any) -> None:
        """What generated models say of a column of every type, in both directions, is a JSON schema."""
        for model in (generated.as_pydantic(), generated.as_pydantic_insert(), generated.as_pydantic_partial()):
            for mode in ("validation", "serialization"):
                schema = model.model_json_schema(mode=mode)
                assert set(model.model_fields) == set(schema["properties"])

    def test_rows_are_not_measured(self, db: Database, tmp_path: Path) -> None:
        """A row is read though its column holds more by now; what is to be inserted is measured, and check sees it."""
        db.execute("CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, note VARCHAR(3), size SMALLINT)")
        module = import_text(generate(db.engine), tmp_path, f"measured_{db.name}")
        row = {"id": 2**40, "note": "longer", "size": 2**40}

        assert row == module.NotesRow(**row).model_dump()
        with pytest.raises(ValidationError, match="at most 3 characters"):
            module.NotesInsert(id=1, note="longer")

    def test_numbers_are_bounded(self, db: Database, tmp_path: Path) -> None:
        """A number that no integer column holds is refused in what is to be inserted."""
        db.execute("CREATE TABLE sums (id BIGINT NOT NULL PRIMARY KEY)")
        module = import_text(generate(db.engine), tmp_path, f"bounded_{db.name}")

        assert module.SumsInsert(id=2**63 - 1).id == 2**63 - 1
        with pytest.raises(ValidationError):
            module.SumsInsert(id=2**63)

    def test_character_sets(self, mariadb_db: Database, tmp_path: Path) -> None:
        """A text that is not in the column's character set is refused; check sees that the column has another.

        A rare set is written down and its characters are not checked.
        """
        mariadb_db.execute(
            """CREATE TABLE notes (id INT PRIMARY KEY, a VARCHAR(3) COLLATE greek_bin, b TEXT NOT NULL, c TEXT
            CHARACTER SET utf8mb4) CHARACTER SET latin1"""
        )
        module = import_text(generate(mariadb_db.engine), tmp_path, "charsets_db")

        assert "ωωω" == module.NotesInsert(id=1, a="ωωω", b="\x81", c="🎉").a
        assert "🎉" == module.NotesRow(id=1, a="🎉", b="🎉").b
        assert "é" == module.NotesInsert(id=1, a="é", b="").a
        for wrong in ({"b": "ω"}, {"b": "🎉"}):
            with pytest.raises(ValidationError, match="characters that are not in"):
                module.NotesInsert.model_validate({"id": 1, "b": "", **wrong})
            with pytest.raises(ValidationError, match="characters that are not in"):
                module.NotesUpdate.model_validate(wrong)
        assert [] == limit_differences(get_lazy_class(mariadb_db.engine).notes, module.NotesInsert)
        mariadb_db.execute(
            "ALTER TABLE notes MODIFY a VARCHAR(3) CHARACTER SET utf8mb4, MODIFY b TEXT COLLATE greek_bin"
        )
        differences = limit_differences(get_lazy_class(mariadb_db.make_engine()).notes, module.NotesInsert)
        assert ["a", "b"] == [difference.column for difference in differences]
        assert 'is declared with character_set="latin1" but has character_set="greek"' in str(differences[1])

    @pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")
    def test_booleans_of_mariadb(self, mariadb_db: Database, tmp_path: Path) -> None:
        """What MariaDB stores in a BOOLEAN beside 0 and 1 is true, and what it has for no label of an ENUM is read."""
        mariadb_db.execute(
            "CREATE TABLE flags (id INT PRIMARY KEY, flag BOOLEAN NOT NULL, mood ENUM('sad'), a INET6, b INET4)",
            "INSERT IGNORE INTO flags VALUES (1, 2, 'glad', '::1', '127.0.0.1')",
        )
        module = import_text(generate(mariadb_db.engine), tmp_path, "flags_db")
        db = module.AppDB(mariadb_db.engine, on_drift="raise")
        with mariadb_db.engine.connect() as connection:
            row = module.FlagsRow.model_validate(connection.execute(select(db.flags)).one())

        assert (True, "", "::1") == (row.flag, row.mood, row.a)
        assert "    b: Column[str | None]\n" in Path(str(module.__file__)).read_text()

    def test_arrays_of_any_dimensions(self, postgresql_db: Database, tmp_path: Path) -> None:
        """PostgreSQL enforces no number of dimensions: a column may give lists of lists. Bytes are Base64 in them."""
        postgresql_db.execute(
            "CREATE TABLE lists (id int PRIMARY KEY, numbers int[], photos bytea[])",
            "INSERT INTO lists VALUES (1, '{{1,2},{3,4}}', '{{a},{b}}')",
        )
        module = import_text(generate(postgresql_db.engine), tmp_path, "lists_db")
        db = module.AppDB(postgresql_db.engine, on_drift="raise")
        with postgresql_db.engine.connect() as connection:
            row = module.ListsRow.model_validate(connection.execute(select(db.lists)).one())

        assert ([[1, 2], [3, 4]], [[b"a"], [b"b"]]) == (row.numbers, row.photos)
        assert row == module.ListsRow.model_validate_json(row.model_dump_json())
        assert [b"hi"] == module.ListsInsert.model_validate({"id": 1, "photos": ["aGk="]}).photos
        with pytest.raises(ValidationError, match="Base64"):
            module.ListsInsert.model_validate({"id": 1, "photos": ["no base64!"]})


class TestRoundTrips:
    def test_many_tables_are_one_batch(self, graph: Graph) -> None:
        """Generating costs one round trip for names and one batch: on PostgreSQL two in all."""
        engine = warm(graph.engine(100))
        generate(warm(graph.engine(100)), tables=["t0000"])  # what a dialect asks once
        with count_queries(engine) as counter:
            text = generate(engine)

        assert 100 == text.count("Columns(Columns):")
        most = {"postgresql": 2, "mariadb": 102, "sqlite": 1_002}[graph.name]
        assert counter.count <= most

    def test_importing_does_no_io(self, shop: Database, tmp_path: Path) -> None:
        """A generated module is imported, and its registry made, without a query or a connection."""
        text = generate(shop.engine, models=("pydantic", "sqlmodel"))
        connections: list[object] = []
        engine = create_engine(shop.url)
        event.listen(engine, "do_connect", lambda *given: connections.append(given))
        module = import_text(text, tmp_path, f"no_io_{shop.name}")
        db = module.AppDB(engine)

        assert [] == connections
        assert db.customers.name == "customers"
        assert connections
        engine.dispose()


# A table that nobody can read, and how the database's names and the reason of it appear in the note.
UNREADABLE = {
    "sqlite": [
        (['CREATE TABLE odd (a INTEGER, "" TEXT)'], "Table 'odd' was reflected and cannot be built: Column must be"),
        (BROKEN["sqlite"], "'broken_view' exists but cannot be read: "),
        (['CREATE TABLE "" (a INTEGER)'], "'' is listed by the database but cannot be found"),
    ],
    "mariadb": [(BROKEN["mariadb"], "'broken_view' exists but cannot be read: ")],
    "postgresql": [],  # none is known
}
ODD = {
    "sqlite": "CREATE TABLE odd (id INTEGER PRIMARY KEY, a, b WHATEVER)",
    "postgresql": "CREATE TABLE odd (a serial, b serial, c bigserial, shape point, PRIMARY KEY (a, b))",
    "mariadb": "CREATE TABLE odd (id INT PRIMARY KEY, shape POINT)",
}


class TestOddTables:
    def test_what_cannot_be_read_is_left_out(self, db: Database, tmp_path: Path) -> None:
        """Tables that cannot be read are left out with a note that names each, and all others are written."""
        reasons = [reason for _, reason in UNREADABLE[db.name]]
        db.execute(
            *[one for ddl, _ in UNREADABLE[db.name] for one in ddl], "CREATE TABLE good (id INTEGER PRIMARY KEY)"
        )
        result = invoke("generate", url_of(db), "-o", str(tmp_path / "db.py"))

        assert (0, f"{tmp_path / 'db.py'}: 1 table, written\n") == (result.exit_code, result.stdout)
        assert all(f"note: Left out: {reason}" in result.stderr for reason in reasons), result.stderr
        assert len(reasons) == result.stderr.count("\n")

    @pytest.mark.parametrize("also", [[], ["--tables", "good"]])
    def test_what_was_asked_for_must_be_read(self, sqlite_db: Database, tmp_path: Path, also: list[str]) -> None:
        """A table that cannot be read and is named, or is the only one, is an error, and nothing is written."""
        sqlite_db.execute('CREATE TABLE odd (a INTEGER, "" TEXT)')
        arguments = ["--tables", "odd", *also] if also else []
        if also:
            sqlite_db.execute("CREATE TABLE good (id INTEGER PRIMARY KEY)")
        result = invoke("generate", url_of(sqlite_db), "-o", str(tmp_path / "db.py"), *arguments)

        assert 1 == result.exit_code
        assert "'odd' was reflected and cannot be built" in result.stderr
        assert [] == list(tmp_path.glob("*.py"))

    def test_unknown_types_are_named(self, db: Database) -> None:
        """A column of an unknown type is Any, and a note names the column and its table."""
        db.execute(ODD[db.name])
        result = invoke("generate", url_of(db), "--models", "pydantic,sqlmodel")

        note = (
            "note: No Python type is known for the SQL type 'point' of column 'shape' of table 'odd':"
            " it is object in the columns class, and Any in models.\n"
        )
        assert ("" if db.is_sqlite else note, 0) == (result.stderr, result.exit_code)
        assert "Column[object]" in result.stdout


class TestCommand:
    def test_writes_a_module(self, shop: Database, tmp_path: Path) -> None:
        """`generate` writes a module, and says how many tables there are."""
        path = tmp_path / "db.py"
        result = command(
            "generate", url_of(shop), "-o", str(path), "--class", "ShopDB", "--models", "pydantic,sqlmodel"
        )

        assert ("", 0) == (result.stderr, result.returncode)
        assert f"{path}: 5 tables, written\n" == result.stdout
        assert (EMITTED / f"{shop.name}_db.py").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")

    def test_writes_to_standard_output(self, shop: Database) -> None:
        """Without -o the module goes to standard output, and nothing else does."""
        result = command("generate", url_of(shop), "--tables", "customers")

        assert ("", 0) == (result.stderr, result.returncode)
        compile(result.stdout, "db.py", "exec")
        assert result.stdout.startswith("# Generated by lazy-alchemy: do not edit.")
        assert "    customers: LazyTable[\n        CustomersColumns,\n        CustomersRow,\n" in result.stdout
        assert "orders" not in result.stdout

    @pytest.mark.parametrize(
        ("tables", "expected"),
        [
            (["a, b"], ["a", "b"]),
            (["a", "--tables", "b"], ["a", "b"]),
            (['"a,b",a'], ["a", "a,b"]),
            (['" ""c"""'], [' "c"']),
        ],
    )
    def test_tables_are_named(
        self, sqlite_db: Database, tmp_path: Path, tables: list[str], expected: list[str]
    ) -> None:
        """--tables takes names with commas between, and may be repeated; a name in double quotes may be anything."""
        sqlite_db.execute(*(f"CREATE TABLE {sqlite_db.quote(name)} (x INT)" for name in ("a", "b", "a,b", ' "c"')))
        result = invoke("generate", url_of(sqlite_db), "--tables", *tables)

        module = import_text(result.stdout, tmp_path, "named_db")
        assert expected == sorted(declared.name for declared in module.AppDB.__tables__.values())

    def test_unchanged_schema_changes_nothing(self, sqlite_db: Database, tmp_path: Path) -> None:
        """A file that would be the same is not written again."""
        open_shop(sqlite_db)
        path = tmp_path / "db.py"
        invoke("generate", url_of(sqlite_db), "-o", str(path))
        before = path.stat()
        result = invoke("generate", url_of(sqlite_db), "-o", str(path))

        assert f"{path}: 5 tables, unchanged\n" == result.stdout
        assert (before.st_mtime_ns, before.st_ino) == (path.stat().st_mtime_ns, path.stat().st_ino)

    def test_check_writes_nothing(self, db: Database, tmp_path: Path) -> None:
        """--check says by its exit status whether the file is what would be written, and never writes one."""
        db.execute("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL)")
        path = tmp_path / "db.py"
        checking = ("generate", url_of(db), "-o", str(path), "--check")
        missing = invoke(*checking)
        assert (f"error: {path} does not exist: generate it\n", 1) == (missing.stderr, missing.exit_code)
        assert not path.exists()
        invoke(*checking[:-1])
        before = path.stat()
        same = invoke(*checking)
        assert (f"{path}: 1 table, unchanged\n", "", 0) == (same.stdout, same.stderr, same.exit_code)
        db.execute("DROP TABLE t", "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL DEFAULT 1)")
        stale = invoke(*checking)
        assert (f"error: {path} is out of date: generate it again\n", 1) == (stale.stderr, stale.exit_code)
        assert (before.st_mtime_ns, before.st_ino) == (path.stat().st_mtime_ns, path.stat().st_ino)

    @pytest.mark.parametrize("content", ["", "x = 1\n", "#!/usr/bin/env python\n# Generated by lazy-alchemy\n"])
    def test_hand_written_file_is_never_lost(self, sqlite_db: Database, tmp_path: Path, content: str) -> None:
        """A file without the header of a generated one is left alone; --force overwrites it."""
        open_shop(sqlite_db)
        path = tmp_path / "db.py"
        path.write_text(content)
        result = invoke("generate", url_of(sqlite_db), "-o", str(path))

        assert (1, content) == (result.exit_code, path.read_text())
        assert f"error: {path} exists and was not generated" in result.stderr
        assert "--force" in result.stderr
        assert 0 == invoke("generate", url_of(sqlite_db), "-o", str(path), "--force").exit_code
        assert "class AppDB(LazyDB):" in path.read_text()

    def test_own_file_is_written_anew(self, sqlite_db: Database, tmp_path: Path) -> None:
        """A generated file follows the schema."""
        open_shop(sqlite_db)
        path = tmp_path / "db.py"
        invoke("generate", url_of(sqlite_db), "-o", str(path))
        sqlite_db.execute("DROP VIEW open_orders")
        result = invoke("generate", url_of(sqlite_db), "-o", str(path))

        assert f"{path}: 4 tables, written\n" == result.stdout
        assert "open_orders" not in path.read_text()

    def test_schema(self, postgresql_db: Database) -> None:
        """--schema is the schema that is read, and the registry's."""
        postgresql_db.execute("CREATE SCHEMA far", "CREATE TABLE far.things (id int PRIMARY KEY)")
        result = invoke("generate", url_of(postgresql_db), "--schema", "far", "--async")

        assert 'class AppDB(AsyncLazyDBAccessor, schema="far"):\n' in result.stdout
        assert (
            "    things: LazyTable[ThingsColumns, ThingsRow, SQLModel, ThingsInsert, ThingsUpdate]\n" in result.stdout
        )

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--models", "dataclass"], "--models takes pydantic or sqlmodel, not 'dataclass'"),
            (["--target", "1.4"], "--target takes 2.0 or 2.1, not '1.4'"),
            (["--class", "class"], "'class' cannot be the name of the registry class"),
            (["--tables", "custmers"], "Did you mean: customers?"),
            (["-o", "/nowhere/db.py"], "no such directory: /nowhere"),
            (["-o", "."], ". is a directory; name a file in it"),
            (["--check"], "--check compares a file: name it with -o"),
        ],
    )
    def test_mistakes(self, sqlite_db: Database, arguments: list[str], said: str) -> None:
        """A mistake is one clear error and exit status 1."""
        open_shop(sqlite_db)
        result = invoke("generate", url_of(sqlite_db), *arguments)

        assert 1 == result.exit_code
        assert said in result.stderr
        assert "Traceback" not in result.output

    def test_no_secret(self) -> None:
        """The password of the URL is in no message."""
        result = invoke("generate", f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/db")

        assert 1 == result.exit_code
        assert PASSWORD not in result.output

    def test_progress_is_for_terminals(self, sqlite_db: Database, tmp_path: Path) -> None:
        """A progress bar is drawn on a terminal, and nowhere else."""
        open_shop(sqlite_db)
        sent = on_a_terminal(100, "generate", url_of(sqlite_db), "-o", str(tmp_path / "db.py"))
        quiet = command("generate", url_of(sqlite_db), "-o", str(tmp_path / "db2.py"))

        assert "Writing" in sent
        assert "" == quiet.stderr

    def test_failing_to_write_loses_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that cannot be replaced stays, and nothing is left beside it."""
        path = tmp_path / "db.py"
        path.write_text("# Generated by lazy-alchemy\n")

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            write(path, "new")

        assert [path] == list(tmp_path.iterdir())
        assert "# Generated by lazy-alchemy\n" == path.read_text()

    def test_progress_off_terminal_is_disabled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where standard error is no terminal, the bar writes nothing at all."""
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        with _cli_generate._progress() as bar:
            bar.add_task("Reading", total=None)

        assert "" == stream.getvalue()
