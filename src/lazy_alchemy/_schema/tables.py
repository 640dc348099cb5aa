"""A reflected table as plain data.

Immutable, comparable and serialisable; no I/O, and no SQLAlchemy objects except those of ``TypeInfo.build``. A
TableInfo can be cached, written to a file, sent to another process, and compared to detect that a table has changed.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.types import Options, TypeInfo, is_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CheckInfo",
    "ColumnInfo",
    "ForeignKeyInfo",
    "IndexInfo",
    "KeyInfo",
    "TableInfo",
    "TableKind",
]


class TableKind(str, enum.Enum):
    """The kind of a table or view; an accessor treats all of them as tables."""

    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    TEMPORARY_TABLE = "temporary table"
    TEMPORARY_VIEW = "temporary view"

    @property
    def is_view(self) -> bool:
        """Whether it is any kind of view."""
        return self in (TableKind.VIEW, TableKind.MATERIALIZED_VIEW, TableKind.TEMPORARY_VIEW)

    @property
    def is_temporary(self) -> bool:
        """Whether only the connection that created it can see it."""
        return self in (TableKind.TEMPORARY_TABLE, TableKind.TEMPORARY_VIEW)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column.

    Attributes:
        name: The name as the database spells it.
        type: The SQL type.
        nullable: Whether it may be NULL.
        default: The server's default, as SQL text.
        autoincrement: The value that the dialect reports; None if it reports none.
        comment: The column's comment.
        computed: ``sqltext`` and ``persisted`` of a generated column.
        identity: The arguments of ``sqlalchemy.Identity`` of an identity column.
        quote: Whether the name must be quoted; None if the dialect does not report it.
        options: Dialect-specific options, by their prefixed names.
        unnumbered: Whether it belongs to a primary key that SQLite does not number automatically, although SQLAlchemy
            may assume so: ``INT PRIMARY KEY`` is not ``INTEGER PRIMARY KEY``. Only models use it.
        full_type: The complete type, if SQLAlchemy's type omits part of it. In a PostgreSQL domain SQLAlchemy omits
            lengths, precisions and dimensions, and all CHECKs but one. Only models use it.
        type_name: The database's name for a type that SQLAlchemy does not know (its NullType). Only messages and
            models use it; it is ignored in comparisons.
    """

    name: str
    type: TypeInfo
    nullable: bool = True
    default: str | None = None
    autoincrement: bool | str | None = None
    comment: str | None = None
    computed: Options | None = None
    identity: Options | None = None
    quote: bool | None = None
    options: Options = field(default_factory=Options)
    unnumbered: bool = False
    full_type: TypeInfo | None = None
    type_name: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A primary key or a unique constraint, with its column names in key order."""

    columns: tuple[str, ...]
    name: str | None = None
    comment: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class ForeignKeyInfo:
    """A foreign key; ``referred_schema`` is None for the connection's default schema."""

    columns: tuple[str, ...]
    referred_schema: str | None
    referred_table: str
    referred_columns: tuple[str, ...]
    name: str | None = None
    comment: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """A check constraint, as SQL text."""

    sqltext: str
    name: str | None = None
    comment: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index.

    Attributes:
        columns: The name of each key column; None for a key that is an expression.
        expressions: The SQL text of each key; empty if all keys are columns.
        unique: Whether it is unique.
        sorting: ``desc``, ``nulls_first`` and the like, by column name.
        name: Its name.
        options: Dialect-specific options, by their prefixed names.
    """

    columns: tuple[str | None, ...]
    unique: bool
    name: str | None = None
    expressions: tuple[str, ...] = ()
    sorting: Options = field(default_factory=Options)
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class TableInfo:
    """Everything that was reflected about one table or view.

    Two TableInfos are equal exactly when the tables built from them are: the order of columns counts, the order of
    constraints does not (they are kept sorted).

    Attributes:
        name: The name as the database spells it.
        schema: The schema as requested; None for the connection's default.
        kind: The kind of table or view.
        columns: In the table's order.
        primary_key: None if there is none.
        foreign_keys: Sorted by name.
        indexes: Sorted by name.
        uniques: Sorted by name.
        checks: Sorted by name.
        comment: The table's comment.
        options: Dialect-specific options, by their prefixed names (``mysql_engine``).
        version: The reflector's fingerprint of this state of the table, if that is not a digest of the above. Ignored
            in comparisons.
    """

    name: str
    schema: str | None
    kind: TableKind
    columns: tuple[ColumnInfo, ...]
    primary_key: KeyInfo | None = None
    foreign_keys: tuple[ForeignKeyInfo, ...] = ()
    indexes: tuple[IndexInfo, ...] = ()
    uniques: tuple[KeyInfo, ...] = ()
    checks: tuple[CheckInfo, ...] = ()
    comment: str | None = None
    options: Options = field(default_factory=Options)
    version: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the parts that have no order of their own."""
        for name in ("foreign_keys", "indexes", "uniques", "checks"):
            object.__setattr__(self, name, _sorted(getattr(self, name)))

    @cached_property
    def fingerprint(self) -> str:
        """Identifies this state of the table: the version, or a digest of everything that is compared."""
        if self.version is not None:
            return self.version
        return hashlib.sha256(repr(self).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def to_json(self) -> str:
        """Return the TableInfo as JSON text: sorted, indented, and the same for equal TableInfos.

        Raises:
            ReflectionError: A column's type cannot be serialised.
        """
        return json.dumps(_encode(self), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> TableInfo:
        """Return the TableInfo that ``to_json`` wrote.

        Read only text that you trust as you trust code: it names the classes of types, which are imported.

        Raises:
            ReflectionError: The text was not written by ``to_json``.
        """
        try:
            info = _decode(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise ReflectionError(f"This is not a TableInfo in the format of to_json: {error}") from error
        if not isinstance(info, cls):
            raise ReflectionError(f"This is the JSON of a {type(info).__name__}, not of a TableInfo.")
        return info


_Part = TypeVar("_Part", KeyInfo, ForeignKeyInfo, CheckInfo, IndexInfo)


_by_name = attrgetter("name")


def _sorted(parts: Sequence[_Part]) -> tuple[_Part, ...]:
    names = {part.name for part in parts}
    if len(names) == len(parts) and None not in names:
        return tuple(sorted(parts, key=_by_name))
    return tuple(sorted(parts, key=lambda part: (part.name or "", repr(part))))


_CLASSES = {
    cls.__name__: cls for cls in (TableInfo, ColumnInfo, KeyInfo, ForeignKeyInfo, CheckInfo, IndexInfo, TypeInfo)
}


def _encode(value: Any) -> Any:
    """Return JSON data: an object has the name of its class under ``is``, a mapping has its items under ``map``."""
    # Any: the value of a field, and JSON.
    if isinstance(value, TypeInfo) and value.instance is not None:
        raise ReflectionError(
            f"The SQL type {value.arguments['repr']} cannot be serialised, so its table cannot leave the process."
        )
    if type(value).__name__ in _CLASSES:
        fields = {
            item.name: _encode(getattr(value, item.name))
            for item in dataclasses.fields(value)
            if item.name != "instance" and not _is_default(item, getattr(value, item.name))
        }
        return {"is": type(value).__name__, **fields}
    if isinstance(value, Options):
        return {"map": {key: _encode(item) for key, item in value.items()}}
    if is_sequence(value):
        return [_encode(item) for item in value]
    return value.value if isinstance(value, TableKind) else value


def _is_default(item: dataclasses.Field[Any], value: object) -> bool:
    if item.default_factory is not dataclasses.MISSING:
        return bool(value == item.default_factory())
    return value is item.default or (value == () and item.default == ())


def _decode(value: Any) -> Any:
    # Any: JSON, and the value of a field.
    if is_sequence(value):
        return tuple(map(_decode, value))
    if not isinstance(value, dict):
        return value
    content = cast("dict[str, Any]", value)  # cast: isinstance narrows no type arguments
    if "map" in content:
        return Options({key: _decode(item) for key, item in content["map"].items()})
    fields = {key: _decode(item) for key, item in content.items() if key != "is"}
    if "kind" in fields:
        fields["kind"] = TableKind(fields["kind"])
    return _CLASSES[content["is"]](**fields)
