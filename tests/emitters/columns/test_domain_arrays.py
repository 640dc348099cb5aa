"""Domains of PostgreSQL of which SQLAlchemy leaves something out: lengths, digits, dimensions, and CHECKs but one."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
import sys
from decimal import Decimal
from inspect import get_annotations
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from sqlalchemy import NullPool, create_engine, select, text
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from lazy_alchemy import TableInfo, get_lazy_class
from lazy_alchemy._accessors.drift import differences
from lazy_alchemy.emitters import DataclassEmitter, TypedDictEmitter
from lazy_alchemy.emitters.source import module_source
from lazy_alchemy.reflectors import InspectorReflector, PostgresReflector
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from lazy_alchemy import Reflector
    from tests.databases import Database

UTC = dt.timezone.utc
LATE = dt.datetime(2020, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001 - of a column without a time zone
# What a domain is over; values that a row has; and values that it cannot have.
BASES: dict[str, tuple[list[Any], list[Any]]] = {
    "varchar(5)[]": ([["ab", None], [["a"], ["b"]], [], ["{", "}"]], ["ab", ["abcdef"], [["a"], ["abcdef"]]]),
    "char(2)[]": ([["ab", None]], ["ab", ["abc"]]),
    "numeric(5,2)[]": ([[Decimal("123.45"), None], [[Decimal("1.50")]]], [Decimal(1), ["1234"], ["1.505"]]),
    "timestamp(3)[]": ([[LATE, None]], [LATE, [LATE.replace(tzinfo=UTC)]]),
    "timestamp(3) with time zone[]": ([[LATE.replace(tzinfo=UTC)]], [LATE.replace(tzinfo=UTC), [LATE]]),
    "time(3)[]": ([[dt.time(1, 2, 3)]], [dt.time(1, 2, 3)]),
    "time(3) with time zone[]": ([[dt.time(1, 2, 3, tzinfo=UTC)]], [[dt.time(1, 2, 3)]]),
    "interval(3)[]": ([[dt.timedelta(days=1), None]], [dt.timedelta(days=1)]),
    "bit(3)[]": ([["101", None]], ["101", ["10"], ["1011"]]),
    "bit varying(4)[]": ([["10", ""]], ["10", ["10111"]]),
    "mood[]": ([["so so", "sad", None]], ["sad", ["happy"]]),
    "words": ([["ab"], []], ["ab", ["abcdef"]]),  # a domain over varchar(5)[]
    "word[]": ([["ab", None], [["a"], ["b"]]], ["ab", ["abcdef"]]),  # of a domain over varchar(5)
    "varchar(5)": (["abcde"], ["abcdef", ["ab"]]),
    "numeric(5,2)": ([Decimal("123.45")], ["1234", "1.505"]),
    "timestamp(3) with time zone": ([LATE.replace(tzinfo=UTC)], [LATE]),
    "bit(3)": (["101"], ["10", "1011"]),
}
SETUP = [
    "CREATE TYPE mood AS ENUM ('sad', 'so so')",
    "CREATE DOMAIN word AS varchar(5)",
    "CREATE DOMAIN words AS varchar(5)[] CHECK (array_length(VALUE, 1) < 100)",
    *(f"CREATE DOMAIN d{number} AS {base}" for number, base in enumerate(BASES)),
    f"CREATE TABLE t (id serial PRIMARY KEY{''.join(f', c{n} d{n}' for n in range(len(BASES)))})",
]
DRIVERS = ["psycopg", "psycopg2", "pg8000", "asyncpg"]
# asyncpg sends no bit strings, for which SQLAlchemy 2.0 has nothing that it takes: the insert shape refuses them.
NOT_SENT = {"asyncpg": {"bit(3)[]", "bit varying(4)[]", "bit(3)"}}
# Of lists of these, psycopg2 says that they are text[].
REFUSED = {"psycopg2": {"bit(3)[]", "bit varying(4)[]", "mood[]"}}


@pytest.fixture
def domains(postgresql_db: Database) -> Database:
    """A table ``t`` with a column of each of the domains."""
    postgresql_db.execute(*SETUP)
    return postgresql_db


@pytest.fixture(params=[PostgresReflector, InspectorReflector])
def reflector(request: pytest.FixtureRequest) -> Reflector:
    """Both reflectors, which are to know the same."""
    made: Reflector = request.param()
    return made


def in_utc(value: Any) -> str:
    """Return the text of a value, its times in UTC."""
    if isinstance(value, list):
        return f"[{', '.join(map(in_utc, value))}]"
    if isinstance(value, (dt.datetime, dt.time)) and value.utcoffset() is not None:
        return str(value.astimezone(UTC) if isinstance(value, dt.datetime) else value)
    return repr(value)


@pytest.mark.parametrize("driver", DRIVERS[:3])
def test_rows(domains: Database, driver: str) -> None:
    """What the insert shape lets pass is inserted, and the row shape, SQLModel and ORM classes have it as it was."""
    engine = create_engine(domains.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
    table = get_lazy_class(engine).t
    insert, row, mapped, plain = table.as_pydantic_insert(), table.as_pydantic(), table.as_sqlmodel(), table.as_orm()
    wrong = []
    for number, (base, (values, _)) in enumerate(BASES.items()):
        for value in values:
            if base in REFUSED.get(driver, ()):
                with pytest.raises(ValidationError, match="array_items"):
                    insert.model_validate({f"c{number}": value})
                continue
            with Session(engine) as session:
                session.execute(
                    table.insert(), insert.model_validate({f"c{number}": value}).model_dump(exclude_unset=True)
                )
                session.add_all([mapped(**{f"c{number}": value}), plain(**{f"c{number}": value})])
                session.commit()
            with Session(engine) as session:
                found = session.execute(select(table).order_by(table.c.id.desc()).limit(3)).all()
                read = [row.model_validate(one) for one in found]
                read += [row.model_validate_json(one.model_dump_json()) for one in read]
                objects = [session.get(cls, found[0].id) for cls in (mapped, plain)]
                assert not session.dirty
            texts = {in_utc(getattr(one, f"c{number}")) for one in (*read, *objects)}
            if texts != {in_utc(value)}:
                wrong.append(f"{base}: {in_utc(value)} was written, {texts} read")
    assert [] == wrong


def test_rows_of_asyncpg(domains: Database) -> None:
    """The same through asyncpg, which gives a list for every array."""

    async def run() -> list[str]:
        wrong = []
        engine = create_async_engine(domains.url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        table = await get_lazy_class(engine).get("t")
        insert, row = table.as_pydantic_insert(), table.as_pydantic()
        for number, (base, (values, _)) in enumerate(BASES.items()):
            for value in values:
                refused = base in NOT_SENT["asyncpg"]
                if refused:
                    with pytest.raises(ValidationError, match=r"not_sent|array_items"):
                        insert.model_validate({f"c{number}": value})
                model = get_lazy_class(domains.engine).t.as_pydantic_insert() if refused else insert
                sent = model.model_validate({f"c{number}": value}).model_dump(exclude_unset=True)
                if refused:
                    with domains.engine.begin() as sync:
                        sync.execute(table.insert(), sent)
                async with engine.begin() as connection:
                    if not refused:
                        await connection.execute(table.insert(), sent)
                    found = (await connection.execute(select(table).order_by(table.c.id.desc()).limit(1))).one()
                read = getattr(row.model_validate(found), f"c{number}")
                if in_utc(read) != in_utc(value):
                    wrong.append(f"{base}: {in_utc(value)} was written, {in_utc(read)} read")
        await engine.dispose()
        return wrong

    assert [] == asyncio.run(run())


def test_what_is_refused(domains: Database, reflector: Reflector) -> None:
    """Lengths and digits are those of the items, and what is no list is refused, whichever reflector has read."""
    insert = get_lazy_class(domains.engine, reflector=reflector).t.as_pydantic_insert()
    for number, (values, others) in enumerate(BASES.values()):
        for value in values:
            insert.model_validate({f"c{number}": value})
        for value in others:
            with pytest.raises(ValidationError):
                insert.model_validate({f"c{number}": value})


def test_an_array_of_domains_over_arrays(postgresql_db: Database) -> None:
    """A row has a list of lists, be they of different lengths, and no driver sends one."""
    postgresql_db.execute(
        "CREATE DOMAIN d AS varchar(5)[]",
        "CREATE DOMAIN e AS numeric(5,2)[]",
        "CREATE TABLE t (id serial PRIMARY KEY, a d[], b e[])",
        """INSERT INTO t (a, b) VALUES ('{"{ab,NULL}","{{a},{b}}",NULL}', '{"{1.5,NULL}","{}"}')""",
    )
    expected: tuple[Any, Any] = ([["ab", None], [["a"], ["b"]], None], [[Decimal("1.50"), None], []])
    generated = source_of(postgresql_db).TRow
    for driver in DRIVERS[:3]:
        engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
        table = get_lazy_class(engine).t
        with Session(engine) as session:
            found = session.execute(select(table)).one()
            loaded: Any = session.scalars(select(table.as_sqlmodel())).one()
            rows: list[Any] = [model.model_validate(found) for model in (table.as_pydantic(), generated)]
            rows += [type(row).model_validate_json(row.model_dump_json()) for row in rows]
            for one in (*rows, loaded):
                assert expected == (one.a, one.b)
        with pytest.raises(ValidationError, match="array_items"):
            table.as_pydantic_insert().model_validate({"a": [["ab"]]})

    async def run() -> None:
        engine = create_async_engine(postgresql_db.url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        table = await get_lazy_class(engine).get("t")
        async with engine.connect() as connection:
            row: Any = table.as_pydantic().model_validate((await connection.execute(select(table))).one())
        assert expected == (row.a, row.b)

    asyncio.run(run())


def test_not_null_and_a_check_of_the_whole(postgresql_db: Database, reflector: Reflector) -> None:
    """A domain that is NOT NULL is required, and a CHECK of the list as a whole is the database's."""
    postgresql_db.execute(
        "CREATE DOMAIN d AS varchar(2)[] NOT NULL CHECK (array_length(VALUE, 1) <= 2)",
        "CREATE TABLE t (id serial PRIMARY KEY, a d)",
    )
    table = get_lazy_class(postgresql_db.engine, reflector=reflector).t
    insert = table.as_pydantic_insert()
    assert {"a": ["ab", None, "c"]} == insert.model_validate({"a": ["ab", None, "c"]}).model_dump(exclude_unset=True)
    for given in ({}, {"a": None}, {"a": ["abc"]}):
        with pytest.raises(ValidationError):
            insert.model_validate(given)


