"""The ``lazy-alchemy`` command: its arguments, and what each subcommand asks and prints.

Imported by ``_cli`` once typer and rich are known to be there.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from lazy_alchemy import __version__
from lazy_alchemy._cli.connect import CommandError, database, require_schema
from lazy_alchemy._cli.text import printable
from lazy_alchemy._errors import TableNotFoundError
from lazy_alchemy._secrets import without_urls

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["app", "run"]

_WIDE = 10_000
"""The width of what is no terminal: nothing is folded there, so that other programs find whole names."""


class _Group(TyperGroup):
    """Typer repeats a misplaced argument in its message, and a misplaced URL has a password in it."""

    # Any: the types of the overridden methods are click's, which typer vendors since 0.26 and imported before.
    def make_context(self, info_name: Any, args: list[str], *rest: Any, **extra: Any) -> Any:
        self._arguments = list(args)
        try:
            return super().make_context(info_name, args, *rest, **extra)
        except Exception as error:
            self._clean(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            self._clean(error)
            raise

    def _clean(self, error: Exception) -> None:
        message = getattr(error, "message", None)
        if isinstance(message, str):
            vars(error)["message"] = without_urls(message, self._arguments)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

UrlArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The database: sqlite:///shop.db, postgresql+psycopg://user:password@host/database",
        show_default=False,
    ),
]
SchemaOption = Annotated[
    str | None,
    typer.Option("--schema", "-s", metavar="SCHEMA", help="A schema other than the connection's default."),
]


def run() -> None:
    """Run the command on ``sys.argv``, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the terminal's encoding does not have is shown escaped.
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="lazy-alchemy")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lazy-alchemy {__version__}")
        raise typer.Exit


@app.callback()
def lazy_alchemy(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """SQLAlchemy tables that are loaded when they are used."""


@app.command()
def demo() -> None:
    """See it work: a shop of 120 tables, what they cost to load, and a program that uses three of them."""
    from lazy_alchemy._cli.demo import run_demo

    run_demo(_console(at_most=100))


@app.command()
def tables(url: UrlArgument, schema: SchemaOption = None) -> None:
    """List all tables and views of a database."""
    from lazy_alchemy._cli.render import table_list
    from lazy_alchemy.reflectors import InspectorReflector

    with _failing_clearly(schema), database(url, schema) as engine:
        with engine.connect() as connection:
            kinds = InspectorReflector().list_names(connection, schema=schema)
        if not kinds:
            require_schema(engine, schema)
    _console().print(table_list(kinds))


@app.command()
def show(
    url: UrlArgument,
    table: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Tables or views.", show_default=False)],
    schema: SchemaOption = None,
) -> None:
    """Show columns, keys, constraints and indexes of tables. Only these tables are loaded."""
    from lazy_alchemy import get_lazy_class
    from lazy_alchemy._cli.render import table_details

    with _failing_clearly(schema, *table), database(url, schema) as engine:
        db = get_lazy_class(engine, schema=schema)
        db.preload(*table)
        infos = [db[name].reflected for name in dict.fromkeys(table)]
    console = _console()
    for position, info in enumerate(infos):
        if position:
            console.print()
        console.print(table_details(info, engine.dialect))


@app.command()
def generate(  # noqa: PLR0917  typer makes options of them
    url: UrlArgument,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The module to write; - for standard output.")
    ] = "-",
    schema: SchemaOption = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--tables",
            "-t",
            metavar="NAMES",
            help="Tables and views, with commas between; in double quotes one that has a comma. All by default.",
        ),
    ] = None,
    class_name: Annotated[str, typer.Option("--class", metavar="NAME", help="The registry class's name.")] = "AppDB",
    is_async: Annotated[bool, typer.Option("--async", help="Write a registry for asyncio and trio.")] = False,
    models: Annotated[
        str, typer.Option("--models", metavar="KINDS", help="pydantic, sqlmodel, or both with a comma between.")
    ] = "pydantic",
    target: Annotated[
        str, typer.Option("--target", metavar="VERSION", help="The oldest SQLAlchemy that it is for: 2.0 or 2.1.")
    ] = "2.0",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that was not generated.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 when FILE is not what would be written.")
    ] = False,
) -> None:
    """Write a module with typed tables, models and a registry class. Nothing in it talks to the database."""
    from lazy_alchemy._cli.generate import generate_module

    with _failing_clearly(schema, *(tables or ()), output, class_name, models, target):
        said = generate_module(
            url,
            output=output,
            schema=schema,
            tables=tables or [],
            class_name=class_name,
            is_async=is_async,
            models=models,
            target=target,
            force=force,
            check=check,
        )
    if said:
        _console().print(printable(said), soft_wrap=True)


@app.command()
def check(
    url: UrlArgument,
    registry: Annotated[
        str, typer.Argument(metavar="MODULE:CLASS", help="A registry class, such as app.db:AppDB.", show_default=False)
    ],
    schema: SchemaOption = None,
) -> None:
    """Compare the tables that a registry declares with the database; exit status 1 when they differ."""
    from lazy_alchemy._cli.generate import check_registry, load_registry

    with _failing_clearly(schema, registry):
        checked = check_registry(url, load_registry(registry), schema)
    console = _console()
    for one in checked:
        if one.is_missing:
            console.print(f"{one.title}: no such table", soft_wrap=True)
        elif one.found:
            console.print(f"{one.title}:", soft_wrap=True)
            for difference in one.found:
                console.print(f"  {printable(str(difference))}", soft_wrap=True)
    failing = sum(one.fails for one in checked)
    count = "1 table" if len(checked) == 1 else f"{len(checked)} tables"
    console.print(f"{count} declared, {failing} not as declared." if failing else f"{count} declared, all as declared.")
    if failing:
        raise typer.Exit(1)


@contextmanager
def _failing_clearly(*arguments: str | None) -> Generator[None, None, None]:
    """Turn an error that the user can do something about into its message and exit status 1.

    Args:
        arguments: What the user typed besides the database's URL; a second URL, with its password, may be among it.
    """
    try:
        yield
    except (CommandError, TableNotFoundError) as error:
        if isinstance(error, TableNotFoundError):
            # A name with a line break in it breaks no line.
            available = [printable(name) for name in error.available]
            error = TableNotFoundError(error.names, database=error.database, schema=error.schema, available=available)
        message = without_urls(str(error), [argument for argument in arguments if argument])
        lines = map(printable, message.split("\n"))
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(Text.assemble(("error: ", "bold red"), "\n".join(lines)))
        raise typer.Exit(1) from None


def _console(at_most: int | None = None) -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if at_most is not None:
        console.width = min(console.width, at_most)
    elif not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console
