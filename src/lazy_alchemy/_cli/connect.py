"""From the URL that a user typed to an Engine, and from whatever goes wrong on the way to one clear line."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Engine, create_engine, inspect, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from lazy_alchemy._cli.text import one_line, printable
from lazy_alchemy._errors import LazyAlchemyError, TableNotFoundError
from lazy_alchemy._secrets import redact, shown_url

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["CommandError", "database", "require_schema"]

_FORM = "dialect://user:password@host/database, or sqlite:///file.db"

# The drivers that the command can use: by backend, the name in a URL and the module.
_SYNC_DRIVERS = {
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2", "pg8000": "pg8000"},
    "mysql": {"pymysql": "pymysql", "mysqldb": "MySQLdb", "mysqlconnector": "mysql"},
    "mariadb": {"pymysql": "pymysql", "mysqldb": "MySQLdb", "mariadbconnector": "mariadb"},
    "oracle": {"oracledb": "oracledb"},
    "mssql": {"pyodbc": "pyodbc", "pymssql": "pymssql"},
    "sqlite": {"": "sqlite3"},
}

# What to install for a module, where the package is called otherwise.
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "pysqlcipher3": "sqlcipher3",
}


class CommandError(Exception):
    """What the user is told in one line before the command ends with exit status 1."""


@contextmanager
def database(text: str, schema: str | None) -> Generator[Engine, None, None]:
    """Give an Engine for the URL ``text``, and dispose of it in the end.

    It connects first. The body is to ask the database and not to print: every error in it is taken for the database's.

    Raises:
        CommandError: The URL, the driver, the server or the schema is not there, or the database did not answer.
        TableNotFoundError: As the body raised it.
    """
    url = _parsed(text)
    engine = _engine(url)
    try:
        with _notes(url):
            try:
                engine.connect().close()
            except Exception as error:  # noqa: BLE001 - a driver may raise anything at all
                raise CommandError(f"Cannot connect to {printable(shown_url(url))}: {_reason(error, url)}") from None
            try:
                yield engine
            except TableNotFoundError as error:
                if not error.available:
                    _require_schema(engine, schema)
                raise
            except CommandError:
                raise
            except Exception as error:  # noqa: BLE001 - likewise
                _require_schema(engine, schema)
                raise CommandError(f"Cannot read {printable(shown_url(url))}: {_reason(error, url)}") from None
    finally:
        engine.dispose()


def require_schema(engine: Engine, schema: str | None) -> None:
    """Raise a CommandError when there is no such schema; None is the default one, which always is."""
    if schema is None or inspect(engine).has_schema(schema):
        return
    names = ", ".join(map(printable, sorted(inspect(engine).get_schema_names())))
    raise CommandError(f"No schema {schema!r} in {printable(shown_url(engine.url))}. Schemas: {names}")


def _require_schema(engine: Engine, schema: str | None) -> None:
    """Look for a missing schema as the reason of another error, which stands when the database cannot say."""
    with suppress(SQLAlchemyError, NotImplementedError):
        require_schema(engine, schema)


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except Exception:  # noqa: BLE001 - a port that is no number is a ValueError, and who knows what else
        # Nothing of the text is repeated: it is not known which parts are secret.
        raise CommandError(f"This is not a database URL. It looks like {_FORM}") from None
    rest = re.match(r"[^:/]+://[^:/@]*:[^@]*@(.*)", text, re.DOTALL)
    if rest is not None and "@" in rest[1]:
        raise CommandError("This URL has an '@' too many: in a password, and after the host, write it as %40")
    if url.get_backend_name() == "sqlite":
        _require_file(url)
    return url


def _require_file(url: URL) -> None:
    """Refuse what SQLite would make an empty database of."""
    if url.host or url.username:
        raise CommandError("A SQLite URL has three slashes, sqlite:///file.db, or four, sqlite:////tmp/file.db")
    name = url.database or ":memory:"
    if name.startswith("file:") and str(url.query.get("uri", "")).lower() in ("true", "1", "yes", "on", "y", "t"):
        name = unquote(urlsplit(name).path) or ":memory:"
        if url.query.get("mode") == "memory":
            name = ":memory:"
    if name == ":memory:":
        raise CommandError("A SQLite database in memory is empty: name a file, sqlite:///file.db")
    if not Path(name).exists():
        raise CommandError(f"no such file: {printable(name)}")


def _engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    try:
        dialect = url.get_dialect()
    except NoSuchModuleError:
        raise CommandError(_unknown_dialect(url)) from None
    except ImportError as error:
        raise CommandError(_missing_driver(url.drivername, backend, error)) from None
    name = f"{backend}+{getattr(dialect, 'driver', '?')}"
    if getattr(dialect, "is_async", False):
        raise CommandError(f"{name} is an async driver, the command needs a sync one: {_alternatives(backend)}")
    try:
        return create_engine(url)
    except ImportError as error:
        raise CommandError(_missing_driver(name, backend, error)) from None
    except Exception as error:  # noqa: BLE001 - drivers check query arguments as they please
        raise CommandError(f"Cannot use {printable(shown_url(url))}: {_reason(error, url)}") from None


def _unknown_dialect(url: URL) -> str:
    backend = url.get_backend_name()
    if backend in _SYNC_DRIVERS:
        return f"SQLAlchemy knows no driver {url.drivername!r}. Drivers: {_alternatives(backend)}"
    names = sorted(_SYNC_DRIVERS)
    close = difflib.get_close_matches(backend, names, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return (
        f"SQLAlchemy knows no dialect {backend!r}. {hint}It has {', '.join(names)};"
        " others come in packages of their own"
    )


def _alternatives(backend: str, *, installed: bool = False) -> str:
    """Return the forms in which a URL names a sync driver of ``backend``."""
    drivers = _SYNC_DRIVERS.get(backend, {})
    names = [
        f"{backend}+{driver}" if driver else backend
        for driver, module in drivers.items()
        if not installed or find_spec(module) is not None
    ]
    return ", ".join(f"{name}://" for name in names) or f"see SQLAlchemy's documentation of {backend}"


def _missing_driver(name: str, backend: str, error: ImportError) -> str:
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not module:
        return f"The driver of {name} cannot be imported: {one_line(redact(str(error)))}"
    line = f"The driver of {name} is not installed: pip install {_PACKAGES.get(module, module)!r}"
    others = _alternatives(backend, installed=True)
    return f"{line} (or use what is installed: {others})" if "://" in others else line


def _reason(error: BaseException, url: URL) -> str:
    """Return what the driver or the library said, in one line without a secret."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return one_line(redact(_message(error), url, error)) or type(error).__name__


def _message(error: BaseException) -> str:
    if isinstance(error, LazyAlchemyError):
        # What it quotes of SQLAlchemy's goes on with the statement and with a link.
        return re.split(r"\n(?:\[SQL: |\(Background on )", str(error))[0]
    match error.args:
        case (int(code), str(words), *_):  # how the drivers of MySQL say it
            return f"{words} ({code})"
        case (str(words), *_) if isinstance(error, SQLAlchemyError):
            return words  # str(error) goes on with a link to an explanation
        case _:
            return str(error)


@contextmanager
def _notes(url: URL) -> Generator[None, None, None]:
    """Turn the warnings of SQLAlchemy and of drivers into one plain line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        finally:
            for words in dict.fromkeys(str(warning.message) for warning in caught):
                sys.stderr.write(f"note: {one_line(redact(words, url))}\n")
