from __future__ import annotations

import asyncio
import gc
import warnings
import weakref
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, Integer, MetaData, Table, null
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, select

from lazy_alchemy._errors import LazyAlchemyError, ModelError
from lazy_alchemy.emitters import ORMEmitter, PydanticEmitter, SQLModelEmitter
from tests.databases import count_queries
from tests.emitters.fields.test_names import NAMES

from . import load
from .test_pydantic import AUTOINCREMENT

if TYPE_CHECKING:
    from tests.databases import Database

JSON_TYPE = {"sqlite": "JSON", "postgresql": "JSONB", "mariadb": "JSON"}
UUID_KEY = {
    "sqlite": "CHAR(32) PRIMARY KEY DEFAULT (lower(hex(randomblob(16))))",
    "postgresql": "UUID PRIMARY KEY DEFAULT gen_random_uuid()",
    "mariadb": "UUID PRIMARY KEY DEFAULT uuid()",
}


def emit(table: Table) -> Any:
    """Emit a class, as Any: no checker knows what attributes it has."""
    return SQLModelEmitter().emit(table)


@pytest.fixture
def users(db: Database) -> Table:
    """A table of which the database fills in the most."""
    db.execute(
        f"CREATE TABLE users (id {AUTOINCREMENT[db.name]}, name VARCHAR(20) NOT NULL,"
        " made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, level INTEGER DEFAULT 1,"
        " active BOOLEAN NOT NULL DEFAULT true, twice INTEGER GENERATED ALWAYS AS (level * 2) STORED)"
    )
    return load(db, "users")


def test_a_class_is_mapped_onto_the_table_itself(db: Database, users: Table) -> None:
    """The class's table is the reflected one, so that ORM and Core expressions mix in one statement."""
    user = emit(users)
    assert issubclass(user, SQLModel)
    assert user.__table__ is users
    with Session(db.engine) as session:
        session.add_all([user(name="ann"), user(name="bob")])
        session.commit()
        query = select(user).where(users.c.name == "bob").order_by(user.id, users.c.id)
        assert ["bob"] == [found.name for found in session.exec(query)]


def test_create_read_update_delete(db: Database, users: Table) -> None:
    """An instance is added, committed, refreshed, got, selected, changed and deleted like any other."""
    user = emit(users)
    with Session(db.engine) as session:
        ann = user(name="ann")
        session.add(ann)
        session.commit()
        session.refresh(ann)
        ann.name = "anna"
        session.commit()
        assert ann is session.get(user, ann.id)
        assert ann is session.exec(select(user).where(user.name == "anna")).one()
        session.delete(ann)
        session.commit()
        assert session.get(user, 1) is None


def test_what_the_database_fills_in_need_not_be_given(db: Database, users: Table) -> None:
    """Keys, defaults, also of NOT NULL columns, and computed columns are left out of an INSERT while they are None."""
    user = emit(users)
    with Session(db.engine) as session:
        for one in (user(name="ann"), user(name="bob", id=None, made=None, level=None, active=None, twice=None)):
            session.add(one)
            session.commit()
            session.refresh(one)
            assert one.id is not None
            assert one.made is not None
            assert (1, True, 2) == (one.level, one.active, one.twice)
        eve = user(name="eve", level=null())
        session.add(eve)
        session.commit()
        assert eve.level is None


def test_new_rows_are_flushed_together(db: Database, users: Table) -> None:
    """Rows added at once get their keys in order, some of them given, and what the database computes is not copied."""
    user = emit(users)
    with Session(db.engine) as session:
        session.add_all([user(name="ann"), user(name="bob"), user(name="eve", id=7), user(name="joe")])
        session.commit()
        rows = session.exec(select(user).order_by(user.id)).all()
        assert [(1, "ann"), (2, "bob")] == [(row.id, row.name) for row in rows[:2]]
        assert {"eve": 7}.items() <= {row.name: row.id for row in rows}.items()
        copy = user.model_validate(rows[0].model_dump(exclude={"id"}))
        session.add(copy)
        session.commit()
        assert (rows[0].made, 2) == (copy.made, copy.twice)


def test_a_failed_flush_can_be_repeated(db: Database, users: Table) -> None:
    """An instance whose INSERT failed is added again once the session was rolled back."""
    user = emit(users)
    with Session(db.engine) as session:
        bad = user(name=None)
        session.add(bad)
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        bad.name = "ann"
        session.add(bad)
        session.commit()
        assert isinstance(bad.id, int)


