"""The comparison of tables in oracle.py sees every difference, and nothing but differences."""

# ruff: noqa: E501 - a table of changes reads best with a line for each

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Computed,
    DefaultClause,
    Enum,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import quoted_name

from .oracle import assert_equal, describe, differences

if TYPE_CHECKING:
    from collections.abc import Callable


def made(name: str = "order", schema: str | None = "s", **options: Any) -> Table:
    """Make a table with one of everything."""
    table = Table(
        name,
        MetaData(),
        Column("id", Integer, Identity(always=True, start=5, cycle=True), comment="the key"),
        Column("part", String(20, collation="C"), nullable=False, server_default=text("'x'")),
        Column("amount", Numeric(10, 2)),
        Column("mood", postgresql.ENUM("sad", "ok", name="mood", schema="types")),
        Column("tags", ARRAY(String(5), dimensions=2)),
        Column("at", postgresql.TIMESTAMP(timezone=True, precision=3)),
        Column("domain", postgresql.DOMAIN("email", String(9), check="VALUE <> ''", not_null=True)),
        Column("twice", Integer, Computed("amount * 2", persisted=True)),
        Column("parent_id", Integer),
        PrimaryKeyConstraint("part", "id", name="order_key", postgresql_include=["amount"]),
        ForeignKeyConstraint(
            ["parent_id"], ["s.parent.id"], name="to_parent", ondelete="CASCADE", deferrable=True, link_to_name=True
        ),
        UniqueConstraint("amount", "mood", name="unique_amount", postgresql_include=["at"], comment="u"),
        CheckConstraint("amount > 0", name="positive", comment="c"),
        schema=schema,
        comment="a table",
        info={"a": 1},
        mysql_engine="InnoDB",
        **options,
    )
    Index(
        "by_part",
        table.c.part.desc().nulls_last(),
        text("lower(part)"),
        _table=table,
        postgresql_where=text("amount > 1"),
        postgresql_include=["amount"],
        postgresql_with={"fillfactor": "70"},
    )
    return table


def constraint(table: Table, kind: type[Any]) -> Any:
    """Return the table's only constraint of a kind."""
    (found,) = (constraint for constraint in table.constraints if isinstance(constraint, kind))
    return found


def index(table: Table) -> Index:
    """Return the table's only index."""
    (found,) = table.indexes
    return found


def attribute(find: Callable[[Table], Any], name: str, value: Any) -> Callable[[Table], None]:
    """Return what sets one attribute of something in a table."""

    def change(table: Table) -> None:
        item = find(table)
        assert hasattr(item, name), name
        setattr(item, name, value)

    return change


def of_column(column: str, name: str, value: Any) -> Callable[[Table], None]:
    """Return what sets one attribute of a column."""
    return attribute(lambda table: table.c[column], name, value)


def of_type(column: str, name: str, value: Any) -> Callable[[Table], None]:
    """Return what sets one attribute of a column's type."""
    return attribute(lambda table: table.c[column].type, name, value)


def of_key(name: str, value: Any) -> Callable[[Table], None]:
    """Return what sets one attribute of the foreign key."""
    return attribute(lambda table: constraint(table, ForeignKeyConstraint), name, value)


