"""Listeners for "column_reflect": what they make of a column is what SQLAlchemy would make of it."""

from __future__ import annotations

import pickle
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import MetaData, String, Table, TypeDecorator, event, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

from lazy_alchemy import ReflectionError, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector, PostgresReflector
from tests import schemas
from tests.databases import count_queries
from tests.oracle import assert_equal

from .test_inspector import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Inspector

    from lazy_alchemy import Reflector
    from tests.databases import Database

TABLES = (
    "CREATE TABLE parents (id INTEGER NOT NULL PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE)",
    """
    CREATE TABLE places (
        id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER DEFAULT 7, name VARCHAR(20), size NUMERIC(5, 2) NOT NULL,
        CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parents (id)
    )
    """,
    "CREATE INDEX ix_places_name ON places (name, parent_id)",
)


class Shape(UserDefinedType[str]):
    """A type with an argument that begins with an underscore, as Geometry of GeoAlchemy2 has one."""

    cache_ok = True

    def __init__(self, srid: int = -1, *, spatial_index: bool = True, _spatial_index_reflected: bool = False) -> None:
        self.srid = srid
        self.spatial_index = spatial_index
        self._spatial_index_reflected = _spatial_index_reflected

    def get_col_spec(self, **_: object) -> str:
        """Return its SQL text."""
        return f"shape({self.srid})"


class Stripped(TypeDecorator[str]):
    """A type that decorates another."""

    impl = String
    cache_ok = True


@contextmanager
def listening(listener: Callable[[Inspector, Table, dict[str, Any]], None]) -> Iterator[None]:
    """Have a listener hear of the columns of all tables, for the length of a block."""
    event.listen(Table, "column_reflect", listener)
    try:
        yield
    finally:
        event.remove(Table, "column_reflect", listener)


def change(inspector: Inspector, table: Table, column: dict[str, Any]) -> None:
    """Change what may be changed, and ask the database something, as GeoAlchemy2 does."""
    column["key"] = f"a_{column['name'].lower()}"
    column["info"] = {"seen_in": table.name}
    if isinstance(column["type"], String):
        column["type"] = Shape(srid=inspector.bind.execute(text("SELECT 4326")).scalar())
        column["type"]._spatial_index_reflected = True
        column["type"].spatial_index = False
        column["comment"] = "a shape"
    elif column["name"] == "size":
        column["type"] = Stripped(30)
        column["nullable"] = True
        column["default"] = "1"
    elif column["name"] == "parent_id":
        column["default"] = None


def reflectors(db: Database) -> list[Reflector]:
    """Return all reflectors for a database."""
    return [InspectorReflector(), *([PostgresReflector()] if db.name == "postgresql" else [])]


def test_tables_equal(db: Database) -> None:
    """Type, key, info, default, comment and nullability are the listener's, and foreign keys find their columns."""
    db.execute(*TABLES)
    for reflector in reflectors(db):
        with listening(change):
            accessor = get_lazy_class(db.engine, reflector=reflector)
            for name in ("places", "parents"):
                theirs = Table(name, MetaData(), autoload_with=db.engine, resolve_fks=False)
                ours = accessor[name]
                assert_equal(ours, theirs)
                assert list(ours.c.keys()) == list(theirs.c.keys())
                assert [column.info for column in ours.c] == [{"seen_in": name}] * len(ours.c)
                assert [column.type.__dict__ for column in ours.c if isinstance(column.type, Shape)] == [
                    {"srid": 4326, "spatial_index": False, "_spatial_index_reflected": True}
                ]
                assert pickle.loads(pickle.dumps(ours.reflected)) == ours.reflected  # noqa: S301 - our own
            join = accessor.places.join(accessor.parents)
            with db.engine.connect() as connection:
                assert connection.execute(select(accessor.places.c.a_id).select_from(join)).all() == []


def test_it_costs_what_the_listener_asks(db: Database) -> None:
    """The statements are the load's and the listener's, and the table is kept: a second use asks nothing."""
    db.execute(*TABLES)
    engine = db.make_engine()
    with count_queries(engine) as plain:
        get_lazy_class(engine.execution_options())["places"]

    def ask(inspector: Inspector, _table: Table, _column: dict[str, Any]) -> None:
        inspector.bind.execute(text("SELECT 1"))

    with listening(ask):
        accessor = get_lazy_class(engine.execution_options())
        with count_queries(engine) as asked:
            accessor["places"]
        assert asked.count == plain.count + 4
        with count_queries(engine) as again:
            accessor["places"]
        assert again.count == 0


