from __future__ import annotations

import contextlib
import io
import os
import re
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, event

from lazy_alchemy import __version__
from lazy_alchemy._cli import main as _cli
from lazy_alchemy._cli.app import app
from lazy_alchemy._cli.text import printable
from lazy_alchemy._secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database

PASSWORD = "s3cret-Pa55"  # noqa: S105 - of nobody
QUERY_VALUE = "hush-hush-42"
UNREACHABLE = "127.0.0.1:1"


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own, with nobody's COLUMNS."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return subprocess.run(
        [sys.executable, "-m", "lazy_alchemy._cli.main", *arguments],
        capture_output=True,
        env={**inherited, "PYTHONIOENCODING": "utf-8", **environment},
        text=True,
        encoding="utf-8",
        check=False,
        timeout=50,
    )


def on_a_terminal(width: int, *arguments: str) -> str:
    """Run the real command on a pseudo-terminal and return what it sends there."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 200, width, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "lazy_alchemy._cli.main", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**inherited, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(follower)
    sent = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(leader, 65536):
            sent += chunk
    os.close(leader)
    assert 0 == process.wait(timeout=50)
    return sent.decode("utf-8").replace("\r\n", "\n")


class Outcome(NamedTuple):
    """What the command printed and how it ended."""

    stdout: str
    stderr: str
    exit_code: object

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return self.stdout + self.stderr


def invoke(*arguments: str) -> Outcome:
    """Run the command in this process."""
    # typer.testing.CliRunner has stdout and stderr apart only since click 8.2.
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as exited,
    ):
        app(arguments, prog_name="lazy-alchemy")
    return Outcome(stdout.getvalue(), stderr.getvalue(), exited.value.code)


def url_of(db: Database) -> str:
    """Return the URL as a user types it."""
    return db.url.render_as_string(hide_password=False)


def cells(output: str) -> list[list[str]]:
    """Return the cells of each line, those of a table being two spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]


@pytest.fixture
def shop(db: Database) -> Database:
    """A parent, a child with a key of each kind, and a view."""
    db.execute(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(200),"
        " CONSTRAINT uq_email UNIQUE (email))",
        "CREATE TABLE orders (number INTEGER NOT NULL, line INTEGER DEFAULT 1 NOT NULL, customer_id INTEGER,"
        " note VARCHAR(40), CONSTRAINT pk_orders PRIMARY KEY (number, line), CONSTRAINT fk_customer"
        " FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE,"
        " CONSTRAINT ck_line CHECK (line > 0))",
        "CREATE INDEX ix_note ON orders (note)",
        "CREATE VIEW open_orders AS SELECT number, note FROM orders",
    )
    return db


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that any engine sends during the test."""
    sent: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    yield sent
    event.remove(Engine, "before_cursor_execute", record)


class TestCommand:
    def test_version(self) -> None:
        """`--version` prints the package's version."""
        result = command("--version")

        assert (f"lazy-alchemy {__version__}\n", "", 0) == (result.stdout, result.stderr, result.returncode)

    def test_help(self) -> None:
        """`--help` names the three subcommands and succeeds."""
        result = command("--help")

        assert 0 == result.returncode
        assert {"demo", "tables", "show"} <= set(re.findall(r"\w+", result.stdout))

    @pytest.mark.parametrize("missing", ["typer", "rich"])
    def test_missing_extra(self, missing: str) -> None:
        """Without the `cli` extra the command says in one line what to install, and fails."""
        program = f"import sys; sys.modules[{missing!r}] = None; from lazy_alchemy._cli.main import main; main()"

        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

        assert 'lazy-alchemy needs its command-line extra: pip install "lazy-alchemy[cli]"\n' == result.stderr
        assert ("", 1) == (result.stdout, result.returncode)

    def test_no_arguments(self) -> None:
        """Without arguments the help is printed."""
        assert {"demo", "tables", "show"} <= set(re.findall(r"\w+", invoke().output))

    @pytest.mark.parametrize(
        "arguments", [("tables",), ("show", "sqlite:///x.db"), ("tables", "--shema", "x"), ("nope",)]
    )
    def test_usage_error(self, arguments: tuple[str, ...]) -> None:
        """A command that is called wrongly exits with status 2."""
        assert 2 == invoke(*arguments).exit_code