CHANGES: dict[str, tuple[Callable[[Table], None], str]] = {
    "table comment": (attribute(lambda table: table, "comment", None), "comment"),
    "table name": (attribute(lambda table: table, "name", "other"), "metadata has it|name|index 'by_part' . expressions"),
    "table name quoted": (attribute(lambda table: table, "name", quoted_name("order", True)), "name . quote"),
    "table schema": (attribute(lambda table: table, "schema", None), "metadata has it|schema|index 'by_part' . expressions"),
    "table info": (lambda table: table.info.update(a=2), "info"),
    "table option": (lambda table: table.dialect_kwargs.update(mysql_engine="Aria"), "mysql_engine"),
    "table option more": (lambda table: table.dialect_kwargs.update(mysql_charset="x"), "mysql_charset"),
    "column name": (of_column("amount", "name", "other"), "column 'amount'|column 'other'|columns|keys|index|unique"),
    "column quoted": (of_column("at", "name", quoted_name("at", True)), "column 'at' . name . quote"),
    "column key": (of_column("at", "key", "k"), "column 'at' . key"),
    "column nullable": (of_column("at", "nullable", False), "column 'at' . nullable"),
    "column comment": (of_column("at", "comment", "x"), "column 'at' . comment"),
    "column doc": (of_column("at", "doc", "x"), "column 'at' . doc"),
    "column autoincrement": (of_column("at", "autoincrement", True), "column 'at' . autoincrement"),
    "column primary_key": (of_column("at", "primary_key", True), "column 'at' . primary_key"),
    "column index": (of_column("at", "index", True), "column 'at' . index"),
    "column unique": (of_column("at", "unique", True), "column 'at' . unique"),
    "column system": (of_column("at", "system", True), "column 'at' . system"),
    "column info": (of_column("at", "info", {"x": 1}), "column 'at' . info"),
    "column option": (lambda table: table.c.at.dialect_kwargs.update(sqlite_on_conflict_unique="x"), "column 'at' . sqlite_on_conflict_unique"),
    "default text": (of_column("part", "server_default", DefaultClause(text("'y'"))), "column 'part' . server_default"),
    "default class": (of_column("part", "server_default", FetchedValue()), "column 'part' . server_default"),
    "default gone": (of_column("part", "server_default", None), "column 'part' . server_default"),
    "default reflected": (attribute(lambda table: table.c.part.server_default, "reflected", True), "column 'part' . server_default . reflected"),
    "default not text": (attribute(lambda table: table.c.part.server_default, "arg", "'x'"), "column 'part' . server_default . arg"),
    "default in Python": (of_column("at", "default", text("1")), "column 'at' . default"),
    "identity always": (attribute(lambda table: table.c.id.identity, "always", False), "column 'id' . identity . always"),
    "identity start": (attribute(lambda table: table.c.id.identity, "start", 6), "column 'id' . identity . start"),
    "identity cycle": (attribute(lambda table: table.c.id.identity, "cycle", None), "column 'id' . identity . cycle"),
    "identity cache": (attribute(lambda table: table.c.id.identity, "cache", 1), "column 'id' . identity . cache"),
    "identity gone": (of_column("id", "identity", None), "column 'id' . identity|column 'id' . server_"),
    "computed persisted": (attribute(lambda table: table.c.twice.computed, "persisted", None), "column 'twice' . computed . persisted"),
    "computed text": (attribute(lambda table: table.c.twice.computed, "sqltext", text("1")), "column 'twice' . computed . sqltext"),
    "type class": (of_column("amount", "type", postgresql.NUMERIC(10, 2)), "column 'amount' . type . class"),
    "type length": (of_type("part", "length", 21), "column 'part' . type . length"),
    "type collation": (of_type("part", "collation", "D"), "column 'part' . type . collation"),
    "type precision": (of_type("amount", "precision", 11), "column 'amount' . type . precision"),
    "type scale": (of_type("amount", "scale", None), "column 'amount' . type . scale"),
    "type decimal": (of_type("amount", "asdecimal", 1), "column 'amount' . type . asdecimal"),
    "type timezone": (of_type("at", "timezone", False), "column 'at' . type . timezone"),
    "type timestamp precision": (of_type("at", "precision", 4), "column 'at' . type . precision"),
    "enum labels": (of_type("mood", "enums", ["ok", "sad"]), "column 'mood' . type . enums"),
    "enum name": (of_type("mood", "name", "m"), "column 'mood' . type . name"),
    "enum schema": (of_type("mood", "schema", None), "column 'mood' . type . schema"),
    "enum native": (of_type("mood", "native_enum", False), "column 'mood' . type . native_enum"),
    "array dimensions": (of_type("tags", "dimensions", None), "column 'tags' . type . dimensions"),
    "array item": (of_type("tags", "item_type", String(6)), "column 'tags' . type . item_type . length"),
    "array item class": (of_type("tags", "item_type", postgresql.VARCHAR(5)), "column 'tags' . type . item_type . class"),
    "domain type": (of_type("domain", "data_type", String(8)), "column 'domain' . type . data_type . length"),
    "domain check": (of_type("domain", "check", text("x")), "column 'domain' . type . check"),
    "domain not null": (of_type("domain", "not_null", False), "column 'domain' . type . not_null"),
    "domain default": (of_type("domain", "default", "x"), "column 'domain' . type . default"),
    "key name": (attribute(lambda table: table.primary_key, "name", None), "primary key . name"),
    "key comment": (attribute(lambda table: table.primary_key, "comment", "x"), "primary key . comment"),
    "key option": (lambda table: table.primary_key.dialect_kwargs.update(postgresql_include=[]), "primary key . postgresql_include"),
    "foreign key name": (of_key("name", "other"), "foreign key 'other'|foreign key 'to_parent'"),
    "foreign key ondelete": (of_key("ondelete", None), "foreign key 'to_parent' . ondelete"),
    "foreign key onupdate": (of_key("onupdate", "CASCADE"), "foreign key 'to_parent' . onupdate"),
    "foreign key deferrable": (of_key("deferrable", None), "foreign key 'to_parent' . deferrable"),
    "foreign key initially": (of_key("initially", "DEFERRED"), "foreign key 'to_parent' . initially"),
    "foreign key match": (of_key("match", "FULL"), "foreign key 'to_parent' . match"),
    "foreign key link_to_name": (of_key("link_to_name", False), "foreign key 'to_parent' . link_to_name"),
    "foreign key comment": (of_key("comment", "x"), "foreign key 'to_parent' . comment"),
    "unique name": (attribute(lambda table: constraint(table, UniqueConstraint), "name", None), "unique of|unique 'unique_amount'"),
    "unique comment": (attribute(lambda table: constraint(table, UniqueConstraint), "comment", None), "unique 'unique_amount' . comment"),
    "unique deferrable": (attribute(lambda table: constraint(table, UniqueConstraint), "deferrable", True), "unique 'unique_amount' . deferrable"),
    "unique option": (lambda table: constraint(table, UniqueConstraint).dialect_kwargs.update(postgresql_include=["x"]), "unique 'unique_amount' . postgresql_include"),
    "check text": (attribute(lambda table: constraint(table, CheckConstraint), "sqltext", text("1")), "check 'positive' . sqltext"),
    "check comment": (attribute(lambda table: constraint(table, CheckConstraint), "comment", None), "check 'positive' . comment"),
    "check initially": (attribute(lambda table: constraint(table, CheckConstraint), "initially", "DEFERRED"), "check 'positive' . initially"),
    "index name": (attribute(index, "name", "other"), "index 'by_part'|index 'other'"),
    "index unique": (attribute(index, "unique", True), "index 'by_part' . unique"),
    "index expressions": (lambda table: index(table).expressions.reverse(), "index 'by_part' . expressions"),
    "index where": (lambda table: index(table).dialect_kwargs.update(postgresql_where="amount > 1"), "index 'by_part' . postgresql_where"),
    "index include": (lambda table: index(table).dialect_kwargs.update(postgresql_include=[]), "index 'by_part' . postgresql_include"),
    "index with": (lambda table: index(table).dialect_kwargs.update(postgresql_with={}), "index 'by_part' . postgresql_with"),
    "index method": (lambda table: index(table).dialect_kwargs.update(postgresql_using="gin"), "index 'by_part' . postgresql_using"),
    "constraint lost": (lambda table: table.constraints.remove(constraint(table, CheckConstraint)), "check 'positive'"),
    "foreign key lost": (lambda table: table.constraints.remove(constraint(table, ForeignKeyConstraint)), "foreign key 'to_parent'"),
    "index lost": (lambda table: table.indexes.clear(), "index 'by_part'"),
    "another column": (lambda table: table.append_column(Column("new", Integer)), "column 'new'|columns|keys"),
    "another index": (lambda table: Index("more", table.c.at) and None, "index 'more'"),
}  # fmt: skip
"""What is changed, and how the paths of the differences that this makes begin, separated by ``|``."""


