from __future__ import annotations

import copy
import inspect
import pickle
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from lazy_alchemy import LazyDB, LazyTable, get_lazy_class
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import Database, QueryCounter


class AppDB(LazyDB):
    a: LazyTable
    b: LazyTable


STATES: dict[str, Callable[[Any], LazyDB]] = {
    "fresh": get_lazy_class,
    "fresh with a ttl": lambda engine: get_lazy_class(engine, cache_ttl=60),
    "loaded": lambda engine: _loaded(get_lazy_class(engine)),
    "loaded with a ttl": lambda engine: _loaded(get_lazy_class(engine, cache_ttl=60)),
    "declared": AppDB,
    "declared and loaded": lambda engine: _loaded(AppDB(engine)),
}


def _loaded(db: LazyDB) -> LazyDB:
    assert ("a", "b") == (db.a.name, db.b.name)
    return db


@pytest.fixture
def tables(db: Database) -> Database:
    """The database with two tables, one of which has a name of the kind that is probed for."""
    db.execute(*(f"CREATE TABLE {db.quote(name)} (id INTEGER PRIMARY KEY)" for name in ("a", "b", "_x", "__len__")))
    return db


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, tables: Database) -> LazyDB:
    """An accessor in each of the states that it may be in."""
    make: Callable[[Any], LazyDB] = STATES[request.param]
    return make(warm(tables.engine))


@pytest.fixture
def queries(state: LazyDB) -> Iterator[QueryCounter]:
    """What is sent from now on; nothing may be."""
    with count_queries(state.engine) as queries:
        yield queries
    assert 0 == queries.count, queries


PROBED = [
    "_x",
    "__x",
    "__len__",
    "__wrapped__",
    "__signature__",
    "__array_interface__",
    "__clause_element__",
    "__html__",
    "__iter__",
    "__getstate__x",
    "_repr_html_",
    "_repr_mimebundle_",
    "_repr_pretty_",
    "_ipython_display_",
    "_ipython_canary_method_should_not_exist_",
    "_sa_instance_state",
    "_mock_methods",
    "__pydantic_core_schema__",
    "__get_pydantic_core_schema__",
    "__deepcopy__x",
    "__fspath__",
    "__await__",
    "__enter__",
    "_pytestfixturefunction",
]


@pytest.mark.usefixtures("queries")
def test_no_dunder_or_underscore_name_asks_the_database(state: LazyDB) -> None:
    """Probing for a dunder or underscore name costs no query and finds nothing, even if a table has that name."""
    for name in set(PROBED) - {"__iter__"}:
        assert not hasattr(state, name), name
        assert getattr(state, name, 7) == 7


@pytest.mark.usefixtures("queries")
def test_a_copy_asks_nothing_and_shares_the_tables(state: LazyDB) -> None:
    """`copy.copy` and `copy.deepcopy` give an accessor of the same engine, with the same tables."""
    for other in (copy.copy(state), copy.deepcopy(state), copy.deepcopy([state])[0]):
        assert type(other) is type(state)
        assert other is not state
        assert (other.engine, other.schema, other.cache_ttl) == (state.engine, state.schema, state.cache_ttl)
        assert other.metadata is state.metadata
        assert other.cache_info() == state.cache_info()


@pytest.mark.usefixtures("queries")
def test_pickling_is_refused(state: LazyDB) -> None:
    """Pickling is a TypeError that says what to send instead."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"cannot be pickled.*URL"):
            pickle.dumps(state, protocol)


@pytest.mark.usefixtures("queries")
def test_inspection_asks_nothing(state: LazyDB) -> None:
    """What `inspect`, `dir`, `repr`, `str`, `bool`, `hash`, `isinstance` and `vars` want to know costs no query."""
    assert inspect.unwrap(state) is state  # type: ignore[arg-type]
    for predicate in (inspect.isfunction, inspect.isawaitable, inspect.iscoroutinefunction, inspect.isclass, callable):
        assert not predicate(state)
    with suppress(TypeError):
        inspect.signature(state)  # type: ignore[arg-type]
    inspect.getdoc(state)
    inspect.getmembers_static(state) if hasattr(inspect, "getmembers_static") else None
    assert {"get", "preload", "engine"} <= set(dir(state))
    assert type(state).__name__ in repr(state)
    assert bool(state)
    assert isinstance(hash(state), int)
    assert state != object()
    assert isinstance(vars(state), dict)
    assert isinstance(state, LazyDB)
    assert not isinstance(state, dict)


@pytest.mark.parametrize(
    "how", [mock.create_autospec, lambda db: mock.Mock(spec=db), lambda db: mock.MagicMock(wraps=db)]
)
@pytest.mark.parametrize("name", [name for name in STATES if name != "declared"])
def test_a_mock_asks_nothing(tables: Database, name: str, how: Callable[[LazyDB], mock.Mock]) -> None:
    """Making a mock of an accessor costs no query: it reads what `dir` lists, and that is loaded."""
    state = STATES[name](warm(tables.engine))
    with count_queries(state.engine) as queries:
        double = how(state)
        assert callable(double.preload)
    assert 0 == queries.count


@pytest.mark.usefixtures("queries")
def test_it_is_neither_a_container_nor_iterable(state: LazyDB) -> None:
    """`in` and `for` are a TypeError, not a search for the tables 0, 1, 2 and so on; there is no len."""
    with pytest.raises(TypeError):
        _ = "a" in state  # type: ignore[operator]
    with pytest.raises(TypeError):
        iter(state)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        list(reversed(state))  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        len(state)  # type: ignore[arg-type]


@pytest.mark.parametrize("ttl", [None, 60])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_notices_what_the_original_does(
    tables: Database, ttl: float | None, duplicate: Callable[[LazyDB], LazyDB]
) -> None:
    """A copy hears of an invalidation as its original does, whichever of the two it came from."""
    original = _loaded(get_lazy_class(tables.engine, cache_ttl=ttl))
    other = duplicate(original)
    assert other.a is original.a
    before = original.a

    tables.execute("ALTER TABLE a ADD COLUMN more INTEGER")
    other.invalidate("a")
    assert ["id", "more"] == original.a.columns.keys()
    assert other.a is original.a
    assert other.a is not before

    tables.execute("ALTER TABLE a ADD COLUMN most INTEGER")
    original.invalidate_all()
    assert ["id", "more", "most"] == other.a.columns.keys()
    assert other.a is original.a


def test_dir_lists_what_is_known(tables: Database) -> None:
    """`dir` lists declared, loaded and listed tables that an attribute can reach, without a query."""
    tables.execute(f"CREATE TABLE {tables.quote('no-name')} (id INTEGER PRIMARY KEY)")
    db = get_lazy_class(warm(tables.engine))
    assert not {"a", "b"} & set(dir(db))
    assert "a" in dir(AppDB(tables.engine))
    assert "a" == db.a.name
    assert "a" in dir(db)
    assert "b" not in dir(db)
    db.list_tables()
    with count_queries(tables.engine) as queries:
        assert {"a", "b"} <= set(dir(db))
        assert not {"no-name", "_x"} & set(dir(db))
    assert 0 == queries.count


def test_the_keys_that_ipython_completes_are_all_names(tables: Database) -> None:
    """`_ipython_key_completions_` lists all tables and views, in one query."""
    tables.execute("CREATE VIEW v AS SELECT id FROM a")
    db = get_lazy_class(warm(tables.engine))
    with count_queries(tables.engine) as queries:
        assert ["__len__", "_x", "a", "b", "v"] == sorted(db._ipython_key_completions_())
    assert 1 == queries.count
