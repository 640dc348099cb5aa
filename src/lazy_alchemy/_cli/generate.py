"""The commands ``generate`` and ``check``: their arguments and their output. ``app`` registers them."""

from __future__ import annotations

import importlib
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lazy_alchemy._accessors.drift import Difference, differences, limit_differences
from lazy_alchemy._accessors.registry import LazyDBMeta
from lazy_alchemy._accessors.type_arguments import Unresolved, declared_columns, declared_insert
from lazy_alchemy._cli.connect import CommandError, database, require_schema
from lazy_alchemy._cli.module_file import ForeignFileError, differs, generate, require_generated, write
from lazy_alchemy._cli.text import one_line, printable
from lazy_alchemy._errors import ModelError, TableNotFoundError
from lazy_alchemy._secrets import redact
from lazy_alchemy.emitters.source import Models, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from lazy_alchemy._accessors.lazy_table import LazyTable

_T = TypeVar("_T")

__all__ = ["Checked", "check_registry", "generate_module", "load_registry"]


def generate_module(
    url: str,
    *,
    output: str,
    schema: str | None,
    tables: Sequence[str],
    class_name: str,
    is_async: bool,
    models: str,
    target: str,
    force: bool,
    check: bool = False,
) -> str:
    """Run ``lazy-alchemy generate``, and return its final message; empty if it wrote to stdout.

    With ``check`` it writes nothing.

    Raises:
        CommandError: An argument, the database or the file is not usable; with ``check``, also if the file is out of
            date.
        TableNotFoundError: A table does not exist.
    """
    if "://" in output:
        raise CommandError("-o takes the name of a file, not a URL")
    path = None if output == "-" else Path(output)
    kinds: Any = _choices(models, "--models", get_args(Models))  # Any: a list of literals, as checked
    known: Any = _choices(target, "--target", get_args(Target))  # Any: likewise
    names = [name for text in tables for name in _names(text)]
    if check and path is None:
        raise CommandError("--check compares a file: name it with -o")
    if path is not None:
        if not path.parent.is_dir():
            raise CommandError(f"no such directory: {path.parent}")
        if path.is_dir():
            raise CommandError(f"{path} is a directory; name a file in it: -o {path / 'db.py'}")
        if not force and not check:
            with _file_errors():
                require_generated(path)
    with database(url, schema) as engine, _progress() as bar:
        task = bar.add_task("Reading", total=None)
        try:
            text = generate(
                engine,
                schema=schema,
                tables=names,
                class_name=class_name,
                is_async=is_async,
                models=kinds,
                target=known[0],
                started=lambda count: bar.update(task, description="Writing", total=count),
                progress=lambda: bar.advance(task),
            )
        except ModelError as error:
            raise CommandError(str(error)) from None
        if ": LazyTable" not in text:
            require_schema(engine, schema)
    if path is None:
        sys.stdout.write(text)
        return ""
    count = sum(line.startswith("class ") and "Columns" in line.partition("(")[2] for line in text.splitlines())
    try:
        changed = differs(path, text) if check else write(path, text)
    except OSError as error:
        raise CommandError(f"{path} cannot be {'read' if check else 'written'}: {error.strerror}") from None
    if check and changed:
        problem = "is out of date: generate it again" if path.exists() else "does not exist: generate it"
        raise CommandError(f"{path} {problem}")
    counted = "1 table" if count == 1 else f"{count} tables"
    return f"{path}: {counted}, {'written' if changed else 'unchanged'}"


class Checked(NamedTuple):
    """The comparison of one declared table.

    Attributes:
        title: The table's name, and where it is declared.
        found: The differences.
        is_missing: Whether the table does not exist.
    """

    title: str
    found: list[Difference]
    is_missing: bool

    @property
    def fails(self) -> bool:
        """Whether code that relies on the declaration may fail."""
        return self.is_missing or not all(difference.is_extra for difference in self.found)


