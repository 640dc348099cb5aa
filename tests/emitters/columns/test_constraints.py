"""What the insert and partial shapes refuse, because the database would; and what the row shape never does."""

from __future__ import annotations

import base64
import json
import re
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Column, MetaData, String, Table, select, type_coerce, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SAWarning

from lazy_alchemy import ModelError, UnknownTypeWarning, get_lazy_class
from lazy_alchemy.emitters import DataclassEmitter, PydanticEmitter
from lazy_alchemy.reflectors import InspectorReflector
from tests.emitters.test_roundtrip import SETUP

from .test_domain_arrays import source_of

if TYPE_CHECKING:
    from lazy_alchemy import Reflector
    from tests.databases import Database

HALF = "\ud83d"  # of a surrogate pair, which a client can write in JSON
NAN, INF = float("nan"), float("inf")

# What the database refuses, or would not give back, by SQL type.
POSTGRESQL: dict[str, list[Any]] = {
    "smallint": [-32769, 32768, "x", 1.5, 10**400],
    "integer": [-(2**31) - 1, 2**31],
    "bigint": [-(2**63) - 1, 2**63],
    "numeric": ["x", "1e131073", "1e-16384", "NaN", NAN, INF],
    "numeric(8,2)": ["1000000.00", "0.001", "1e10", NAN],
    "numeric(5,-2)": ["10000000", "9999950", "127", "49", -1],
    "numeric(40,-2)": ["127", "1" * 41],
    "numeric(2,4)": ["0.01", "0.00001", "1"],
    "numeric(2,2)": ["1", "-1.00", "0.001"],
    "real": [1e39, 1e-50, NAN, INF],
    "double precision": ["x", NAN, INF, "Infinity"],
    "money": ["a lot", "1.2.3", "92233720368547758.08", "-92,233,720,368,547,758.09", "\u0663"],
    "char(3)": ["abcd", "\0", HALF],
    "varchar(5)": ["abcdef", "\0", HALF],
    "varchar": ["\0"],
    "text": ["a\0", HALF],
    "citext": ["\0"],
    "bytea": ["no base64!"],
    "bit(3)": ["10", "1010", "abc"],
    "bit varying(5)": ["101010"],
    "date": ["0000-00-00", "10000-01-01"],
    "time": ["24:00:01", "01:02:03Z"],
    "time(0)": ["23:59:59.5"],
    "time with time zone": ["01:02:03", "01:02:03+16:00", "01:02:03-23:59"],
    "time(3) with time zone": ["23:59:59.9995Z"],
    "timestamp": ["2020-01-01T00:00:00Z", 0],
    "timestamp(0)": ["9999-12-31T23:59:59.5"],
    "timestamp(5)": ["9999-12-31T23:59:59.999995"],
    "timestamptz": [
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00+16:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:00:00-01:00",
    ],
    "timestamptz(0)": ["9999-12-31T23:59:59.9Z"],
    "uuid": ["x"],
    "json": [NAN, {"a": INF}, [HALF], {1: 2}, object()],
    "jsonb": ["\0", {"a\0": 1}, [["\0"]], {HALF: 1}, NAN],
    "json[]": [[HALF], [[NAN]], [{1: 2}], [[1], [2, 3]]],
    "jsonb[]": [["\0"], [{"a": "\0"}], [HALF], [[1], 2]],
    "integer[]": [[[]], [[], []], [1, [2]], [[1], [2, 3]], [[[[[[[1]]]]]]], ["x"], [2**31], 1],
    "varchar(2)[]": [["abc"], [["a"], ["abc"]], ["\0"]],
    "mood": ["glad", ""],
    "mood[]": [["glad"], [["sad"]], [[None]], [["sad"], ["so so"]]],
    "positive": [0, 101],
    "short": ["", "abc"],
    "flavour": ["bitter"],
    "int4range": [{"a": 1}, {"uper": 3}, {"lower": 2, "upper": 1}, {"lower": 2**31}, {"bounds": "<>"}, "[1,2)"],
    "int8range": [{"upper": 2**63 - 1, "bounds": "[]"}, {"lower": 2**63 - 1, "bounds": "()"}],
    "daterange": [{"upper": "9999-12-31", "bounds": "(]"}, {"lower": "9999-12-31", "bounds": "(]"}],
    "tstzrange": [{"lower": "2020-01-01T00:00:00"}, {"lower": "0001-01-01T00:00:00+14:00"}],
    "int4multirange": [[{"uper": 3}], [{"lower": 2, "upper": 1}], [{"lower": 1}, {"upper": 2**31 - 1, "bounds": "[]"}]],
    "inet": ["10.0.0.256", "x", "fe80::1%eth0", "fe80::1%eth0/64"],
    "cidr": ["10.0.0.1/8", "fe80::%eth0/64"],
    "macaddr": ["08:00:2b:01:02", "x"],
    "macaddr8": ["08:00:2b:01:02:03:04:0g"],
    "hstore": [{"a": 1}, {"a": "\0"}, {"\0": "a"}],
    "pairs[]": [[{"a": "1"}], []],
    "span[]": [[{"lower": 1}], [None]],
    "tsvector": ["\0"],
    "oid": [-1, 2**32],
}
MARIADB: dict[str, list[Any]] = {
    "tinyint": [-129, 128],
    "tinyint unsigned": [-1, 256],
    "boolean": [2, "x"],
    "smallint": [32768],
    "mediumint": [2**23],
    "mediumint unsigned": [-1, 2**24],
    "int": [2**31],
    "int unsigned": [-1, 2**32],
    "bigint unsigned": [-1, 2**64],
    "decimal(8,2)": ["1000000.00", "0.001", "NaN"],
    "decimal(8,2) unsigned": ["-0.01"],
    "decimal(2,2)": ["1", "0.001"],
    "decimal": ["0.5"],
    "float": [1e39, NAN, INF],
    "float unsigned": [-1],
    "float(7,4)": [1000, 999.99999, -999.99995],
    "double": ["NaN", "1e309", INF],
    "double(8,3)": ["100000", "99999.9995", "-99999.9999"],
    "double(8,3) unsigned": ["99999.9995", "-1"],
    "bit(12)": [-1, 4096],
    "year": [1900, 2156],
    "char(3)": ["abcd", HALF],
    "varchar(5)": ["abcdef"],
    "varchar(5) character set latin1": ["☃"],
    "varchar(5) character set utf8mb3": ["🎉"],
    "varchar(5) character set ascii": ["ä"],
    "tinytext": ["x" * 256, "🎉" * 64],
    "text": ["x" * 65536],
    "binary(3)": ["AAAAAA=="],
    "varbinary(2)": ["AAAA"],
    "tinyblob": [b"x" * 256],
    "time": ["24:00:01", "01:02:03Z"],
    "datetime": ["2020-01-01T00:00:00Z"],
    "timestamp null": ["1969-12-31T00:00:00", "2038-01-19T03:14:08"],
    "enum('a','b')": ["c", ""],
    "set('a','b')": [["c"], "a"],
}
SQLITE: dict[str, list[Any]] = {
    "INTEGER": [-(2**63) - 1, 2**63],
    "BOOLEAN": [2],
    "NUMERIC": [NAN, "1e309"],
    "NUMERIC(8,2)": ["1000000.00", "0.001"],
    "REAL": [NAN, INF],
    "CHAR(3)": ["abcd", HALF],
    "VARCHAR(5)": ["abcdef"],
    "VARYING CHARACTER(5)": ["abcdef"],
    "DATETIME": ["2020-01-01T00:00:00Z"],
    "TIME": ["01:02:03Z"],
    "DATETIME(6)": ["2020-01-01T12:00:00+05:00"],
    "TIME(6)": ["12:00:00+05:00"],
    "TIMESTAMP(6)": ["2020-01-01T12:00:00+05:00"],
    "JSON": [NAN, [HALF], object(), 2**63, -(2**63) - 1, [10**5000], [float("1e400")]],
    "": [{"a": 1}, [1], 2**63, -(2**63) - 1, HALF, NAN, object()],
}
REFUSED = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE}
IDENTITY = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mariadb": "INTEGER AUTO_INCREMENT"}


