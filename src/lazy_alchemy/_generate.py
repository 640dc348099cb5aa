"""From a database to a module on disk: what ``lazy-alchemy generate`` does, apart from its arguments and its output."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from lazy_alchemy._built import BuiltTables
from lazy_alchemy._errors import LazyAlchemyError, ReflectionError, TableNotFoundError
from lazy_alchemy.emitters.source import HEADER, module_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from lazy_alchemy._catalog import Catalog
    from lazy_alchemy._tableinfo import TableInfo
    from lazy_alchemy.emitters.source import Models, Target

__all__ = ["ForeignFileError", "generate", "require_own", "write"]


class ForeignFileError(LazyAlchemyError):
    """A file that nobody generated is where a generated one should go."""


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
        class_name: What the registry class is called.
        is_async: Whether it is for asyncio and trio.
        models: As of ``SourceEmitter``.
        target: As of ``SourceEmitter``.
        started: Is called with the number of tables when they are read.
        progress: Is called after each table.

    A table that cannot be read is left out with a warning, unless ``tables`` names it.

    Raises:
        TableNotFoundError: Some of ``tables`` do not exist.
        ReflectionError: The database, or one of ``tables``, cannot be read.
        ModelError: An option cannot be.

    Round trips: one for the names, unless ``tables`` says them, and those of one batch of the reflector.
    """
    from lazy_alchemy import LazyDB

    db = LazyDB(engine, schema=schema)
    catalog = db._catalog  # pyright: ignore[reportPrivateUsage]  # its public names are tables
    names = list(dict.fromkeys(tables)) or sorted(catalog.names(schema))
    try:
        db.preload(*names)
    except TableNotFoundError:
        raise
    except ReflectionError as error:
        if tables or not _loaded(catalog, schema, names):
            raise
        # One view that nobody can read is no reason to have nothing.
        warnings.warn(f"Left out: {error}", stacklevel=2)
    # Not one after another from the accessor, which would look each time at all tables that a table reaches.
    built = BuiltTables(engine.dialect.name)
    found = [built.table(info) for info in _loaded(catalog, schema, names)]
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
    )


def _loaded(catalog: Catalog, schema: str | None, names: Sequence[str]) -> list[TableInfo]:
    """Return what was loaded of ``names``, in their order; no I/O."""
    keys = [(schema, name) for name in names]
    known = catalog.infos(keys)
    return [known[key] for key in keys if key in known]


def require_own(path: Path) -> None:
    """Refuse to overwrite what nobody generated.

    Raises:
        ForeignFileError: There is such a file.
    """
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        raise ForeignFileError(
            f"{path} exists and was not generated: it does not begin with {HEADER!r}. Write elsewhere with -o, or"
            " overwrite it with --force."
        )


def write(path: Path, text: str) -> bool:
    """Write a file as a whole or not at all, and return whether it had another content before.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    content = text.encode("utf-8")
    if path.exists() and path.read_bytes() == content:
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # As a file that is opened for writing would have it: mkstemp lets nobody else read.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
