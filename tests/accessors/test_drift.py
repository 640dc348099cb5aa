# ruff: noqa: TC002, TC003, E501 - annotations are evaluated here

from __future__ import annotations

import asyncio
import datetime
import decimal
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Optional  # noqa: F401  an annotation says Optional

import pytest
from pydantic import BaseModel, JsonValue  # noqa: F401  an annotation says JsonValue
from sqlalchemy import Column
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import overload

from lazy_alchemy import (
    AsyncLazyDBAccessor,
    Columns,
    DriftError,
    DriftWarning,
    LazyAlchemyError,
    LazyDB,
    LazyTable,
    ModelError,
)
from lazy_alchemy._accessors.drift import differences
from lazy_alchemy.emitters import MappedModel, RowModel, omitted
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

    from .nowhere import HiddenColumns, HiddenRow  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]


class UsersColumns(Columns):
    __row_pos__: tuple[int, str, str | None]

    id: Column[int]
    name: Column[str]
    email: Column[str | None]
    version: ClassVar[int] = 1


class UsersRow(RowModel):
    id: int
    name: str
    email: str | None = None


class Users(MappedModel):
    id: int | None = None
    name: str
    email: str | None = None


class UsersInsert(RowModel):
    name: str
    email: str | None = None


class UsersUpdate(RowModel):
    name: str | None = omitted()
    email: str | None = None


class OtherRow(RowModel):
    id: int


class AppDB(LazyDB):
    users: LazyTable[UsersColumns, UsersRow, Users]


class StrictDB(AppDB, on_drift="raise"):
    pass


class AsyncAppDB(AsyncLazyDBAccessor, on_drift="raise"):
    users: LazyTable[UsersColumns, UsersRow, Users]


class FullDB(LazyDB):
    users: LazyTable[UsersColumns, UsersRow, Users, UsersInsert, UsersUpdate]


class HiddenDB(LazyDB):
    users: LazyTable[HiddenColumns, HiddenRow]


class OtherDB(LazyDB):
    users: LazyTable[UsersColumns, OtherRow]


class WrongDB(LazyDB):
    users: LazyTable[UsersColumns, AppDB]  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]


GOOD = "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(200))"
BAD = "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name INTEGER NOT NULL, mail VARCHAR(200))"
MORE = "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(200), x INTEGER)"
SAID = """\
Table 'users' does not match UsersColumns (AppDB.users):
  'name' is declared as str but is int
  'email' is declared as str | None but does not exist
  'mail' is not declared; it is str | None
Correct the annotations, or generate them again with `lazy-alchemy generate`."""


@pytest.fixture
def good(db: Database) -> Database:
    """A database whose table is as it is declared."""
    db.execute(GOOD)
    return db


@pytest.fixture
def bad(db: Database) -> Database:
    """A database whose table is another."""
    db.execute(BAD)
    return db