def make(db: Database, *columns: str, name: str = "things") -> Table:
    """Make a table with a key that the database fills in, and these columns."""
    db.execute(f"CREATE TABLE {name} (id {IDENTITY[db.name]} PRIMARY KEY, {', '.join(columns)})")
    return get_lazy_class(db.engine)[name]


def accepted(model: Any, values: dict[str, Any]) -> bool:
    """Return whether a model validates, and otherwise raises nothing but what it should."""
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True


def test_what_a_column_cannot_hold_is_refused(db: Database) -> None:
    """A value that the database would refuse, or that a driver cannot send, is a ValidationError before."""
    refused = REFUSED[db.name]
    if db.is_postgresql:
        db.execute(*SETUP)
    table = make(db, *(f"c{number} {sql_type}" for number, sql_type in enumerate(refused)))
    insert, partial = table.as_pydantic_insert(), table.as_pydantic_partial()
    assert [] == [
        (sql_type, value)
        for number, (sql_type, values) in enumerate(refused.items())
        for value in values
        if accepted(insert, {f"c{number}": value}) or accepted(partial, {f"c{number}": value})
    ]


def test_a_row_of_sqlite_is_as_it_is(sqlite_db: Database) -> None:
    """SQLite stores any length and any digits in any column, and the row shape takes what it stores."""
    table = make(sqlite_db, "a VARCHAR(2)", "b NUMERIC(3, 1)", "c SMALLINT", "d CHAR(1)")
    sqlite_db.execute("INSERT INTO things (a, b, c, d) VALUES ('abc', 12345.678, 100000, 'xyz')")
    with sqlite_db.engine.connect() as connection:
        row = table.as_pydantic().model_validate(connection.execute(select(table)).one())
    assert {"a": "abc", "c": 100000, "d": "xyz"}.items() <= row.model_dump().items()


