"""The figures as text: a line for each job, and the page of docs that they are written into."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .measure import Figures, Result

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

_HEAD = """\
| Job | Statements | Median | of SQLAlchemy, the same | of SQLAlchemy's default | Peak memory | Besides |
|---|--:|--:|--:|--:|--:|---|"""


def line(result: Result) -> str:
    """Return a row of the table."""
    ours = result.ours
    more = ", ".join(f"{_number(value)} {name}" for name, value in ours.more.items())
    if result.same is not None and result.same.more:
        more += (
            " (SQLAlchemy " + ", ".join(f"{_number(value)} {name}" for name, value in result.same.more.items()) + ")"
        )
    cells = [
        result.job,
        _statements(result),
        _seconds(ours.median),
        _ratio(ours, result.same),
        _ratio(ours, result.default),
        "" if ours.peak is None else f"{ours.peak / 1e6:.2f} MB" + _peak_ratio(ours, result.same),
        more,
    ]
    return f"| {' | '.join(cells)} |"


def page(found: dict[str, list[Result]], *, latency: float, turns: int) -> str:
    """Return all figures, with where they come from."""
    lines = [f"{_machine()}; {turns} turns a side, medians of them and of their ratios."]
    if latency:
        lines.append(f"Every round trip to a server is delayed by {latency:g} ms.")
    for database, results in found.items():
        lines += ["", f"### {database}", "", _HEAD, *map(line, results)]
    return "\n".join(lines) + "\n"


def write(file: Path, text: str) -> None:
    """Put ``text`` between the marks of a page, leaving the rest of it as it is."""
    content = file.read_text(encoding="utf-8")
    before, _, rest = content.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{file} has no lines {BEGIN} and {END}")
    file.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _machine() -> str:
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("sqlalchemy", "pydantic", "sqlmodel", "psycopg", "pymysql")
    )
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Python {python} on {platform.system()} {platform.machine()} with {os.cpu_count()} processors; {versions}"


def _statements(result: Result) -> str:
    counts = [None if figures is None else figures.statements for figures in (result.ours, result.same, result.default)]
    if counts[0] is None:
        return ""
    others = [str(count) for count in counts[1:] if count is not None]
    return f"{counts[0]}" + (f" ({', '.join(others)})" if others else "")


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def _ratio(ours: Figures, theirs: Figures | None) -> str:
    """Return the median of the turns' ratios: a machine that changes its speed between two turns does not change it."""
    if theirs is None:
        return ""
    return f"{statistics.median(a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True)):.2f}"


def _peak_ratio(ours: Figures, theirs: Figures | None) -> str:
    return "" if theirs is None or not theirs.peak or ours.peak is None else f" ({ours.peak / theirs.peak:.2f})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