def test_a_boolean_is_a_bool(db: Database, users: Table) -> None:
    """BOOLEAN gives bools on every database, after loading, refreshing and flushing, and dumps without a warning."""
    user = emit(users)
    with Session(db.engine) as session:
        session.add_all([user(name="ann"), user(name="bob", active=False)])
        session.commit()
    with Session(db.engine) as session:
        ann, bob = session.exec(select(user).order_by(user.id)).all()
        assert [True, False] == [ann.active, bob.active]
        assert bool is type(ann.active)
        assert not session.dirty
        session.refresh(bob)
        assert bob.active is False
        assert '"active":false' in bob.model_dump_json()
        session.commit()
        assert ann.active is True


def test_a_number_in_a_mysql_boolean_is_not_lost(mariadb_db: Database) -> None:
    """A tinyint(1) that holds more than 0 and 1 gives the number."""
    mariadb_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, flag TINYINT(1))", "INSERT INTO t VALUES (1, 7)")
    with Session(mariadb_db.engine) as session:
        assert 7 == session.get(emit(load(mariadb_db, "t")), 1).flag


def test_none_in_json_means_not_given(db: Database) -> None:
    """A None leaves a JSON column to its default or NULL as any other; JSON.NULL writes the document null."""
    json = JSON_TYPE[db.name]
    db.execute(
        f"CREATE TABLE docs (id {AUTOINCREMENT[db.name]}, body {json}, tags {json} DEFAULT '[]',"
        f" options {json} NOT NULL DEFAULT '{{}}')"
    )
    doc = emit(load(db, "docs"))
    with Session(db.engine) as session:
        for one in (doc(), doc(body=None, tags=None, options=None), doc.model_validate({})):
            session.add(one)
            session.flush()
            assert one.body is None
            assert ([], {}) == (one.tags, one.options) or ("[]", "{}") == (one.tags, one.options)
        if not db.is_mariadb:  # whose JSON is text
            session.add(doc(body=JSON.NULL, tags=[None], options={"a": 1}))
        session.commit()
    assert [3] == [count for (count,) in db.fetch("SELECT count(*) FROM docs WHERE body IS NULL")]
    if not db.is_mariadb:
        with Session(db.engine) as session:
            last = session.get(doc, 4)
            assert (None, [None], {"a": 1}) == (last.body, last.tags, last.options)


@pytest.mark.parametrize("kind", ["sqlmodel", "orm"])
def test_none_in_json_on_update_means_null(db: Database, kind: str) -> None:
    """A None that is assigned to a JSON column which may be NULL writes NULL, and is there without another query."""
    db.execute(
        f"CREATE TABLE docs (id {AUTOINCREMENT[db.name]}, body {JSON_TYPE[db.name]},"
        f" must {JSON_TYPE[db.name]} NOT NULL)"
    )
    table = load(db, "docs")
    doc: Any = emit(table) if kind == "sqlmodel" else ORMEmitter().emit(table)
    text = "null" if db.is_mariadb else None
    with Session(db.engine, expire_on_commit=False) as session:
        one = doc(body="{}", must="{}")
        session.add_all([one, doc(must="{}")])
        session.commit()
        one.body, one.must = None, text
        with count_queries(db.engine) as sent:
            session.commit()
            assert one.body is None
        assert 1 == sent.count
        one.body = one.body
        with count_queries(db.engine) as sent:
            session.commit()
        assert 0 == sent.count
        if not db.is_mariadb:
            one.body = JSON.NULL
            session.commit()
            assert [(1,)] == db.fetch("SELECT count(*) FROM docs WHERE body IS NULL")
            one.body = None
            session.commit()
    assert [(2,)] == db.fetch("SELECT count(*) FROM docs WHERE body IS NULL")
    assert [("null",)] == db.fetch("SELECT CAST(must AS CHAR(4)) FROM docs WHERE id = 1")


