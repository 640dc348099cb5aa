"""A change of a parent changes the foreign keys of its children: these are read again before they are used (I3)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from lazy_alchemy import LazyDB, LazyTable, ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy.caches import MemoryCache
from tests.databases import count_queries, warm
from tests.fakes import Clock, FakeReflector, Started, Watched, info

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lazy_alchemy import CustomTable
    from tests.databases import Database

ORDERS = pytest.mark.parametrize("order", [("p", "kid"), ("kid", "p")], ids="-".join)
HOW = ("invalidate p", "invalidate kid", "invalidate all", "refresh p", "refresh kid", "refresh all")
TTL = ("child older", "child younger")


class Family(LazyDB):
    """A registry that declares the child and not the parent."""

    kid: LazyTable


def create(db: Database) -> None:
    """Create a parent, and a child that refers to a column of it that is no primary key."""
    db.execute(
        "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY, k INTEGER UNIQUE)",
        "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (k))",
    )


def rename(db: Database, old: str = "k", new: str = "k2", table: str = "p") -> None:
    """Rename a column; the database itself changes the foreign keys that refer to it."""
    db.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def tell(lazy: LazyDB, how: str) -> None:
    """Say that something has changed."""
    method, _, what = how.partition(" ")
    if what != "all":
        getattr(lazy, method)(what)
    elif method == "refresh":
        lazy.refresh()
    else:
        lazy.invalidate_all()


def joined(child: CustomTable, parent: CustomTable) -> str:
    """Return the condition on which two tables join."""
    return str(child.join(parent)).partition(" ON ")[2]


def write(lazy: LazyDB, number: int) -> None:
    """Write a row of the child, as its mapped class does."""
    with Session(lazy.engine) as session:
        session.add(lazy.kid.as_orm()(id=number))
        session.commit()
        assert number == session.scalar(select(lazy.kid.c.id).where(lazy.kid.c.id == number))


def relationships(child: CustomTable, parent: CustomTable) -> list[str]:
    """Return the names of the relationships that the child's mapped class has."""
    classes = [table.as_orm(relationships=[child, parent]) for table in (child, parent)]
    return [relation.key for relation in inspect(classes[0]).relationships]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, for everything that reckons with it."""
    return Clock.instead_of_time(monkeypatch)


# -- A column of the parent is renamed


@ORDERS
@pytest.mark.parametrize("how", HOW)
def test_renamed_column_of_a_parent(db: Database, how: str, order: tuple[str, ...]) -> None:
    """Whichever table is said to have changed, and whichever is got first, the child has the new key."""
    create(db)
    lazy = get_lazy_class(warm(db.engine))
    for name in order:
        lazy.get(name)
    old = joined(lazy.kid, lazy.p)
    rename(db)
    tell(lazy, how)
    if how == "invalidate kid":
        lazy.get("kid")  # until then, nobody knows that p has changed
    new = {name: lazy.get(name) for name in order}
    assert "p.k = kid.k" == old
    assert "p.k2 = kid.k" == joined(new["kid"], new["p"])
    assert ["k_row"] == relationships(new["kid"], new["p"])
    write(lazy, 1)
    with count_queries(db.engine) as counted:
        assert new == {name: lazy.get(name) for name in order}
    assert 0 == counted.count


@ORDERS
@pytest.mark.parametrize("how", TTL)
def test_renamed_column_of_a_parent_after_the_ttl(db: Database, how: str, order: tuple[str, ...], clock: Clock) -> None:
    """If only one of the two has expired, its check has the other read as well."""
    create(db)
    lazy = get_lazy_class(db.engine, cache_ttl=10)
    older, younger = ("kid", "p") if how == "child older" else ("p", "kid")
    lazy.get(older)
    clock.now += 6
    lazy.get(younger)
    rename(db)
    clock.now += 5
    lazy.get(older)
    new = {name: lazy.get(name) for name in order}
    assert "p.k2 = kid.k" == joined(new["kid"], new["p"])
    write(lazy, 1)


@ORDERS
def test_first_use_of_the_other_table_after_a_change(db: Database, order: tuple[str, ...]) -> None:
    """A first use that shows that a loaded table has changed has that one read again: got again, it joins."""
    create(db)
    lazy = get_lazy_class(db.engine)
    first, second = order
    old = lazy.get(first)
    rename(db)
    lazy.get(second)
    assert old is not lazy.get(first)
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)


def test_tables_of_before_the_change_go_on(db: Database) -> None:
    """The tables that were replaced still join among themselves."""
    create(db)
    lazy = get_lazy_class(db.engine)
    old = lazy.kid, lazy.p
    rename(db)
    lazy.invalidate("p")
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(*old)
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)


@pytest.mark.parametrize("how", ["invalidate p", "refresh p"])
def test_name_that_changes_in_case_alone(db: Database, how: str) -> None:
    """A column whose new name differs from the old one in capital letters alone counts as another one."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    rename(db, new=db.quote("K"))
    tell(lazy, how)
    assert 'p."K" = kid.k' == joined(lazy.kid, lazy.p)


