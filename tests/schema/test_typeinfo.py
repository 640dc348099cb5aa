"""``TypeInfo`` describes every SQL type of SQLAlchemy as plain data from which an equal type is built."""

# ruff: noqa: E501 - a table of types reads better in few long lines

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, types
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.tables import ColumnInfo, TableInfo, TableKind
from lazy_alchemy._schema.types import TypeInfo
from tests.oracle import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = [
    types,
    *(
        importlib.import_module(f"sqlalchemy.dialects.{name}")
        for name in ("postgresql", "mysql", "sqlite", "mssql", "oracle")
    ),
]

# Not types of a column: bases, and those that only compare or decorate others.
_ABSTRACT = {
    "TypeEngine", "TypeDecorator", "UserDefinedType", "Concatenable", "Indexable", "ExternalType", "NamedType", "Emulated", "NativeForEmulated",
    "SchemaType", "MatchType", "PickleType", "TupleType", "Variant", "AbstractRange", "AbstractSingleRange", "AbstractMultiRange", "TypeEngineMixin",
    "_Binary",
}  # fmt: skip

# What a class that cannot be made without arguments is made with.
_REQUIRED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "ARRAY": ((types.Integer(),), {}),
    "DOMAIN": (("d", types.Integer()), {}),
    "ENUM": (("a", "b"), {"name": "e"}),
    "Enum": (("a", "b"), {"name": "e"}),
    "SET": (("a", "b"), {}),
    "Interval": ((), {}),
}


def concrete() -> Iterator[type[TypeEngine[Any]]]:
    """Yield each class of types once."""
    seen = set()
    for module in MODULES:
        for name in sorted(vars(module)):
            cls = vars(module)[name]
            if inspect.isclass(cls) and issubclass(cls, TypeEngine) and name not in _ABSTRACT and cls not in seen:
                seen.add(cls)
                yield cls