def test_a_row_of_mariadb_is_as_it_is(mariadb_db: Database) -> None:
    """A number other than 0 and 1 in a BOOLEAN is true, and a bad ENUM value of a server that was not strict is ''."""
    table = make(mariadb_db, "a BOOLEAN", "b ENUM('x')", "c YEAR")
    mariadb_db.execute("SET sql_mode=''", "INSERT INTO things (a, b, c) VALUES (7, 'nonsense', 0)")
    with mariadb_db.engine.connect() as connection:
        row = table.as_pydantic().model_validate(connection.execute(select(table)).one())
    assert {"id": 1, "a": True, "b": "", "c": 0} == row.model_dump()


def test_null_is_refused_where_the_column_is_not_null(db: Database) -> None:
    """In a change and in a new row, what may be left out is null only where the column may be NULL."""
    table = make(db, "a INTEGER NOT NULL", "b INTEGER NOT NULL DEFAULT 1", "c INTEGER")
    for model, fields in ((table.as_pydantic_partial(), "id a b c"), (table.as_pydantic_insert(), "id b c")):
        required = {"a": 1} if "a" not in fields else {}
        assert required == model.model_validate(required).model_dump(exclude_unset=True)
        refused = {name for name in fields.split() if not accepted(model, {**required, name: None})}
        assert set(fields.split()) - {"c"} == refused
        schema = model.model_json_schema()["properties"]
        assert {"c"} == {name for name, field in schema.items() if "anyOf" in field}
        assert not any("default" in schema[name] for name in refused)


def test_a_document_is_as_deep_as_a_row_can_give_it_back(db: Database) -> None:
    """The deepest document that is accepted is JSON again, in rows and in lists of rows; a deeper one is refused."""
    if db.is_mariadb:
        return  # its JSON is a text
    table = make(db, "a JSON, b JSON NOT NULL DEFAULT '1'")
    row: Any = table.as_pydantic()
    for model in (table.as_pydantic_insert(), table.as_pydantic_partial()):
        for deep in ("[" * 190 + "]" * 190, '{"a":' * 189 + "[1]" + "}" * 189):
            sent: Any = model.model_validate({"a": json.loads(deep)})
            assert sent == model.model_validate_json(sent.model_dump_json(exclude_unset=True))
            with db.engine.begin() as connection:
                connection.execute(table.insert(), sent.model_dump(exclude_unset=True))
                rows: list[Any] = [row.model_validate(one) for one in connection.execute(select(table))]
            pages = TypeAdapter(dict[str, list[row]])  # pyright: ignore[reportInvalidTypeForm]  # known at run time only
            assert {"rows": rows} == pages.validate_json(pages.dump_json({"rows": rows}))
        for deep in ("[" * 191 + "]" * 191, '{"a":' * 190 + "[1]" + "}" * 190, "[" * 900 + "]" * 900):
            with pytest.raises(ValidationError, match="json_depth"):
                model.model_validate({"a": json.loads(deep)})


def test_null_is_a_document_where_the_column_is_json(db: Database) -> None:
    """In a JSON column that is NOT NULL, null is the document null, and not refused."""
    table = make(db, "a JSON NOT NULL DEFAULT '{}'")
    for model in (table.as_pydantic_insert(), table.as_pydantic_partial()):
        assert accepted(model, {"a": None}) is not db.is_mariadb  # whose JSON is a text
        assert {} == model.model_validate({}).model_dump(exclude_unset=True)