def test_what_a_renamed_column_costs(db: Database) -> None:
    """Reading two tables again costs two statements more, three on MariaDB; a change of no key costs none."""
    create(db)
    lazy = get_lazy_class(warm(db.engine))
    lazy.preload("p", "kid")
    db.execute("ALTER TABLE p ADD COLUMN added INTEGER")
    with count_queries(db.engine) as other:
        lazy.refresh("p")
    rename(db)
    with count_queries(db.engine) as counted:
        lazy.refresh("p")
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    assert 2 == other.count
    assert (5 if db.is_mariadb else 4) == counted.count


# -- Other changes


@pytest.mark.parametrize("how", ["invalidate p", "invalidate kid", "refresh p"])
def test_dropped_column_of_a_parent(postgresql_db: Database, how: str) -> None:
    """A child whose key went with the parent's column has no key, and can be written."""
    create(postgresql_db)
    lazy = get_lazy_class(postgresql_db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    postgresql_db.execute("ALTER TABLE p DROP COLUMN k CASCADE")
    tell(lazy, how)
    assert not lazy.kid.foreign_keys
    assert ["id"] == lazy.p.c.keys() or how == "invalidate kid"
    write(lazy, 1)


@pytest.mark.parametrize("how", ["invalidate p", "invalidate kid", "refresh kid"])
def test_renamed_parent(db: Database, how: str) -> None:
    """The child of a table that has another name now joins it under that name."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    db.execute("ALTER TABLE p RENAME TO q")
    tell(lazy, how)
    assert "q.k = kid.k" == joined(lazy.kid, lazy.q)
    write(lazy, 1)


def test_parent_that_is_looked_for_under_its_old_name(db: Database) -> None:
    """A parent that is found missing has its child read again."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    db.execute("ALTER TABLE p RENAME TO q")
    with pytest.raises(TableNotFoundError):
        lazy.refresh("p")
    assert "q.k = kid.k" == joined(lazy.kid, lazy.q)


@pytest.mark.parametrize("how", ["invalidate p", "invalidate kid", "refresh p", "refresh kid"])
def test_family_that_is_dropped_and_made_again(db: Database, how: str) -> None:
    """Tables that were made again with another key join by it."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    db.execute(
        "DROP TABLE kid",
        "DROP TABLE p",
        "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY, other INTEGER UNIQUE)",
        "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (other))",
    )
    tell(lazy, how)
    assert "p.other = kid.k" == joined(lazy.kid, lazy.p)
    write(lazy, 1)


@pytest.mark.parametrize("told", [0, 2, 5])
def test_chain_whose_keys_are_all_renamed(db: Database, told: int) -> None:
    """However many tables in a row have changed, being told of one is enough."""
    names = [f"t{number}" for number in range(6)]
    db.execute(
        "CREATE TABLE t0 (k INTEGER NOT NULL PRIMARY KEY)",
        *(
            f"CREATE TABLE {name} (k INTEGER NOT NULL PRIMARY KEY, FOREIGN KEY (k) REFERENCES {above} (k))"
            for above, name in pairwise(names)
        ),
    )
    lazy = get_lazy_class(db.engine)
    lazy.preload(*names)
    for name in names:
        lazy.get(name)
    for name in names:
        rename(db, table=name)
    lazy.refresh(names[told])
    for above, name in pairwise(names):
        assert f"{above}.k2 = {name}.k2" == joined(lazy.get(name), lazy.get(above))


def test_all_children_of_a_parent(db: Database) -> None:
    """Every child that refers to the column is read again, and one that refers to another column joins as before."""
    create(db)
    db.execute(
        "CREATE TABLE kid2 (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (k))",
        "CREATE TABLE kid3 (id INTEGER NOT NULL PRIMARY KEY, p_id INTEGER, FOREIGN KEY (p_id) REFERENCES p (id))",
    )
    lazy = get_lazy_class(db.engine)
    names = ("kid", "kid2", "kid3", "p")
    lazy.preload(*names)
    for name in names:
        lazy.get(name)
    rename(db)
    lazy.invalidate("p")
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    assert "p.k2 = kid2.k" == joined(lazy.kid2, lazy.p)
    assert "p.id = kid3.p_id" == joined(lazy.kid3, lazy.p)


@pytest.mark.parametrize("how", ["invalidate p", "invalidate kid", "refresh p"])
def test_composite_key(db: Database, how: str) -> None:
    """One column of a composite key that has another name is enough."""
    db.execute(
        "CREATE TABLE p (a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b))",
        "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, a INTEGER, b INTEGER, "
        "FOREIGN KEY (a, b) REFERENCES p (a, b))",
    )
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.a = kid.a AND p.b = kid.b" == joined(lazy.kid, lazy.p)
    rename(db, "b", "c")
    tell(lazy, how)
    assert "p.a = kid.a AND p.c = kid.b" == joined(lazy.kid, lazy.p)
    write(lazy, 1)


@pytest.mark.parametrize("told", ["parent", "child"])
def test_parent_in_another_schema_whose_column_is_renamed(db: Database, told: str) -> None:
    """Keys across schemas are read again like all others."""
    if db.is_sqlite:
        pytest.skip("SQLite's foreign keys do not cross schemas")
    other = f"{db.url.database}_other" if db.is_mariadb else "other"
    db.execute(f"CREATE SCHEMA {other}")
    try:
        db.execute(
            f"CREATE TABLE {other}.p (id INTEGER NOT NULL PRIMARY KEY, k INTEGER UNIQUE)",
            f"CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES {other}.p (k))",
        )
        here, there = get_lazy_class(db.engine), LazyDB(db.engine, schema=other)
        assert f"{other}.p.k = kid.k" == joined(here.kid, there.p)
        rename(db, table=f"{other}.p")
        if told == "parent":
            there.invalidate("p")
        else:
            here.invalidate("kid")
        assert f"{other}.p.k2 = kid.k" == joined(here.kid, there.p)
    finally:
        here.engine.dispose()
        db.execute("DROP TABLE kid", f"DROP SCHEMA {other}{' CASCADE' if db.is_postgresql else ''}")


# -- Other ways to get a table


@ORDERS
def test_declared_child(db: Database, order: tuple[str, ...]) -> None:
    """A declared table is read again as any other."""
    create(db)
    lazy = Family(db.engine)
    for name in order:
        lazy.get(name)
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    rename(db)
    lazy.invalidate("p")
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)


def test_preload_after_a_change(db: Database) -> None:
    """What `preload` checks has the other table read too."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    rename(db)
    lazy.invalidate("p")
    lazy.preload("p")
    with count_queries(db.engine) as counted:
        assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    assert 0 == counted.count


@ORDERS
def test_change_that_a_given_connection_finds(db: Database, order: tuple[str, ...]) -> None:
    """`connection=` has the other table read too, on that connection."""
    create(db)
    lazy = get_lazy_class(db.engine)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    rename(db)
    lazy.invalidate("p")
    with db.engine.connect() as connection:
        new = {name: lazy.get(name, connection=connection) for name in order}
        assert "p.k2 = kid.k" == joined(new["kid"], new["p"])
    assert new == {name: lazy.get(name) for name in order}


# -- Caches


@ORDERS
@pytest.mark.parametrize("how", ["invalidate p", "refresh p"])
def test_cache_of_two_engines(db: Database, how: str, order: tuple[str, ...]) -> None:
    """Of two engines with one cache, each has the new key once it is told, or once the other has put it there."""
    create(db)
    cache = MemoryCache()
    one = get_lazy_class(db.engine, cache=cache)
    other = get_lazy_class(db.make_engine(), cache=cache)
    for name in order:
        one.get(name)
        other.get(name)
    rename(db)
    for lazy in (one, other):
        tell(lazy, how)
        assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    later = get_lazy_class(db.make_engine(), cache=cache)
    assert "p.k2 = kid.k" == joined(later.kid, later.p)
    assert 0 == later.cache_info().reflected


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("fresh", ["p", "kid"])
@ORDERS
def test_cache_with_entries_of_two_times(db: Database, fresh: str, at_once: bool, order: tuple[str, ...]) -> None:
    """An old entry beside a new one that it does not agree with is not used; then it is replaced."""
    create(db)
    cache = MemoryCache()
    get_lazy_class(db.make_engine(), cache=cache).preload("p", "kid")
    rename(db)
    get_lazy_class(db.make_engine(), cache=cache).refresh(fresh)  # knows nothing of the other one
    lazy = get_lazy_class(db.engine, cache=cache)
    if at_once:
        lazy.preload(*order)
    for name in order:
        lazy.get(name)
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    later = get_lazy_class(db.make_engine(), cache=cache)
    later.preload("p", "kid")
    assert "p.k2 = kid.k" == joined(later.kid, later.p)
    assert 0 == later.cache_info().reflected


@pytest.mark.parametrize("kept", ["p", "kid"])
@ORDERS
def test_old_entry_beside_a_table_that_is_read(db: Database, kept: str, order: tuple[str, ...]) -> None:
    """An old entry of a cache gives way where it does not agree with what is read in the same load, or later."""
    create(db)
    cache = MemoryCache()
    get_lazy_class(db.make_engine(), cache=cache).preload(kept)
    rename(db)
    at_once, singly = (get_lazy_class(db.make_engine(), cache=cache) for _ in range(2))
    at_once.preload(*order)
    for name in order:
        singly.get(name)
    for lazy in (at_once, singly):
        assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)