VARIED: list[TypeEngine[Any]] = [
    types.String(30), types.String(30, collation="C"), types.Text(5), types.Unicode(7), types.VARCHAR(0), types.CHAR(1, "x"),
    types.Numeric(10, 2), types.Numeric(10), types.Numeric(5, 2, asdecimal=False), types.Numeric(8, 2, decimal_return_scale=4), types.DECIMAL(65, 30),
    types.Float(24), types.Float(53, asdecimal=True), types.Double(53), types.DateTime(True), types.DateTime(timezone=False), types.Time(True), types.TIMESTAMP(True),
    types.LargeBinary(9), types.BINARY(3), types.VARBINARY(8000), types.Boolean(), types.Boolean(create_constraint=True, name="b"), types.Uuid(as_uuid=False), types.Uuid(native_uuid=False),
    types.JSON(none_as_null=True), types.Interval(native=False), types.Interval(second_precision=3, day_precision=2),
    types.Enum("a", "b"), types.Enum("a", "it's", name="n", schema="s"), types.Enum("a", native_enum=False, length=40), types.Enum("x", name="n", create_constraint=True),
    types.Enum("x", "y", name="n", validate_strings=True), types.Enum("x", name="q", collation="C"),
    types.ARRAY(types.String(3)), types.ARRAY(types.Enum("a", name="e"), dimensions=2), types.ARRAY(types.Integer, as_tuple=True, zero_indexes=True),
    postgresql.ARRAY(postgresql.ENUM("a", name="e", schema="s"), dimensions=3), postgresql.ARRAY(postgresql.VARCHAR(3, "C"), as_tuple=True),
    postgresql.ENUM("a", "b", name="e"), postgresql.ENUM("a", name="E e", schema="S s", create_type=False), postgresql.ENUM(name="empty"), postgresql.ENUM(*"abcdefghij", name="many"),
    postgresql.DOMAIN("d", types.Integer(), check="VALUE > 0", constraint_name="c", not_null=True, default="1", collation="C"),
    postgresql.DOMAIN("d", postgresql.DOMAIN("e", postgresql.ENUM("x", name="y", schema="z")), schema="s", create_type=False), postgresql.DOMAIN("d", postgresql.ARRAY(types.Numeric(8, 2))),
    postgresql.TIMESTAMP(timezone=True, precision=3), postgresql.TIMESTAMP(precision=0), postgresql.TIME(timezone=True, precision=6), postgresql.INTERVAL(precision=3), postgresql.INTERVAL(fields="YEAR TO MONTH"), postgresql.INTERVAL("SECOND", 2),
    postgresql.BIT(8), postgresql.BIT(varying=True), postgresql.BIT(5, varying=True), postgresql.UUID(as_uuid=False), postgresql.JSONB(none_as_null=True), postgresql.HSTORE(text_type=types.String(9)), postgresql.BYTEA(4),
    mysql.INTEGER(11), mysql.INTEGER(5, unsigned=True, zerofill=True), mysql.TINYINT(1), mysql.BIGINT(unsigned=True), mysql.MEDIUMINT(8), mysql.SMALLINT(display_width=3), mysql.BIT(64), mysql.YEAR(4), mysql.YEAR(display_width=4),
    mysql.DECIMAL(10, 3, unsigned=True), mysql.NUMERIC(4, 1, zerofill=True), mysql.FLOAT(7, 3), mysql.DOUBLE(15, 4, unsigned=True), mysql.DOUBLE(asdecimal=False), mysql.REAL(10, 2),
    mysql.DATETIME(fsp=6), mysql.TIMESTAMP(fsp=3), mysql.TIME(fsp=1), mysql.VARCHAR(30, charset="latin1", collation="latin1_bin"), mysql.CHAR(5, binary=True), mysql.TEXT(70000), mysql.TEXT(ascii=True), mysql.VARCHAR(9, unicode=True), mysql.VARCHAR(9, national=True),
    mysql.LONGTEXT(charset="utf8mb4"), mysql.NCHAR(5, collation="x"), mysql.ENUM("a", "b,c", "it's", "", 'q"'), mysql.ENUM("a", charset="latin1", collation="latin1_bin"), mysql.SET("one", "two", collation="c"), mysql.SET("a", "", retrieve_as_bitwise=True), mysql.SET("1", "2", charset="latin1"),
    mysql.VARBINARY(3), mysql.JSON(),
    sqlite.DATETIME(), sqlite.TIME(), sqlite.JSON(),
    mssql.DATETIME2(7), mssql.DATETIMEOFFSET(3), mssql.TIME(2), mssql.VARBINARY("max"), mssql.VARBINARY("max", filestream=True), mssql.NVARCHAR(None, "c"), mssql.XML(), mssql.UNIQUEIDENTIFIER(as_uuid=False), mssql.TIMESTAMP(convert_int=True), mssql.ROWVERSION(), mssql.REAL(), mssql.FLOAT(53), mssql.DOUBLE_PRECISION(),
    oracle.NUMBER(10, 2), oracle.NUMBER(10, 0), oracle.NUMBER(asdecimal=False), oracle.FLOAT(binary_precision=126), oracle.INTERVAL(2, 6), oracle.TIMESTAMP(timezone=True), oracle.TIMESTAMP(local_timezone=True), oracle.RAW(16), oracle.VARCHAR2(30), oracle.NVARCHAR2(5), oracle.DATE(), oracle.BINARY_DOUBLE(), oracle.LONG(4),
]  # fmt: skip


def table_of(type_: TypeEngine[Any]) -> Table:
    """Return a table with one column of a type."""
    return Table("t", MetaData(), Column("a", type_))


def assert_described(type_: TypeEngine[Any]) -> None:
    """Fail unless the type is plain data, and an equal type is built from it, JSON and pickle on the way or not."""
    info = TypeInfo.of(type_)
    assert info.instance is None, f"{type_!r} is kept as an instance"
    table = TableInfo("t", None, TableKind.TABLE, (ColumnInfo("a", info),))
    infos = [info, pickle.loads(pickle.dumps(info)), TableInfo.from_json(table.to_json()).columns[0].type]  # noqa: S301 - our own bytes
    for read in infos:
        assert info == read
        assert hash(info) == hash(read)
        built = read.build()
        assert built is not type_
        assert read.build() is not built
        assert differences(table_of(built), table_of(info.build())) == []
        assert differences(table_of(read.build()), table_of(copy.deepcopy(type_))) == []


def name_of(cls: type) -> str:
    """Name a class with its dialect."""
    return f"{cls.__module__.removeprefix('sqlalchemy.')}.{cls.__name__}"


@pytest.mark.parametrize("cls", list(concrete()), ids=name_of)
def test_every_class(cls: type[TypeEngine[Any]]) -> None:
    """Every type class of SQLAlchemy and its dialects, made with what it requires, is described and built again."""
    arguments, keywords = _REQUIRED.get(cls.__name__, ((), {}))
    if cls is mysql.ENUM:
        keywords = {}
    assert_described(cls(*arguments, **keywords))