class TestTables:
    def test_lists_names_kinds_and_counts(self, shop: Database) -> None:
        """`tables` lists every table and view with its kind, and counts them."""
        result = command("tables", url_of(shop))

        assert ("", 0) == (result.stderr, result.returncode)
        lines = cells(result.stdout)
        assert [["customers", "table"], ["open_orders", "view"], ["orders", "table"]] == lines[2:5]
        assert ["2 tables, 1 view."] == lines[-1]

    def test_schema(self, postgresql_db: Database) -> None:
        """`--schema` lists another schema's tables and none of the default one."""
        postgresql_db.execute("CREATE TABLE here (a INT)", "CREATE SCHEMA other", "CREATE TABLE other.there (a INT)")

        result = invoke("tables", url_of(postgresql_db), "--schema", "other")

        assert ["there", "table"] in cells(result.stdout)
        assert "here" not in result.stdout.replace("there", "")

    def test_materialized_view(self, postgresql_db: Database) -> None:
        """A materialized view is called one."""
        postgresql_db.execute("CREATE MATERIALIZED VIEW totals AS SELECT 1 AS one")

        assert ["totals", "materialized view"] in cells(invoke("tables", url_of(postgresql_db)).stdout)

    def test_empty_database(self, db: Database) -> None:
        """A database with nothing in it is said to have nothing in it."""
        db.execute("SELECT 1")  # SQLite makes its file
        if db.is_sqlite:
            db.execute("CREATE TABLE t (a INTEGER)", "DROP TABLE t")

        result = invoke("tables", url_of(db))

        assert ("No tables or views.\n", 0) == (result.stdout, result.exit_code)