@pytest.fixture
def no_warnings() -> Iterator[None]:
    """Every warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class TestFirstAccess:
    @pytest.mark.usefixtures("no_warnings")
    def test_table_as_declared_says_nothing(self, good: Database) -> None:
        """A table that is what its annotations say gives neither an error nor a warning."""
        assert StrictDB(good.engine).users is AppDB(good.engine).users

    def test_warning_lists_each_difference_once(self, bad: Database) -> None:
        """By default the first use warns, where it is, with a message that lists each difference, and later ones do not."""
        db = AppDB(bad.engine)
        with pytest.warns(DriftWarning) as caught:
            first = db.users
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert first is db.users is db["users"] is db.get("users")

        assert [SAID] == [str(one.message) for one in caught]
        assert [__file__] == [one.filename for one in caught]

    @pytest.mark.parametrize("read", [lambda db: db.users, lambda db: db["users"], lambda db: db.get("users")])
    def test_error_comes_every_time(self, bad: Database, read: Any) -> None:
        """With on_drift="raise" no way to the table gives it, the first time or later, and the database is asked once."""
        warm(bad.engine)
        db = StrictDB(bad.engine)
        with pytest.raises(DriftError) as raised:
            read(db)
        with count_queries(bad.engine) as counter, pytest.raises(DriftError, match="does not exist"):
            read(db)

        assert SAID == str(raised.value)
        assert isinstance(raised.value, LazyAlchemyError)
        assert 0 == counter.count

    def test_connection(self, bad: Database) -> None:
        """A table that is loaded on a connection of the caller's is compared too."""
        with bad.engine.connect() as connection, pytest.raises(DriftError):
            StrictDB(bad.engine).get("users", connection=connection)

    @pytest.mark.usefixtures("no_warnings")
    def test_ignored(self, bad: Database) -> None:
        """With on_drift="ignore" nothing is said."""
        assert "mail" in AppDB(bad.engine, on_drift="ignore").users.c

    def test_extra_columns_only_warn(self, db: Database) -> None:
        """Columns that are merely not declared are a warning, even with on_drift="raise"."""
        db.execute(MORE)
        strict = StrictDB(db.engine)
        with pytest.warns(DriftWarning, match="'x' is not declared; it is int"):
            table = strict.users

        assert table is strict.users

    def test_change_is_compared_again(self, good: Database) -> None:
        """A declared table that changes is compared when its new shape is first used."""
        db = StrictDB(good.engine)
        assert db.users.name == "users"
        good.execute("ALTER TABLE users DROP COLUMN email")
        db.refresh()
        with pytest.raises(DriftError, match=r"'email' is declared as str \| None but does not exist"):
            _ = db.users

    @pytest.mark.usefixtures("no_warnings")
    def test_undeclared_tables_are_not_compared(self, bad: Database) -> None:
        """An accessor that declares nothing, or no columns, compares nothing."""

        class Bare(LazyDB, on_drift="raise"):
            users: LazyTable

        assert LazyDB(bad.engine, on_drift="raise").users is Bare(bad.engine).users

    def test_comparing_costs_no_round_trip(self, good: Database) -> None:
        """A declared table costs as many statements as one that is not declared, and then none."""
        counts: list[int] = []
        for cls in (LazyDB, StrictDB):
            engine = warm(good.make_engine())
            LazyDB(engine).get("users")  # what a dialect asks once
            fresh = warm(good.make_engine())
            db = cls(fresh)
            with count_queries(fresh) as counter:
                assert db.users is db.users
            counts.append(counter.count)

        assert counts[0] == counts[1] > 0

    def test_hit_path_has_no_comparison(self, good: Database) -> None:
        """A declared table that was compared is an attribute of the accessor: nothing runs to read it."""
        db = StrictDB(good.engine)
        _ = db.users, db.users

        assert vars(db)["users"] is db.users

    def test_async(self, postgresql_db: Database) -> None:
        """Awaited tables are compared the same, under every spelling."""
        postgresql_db.execute(BAD)

        async def run() -> None:
            engine = create_async_engine(postgresql_db.url)
            db = AsyncAppDB(engine)
            for awaitable in (db.users, db["users"], db.get("users")):
                with pytest.raises(DriftError, match="'name' is declared as str but is int"):
                    await awaitable
            with pytest.warns(DriftWarning):
                await AsyncAppDB(engine, on_drift="warn").users
            await engine.dispose()

        asyncio.run(run())


class TestSetting:
    def test_keyword_of_the_class(self, bad: Database) -> None:
        """The class's on_drift is its subclasses' too, and an accessor's own goes before it."""

        class Sub(StrictDB):
            pass

        with pytest.raises(DriftError):
            _ = Sub(bad.engine).users
        assert Sub(bad.engine, on_drift="ignore").users.name == "users"

    def test_no_other_value(self, good: Database) -> None:
        """Anything but the three is a TypeError that names them."""
        with pytest.raises(TypeError, match='on_drift= takes "raise", "warn" or "ignore", not True'):
            AppDB(good.engine, on_drift=True)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match='class Odd: on_drift= takes "raise", "warn" or "ignore", not \'fail\''):
            type(LazyDB)("Odd", (LazyDB,), {}, on_drift="fail")  # type: ignore[arg-type]