def test_what_was_left_out_is_dumped_as_none(db: Database) -> None:
    """A partial without anything dumps None for all columns, without a warning, also where they are NOT NULL."""
    model = make(db, "a INTEGER NOT NULL").as_pydantic_partial()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {"id": None, "a": None} == model().model_dump() == model.model_validate({}).model_dump(mode="json")
        assert '{"id":null,"a":null}' == model().model_dump_json()


def test_a_dump_of_what_was_set_is_valid_again(db: Database) -> None:
    """A dump to be inserted is one that the model takes back; one with None for what was left out need not be."""
    insert = make(db, "a INTEGER NOT NULL DEFAULT 1", "b INTEGER").as_pydantic_insert()
    for new in (insert(), insert(a=2), insert(b=None)):
        dump = new.model_dump(exclude_unset=True)
        assert dump == insert.model_validate(dump).model_dump(exclude_unset=True)
    assert not accepted(insert, insert().model_dump())


def test_the_json_schema_says_what_is_checked(db: Database) -> None:
    """Lengths, bounds and digits are in the JSON schema, where OpenAPI shows them."""
    table = make(db, "a VARCHAR(5) NOT NULL", "b NUMERIC(8, 2) NOT NULL", "c SMALLINT NOT NULL")
    fields = table.as_pydantic_insert().model_json_schema()["properties"]
    assert 5 == fields["a"]["maxLength"]
    number, text = fields["b"]["anyOf"]
    assert (-1000000, 1000000) == (number["exclusiveMinimum"], number["exclusiveMaximum"])
    assert r"^-?[0-9]{1,6}(\.[0-9]{1,2})?$" == text["pattern"]
    largest = 2**63 if db.is_sqlite else 2**15
    assert (-largest, largest - 1) == (fields["c"]["minimum"], fields["c"]["maximum"])
    row = table.as_pydantic().model_json_schema(mode="serialization")["properties"]
    assert ("maxLength" in row["a"]) is not db.is_sqlite
    assert "0E-7" == TypeAdapter(Decimal).dump_python(Decimal("0.0000000"), mode="json")  # and so no pattern in a row
    assert "pattern" not in row["b"] or re.match(row["b"]["pattern"], "0E-7")


