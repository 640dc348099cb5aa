"""What a change of the schema makes of loaded tables (I1, I3), and use_alter while a parent is not loaded."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import NoReferencedTableError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, registry, relationship
from sqlalchemy.schema import CreateTable

from lazy_alchemy import CustomTable, LazyDB, ReflectionError, TableNotFoundError, get_lazy_class
from lazy_alchemy._schema.types import TypeInfo
from tests.effort import some
from tests.fakes import FakeReflector, Gate, Started, Watched, info, together

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lazy_alchemy._schema.tables import TableInfo
    from tests.databases import Database

FAMILY = ("parent", "child", "grandchild")
ORDERS = list(itertools.permutations(FAMILY))


def create_family(db: Database) -> None:
    """Create parent, child and grandchild, and a table that has nothing to do with them."""
    db.execute(
        "CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE child (id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER, "
        "FOREIGN KEY (parent_id) REFERENCES parent (id))",
        "CREATE TABLE grandchild (id INTEGER NOT NULL PRIMARY KEY, child_id INTEGER, "
        "FOREIGN KEY (child_id) REFERENCES child (id))",
        "CREATE TABLE unrelated (id INTEGER NOT NULL PRIMARY KEY)",
    )


def columns(table: CustomTable) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in table.c]


def use_alter(table: CustomTable) -> dict[str, bool]:
    """Return whether each foreign key, by the table that it refers to, waits for that table."""
    found = {}
    for constraint in table.foreign_key_constraints:
        (element,) = constraint.elements
        assert element.use_alter == constraint.use_alter
        found[element.target_fullname.split(".")[-2]] = constraint.use_alter
    return found


def mapped(*tables: CustomTable) -> list[type[Any]]:
    """Return plain ORM classes on the tables."""

    class Base(DeclarativeBase):
        registry = registry(metadata=tables[0].metadata)

    return [type(table.name.title(), (Base,), {"__table__": table}) for table in tables]


def joined(*tables: CustomTable) -> str:
    """Return the SQL of an implicit join of each table with the next."""
    first, *rest = tables
    joins: Any = first
    for table in rest:
        joins = joins.join(table)
    return str(select(joins))


# -- The family


@pytest.mark.parametrize("order", some(ORDERS, ORDERS[0], ORDERS[-1]), ids="-".join)
@pytest.mark.parametrize("how", ["invalidate", "invalidate_all", "ttl", "refresh"])
def test_altered_parent_got_in_any_order(db: Database, how: str, order: tuple[str, ...]) -> None:
    """After a change of the parent new tables join, old ones go on among themselves, and the rest is untouched."""
    create_family(db)
    lazy = get_lazy_class(db.engine, cache_ttl=0 if how == "ttl" else None)
    lazy.preload(*FAMILY, "unrelated")
    old = {name: lazy[name] for name in FAMILY}
    unrelated = lazy.unrelated
    old_parent, old_child, old_grandchild = mapped(*old.values())
    sqlmodel = old["grandchild"].as_sqlmodel()

    db.execute("ALTER TABLE parent ADD COLUMN added INTEGER")
    if how == "invalidate":
        lazy.invalidate("parent")
    elif how == "invalidate_all":
        lazy.invalidate_all()
    elif how == "refresh":
        lazy.refresh()
    new = {name: lazy[name] for name in order}

    assert "added" in new["parent"].c
    assert all(new[name] is not old[name] for name in FAMILY)
    assert all(new[name] is lazy[name] for name in FAMILY)
    assert unrelated is lazy.unrelated
    assert {*FAMILY, "unrelated"} == set(lazy.metadata.tables)
    assert "JOIN child ON child.id = grandchild.child_id JOIN parent" in joined(
        new["grandchild"], new["child"], new["parent"]
    )
    assert "JOIN child ON child.id = grandchild.child_id JOIN parent" in joined(
        old["grandchild"], old["child"], old["parent"]
    )
    assert [False, False] == [use_alter(new["child"])["parent"], use_alter(new["grandchild"])["child"]]
    with Session(db.engine) as session:
        session.add(old_parent(id=1, name="p"))
        session.flush()
        session.add(old_child(id=1, parent_id=1))
        session.flush()
        session.add_all([old_grandchild(id=1, child_id=1), sqlmodel(id=2, child_id=1)])
        session.commit()
        new_parent, new_child, new_grandchild = mapped(*(new[name] for name in FAMILY))
        for row in (new_parent(id=2, added=5), new_child(id=2, parent_id=2), new_grandchild(id=3, child_id=2)):
            session.add(row)
            session.flush()
        session.commit()
        ids = session.execute(
            select(new["grandchild"].c.id).join(new["child"]).join(new["parent"]).order_by(new["grandchild"].c.id)
        )
        assert [1, 2, 3] == list(ids.scalars())


def test_access_to_the_child_checks_the_parent_in_the_same_batch(engine: Engine) -> None:
    """Getting a table also checks the invalidated ones that it reaches, however far, in the same read."""
    reflector = Watched(
        FakeReflector(
            info("a"),
            info("b", refers={"a_id": "a"}),
            info("c", refers={"b_id": "b"}),
            info("other"),
        )
    )
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.preload("a", "b", "c", "other")
    before = [lazy.a, lazy.b, lazy.c]
    for name in ("a", "b", "c", "other"):
        lazy.invalidate(name)
    reflector.reads.clear()
    assert before[2] is lazy.c
    assert [frozenset("abc")] == reflector.reads
    assert before == [lazy.a, lazy.b, lazy.c]
    assert [frozenset("abc")] == reflector.reads


def test_child_got_before_its_parent_joins_it_after_a_change(engine: Engine) -> None:
    """A child that is got after its parent was invalidated joins the parent that is got next."""
    fake = FakeReflector(info("parent"), info("child", refers={"parent_id": "parent"}))
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload("parent", "child")
    assert [lazy.child, lazy.parent] == [lazy.child, lazy.parent]
    fake.put(info("parent", "new"))
    lazy.invalidate("parent")
    child = lazy.child
    parent = lazy.parent
    assert "JOIN parent" in joined(child, parent)
    assert child is lazy.child


def test_child_whose_new_foreign_key_leads_to_an_invalidated_parent_joins_it(engine: Engine) -> None:
    """A child that turns out to refer to an invalidated table has that one checked before it is returned."""
    fake = FakeReflector(info("parent", "old"), info("child"))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.preload("parent", "child")
    assert [lazy.child, lazy.parent] == [lazy.child, lazy.parent]
    fake.put(info("parent", "new"), info("child", refers={"parent_id": "parent"}))
    lazy.invalidate_all()
    child = lazy.child
    parent = lazy.parent
    assert "JOIN parent" in joined(child, parent)
    assert child is lazy.child


def test_table_that_links_a_held_one_to_an_invalidated_one(engine: Engine) -> None:
    """A table is checked again once one was loaded by way of which it leads to an invalidated table."""
    fake = FakeReflector(info("a"), info("x", refers={"a_id": "a"}), info("b", refers={"x_id": "x"}))
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload("a", "b")
    assert [lazy.a, lazy.b] == [lazy.a, lazy.b]
    fake.put(info("a", "new"))
    lazy.invalidate("a")
    assert "b" == lazy.b.name
    with engine.connect() as connection:
        assert "x" == lazy.get("x", connection=connection).name
    b = lazy.b
    x = lazy.x
    assert "JOIN x" in joined(b, x)
    assert "new" in lazy.a.c


def test_table_in_a_load_that_began_too_early_is_checked_again(engine: Engine) -> None:
    """A load that also carries a table which was invalidated since does not count as a check of that table."""
    fake = FakeReflector(info("parent", "old"), info("child", refers={"parent_id": "parent"}))
    reflector = Watched(fake)
    lazy = get_lazy_class(engine, reflector=reflector)
    lazy.preload("parent")
    old = lazy.parent
    lazy.invalidate("parent")
    gate = reflector.gate("parent")
    early = Started(lambda: lazy.preload("parent", "child"))
    gate.await_reached()
    fake.put(info("parent", "new"))
    lazy.invalidate("parent")
    late = Started(lambda: (lazy.child, lazy.parent))
    gate.open()
    early.result()
    child, parent = late.result()
    assert old is not parent
    assert "JOIN parent" in joined(child, parent)
    assert child is lazy.child


@pytest.mark.parametrize("how", ["invalidate", "invalidate_all", "ttl", "refresh"])
def test_equal_reread_keeps_the_table_and_its_classes(db: Database, how: str) -> None:
    """A table that is found unchanged stays the same object, with the same classes."""
    create_family(db)
    lazy = get_lazy_class(db.engine, cache_ttl=0 if how == "ttl" else None)
    before = {name: lazy[name] for name in FAMILY}
    models = [(table.as_sqlmodel(), table.as_pydantic()) for table in before.values()]
    for _ in range(3):
        if how == "invalidate":
            lazy.invalidate("parent")
        elif how == "invalidate_all":
            lazy.invalidate_all()
        elif how == "refresh":
            lazy.refresh("parent", "child")
        for name in reversed(FAMILY):
            assert before[name] is lazy[name]
    assert models == [(table.as_sqlmodel(), table.as_pydantic()) for table in before.values()]
    assert 0 == lazy.cache_info().replaced
    assert lazy.cache_info().revalidated >= 3


def test_changed_child_leaves_its_parent_alone(db: Database) -> None:
    """A table that has changed is replaced with those that refer to it, and not with those that it refers to."""
    create_family(db)
    lazy = get_lazy_class(db.engine)
    before = {name: lazy[name] for name in FAMILY}
    db.execute("ALTER TABLE child ADD COLUMN added INTEGER")
    lazy.invalidate_all()
    after = {name: lazy[name] for name in FAMILY}
    assert [True, False, False] == [before[name] is after[name] for name in FAMILY]
    assert "JOIN parent" in joined(after["grandchild"], after["child"], after["parent"])


def test_parent_that_is_dropped(db: Database) -> None:
    """A table that is gone is not found, and its child is rebuilt and works without it."""
    create_family(db)
    lazy = get_lazy_class(db.engine)
    before = {name: lazy[name] for name in FAMILY}
    if db.is_sqlite:
        db.execute("DROP TABLE parent")
    elif db.is_postgresql:
        db.execute("DROP TABLE parent CASCADE")
    else:
        db.execute("SET STATEMENT foreign_key_checks = 0 FOR DROP TABLE parent")
    lazy.invalidate_all()
    child = lazy.child
    with pytest.raises(TableNotFoundError):
        lazy.get("parent")
    assert {"child", "grandchild"} == set(lazy.metadata.tables)
    assert child is lazy.child
    assert child is not before["child"]
    assert {} == use_alter(child) if db.is_postgresql else {"parent": True} == use_alter(child)
    assert "JOIN child" in joined(lazy.grandchild, child)
    assert "JOIN parent" in joined(*(before[name] for name in reversed(FAMILY)))
    mapped(child)
    str(CreateTable(child))
    assert [child, lazy.grandchild] == [table for table in lazy.metadata.sorted_tables if table.name != "unrelated"]


def test_table_that_is_dropped_and_made_again(db: Database) -> None:
    """A table that is made again is another one if its shape is, and its children join it."""
    create_family(db)
    lazy = get_lazy_class(db.engine)
    before = {name: lazy[name] for name in FAMILY}
    db.execute("DROP TABLE grandchild")
    lazy.invalidate("grandchild")
    with pytest.raises(TableNotFoundError):
        lazy.get("grandchild")
    db.execute("CREATE TABLE grandchild (id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))")
    again = lazy.grandchild
    assert again is not before["grandchild"]
    assert ["id", "parent_id"] == columns(again)
    assert before["parent"] is lazy.parent
    db.execute(
        "DROP TABLE grandchild",
        "CREATE TABLE grandchild (id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))",
    )
    lazy.invalidate("grandchild")
    assert again is lazy.grandchild


def test_child_that_gets_a_foreign_key_to_a_loaded_parent(db: Database) -> None:
    """A child that was loaded without a foreign key to a loaded table joins it once it has one."""
    db.execute(
        "CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER NOT NULL PRIMARY KEY)",
    )
    lazy = get_lazy_class(db.engine)
    parent, child = lazy.parent, lazy.child
    with pytest.raises(SQLAlchemyError):
        joined(child, parent)
    db.execute("ALTER TABLE child ADD COLUMN parent_id INTEGER REFERENCES parent (id)")
    lazy.invalidate("child")
    assert parent is lazy.parent
    assert "JOIN parent" in joined(lazy.child, parent)
    assert {"parent": False} == use_alter(lazy.child)


def test_tables_that_refer_to_one_another(engine: Engine) -> None:
    """Tables whose foreign keys form a circle are loaded one by one, replaced all together, and join."""
    names = ["a", "b", "c"]

    def circle(*more: str) -> list[TableInfo]:
        return [info(name, *more, refers={"to": names[number - 2]}) for number, name in enumerate(names)]

    for order in itertools.permutations(names):
        fake = FakeReflector(*circle())
        lazy = get_lazy_class(engine, reflector=fake)
        before = {name: lazy[name] for name in order}
        assert [False] * 3 == [use_alter(before[name])[names[number - 2]] for number, name in enumerate(names)]
        fake.put(circle("new")[0])
        lazy.invalidate("a")
        after = {name: lazy[name] for name in order}
        assert all(before[name] is not after[name] for name in names)
        for number, name in enumerate(names):
            assert "JOIN" in str(select(after[name].join(after[names[number - 2]])))
            assert "JOIN" in str(select(before[name].join(before[names[number - 2]])))


def test_table_that_refers_to_itself(db: Database) -> None:
    """A table that refers to itself never waits for itself, and is replaced like any other."""
    db.execute("CREATE TABLE node (id INTEGER NOT NULL PRIMARY KEY, up INTEGER, FOREIGN KEY (up) REFERENCES node (id))")
    lazy = get_lazy_class(db.engine)
    before = lazy.node
    assert {"node": False} == use_alter(before)
    db.execute("ALTER TABLE node ADD COLUMN added INTEGER")
    lazy.invalidate("node")
    assert before is not lazy.node
    assert {"node": False} == use_alter(lazy.node)
    (node,) = mapped(lazy.node)
    node.children = relationship(node, remote_side=[lazy.node.c.up])
    with Session(db.engine) as session:
        session.add(node(id=1, children=[node(id=2), node(id=3)]))
        session.commit()
        assert [1, 1] == list(session.scalars(select(lazy.node.c.up).where(lazy.node.c.id > 1)))


def test_parent_in_another_schema(db: Database) -> None:
    """Foreign keys across schemas join and are replaced together, when both schemas are used through one engine."""
    other = f"{db.url.database}_other" if db.is_mariadb else "other"
    if db.is_sqlite:
        pytest.skip("SQLite's foreign keys do not cross schemas")
    db.execute(f"CREATE SCHEMA {other}")
    try:
        db.execute(
            f"CREATE TABLE {other}.parent (id INTEGER NOT NULL PRIMARY KEY)",
            f"CREATE TABLE child (id INTEGER NOT NULL PRIMARY KEY, parent_id INTEGER, "
            f"FOREIGN KEY (parent_id) REFERENCES {other}.parent (id))",
        )
        here = get_lazy_class(db.engine)
        there = LazyDB(db.engine, schema=other)
        child = here.child
        assert {"parent": True} == use_alter(child)
        parent = there.parent
        assert {"parent": False} == use_alter(child)
        assert other in joined(child, parent)
        db.execute(f"ALTER TABLE {other}.parent ADD COLUMN added INTEGER")
        there.invalidate("parent")
        assert child is not here.child
        assert other in joined(here.child, there.parent)
        with pytest.raises(TableNotFoundError):
            here.get("parent")
        with pytest.raises(TableNotFoundError):
            there.get("child")
    finally:
        here.engine.dispose()
        db.execute("DROP TABLE child", f"DROP SCHEMA {other}{' CASCADE' if db.is_postgresql else ''}")


def test_name_with_a_dot_is_not_a_schema(engine: Engine) -> None:
    """A table "s.t" and a table "t" of a schema "s" are two, whichever is loaded first, before and after a change."""
    for order in itertools.permutations([(None, "s.t"), ("s", "t")]):
        fake = FakeReflector(info("s.t", "dotted"), info("t", "inner", schema="s"), info("s", "decoy"))
        reflector = Watched(fake)
        accessors = {None: LazyDB(engine, reflector=reflector)}
        accessors["s"] = LazyDB(engine, reflector=reflector, schema="s")
        accessors["s"]._catalog = accessors[None]._catalog  # as two accessors without a reflector of their own have it
        accessors["s"]._begin()
        before = {key: accessors[key[0]][key[1]] for key in order}
        assert [["id", "dotted"], ["id", "inner"]] == [columns(before[None, "s.t"]), columns(before["s", "t"])]
        fake.put(info("s.t", "dotted", "new"), info("t", "inner", "new", schema="s"))
        accessors[None].refresh("s.t")
        accessors["s"].refresh("t")
        assert ["id", "dotted", "new"] == columns(accessors[None]["s.t"])
        assert ["id", "inner", "new"] == columns(accessors["s"]["t"])
        fake.put(info("s.t", "dotted"), info("t", "inner", schema="s"))
        accessors[None].invalidate_all()
        assert ["id", "dotted"] == columns(accessors[None]["s.t"])
        assert ["id", "inner"] == columns(accessors["s"]["t"])


def test_clash_of_a_dot_with_a_schema_is_replaced_in_one_go(engine: Engine) -> None:
    """A table "s.t" and a table "t" of a schema "s" that change together are both replaced."""
    fake = FakeReflector(info("s.t", "dotted"), info("t", "inner", schema="s"))
    dotted = LazyDB(engine, reflector=fake, cache_ttl=0)
    inner = LazyDB(engine, reflector=fake, schema="s", cache_ttl=0)
    inner._catalog = dotted._catalog
    inner._begin()
    assert ["id", "dotted"] == columns(dotted["s.t"])
    assert ["id", "inner"] == columns(inner["t"])
    fake.put(info("s.t", "dotted", "new"), info("t", "inner", "new", schema="s"))
    assert ["id", "dotted", "new"] == columns(dotted["s.t"])
    assert ["id", "inner", "new"] == columns(inner["t"])


# -- A build that fails


def refused(name: str, **options: Any) -> TableInfo:
    """Return a TableInfo that SQLAlchemy refuses: its foreign key has more columns than it refers to."""
    good = info(name, refers={"parent_id": "parent"}, **options)
    (key,) = good.foreign_keys
    import dataclasses

    return dataclasses.replace(
        good, foreign_keys=(dataclasses.replace(key, referred_columns=("id", "id")),), version=None
    )


def test_table_that_cannot_be_built_changes_nothing(engine: Engine) -> None:
    """A table that SQLAlchemy refuses is a ReflectionError, leaves no trace, and is loaded once it is better."""
    fake = FakeReflector(info("parent"), refused("child"), info("grandchild", refers={"child_id": "child"}))
    lazy = get_lazy_class(engine, reflector=fake)
    parent, grandchild = lazy.parent, lazy.grandchild
    with pytest.raises(ReflectionError, match="'child' was reflected and cannot be built"):
        lazy.get("child")
    assert {"parent", "grandchild"} == set(lazy.metadata.tables)
    assert [parent, grandchild] == [lazy.parent, lazy.grandchild]
    assert {"child": True} == use_alter(grandchild)
    fake.put(info("child", refers={"parent_id": "parent"}))
    lazy.invalidate("child")
    assert "JOIN parent" in joined(grandchild, lazy.child, parent)
    assert {"child": False} == use_alter(grandchild)


def test_table_that_fails_midway_binds_nothing(engine: Engine) -> None:
    """Of a table whose second column SQLAlchemy refuses, no foreign key that waits for it gets hold of the first."""
    fake = FakeReflector(info("parent", ""), info("child", refers={"parent_id": "parent"}))
    lazy = get_lazy_class(engine, reflector=fake)
    (key,) = lazy.child.c.parent_id.foreign_keys
    with pytest.raises(ReflectionError, match="'parent' was reflected and cannot be built"):
        lazy.get("parent")
    assert {"child"} == set(lazy.metadata.tables)
    assert {"parent": True} == use_alter(lazy.child)
    with pytest.raises(NoReferencedTableError):
        key.column  # noqa: B018
    fake.put(info("parent"))
    lazy.invalidate("parent")
    parent = lazy.parent
    assert key.column is parent.c.id
    assert "JOIN parent" in joined(lazy.child, lazy.parent)


def test_change_into_what_cannot_be_built_keeps_the_old_tables(engine: Engine) -> None:
    """A table whose change SQLAlchemy refuses stays as it was, and what changed beside it is replaced."""
    fake = FakeReflector(info("parent"), info("child", refers={"parent_id": "parent"}), info("other"), info("third"))
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload("parent", "child", "other", "third")
    before = {name: lazy[name] for name in ("parent", "child", "other", "third")}
    fake.put(refused("child"), info("other", "new"))
    with pytest.raises(ReflectionError, match="cannot be built"):
        lazy.refresh()
    assert [before["parent"], before["child"], before["third"]] == [lazy.parent, lazy.child, lazy.third]
    assert "JOIN parent" in joined(lazy.child, lazy.parent)
    assert ["id", "new"] == columns(lazy.other)
    lazy.invalidate("child")
    with pytest.raises(ReflectionError, match="cannot be built"):
        lazy.get("child")
    assert "JOIN parent" in joined(before["child"], before["parent"])
    fake.put(info("child", "new", refers={"parent_id": "parent"}))
    assert "new" in lazy.child.c
    assert "JOIN parent" in joined(lazy.child, lazy.parent)


def test_interruption_in_the_middle_of_a_replacement_leaves_nothing_half_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt while tables are being replaced is raised, and the next access builds what is missing."""
    from lazy_alchemy._catalog import metadata as _built

    fake = FakeReflector(info("parent"), info("child", refers={"parent_id": "parent"}))
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload("parent", "child")
    before = lazy.child, lazy.parent
    fake.put(info("parent", "new"))
    build, builds = _built.build_table, 0

    def interrupted(*arguments: Any) -> CustomTable:
        nonlocal builds
        builds += 1
        if builds == 4:  # the second of the real ones; two were on trial
            raise KeyboardInterrupt
        return build(*arguments)

    monkeypatch.setattr(_built, "build_table", interrupted)
    lazy.invalidate("parent")
    with pytest.raises(KeyboardInterrupt):
        lazy.get("child")
    monkeypatch.undo()
    child, parent = lazy.child, lazy.parent
    assert (child, parent) != before
    assert "JOIN parent" in joined(child, parent)
    assert "JOIN parent" in joined(*before)
    assert "new" in parent.c
    assert (child, parent) == (lazy.child, lazy.parent)


