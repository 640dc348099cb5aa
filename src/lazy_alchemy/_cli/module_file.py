"""From a database to a module on disk: ``lazy-alchemy generate`` without its arguments and its output."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SAWarning

from lazy_alchemy._catalog.metadata import BuiltTables
from lazy_alchemy._catalog.ways import IN_THREAD, drive
from lazy_alchemy._errors import LazyAlchemyError, ReflectionError, TableNotFoundError, UnknownTypeWarning
from lazy_alchemy.emitters.source import HEADER, module_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from lazy_alchemy._accessors.threaded import LazyDB
    from lazy_alchemy._catalog.catalog import Catalog
    from lazy_alchemy._tables import CustomTable
    from lazy_alchemy.emitters.source import Models, Target

__all__ = ["ForeignFileError", "differs", "generate", "require_generated", "write"]


class ForeignFileError(LazyAlchemyError):
    """The file to write exists and was not generated."""


def generate(
    engine: Engine,
    *,
    schema: str | None = None,
    tables: Sequence[str] = (),
    class_name: str = "AppDB",
    is_async: bool = False,
    models: Sequence[Models] = ("pydantic",),
    target: Target = "2.0",
    started: Callable[[int], object] | None = None,
    progress: Callable[[], object] | None = None,
) -> str:
    """Return the text of a module for the tables and views of a database.

    Args:
        engine: The database.
        schema: The schema; None for the connection's default.
        tables: The names of the tables and views; empty for all.
        class_name: The name of the registry class.
        is_async: Whether the registry is for asyncio and trio.
        models: See ``SourceEmitter``.
        target: See ``SourceEmitter``.
        started: Called with the number of tables once they have been read.
        progress: Called after each table.

    A table that cannot be read is left out with a warning that names it and the reason; if ``tables`` names it, or no
    table is left, it is an error. A column of an unknown type causes a warning too.

    Raises:
        TableNotFoundError: Some of ``tables`` do not exist.
        ReflectionError: The database, or one of ``tables``, cannot be read.
        ModelError: An option is invalid.

    Round trips: one for the names, unless ``tables`` gives them, and those of one batch of the reflector.
    """
    from lazy_alchemy._accessors.threaded import LazyDB

    db = LazyDB(engine, schema=schema)
    catalog = db._catalog  # pyright: ignore[reportPrivateUsage]  # its public names are tables
    names = list(dict.fromkeys(tables)) or sorted(drive(catalog.names(schema, IN_THREAD)))
    with warnings.catch_warnings():
        # About an unknown type: our own warning, below, names the table as well.
        warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)
        failures = _preload(db, names)
    # Not one by one from the accessor: for each table it would check all tables that its foreign keys reach.
    found = _built(catalog, schema, names, engine.dialect.name, failures)
    if failures and (tables or not found):
        raise failures[0]
    for failure in failures:
        # One unreadable table must not prevent the others.
        warnings.warn(f"Left out: {_reason(failure)}", stacklevel=2)
    if started is not None:
        started(len(found))
    return module_source(
        found,
        class_name=class_name,
        schema=schema,
        is_async=is_async,
        models=models,
        target=target,
        progress=progress,
        unknown=lambda message: warnings.warn(message, UnknownTypeWarning, stacklevel=2),
    )


def _preload(db: LazyDB, names: Sequence[str]) -> list[LazyAlchemyError]:
    """Load tables in one batch, and return the errors of those that cannot be loaded."""
    try:
        db.preload(*names)
    except TableNotFoundError as error:
        # The database lists the name but does not find it: SQLite's "", or a table that was dropped meanwhile.
        rest = [name for name in names if name not in error.names]
        return [error, *(_preload(db, rest) if rest else [])]
    except ReflectionError as error:
        return [error]
    return []


def _reason(failure: LazyAlchemyError) -> str:
    if isinstance(failure, TableNotFoundError):
        return f"{', '.join(map(repr, failure.names))} is listed by the database but cannot be found"
    return str(failure)


def _built(
    catalog: Catalog, schema: str | None, names: Sequence[str], dialect: str, failures: list[LazyAlchemyError]
) -> list[CustomTable]:
    """Build those of ``names`` that were loaded, in order, and add the errors to ``failures``. No I/O."""
    keys = [(schema, name) for name in names]
    known = catalog.infos(keys)
    built = BuiltTables(dialect)
    found: list[CustomTable] = []
    for key in keys:
        if key in known:
            try:
                found.append(built.table(known[key]))
            except ReflectionError as error:
                failures.append(error)
    return found


def require_generated(path: Path) -> None:
    """Refuse to overwrite a file that was not generated.

    Raises:
        ForeignFileError: The file exists and was not generated.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        raise ForeignFileError(
            f"{path} exists and was not generated: it does not begin with {HEADER!r}. Write elsewhere with -o, or"
            " overwrite it with --force."
        )


def differs(path: Path, text: str) -> bool:
    """Return whether a file's content differs from ``text``, or it does not exist.

    Raises:
        OSError: It cannot be read.
    """
    return not path.exists() or path.read_bytes() != text.encode("utf-8")


def write(path: Path, text: str) -> bool:
    """Write a file atomically, and return whether that changed its content.

    Raises:
        OSError: It cannot be written; the old file stays.
    """
    if not differs(path, text):
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        # The mode that open() would give: mkstemp lets only the owner read.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
