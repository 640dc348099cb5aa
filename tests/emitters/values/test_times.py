"""Times and intervals that PostgreSQL or its drivers change, or give in forms of their own."""

from __future__ import annotations

from datetime import time, timedelta, timezone
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from pydantic import ValidationError
from sqlalchemy import Text, cast, select

from lazy_alchemy import get_lazy_class
from lazy_alchemy.emitters import SourceEmitter
from tests.emitters.test_source import import_text

from .test_drivers import DRIVERS, run_with

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from lazy_alchemy import CustomTable
    from tests.databases import Database

DAYS = 999_999_999
# What an interval of these fields and digits holds, and what it would round to more days than Python has, or cut.
INTERVALS: dict[str, tuple[list[Any], list[Any]]] = {
    "interval": (
        [timedelta.max, timedelta.min, timedelta(), "P400D", "-PT0.000001S", "P1DT2H5S", "PT59M", 90],
        [f"-P{DAYS}DT1S", f"P{DAYS + 1}D"],
    ),
    "interval(0)": ([timedelta.min, f"P{DAYS}DT23H59M59S"], [f"P{DAYS}DT23H59M59.5S", timedelta.max]),
    "interval(3)": ([f"P{DAYS}DT23H59M59.999S"], [f"P{DAYS}DT23H59M59.9995S"]),
    "interval year to month": ([timedelta()], ["P40D", "P400D", "PT1S"]),
    "interval month": ([timedelta()], ["P40D"]),
    "interval day": (["P40D", "-P1D"], ["PT23H", "-PT0.000001S"]),
    "interval day to hour": (["P40DT1H", "-PT1H"], ["PT1H30M", "PT0.5S"]),
    "interval hour to minute": (["P40DT1H30M", "-PT1M"], ["PT1M30S", "PT0.5S"]),
    "interval second": (["P40DT1H30M1.000001S"], []),
    "interval second(3)": ([f"P{DAYS}DT23H59M59.999S"], [timedelta.max]),
}


@pytest.fixture
def intervals(postgresql_db: Database) -> Database:
    """A table ``t`` with a column of each kind of interval."""
    columns = (f", c{number} {type_}" for number, type_ in enumerate(INTERVALS))
    postgresql_db.execute(f"CREATE TABLE t (id serial PRIMARY KEY{''.join(columns)})")
    return postgresql_db


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_interval_that_is_accepted_is_read(intervals: Database, driver: str) -> None:
    """What the insert model accepts is stored and read as it was; what the column cuts or nobody reads is refused."""

    def check(table: CustomTable, connection: Connection) -> None:
        model: Any = table.as_pydantic()
        insert: Any = table.as_pydantic_insert()
        for number, (type_, (held, refused)) in enumerate(INTERVALS.items()):
            column = f"c{number}"
            for value in refused:
                with pytest.raises(ValidationError):
                    insert.model_validate({column: value})
            for value in held:
                new = insert.model_validate({column: value})
                connection.execute(table.insert(), new.model_dump(exclude_unset=True))
                found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
                row = model.model_validate(found)
                again = model.model_validate_json(row.model_dump_json())
                read = [getattr(one, column) for one in (new, row, again)]
                assert (type_, value, 1) == (type_, value, len(set(read)))

    run_with(intervals, driver, check)


@pytest.mark.parametrize("driver", DRIVERS)
def test_months_are_read_as_days(intervals: Database, driver: str) -> None:
    """An interval with years and months, which only the database writes, has the days that most drivers give it."""
    intervals.execute(
        "INSERT INTO t (c0, c3) VALUES ('1 year 2 mons 3 days 04:05:06.5', '14 months'), ('-1 years -1 mons', '0')"
    )

    def check(table: CustomTable, connection: Connection) -> None:
        model: Any = table.as_pydantic()
        rows = [model.model_validate(row) for row in connection.execute(select(table.c).order_by(table.c.id))]
        rest = timedelta(hours=4, minutes=5, seconds=6.5)
        assert [timedelta(428) + rest, timedelta(-395)] == [row.c0 for row in rows]
        assert [timedelta(425), timedelta(0)] == [row.c3 for row in rows]

    run_with(intervals, driver, check)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(400), "P400D"),
        (timedelta(1, 7205), "P1DT2H0M5S"),
        (timedelta(hours=1), "PT1H"),
        (timedelta(), "PT0S"),
        (timedelta(microseconds=-1), "-PT0.000001S"),
        (timedelta(seconds=-90), "-PT1M30S"),
        (timedelta.max, "P999999999DT23H59M59.999999S"),
        (timedelta.min, "-P999999999D"),
    ],
)
def test_an_interval_in_json(intervals: Database, value: timedelta, text: str) -> None:
    """It has no years, and is what the JSON schema says; where RFC 3339 can say it, it does so in its words."""
    model: Any = get_lazy_class(intervals.engine).t.as_pydantic()
    schema = model.model_json_schema(mode="serialization")
    row = model.model_validate({"id": 1, "c0": value}).model_dump(mode="json")
    assert text == row["c0"]
    assert jsonschema_rs.is_valid(schema, row, validate_formats=True)
    assert not jsonschema_rs.is_valid(schema, {**row, "c0": "P1Y35D"})
    if value >= timedelta() and not value.microseconds:
        assert jsonschema_rs.is_valid({"type": "string", "format": "duration"}, text, validate_formats=True)


