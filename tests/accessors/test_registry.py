from __future__ import annotations

import asyncio
import gc
import sys
import types
import typing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import lazy_alchemy
from lazy_alchemy import (
    AsyncLazyDBAccessor,
    CustomTable,
    LazyDB,
    LazyDBMeta,
    LazyTable,
    ReflectionError,
    TableNotFoundError,
    get_lazy_class,
)
from lazy_alchemy.reflectors import InspectorReflector
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from lazy_alchemy import TableInfo
    from tests.databases import Database

    class OnlyForTypeCheckers: ...


@pytest.fixture
def shop(db: Database) -> Database:
    """The database with three tables in it, one of whose names is no identifier."""
    name = db.quote("order-items")
    db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40))",
        "CREATE TABLE engine (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)",
    )
    return db


class Counting(InspectorReflector):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def reflect(self, connection: Connection, names: Collection[str], *, schema: str | None) -> Mapping[str, TableInfo]:
        """Remember the names, and fail for one of them."""
        self.asked += names
        if "broken" in names:
            raise AttributeError("a mistake in a reflector")
        return super().reflect(connection, names, schema=schema)


def test_classes_made_later_change_no_class(shop: Database) -> None:
    """A class whose body or mixin has the name of a table leaves the classes alone that were there before it."""

    class Base(LazyDB):
        users: LazyTable

    class Sub(Base):
        users: LazyTable = LazyTable(name="engine")

    class Below(Sub):
        users: LazyTable = LazyTable(name="order-items")

    class AsyncBase(AsyncLazyDBAccessor):
        users: LazyTable

    class AsyncSub(AsyncBase):
        users: LazyTable = LazyTable(name="engine")

    class Mixin:
        users = "mine"

    class Hiding(Base):
        users = None

    class Mixed(Sub, Mixin):
        pass

    class AsyncHiding(AsyncBase):
        users = None

    with pytest.raises(TypeError, match="Declare it once"):

        class Twins(Base, Mixin):
            people: LazyTable = LazyTable(name="users")

    assert Hiding(shop.engine).users is None
    for cls, table in ((Base, "users"), (Sub, "engine"), (Below, "order-items"), (Mixed, "engine")):
        assert table == cls.users.name
        for ttl in (None, 60):
            db = cls(shop.engine, cache_ttl=ttl)
            assert [table] * 2 == [db.users.name, db.users.name]
            db.invalidate_all()
            assert table == db.users.name

    async def get(db: AsyncLazyDBAccessor) -> CustomTable:
        return await db.users

    for awaited, table in ((AsyncBase, "users"), (AsyncSub, "engine")):
        assert table == awaited.users.name
        assert table == asyncio.run(get(awaited(shop.engine))).name


