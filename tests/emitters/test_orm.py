"""Plain SQLAlchemy classes, and the options that they have in common with the SQLModel ones."""

from __future__ import annotations

import abc
import asyncio
import re
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

import pytest
from pydantic import PrivateAttr, field_validator
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, inspect, null, select
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import NullType
from sqlmodel import Field, SQLModel

from lazy_alchemy import CustomTable, UnknownTypeWarning, get_async_lazy_class, get_lazy_class
from lazy_alchemy._errors import ModelError
from lazy_alchemy.emitters import DataclassEmitter, ORMEmitter, PydanticEmitter, SQLModelEmitter, TypedDictEmitter
from tests.databases import count_queries, warm

from .test_pydantic import AUTOINCREMENT

if TYPE_CHECKING:
    from tests.databases import Database

KINDS = {"sqlmodel": "as_sqlmodel", "orm": "as_orm"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Run the test with SQLModel and with plain classes."""
    return request.param


def make(table: CustomTable, kind: str, **options: Any) -> Any:
    """Return the table's class, as Any: no checker knows what attributes it has."""
    return getattr(table, KINDS[kind])(**options)


@pytest.fixture
def users(db: Database) -> CustomTable:
    """A table of which the database fills in the most."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, name VARCHAR(20) NOT NULL, level INTEGER DEFAULT 1,"
        " active BOOLEAN NOT NULL DEFAULT true, twice INTEGER GENERATED ALWAYS AS (level * 2) STORED)"
    )
    return get_lazy_class(db.engine).users


# -- A plain class


def test_a_class_is_mapped_onto_the_table_itself(db: Database, users: CustomTable) -> None:
    """An object is added, found, changed and deleted; ORM and Core expressions mix in one statement."""
    user = make(users, "orm")
    assert user.__table__ is users
    assert not issubclass(user, SQLModel)
    assert "Users" == user.__name__
    with Session(db.engine) as session:
        session.add_all([user(name="ann"), user(name="bob", level=null(), active=False)])
        session.commit()
        ann, bob = session.scalars(select(user).where(users.c.name != "x").order_by(user.name))
        assert (1, 1, True, 2) == (ann.id, ann.level, ann.active, ann.twice)
        assert (2, None, False, None) == (bob.id, bob.level, bob.active, bob.twice)
        ann.name = "anna"
        session.commit()
        assert ann is session.scalars(select(user).where(user.name == "anna")).one()
        session.delete(ann)
        session.commit()
        assert None is session.get(user, 1)
        row = PydanticEmitter().emit(users).model_validate(bob)
        assert {"id": 2, "name": "bob", "level": None, "active": False, "twice": None} == row.model_dump()


def test_values_are_given_by_attribute_or_column(sqlite_db: Database) -> None:
    """Columns that cannot be attributes are given by their own name or the attribute's; what is neither is refused."""
    names = ["metadata", "class", "registry", "_private", "a b", "self", "cls", "data", "2"]
    columns = ", ".join(f"{sqlite_db.quote(name)} INTEGER" for name in names)
    sqlite_db.execute(f"CREATE TABLE odd (id INTEGER PRIMARY KEY, {columns})")
    table = get_lazy_class(sqlite_db.engine).odd
    odd = make(table, "orm")
    values = {name: number for number, name in enumerate(names)}
    by_attribute = {attr.key: values[attr.columns[0].name] for attr in list(inspect(odd).column_attrs)[1:]}
    assert {"class_": 1, "private": 3, "a_b": 4, "field_2": 8}.items() <= by_attribute.items()
    with Session(sqlite_db.engine) as session:
        session.add_all([odd(**values), odd(**by_attribute)])
        session.commit()
        for one in session.scalars(select(odd)):
            assert values == {
                name: getattr(one, inspect(odd).get_property_by_column(table.c[name]).key) for name in names
            }
    with pytest.raises(TypeError, match=r"Odd\(\) has no column or relationship 'nothing'"):
        odd(nothing=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_repr_has_the_columns_in_order(sqlite_db: Database, kind: str) -> None:
    """It shows what is loaded, in the columns' order, and sends nothing."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT, a INTEGER DEFAULT 7, c TEXT)")
    t = make(get_lazy_class(sqlite_db.engine).t, kind)
    with Session(sqlite_db.engine) as session:
        session.add(t(c="z", b="x"))
        session.commit()
        one = session.get(t, 1)
        assert "T(id=1, b='x', a=7, c='z')" == repr(one)
        session.expire(one, ["b"])
        with count_queries(sqlite_db.engine) as sent:
            assert "T(id=1, a=7, c='z')" == repr(one)
        assert 0 == sent.count
        assert "x" == one.b
        assert "T(id=1, b='x', a=7, c='z')" == repr(one)


def test_asyncio(db: Database) -> None:
    """With AsyncAttrs as a base, what is not loaded yet is awaited; the classes are used in an AsyncSession."""
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mariadb": "mysql+aiomysql"}
    auto = AUTOINCREMENT[db.name]
    db.execute(
        f"CREATE TABLE users (id {auto}, name VARCHAR(20))",
        f"CREATE TABLE posts (id {auto}, user_id INTEGER, FOREIGN KEY (user_id) REFERENCES users (id))",
    )

    async def run() -> None:
        engine = create_async_engine(db.url.set(drivername=drivers[db.name]))
        lazy = get_async_lazy_class(engine)
        tables = [await lazy.users, await lazy.posts]
        user, post = (table.as_orm(base=dict.fromkeys(tables, AsyncAttrs), relationships=tables) for table in tables)
        async with AsyncSession(engine) as session:
            session.add(user(name="ann", posts=[post(), post()]))
            await session.commit()
            ann = await session.get_one(user, 1)
            assert 2 == len(await ann.awaitable_attrs.posts)
            (first, _) = await ann.awaitable_attrs.posts
            assert ann is await first.awaitable_attrs.user
        await engine.dispose()

    asyncio.run(run())


# -- Base classes


class Greeting(SQLModel):
    """What a user writes."""

    title: ClassVar[str] = "Dr"
    _asked: int = PrivateAttr(default=0)

    def greet(self: Any) -> str:
        """Use a column."""
        return f"{self.title} {self.name}"

    @property
    def loud(self: Any) -> str:
        """Use another."""
        return f"{self.name}!"

    @field_validator("name", check_fields=False)
    @classmethod
    def _capital(cls, name: str) -> str:
        return name.capitalize()


class Plain:
    """What a user of plain classes writes."""

    title = "Dr"

    def greet(self: Any) -> str:
        """Use a column."""
        return f"{self.title} {self.name}"

    @property
    def loud(self: Any) -> str:
        """Use another."""
        return f"{self.name}!"


BASES: dict[str, Any] = {"sqlmodel": Greeting, "orm": Plain}


def test_a_base_class(db: Database, users: CustomTable, kind: str) -> None:
    """The class has the base's methods and properties, and is made once for each base."""
    base = BASES[kind]
    user = make(users, kind, base=base)
    assert issubclass(user, base)
    assert user is make(users, kind, base=base)
    assert user is not make(users, kind)
    assert not issubclass(make(users, kind), base)
    assert user.__table__ is users
    assert not hasattr(base, "__table__")
    with Session(db.engine) as session:
        session.add(user(name="Ann"))
        session.commit()
        ann = session.scalars(select(user)).one()
        assert ("Dr Ann", "Ann!") == (ann.greet(), ann.loud)


def test_validators_of_a_base_class(users: CustomTable) -> None:
    """They validate where SQLModel does: in ``model_validate``, and not when a table's object is made."""
    user = make(users, "sqlmodel", base=Greeting)
    assert "Ann" == user.model_validate({"name": "ann"}).name
    assert "ann" == user(name="ann").name


def test_a_base_with_a_metaclass(users: CustomTable) -> None:
    """A plain base may be abstract."""

    class Abstract(abc.ABC):
        @abc.abstractmethod
        def size(self) -> int: ...

    class Base(Abstract):
        def size(self: Any) -> int:
            return len(self.name)

    assert 3 == make(users, "orm", base=Base)(name="ann").size()


def test_bases_of_related_classes(db: Database, kind: str) -> None:
    """A base is that of the table's own class; a mapping gives each table its own, and means the same from each."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, name VARCHAR(20))",
        f"CREATE TABLE posts (id {AUTOINCREMENT[db.name]}, name VARCHAR(20), user_id INTEGER,"
        " FOREIGN KEY (user_id) REFERENCES users (id))",
    )
    lazy = get_lazy_class(db.engine)
    users, posts = lazy.users, lazy.posts
    base = BASES[kind]

    class PostBase(base):  # type: ignore[misc, valid-type]  # whichever it is
        pass

    bases = {users: base, posts: PostBase}
    post = make(posts, kind, base=bases, relationships=bases)
    user = make(users, kind, base=bases, relationships=bases)
    assert issubclass(post, PostBase)
    assert issubclass(user, base)
    assert not issubclass(user, PostBase)
    assert "Dr ann" == post(user=user(name="ann")).user.greet()
    own = make(posts, kind, base=PostBase, relationships=[users])
    assert own is make(posts, kind, base={posts: PostBase}, relationships=[users, posts])
    assert not issubclass(own.user.property.mapper.class_, base)
    assert own.user.property.mapper.class_ is make(users, kind, base={posts: PostBase}, relationships=[posts])


class Mapped(SQLModel, table=True):
    """A table of its own."""

    id: int = Field(primary_key=True)


class Declared(DeclarativeBase):
    """A declarative base."""


class Fields(SQLModel):
    """A base with a column's name."""

    name: str


class MoreFields(SQLModel):
    """A base with a field that is no column."""

    nickname: str | None = None


class Method(SQLModel):
    """A base with a method of a column's name."""

    def level(self) -> int:
        """Hide the column."""
        return 1


class PlainMethod:
    """The same without SQLModel."""

    name: str


class WithColumn:
    """A base that adds a column."""

    extra = mapped_column(Integer)


class OwnInit:
    """A base that is made of what no column is."""

    def __init__(self, size: int) -> None:
        """Take one argument and no column's value."""


class BelowInit(OwnInit):
    """What inherits it."""


class OwnModelInit(SQLModel):
    """The same with SQLModel."""

    def __init__(self, size: int) -> None:
        """Take one argument and no column's value."""


class Below(PlainMethod):
    """What inherits it."""


@pytest.mark.parametrize(
    ("kind", "base", "said"),
    [
        ("sqlmodel", 3, r"base= takes a SQLModel class.*, not 3"),
        ("sqlmodel", Plain, r"base= takes a SQLModel class.*, not Plain"),
        ("sqlmodel", Mapped, r"base=Mapped is a table itself.*without table=True"),
        (
            "sqlmodel",
            Fields,
            r"base=Fields: its attribute 'name' conflicts with the column 'name' of 'users'. Rename or",
        ),
        ("sqlmodel", Method, r"base=Method: its attribute 'level' conflicts with the column 'level' of 'users'"),
        ("sqlmodel", MoreFields, r"base=MoreFields has the field 'nickname', but 'users' has no such column. Make it"),
        ("orm", "Base", r"base= takes a class, not 'Base'"),
        ("orm", Declared, r"base=Declared is a declarative, mapped or Pydantic class. Make it a plain class"),
        ("orm", Fields, r"base=Fields is a declarative, mapped or Pydantic class"),
        ("orm", WithColumn, r"as_orm\(\) cannot map 'users': .*extra"),
        (
            "orm",
            OwnInit,
            r"base=OwnInit: its __init__ .* does not take the columns as keyword arguments.*\*\*values.*super\(\)",
        ),
        ("sqlmodel", OwnModelInit, r"base=OwnModelInit: its __init__"),
        ("orm", BelowInit, r"base=BelowInit: the __init__ of OwnInit"),
        ("orm", Below, r"base=Below: its attribute 'name' conflicts with the column 'name' of 'users'.*in PlainMethod"),
    ],
)
def test_a_base_that_cannot_be(sqlite_db: Database, kind: str, base: Any, said: str) -> None:
    """It is refused with the remedy."""
    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, level INTEGER)")
    with pytest.raises(ModelError, match=said):
        make(get_lazy_class(sqlite_db.engine).users, kind, base=base)


@pytest.mark.parametrize("parent", [object, SQLModel], ids=["orm", "sqlmodel"])
def test_a_base_that_hands_values_on(sqlite_db: Database, parent: Any) -> None:
    """A base whose __init__ takes any keyword argument has its say."""

    class Base(parent):  # type: ignore[misc]  # what it is, is known at run time only
        def __init__(self, **values: Any) -> None:
            super().__init__(**{"name": "default", **values})

    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
    new: Any = make(get_lazy_class(sqlite_db.engine).users, "orm" if parent is object else "sqlmodel", base=Base)
    assert ("default", "ann") == (new().name, new(name="ann").name)


def test_a_key_that_numbers_itself_twice(postgresql_db: Database, kind: str) -> None:
    """Its rows are read; that SQLAlchemy cannot insert any is said with the table's and the columns' names."""
    postgresql_db.execute("CREATE TABLE s (a SERIAL, b SERIAL, PRIMARY KEY (a, b))", "INSERT INTO s DEFAULT VALUES")
    new = make(get_lazy_class(postgresql_db.engine).s, kind)
    with Session(postgresql_db.engine) as session:
        assert (1, 1) == (session.get(new, (1, 1)).a, session.get(new, (1, 1)).b)
        session.add(new())
        with pytest.raises(ModelError, match=r"cannot insert into 's'.*'a' and 'b'.*textual SQL"):
            session.flush()


def test_a_base_that_hides_a_relationship(sqlite_db: Database) -> None:
    """It is refused as one that hides a column."""
    sqlite_db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id))",
    )
    lazy = get_lazy_class(sqlite_db.engine)

    class Base:
        posts = 3

    with pytest.raises(ModelError, match=r"base=Base: its attribute 'posts' conflicts with the relationship 'posts'"):
        lazy.users.as_orm(base=Base, relationships=[lazy.posts])
    with pytest.raises(ModelError, match=r"as_orm\(\): an option is for 'posts'.*Name it in relationships="):
        lazy.users.as_orm(base={lazy.posts: Base})
    with pytest.raises(ModelError, match=r"keys of the mapping base= are tables.*not 'users'"):
        lazy.users.as_orm(base={"users": Base})