def test_old_entry_of_a_cache_after_the_ttl(db: Database, clock: Clock) -> None:
    """An entry that answers a check of the parent, and shows the change, has both tables read."""
    create(db)
    cache = MemoryCache()
    lazy = get_lazy_class(db.engine, cache=cache, cache_ttl=10)
    lazy.get("p")
    clock.now += 6
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    rename(db)
    clock.now += 5
    get_lazy_class(db.make_engine(), cache=cache).refresh("p")
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)


# -- Keys that lead nowhere


def dangle(db: Database) -> None:
    """Create a child whose foreign key names a column that its parent lacks."""
    if db.is_postgresql:
        pytest.skip("PostgreSQL has no such keys")
    off = "PRAGMA foreign_keys = OFF" if db.is_sqlite else "SET foreign_key_checks = 0"
    with db.make_engine().connect() as connection:
        for statement in (
            off,
            "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (k))",
            "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY)",
        ):
            connection.execute(text(statement))


@ORDERS
def test_key_that_leads_nowhere_is_read_a_bounded_number_of_times(db: Database, order: tuple[str, ...]) -> None:
    """A key that names no column of its parent, in the database itself, costs two more statements a load, no others."""
    dangle(db)
    lazy = get_lazy_class(warm(db.engine))
    with count_queries(db.engine) as first:
        for name in order:
            lazy.get(name)
    tables = {name: lazy.get(name) for name in order}
    counts = []
    for refreshed in ("p", "kid", "p", "kid"):
        with count_queries(db.engine) as counted:
            lazy.refresh(refreshed)
            assert tables == {name: lazy.get(name) for name in order}
        counts.append(counted.count)
    with count_queries(db.engine) as together:
        lazy.refresh()
        assert tables == {name: lazy.get(name) for name in order}
    assert first.count <= 4
    assert max(counts) <= 3
    assert together.count <= 2


