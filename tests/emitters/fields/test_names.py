from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy.orm import DeclarativeBase
from sqlmodel import SQLModel

from lazy_alchemy.emitters._fields.names import class_name, field_names

PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp"])
NAMES = st.one_of(
    st.text(PRINTABLE, min_size=1, max_size=12),
    st.sampled_from(
        ["class", "class_", "class__2", "_class", "metadata", "metadata_", "model_dump", "2", "field_2", "a b"]
    ),
    st.sampled_from([*keyword.kwlist, *dir(SQLModel)]),
)


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("username", "username"),
        ("größe", "größe"),
        ("model_year", "model_year"),
        ("match", "match"),
        ("id", "id"),
        ("self", "self"),
        ("cls", "cls"),
        ("class", "class_"),
        ("None", "None_"),
        ("metadata", "metadata_"),
        ("schema", "schema_"),
        ("json", "json_"),
        ("copy", "copy_"),
        ("registry", "registry_"),
        ("model_dump", "model_dump_"),
        ("model_config", "model_config_"),
        ("_private", "private"),
        ("__dunder__", "dunder__"),
        ("_class", "class_"),
        ("unit price", "unit_price"),
        ("order-id", "order_id"),
        ("a.b", "a_b"),
        ("2fa", "field_2fa"),
        ("%", "field"),
        ("_", "field"),
        ("\N{LATIN SMALL LIGATURE FI}t", "fit"),
    ],
)
def test_a_name_changes_only_where_it_cannot_be_a_field(column: str, field: str) -> None:
    """A column keeps its name as a field wherever it can, and else gets the nearest name by a fixed rule."""
    assert {column: field} == field_names([column])


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (["a b", "a-b", "a.b"], ["a_b", "a_b_2", "a_b_3"]),
        (["class", "class_"], ["class__2", "class_"]),
        (["a b", "a_b"], ["a_b_2", "a_b"]),
        (["a b", "a_b", "a_b_2"], ["a_b_3", "a_b", "a_b_2"]),
        (["_", "%", "field"], ["field_2", "field_3", "field"]),
    ],
)
def test_clashing_names_are_numbered(columns: list[str], fields: list[str]) -> None:
    """Of names that become the same, one that needed no change keeps it; the others are numbered in column order."""
    assert dict(zip(columns, fields, strict=True)) == field_names(columns)


def test_a_new_last_column_renames_no_other_unless_it_takes_the_name() -> None:
    """Adding a column at the end leaves the fields of the others as they are."""
    assert field_names(["a b", "a-b"]).items() <= field_names(["a b", "a-b", "a.b"]).items()


@given(st.lists(NAMES, unique=True, max_size=12))
def test_fields_are_unique_identifiers_and_never_another_column(columns: list[str]) -> None:
    """Whatever the columns are called, fields are distinct, valid, and equal to no column but their own."""
    fields = field_names(columns)
    assert columns == list(fields)
    assert len(columns) == len(set(fields.values()))
    for column, field in fields.items():
        assert field.isidentifier()
        assert not keyword.iskeyword(field)
        assert not field.startswith("_")
        assert not hasattr(SQLModel, field)
        assert field == column or field not in columns
        assert {field: field} == field_names([field])


def test_every_name_that_the_installed_libraries_claim_is_reserved() -> None:
    """The list of reserved names lacks no public attribute of a model's base class or metaclass."""

    class Base(DeclarativeBase):
        pass

    owners = [BaseModel, SQLModel, Base]
    claimed = {name for owner in owners for cls in (owner, type(owner)) for name in dir(cls)}
    assert set() == {name for name in claimed if not name.startswith("_") and field_names([name])[name] == name}


@pytest.mark.parametrize(
    ("table", "suffix", "expected"),
    [
        ("users", "", "Users"),
        ("order_items", "", "OrderItems"),
        ("order-items", "Insert", "OrderItemsInsert"),
        ("OrderItems", "", "OrderItems"),
        ("orderItems", "Partial", "OrderItemsPartial"),
        ("ORDER_ITEMS", "", "OrderItems"),
        ("2024 sales", "", "Table2024Sales"),
        ("none", "", "None_"),
        ("none", "Insert", "NoneInsert"),
        ("%", "", "Table"),
        ("größen", "", "Größen"),
        ("a.b", "", "AB"),
    ],
)
def test_a_class_is_named_after_its_table(table: str, suffix: str, expected: str) -> None:
    """A class has its table's name in CamelCase."""
    assert expected == class_name(table, suffix)


@given(st.text(PRINTABLE, min_size=1), st.sampled_from(["", "Partial", "Insert"]))
def test_every_class_name_is_an_identifier(table: str, suffix: str) -> None:
    """Whatever the table is called, the class's name is a valid identifier."""
    name = class_name(table, suffix)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