@pytest.mark.parametrize(
    ("checks", "good", "bad"),
    [
        ("integer CHECK (VALUE > 0) CHECK (VALUE <= 100)", [1, 100], [0, 101]),
        ("integer CHECK (VALUE % 2 = 0) CHECK (VALUE > 0) CHECK (VALUE <> 7)", [1, 8], [0]),
        ("varchar(5) CHECK (length(VALUE) > 1) CHECK (VALUE IN ('ab', 'abc', 'a'))", ["ab", "abc"], ["a", "abcd"]),
    ],
)
def test_several_checks(postgresql_db: Database, reflector: Reflector, checks: str, good: Any, bad: Any) -> None:
    """Of several CHECKs of a domain each is enforced that would be if it were the only one, in arrays too."""
    postgresql_db.execute(f"CREATE DOMAIN d AS {checks}", "CREATE TABLE t (id serial PRIMARY KEY, a d, b d[])")
    insert = get_lazy_class(postgresql_db.engine, reflector=reflector).t.as_pydantic_insert()
    for value in good:
        insert.model_validate({"a": value, "b": [value]})
    for value in bad:
        for given in ({"a": value}, {"b": [value]}):
            with pytest.raises(ValidationError):
                insert.model_validate(given)


def test_what_the_reflectors_know(domains: Database) -> None:
    """Both reflectors have the full type beside SQLAlchemy's, and nothing where nothing is left out of that."""
    domains.execute(
        "CREATE DOMAIN whole AS integer CHECK (VALUE > 0)",
        "CREATE TABLE u (a d0, b d0[], c whole, d integer, e varchar(5), f whole[])",
    )
    with domains.engine.connect() as connection:
        one, other = (
            reflector.reflect(connection, ["t", "u"], schema=None)
            for reflector in (PostgresReflector(), InspectorReflector())
        )
    assert one == other
    first, second, *others = (column.full_type for column in one["u"].columns)
    assert first is not None
    full = first.build()
    assert isinstance(full, DOMAIN)
    assert ("d0", 'VARCHAR(5)[] COLLATE "default"') == (full.name, full.data_type.compile(domains.engine.dialect))
    assert second is not None
    array = second.build()
    assert isinstance(array, ARRAY)
    assert [None] * 4 == others
    for info in one.values():
        assert info == TableInfo.from_json(info.to_json()) == pickle.loads(pickle.dumps(info))  # noqa: S301
        assert info.fingerprint == TableInfo.from_json(info.to_json()).fingerprint