def test_missing_parent_is_looked_for_a_bounded_number_of_times(db: Database) -> None:
    """A parent that does not exist is looked for twice, with the child that names it, each time it is asked for."""
    if db.is_postgresql:
        pytest.skip("PostgreSQL has no such keys")
    dangle(db)
    db.execute("DROP TABLE p" if db.is_sqlite else "SET STATEMENT foreign_key_checks = 0 FOR DROP TABLE p")
    lazy = get_lazy_class(warm(db.engine))
    kid = lazy.kid
    counts = []
    for _ in range(3):
        with count_queries(db.engine) as counted, pytest.raises(TableNotFoundError):
            lazy.get("p")
        counts.append(counted.count)
        assert kid is lazy.kid
    assert counts == sorted(counts, reverse=True)  # listings of the names are reused for a second
    assert counts[0] <= 6


# -- Reads that fail, or overlap


def _versions(key: str) -> FakeReflector:
    """Return a database of p and kid, whose key is called `key`."""
    fake = FakeReflector()
    put(fake, key)
    return fake


def put(fake: FakeReflector, key: str) -> None:
    """Rename the key."""
    child = info("kid", refers={"k": "p"})
    keys = tuple(replace(one, referred_columns=(key,)) for one in child.foreign_keys)
    fake.put(info("p", key), replace(child, foreign_keys=keys))