# -- Types


class Point:
    """A type of the user's own."""


EMITTERS: list[Any] = [SQLModelEmitter, ORMEmitter, DataclassEmitter, TypedDictEmitter]


@pytest.mark.parametrize("emitter", EMITTERS)
def test_types_of_the_users_own(sqlite_db: Database, emitter: Any) -> None:
    """Every emitter takes the user's Python types, asks for those that nobody knows, and can be strict about them."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL)")
    table = get_lazy_class(sqlite_db.engine).t
    made: Any = table.emit(emitter(types={"varchar": Point}))
    assert made is table.emit(emitter(types={"VARCHAR": Point}))
    assert made is not table.emit(emitter())
    if emitter is not ORMEmitter:  # which has no annotations
        assert Point is get_type_hints(made)["name"]
    strange = Table("s", MetaData(), Column("id", Integer, primary_key=True), Column("x", NullType, nullable=False))
    with pytest.raises(ModelError, match=r"'NULL' of column 'x' of table 's'"):
        emitter(strict=True).emit(strange)
    asked = []
    emitter(strict=True, unknown=lambda column: asked.append(column) or Point).emit(strange)
    assert [strange.c.x] == asked
    with pytest.warns(UnknownTypeWarning, match="column 'x' of table 's'"):
        emitter().emit(strange)
    with pytest.raises(TypeError, match="types=3 is not a mapping"):
        emitter(types=3)
    with pytest.raises(TypeError, match="unknown=3 is not callable"):
        emitter(unknown=3)


# -- Primary keys


@pytest.fixture
def keyless(db: Database) -> Any:
    """An accessor of a table without a primary key, and of a view."""
    db.execute(
        "CREATE TABLE log (line INTEGER NOT NULL, part INTEGER NOT NULL, said VARCHAR(20))",
        "INSERT INTO log VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 1, NULL)",
        "CREATE VIEW said AS SELECT line, part, said FROM log WHERE said IS NOT NULL",
        "CREATE TABLE other (code INTEGER NOT NULL UNIQUE, line INTEGER NOT NULL)",
        "CREATE TABLE loose (line INTEGER)",
    )
    return get_lazy_class(db.engine)


@pytest.mark.parametrize("key", ["a, b", "a, b, c"])
def test_a_key_whose_columns_refer_to_one_another(db: Database, kind: str, key: str) -> None:
    """Rows of a table whose primary key has foreign keys in a circle are told apart by all columns of the key."""
    db.execute(
        "CREATE TABLE ring (a INTEGER NOT NULL UNIQUE, b INTEGER NOT NULL UNIQUE, c INTEGER NOT NULL, "
        f"PRIMARY KEY ({key}), FOREIGN KEY (a) REFERENCES ring (b), FOREIGN KEY (b) REFERENCES ring (a))",
        *(["SET foreign_key_checks = 0"] if db.is_mariadb else []),  # it checks each column as it is stored
        "INSERT INTO ring VALUES (1, 1, 5)",
        "INSERT INTO ring VALUES (2, 2, 5)",
    )
    ring = make(get_lazy_class(db.engine).ring, kind)
    assert key.split(", ") == [column.name for column in inspect(ring).primary_key]
    with Session(db.engine) as session:
        found = session.scalars(select(ring).order_by(ring.a)).all()
        assert [1, 2] == [one.a for one in found]
        assert found[1] is session.get(ring, (2, 2, 5)[: len(key.split(", "))])


@pytest.mark.parametrize("name", ["log", "said"])
def test_a_key_that_is_named(db: Database, keyless: Any, kind: str, name: str) -> None:
    """A view, or a table without a primary key, has a class whose rows the named columns tell apart."""
    table = keyless[name]
    line = make(table, kind, primary_key=("line", "part"))
    assert line is make(table, kind, primary_key=["line", "part"])
    assert line is make(table, kind, primary_key={table: ("line", "part")})
    assert line.__table__ is table
    assert [] == list(table.primary_key.columns)
    with Session(db.engine) as session:
        found = session.get(line, (1, 2))
        assert (1, 2, "b") == (found.line, found.part, found.said)
        assert found is session.scalars(select(line).where(line.said == "b")).one()
        if name == "log":
            found.said = "c"
            session.add(line(line=3, part=1))
            session.delete(session.get(line, (1, 1)))
            session.commit()
            assert [(1, 2, "c"), (2, 1, None), (3, 1, None)] == db.fetch("SELECT * FROM log ORDER BY line")


def test_a_missing_key(keyless: Any, kind: str) -> None:
    """The error names the columns and says what to write, where it knows: a unique key where there is one."""
    call = KINDS[kind]
    for name, said in [
        ("log", f"{call}(primary_key=('line', 'part')); its columns are 'line', 'part', 'said'"),
        ("said", f"{call}(primary_key=('...',)); its columns are 'line', 'part', 'said'"),
        ("other", f"{call}(primary_key=('code',)); its columns are 'code', 'line'"),
        ("loose", "All of its columns may be NULL, so none of them can be a key: read its rows with as_pydantic()"),
    ]:
        with pytest.raises(ModelError, match=re.escape(said)) as caught:
            make(keyless[name], kind)
        assert str(caught.value).startswith(f"'{name}' has no primary key, which a mapped class needs")


def test_a_key_that_cannot_be(db: Database, keyless: Any, kind: str) -> None:
    """What is not a column, may be NULL, is there twice, or comes beside the table's own key is refused."""
    db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL)")
    for name, key, said in [
        ("log", ("line", "lime"), r"'log' has no column 'lime'. Its columns are 'line', 'part', 'said'"),
        ("log", ("line", "said"), r"column 'said' of 'log' may be NULL"),
        ("log", ("line", "line"), r"names a column twice"),
        ("log", "line", r"takes the names of columns, such as primary_key=\('line',\), not 'line'"),
        ("log", 3, r"takes the names of columns, such as primary_key=\(\"id\", \"line\"\), not 3"),
        ("log", (3,), r"takes the names of columns"),
        ("users", ("name",), r"'users' has the primary key 'id': omit primary_key="),
    ]:
        with pytest.raises(ModelError, match=said):
            make(keyless[name], kind, primary_key=key)
    assert make(keyless.users, kind, primary_key=["id"])