def test_the_json_schema_of_a_row_says_how_infinity_is_written(db: Database) -> None:
    """Where a column of floats may hold them, NaN and infinity are texts in the schema of what is written."""
    row = make(db, "a DOUBLE PRECISION NOT NULL").as_pydantic()
    written = row.model_json_schema(mode="serialization")["properties"]["a"]
    texts = [] if db.is_mariadb else [{"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]
    assert texts == [form for form in written.get("anyOf", []) if "enum" in form]
    for text in ("NaN", "Infinity", "-Infinity") if texts else ():
        assert f'{{"id":1,"a":"{text}"}}' == row.model_validate({"id": 1, "a": float(text)}).model_dump_json()


def test_labels_are_in_the_json_schema(postgresql_db: Database) -> None:
    """The labels of an enum, of an array's items and of a domain are an enum in the JSON schema."""
    postgresql_db.execute(*SETUP)
    table = make(postgresql_db, "a mood NOT NULL", "b flavour NOT NULL", "c mood[] NOT NULL", "d flavour[] NOT NULL")
    schema = table.as_pydantic_insert().model_json_schema()
    fields = schema["properties"]
    assert ["sad", "so so"] == fields["a"]["enum"]
    assert ["sweet", "sour"] == fields["b"]["enum"]
    assert ["sad", "so so"] == fields["c"]["items"]["anyOf"][0]["enum"]
    items, nested = schema["$defs"]["flavour_array"]["items"]["oneOf"]
    assert ["sweet", "sour"] == items["anyOf"][0]["enum"]
    assert {"$ref": "#/$defs/flavour_array"} == nested


def test_a_key_that_mariadb_would_replace_is_refused(mariadb_db: Database) -> None:
    """MariaDB puts the next number in the place of 0, so that nobody would find the row by 0."""
    table = make(mariadb_db, "a INTEGER")
    for model in (table.as_pydantic_insert(), table.as_pydantic_partial()):
        assert [True, False, False] == [accepted(model, {"id": key}) for key in (1, 0, -1)]
        assert not accepted(model, {"id": 2**31})
        assert 1 == model.model_json_schema()["properties"]["id"]["minimum"]
    assert accepted(table.as_pydantic(), {"id": 0})


def test_a_double_of_mariadb_is_sent_as_it_is(mariadb_db: Database) -> None:
    """A number too small for the ten places of a Decimal is stored, and can be read as a float."""
    table = make(mariadb_db, "a DOUBLE")
    sent = table.as_pydantic_insert().model_validate({"a": Decimal("1e-90")}).model_dump(exclude_unset=True)
    with mariadb_db.engine.begin() as connection:
        connection.execute(table.insert(), sent)
        assert 1e-90 == connection.scalar(select(type_coerce(table.c.a, types.Float)))


def test_a_text_has_the_character_set_of_its_table(mariadb_db: Database) -> None:
    """Where a column does not name its character set, it is the table's."""
    mariadb_db.execute("CREATE TABLE t (a VARCHAR(5), b VARCHAR(5) CHARACTER SET utf8mb4) CHARACTER SET latin1")
    model = get_lazy_class(mariadb_db.engine).t.as_pydantic_insert()
    assert [False, True] == [accepted(model, {name: "☃"}) for name in "ab"]


def test_a_table_of_nobody_knows_which_database_reads_anything() -> None:
    """Of a Table that no accessor loaded and no type gives away, a row is checked for nothing but Python types."""
    table = Table("t", MetaData(), Column("a", String(2), nullable=False))
    assert "abc" == PydanticEmitter().emit(table).model_validate({"a": "abc"}).model_dump()["a"]
    assert not accepted(PydanticEmitter(shape="insert").emit(table), {"a": "abc"})


@pytest.mark.parametrize(
    "check", ["VALUE ~ '^a'", "VALUE > '5'", "VALUE > 0 AND VALUE % 2 = 0", "VALUE > 0 OR VALUE < -5"]
)
def test_a_check_that_is_not_understood_is_left_to_the_database(postgresql_db: Database, check: str) -> None:
    """Of a domain's CHECK that is not bounds, a length or a list, nothing is made, and no half of it either."""
    base = "text" if "'" in check else "integer"
    postgresql_db.execute(f"CREATE DOMAIN odd AS {base} CHECK ({check})")
    model = make(postgresql_db, "a odd NOT NULL").as_pydantic_insert()
    assert accepted(model, {"a": "b" if base == "text" else -1})


DOMAINS = [
    "CREATE DOMAIN nonzero AS integer NOT NULL CHECK (VALUE >= 1 AND VALUE < 50)",
    "CREATE DOMAIN few AS nonzero CHECK (VALUE > -5 AND VALUE <= 3000000000)",
    "CREATE DOMAIN many AS integer CHECK (VALUE <= 3000000000)",
    "CREATE DOMAIN short AS text CHECK (length(VALUE) <= 3)",
    "CREATE DOMAIN word AS short CHECK (length(VALUE) >= 2 AND length(VALUE) <= 5)",
]


@pytest.mark.parametrize("reflector", [None, InspectorReflector()], ids=["own", "inspector"])
def test_a_domain_over_a_domain(postgresql_db: Database, reflector: Reflector | None) -> None:
    """What the inner ones demand holds as well, NOT NULL included, and the narrower of two bounds is the one."""
    postgresql_db.execute(
        *DOMAINS, "CREATE TABLE t (id SERIAL PRIMARY KEY, a few, b word, c few[] DEFAULT '{}', d many DEFAULT 1)"
    )
    table = get_lazy_class(postgresql_db.engine, reflector=reflector).t
    model = table.as_pydantic_insert()
    assert model.model_fields["a"].is_required()
    assert not accepted(table.as_pydantic(), {"id": 1, "a": None})
    assert accepted(model, {"a": 1, "b": None})
    right = {"a": 1, "b": "abc", "c": [49], "d": -(2**31)}
    assert right == model.model_validate(right).model_dump(exclude_unset=True)
    wrong = {"a": [None, 0, 50], "b": ["a", "abcd"], "c": [[None], [0], [[1, 50]]], "d": [2**31]}
    assert [] == [one for name, values in wrong.items() for one in values if accepted(model, {**right, name: one})]
    with pytest.raises(ValidationError, match="String should have at most 3 characters"):
        model(a=1, b="abcd")
    fields = model.model_json_schema()["properties"]
    assert (1, 50) == (fields["a"]["minimum"], fields["a"]["exclusiveMaximum"])
    assert {"minLength": 2, "maxLength": 3}.items() <= fields["b"]["anyOf"][0].items()


@pytest.mark.parametrize("reflector", [None, InspectorReflector()], ids=["own", "inspector"])
@pytest.mark.parametrize(
    ("base", "check", "values"),
    [
        ("integer", "VALUE < 1000", (999, 1000)),
        ("integer", "VALUE < 70000000000 AND VALUE > -1.5", (-1, -2)),
        ("smallint", "VALUE <= 5", (5, 6)),
        ("bigint", "VALUE BETWEEN 1 AND 3", (3, 4)),
        ("numeric(5,2)", "VALUE < 10.5", ("10.49", "10.50")),
        ("numeric(5,2)", "VALUE > 3", ("3.01", "3.00")),
        ("double precision", "VALUE <= 5.5", (5.5, 5.6)),
        ("numeric(5,2)", "VALUE::integer < 5", ("900", "1000")),  # of which the CHECK is the database's
    ],
)
def test_a_check_of_a_domain_over_a_domain_of_numbers(
    postgresql_db: Database, reflector: Reflector | None, base: str, check: str, values: tuple[Any, Any]
) -> None:
    """PostgreSQL writes a cast into such a CHECK, and it is understood where the cast changes no value."""
    postgresql_db.execute(f"CREATE DOMAIN inner_one AS {base}", f"CREATE DOMAIN outer_one AS inner_one CHECK ({check})")
    postgresql_db.execute("CREATE TABLE t (id serial PRIMARY KEY, a outer_one NOT NULL)")
    model = get_lazy_class(postgresql_db.engine, reflector=reflector).t.as_pydantic_insert()
    assert [True, False] == [accepted(model, {"a": value}) for value in values]


@pytest.mark.parametrize(
    ("base", "check", "values"),
    [
        ("citext", "VALUE IN ('draft', 'live')", ("DRAFT", "live")),
        ("char(3)", "VALUE IN ('a', 'b')", ("a", "b  ")),
        ("char(3)", "char_length(VALUE) <= 1", ("a", "b  ")),
    ],
)
def test_a_check_that_compares_otherwise_than_python(
    postgresql_db: Database, base: str, check: str, values: tuple[str, str]
) -> None:
    """Where case or blanks at the end do not count, what the database takes is taken, and what is read can be sent."""
    engine = postgresql_db.engine
    postgresql_db.execute("CREATE EXTENSION IF NOT EXISTS citext", f"CREATE DOMAIN d AS {base} CHECK ({check})")
    postgresql_db.execute("CREATE TABLE t (id serial PRIMARY KEY, a d NOT NULL)")
    table = get_lazy_class(engine).t
    insert, row = table.as_pydantic_insert(), table.as_pydantic()
    for value in values:
        with engine.begin() as connection:
            connection.execute(table.insert().values(insert(a=value).model_dump(exclude_unset=True)))
    with engine.connect() as connection:
        for found in connection.execute(select(table)):
            assert accepted(insert, {"a": row.model_validate(found).model_dump()["a"]})


def test_types_are_given_by_class_and_by_name(db: Database) -> None:
    """A Python type of the user's goes before the map, checks what it checks, and nothing else is added to it."""
    table = make(db, "a VARCHAR(2) NOT NULL", "b INTEGER NOT NULL")
    model = table.emit(PydanticEmitter("insert", types={types.String: str, "integer": float}))
    assert {"a": "abc", "b": 2**70} == model.model_validate({"a": "abc", "b": 2**70}).model_dump(exclude_unset=True)
    assert isinstance(model.model_validate({"a": "", "b": 1}).model_dump()["b"], float)


def test_types_reach_into_arrays_and_domains(postgresql_db: Database) -> None:
    """The user's type is that of an array's items and of what a domain is based on as well."""
    postgresql_db.execute(*SETUP)
    table = make(postgresql_db, "a inet[] NOT NULL", "b short NOT NULL", "c mood NOT NULL")
    own = {postgresql.INET: str, "short": int, "MOOD": bytes}
    model = table.emit(PydanticEmitter("insert", types=own))
    given = {"a": ["anything", None], "b": 5, "c": b"x"}
    assert given == model.model_validate(given).model_dump(exclude_unset=True)


@pytest.fixture(params=["postgresql", "mariadb", "inspector"])
def places(request: pytest.FixtureRequest) -> Table:
    """A table with a column of a type that SQLAlchemy does not know, loaded by each reflector."""
    kind = "postgresql" if request.param == "inspector" else request.param
    db: Database = request.getfixturevalue(f"{kind}_db")
    db.execute(f"CREATE TABLE things (id {IDENTITY[db.name]} PRIMARY KEY, place POINT NOT NULL)")
    reflector = InspectorReflector() if request.param == "inspector" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_lazy_class(db.engine, reflector=reflector).things


def test_a_type_that_nobody_knows_is_any_with_one_warning(places: Table) -> None:
    """The warning names table, column and database type, and comes once, whatever the shape."""
    with pytest.warns(UnknownTypeWarning, match=r"'point' of column 'place' of table 'things'") as caught:
        models = [places.as_pydantic(), places.as_pydantic_insert(), places.as_pydantic_partial()]
    assert 1 == len(caught)
    assert __file__ == caught[0].filename
    assert all(model.model_validate({"id": 1, "place": {1, 2}}) for model in models)
    assert [True, False, False] == [accepted(model, {"id": 1, "place": None}) for model in models]


def test_a_type_that_nobody_knows_is_an_error_where_that_is_wanted(places: Table) -> None:
    """With strict it is a ModelError that says what to give; and giving it is enough."""
    with pytest.raises(ModelError, match=r"'point' of column 'place' of table 'things'.*types={'point': ...}"):
        places.emit(PydanticEmitter(strict=True))
    model = places.emit(PydanticEmitter(strict=True, types={"point": str}))
    assert {"id": 1, "place": "(1,2)"} == model.model_validate({"id": 1, "place": "(1,2)"}).model_dump()


def test_bytes_of_any_type_are_base64_in_json(sqlite_db: Database, mariadb_db: Database) -> None:
    """What is bytes in a column without a type, or of a type that nobody knows, is in JSON what bytes are elsewhere."""
    sqlite_db.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, place)",
        "INSERT INTO t VALUES (1, x'ff'), (2, x'41'), (3, 'A')",
    )
    mariadb_db.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, place POINT)",
        "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)')), (2, NULL)",
    )
    for db in (sqlite_db, mariadb_db):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = get_lazy_class(db.engine).t
            models: list[Any] = [table.as_pydantic(), table.as_pydantic_insert(), source_of(db).TRow]
        with db.engine.connect() as connection:
            found = connection.execute(select(table).order_by(table.c.id)).all()
        for model in models:
            for one in found:
                value = one.place
                text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
                read = model.model_validate(one._asdict())
                assert {"id": one.id, "place": value} == read.model_dump()
                assert (
                    {"id": one.id, "place": text} == read.model_dump(mode="json") == json.loads(read.model_dump_json())
                )
            assert {"title": "Place"}.items() <= model.model_json_schema(mode="serialization")["properties"][
                "place"
            ].items()