def load_registry(text: str) -> LazyDBMeta:
    """Import the registry class called ``module:Class``; the module may be in the current directory.

    Raises:
        CommandError: There is no such class, or the module cannot be imported.
    """
    module_name, separator, class_name = text.partition(":")
    if not separator or not module_name or not class_name:
        raise CommandError(f"{text!r} is not a registry class: write it as module:Class, such as app.db:AppDB")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise CommandError(f"{module_name} cannot be imported: {one_line(redact(str(error)))}") from None
    except Exception as error:  # noqa: BLE001  a module may raise anything
        # Without its message: if the module connects, the message may contain the database's password.
        raise CommandError(f"{module_name} cannot be imported: it raises {type(error).__name__}") from None
    except SystemExit:
        raise CommandError(f"{module_name} cannot be imported: it exits") from None
    finally:
        sys.path.pop(0)
    found: object = module
    for part in class_name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, LazyDBMeta) or not found.__tables__:
        registries = [
            name for name, value in vars(module).items() if isinstance(value, LazyDBMeta) and value.__tables__
        ]
        hint = f" It has {', '.join(sorted(registries))}." if registries else ""
        problem = "does not exist" if found is None else "is not a registry class that declares tables"
        raise CommandError(f"{class_name} {problem} in {module_name}.{hint}")
    return found


def check_registry(url: str, registry: LazyDBMeta, schema: str | None) -> list[Checked]:
    """Compare all tables that a registry declares with a database; they are loaded in one batch.

    Raises:
        CommandError: The database cannot be read, or a declaration cannot be resolved.
    """
    from lazy_alchemy import LazyDB

    schema = registry.__schema__ if schema is None else schema
    tables_declared = sorted(registry.__tables__.values(), key=lambda declared: declared.name)
    columns = {declared: _resolved(declared_columns, declared) for declared in tables_declared}
    inserts = {declared: _resolved(declared_insert, declared) for declared in tables_declared}
    missing: set[str] = set()
    with database(url, schema) as engine:
        db = LazyDB(engine, schema=schema)
        try:
            db.preload(*(declared.name for declared in columns))
        except TableNotFoundError as error:
            missing = set(error.names)
            if not error.available:
                require_schema(engine, schema)
        tables = {declared: db[declared.name] for declared in columns if declared.name not in missing}
    checked: list[Checked] = []
    for declared, cls in columns.items():
        where = f"{registry.__name__}.{declared.attribute}"
        title = f"{printable(declared.name)} ({where if cls is None else f'{where}: {cls.__name__}'})"
        table = tables.get(declared)
        found = differences(table, cls) if table is not None and cls is not None else []
        different = {difference.column for difference in found}
        model = inserts[declared]
        if table is not None and model is not None:
            found += [one for one in limit_differences(table, model) if one.column not in different]
        checked.append(Checked(title, found, table is None))
    return checked


def _resolved(argument: Callable[[LazyTable], _T], declared: LazyTable) -> _T:
    """Return a type argument of a declaration."""
    try:
        return argument(declared)
    except (Unresolved, ModelError) as error:
        raise CommandError(one_line(str(error))) from None


def _choices(text: str, option: str, allowed: tuple[str, ...]) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in allowed:
            raise CommandError(f"{option} takes {' or '.join(allowed)}, not {word!r}")
    return list(dict.fromkeys(words))


def _names(text: str) -> list[str]:
    """Return the names in a comma-separated list. A name in double quotes may contain anything, and doubles its own."""
    found = re.findall(r'\s*("(?:[^"]|"")*"|[^,]*?)\s*(?:,|$)', text)
    return [name[1:-1].replace('""', '"') if name.startswith('"') else name for name in found if name]


@contextmanager
def _file_errors() -> Generator[None, None, None]:
    try:
        yield
    except (ForeignFileError, OSError) as error:
        raise CommandError(str(error)) from None


def _progress() -> Progress:
    """Return a progress bar on standard error, which shows only on a terminal and is removed at the end."""
    console = Console(stderr=True)
    console.quiet = not console.is_terminal  # even a disabled bar ends with an empty line
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