@pytest.mark.parametrize("number", range(len(VARIED)), ids=lambda number: f"{number}-{type(VARIED[number]).__name__}")
def test_varied_arguments(number: int) -> None:
    """Types with all kinds of arguments are described and built again, equal in everything they hold."""
    assert_described(VARIED[number])


def test_equal_types_have_equal_infos() -> None:
    """Two types are described alike exactly when they are alike."""
    infos = [TypeInfo.of(type_) for type_ in VARIED]
    again = [TypeInfo.of(copy.deepcopy(type_)) for type_ in VARIED]
    assert infos == again
    different = {(type(type_), repr(type_), str(sorted(vars(type_).items(), key=repr))) for type_ in VARIED}
    assert len(set(infos)) <= len(different)


def test_use_does_not_matter() -> None:
    """A type that was compiled, compared and cached is described as before."""
    for type_ in VARIED:
        before = TypeInfo.of(type_)
        for dialect in (postgresql.dialect(), mysql.dialect(), sqlite.dialect()):
            with contextlib.suppress(Exception):  # not for this dialect, which each says in its own way
                type_.dialect_impl(dialect)
        assert type_._static_cache_key
        assert type_._type_affinity
        repr(type_)
        assert before == TypeInfo.of(type_)
        assert TypeInfo.of(type_).instance is None


def test_public_modules() -> None:
    """A type's class is named by a public module of SQLAlchemy."""
    for type_ in VARIED:
        module = TypeInfo.of(type_).name.split(":")[0]
        assert module == "sqlalchemy.types" or module.count(".") == 2, module


class Money(TypeDecorator[int]):
    impl = types.Numeric
    cache_ok = True


class Odd(types.UserDefinedType[Any]):
    cache_ok = True

    def __init__(self, given: object) -> None:
        self.kept = [given]


def test_type_of_somebody_else() -> None:
    """A type whose arguments cannot be found is kept as it is, works in the process, and refuses to become JSON."""
    odd = Odd(object())
    info = TypeInfo.of(odd)
    assert info.build() is odd
    with pytest.raises(ReflectionError, match="Odd"):
        TableInfo("t", None, TableKind.TABLE, (ColumnInfo("a", info),)).to_json()


@pytest.mark.parametrize(
    "type_",
    [
        sqlite.DATE(storage_format="%(year)d", regexp=r"(\d+)"),
        sqlite.DATETIME(truncate_microseconds=True),
        types.Enum("a", values_callable=list),
    ],
    ids=repr,
)
def test_arguments_that_no_database_has(type_: TypeEngine[Any]) -> None:
    """A type with arguments that only Python code gives, and keeps to itself, is kept as it is and never built wrong."""
    assert TypeInfo.of(type_).build() is type_


def test_decorator_of_somebody_else() -> None:
    """A TypeDecorator is described by its class and its own arguments, or kept."""
    built = TypeInfo.of(Money(10, 2)).build()
    assert isinstance(built, Money)
    assert (built.impl.precision, built.impl.scale) == (10, 2)


@pytest.mark.parametrize(
    "name", ["no_such_module:X", "sqlalchemy.types:NoSuchType", "sqlalchemy.types:func", "os:system", "nothing"]
)
def test_class_that_is_not_there(name: str) -> None:
    """A class that cannot be imported, or is no type, is a ReflectionError that names it."""
    with pytest.raises(ReflectionError, match=name):
        TypeInfo(name).build()


def test_arguments_that_are_refused() -> None:
    """Arguments that a class does not take are a ReflectionError that names the class."""
    with pytest.raises(ReflectionError, match=r"sqlalchemy.types:VARCHAR"):
        TypeInfo("sqlalchemy.types:VARCHAR", TypeInfo.of(types.Numeric(3, 1)).arguments).build()


def test_dialect_of_the_engine_is_not_needed() -> None:
    """A type is described without an engine, and the same for one that an engine reflected."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a VARCHAR(9), b DECIMAL(3, 1))")
        table = Table("t", MetaData(), autoload_with=connection)
    engine.dispose()
    assert [TypeInfo.of(column.type) for column in table.columns] == [
        TypeInfo.of(types.VARCHAR(9)),
        TypeInfo.of(types.DECIMAL(3, 1)),
    ]