def test_a_function_is_asked_for_a_type_that_nobody_knows(places: Table) -> None:
    """It is called with the column, and what it returns is the type; None is no answer."""
    asked: list[Column[Any]] = []

    def answer(column: Column[Any]) -> type[str]:
        asked.append(column)
        return str

    model = places.emit(PydanticEmitter(unknown=answer, strict=True))
    assert [places.c.place] == asked
    assert not accepted(model, {"id": 1, "place": 5})
    with pytest.raises(ModelError, match="place"):
        places.emit(PydanticEmitter(unknown=lambda _: None, strict=True))


@pytest.mark.parametrize(
    ("kind", "types_", "value"),
    [("postgresql", ["xml", "jsonpath"], ["<a/>", '$."a"']), ("mariadb", ["inet4", "inet6"], ["10.0.0.1", "::1"])],
)
def test_types_that_are_text_to_every_driver_are_known_by_name(
    request: pytest.FixtureRequest, kind: str, types_: list[str], value: list[str]
) -> None:
    """A few types that SQLAlchemy has no class for are text, without a warning of ours."""
    db: Database = request.getfixturevalue(f"{kind}_db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        table = make(db, f"a {types_[0]} NOT NULL", f"b {types_[1]} NOT NULL")
    row = dict(zip("ab", value, strict=True))
    with db.engine.begin() as connection:
        connection.execute(
            table.insert(), table.as_pydantic_insert().model_validate(row).model_dump(exclude_unset=True)
        )
        assert {"id": 1, **row} == table.as_pydantic().model_validate(
            connection.execute(select(table)).one()
        ).model_dump()
    for name in "ab":
        for wrong in (5, f"{row[name]}\0", f"{row[name]}{HALF}"):
            assert not accepted(table.as_pydantic_insert(), {**row, name: wrong})
    wrong = ["10.0.0.256", "10.0.0.1/8", "", "fe80::1%eth0"] if db.is_mariadb else []
    wrong_pairs = [*((name, one) for name in "ab" for one in wrong), *zip("ba", value if wrong else [], strict=False)]
    assert not any(accepted(table.as_pydantic_partial(), {name: one}) for name, one in wrong_pairs)


def test_a_column_without_a_type_is_not_unknown(sqlite_db: Database) -> None:
    """SQLite's columns need no type, and take everything: no warning says so."""
    model = make(sqlite_db, "a NOT NULL").as_pydantic()
    assert accepted(model, {"id": 1, "a": b"x"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"types": {postgresql.INET(): str}}, r"INET\(\) .*use a SQLAlchemy type class"),
        ({"types": {int: str}}, r"int'.*use a SQLAlchemy type class"),
        ({"types": str}, r"types=<class 'str'> is not a mapping"),
        ({"unknown": 5}, "unknown=5 is not callable"),
        ({"types": {"point": "no"}}, r"types: 'no', the value of 'point', is not a Python type.*such as str.*its name"),
        ({"types": {types.String: types.Text}}, r"<class .*TEXT.*the value of <class .*String'>, is not a Python type"),
        ({"types": {"point": None}}, r"types: None, the value of 'point', is not a Python type"),
    ],
)
@pytest.mark.parametrize("emitter", [PydanticEmitter, DataclassEmitter])
def test_a_bad_option_is_named(emitter: Any, options: dict[str, Any], message: str) -> None:
    """An option of the wrong type is a TypeError that names it and says what it should be."""
    with pytest.raises(TypeError, match=re.compile(message, re.IGNORECASE)):
        emitter(**options)