@pytest.mark.parametrize("kind", ["sqlmodel", "orm"])
def test_none_in_json_on_insert_is_there_at_once(db: Database, kind: str) -> None:
    """After a flush a None that was left out is still there, without another query: async code could not send one."""
    db.execute(f"CREATE TABLE docs (id {AUTOINCREMENT[db.name]}, body {JSON_TYPE[db.name]})")
    table = load(db, "docs")
    doc: Any = emit(table) if kind == "sqlmodel" else ORMEmitter().emit(table)
    with Session(db.engine) as session:
        one = doc(body=None)
        session.add(one)
        session.flush()
        with count_queries(db.engine) as sent:
            assert one.body is None
        assert 0 == sent.count


def test_a_required_json_column_takes_none_as_a_document(db: Database) -> None:
    """Where NULL cannot be and nothing fills it in, a None is the JSON document null."""
    db.execute(f"CREATE TABLE docs (id {AUTOINCREMENT[db.name]}, body {JSON_TYPE[db.name]} NOT NULL)")
    doc = emit(load(db, "docs"))
    with Session(db.engine) as session:
        session.add(doc(body="null" if db.is_mariadb else None))
        session.commit()
    assert [("null",)] == db.fetch("SELECT CAST(body AS CHAR(4)) FROM docs")


def test_a_key_with_a_default_is_known_after_a_flush(db: Database) -> None:
    """A UUID that the database makes up is there once the INSERT was sent."""
    db.execute(f"CREATE TABLE t (id {UUID_KEY[db.name]}, name VARCHAR(5) NOT NULL)")
    thing = emit(load(db, "t"))
    with Session(db.engine) as session:
        one = thing(name="x")
        session.add(one)
        session.flush()
        assert isinstance(one.id, str if db.is_sqlite else UUID)
        assert one is session.get(thing, one.id)


def test_an_identity_that_is_generated_always_is_not_sent(postgresql_db: Database) -> None:
    """GENERATED ALWAYS AS IDENTITY is left to the database."""
    postgresql_db.execute("CREATE TABLE t (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n INTEGER)")
    thing = emit(load(postgresql_db, "t"))
    with Session(postgresql_db.engine) as session:
        one = thing(n=1)
        session.add(one)
        session.commit()
        assert 1 == one.id


def test_foreign_keys_whose_parents_were_never_loaded(db: Database) -> None:
    """Composite keys and foreign keys, a self-reference among them, flush while the parents are not loaded."""
    db.execute(
        "CREATE TABLE parents (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
        "INSERT INTO parents VALUES (1, 2)",
        "CREATE TABLE children (id INTEGER, part INTEGER, a INTEGER NOT NULL, b INTEGER NOT NULL, up INTEGER,"
        " upper INTEGER, PRIMARY KEY (id, part), FOREIGN KEY (a, b) REFERENCES parents (a, b),"
        " FOREIGN KEY (up, upper) REFERENCES children (id, part))",
    )
    table = load(db, "children")
    assert ["children"] == list(table.metadata.tables)
    child = emit(table)
    with Session(db.engine) as session:
        session.add(child(id=1, part=1, a=1, b=2))
        session.flush()
        session.add(child(id=2, part=1, a=1, b=2, up=1, upper=1))
        session.commit()
        found = session.get(child, (2, 1))
        found.up = found.upper = None
        session.commit()
        session.delete(found)
        session.commit()
    parent = emit(load(db, "parents", table.metadata))
    for constraint in table.foreign_key_constraints:
        constraint.use_alter = False
    with Session(db.engine) as session:
        assert 1 == len(session.exec(select(parent, child).join(child.__table__)).all())


def test_any_column_name_of_a_real_table(db: Database) -> None:
    """Columns that cannot be fields of their name are given by the column's or the field's, and read back by both."""
    names = ["metadata", "class", "model_x", "model_config", "registry", "_private", "a b", "self", "cls", "data", "2"]
    columns = ", ".join(f"{db.quote(name)} INTEGER" for name in names)
    db.execute(f"CREATE TABLE odd (id {AUTOINCREMENT[db.name]}, {columns})")
    table = load(db, "odd")
    odd = emit(table)
    values = {name: number for number, name in enumerate(names)}
    by_field = {field: values[name] for field, name in zip(list(odd.model_fields)[1:], names, strict=True)}
    with Session(db.engine) as session:
        session.add_all([odd(**values), odd(**by_field), odd.model_validate(values), odd.model_validate(by_field)])
        session.commit()
        for found in session.exec(select(odd).where(odd.metadata_ == 0, odd.class_ == table.c["class"])):
            assert {"id": found.id, **values} == found.model_dump(by_alias=True)
            row = PydanticEmitter().emit(table).model_validate(found)
            assert {"id": found.id, **values} == row.model_dump(by_alias=True)
            assert values == odd.model_validate(row).model_dump(by_alias=True, exclude={"id"})
        assert 4 == found.id