def test_a_change_is_seen(domains: Database) -> None:
    """A table whose domain has got another length, or another CHECK, is another table."""
    db = get_lazy_class(domains.engine)
    domains.execute("CREATE DOMAIN apart AS text", "CREATE TABLE u (a words, b apart)")
    seen = []
    for change in (
        "SELECT 1",
        "ALTER DOMAIN apart ADD CHECK (VALUE <> '')",
        "ALTER DOMAIN apart ADD CHECK (VALUE <> 'x')",
    ):
        domains.execute(change)
        db.refresh("u")
        seen.append((db.u, db.u.reflected.fingerprint))
    domains.execute(
        "ALTER TABLE u DROP COLUMN a",
        "CREATE DOMAIN more AS varchar(6)[] CHECK (array_length(VALUE, 1) < 100)",
        "ALTER TABLE u ADD COLUMN a more",
    )
    db.refresh("u")
    seen.append((db.u, db.u.reflected.fingerprint))
    assert 4 == len({id(table) for table, _ in seen}) == len({fingerprint for _, fingerprint in seen})


def test_other_models(domains: Database) -> None:
    """Dataclasses and TypedDicts have lists, too, and so have the columns of a generated module."""
    table = get_lazy_class(domains.engine).t
    for emitter in (DataclassEmitter(), TypedDictEmitter()):
        emitted: Any = table.emit(emitter)
        annotations = get_annotations(emitted)
        assert "list[str | None] | None" == str(annotations["c0"])
        assert "list[decimal.Decimal | None] | None" == str(annotations["c2"])
    module = source_of(domains)
    assert [] == differences(table, module.TColumns)
    with domains.engine.begin() as connection:
        connection.execute(text("INSERT INTO t (c0, c2, c8) VALUES ('{ab}', '{1.5}', '{101}')"))
        row = module.TRow.model_validate(connection.execute(select(table)).one())
    assert (["ab"], [Decimal("1.50")], ["101"]) == (row.c0, row.c2, row.c8)
    assert ["ab"] == module.TInsert(c0=["ab"]).c0
    for model in (module.TRow, module.TInsert):
        with pytest.raises(ValidationError):
            model.model_validate({"id": 1, "c0": "ab"})