def test_a_bad_answer_is_named(places: Table) -> None:
    """So is what a function that is asked for a type answers."""
    for emitter in (PydanticEmitter, DataclassEmitter):
        with pytest.raises(TypeError, match=r"unknown: 'no', returned for column 'place' of table 'things', is not"):
            places.emit(emitter(unknown=lambda _: "no"))


def test_a_bad_shape_is_named() -> None:
    """A shape that is none of the three is a ModelError that names them."""
    with pytest.raises(ModelError, match=r"shape='rows'.*row, partial, insert"):
        PydanticEmitter("rows")  # type: ignore[arg-type]


def test_emitters_of_equal_options_give_one_class(db: Database) -> None:
    """An emitter compares by all of its options, and equal ones give the same class."""
    table = make(db, "a INTEGER")
    one = PydanticEmitter(types={"integer": int, types.String: str})
    other = PydanticEmitter(types={types.String: str, " INTEGER ": int})
    assert one == other != PydanticEmitter(types={"integer": float})
    assert hash(one) == hash(other)
    assert table.emit(one) is table.emit(other) is not table.as_pydantic()


def test_partial_leaves_out_what_only_the_database_fills_in(db: Database) -> None:
    """A computed column is in no partial and no insert model: the database would refuse to have it set."""
    kind = "STORED" if db.is_postgresql else "PERSISTENT" if db.is_mariadb else "STORED"
    db.execute(f"CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a + 1) {kind})")
    table = get_lazy_class(db.engine).p
    assert ["id", "a"] == list(table.as_pydantic_partial().model_fields)
    assert ["id", "a"] == list(table.as_pydantic_insert().model_fields)
    assert ["id", "a", "b"] == list(table.as_pydantic().model_fields)


def test_two_serials_in_one_key(postgresql_db: Database) -> None:
    """A table whose key has two columns that number themselves has models, in which neither has to be given."""
    postgresql_db.execute("CREATE TABLE s (a SERIAL, b SERIAL, note TEXT NOT NULL, PRIMARY KEY (a, b))")
    table = get_lazy_class(postgresql_db.engine).s
    assert {"note": "n"} == table.as_pydantic_insert()(note="n").model_dump(exclude_unset=True)
    postgresql_db.execute("INSERT INTO s (note) VALUES ('n')")  # SQLAlchemy refuses to
    with postgresql_db.engine.connect() as connection:
        found = connection.execute(table.select()).one()
    assert (1, 1, "n") == tuple(table.as_pydantic().model_validate(found).model_dump().values())


def test_more_digits_than_a_float_has(postgresql_db: Database) -> None:
    """A NUMERIC of more than 308 digits has a JSON schema."""
    postgresql_db.execute("CREATE TABLE n (id INTEGER PRIMARY KEY, v NUMERIC(400, 0))")
    schema = get_lazy_class(postgresql_db.engine).n.as_pydantic_insert().model_json_schema()
    assert {"id", "v"} == set(schema["properties"])