class TestShow:
    def test_shows_columns_and_keys(self, shop: Database) -> None:
        """`show` has a line a column (type, nullability, default, keys) and a line a key, constraint and index."""
        result = command("show", url_of(shop), "orders")

        assert ("", 0) == (result.stderr, result.returncode)
        lines = cells(result.stdout)
        assert ["orders", "table, 4 columns"] == lines[0]
        rows = {line[0]: line for line in lines if line}
        assert "no" == rows["number"][2]
        assert "PK (part)" == rows["number"][-1]
        assert ["no", "1", "PK (part)"] == rows["line"][2:]
        assert "FK → customers.id" in rows["customer_id"][-1]
        assert ["note", "VARCHAR(40)", "yes", "index"] == [cell for cell in rows["note"] if cell != "NULL"]
        assert re.search(r"fk_customer: \(customer_id\) → customers \(id\), on delete CASCADE", result.stdout)
        assert re.search(r"ck_line: .*line.* > 0", result.stdout)
        assert re.search(r"ix_note: \(note\)", result.stdout)

    def test_types_are_the_databases(self, postgresql_db: Database) -> None:
        """A type is spelled as the DDL of its own database spells it, and an enum's labels are shown."""
        postgresql_db.execute(
            "CREATE TYPE mood AS ENUM ('sad', 'happy')",
            "CREATE TABLE t (at TIMESTAMPTZ, tags TEXT[], doc JSONB, mood mood)",
        )

        rows = {line[0]: line for line in cells(invoke("show", url_of(postgresql_db), "t").stdout)}

        assert "TIMESTAMP WITH TIME ZONE" == rows["at"][1]
        assert "TEXT[]" == rows["tags"][1]
        assert "JSONB" == rows["doc"][1]
        assert ["mood: 'sad', 'happy'"] in rows.values()

    def test_identity_and_generated(self, postgresql_db: Database) -> None:
        """An identity and a generated column say so where others have their default."""
        postgresql_db.execute(
            "CREATE TABLE t (a INT GENERATED ALWAYS AS IDENTITY, b INT GENERATED BY DEFAULT AS IDENTITY,"
            " c INT GENERATED ALWAYS AS (1 + 1) STORED)"
        )

        rows = {line[0]: line for line in cells(invoke("show", url_of(postgresql_db), "t").stdout)}

        assert "identity always" == rows["a"][3]
        assert "identity by default" == rows["b"][3]
        assert "generated stored: (1 + 1)" == rows["c"][3]

    def test_auto_increment(self, mariadb_db: Database) -> None:
        """A column that MariaDB counts up says so where others have their default."""
        mariadb_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT)")

        rows = {line[0]: line for line in cells(invoke("show", url_of(mariadb_db), "t").stdout)}

        assert "auto increment" == rows["id"][3]

    def test_comments(self, db: Database) -> None:
        """The comments of a table and of its columns are shown, and none where there is none."""
        if db.is_sqlite:
            db.execute("CREATE TABLE t (a INTEGER)")
        elif db.is_postgresql:
            db.execute(
                "CREATE TABLE t (a INT)", "COMMENT ON TABLE t IS 'a table'", "COMMENT ON COLUMN t.a IS 'a column'"
            )
        else:
            db.execute("CREATE TABLE t (a INT COMMENT 'a column') COMMENT 'a table'")

        output = invoke("show", url_of(db), "t").stdout

        assert (not db.is_sqlite) is ("a table" in output) is ("a column" in output) is ("Comment" in output)

    def test_indexes(self, postgresql_db: Database) -> None:
        """An index is shown with its expressions, order, uniqueness and options."""
        postgresql_db.execute(
            "CREATE TABLE t (name TEXT, at DATE)",
            "CREATE UNIQUE INDEX ix_lower ON t (lower(name)) WHERE at IS NOT NULL",
            "CREATE INDEX ix_at ON t (at DESC NULLS LAST) INCLUDE (name)",
        )

        output = invoke("show", url_of(postgresql_db), "t").stdout

        assert "    ix_at: (at desc nulls last), postgresql include name\n" in output
        assert "    ix_lower: (lower(name)), unique, postgresql where (at IS NOT NULL)\n" in output

    def test_prefix_index(self, mariadb_db: Database) -> None:
        """An option that has parts is shown in words."""
        mariadb_db.execute("CREATE TABLE t (name VARCHAR(80), KEY ix_name (name(10)))")

        assert "    ix_name: (name), mysql length name 10\n" in invoke("show", url_of(mariadb_db), "t").stdout

    def test_view(self, shop: Database) -> None:
        """A view is shown like a table, and called a view."""
        assert ["open_orders", "view, 2 columns"] in cells(invoke("show", url_of(shop), "open_orders").stdout)

    def test_several_tables_in_the_order_asked_for(self, shop: Database) -> None:
        """Several tables are shown in the order in which they were asked for, each once."""
        output = invoke("show", url_of(shop), "orders", "customers", "orders").stdout

        assert ["orders", "customers"] == re.findall(r"^(\w+)  table", output, re.MULTILINE)

    def test_one_batch(self, postgresql_db: Database, statements: list[str]) -> None:
        """Two tables cost as many round trips as one: they are loaded together, and no parent with them."""
        postgresql_db.execute(
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "CREATE TABLE b (id INT REFERENCES a (id))",
            "CREATE TABLE c (id INT PRIMARY KEY)",
        )
        counts = []
        for names in (["b"], ["b", "c"]):
            statements.clear()
            assert 0 == invoke("show", url_of(postgresql_db), *names).exit_code
            counts.append(len(statements))

        assert counts[0] == counts[1]

    def test_schema(self, postgresql_db: Database) -> None:
        """`--schema` shows another schema's table, and its keys without repeating that schema."""
        postgresql_db.execute(
            "CREATE SCHEMA other",
            "CREATE TABLE other.a (id INT PRIMARY KEY)",
            "CREATE TABLE other.b (a_id INT REFERENCES other.a (id))",
        )

        output = invoke("show", url_of(postgresql_db), "b", "--schema", "other").stdout

        assert ["other.b", "table, 1 column"] in cells(output)
        assert "FK → a.id" in output

    @pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is POSIX's")
    def test_fits_a_terminal(self, shop: Database) -> None:
        """On a terminal of 60 columns no line is longer, and headers are bold."""
        output = on_a_terminal(60, "show", url_of(shop), "customers", "orders")

        assert "\x1b[1m" in output
        lines = re.sub(r"\x1b\[[\d;]*m", "", output).splitlines()
        assert "orders  table, 4 columns" in lines
        assert max(map(len, lines)) <= 60


