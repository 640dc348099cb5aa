"""``CustomTable``, and how one is built from a TableInfo: with SQLAlchemy's public constructors, and without I/O."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, cast

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    DefaultClause,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy import schema as sa_schema
from typing_extensions import TypeVar

from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._locks import survive_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlmodel import SQLModel

    from lazy_alchemy._protocols import ModelEmitter
    from lazy_alchemy._tableinfo import ColumnInfo, ForeignKeyInfo, IndexInfo, TableInfo

__all__ = ["CustomTable", "build_table"]

_ColumnsT = TypeVar("_ColumnsT", default="ReadOnlyColumnCollection[str, Column[Any]]")
_RowT = TypeVar("_RowT", bound="BaseModel", default="BaseModel")
_ModelT = TypeVar("_ModelT", bound="SQLModel", default="SQLModel")
_T = TypeVar("_T")

# Emitting is rare and takes milliseconds; one lock for all tables keeps "the same call gives the same class" under
# threads.
_emitting = threading.RLock()
survive_fork(_emitting.acquire, _emitting.release)


class CustomTable(Table, Generic[_ColumnsT, _RowT, _ModelT]):
    """A ``sqlalchemy.Table`` that an accessor loaded.

    ``users.username`` is ``users.c.username`` unless a Table has an attribute of that name (``users.name`` is the
    table's own name) or the column's name begins with an underscore; ``users.c[...]`` always works.
    """

    # Every CustomTable is some table: as a Table it would raise TypeError in `if db.users:`.
    def __bool__(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # SQLAlchemy's never returns
        """Return True."""
        return True

    def __getattr__(self, name: str) -> Any:
        """Return the column called ``name``.

        ``Any``: it is for typing by hand; typed code says ``table.c.name``.

        Raises:
            AttributeError: There is no such column.
        """
        if not name.startswith("_") and "_reflected" in self.__dict__:
            try:
                return self.c[name]
            except KeyError:
                raise AttributeError(
                    f"Table {self.name!r} has no column or attribute {name!r}. Its columns: {', '.join(self.c.keys())}"
                ) from None
        columns: Any = self.__dict__.get("_columns", ())  # Any: private, and read for a hint only
        hint = f"; the column is table.c[{name!r}]" if name in columns else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    @property
    def reflected(self) -> TableInfo:
        """What the reflector found out about the table."""
        info: TableInfo = self.__dict__["_reflected"]
        return info

    def emit(self, emitter: ModelEmitter[_T]) -> _T:
        """Return what ``emitter`` makes of this table; for equal hashable emitters it is made once. No round trip.

        Raises:
            ModelError: The table cannot be made into it.
        """
        emitted: dict[ModelEmitter[_T], _T] = vars(self).setdefault("_emitted", {})
        try:
            return emitted[emitter]
        except KeyError:
            pass
        except TypeError:  # not hashable, or holding something that is not
            return emitter.emit(self)
        with _emitting:
            if emitter not in emitted:
                emitted[emitter] = emitter.emit(self)
            return emitted[emitter]

    def as_pydantic(self, *, partial: bool = False) -> type[_RowT]:
        """Return a Pydantic model of a row: NOT NULL columns are required, the others are Optional with default None.

        Args:
            partial: Make every field optional, as ``as_pydantic_partial`` does.
        """
        from lazy_alchemy.emitters import PydanticEmitter

        # cast: which class describes the rows is the declaration's promise; nothing but the database could prove it.
        return cast("type[_RowT]", self.emit(PydanticEmitter(shape="partial" if partial else "row")))

    def as_pydantic_partial(self) -> type[BaseModel]:
        """Return a Pydantic model in which every field is optional, as PATCH wants it.

        What was sent is told from what was not by ``model_dump(exclude_unset=True)``.
        """
        from lazy_alchemy.emitters import PydanticEmitter

        return self.emit(PydanticEmitter(shape="partial"))

    def as_pydantic_insert(self) -> type[BaseModel]:
        """Return a Pydantic model of a row to be inserted, as POST wants it.

        What the database fills in (identity, autoincrement, a server default) is optional, what it computes is left
        out.
        """
        from lazy_alchemy.emitters import PydanticEmitter

        return self.emit(PydanticEmitter(shape="insert"))

    def as_sqlmodel(self) -> type[_ModelT]:
        """Return a SQLModel class mapped onto this very table.

        Raises:
            ModelError: The table has no primary key.
        """
        from lazy_alchemy.emitters import SQLModelEmitter

        return cast("type[_ModelT]", self.emit(SQLModelEmitter()))  # cast: as in as_pydantic


def build_table(info: TableInfo, metadata: MetaData) -> CustomTable:
    """Add the table that ``info`` describes to ``metadata`` and return it. No I/O.

    It equals what ``Table(name, metadata, autoload_with=..., resolve_fks=False)`` would be, but for ``use_alter``: it
    is True on each foreign key whose table is not in ``metadata``, so that an ORM flush works without that table.
    Foreign keys of other tables in ``metadata`` that wait for this one are left as they are.

    Raises:
        ReflectionError: SQLAlchemy refuses what was reflected; ``metadata`` is as it was.
    """
    later: list[IndexInfo] = []
    try:
        columns = {column.name: _column(column) for column in info.columns}
        items: list[SchemaItem] = list(columns.values())
        if info.primary_key is not None:
            key = info.primary_key
            items.append(
                PrimaryKeyConstraint(
                    *(columns[name] for name in key.columns if name in columns),
                    name=key.name,
                    comment=key.comment,
                    **key.options.thaw(),
                )
            )
        constraints = [_foreign_key(key, info, metadata) for key in info.foreign_keys]
        items.extend(constraints)
        for index in info.indexes:
            if any(index.columns):
                later.append(index)  # it finds its table through its columns
            else:
                items.append(_index(index, columns))
        items.extend(
            UniqueConstraint(
                *(columns[name] for name in unique.columns if name in columns),
                name=unique.name,
                comment=unique.comment,
                **unique.options.thaw(),
            )
            for unique in info.uniques
        )
        items.extend(
            CheckConstraint(check.sqltext, name=check.name, comment=check.comment, **check.options.thaw())
            for check in info.checks
        )
        table = CustomTable(
            info.name,
            metadata,
            *items,
            schema=info.schema,
            comment=info.comment,
            **info.options.thaw(),
        )
        try:
            for index in later:
                _index(index, columns)
        except BaseException:
            metadata.remove(table)
            raise
    except ReflectionError:
        raise
    except Exception as error:
        raise ReflectionError(f"Table {info.name!r} was reflected and cannot be built: {error}") from error
    targets = [(key.referred_schema, key.referred_table) for key in info.foreign_keys]
    table.__dict__["_references"] = list(zip(constraints, targets, strict=True))
    table.__dict__["_reflected"] = info
    return table


def references(table: CustomTable) -> list[tuple[ForeignKeyConstraint, tuple[str | None, str]]]:
    """Return each foreign key of ``table`` with the schema and name that it refers to, as they were reflected.

    (SQLAlchemy itself cannot say them where a name has a dot in it.)
    """
    known: list[tuple[ForeignKeyConstraint, tuple[str | None, str]]] = table.__dict__["_references"]
    return known


def refers_to(info: TableInfo) -> Iterator[tuple[str | None, str]]:
    """Yield the schema and name of each other table that a foreign key of ``info`` refers to."""
    for key in info.foreign_keys:
        target = (key.referred_schema, key.referred_table)
        if target != (info.schema, info.name):
            yield target


def metadata_key(schema: str | None, name: str) -> str:
    """Return the key of a table in ``MetaData.tables``."""
    return name if schema is None else f"{schema}.{name}"


def _column(info: ColumnInfo) -> Column[Any]:
    # Any: the Python type of a reflected column is known at run time only.
    arguments: list[Any] = []  # Any: of the three kinds of SchemaItem that follow
    if info.default is not None:
        default = DefaultClause(text(info.default))
        default.reflected = True
        arguments.append(default)
    if info.computed is not None:
        arguments.append(Computed(**info.computed.thaw()))
    if info.identity is not None:
        arguments.append(Identity(**info.identity.thaw()))
    options = info.options.thaw()
    if info.autoincrement is not None:
        options["autoincrement"] = info.autoincrement
    return Column(
        info.name,
        info.type.build(),
        *arguments,
        nullable=info.nullable,
        comment=info.comment,
        quote=info.quote,
        **options,
    )


# SQLAlchemy 2.1 has a type for the target of a foreign key, 2.0 takes "schema.table.column".
_ForeignKeyTarget = getattr(sa_schema, "ForeignKeyTarget", None)


def _foreign_key(key: ForeignKeyInfo, info: TableInfo, metadata: MetaData) -> ForeignKeyConstraint:
    target = (key.referred_schema, key.referred_table)
    if _ForeignKeyTarget is not None:
        references = [_ForeignKeyTarget(*target, column) for column in key.referred_columns]
    else:
        references = [f"{metadata_key(*target)}.{column}" for column in key.referred_columns]
    absent = target != (info.schema, info.name) and metadata_key(*target) not in metadata.tables
    return ForeignKeyConstraint(
        key.columns,
        references,
        key.name,
        link_to_name=True,
        use_alter=absent,
        comment=key.comment,
        **key.options.thaw(),
    )


_SORTING = {
    "asc": "asc",
    "desc": "desc",
    "nulls_first": "nulls_first",
    "nullsfirst": "nulls_first",
    "nulls_last": "nulls_last",
    "nullslast": "nulls_last",
}


def _index(info: IndexInfo, columns: dict[str, Column[Any]]) -> Index:
    elements: list[Any] = []  # Any: a column, an expression of one, or text
    for position, name in enumerate(info.columns):
        element: Any = text(info.expressions[position]) if name is None else columns[name]
        if name is not None:
            sorting = info.sorting.get(name) or ()
            for option in sorting if isinstance(sorting, tuple) else ():
                if option in _SORTING:
                    element = getattr(element, _SORTING[str(option)])()
        elements.append(element)
    options = info.options.thaw()
    if "sqlite_where" in options:  # the one dialect whose compiler does not take plain text
        options["sqlite_where"] = text(options["sqlite_where"])
    return Index(info.name, *elements, unique=info.unique, **options)
