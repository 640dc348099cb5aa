"""Python names derived from the database's: field names for columns, class names for tables. Pure functions of text.

A column has the same field name in every kind of model, in every process, and with every version of Pydantic, SQLModel
and SQLAlchemy. Therefore the names that these libraries reserve are listed here, not taken from what is installed.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["as_identifier", "can_be_attribute", "class_name", "field_names"]

# The public attributes of BaseModel, SQLModel, DeclarativeBase and their metaclasses; a test compares the list with the
# installed versions. It has names instead of prefixes, because Pydantic no longer reserves everything that begins with
# "model_", and many databases have columns such as ``model_name`` and ``model_year``.
_RESERVED = frozenset(
    """
    construct copy dict from_orm json metadata model_computed_fields model_config model_construct model_copy model_dump
    model_dump_json model_extra model_fields model_fields_set model_json_schema model_parametrized_name model_post_init
    model_rebuild model_validate model_validate_json model_validate_strings mro parse_file parse_obj parse_raw register
    registry schema schema_json sqlmodel_update update_forward_refs validate
    """.split()  # noqa: SIM905  a list with one name per line would be a page long
)


def field_names(columns: Iterable[str]) -> dict[str, str]:
    """Return a field name for each column of a table: its own name wherever Python and the model libraries allow it.

    A name that cannot be a field name is changed as little as possible: characters that are invalid in an identifier
    become underscores, leading underscores are removed, a leading digit gets the prefix ``field_``, and a keyword or a
    name that models use themselves gets a trailing underscore. If the result is taken, ``_2``, ``_3``, ... are
    appended, in the order of the columns. A column that can keep its name always does, so a changed name never
    displaces another column, and no field has the name of another column.

    Args:
        columns: The names of all columns of one table, in the table's order.

    Returns:
        The field names by column name, in the same order.
    """
    names = list(columns)
    taken = {name for name in names if _is_field_name(name)}
    result: dict[str, str] = {}
    for name in names:
        if name in taken:
            result[name] = name
            continue
        wanted = _nearest_field_name(name)
        field, number = wanted, 1
        while field in taken:
            number += 1
            field = f"{wanted}_{number}"
        taken.add(field)
        result[name] = field
    return result


def class_name(table: str, suffix: str = "") -> str:
    """Return the name of a table's class: ``OrderItems`` for ``order_items``.

    Punctuation and underscores separate words. The first letter of each word becomes a capital; in a word that is all
    capitals, the other letters become lower case. Names are not unique: two tables may get the same one.

    Args:
        table: The table's name, without its schema.
        suffix: What to append, such as ``Insert``.
    """
    words = re.split(r"[\W_]+", unicodedata.normalize("NFKC", table))
    camel = "".join(word.capitalize() if word.isupper() else word[:1].upper() + word[1:] for word in words)
    name = as_identifier(camel + suffix)
    if not name or not name[0].isidentifier():
        name = f"Table{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def can_be_attribute(name: str) -> bool:
    """Return whether the name can be written as a public attribute: ``thing.name``."""
    # Python normalizes identifiers to NFKC, so an attribute with another form could be set but not be written in code.
    return (
        name.isidentifier()
        and unicodedata.is_normalized("NFKC", name)
        and not name.startswith("_")
        and not keyword.iskeyword(name)
    )


def _is_field_name(name: str) -> bool:
    return can_be_attribute(name) and name not in _RESERVED


def _nearest_field_name(name: str) -> str:
    field = as_identifier(unicodedata.normalize("NFKC", name)).lstrip("_")
    if not field:
        return "field"
    if not field[0].isidentifier():
        field = f"field_{field}"
    return field if _is_field_name(field) else f"{field}_"


def as_identifier(text: str) -> str:
    """Return ``text`` with each character that is invalid in an identifier replaced by an underscore."""
    return "".join(character if f"a{character}".isidentifier() else "_" for character in text)