def test_a_named_key_is_required(keyless: Any) -> None:
    """A view's columns may all be NULL for what the database knows; those of the key are not."""
    line = make(keyless.said, "sqlmodel", primary_key=("line", "part"))
    assert [True, True, False] == [field.is_required() for field in line.model_fields.values()]


def test_a_key_in_a_group(db: Database, kind: str) -> None:
    """Tables without a primary key are related like others, their keys named in a mapping."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]})",
        "CREATE TABLE visits (at INTEGER NOT NULL, user_id INTEGER NOT NULL,"
        " FOREIGN KEY (user_id) REFERENCES users (id))",
    )
    lazy = get_lazy_class(db.engine)
    keys = {lazy.visits: ("at", "user_id")}
    user = make(lazy.users, kind, relationships=[lazy.visits], primary_key=keys)
    visit = make(lazy.visits, kind, relationships=[lazy.users], primary_key=("at", "user_id"))
    assert visit is user.visits.property.mapper.class_
    said = (
        rf"'visits' has no primary key.*{KINDS[kind]}\(relationships=..., primary_key={{visits: \('at', 'user_id'\)}}\)"
    )
    with pytest.raises(ModelError, match=said):
        make(lazy.users, kind, relationships=[lazy.visits])
    with Session(db.engine) as session:
        session.add(user(visits=[visit(at=1), visit(at=2)]))
        session.commit()
        assert [1, 2] == sorted(one.at for one in session.get(user, 1).visits)


# -- Life


def test_the_same_call_gives_the_same_class(db: Database, users: CustomTable, kind: str) -> None:
    """No call sends anything, and the second gives what the first has given, whatever the options."""
    group = (users,)
    with count_queries(warm(db.engine)) as sent:
        for options in ({}, {"base": BASES[kind]}, {"relationships": group}, {"primary_key": ("id",)}):
            first = make(users, kind, **options)
            assert all(first is make(users, kind, **options) for _ in range(3))
    assert 0 == sent.count
    emitter = {"orm": ORMEmitter, "sqlmodel": SQLModelEmitter}[kind]
    assert make(users, kind) is users.emit(emitter())
    assert emitter(base=BASES[kind]) == emitter(base=BASES[kind]) != emitter()
    assert hash(emitter(primary_key=["id"])) == hash(emitter(primary_key=("id",)))
    assert emitter.__name__ in repr(emitter(primary_key=["id"]))


def test_the_same_call_makes_no_emitter(users: CustomTable, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emitter takes longer to make than the second call may take, also where its options are in a list or a set."""
    calls = [{"relationships": [users]}, {"relationships": {users}}, {"primary_key": ["id"]}, {}]
    first = [make(users, kind, **options) for options in calls]
    monkeypatch.setattr("lazy_alchemy.emitters._mapped.mapping.MappedEmitter.__post_init__", None)
    assert first == [make(users, kind, **options) for options in calls]


