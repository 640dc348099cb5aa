"""From the database's names to Python's: field names for columns, class names for tables. Pure functions of text.

The same column has the same field name in every kind of model, in every process, and under every version of Pydantic,
SQLModel and SQLAlchemy: the names that these libraries claim are written down here and not asked of what is installed.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["as_identifier", "can_be_attribute", "class_name", "field_names"]

# The public attributes of BaseModel, SQLModel, DeclarativeBase and their metaclasses; a test compares it with the
# installed versions. Names and no prefixes: Pydantic has given up "model_" as a whole, and ``model_name`` and
# ``model_year`` are columns of many databases.
_RESERVED = frozenset(
    """
    construct copy dict from_orm json metadata model_computed_fields model_config model_construct model_copy model_dump
    model_dump_json model_extra model_fields model_fields_set model_json_schema model_parametrized_name model_post_init
    model_rebuild model_validate model_validate_json model_validate_strings mro parse_file parse_obj parse_raw register
    registry schema schema_json sqlmodel_update update_forward_refs validate
    """.split()  # noqa: SIM905  one name a line would be a page
)


def field_names(columns: Iterable[str]) -> dict[str, str]:
    """Give every column of a table a field name, its own wherever Python and the model libraries permit.

    A name that cannot be a field is changed as little as possible: characters that an identifier cannot hold become
    underscores, leading underscores go, a leading digit gets ``field_`` before it, and a keyword or a name that a model
    already uses gets an underscore after it. Where the result is taken, ``_2``, ``_3``, ... follow, in the order
    of the columns. A column that can keep its name always does, so a changed name never displaces another
    column, and no field name is ever another column's name.

    Args:
        columns: The names of all columns of one table, in their order.

    Returns:
        The field name by column name, in the same order.
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
    """Name the class of a table: ``order_items`` gives ``OrderItems``.

    Words are what punctuation and underscores separate. The first letter of each becomes a capital; a word in
    capitals alone keeps only its first. Two tables may get the same name: nothing here depends on it being unique.

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
    """Return whether code can have a public attribute of this name: ``thing.name``."""
    # Python itself reads an identifier in NFKC form: any other form could be set but never be written in code.
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
    """Return ``text`` with an underscore for each character that cannot stand inside an identifier."""
    return "".join(character if f"a{character}".isidentifier() else "_" for character in text)