@given(st.lists(NAMES, unique=True, min_size=1, max_size=5))
def test_any_column_name_makes_a_class(names: list[str]) -> None:
    """Whatever the columns are called, the class is mapped without a warning and takes values by column name."""
    values: dict[str, Any] = {name: number for number, name in enumerate(names)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = emit(Table("t", MetaData(), *(Column(name, Integer, primary_key=True) for name in names)))
        assert values == model(**values).model_dump(by_alias=True)
        assert values == model.model_validate(values).model_dump(by_alias=True)


def test_postgresql_types(postgresql_db: Database) -> None:
    """Enums, arrays and JSONB are written and read back as what the model says."""
    postgresql_db.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE t (id SERIAL PRIMARY KEY, mood mood NOT NULL DEFAULT 'ok', moods mood[],"
        " numbers INTEGER[], j JSONB)",
    )
    thing = emit(load(postgresql_db, "t"))
    given = {"mood": "sad", "moods": ["ok", "sad"], "numbers": [1, 2], "j": {"a": [None]}}
    with Session(postgresql_db.engine) as session:
        session.add_all([thing(**given), thing()])
        session.commit()
        first, second = session.exec(select(thing).order_by(thing.id)).all()
        assert given == first.model_dump(exclude={"id"})
        assert {"mood": "ok", "moods": None, "numbers": None, "j": None} == second.model_dump(exclude={"id"})


def test_a_table_without_a_primary_key_is_refused(db: Database) -> None:
    """A view, or a table without a key, is a ModelError that names it and says what to do."""
    db.execute("CREATE TABLE t (a INTEGER)", "CREATE VIEW v AS SELECT a FROM t")
    for name in ("t", "v"):
        with pytest.raises(ModelError, match=rf"'{name}' has no primary key.*as_pydantic\(\)") as caught:
            emit(load(db, name))
        assert isinstance(caught.value, LazyAlchemyError)


def test_classes_of_one_name_do_not_meet(users: Table) -> None:
    """Classes of one table, and of tables with one name, are made beside each other without a warning."""
    other = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    elsewhere = Table("users", users.metadata, Column("id", Integer, primary_key=True), schema="elsewhere")
    classes = [emit(table) for table in (users, users, other, elsewhere)]
    assert ["Users"] * 4 == [cls.__name__ for cls in classes]
    assert [users, users, other, elsewhere] == [cls.__table__ for cls in classes]
    assert all(cls.__mapper__.configured or cls() is not None for cls in classes)


def test_a_class_goes_when_nobody_holds_it() -> None:
    """Neither the table, its MetaData nor an emitter keeps an emitted class alive."""
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("j", JSON))
    model = emit(table)
    model()
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_fastapi_answers_with_the_class(db: Database, users: Table) -> None:
    """The class is a response model, and the insert shape a body; OpenAPI names the columns."""
    user = emit(users)
    body = PydanticEmitter(shape="insert").emit(users)
    app = FastAPI()

    def create(given: Any) -> Any:
        with Session(db.engine) as session:
            one = user(**given.model_dump(exclude_unset=True))
            session.add(one)
            session.commit()
            session.refresh(one)
            return one

    create.__annotations__["given"] = body
    app.post("/users", response_model=user)(create)

    async def ask(*bodies: object) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.post("/users", json=body) for body in bodies]

    good, null_name, no_object = asyncio.run(ask({"name": "ann"}, {"name": None}, []))
    assert [200, 422, 422] == [good.status_code, null_name.status_code, no_object.status_code]
    expected = {"id": 1, "name": "ann", "level": 1, "active": True, "twice": 2}
    assert expected == {name: value for name, value in good.json().items() if name != "made"}
    schemas = app.openapi()["components"]["schemas"]
    assert {*expected, "made"} == set(schemas["Users"]["properties"])
    assert ["name"] == schemas["UsersInsert"]["required"]


def test_emitters_are_equal() -> None:
    """An emitter is a value, so it can be a key."""
    assert {SQLModelEmitter()} == {SQLModelEmitter(), SQLModelEmitter()}
