"""An accessor whose tables expire has a class for itself: what of that may show, and what may not."""

from __future__ import annotations

import copy
import gc
import weakref
from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from unittest import mock

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from lazy_alchemy import LazyDB, LazyDBMeta, LazyTable, TableNotFoundError, get_lazy_class

from .fakes import Clock, FakeReflector, info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

_T = TypeVar("_T")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for reflectors that do not ask it anything."""
    engine = create_engine("sqlite://", poolclass=NullPool)
    yield engine
    engine.dispose()


class Plain(LazyDB):
    """A class that declares a table."""

    a: LazyTable  # type: ignore[type-arg]

    def greet(self) -> str:
        """Return a greeting."""
        return "hello"


class Loud(Plain):
    """One that calls what it overrides."""

    def greet(self) -> str:
        """Return a louder one."""
        return super().greet().upper()


class WithSlots(Plain):
    """One with slots of its own."""

    __slots__ = ("slot",)


class Of(Plain, Generic[_T]):
    """One with a type parameter, whose base has an ``__init_subclass__``."""


class Strict(Plain):
    """One whose subclasses must say something."""

    def __init_subclass__(cls, *, region: str) -> None:
        cls.region = region


class _Abstract(LazyDBMeta, ABCMeta):
    pass


class Greeter(metaclass=ABCMeta):
    """An abstract class."""

    @abstractmethod
    def greet(self) -> str:
        """Return a greeting."""


class Concrete(Plain, Greeter, metaclass=_Abstract):
    """One of an abstract base."""


@pytest.mark.parametrize("class_", [LazyDB, Plain, Loud, WithSlots, Of, Of[int], Strict, Concrete])
def test_every_class_expires(engine: Engine, clock: Clock, class_: Any) -> None:
    """Whatever a class is like, its accessor is an instance of it, does what it does, and its tables expire."""
    fake = FakeReflector(info("a"))
    db = class_(engine, cache_ttl=10, reflector=fake)
    of = getattr(class_, "__origin__", class_)
    assert isinstance(db, of)
    assert (of.__name__, of.__qualname__, of.__module__, of.__doc__) == (
        type(db).__name__,
        type(db).__qualname__,
        type(db).__module__,
        type(db).__doc__,
    )
    assert repr(db).startswith(f"<{of.__name__} of sqlite")
    assert list(db.a.c.keys()) == ["id"]
    assert db.a is db.a
    fake.put(info("a", "new"))
    clock.now += 9
    assert list(db.a.c.keys()) == ["id"]
    clock.now += 1
    assert list(db.a.c.keys()) == ["id", "new"]
    assert LazyDB not in LazyDB.registry.values()
    assert LazyDB.registry.get(f"{of.__module__}.{of.__qualname__}") in {None, of}
    if isinstance(db, Loud):
        assert db.greet() == "HELLO"
    if isinstance(db, WithSlots):
        db.slot = 1
        assert db.slot == 1


def test_tables_are_the_accessors_own(engine: Engine, clock: Clock) -> None:
    """What one accessor has loaded, another of its class neither has nor shows."""
    one = get_lazy_class(engine, cache_ttl=10, reflector=FakeReflector(info("a")))
    other = get_lazy_class(engine, cache_ttl=10, reflector=FakeReflector(info("b")))
    assert one.a.name == "a"
    assert other.b.name == "b"
    assert {"a", "b"} & set(dir(one)) == {"a"}
    assert {"a", "b"} & set(dir(other)) == {"b"}
    with pytest.raises(TableNotFoundError):
        one.b  # noqa: B018
    assert clock.now == 1000


def test_a_table_that_is_gone_is_not_shown(engine: Engine, clock: Clock) -> None:
    """After a table was dropped and missed, it is no attribute any more."""
    fake = FakeReflector(info("a"), info("b"))
    db = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    assert db.a is not db.b
    fake.drop("a")
    clock.now += 10
    with pytest.raises(TableNotFoundError):
        db.a  # noqa: B018
    assert {"a", "b"} & set(dir(db)) == {"b"}


@pytest.mark.parametrize("loaded", [False, True])
def test_what_the_user_puts_there_stays(engine: Engine, clock: Clock, loaded: bool) -> None:
    """An attribute that is assigned hides the table of its name, until it is deleted."""
    fake = FakeReflector(info("a"))
    db: Any = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    if loaded:
        assert db.a.name == "a"
    db.a = "mine"
    assert db.a == "mine"
    assert "a" in dir(db)
    assert db.get("a").name == "a"
    clock.now += 10
    assert db.get("a").name == "a"
    assert db.a == "mine"
    del db.a
    assert db.a is db.get("a")
    fake.put(info("a", "new"))
    clock.now += 10
    assert list(db.a.c.keys()) == ["id", "new"]
    with pytest.raises(AttributeError):
        del db.a


def test_a_patch_is_undone(engine: Engine, clock: Clock) -> None:
    """``mock.patch.object`` puts something there for the length of a block."""
    db = get_lazy_class(engine, cache_ttl=10, reflector=FakeReflector(info("a")))
    table = db.a
    with mock.patch.object(db, "a", "mine"):
        assert db.a == "mine"
    assert db.a is table
    clock.now += 10
    assert db.a is table


def test_more_tables_than_a_class_can_have(engine: Engine, clock: Clock) -> None:
    """However many there are, all are found and all expire."""
    names = [f"t{number}" for number in range(700)]
    fake = FakeReflector(*map(info, names))
    db = get_lazy_class(engine, cache_ttl=10, reflector=fake)
    db.preload(*names)
    assert [getattr(db, name).name for name in names] == names
    fake.put(*(info(name, "new") for name in names))
    clock.now += 10
    assert all("new" in getattr(db, name).c for name in names)


def test_a_copy_has_its_own(engine: Engine, clock: Clock) -> None:
    """What is assigned to a copy is not the original's, and both find their tables."""
    db: Any = Plain(engine, cache_ttl=10, reflector=FakeReflector(info("a"), info("b")))
    assert db.b.name == "b"
    other = copy.copy(copy.copy(db))
    assert isinstance(other, Plain)
    assert other.b is db.b
    other.b = "mine"
    clock.now += 10
    assert (other.b, db.b.name) == ("mine", "b")
    assert type(other).__mro__[1] is type(db).__mro__[1] is Plain


def test_it_goes_with_its_accessor(engine: Engine) -> None:
    """The class is gone when the accessor is."""
    db = Plain(engine, cache_ttl=10, reflector=FakeReflector(info("a")))
    assert db.a.name == "a"
    class_ = weakref.ref(type(db))
    assert class_() is not Plain
    del db
    gc.collect()
    assert class_() is None
    assert Plain.__subclasses__() == [Loud, WithSlots, Of, Strict, Concrete]


def test_without_a_ttl_there_is_none(engine: Engine) -> None:
    """An accessor whose tables do not expire is of the class itself."""
    assert type(Plain(engine)) is Plain
    assert type(get_lazy_class(engine)) is LazyDB