FIRST, LAST = "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"
# What there is at the ends of time, and what asyncpg would store as infinity.
ENDS: dict[str, tuple[list[Any], list[Any]]] = {
    "date": (["0001-01-02", "9999-12-30"], ["0001-01-01", "9999-12-31"]),
    "timestamp": (["0001-01-01T00:00:00.000001", "9999-12-31T23:59:59.999998"], [FIRST, LAST]),
    "timestamptz": (
        ["0001-01-01T00:00:00-01:00", "9999-12-31T23:59:59.999999+01:00", "9999-12-31T00:00:00Z"],
        [f"{FIRST}Z", f"{LAST}Z", "0001-01-01T01:00:00+01:00"],
    ),
    "date[]": ([["0001-01-02"]], [["0001-01-01"]]),
    "day": (["0001-01-02"], ["0001-01-01"]),
    "daterange": ([{"lower": "0001-01-02"}], [{"lower": "0001-01-01"}, {"upper": "9999-12-31"}]),
    "tstzrange": ([{"upper": "9999-12-31T00:00:00Z"}], [{"upper": f"{LAST}Z"}]),
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_ends_of_time(postgresql_db: Database, driver: str) -> None:
    """They are stored and read as they are, and refused where asyncpg would make infinity of them."""
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(ENDS))
    postgresql_db.execute("CREATE DOMAIN day AS date", f"CREATE TABLE t (id serial PRIMARY KEY, {columns})")

    def check(table: CustomTable, connection: Connection) -> None:
        model: Any = table.as_pydantic()
        insert: Any = table.as_pydantic_insert()
        for number, (type_, (held, ends)) in enumerate(ENDS.items()):
            column = f"c{number}"
            if driver == "asyncpg":
                for value in ends:
                    with pytest.raises(ValidationError, match="stores the value as infinity"):
                        insert.model_validate({column: value})
            for value in held if driver == "asyncpg" else [*held, *ends]:
                new = insert.model_validate({column: value})
                stored = connection.execute(
                    table.insert().returning(cast(table.c[column], Text)), new.model_dump(exclude_unset=True)
                )
                assert "infinity" not in stored.scalar_one()
                found = connection.execute(select(table).order_by(table.c.id.desc()).limit(1)).one()
                assert (type_, getattr(new, column)) == (type_, getattr(model.model_validate(found), column))

    run_with(postgresql_db, driver, check)


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_offset_of_a_time_without_minutes(postgresql_db: Database, driver: str) -> None:
    """A time with an offset of whole hours is read, be it by a driver that gives PostgreSQL's text."""
    postgresql_db.execute("CREATE TABLE t (id serial PRIMARY KEY, a timetz, b timetz(3))")
    values = {"a": "12:00:00+02:00", "b": "12:00:00.5-05:30"}

    def check(table: CustomTable, connection: Connection) -> None:
        new: Any = table.as_pydantic_insert().model_validate(values)
        connection.execute(table.insert(), new.model_dump(exclude_unset=True))
        row: Any = table.as_pydantic().model_validate(connection.execute(select(table)).one())
        assert (new.a, new.b) == (row.a, row.b)
        with pytest.raises(ValidationError, match="not include seconds"):
            table.as_pydantic_insert().model_validate({"a": time(12, tzinfo=timezone(timedelta(seconds=1)))})

    run_with(postgresql_db, driver, check)


def test_generated_models_know_intervals_and_offsets(intervals: Database, tmp_path: Path) -> None:
    """A generated model writes, reads and refuses as the others do."""
    intervals.execute("ALTER TABLE t ADD COLUMN at timetz")
    module = import_text(get_lazy_class(intervals.engine).t.emit(SourceEmitter()), tmp_path)
    for number, (held, refused) in enumerate(INTERVALS.values()):
        for value in refused:
            with pytest.raises(ValidationError):
                module.TInsert.model_validate({f"c{number}": value})
        for value in held:
            module.TInsert.model_validate({f"c{number}": value})
    row = module.TRow.model_validate({"id": 1, "c0": "P400D", "at": "12:00:00+02"})
    assert {"c0": "P400D", "at": "12:00:00+02:00"} == row.model_dump(mode="json", include={"c0", "at"})
