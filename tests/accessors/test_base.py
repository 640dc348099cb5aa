"""Accessors that users subclass, and what they pass to them by mistake."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from lazy_alchemy import LazyDB, get_lazy_class

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tests.databases import Database


def test_something_else_than_a_connection_is_named(sqlite_db: Database) -> None:
    """A Session passed as `connection=` is a TypeError that says what to pass instead."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(sqlite_db.engine)
    given: Any
    with Session(sqlite_db.engine) as given, pytest.raises(TypeError, match=r"Session: pass session\.connection\(\)"):
        db.get("t", connection=given)
    with pytest.raises(TypeError, match=r"Engine: pass what engine\.connect\(\) returns"):
        db.preload("t", connection=sqlite_db.engine)  # type: ignore[arg-type]


def test_name_that_is_not_hashable(sqlite_db: Database) -> None:
    """A name that is a list is a TypeError that says what a name is."""
    db = get_lazy_class(sqlite_db.engine)
    name: Any = []
    with pytest.raises(TypeError, match="the name of a table must be a str, not list"):
        db[name]


def test_invalidating_unknown_names_takes_a_bounded_memory(sqlite_db: Database) -> None:
    """Names that are not loaded can be invalidated for ever, and a loaded table is still the same object after."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(sqlite_db.engine)
    table = db.t

    def kept() -> int:
        tracemalloc.start()
        for number in range(30_000):
            db.invalidate(f"unknown {number}")
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert kept() < 4_000_000
    assert db.t is table


def test_an_attribute_of_the_users_own_stays(sqlite_db: Database) -> None:
    """What a subclass keeps in an attribute is still there when a table of that name is loaded, or checked."""
    sqlite_db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")

    class Shop(LazyDB):
        def __init__(self, engine: Engine) -> None:
            super().__init__(engine)
            self._own = self.__dict__["items"] = ["mine"]

    shop = Shop(sqlite_db.engine)
    assert "items" == shop["items"].name
    assert shop.items is shop._own
    shop.invalidate("items")
    assert "items" == shop["items"].name
    assert shop.items is shop._own


def test_accessors_that_are_equal_are_all_told(sqlite_db: Database) -> None:
    """A subclass whose instances are equal, and cannot be hashed, hears of a change like any other."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

    class Equal(LazyDB):  # noqa: PLW1641 - that is the point
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    accessors = [Equal(sqlite_db.engine), Equal(sqlite_db.engine)]
    assert accessors[0].t is accessors[1].t
    sqlite_db.execute("ALTER TABLE t ADD COLUMN a INTEGER")
    get_lazy_class(sqlite_db.engine).invalidate("t")
    assert [["id", "a"]] * 2 == [accessor.t.c.keys() for accessor in accessors]


def test_what_is_used_before_init_says_so(sqlite_db: Database) -> None:
    """A subclass that uses a table before it has called LazyDB's __init__ is told to call it."""

    class Early(LazyDB):
        def __init__(self, engine: Engine) -> None:
            self.t  # noqa: B018
            super().__init__(engine)

    with pytest.raises(AttributeError, match=r"no 't' yet: call super\(\).__init__"):
        Early(sqlite_db.engine)
