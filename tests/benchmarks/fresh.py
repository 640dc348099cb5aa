"""A process in which something is used for the first time: ``python -m tests.benchmarks.fresh SIDE NAME``.

It prints the seconds and the statements of one first touch, after everything is imported and a connection is open. The
database's URL is in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time

from sqlalchemy import MetaData, Table, create_engine

from lazy_alchemy import get_lazy_class

from .measure import counted

URL = "LAZY_ALCHEMY_BENCHMARK_URL"


def main(side: str, name: str) -> None:
    """Print the figures of one side."""
    engine = create_engine(os.environ[URL])
    engine.connect().close()
    db = get_lazy_class(engine)
    with counted(engine) as statements:
        began = time.perf_counter()
        if side == "ours":
            db.get(name)
        else:
            Table(name, MetaData(), autoload_with=engine, resolve_fks=side == "default")
        seconds = time.perf_counter() - began
    engine.dispose()
    print(json.dumps({"seconds": seconds, "statements": statements.count}))


if __name__ == "__main__":
    main(*sys.argv[1:])
