"""What a reflector finds out about a table, as plain data.

Immutable, comparable and serialisable; no I/O, and no SQLAlchemy object but through ``TypeInfo.build``. A TableInfo can
be kept, written to a file, sent to another process, and compared to notice that a table has changed.
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
    """What kind of thing a name in the database is; all of them are tables to an accessor."""

    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    TEMPORARY_TABLE = "temporary table"
    TEMPORARY_VIEW = "temporary view"

    @property
    def is_view(self) -> bool:
        """Whether it is a view of some kind."""
        return self in (TableKind.VIEW, TableKind.MATERIALIZED_VIEW, TableKind.TEMPORARY_VIEW)

    @property
    def is_temporary(self) -> bool:
        """Whether only the connection that made it can see it."""
        return self in (TableKind.TEMPORARY_TABLE, TableKind.TEMPORARY_VIEW)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column.

    Attributes:
        name: As the database spells it.
        type: Its SQL type.
        nullable: Whether it may be NULL.
        default: The server's default, as SQL text.
        autoincrement: What the dialect says of it; None where it says nothing.
        comment: The column's comment.
        computed: ``sqltext`` and ``persisted`` of a generated column.
        identity: The arguments of ``sqlalchemy.Identity`` of an identity column.
        quote: Whether the name must be quoted, where the dialect says so.
        options: Options of one dialect, by their prefixed names.
        unnumbered: Whether it is in a primary key of SQLite that does not number new rows, though SQLAlchemy may take
            it to: ``INT PRIMARY KEY`` is not ``INTEGER PRIMARY KEY``. For models alone.
        full_type: The type with what SQLAlchemy's leaves out of it, where there is such: within a domain of PostgreSQL
            lengths, precisions and dimensions, and all CHECKs but one. For models alone.
        type_name: What the database calls the type, where SQLAlchemy has none for it (its NullType). For messages and
            models alone: it does not count in comparisons.
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
    """A primary key or a unique constraint: the names of its columns, in its order."""

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
        columns: The name of each key column; None where the key is an expression.
        expressions: The SQL text of each key; empty where all keys are columns.
        unique: Whether it is unique.
        sorting: ``desc``, ``nulls_first`` and the like, by column name.
        name: Its name.
        options: Options of one dialect, by their prefixed names.
    """

    columns: tuple[str | None, ...]
    unique: bool
    name: str | None = None
    expressions: tuple[str, ...] = ()
    sorting: Options = field(default_factory=Options)
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class TableInfo:
    """Everything that a reflector found out about one table or view.

    Two of them are equal exactly when they lead to equal tables: the order of columns counts, that of constraints does
    not (they are kept sorted).

    Attributes:
        name: As the database spells it.
        schema: The schema as it was asked for: None for the connection's default.
        kind: What it is.
        columns: In the table's order.
        primary_key: None where there is none.
        foreign_keys: Sorted by name.
        indexes: Sorted by name.
        uniques: Sorted by name.
        checks: Sorted by name.
        comment: The table's comment.
        options: Options of one dialect, by their prefixed names (``mysql_engine``).
        version: What the reflector's ``fingerprints`` returns for the table in this state, where that is something else
            than a digest of all the above. It is not compared.
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
        """Sort what has no order of its own."""
        for name in ("foreign_keys", "indexes", "uniques", "checks"):
            object.__setattr__(self, name, _sorted(getattr(self, name)))

    @cached_property
    def fingerprint(self) -> str:
        """What tells this state of the table from another: the version, or a digest of everything that is compared."""
        if self.version is not None:
            return self.version
        return hashlib.sha256(repr(self).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def to_json(self) -> str:
        """Return the TableInfo as JSON text: sorted, indented, the same for equal ones.

        Raises:
            ReflectionError: A column's type cannot be expressed as data.
        """
        return json.dumps(_encode(self), indent=1, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> TableInfo:
        """Return the TableInfo that ``to_json`` wrote.

        Only read what you would also import: a type's class is imported by its name.

        Raises:
            ReflectionError: The text is not what ``to_json`` writes.
        """
        try:
            info = _decode(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise ReflectionError(f"This is not a TableInfo as to_json writes it: {error}") from error
        if not isinstance(info, cls):
            raise ReflectionError(f"This is JSON of a {type(info).__name__}, not of a TableInfo.")
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
    """Return JSON data: an object names its class under ``is``, a mapping has its content under ``map``."""
    # Any: the value of a field, and JSON.
    if isinstance(value, TypeInfo) and value.instance is not None:
        raise ReflectionError(
            f"The SQL type {value.arguments['repr']} cannot be expressed as data: its table cannot leave the process."
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
    content = cast("dict[str, Any]", value)  # cast: what isinstance leaves unknown
    if "map" in content:
        return Options({key: _decode(item) for key, item in content["map"].items()})
    fields = {key: _decode(item) for key, item in content.items() if key != "is"}
    if "kind" in fields:
        fields["kind"] = TableKind(fields["kind"])
    return _CLASSES[content["is"]](**fields)