def test_a_listener_hears_what_sqlalchemy_says_of_a_column(db: Database) -> None:
    """The facts that a listener hears are those that SQLAlchemy would tell it, SQLite's places in the key included."""
    db.execute(*TABLES, "CREATE TABLE pairs (b INTEGER NOT NULL, c INTEGER, a INTEGER NOT NULL, PRIMARY KEY (a, b))")
    for reflector in reflectors(db):
        for name in ("pairs", "parents"):
            heard: list[dict[str, Any]] = []

            def listen(_inspector: Inspector, _table: Table, column: dict[str, Any], to: Any = heard) -> None:
                to.append({key: value for key, value in column.items() if key in ("name", "nullable", "primary_key")})

            with listening(listen):
                get_lazy_class(db.engine, reflector=reflector)[name]
                ours = heard.copy()
                heard.clear()
                Table(name, MetaData(), autoload_with=db.engine, resolve_fks=False)
            assert ours == heard


def test_a_refresh_finds_no_change(db: Database) -> None:
    """What a listener makes of a table is the same at each check, so the table stays the same object."""
    db.execute(*TABLES)
    with listening(change):
        accessor = get_lazy_class(db.engine.execution_options())
        table = accessor["places"]
        accessor.refresh()
        assert accessor["places"] is table


def test_models_of_what_has_another_key(db: Database) -> None:
    """What is read goes by the names of columns, as rows do, and what is sent by their keys, as statements do."""
    db.execute(*TABLES, "INSERT INTO parents (id, code) VALUES (1, 'x')")

    def rename(_inspector: Inspector, _table: Table, column: dict[str, Any]) -> None:
        column["key"] = f"a {column['name']}"

    with listening(rename):
        accessor = get_lazy_class(db.engine.execution_options())
        parents, places = accessor["parents"], accessor["places"]
    insert, change = parents.as_pydantic_insert()(id=2, code="y"), parents.as_pydantic_partial()(code="z")
    with db.engine.begin() as connection:
        connection.execute(parents.insert(), [insert.model_dump(by_alias=True, exclude_unset=True)])
        of_two = parents.update().where(parents.c["a id"] == 2)
        connection.execute(of_two.values(change.model_dump(by_alias=True, exclude_unset=True)))
        rows = connection.execute(select(parents).order_by(parents.c["a id"])).all()
    for made in (parents.as_pydantic(), parents.as_sqlmodel()):
        read = [made.model_validate(row).model_dump(by_alias=True) for row in rows]
        assert read == [{"id": 1, "code": "x"}, {"id": 2, "code": "z"}]
    place = places.as_orm()
    with Session(db.engine) as session:
        session.add(parents.as_sqlmodel()(id=3, code="w"))
        session.flush()
        session.add(place(id=1, size=1, parent_id=3))
        session.flush()
        assert [(one.id, one.parent_id) for one in session.scalars(select(place))] == [(1, 3)]


def test_everything_survives_a_listener_that_does_nothing(db: Database) -> None:
    """Whatever a column is, it is the same after a listener has heard of it."""
    heard: list[str] = []

    def listen(_inspector: Inspector, table: Table, _column: dict[str, Any]) -> None:
        heard.append(table.name)

    with schemas.created(db) as contents, db.engine.connect() as connection:
        for reflector in reflectors(db):
            reflect = partial(reflector.reflect, connection, contents.of(None), schema=None)
            plain, _ = observed(reflect)
            with listening(listen):
                told, _ = observed(reflect)
            assert told == plain
            assert {name for name, info in plain.items() if info.columns} == set(heard)


def _renaming(_inspector: Inspector, _table: Table, column: dict[str, Any]) -> None:
    column["name"] = column["name"].upper()


def _keeping_objects(_inspector: Inspector, _table: Table, column: dict[str, Any]) -> None:
    column["info"] = {"object": object()}


@pytest.mark.parametrize(
    ("listener", "message"), [(_renaming, r"renamed to 'ID'.*\"key\""), (_keeping_objects, "not plain data")]
)
def test_what_cannot_be_kept(db: Database, listener: Any, message: str) -> None:
    """A listener that renames a column, or puts an object into it, is told so."""
    db.execute(*TABLES)
    with listening(listener), pytest.raises(ReflectionError, match=rf"column 'id' of table 'parents'.*{message}"):
        get_lazy_class(db.engine.execution_options())["parents"]