class TestWhatTheDatabaseSaysIsData:
    def test_markup_is_not_interpreted(self, db: Database) -> None:
        """Rich's markup in a name is shown as it is."""
        db.execute(f"CREATE TABLE {db.quote('[red]x[/red]')} ({db.quote('[/bold]')} INTEGER)")

        assert ["[red]x[/red]", "table"] in cells(invoke("tables", url_of(db)).stdout)
        output = invoke("show", url_of(db), "[red]x[/red]").stdout
        assert "[red]x[/red]" in output
        assert "[/bold]" == cells(output)[3][0]

    def test_control_characters_are_escaped(self, db: Database) -> None:
        """A control character in a name reaches no terminal: it is shown escaped."""
        name = "a\x1b[31m\nb"
        db.execute(f"CREATE TABLE {db.quote(name)} ({db.quote(name)} INTEGER)")

        for result in (invoke("tables", url_of(db)), invoke("show", url_of(db), name), invoke("show", url_of(db), "?")):
            assert r"a\x1b[31m\nb" in result.output
            assert "\x1b" not in result.output

    def test_encoding(self, sqlite_db: Database) -> None:
        """A name that the terminal's encoding does not have is shown escaped."""
        sqlite_db.execute('CREATE TABLE "größe" (a INTEGER)')

        result = command("tables", url_of(sqlite_db), PYTHONIOENCODING="ascii")

        assert (0, "") == (result.returncode, result.stderr)
        assert r"gr\xf6\xdfe" in result.stdout

    def test_long_names_are_whole_in_a_pipe(self, sqlite_db: Database) -> None:
        """What is no terminal gets each name in one piece, and no colours."""
        name = "long_" * 50
        sqlite_db.execute(f"CREATE TABLE {name} (a INTEGER)")

        result = command("tables", url_of(sqlite_db))

        assert [name, "table"] in cells(result.stdout)
        assert "\x1b" not in result.stdout

    def test_warnings_are_notes(self, postgresql_db: Database) -> None:
        """A warning of SQLAlchemy's is a note of one line, and its column is shown all the same."""
        postgresql_db.execute("CREATE TABLE t (p POINT)")

        result = command("show", url_of(postgresql_db), "t")

        assert "note: Did not recognize type 'point' of column 'p'\n" == result.stderr
        assert ["p", "unknown", "yes"] in cells(result.stdout)


ERRORS = {
    "nonsense": "This is not a database URL",
    "postgresql://user:pass": "This is not a database URL",
    "postgresql://user:p@ss@host/db": "write it as %40",
    "postgres://u:p@h/d": "knows no dialect 'postgres'. Did you mean postgresql?",
    "postgresql+nope://u:p@h/d": "knows no driver 'postgresql+nope'. Drivers: postgresql+psycopg://",
    "sqlite://": "A SQLite database in memory is empty",
    "sqlite:///:memory:": "A SQLite database in memory is empty",
    "sqlite:///file:x?mode=memory&uri=true": "A SQLite database in memory is empty",
    "sqlite://shop.db": "A SQLite URL has three slashes",
    "postgresql+asyncpg://u:p@h/d": "async driver, the command needs a sync one: postgresql+psycopg://",
    f"postgresql+psycopg://u:p@{UNREACHABLE}/d": f"Cannot connect to postgresql+psycopg://u:***@{UNREACHABLE}/d: ",
    f"mysql+pymysql://u:p@{UNREACHABLE}/d": f"Cannot connect to mysql+pymysql://u:***@{UNREACHABLE}/d: Can't connect",
    f"mysql+pymysql://u:p@{UNREACHABLE}/d?nope=1": "unexpected keyword argument 'nope'",
}