def test_kinds_do_not_meet(users: CustomTable) -> None:
    """SQLModel and plain classes of one table are made beside each other."""
    assert ORMEmitter() != SQLModelEmitter()
    assert users.as_orm() is not users.as_sqlmodel()
    other = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    assert ORMEmitter().emit(other).__table__ is other


def test_a_table_that_changed_after_its_time_to_live(db: Database, kind: str) -> None:
    """Old classes keep working on the old shape, and the next call gives a new one."""
    db.execute(f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, name VARCHAR(9))")
    lazy = get_lazy_class(db.engine, cache_ttl=0)
    old = make(lazy.users, kind)
    assert old is make(lazy.users, kind)
    db.execute("ALTER TABLE users ADD COLUMN added INTEGER")
    new = make(lazy.users, kind)
    assert new is not old
    for cls, values in ((old, {"name": "a"}), (new, {"name": "b", "added": 1}), (old, {"name": "c"})):
        with Session(db.engine) as session:
            session.add(cls(**values))
            session.commit()
            assert values["name"] == session.scalars(select(cls.name).order_by(cls.id.desc())).first()
    assert "added" not in inspect(old).attrs


def test_two_databases(db: Database, kind: str) -> None:
    """Tables of one name in two databases have classes that know nothing of each other."""
    elsewhere = create_engine("sqlite://")
    with elsewhere.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, there INTEGER)")
    db.execute(f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, here INTEGER)")
    classes = {engine: make(get_lazy_class(engine).users, kind) for engine in (db.engine, elsewhere)}
    for (engine, user), values in zip(classes.items(), ({"here": 5}, {"there": 6}), strict=True):
        with Session(engine) as session:
            session.add(user(**values))
            session.commit()
            assert [*values.values()] == list(session.scalars(select(getattr(user, next(iter(values))))))
    elsewhere.dispose()