def test_nobody_gets_a_table_under_construction(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a table is being built, others wait for it or do without it, and no accessor hands it out half made."""
    from lazy_alchemy._catalog import metadata as _built

    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a"), info("b")))
    cached = lazy.b
    gate = Gate()
    build = _built.build_table

    def slow(*arguments: Any) -> CustomTable:
        gate.stop()
        return build(*arguments)

    monkeypatch.setattr(_built, "build_table", slow)
    first = Started(lambda: columns(lazy.a))
    gate.await_reached()
    second = Started(lambda: columns(lazy.a))
    assert cached is Started(lambda: lazy.b).result()
    gate.open()
    assert [["id"], ["id"]] == [first.result(), second.result()]


# -- use_alter


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_use_alter_is_true_exactly_while_the_parent_is_absent(db: Database, order: tuple[str, ...]) -> None:
    """A foreign key waits for its table while that is not loaded; then all is in SQLAlchemy's own order."""
    create_family(db)
    lazy = get_lazy_class(db.engine)
    refers = {"child": "parent", "grandchild": "child"}
    tables: dict[str, CustomTable] = {}
    for name in order:
        tables[name] = lazy[name]
        for child, parent in refers.items():
            if child in tables:
                assert {parent: parent not in tables} == use_alter(tables[child])
    assert list(FAMILY) == [table.name for table in lazy.metadata.sorted_tables]
    for child, parent in refers.items():
        assert f"REFERENCES {parent} (id)" in str(CreateTable(tables[child]).compile(db.engine))


def test_two_nameless_foreign_keys_of_one_column_wait_each_for_its_own(sqlite_db: Database) -> None:
    """A column that refers to two tables without naming the constraints waits for each of them apart."""
    sqlite_db.execute(
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, both INTEGER REFERENCES a (id) REFERENCES b (id))",
    )
    lazy = get_lazy_class(sqlite_db.engine)
    assert {"a": True, "b": True} == use_alter(lazy.child)
    lazy.get("b")
    assert {"a": True, "b": False} == use_alter(lazy.child)
    lazy.get("a")
    assert {"a": False, "b": False} == use_alter(lazy.child)


