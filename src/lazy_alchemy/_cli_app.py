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
from lazy_alchemy._cli_connect import CommandError, database, require_schema
from lazy_alchemy._cli_text import printable, without_urls
from lazy_alchemy._errors import TableNotFoundError

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
    from lazy_alchemy._demo import run_demo

    run_demo(_console(at_most=100))


@app.command()
def tables(url: UrlArgument, schema: SchemaOption = None) -> None:
    """List all tables and views of a database."""
    from lazy_alchemy._cli_render import table_list
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
    from lazy_alchemy._cli_render import table_details

    with _failing_clearly(schema, *table), database(url, schema) as engine:
        db = get_lazy_class(engine, schema=schema)
        db.preload(*table)
        infos = [db[name].reflected for name in dict.fromkeys(table)]
    console = _console()
    for position, info in enumerate(infos):
        if position:
            console.print()
        console.print(table_details(info, engine.dialect))


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