def test_child_that_cannot_be_read_is_not_served_with_its_old_key(engine: Engine) -> None:
    """While reading the child fails, it is an error; afterwards it has the new key. The parent is served."""
    fake = _versions("k")
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.preload("p", "kid")
    assert "p.k = kid.k" == joined(lazy.kid, lazy.p)
    put(fake, "k2")
    lazy.invalidate("p")
    reflector.before = _fail_for("kid")
    parent = lazy.p
    assert "k2" in parent.c
    with pytest.raises(ReflectionError):
        lazy.get("kid")
    reads = len(reflector.reads)
    assert parent is lazy.p
    assert reads == len(reflector.reads)
    reflector.before = lambda _: None
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    assert parent is lazy.p


def _fail_for(name: str) -> Any:
    def fail(names: frozenset[str]) -> None:
        if name in names:
            raise ValueError("it cannot be read now")

    return fail


@pytest.mark.parametrize("slow", ["p", "kid"])
def test_load_that_lands_after_the_other_table_was_read(engine: Engine, slow: str) -> None:
    """A load that read before the change, and lands after the other table was read, is checked at the next use."""
    fake = _versions("k")
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    other = "kid" if slow == "p" else "p"
    gate = reflector.gate(slow)
    began = Started(lambda: lazy.get(slow))
    gate.await_reached()
    put(fake, "k2")
    lazy.invalidate(other)
    lazy.get(other)
    gate.open()
    began.result()
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    reads = len(reflector.reads)
    assert "p.k2 = kid.k" == joined(lazy.kid, lazy.p)
    assert reads == len(reflector.reads)