def test_flush_of_a_child_whose_parent_was_never_loaded(db: Database) -> None:
    """An ORM class on a child, plain or SQLModel, is inserted, updated and deleted without its parent being loaded."""
    create_family(db)
    db.execute("INSERT INTO parent (id) VALUES (1)")
    lazy = get_lazy_class(db.engine)
    child = lazy.child
    (plain,) = mapped(child)
    for number, cls in enumerate((plain, child.as_sqlmodel())):
        with Session(db.engine) as session:
            session.add(cls(id=number, parent_id=1))
            session.commit()
            one = session.get(cls, number)
            assert one is not None
            one.parent_id = None
            session.commit()
            session.delete(one)
            session.commit()
    assert {"child"} == set(lazy.metadata.tables)
    assert "JOIN parent" in joined(child, lazy.parent)
    with Session(db.engine) as session:
        session.add(plain(id=9, parent_id=1))
        session.commit()


def test_use_alter_returns_with_a_parent_that_is_dropped(engine: Engine) -> None:
    """A foreign key that is still there when its table is gone waits for it again."""
    fake = FakeReflector(info("parent"), info("child", refers={"parent_id": "parent"}))
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload("parent", "child")
    assert lazy.parent.name == "parent"
    assert {"parent": False} == use_alter(lazy.child)
    fake.drop("parent")
    lazy.invalidate("parent")
    assert {"parent": True} == use_alter(lazy.child)
    fake.put(info("parent", "again"))
    parent = lazy.parent
    assert {"parent": False} == use_alter(lazy.child)
    assert "JOIN parent" in joined(lazy.child, parent)