def test_a_declared_table_looks_at_no_other_declaration(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tables a class declares, the first use of one and an invalidation look at none of the others."""

    class Declared(LazyDB):
        users: LazyTable
        engine_: LazyTable = LazyTable(name="engine")
        items: LazyTable = LazyTable(name="order-items")

    db = Declared(warm(shop.engine))
    assert ["engine"] * 2 == [db.engine_.name, db.engine_.name]  # it is remembered at its second use
    asked: list[str] = []
    original = LazyTable.name.fget
    assert original is not None
    monkeypatch.setattr(
        LazyTable, "name", property(lambda declared: asked.append(declared.attribute) or original(declared))
    )
    assert ["users"] * 2 == [db.users.name, db.users.name]
    db.invalidate("users")
    assert {"users"} >= set(asked)


# -- A declaration is an accessor --------------------------------------------------------------------------------------


def test_a_declared_table_is_loaded_when_it_is_first_read(shop: Database) -> None:
    """A declared attribute is the table, loaded once, by the attribute's name or the one given."""

    class AppDB(LazyDB):
        users: LazyTable[OnlyForTypeCheckers, OnlyForTypeCheckers, OnlyForTypeCheckers]
        order_items: LazyTable[OnlyForTypeCheckers] = LazyTable(name="order-items")

    engine = warm(shop.engine)
    with count_queries(engine) as queries:
        db = AppDB(engine, cache_ttl=300)
    assert 0 == queries.count

    assert "users" == db.users.name
    assert isinstance(db.users, CustomTable)
    assert "order-items" == db.order_items.name
    with count_queries(engine) as queries:
        assert db.users is db["users"]
        assert db.users is db.get("users")
        assert db.users is get_lazy_class(engine).users
        assert db.order_items is db["order-items"]
    assert 0 == queries.count


def test_without_a_ttl_a_declared_table_is_the_same(shop: Database) -> None:
    """A declared attribute gives the same table with and without a time to live, before and after an invalidation."""

    class AppDB(LazyDB):
        users: LazyTable
        items: LazyTable = LazyTable(name="order-items")

    eternal, expiring = AppDB(shop.engine), AppDB(shop.engine, cache_ttl=0)
    for db in (eternal, expiring, eternal):
        assert db.users is eternal.users
        assert db.items is eternal.items
        assert db["order-items"] is db.items
        assert not hasattr(db, "order_items")
        eternal.invalidate_all()


def test_a_class_body_does_no_io() -> None:
    """A class can be declared, inspected and subclassed where there is no database."""

    class AppDB(LazyDB, schema="public"):
        users: LazyTable
        order_items: LazyTable = LazyTable(name="order-items")

    assert "users" == AppDB.users.name
    assert "order-items" == AppDB.order_items.name
    assert "order_items" == AppDB.order_items.attribute
    assert {"users", "order_items"} == AppDB.__tables__.keys()
    assert isinstance(AppDB, LazyDBMeta)


def test_the_schema_is_the_classs_unless_the_accessor_says_otherwise(shop: Database) -> None:
    """`schema=` in the class keywords is the accessor's schema, inherited, and overridden when it is made."""

    class InPublic(LazyDB, schema="public"):
        users: LazyTable

    class Inherits(InPublic): ...

    class Elsewhere(InPublic, schema="elsewhere"): ...

    assert "public" == InPublic(shop.engine).schema
    assert "public" == Inherits(shop.engine).schema
    assert "elsewhere" == Elsewhere(shop.engine).schema
    assert Inherits(shop.engine, schema=None).schema is None
    assert "users" == Inherits(shop.engine, schema=None).users.name
    assert LazyDB(shop.engine).schema is None
    if shop.is_postgresql:
        assert "public" == InPublic(shop.engine).users.schema


def test_declarations_are_inherited(shop: Database) -> None:
    """A subclass has its bases' tables, may declare one of them anew, and may have more than one base."""

    class Base(LazyDB):
        users: LazyTable
        items: LazyTable = LazyTable(name="elsewhere")

    class Other(LazyDB):
        engine_table: LazyTable = LazyTable(name="engine")

    class AppDB(Base, Other):
        items: LazyTable = LazyTable(name="order-items")

    db = AppDB(shop.engine)
    assert ["order-items", "users"] == sorted({db.users.name, db.items.name})
    assert "engine" == db.engine_table.name
    assert "elsewhere" == Base.items.name


def test_a_declared_class_has_methods_and_values_of_its_own(shop: Database) -> None:
    """Methods, properties, ClassVars, underscore names and other attributes with values are left alone."""

    class AppDB(LazyDB):
        users: LazyTable
        limit: ClassVar[int] = 10
        quoted: "ClassVar[LazyTable]"  # noqa: UP037 - quoted on purpose
        dotted: typing.ClassVar[int]
        _private: int
        _table: LazyTable
        title: str = "shop"
        plain = 7

        @property
        def first(self) -> str:
            return self.users.name

        def method(self) -> int:
            return self.limit + self.plain

    db = AppDB(shop.engine)
    assert ["users"] == list(AppDB.__tables__)
    assert ("users", 17, "shop") == (db.first, db.method(), db.title)


def test_annotations_are_read_as_text() -> None:
    """Plain, quoted, dotted, aliased-module and subscripted annotations all declare, whatever their arguments are."""

    class AppDB(LazyDB):
        a: LazyTable
        b: "LazyTable"  # noqa: UP037 - quoted on purpose
        c: lazy_alchemy.LazyTable
        d: "lazy_alchemy.LazyTable[Nowhere, 'No Where']"  # noqa: F722, F821, UP037 - neither exists
        e: LazyTable[Any, OnlyForTypeCheckers]
        f: "LazyTable[OnlyForTypeCheckers]"  # noqa: UP037 - quoted on purpose

    assert set("abcdef") == AppDB.__tables__.keys()


EVALUATED = """
import typing
import lazy_alchemy
from lazy_alchemy import LazyDB, LazyTable

class Columns: ...

class AppDB(LazyDB):
    a: LazyTable
    b: "LazyTable"
    c: lazy_alchemy.LazyTable
    d: "lazy_alchemy.LazyTable[Nowhere]"
    e: LazyTable[Columns]
    f: lazy_alchemy.LazyTable[Columns, typing.Any]
    g: "LazyTable[Nowhere, Columns]" = LazyTable(name="order-items")
    limit: typing.ClassVar[int] = 1
    quoted: "typing.ClassVar[Nowhere]"
    title: str = "shop"
    _private: int
"""


def test_evaluated_annotations_declare_the_same() -> None:
    """Without `from __future__ import annotations` the same annotations declare the same tables."""
    module = types.ModuleType("evaluated")
    code = compile(EVALUATED, "evaluated", "exec", dont_inherit=True)

    exec(code, vars(module))  # noqa: S102 - this file itself has postponed annotations

    assert set("abcdefg") == module.AppDB.__tables__.keys()


def test_annotations_are_never_evaluated() -> None:
    """Making a class runs nothing of an annotation, and looks nothing up in the module."""
    namespace = {"__annotations__": {"users": "LazyTable[1 / 0, print('no')]"}, "__module__": "not.in.sys.modules"}

    assert "not.in.sys.modules" not in sys.modules
    cls = LazyDBMeta("AppDB", (LazyDB,), namespace)
    assert ["users"] == list(cls.__tables__)


# -- Mistakes ----------------------------------------------------------------------------------------------------------


MISTAKES = {
    "no table": "users: int",
    "a list of tables": "users: list[LazyTable]",
    "an optional table": "users: LazyTable | None",
    "a typing.Optional table": "users: Optional[LazyTable]",
    "a name that ends like it": "users: NotALazyTable",
    "another type with a table": "users: int = LazyTable()",
    "a table with a value": "users: LazyTable = 7",
    "a table without annotation": "users = LazyTable()",
    "the table class": "users: LazyTable = LazyTable",
    "two of one table": "people: LazyTable = LazyTable(name='users')\n    users: LazyTable",
    "two of one name": "users: LazyTable = LazyTable(name='x')\n    others: LazyTable = LazyTable(name='x')",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_type_error(mistake: str) -> None:
    """A mistake in a class body is a TypeError when the class is made, naming class and attribute."""
    code = f"from __future__ import annotations\nclass AppDB(LazyDB):\n    {MISTAKES[mistake]}\n"

    with pytest.raises(TypeError, match=r"AppDB\b[\s\S]*'users'"):
        exec(code, {"LazyDB": LazyDB, "LazyTable": LazyTable})  # noqa: S102 - a class body as text


@pytest.mark.parametrize(
    "name", ["get", "preload", "engine", "metadata", "list_tables", "refresh", "schema", "invalidate"]
)
def test_a_declaration_hides_no_method(name: str) -> None:
    """A declaration that would hide a method or attribute is a TypeError that names class, attribute and a way out."""
    with pytest.raises(TypeError, match=rf"AppDB\b[\s\S]*'{name}'[\s\S]*name=\"{name}\""):
        LazyDBMeta("AppDB", (LazyDB,), {"__annotations__": {name: "LazyTable"}})


def test_a_declaration_hides_no_method_of_the_users_own() -> None:
    """The same holds for a method of a user's base class, and for one of the same body."""

    class Base(LazyDB):
        def users(self) -> int:
            return 1

    with pytest.raises(TypeError, match=r"AppDB.*users"):

        class AppDB(Base):
            users: LazyTable

    with pytest.raises(TypeError, match=r"AppDB.*users"):
        LazyDBMeta("AppDB", (LazyDB,), {"__annotations__": {"users": "LazyTable"}, "users": lambda _: 1})


def test_twins_across_bases_are_a_mistake() -> None:
    """Two accessors of one table are a TypeError also where one of them is inherited."""

    class Base(LazyDB):
        users: LazyTable

    with pytest.raises(TypeError, match=r"AppDB.*'users'"):

        class AppDB(Base):
            people: LazyTable = LazyTable(name="users")


@pytest.mark.parametrize("schema", ["", 7, b"x"])
def test_the_schema_of_a_class_is_a_name(schema: Any) -> None:
    """`schema=` in the class keywords is a name; anything else is a TypeError that names the class."""
    with pytest.raises(TypeError, match=r"AppDB.*schema"):
        LazyDBMeta("AppDB", (LazyDB,), {}, schema=schema)


def test_the_name_of_a_table_is_text() -> None:
    """`LazyTable(name=...)` takes a str."""
    with pytest.raises(TypeError, match="name"):
        LazyTable(name=7)  # type: ignore[arg-type]


# -- The registry ------------------------------------------------------------------------------------------------------


def test_the_registry_has_every_declared_class() -> None:
    """The metaclass keeps the declared classes that are alive, and not LazyDB itself."""

    class Registered(LazyDB):
        users: LazyTable

    key = f"{__name__}.{Registered.__qualname__}"
    assert LazyDB.registry[key] is Registered
    assert Registered.registry[key] is Registered
    assert LazyDB not in LazyDB.registry.values()

    del Registered
    gc.collect()
    assert key not in LazyDB.registry


# -- The class itself --------------------------------------------------------------------------------------------------


def test_a_declaration_is_read_from_the_class_and_hides_no_instance_attribute() -> None:
    """The class answers for what it declares, without having it: a descriptor there would slow every hit down."""

    class Declares:
        mixed: LazyTable = LazyTable(name="m")

    class AppDB(LazyDB):
        users: LazyTable

    assert "users" == AppDB.users.name
    assert AppDB is AppDB.users.owner
    assert "users" in dir(AppDB)
    assert "users" not in vars(AppDB)
    assert not hasattr(AppDB, "nowhere")

    class Shop(Declares, AppDB):
        orders: LazyTable
        users = None  # type: ignore[assignment]

    assert {"mixed": "m", "orders": "orders"} == {key: table.name for key, table in Shop.__tables__.items()}
    assert Shop.users is None
    assert not hasattr(LazyDB, "orders")


def test_declarations_are_found_in_the_order_of_bases(shop: Database) -> None:
    """A declaration that a subclass overrides is reached by super(), and one goes before what a later base has."""

    class Has:
        def users(self) -> str:
            return "a method"

    class AppDB(LazyDB):
        users: LazyTable

    class Overrides(AppDB):
        @property
        def users(self) -> Any:
            return super().users

    class First(AppDB, Has):  # type: ignore[misc]
        mro: LazyTable = LazyTable(name="engine")

    class Last(Has, AppDB):  # type: ignore[misc]
        pass

    assert "users" == Overrides(shop.engine).users.name
    assert "users" == First(shop.engine).users.name
    assert "users" == First.users.name
    assert "engine" == First.mro.name
    assert "a method" == Last(shop.engine).users()  # type: ignore[operator]
    assert "engine" == First(shop.engine).mro.name


def test_a_table_declared_beside_the_class_is_loaded(shop: Database) -> None:
    """A declaration in a class that is no LazyDB is one of the LazyDB that inherits from it."""

    class Declares:
        items: LazyTable = LazyTable(name="order-items")

    class AppDB(Declares, LazyDB):
        pass

    db = AppDB(shop.engine)
    assert "order-items" == db.items.name
    assert db.items is db["order-items"]


# -- Failure -----------------------------------------------------------------------------------------------------------


def test_a_declared_table_that_does_not_exist_is_asked_for_once(shop: Database) -> None:
    """A declared accessor whose table is missing raises after one load, and each time anew."""

    class AppDB(LazyDB):
        nowhere: LazyTable
        renamed: LazyTable = LazyTable(name="also-nowhere")

    reflector = Counting()
    db = AppDB(shop.engine, reflector=reflector)
    for _ in range(2):
        with pytest.raises(TableNotFoundError, match="'nowhere'"):
            _ = db.nowhere
        with pytest.raises(TableNotFoundError, match="'also-nowhere'"):
            _ = db.renamed
        assert not hasattr(db, "renamed")
    assert ["nowhere", "also-nowhere", "also-nowhere"] * 2 == reflector.asked


@pytest.mark.parametrize("ttl", [None, 60])
def test_a_declared_table_that_fails_is_asked_for_once(shop: Database, ttl: float | None) -> None:
    """A declared accessor whose load fails, be it with an AttributeError, raises a ReflectionError after one load."""

    class AppDB(LazyDB):
        broken: LazyTable

    reflector = Counting()
    db = AppDB(shop.engine, reflector=reflector, cache_ttl=ttl)
    with pytest.raises(ReflectionError, match="a mistake in a reflector"):
        _ = db.broken

    assert ["broken"] == reflector.asked


def test_a_property_that_fails_does_not_ask_for_a_table_of_its_name(shop: Database) -> None:
    """An AttributeError inside a user's property is what the caller sees, and no table is asked for."""

    class AppDB(LazyDB):
        @property
        def report(self) -> str:
            return self._no_such_thing  # type: ignore[no-any-return]

    reflector = Counting()
    db = AppDB(shop.engine, reflector=reflector)
    with pytest.raises(AttributeError, match="_no_such_thing"):
        _ = db.report
    assert [] == reflector.asked


# -- Names seen at run time --------------------------------------------------------------------------------------------


def test_a_name_seen_at_run_time_is_no_class_attribute(shop: Database) -> None:
    """What an accessor loads leaves its class as it was, and other engines' accessors without it."""
    before = set(dir(LazyDB))
    db = get_lazy_class(shop.engine)
    assert "users" == db.users.name
    db.preload("order-items")

    assert before == set(dir(LazyDB))
    assert "users" not in vars(type(db))
    assert "users" not in dir(get_lazy_class(shop.make_engine()))


@pytest.mark.parametrize("ttl", [None, 60])
def test_a_table_called_as_a_method_is_reached_by_item(shop: Database, ttl: float | None) -> None:
    """A table whose name is also an attribute of the accessor is reached by item and `get`; the attribute stays."""
    db = get_lazy_class(shop.engine, cache_ttl=ttl)

    assert "engine" == db["engine"].name
    assert db.get("engine") is db["engine"]
    assert db.engine is shop.engine
    db.preload("engine")
    assert db.engine is shop.engine


def test_a_table_with_an_underscore_is_reached_by_item(shop: Database) -> None:
    """A table whose name begins with an underscore is reached by item and `get`, and the attribute error says so."""
    shop.execute("CREATE TABLE _hidden (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(shop.engine)

    assert "_hidden" == db["_hidden"].name
    with pytest.raises(AttributeError, match=r"db\['_hidden'\]"):
        _ = db._hidden


def test_a_name_is_text(shop: Database) -> None:
    """Anything but a str as a name is a TypeError that says what it was."""
    db = get_lazy_class(shop.engine)
    for name in (0, None, b"users", ("users",)):
        with pytest.raises(TypeError, match=type(name).__name__):
            _ = db[name]  # type: ignore[index]