class TestDifferences:
    @pytest.mark.parametrize(
        ("annotation", "said"),
        [
            ("Column[int]", ["may be NULL"]),
            ("Column[int | None]", []),
            ("Column[Optional[int]]", []),
            ("'Column[int | None]'", []),
            ("Column[int | str | None]", []),
            ("Column[str | None]", ["'a' is declared as str | None but is int | None"]),
            ("Column[bool | None]", ["is int | None"]),
            ("Column[object]", []),
            ("Column[JsonValue]", []),
            ("Column[Any]", []),
            ("Column[Missing | None]", []),
            ("Missing[int | None]", []),
        ],
    )
    def test_of_one_column(self, sqlite_db: Database, annotation: str, said: list[str]) -> None:
        """A declared type may be wider than the column's, and one that cannot be resolved is not compared."""
        sqlite_db.execute("CREATE TABLE t (a INTEGER)")
        table = LazyDB(sqlite_db.engine).get("t")
        columns = type("C", (Columns,), {"__annotations__": {"a": annotation}, "__module__": __name__})

        found = [str(one) for one in differences(table, columns)]
        assert len(said) == len(found)
        assert all(part in one for part, one in zip(said, found, strict=True)), found

    def test_types_of_postgresql(self, postgresql_db: Database) -> None:
        """Enums, arrays, numbers and dates are told apart, NULLs in arrays and labels of enums excepted."""
        postgresql_db.execute(
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE TABLE t (m mood NOT NULL, s mood NOT NULL, l mood NOT NULL, a int[] NOT NULL, n numeric NOT NULL,"
            " f float NOT NULL, d date NOT NULL, u uuid NOT NULL)",
        )

        class C(Columns):
            m: Column[Literal["sad", "ok", "glad"]]
            s: Column[str]
            l: Column[Literal["sad"]]  # noqa: E741
            a: Column[list[int]]
            n: Column[float]
            f: Column[decimal.Decimal]
            d: Column[datetime.datetime]
            u: Column[uuid.UUID]

        found = {one.column: one.message for one in differences(LazyDB(postgresql_db.engine).get("t"), C)}
        assert ["l", "n", "f", "d"] == list(found)
        assert "is declared as datetime but is date" == found["d"]

    def test_awkward_names_are_overloads(self, sqlite_db: Database) -> None:
        """A column that can be no attribute is declared by an overload of __getitem__."""
        sqlite_db.execute('CREATE TABLE t ("keys" TEXT, "a b" INTEGER)')

        class C(Columns):
            @overload  # type: ignore[override]
            def __getitem__(self, key: Literal["keys"], /) -> Column[str | None]: ...
            @overload
            def __getitem__(self, key: Literal["a b", "gone"], /) -> Column[str | None]: ...
            @overload
            def __getitem__(self, key: str | int, /) -> Column[Any]: ...
            def __getitem__(self, key: Any, /) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
                ...

        found = [str(one) for one in differences(LazyDB(sqlite_db.engine).get("t"), C)]
        assert [
            "'a b' is declared as str | None but is int | None",
            "'gone' is declared as str | None but does not exist",
        ] == found

    @pytest.mark.parametrize(
        ("columns", "said"),
        [
            ("a INTEGER, b INTEGER, c_d TEXT, e INTEGER, {q}", []),
            ("a INTEGER, b INTEGER, c_d TEXT, e INTEGER, {q}, x INTEGER", ["'x' is not declared; it is int | None"]),
            ("b INTEGER, a INTEGER, c_d TEXT, e INTEGER, {q}", ["'b' comes before 'a' but is declared after it"]),
            ("a INTEGER, b INTEGER, e INTEGER, c_d TEXT, {q}", ["'e' comes before 'c_d' but is declared after it"]),
            ("{q}, a INTEGER, b INTEGER, c_d TEXT, e INTEGER", ["'keys' is not at its position in __row_pos__"]),
            (
                "x TEXT, a INTEGER, b INTEGER, c_d TEXT, e INTEGER, {q}",
                ["'x' is not declared but comes before declared columns (it is str | None)"],
            ),
            ("b INTEGER, c_d TEXT, e INTEGER, {q}", ["'a' is declared as int | None but does not exist"]),
        ],
    )
    def test_order_of_rows(self, db: Database, columns: str, said: list[str]) -> None:
        """Where rows are declared by position, another order is a difference; only what comes last is merely not declared."""
        db.execute(f"CREATE TABLE t ({columns.format(q=db.quote('keys') + ' TEXT')})")

        class C(Columns):
            __row_pos__: tuple[int | None, int | None, str | None, int | None, str | None]

            a: Column[int | None]
            b: Column[int | None]
            c_d: Column[str | None]
            e: Column[int | None]

            @overload  # type: ignore[override]
            def __getitem__(self, key: Literal["keys"], /) -> Column[str | None]: ...
            @overload
            def __getitem__(self, key: str | int, /) -> Column[Any]: ...
            def __getitem__(self, key: Any, /) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
                ...

        found = differences(LazyDB(db.engine).get("t"), C)
        assert len(said) == len(found), found
        assert all(str(one).startswith(part) for part, one in zip(said, found, strict=True)), found
        assert all(one.is_extra == str(one).startswith("'x' is not declared;") for one in found)
        assert all(str(one).endswith("until it is generated again") for one in found if "before" in str(one))

    def test_inherited_columns(self, sqlite_db: Database) -> None:
        """The columns of base classes are declared too."""
        sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

        class Base(Columns):
            id: Column[int]

        class C(Base):
            pass

        assert [] == differences(LazyDB(sqlite_db.engine).get("t"), C)


class TestModels:
    def test_declared_models_are_the_ones(self, good: Database) -> None:
        """as_pydantic() and as_sqlmodel() give the declared classes themselves, and the latter is mapped on the table."""
        db = AppDB(good.engine)
        mapped = db.users.as_sqlmodel()

        assert UsersRow is db.users.as_pydantic()
        assert issubclass(mapped, Users)
        assert mapped.__table__ is db.users
        assert mapped is db.users.as_sqlmodel()

    def test_first_table_gets_the_class_itself(self, good: Database) -> None:
        """A declared SQLModel class is mapped onto the first table, and another engine's table gets a subclass."""

        class Fresh(MappedModel):
            id: int | None = None
            name: str

        globals()["Fresh"] = Fresh

        class FreshDB(LazyDB, on_drift="ignore"):
            users: LazyTable[UsersColumns, BaseModel, Fresh]

        one, two = FreshDB(good.engine), FreshDB(good.make_engine())
        first, second = one.users.as_sqlmodel(), two.users.as_sqlmodel()

        assert Fresh is first
        assert Fresh.__table__ is one.users
        assert second is not Fresh
        assert issubclass(second, Fresh)
        assert second.__table__ is two.users
        assert repr(first(name="a")) == repr(second(name="a"))

    def test_other_shapes_are_made(self, good: Database) -> None:
        """Shapes that no class is declared for are made, as ever."""
        users = AppDB(good.engine).users

        assert not issubclass(users.as_pydantic(partial=True), UsersRow)
        assert not issubclass(users.as_pydantic_insert(), UsersRow)
        assert not issubclass(users.as_sqlmodel(relationships=[users]), Users)

    def test_declared_shapes_are_the_ones(self, good: Database) -> None:
        """The classes of rows to be inserted and of changes are the ones that are declared, too."""
        users = FullDB(good.engine).users

        assert UsersInsert is users.as_pydantic_insert()
        assert UsersUpdate is users.as_pydantic_partial() is users.as_pydantic(partial=True)

    def test_declaration_counts_for_every_accessor(self, good: Database) -> None:
        """Accessors of an engine share a table and its declared models, whichever came first."""
        plain = LazyDB(good.engine)
        made = plain.users.as_pydantic()
        assert UsersRow is AppDB(good.engine).users.as_pydantic() is plain.users.as_pydantic()
        assert made is not UsersRow

    def test_two_declarations_clash(self, good: Database) -> None:
        """A table declared with two models on one engine cannot say which is its, and says so."""
        users = AppDB(good.engine).users
        assert OtherDB(good.engine, on_drift="ignore").users is users
        with pytest.raises(ModelError, match=r"is declared with .*OtherRow.* and accessors of one engine share"):
            users.as_pydantic()

    @pytest.mark.usefixtures("no_warnings")
    def test_for_type_checkers_only(self, good: Database) -> None:
        """Arguments that exist for type checkers only do no harm, until one is needed: the error names the import."""
        users = HiddenDB(good.engine).users
        with pytest.raises(ModelError) as raised:
            users.as_pydantic()

        line = 1 + next(
            number for number, text in enumerate(Path(__file__).read_text().splitlines()) if "from .nowhere" in text
        )
        said = f"line {line}, `from .nowhere import HiddenColumns, HiddenRow` is under TYPE_CHECKING: move it out"
        assert "HiddenDB.users: 'HiddenRow' does not exist at run time." in str(raised.value)
        assert said in str(raised.value)

    def test_for_type_checkers_only_and_strict(self, good: Database) -> None:
        """on_drift="raise" says that it cannot compare columns that exist for type checkers only."""
        with pytest.raises(DriftError, match="'HiddenColumns' does not exist at run time"):
            _ = HiddenDB(good.engine, on_drift="raise").users

    def test_wrong_kind_of_model(self, good: Database) -> None:
        """An argument that is no model is a ModelError that says which, when it is needed."""
        with pytest.raises(ModelError, match="the second argument of LazyTable must be a BaseModel class"):
            WrongDB(good.engine).users.as_pydantic()