def test_equal() -> None:
    """A table made twice has no differences, however much was computed from one of them."""
    table = made()
    str(table.select())
    describe(table)
    assert differences(table, made()) == []
    assert_equal(made(), table)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_reported(change: str) -> None:
    """Each thing that can be changed in a table is reported, and nothing but it."""
    changed = made()
    do, expected = CHANGES[change]
    do(changed)
    found = differences(changed, made())
    assert found
    beginnings = tuple(expected.split("|"))
    assert [line for line in found if not line.startswith(beginnings)] == []
    assert len(differences(made(), changed)) == len(found)


def test_use_alter_is_permitted() -> None:
    """``use_alter`` of a foreign key is the one thing that may differ."""
    changed = made()
    constraint(changed, ForeignKeyConstraint).use_alter = True
    assert differences(changed, made()) == []


def test_order_of_constraints() -> None:
    """The order in which constraints and indexes were added is not compared."""
    tables = []
    for order in (1, -1):
        table = Table("t", MetaData(), Column("a", Integer), Column("b", Integer))
        for name in ("a", "b")[::order]:
            table.append_constraint(UniqueConstraint(name))
            table.append_constraint(CheckConstraint(f"{name} > 0"))
            Index(f"by_{name}", table.c[name])
        tables.append(table)
    assert differences(*tables) == []