# -- Many


@pytest.mark.timeout(120)
def test_chain_longer_than_the_stack(engine: Engine) -> None:
    """A chain of foreign keys longer than Python's stack is loaded, replaced and dropped like a short one."""
    count = sys.getrecursionlimit() + 100
    fake = FakeReflector(
        info("t0"), *(info(f"t{number}", refers={"up": f"t{number - 1}"}) for number in range(1, count))
    )
    lazy = get_lazy_class(engine, reflector=fake)
    lazy.preload_all()
    last = lazy.get(f"t{count - 1}")
    first = lazy.get("t0")
    for number in range(1, count - 1):
        lazy.get(f"t{number}")
    fake.put(info("t0", "new"))
    lazy.invalidate("t0")
    assert last is not lazy.get(f"t{count - 1}")
    assert first is not lazy.get("t0")
    assert count == len(lazy.metadata.tables)
    assert f"JOIN t{count - 2}" in joined(lazy.get(f"t{count - 1}"), lazy.get(f"t{count - 2}"))
    fake.drop("t0")
    lazy.invalidate("t0")
    assert {"t0": True} == use_alter(lazy.get("t1"))


def test_type_that_refuses_to_be_built_is_an_error_of_its_table_only(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in making a column's type is a ReflectionError, and the MetaData is as it was."""
    lazy = get_lazy_class(engine, reflector=FakeReflector(info("a"), info("b")))
    assert "a" == lazy.a.name

    def refuse(_: TypeInfo) -> Any:
        raise TypeError("no such type")

    monkeypatch.setattr(TypeInfo, "build", refuse)
    with pytest.raises(ReflectionError, match="no such type"):
        lazy.get("b")
    assert {"a"} == set(lazy.metadata.tables)
    monkeypatch.undo()
    assert "b" == lazy.b.name


def test_threads_that_get_parent_and_child_at_once_get_tables_that_join(engine: Engine) -> None:
    """Tables that threads build at the same moment, in every order, join."""
    for _ in range(20):
        fake = FakeReflector(info("a"), info("b", refers={"a_id": "a"}), info("c", refers={"b_id": "b"}))
        lazy = get_lazy_class(engine, reflector=fake)
        c, b, a = together(lambda: lazy.c, lambda: lazy.b, lambda: lazy.a)  # noqa: B023  # they end within the round
        assert "JOIN b ON b.id = c.b_id JOIN a" in joined(c, b, a)
        assert [False, False] == [use_alter(c)["b"], use_alter(b)["a"]]


def test_insert_through_a_replaced_table_still_works(db: Database) -> None:
    """Statements made of a retired table run as long as the database has what they name."""
    create_family(db)
    lazy = get_lazy_class(db.engine)
    old = lazy.parent
    db.execute("ALTER TABLE parent ADD COLUMN added INTEGER")
    lazy.refresh("parent")
    with db.engine.begin() as connection:
        connection.execute(insert(old).values(id=1, name="x"))
        assert [(1, "x")] == [tuple(row) for row in connection.execute(select(old))]
        assert [(1, "x", None)] == [tuple(row) for row in connection.execute(select(lazy.parent))]


def test_foreign_key_to_a_table_with_a_dot_in_its_name(db: Database) -> None:
    """A table that refers to one with a dot in its name loads, in the MetaData of all, before and after that one."""
    parent = db.quote("x.y")
    db.execute(
        f"CREATE TABLE {parent} (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE child (id INTEGER PRIMARY KEY, x INTEGER, FOREIGN KEY (x) REFERENCES {parent} (id))",
    )
    tables = get_lazy_class(db.make_engine())

    child = tables.child
    assert child.metadata is tables.metadata
    assert "x.y" == tables["x.y"].name
    assert tables.child is child

    db.execute(f"ALTER TABLE {parent} ADD COLUMN note VARCHAR(20)")
    tables.refresh()
    assert ["id", "note"] == tables["x.y"].c.keys()
    assert "child" == tables.child.name