class TestErrors:
    @pytest.mark.parametrize(("url", "words"), ERRORS.items())
    @pytest.mark.parametrize("arguments", [("tables",), ("show", "t")], ids=["tables", "show"])
    def test_one_clear_line(self, arguments: tuple[str, ...], url: str, words: str) -> None:
        """What is wrong with a URL or a server is said in one line on stderr, with exit status 1."""
        result = invoke(arguments[0], url, *arguments[1:])

        assert 1 == result.exit_code
        assert "" == result.stdout
        assert re.fullmatch(r"error: .*\n", result.stderr)
        assert words in result.stderr

    def test_no_traceback(self) -> None:
        """The real command, too, ends with its one line."""
        result = command("tables", f"postgresql+psycopg://u:{PASSWORD}@{UNREACHABLE}/d")

        assert (1, "") == (result.returncode, result.stdout)
        assert 1 == result.stderr.count("\n")
        assert result.stderr.startswith("error: Cannot connect to postgresql+psycopg://u:***@")

    @pytest.mark.parametrize(
        ("url", "module", "package"),
        [
            ("postgresql+psycopg2://u:p@h/d", "psycopg2", "psycopg2"),
            ("postgresql+psycopg://u:p@h/d", "psycopg", "psycopg[binary]"),
            ("mysql://u:p@h/d", "MySQLdb", "mysqlclient"),
            ("mysql+pymysql://u:p@h/d", "pymysql", "pymysql"),
            ("oracle+oracledb://u:p@h/d", "oracledb", "oracledb"),
        ],
    )
    def test_missing_driver(self, url: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A driver that is not installed is named with the package to install."""
        monkeypatch.setitem(sys.modules, module, None)

        result = invoke("tables", url)

        assert 1 == result.exit_code
        assert f"is not installed: pip install '{package}" in result.stderr
        assert 1 == result.stderr.count("\n")

    @pytest.mark.parametrize("url", ["sqlite:///{}", "sqlite:///file:{}?uri=true", "sqlite+pysqlite:///{}?timeout=5"])
    def test_missing_file(self, url: str, tmp_path: Path) -> None:
        """A SQLite file that is not there is an error, and is still not there afterwards."""
        path = tmp_path / "nope.db"

        result = invoke("tables", url.format(path))

        assert (1, f"error: no such file: {path}\n") == (result.exit_code, result.stderr)
        assert [] == list(tmp_path.iterdir())

    def test_not_a_database(self, tmp_path: Path) -> None:
        """A file that is something else is an error of one line."""
        path = tmp_path / "notes.txt"
        path.write_text("These are notes, and no database at all.\n" * 50)

        result = invoke("tables", f"sqlite:///{path}")

        assert (1, f"error: Cannot read sqlite:///{path}: file is not a database\n") == (
            result.exit_code,
            result.stderr,
        )

    def test_unreadable_view(self, sqlite_db: Database) -> None:
        """A view whose table is gone is named with what the database says, and its name is still listed."""
        sqlite_db.execute("CREATE TABLE t (a INT)", "CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t")

        result = invoke("show", url_of(sqlite_db), "v")

        assert 1 == result.exit_code
        assert re.fullmatch(r"error: Cannot read sqlite:///.*'v'.*no such table: main\.t\n", result.stderr)
        assert ["v", "view"] in cells(invoke("tables", url_of(sqlite_db)).stdout)

    def test_async_sqlite(self, tmp_path: Path) -> None:
        """An async driver of SQLite is answered with the sync form of the URL."""
        path = tmp_path / "shop.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (a)")

        result = invoke("tables", f"sqlite+aiosqlite:///{path}")

        assert 1 == result.exit_code
        assert "sqlite+aiosqlite is an async driver, the command needs a sync one: sqlite://\n" in result.stderr

    def test_missing_table(self, shop: Database) -> None:
        """A table that is not there is answered with the closest and the available ones."""
        result = invoke("show", url_of(shop), "customer", "orders")

        assert (1, "") == (result.exit_code, result.stdout)
        assert result.stderr.startswith("error: Table 'customer' not found in ")
        assert "Did you mean: customers" in result.stderr
        assert "Available tables: customers, open_orders, orders\n" in result.stderr

    @pytest.mark.parametrize("arguments", [("tables",), ("show", "customers")], ids=["tables", "show"])
    def test_unknown_schema(self, shop: Database, arguments: tuple[str, ...]) -> None:
        """A schema that is not there is said to be missing, and the others are named."""
        result = invoke(arguments[0], url_of(shop), *arguments[1:], "--schema", "nope")

        assert (1, "") == (result.exit_code, result.stdout)
        own = {"sqlite": "main", "postgresql": "public", "mariadb": str(shop.url.database)}[shop.name]
        assert re.fullmatch(rf"error: No schema 'nope' in .*\. Schemas: .*\b{own}\b.*\n", result.stderr)


class TestSecrets:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("tables", "nonsense:{password}@{query}"),
            ("tables", "postgresql://u:{password}"),
            ("tables", "postgresql://u:x@{password}@h/d"),
            ("tables", "postgres://u:{password}@h/d?password={query}"),
            ("tables", "postgresql+psycopg2://u:{password}@h/d?sslpassword={query}"),
            ("tables", "postgresql+asyncpg://u:{password}@h/d?password={query}"),
            ("tables", "postgresql+psycopg://u:{password}@127.0.0.1:1/d?password={query}"),
            ("tables", "postgresql+psycopg://u:{password}@127.0.0.1:1/d?sslmode={query}"),
            ("tables", "postgresql+psycopg://u:{password}@127.0.0.1:1/d?connect_timeout={query}"),
            ("tables", "postgresql+psycopg://u:{password}@/d?host=127.0.0.1&port={query}"),
            ("tables", "mysql+pymysql://u:{password}@127.0.0.1:1/d?charset={query}"),
            ("tables", "mysql+pymysql://u:{password}@127.0.0.1:1/d?password={query}"),
            ("tables", "sqlite:///x.db?timeout={query}&password={password}"),
            ("postgresql://u:{password}@h/d?password={query}",),
            ("tables", "sqlite:///x.db", "postgresql://u:{password}@h/d?password={query}"),
            ("show", "{file}", "postgresql://u:{password}@h/d?password={query}"),
            ("show", "{file}", "t", "--schema", "postgresql://u:{password}@h/d?password={query}"),
        ],
        ids=" ".join,
    )
    def test_never_in_the_output(self, arguments: tuple[str, ...], tmp_path: Path) -> None:
        """Whatever is wrong, neither the password nor a query value of a URL is in the output."""
        path = tmp_path / "shop.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (a)")
        values = {"password": PASSWORD, "query": QUERY_VALUE, "file": f"sqlite:///{path}"}

        result = invoke(*(argument.format(**values) for argument in arguments))

        assert result.exit_code in (1, 2)
        assert result.stderr
        assert PASSWORD not in result.output
        assert QUERY_VALUE not in result.output

    def test_a_driver_that_repeats_the_url(self) -> None:
        """A message that holds the whole URL, or its parts however quoted, is printed without its secrets."""
        secret = "it's 100% s3cret"  # noqa: S105
        url = URL.create("x", "u", secret, "h", query={"q": QUERY_VALUE, "odbc_connect": "SERVER=h;PWD=pwd-1234"})
        message = f"{url.render_as_string(hide_password=False)} {secret!r} {secret} PWD is pwd-1234"

        words = redact(message, url)

        for hidden in (secret, "s3cret", QUERY_VALUE, "pwd-1234"):
            assert hidden not in words

    @given(st.text(min_size=4), st.text(min_size=4))
    def test_redact_hides_any_password(self, password: str, value: str) -> None:
        """No password and no query value of four characters or more survives in a message that repeats it."""
        url = URL.create("postgresql", "u", password, "h", 1, "d", {"sslpassword": value})

        words = redact(f"«{password}» «{value}» «{url.render_as_string(hide_password=False)}»", url)

        assert f"«{password}»" not in words
        assert f"«{value}»" not in words
        assert f":{quote(password, safe=' +')}@" not in words

    @given(st.text())
    def test_printable(self, text: str) -> None:
        """Whatever the text is, what is printed of it is printable."""
        assert printable(text).isprintable()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the device is Linux's")  # noqa: PTH110 - no Path needed
def test_a_full_disk_is_said_in_one_line(sqlite_db: Database) -> None:
    """Where the output cannot be written, the command says so in one line and exits with status 1."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        result = subprocess.run(
            [sys.executable, "-m", "lazy_alchemy._cli.main", "tables", str(sqlite_db.url)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=50,
        )
    assert (1, "error: the output cannot be written: No space left on device\n") == (result.returncode, result.stderr)


def test_an_early_interruption_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the command is still being imported exits with 130, as a shell does, and no traceback."""

    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "import_module", interrupted)
    with pytest.raises(SystemExit) as exited:
        _cli.main()
    assert 130 == exited.value.code
