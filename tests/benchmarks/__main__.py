"""``python -m tests.benchmarks``: measure, print, and on request write docs/performance.md."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url

from tests import workload
from tests.databases import MariaDBServer, PostgreSQLServer, Server, SQLiteServer, database_on

from . import jobs, report
from .proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from .measure import Result

_PORTS = {"postgresql": 5432, "mariadb": 3306}
_JOBS = (
    "cold", "warm", "some", "all", "revalidation", "threads", "tasks", "generating", "hits", "emitting", "memory",
    "importing",
)  # fmt: skip


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql", "mariadb"], metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 1000], metavar="N", help="tables in the schema")
    parser.add_argument("--turns", type=int, default=15, help="how often each side of a job is run")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="delay of every round trip")
    parser.add_argument(
        "--jobs", default="", metavar="TEXT", help=f"only jobs with TEXT in their name: {', '.join(_JOBS)}"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures into this page as well")
    arguments = parser.parse_args()
    if max(arguments.sizes) < jobs.CROWD:
        parser.error(f"--sizes: the largest must be at least {jobs.CROWD}")
    if not any(arguments.jobs in name for name in _JOBS):
        parser.error(f"--jobs: no job has {arguments.jobs!r} in its name; there are {', '.join(_JOBS)}")

    found: dict[str, list[Result]] = {}
    with ExitStack() as stack:
        for server in _servers(stack, arguments.databases):
            results = found.setdefault(server.name, [])
            print(f"\n## {server.name}\n", flush=True)
            for result in _measured(server, arguments):
                results.append(result)
                print(report.line(result), flush=True)
    text = report.page(found, latency=arguments.latency, turns=arguments.turns)
    print(f"\n{text}")
    if arguments.write is not None:
        report.write(arguments.write, text)


def _servers(stack: ExitStack, names: list[str]) -> Iterator[Server]:
    import tempfile

    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    servers: list[Server] = [SQLiteServer(directory), PostgreSQLServer(), MariaDBServer()]
    for server in servers:
        stack.callback(server.close)
        if server.name not in names:
            continue
        if (problem := server.problem()) is not None:
            print(f"\n## {server.name}: left out, {problem}")
        else:
            yield server


def _measured(server: Server, arguments: argparse.Namespace) -> Iterator[Result]:
    turns = arguments.turns
    wanted = {name for name in _JOBS if arguments.jobs in name}
    for size in arguments.sizes:
        with ExitStack() as stack:
            database = stack.enter_context(database_on(server))
            workload.create(database.engine, size)
            if server.name == "postgresql":
                database.execute("ANALYZE")
            url = _delayed(stack, server, database.url, arguments.latency)
            engine = create_engine(url)
            stack.callback(engine.dispose)
            few = min(turns, max(3, turns // 5))
            if "cold" in wanted:
                yield jobs.first_touch_cold(engine, size, turns)
            if "warm" in wanted:
                yield jobs.first_touch_warm(engine, size, turns)
            if "some" in wanted:
                yield from jobs.some_tables(engine, size, turns)
            if size != max(size for size in arguments.sizes if size <= 1000 or size == min(arguments.sizes)):
                continue
            if "all" in wanted:
                yield jobs.all_tables(engine, size, few)
            if "revalidation" in wanted:
                yield jobs.revalidation(engine, size, turns)
                yield jobs.revalidation(engine, size, few, number=size)
            if "threads" in wanted:
                yield jobs.crowd_of_threads(url, size, few)
            if "tasks" in wanted:
                yield jobs.crowd_of_tasks(url, size, few, backend="asyncio")
                yield jobs.crowd_of_tasks(url, size, few, backend="trio")
                yield jobs.crowd_of_tasks(url, size, few, backend="asyncio", number=jobs.CROWD)
            if "generating" in wanted:
                yield jobs.generating(engine, size)
            if server.name == "sqlite":  # nothing of these asks a database
                if "hits" in wanted:
                    yield from jobs.hits(engine, workload.table_name(7), turns)
                if "emitting" in wanted:
                    yield from jobs.emitting(engine, size, few)
                if "memory" in wanted:
                    yield jobs.memory(engine, size)
                if "importing" in wanted:
                    yield jobs.importing(turns)


def _delayed(stack: ExitStack, server: Server, url: URL, latency: float) -> URL:
    if not latency or server.name not in _PORTS:
        return url
    url = make_url(url)
    proxy = stack.enter_context(Proxy(url.host or "127.0.0.1", url.port or _PORTS[server.name], latency / 1000))
    return proxy.url(url)


if __name__ == "__main__":
    main()
