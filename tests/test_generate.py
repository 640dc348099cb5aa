from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from lazy_alchemy import _cli_generate
from lazy_alchemy._generate import generate, write

from .databases import count_queries, warm
from .shops import open_shop
from .test_cli import PASSWORD, command, invoke, on_a_terminal, url_of

if TYPE_CHECKING:
    from types import ModuleType

    from .conftest import Graph
    from .databases import Database

ROOT = Path(__file__).resolve().parent.parent
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
        assert "    customers: LazyTable[CustomersColumns, CustomersRow]\n" in result.stdout
        assert "orders" not in result.stdout

    def test_unchanged_schema_changes_nothing(self, sqlite_db: Database, tmp_path: Path) -> None:
        """A file that would be the same is not written again."""
        open_shop(sqlite_db)
        path = tmp_path / "db.py"
        invoke("generate", url_of(sqlite_db), "-o", str(path))
        before = path.stat()
        result = invoke("generate", url_of(sqlite_db), "-o", str(path))

        assert f"{path}: 5 tables, unchanged\n" == result.stdout
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
        assert "    things: LazyTable[ThingsColumns, ThingsRow]\n" in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--models", "dataclass"], "--models takes pydantic or sqlmodel, not 'dataclass'"),
            (["--target", "1.4"], "--target takes 2.0 or 2.1, not '1.4'"),
            (["--class", "class"], "'class' cannot be the name of the registry class"),
            (["--tables", "custmers"], "Did you mean: customers?"),
            (["-o", "/nowhere/db.py"], "no such directory: /nowhere"),
            (["-o", "."], ". is a directory; name a file in it"),
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