def test_types_that_are_spelt_alike(postgresql_db: Database) -> None:
    """Arrays whose items SQLAlchemy spells alike are checked each by its own type."""
    postgresql_db.execute("CREATE TABLE t (a bit(3)[], b bit varying(4)[], c bit varying(3)[])")
    model = get_lazy_class(postgresql_db.engine).t.as_pydantic_insert()
    model.model_validate({"a": ["101"], "b": ["1011"], "c": ["10"]})
    for given in ({"a": ["10"]}, {"b": ["10111"]}, {"c": ["1011"]}):
        with pytest.raises(ValidationError):
            model.model_validate(given)


def test_bits_in_arrays(postgresql_db: Database) -> None:
    """An array of BIT is a list in the row, and is refused in a new one where SQLAlchemy could not read it again."""
    postgresql_db.execute("CREATE TABLE t (a bit(3)[])", "INSERT INTO t VALUES ('{101,NULL}')")
    for driver in DRIVERS[:3]:
        engine = create_engine(postgresql_db.url.set(drivername=f"postgresql+{driver}"), poolclass=NullPool)
        table = get_lazy_class(engine).t
        if driver != "psycopg" and NEWER_LINE:
            with pytest.raises(ValidationError, match="array_items"):
                table.as_pydantic_insert().model_validate({"a": ["101"]})
            continue
        table.as_pydantic_insert().model_validate({"a": ["101"]})
        with engine.connect() as connection:
            row: Any = table.as_pydantic().model_validate(connection.execute(select(table)).one())
        assert ["101", None] == row.a


def source_of(db: Database) -> Any:
    """Return the generated module of all tables."""
    accessor = get_lazy_class(db.engine)
    module = ModuleType("generated_domains")
    sys.modules[module.__name__] = module
    try:
        exec(  # noqa: S102 - the module as text
            module_source([accessor[name] for name in accessor.list_tables()], models=["pydantic", "sqlmodel"]),
            vars(module),
        )
        module.TRow.model_rebuild()
    finally:
        del sys.modules[module.__name__]
    return module