def test_order_of_columns() -> None:
    """The order of columns is compared: of a table's, of a key's, of a constraint's and of an index's."""

    def table(columns: str, key: str, unique: str, index: str) -> Table:
        made = Table("t", MetaData(), *(Column(name, Integer) for name in columns))
        made.append_constraint(PrimaryKeyConstraint(*key, name="k"))
        made.append_constraint(UniqueConstraint(*unique, name="u"))
        Index("i", *(made.c[name] for name in index))
        return made

    same = table("ab", "ab", "ab", "ab")
    for orders in (
        ("ba", "ab", "ab", "ab"),
        ("ab", "ba", "ab", "ab"),
        ("ab", "ab", "ba", "ab"),
        ("ab", "ab", "ab", "ba"),
    ):
        assert differences(table(*orders), same)


@pytest.mark.parametrize(
    "target", ["parent.other", "other.id", "s.parent.id"], ids=["another column", "another table", "another schema"]
)
def test_target_of_foreign_key(target: str) -> None:
    """The table, schema and column that a foreign key points to are compared."""

    def table(target: str) -> Table:
        return Table("t", MetaData(), Column("a", Integer, ForeignKey(target, name="f")))

    assert differences(table(target), table("parent.id"))
    assert differences(table(target), table(target)) == []


def test_lists_and_tuples_are_the_same() -> None:
    """A list and a tuple of the same values in a dialect option are no difference."""
    changed = made()
    index(changed).dialect_kwargs["postgresql_include"] = ("amount",)
    assert differences(changed, made()) == []


def test_types_that_compute_lazily() -> None:
    """What a type remembers of a computation is no difference."""
    used = Table("t", MetaData(), Column("a", Enum("x", "y", name="e")), Column("b", String))
    for column in used.columns:
        str(column.type)
        column.type.compile(dialect=postgresql.dialect())
        assert column.type._static_cache_key
        column.type.dialect_impl(postgresql.dialect())
    assert differences(used, Table("t", MetaData(), Column("a", Enum("x", "y", name="e")), Column("b", String))) == []


def test_ddl_is_a_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference that the description does not know is seen in the DDL."""
    monkeypatch.setattr("tests.oracle.describe", lambda _: {})
    changed = made()
    changed.c.part.nullable = True
    # The other dialects have no DDL of such types.
    assert [line.split(":")[0] for line in differences(changed, made())] == ["postgresql"]


def test_assert_equal_names_everything() -> None:
    """``assert_equal`` names the table and each difference."""
    changed = made()
    changed.comment = "other"
    changed.c.at.comment = "x"
    with pytest.raises(
        AssertionError,
        match=r"(?s)'s.order' differs:.*column 'at' . comment: 'x' instead of None.*comment: 'other' instead of 'a table'",
    ):
        assert_equal(changed, made())
