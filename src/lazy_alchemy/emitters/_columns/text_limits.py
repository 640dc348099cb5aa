"""The limits of text and binary columns: the length of ``VARCHAR(20)``, character sets, numbers of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql

from lazy_alchemy.emitters._values.charsets import charset_of_collation
from lazy_alchemy.emitters._values.checks import Check
from lazy_alchemy.emitters._values.texts import CharacterSet, storable_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table
    from sqlalchemy.types import TypeEngine

__all__ = ["charset_of_table", "most_bytes", "text_limits"]

# MariaDB Knowledge Base, "Data Type Storage Requirements": L + 1, 2, 3 bytes.
_MOST_BYTES: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (mysql.TINYTEXT, 2**8 - 1),
    (mysql.MEDIUMTEXT, 2**24 - 1),
    (mysql.LONGTEXT, 2**32 - 1),
    (mysql.TINYBLOB, 2**8 - 1),
    (mysql.MEDIUMBLOB, 2**24 - 1),
    (mysql.LONGBLOB, 2**32 - 1),
    (sqltypes.TEXT, 2**16 - 1),
    (sqltypes.BLOB, 2**16 - 1),
)
# Table options as SQLAlchemy names them, without the dialect's prefix.
_CHARSET_OPTIONS = ("default charset", "charset", "default character set", "character set")
_COLLATE_OPTIONS = ("collate", "default collate")
# MySQL Reference Manual, "String Data Type Syntax".
_NAMED_CHARSETS = {"national": "utf8mb3", "ascii": "latin1", "unicode": "ucs2"}


def text_limits(
    type_: sqltypes.String, dialect: str | None, default_charset: str | None, *, sent: bool
) -> Iterator[Any]:
    """Yield the annotations of a text: ``max_length=20`` for ``VARCHAR(20)``.

    Args:
        type_: The type.
        dialect: The database's dialect.
        default_charset: The character set if the type does not name one (MariaDB).
        sent: Whether the text is sent to the database.
    """
    if type_.length is not None and not isinstance(type_, sqltypes.TEXT):
        yield Field(max_length=type_.length)
    if not sent:
        return
    charset: str | None = "utf8mb4"
    most = None
    if dialect == "mysql":
        charset = _charset_of_type(type_) or default_charset
        most = _most_bytes_of_mysql(type_)
    elif type_.length is not None and isinstance(type_, sqltypes.TEXT):
        yield Field(max_length=type_.length)
    if charset not in (None, "utf8mb4"):
        yield CharacterSet(charset, most)
        return
    # For every text, because JSON can contain half a surrogate pair, which drivers cannot encode.
    nul = dialect != "postgresql"
    yield Check(storable_text(charset, most, nul=nul), () if nul else (("pattern", "^[^\\u0000]*$"),))


def charset_of_table(table: Table) -> str | None:
    """Return the default character set of a table of MariaDB or MySQL; None if it does not specify one."""
    options = {name.partition("_")[2].replace("_", " ").lower(): str(value) for name, value in table.kwargs.items()}
    charset = next((options[name] for name in _CHARSET_OPTIONS if name in options), None)
    collation = next((options[name] for name in _COLLATE_OPTIONS if name in options), None)
    return charset or charset_of_collation(collation)


def _charset_of_type(type_: sqltypes.String) -> str | None:
    named = next((charset for name, charset in _NAMED_CHARSETS.items() if getattr(type_, name, False)), None)
    return getattr(type_, "charset", None) or named or charset_of_collation(type_.collation)


def most_bytes(type_: TypeEngine[Any], dialect: str | None) -> int | None:
    """Return the maximum number of bytes in a binary column; None if there is none."""
    length: int | None = getattr(type_, "length", None)
    if length is not None or dialect != "mysql":
        return length
    return _most_bytes_of_mysql(type_)


def _most_bytes_of_mysql(type_: TypeEngine[Any]) -> int | None:
    return next((most for known, most in _MOST_BYTES if isinstance(type_, known)), None)
