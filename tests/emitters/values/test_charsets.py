"""What a model takes for a column of text is what MariaDB stores in the column's character set."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DataError

from lazy_alchemy import get_lazy_class
from lazy_alchemy.emitters import PydanticEmitter

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tests.databases import Database

# Those that the models know, of which MariaDB has these.
CHECKED = ("ascii", "latin1", "ucs2", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4")
# All up to U+FFFF without surrogates, and some of the rest.
BASIC = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000))))
BEYOND = "".join(map(chr, (*range(0x10000, 0x10100), *range(0x10100, 0x110000, 101), 0x10FFFF)))
# All of ascii and latin1 is among these.
COMMON = "".join(map(chr, (*range(0x800), *range(0x10D0, 0x1100), *range(0x2000, 0x2800), *range(0xFF00, 0x10000))))


def accepts(model: type[BaseModel], **values: str) -> bool:
    """Return whether a model takes the texts."""
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True


def make(db: Database, name: str, sql_type: str) -> Table:
    """Make a table with a column for every character set that the models know."""
    columns = (f"{charset} {sql_type} CHARACTER SET {charset}" for charset in CHECKED)
    db.execute(f"CREATE TABLE {name} ({', '.join(columns)}) CHARACTER SET utf8mb4")
    return get_lazy_class(db.engine)[name]


def stored(db: Database, table: Table, column: str, value: str, *prefixes: str) -> str | None:
    """Return what a column gives back of a text; None where the server refuses it."""
    with db.engine.connect() as connection:
        try:
            connection.execute(table.insert().prefix_with(*prefixes), {column: value})
        except DataError:
            return None
        read: str | None = connection.scalar(select(table.c[column]))
        connection.rollback()
    return read


def held(db: Database, table: Table, column: str, characters: str) -> str:
    """Return which characters the column gives back as they were."""
    read = stored(db, table, column, characters, "IGNORE") or ""
    return "".join(one for one, other in zip(characters, read, strict=True) if one == other)


def test_which_characters_a_column_holds(mariadb_db: Database) -> None:
    """A model takes a character if the column gives it back as it was, and refuses it otherwise."""
    table = make(mariadb_db, "texts", "LONGTEXT")
    model = table.as_pydantic_insert()
    names = [column.name for column in table.columns]
    sets: Counter[str] = Counter()
    for name in names:
        characters = held(mariadb_db, table, name, BASIC + BEYOND)
        assert characters == stored(mariadb_db, table, name, characters), name
        assert accepts(model, **{name: characters}), name
        sets.update(characters)
    wrong: list[str] = []
    for one in {*COMMON, *random.Random(1).sample(BASIC + BEYOND, 2000)}:
        try:
            model.model_validate(dict.fromkeys(names, one))
        except ValidationError as error:
            taken = len(names) - error.error_count()
        else:
            taken = len(names)
        wrong += [one] if taken != sets[one] else []
    assert [] == wrong


def test_how_many_bytes_a_text_has(mariadb_db: Database) -> None:
    """A TINYTEXT holds 255 bytes of its own character set, and what has more of them is refused."""
    texts, tiny = make(mariadb_db, "texts", "LONGTEXT"), make(mariadb_db, "tiny", "TINYTEXT")
    model = tiny.as_pydantic_insert()
    chance = random.Random(1)
    wrong: list[tuple[str, str]] = []
    for column in tiny.columns:
        characters = held(mariadb_db, texts, column.name, BASIC)
        for length in (63, 64, 85, 86, 127, 128, 255, 256):
            for value in (chance.choice(characters) * length, "\\" * length):
                taken = stored(mariadb_db, tiny, column.name, value) == value
                if taken is not accepts(model, **{column.name: value}):
                    wrong.append((column.name, value))
    assert [] == wrong


def test_which_character_set_a_column_has(mariadb_db: Database) -> None:
    """A column has the character set of its own, or of its collation, or of its table, or of the database."""
    mariadb_db.execute(
        f"ALTER DATABASE {mariadb_db.url.database} CHARACTER SET latin1",
        "CREATE TABLE t (a CHAR(3), b TEXT COLLATE latin1_bin, c VARCHAR(3) CHARACTER SET latin1 COLLATE latin1_bin)",
        """CREATE TABLE u (a CHAR(3) CHARACTER SET latin1, b TEXT COLLATE latin1_bin, c TEXT CHARACTER SET latin1)
        COLLATE ascii_bin""",
    )
    db = get_lazy_class(mariadb_db.engine)
    for model in (db.t.as_pydantic_insert(), db.u.as_pydantic_partial()):
        assert [True, False] == [accepts(model, a=one, b=one, c=one) for one in "éλ"]
        assert [0, 3] == [refused(model, one) for one in "éλ"]


def refused(model: type[BaseModel], value: str) -> int:
    """Return of how many columns a model refuses a text."""
    try:
        model.model_validate(dict.fromkeys(model.model_fields, value))
    except ValidationError as error:
        return error.error_count()
    return 0


def test_a_rare_character_set(mariadb_db: Database) -> None:
    """Of another set the model takes every character, and the server refuses, with an error, what is not in it."""
    mariadb_db.execute(
        """CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(2) CHARACTER SET greek,
        b TINYTEXT COLLATE greek_bin, c TINYTEXT CHARACTER SET gbk) CHARACTER SET latin1"""
    )
    table = get_lazy_class(mariadb_db.engine).t
    model = table.as_pydantic_insert()
    for column, value in {"a": "λω", "b": "λ" * 255, "c": "汉" * 127}.items():
        assert accepts(model, **{column: value})
        assert value == stored(mariadb_db, table, column, value)
    for column, value in {"a": "א", "b": "é", "c": "🎉"}.items():
        assert accepts(model, **{column: value})
        with mariadb_db.engine.connect() as connection, pytest.raises(DataError, match="1366"):
            connection.execute(table.insert(), {column: value})
    # What holds for every set: characters are counted, none has less than a byte, and none is half of a pair.
    for column, value in {"a": "λωλ", "b": "λ" * 256, "c": "\ud800"}.items():
        assert not accepts(model, **{column: value})


def test_a_label_is_in_the_character_set(mariadb_db: Database) -> None:
    """Labels of an ENUM and a SET come back from whatever character set they have."""
    mariadb_db.execute("CREATE TABLE t (a ENUM('λ','ω') CHARACTER SET greek, b SET('λ','ω') COLLATE greek_bin)")
    table = get_lazy_class(mariadb_db.engine).t
    sent = table.as_pydantic_insert().model_validate({"a": "ω", "b": ["λ"]})
    assert not accepts(table.as_pydantic_insert(), a="é")
    with mariadb_db.engine.begin() as connection:
        connection.execute(table.insert(), sent.model_dump())
        row = table.as_pydantic().model_validate(connection.execute(select(table)).one())
    assert sent.model_dump() == row.model_dump()


def test_the_character_set_of_a_table_in_python(mariadb_db: Database) -> None:
    """A Table that is written in Python says it in SQLAlchemy's ways, and the model takes what MariaDB stores."""
    types: dict[str, String] = {
        "a": mysql.VARCHAR(3),
        "b": String(3),
        "c": mysql.TEXT(collation="ascii_bin"),
        "d": mysql.VARCHAR(3, ascii=True),
        "e": mysql.VARCHAR(3, unicode=True),
        "f": mysql.NVARCHAR(3),
        "g": mysql.VARCHAR(3, charset="utf8mb4"),
    }
    said: tuple[dict[str, Any], ...] = (
        {"mysql_charset": "latin1"},
        {"mysql_default_charset": "LATIN1"},
        {"mysql_collate": "Latin1_bin"},
        {"mysql_DEFAULT CHARACTER SET": "latin1", "mysql_engine": "InnoDB"},
    )
    for number, options in enumerate(said):
        columns = (Column(name, type_) for name, type_ in types.items())
        table = Table(f"t{number}", MetaData(), Column("id", Integer, primary_key=True), *columns, **options)
        table.metadata.create_all(mariadb_db.engine)
        model = PydanticEmitter(shape="insert").emit(table)
        for name in types:
            for one in "λאé☃🎉":
                assert (stored(mariadb_db, table, name, one) == one) is accepts(model, **{name: one}), (name, one)


def test_of_a_view_nothing_is_known(mariadb_db: Database) -> None:
    """SQLAlchemy does not say which character set a view's column has, and so no text is refused that it may hold."""
    mariadb_db.execute("CREATE TABLE t (a TINYTEXT CHARACTER SET latin1)", "CREATE VIEW v AS SELECT a FROM t")
    view = get_lazy_class(mariadb_db.engine).v
    value = "é" * 255
    assert accepts(view.as_pydantic_insert(), a=value)
    assert value == stored(mariadb_db, view, "a", value)
    assert not accepts(view.as_pydantic_insert(), a="é" * 256)
