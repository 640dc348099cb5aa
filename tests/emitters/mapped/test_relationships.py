"""Relationships of mapped classes, SQLModel and plain: which there are, what they are called, that they work."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, event, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lazy_alchemy import CustomTable, LazyDB, get_async_lazy_class, get_lazy_class
from lazy_alchemy._catalog.metadata import BuiltTables
from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import emitted_from
from lazy_alchemy._schema.tables import ColumnInfo, ForeignKeyInfo, KeyInfo, TableInfo, TableKind, TypeInfo
from lazy_alchemy.emitters import ORMEmitter, SQLModelEmitter
from tests.databases import count_queries, warm
from tests.effort import amount
from tests.emitters.test_pydantic import AUTOINCREMENT
from tests.fakes import collecting_only_what_is_new

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.databases import Database

KINDS = {"sqlmodel": "as_sqlmodel", "orm": "as_orm"}


class Models:
    """The classes of a group of tables, by the tables' names: made as a user makes them."""

    def __init__(self, kind: str, lazy: Any, *names: str, **options: Any) -> None:
        self.tables = [lazy[name] for name in names]
        self._options = options
        self._method = KINDS[kind]

    def __getattr__(self, name: str) -> Any:
        (table,) = [table for table in self.tables if table.name == name]
        return self.of(table)

    def of(self, table: CustomTable) -> Any:
        """Return the class of one of the tables."""
        return getattr(table, self._method)(relationships=self.tables, **self._options)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Run the test with SQLModel and with plain classes."""
    return request.param


@pytest.fixture
def lazy(db: Database) -> Iterator[LazyDB]:
    """An accessor of a shop."""
    auto = AUTOINCREMENT[db.name]
    db.execute(
        f"CREATE TABLE users (id {auto}, name VARCHAR(20) NOT NULL)",
        f"CREATE TABLE orders (id {auto}, user_id INTEGER REFERENCES users (id), approved_by INTEGER,"
        " FOREIGN KEY (approved_by) REFERENCES users (id))",
        f"CREATE TABLE items (id {auto}, order_id INTEGER NOT NULL REFERENCES orders (id), n INTEGER)",
        f"CREATE TABLE profiles (id {auto}, user_id INTEGER NOT NULL UNIQUE, bio VARCHAR(20),"
        " FOREIGN KEY (user_id) REFERENCES users (id))",
        f"CREATE TABLE tags (id {auto}, label VARCHAR(20) NOT NULL)",
        "CREATE TABLE order_tags (order_id INTEGER NOT NULL REFERENCES orders (id),"
        " tag_id INTEGER NOT NULL REFERENCES tags (id), PRIMARY KEY (order_id, tag_id))",
        f"CREATE TABLE nodes (id {auto}, parent_id INTEGER REFERENCES nodes (id), name VARCHAR(20))",
        f"CREATE TABLE settings (id {auto})",
    )
    return get_lazy_class(db.engine)


def relationships(cls: Any) -> dict[str, str]:
    """Return the relationships of a class as "name": "target", a list's target in brackets."""
    return {
        one.key: f"[{one.mapper.local_table.name}]" if one.uselist else one.mapper.local_table.name
        for one in inspect(cls).relationships
    }


# -- Which there are


def test_both_directions(lazy: LazyDB, kind: str) -> None:
    """A foreign key gives the row that it refers to on one side, and the rows that refer to it on the other."""
    models = Models(kind, lazy, "orders", "items", "users")
    assert {"order": "orders"} == relationships(models.items)
    assert {"user": "users", "approved_by_row": "users", "items": "[items]"} == relationships(models.orders)
    assert {"orders_by_user": "[orders]", "orders_by_approved_by_row": "[orders]"} == relationships(models.users)


def test_classes_of_a_group_are_related_with_each_other(lazy: LazyDB, kind: str) -> None:
    """Each table of the same tables gives the class that the relationships of the others lead to, in any order."""
    users, orders, items = lazy.users, lazy.orders, lazy.items
    as_ = KINDS[kind]
    order = getattr(orders, as_)(relationships=[users, items])
    assert order is getattr(orders, as_)(relationships=(items, users))
    assert order is getattr(orders, as_)(relationships={users, orders, items})
    assert order.user.property.mapper.class_ is getattr(users, as_)(relationships=[orders, items])
    assert order.items.property.mapper.class_ is getattr(items, as_)(relationships=[users, orders, orders])
    emitter = {"orm": ORMEmitter, "sqlmodel": SQLModelEmitter}[kind](relationships=[users, items])
    assert order is orders.emit(emitter)
    assert order is emitter.emit(orders)
    assert order is not getattr(orders, as_)(relationships=[users])
    assert order is not getattr(orders, as_)()
    assert {} == relationships(getattr(orders, as_)())


def test_only_the_named_tables_are_loaded(db: Database, lazy: LazyDB, kind: str) -> None:
    """Making the classes sends nothing, and no table but those that were named is loaded for them."""
    lazy.preload("orders", "users")
    with count_queries(warm(db.engine)) as sent:
        order = Models(kind, lazy, "orders", "users").orders
        order()
    assert [] == sent.statements
    assert {"orders", "users"} == set(lazy.metadata.tables)
    assert {"user": "users", "approved_by_row": "users"} == relationships(order)


def test_a_table_that_no_foreign_key_reaches_has_a_class(lazy: LazyDB, kind: str) -> None:
    """All tables of an application can be named, related or not."""
    models = Models(kind, lazy, *lazy.list_tables())
    assert {} == relationships(models.settings)
    assert {"order": "orders"} == relationships(models.items)


def test_a_row_that_only_one_can_refer_to(db: Database, lazy: LazyDB, kind: str) -> None:
    """Where the foreign key is unique, there is one row and no list on the other side."""
    models = Models(kind, lazy, "users", "profiles")
    assert {"profiles": "profiles"} == relationships(models.users)
    with Session(db.engine) as session:
        session.add(models.users(name="ann", profiles=models.profiles(bio="x")))
        session.commit()
        ann = session.scalars(select(models.users)).one()
        assert "x" == ann.profiles.bio
        assert ann is ann.profiles.user


def test_a_table_that_refers_to_itself(db: Database, lazy: LazyDB, kind: str) -> None:
    """``parent_id`` gives a parent and its children."""
    node = Models(kind, lazy, "nodes").nodes
    assert {"parent": "nodes", "children": "[nodes]"} == relationships(node)
    with Session(db.engine) as session:
        session.add(node(name="root", children=[node(name="left"), node(name="right", children=[node(name="leaf")])]))
        session.commit()
        leaf = session.scalars(select(node).where(node.name == "leaf")).one()
        assert ["right", "root"] == [leaf.parent.name, leaf.parent.parent.name]
        assert {"left", "right"} == {child.name for child in leaf.parent.parent.children}


def test_groups_do_not_meet(db: Database, lazy: LazyDB) -> None:
    """A table may be in any number of groups of both kinds, here a link table and there not, without a warning."""
    groups = [
        ["orders", "users"],
        ["orders", "users", "items"],
        ["orders", "tags", "order_tags"],
        ["orders", "order_tags"],
    ]
    made = [
        relationships(models.orders)
        for names in [*groups, lazy.list_tables()]
        for models in (Models(kind, lazy, *names) for kind in KINDS)
    ]
    assert made[::2] == made[1::2]
    assert ["approved_by_row", "user"] == sorted(made[0])
    assert ["approved_by_row", "items", "tags", "user"] == sorted(made[-1])


# -- That they work


def test_rows_are_written_together(db: Database, lazy: LazyDB, kind: str) -> None:
    """New objects are inserted in the order that their relationships ask for, with the keys of one in the other."""
    models = Models(kind, lazy, "users", "orders", "items")
    with Session(db.engine) as session:
        ann, bob = models.users(name="ann"), models.users(name="bob")
        session.add(models.items(n=2, order=models.orders(user=ann, approved_by_row=bob)))
        session.commit()
    with Session(db.engine) as session:
        found = session.scalars(select(models.users).where(models.users.name == "ann")).one()
        (order,) = found.orders_by_user
        assert ("bob", [2]) == (order.approved_by_row.name, [item.n for item in order.items])
        assert [] == found.orders_by_approved_by_row
        order.user = order.approved_by_row
        session.commit()
        assert [] == found.orders_by_user
        joined = select(models.items.n).join(models.items.order).join(models.orders.user)
        assert [2] == list(session.scalars(joined.where(models.users.name == "bob")))


def test_many_to_many_through_a_link_table(db: Database, lazy: LazyDB, kind: str) -> None:
    """A table of nothing but two foreign keys relates its two ends, and has a class without relationships."""
    models = Models(kind, lazy, "orders", "tags", "order_tags")
    assert {"tags": "[tags]"} == relationships(models.orders)
    assert {"orders": "[orders]"} == relationships(models.tags)
    assert {} == relationships(models.order_tags)
    with Session(db.engine) as session:
        red, big = models.tags(label="red"), models.tags(label="big")
        session.add_all([models.orders(tags=[red, big]), models.orders(tags=[red])])
        session.commit()
        assert 2 == len(red.orders)
        first = session.scalars(select(models.orders).where(models.orders.tags.any(label="big"))).one()
        first.tags.remove(red)
        session.commit()
        assert [(big.id,)] == db.fetch(f"SELECT tag_id FROM order_tags WHERE order_id = {first.id}")
        session.delete(red)
        session.commit()
        assert 1 == session.query(models.order_tags).count()


def test_a_link_table_without_one_end_is_a_table(lazy: LazyDB, kind: str) -> None:
    """Where only one end is named, the link table's rows are the related ones."""
    models = Models(kind, lazy, "orders", "order_tags")
    assert {"order_tags": "[order_tags]"} == relationships(models.orders)
    assert {"order": "orders"} == relationships(models.order_tags)


def test_link_tables(db: Database, kind: str) -> None:
    """An autoincrement key beside the two foreign keys does no harm; a value of its own, or a pair twice, does."""
    auto = AUTOINCREMENT[db.name]
    ends = "a_id INTEGER NOT NULL REFERENCES a (id), b_id INTEGER NOT NULL REFERENCES b (id)"
    db.execute(
        f"CREATE TABLE a (id {auto})",
        f"CREATE TABLE b (id {auto})",
        f"CREATE TABLE numbered (id {auto}, {ends}, UNIQUE (b_id, a_id))",
        f"CREATE TABLE repeated (id {auto}, {ends})",
        f"CREATE TABLE dated ({ends}, since DATE, PRIMARY KEY (a_id, b_id))",
    )
    models = Models(kind, get_lazy_class(db.engine), "a", "b", "numbered", "repeated", "dated")
    assert {"b": "[b]", "repeated": "[repeated]", "dated": "[dated]"} == relationships(models.a)
    assert {"a": "[a]", "repeated": "[repeated]", "dated": "[dated]"} == relationships(models.b)
    with Session(db.engine) as session:
        session.add(models.a(b=[models.b(), models.b()]))
        session.commit()
        assert 2 == session.query(models.numbered).count()


def test_deleting_leaves_the_rest_to_the_database(db: Database, kind: str) -> None:
    """ON DELETE says what becomes of the rows that refer to a deleted one, loaded or not; without it nothing goes."""
    if db.is_sqlite:
        db = _with_foreign_keys(db)
    auto = AUTOINCREMENT[db.name]
    db.execute(
        f"CREATE TABLE parents (id {auto})",
        *(
            f"CREATE TABLE {name} (id {auto}, parent_id INTEGER {null},"
            f" FOREIGN KEY (parent_id) REFERENCES parents (id) {on})"
            for name, null, on in [
                ("gone", "NOT NULL", "ON DELETE CASCADE"),
                ("cleared", "NULL", "ON DELETE SET NULL"),
                ("kept", "NULL", ""),
            ]
        ),
    )
    models = Models(kind, get_lazy_class(db.engine), "parents", "gone", "cleared", "kept")
    with Session(db.engine) as session:
        parent, other = models.parents(gone=[models.gone()], cleared=[models.cleared()]), models.parents()
        other.kept.append(models.kept())
        session.add_all([parent, other])
        session.flush()
        session.delete(parent)
        session.commit()
        assert 0 == session.query(models.gone).count()
        assert None is session.query(models.cleared).one().parent
        session.delete(other)
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
        assert other is session.query(models.kept).one().parent
        session.delete(other.kept[0])
        session.delete(other)  # together they go in the right order
        session.commit()
        assert 0 == session.query(models.parents).count()


def _with_foreign_keys(db: Database) -> Database:
    event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    return db


def test_tables_that_refer_to_each_other(db: Database, kind: str) -> None:
    """Rows that refer to each other in a circle are written in one flush, and deleted in one."""
    auto = AUTOINCREMENT[db.name]
    db.execute(
        f"CREATE TABLE teams (id {auto}, owner_id INTEGER)",
        f"CREATE TABLE members (id {auto}, team_id INTEGER NOT NULL, FOREIGN KEY (team_id) REFERENCES teams (id))",
    )
    if db.is_sqlite:
        db.execute("DROP TABLE teams", f"CREATE TABLE teams (id {auto}, owner_id INTEGER REFERENCES members (id))")
    else:
        db.execute("ALTER TABLE teams ADD FOREIGN KEY (owner_id) REFERENCES members (id)")
    models = Models(kind, get_lazy_class(db.engine), "teams", "members")
    assert {"owner": "members", "members": "[members]"} == relationships(models.teams)
    assert {"team": "teams", "teams": "[teams]"} == relationships(models.members)
    with Session(db.engine) as session:
        team = models.teams()
        team.owner = models.members(team=team)
        session.add(team)
        session.commit()
        assert team is team.owner.team
        assert [team.owner] == team.members
        session.delete(team.owner)
        session.delete(team)
        session.commit()
        assert 0 == session.query(models.members).count()


def test_composite_keys(db: Database, kind: str) -> None:
    """Composite foreign keys, also to the table itself and with a column in common, relate without a warning."""
    db.execute(
        "CREATE TABLE tenants (id INTEGER PRIMARY KEY)",
        "CREATE TABLE staff (tenant_id INTEGER NOT NULL REFERENCES tenants (id), id INTEGER NOT NULL,"
        " manager_id INTEGER, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id) REFERENCES tenants (id),"
        " FOREIGN KEY (tenant_id, manager_id) REFERENCES staff (tenant_id, id))",
        "CREATE TABLE jobs (no INTEGER NOT NULL, tenant_id INTEGER NOT NULL, staff_id INTEGER, deputy_id INTEGER,"
        " PRIMARY KEY (tenant_id, no), FOREIGN KEY (tenant_id) REFERENCES tenants (id),"
        " FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id),"
        " FOREIGN KEY (tenant_id, deputy_id) REFERENCES staff (tenant_id, id))",
        "CREATE TABLE steps (tenant_id INTEGER NOT NULL, no INTEGER NOT NULL, step INTEGER NOT NULL,"
        " PRIMARY KEY (tenant_id, no, step), FOREIGN KEY (tenant_id, no) REFERENCES jobs (tenant_id, no))",
        "CREATE TABLE job_staff (tenant_id INTEGER NOT NULL, no INTEGER NOT NULL, staff_id INTEGER NOT NULL,"
        " PRIMARY KEY (tenant_id, no, staff_id), FOREIGN KEY (tenant_id, no) REFERENCES jobs (tenant_id, no),"
        " FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id))",
    )
    models = Models(kind, get_lazy_class(db.engine), "tenants", "staff", "jobs", "steps", "job_staff")
    assert {
        "manager": "staff",
        "tenant": "tenants",
        "staff_by_manager": "[staff]",
        "jobs_by_deputy": "[jobs]",
        "jobs_by_staff": "[jobs]",
        "jobs": "[jobs]",
    } == relationships(models.staff)
    assert {
        "tenant": "tenants",
        "staff": "staff",
        "deputy": "staff",
        "steps": "[steps]",
        "staff_by_job_staff": "[staff]",
    } == (relationships(models.jobs))
    assert {"jobs_row": "jobs"} == relationships(models.steps)
    with Session(db.engine) as session:
        tenant, other = models.tenants(id=1), models.tenants(id=2)
        boss = models.staff(id=1, tenant=tenant)
        worker = models.staff(id=2, tenant=tenant, manager=boss)
        namesake = models.staff(id=2, tenant=other)
        job = models.jobs(no=1, tenant=tenant, staff=worker, deputy=boss, staff_by_job_staff=[boss, worker])
        step = models.steps(step=1, jobs_row=job)
        session.add_all([namesake, job, step])
        session.commit()
        assert (1, 1) == (step.tenant_id, step.no)
        assert boss is session.get(models.staff, (1, 2)).manager
        assert [worker] == boss.staff_by_manager
        assert [job] == worker.jobs_by_staff
        assert [job] == worker.jobs
        assert [] == namesake.jobs_by_staff == namesake.jobs
        job.staff = None
        session.commit()
        assert (1, None, boss) == (job.tenant_id, job.staff_id, job.deputy)


@pytest.fixture
def schemas_of(db: Database) -> Iterator[tuple[Engine, str]]:
    """An engine and a second schema, with orders of the users in both."""
    other = f"{db.url.database}_archive" if db.is_mariadb else "archive"
    engine = db.make_engine()
    if db.is_sqlite:
        file = f"{db.url.database}.archive"
        event.listen(engine, "connect", lambda connection, _: connection.execute(f"ATTACH '{file}' AS archive"))
    auto = AUTOINCREMENT[db.name]
    home = f"{db.url.database}." if db.is_mariadb else ""
    # SQLite's foreign keys stay within a schema, and so the users are there twice.
    refers = "user_id INTEGER, FOREIGN KEY (user_id) REFERENCES"
    statements = [
        f"CREATE TABLE users (id {auto})",
        f"CREATE TABLE orders (id {auto}, {refers} users (id))",
        f"CREATE TABLE {other}.users (id {auto})",
        f"CREATE TABLE {other}.orders (id {auto}, {refers} {home}users (id))",
    ]
    with engine.begin() as connection:
        for statement in [*([] if db.is_sqlite else [f"CREATE SCHEMA {other}"]), *statements]:
            connection.exec_driver_sql(statement)
    yield engine, other
    engine.dispose()
    if db.is_mariadb:
        db.execute(f"DROP SCHEMA {other}")


def test_other_schemas(db: Database, schemas_of: tuple[Engine, str], kind: str) -> None:
    """Tables of one name in two schemas have classes; rows of another schema have its name before theirs."""
    engine, schema = schemas_of
    # MariaDB names the schema in a foreign key that leads out of another one, the default one too.
    lazy = get_lazy_class(engine, schema=str(db.url.database) if db.is_mariadb else None)
    archive = get_lazy_class(engine, schema=schema)
    tables = [lazy.users, lazy.orders, archive.users, archive.orders]
    user, order, old_user, old_order = (getattr(table, KINDS[kind])(relationships=tables) for table in tables)
    assert "Orders" == order.__name__ == old_order.__name__
    assert {"user": "users"} == relationships(order) == relationships(old_order)
    if db.is_sqlite:
        assert {"orders": "[orders]"} == relationships(user) == relationships(old_user)
        assert old_user is old_order.user.property.mapper.class_
    else:
        assert {"orders": "[orders]", f"{schema}_orders": "[orders]"} == relationships(user)
        assert {} == relationships(old_user)
    referred = old_order.user.property.mapper.class_
    with Session(engine) as session:
        session.add_all([order(user=user()), old_order(user=referred()), old_order(user=referred())])
        session.commit()
        assert (1, 2) == (session.query(order).count(), session.query(old_order).count())
        assert 2 == session.query(old_order).join(old_order.user).count()


# -- Names


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("user_id INTEGER REFERENCES users (id)", "user"),
        ("user_no INTEGER REFERENCES users (no)", "user"),
        ("created_by INTEGER REFERENCES users (id)", "created_by_row"),
        ("no INTEGER REFERENCES users (no)", "users_row"),
        ("id INTEGER REFERENCES users (id)", "users_row"),
        ("userId INTEGER REFERENCES users (id)", "user"),
        ("USER_ID INTEGER REFERENCES users (id)", "USER"),
        ("android INTEGER REFERENCES users (id)", "android_row"),
        ("user_id INTEGER REFERENCES users (id), user TEXT", "user_id_row"),
        ("user_id INTEGER REFERENCES users (id), user TEXT, user_id_row TEXT", "user_id_row_users"),
        (
            "user_id INTEGER REFERENCES users (id), user TEXT, user_id_row TEXT, user_id_row_users TEXT",
            "user_id_row_users_2",
        ),
        ("class_id INTEGER REFERENCES users (id)", "class_"),
        ("metadata_id INTEGER REFERENCES users (id)", "metadata_"),
        ('"the user id" INTEGER REFERENCES users (id)', "the_user_id_row"),
        ("a INTEGER, b INTEGER, FOREIGN KEY (a, b) REFERENCES users (id, no)", "a_b_row"),
        ("no INTEGER, user_id INTEGER, FOREIGN KEY (user_id, no) REFERENCES users (id, no)", "user"),
        ("no INTEGER, id INTEGER, FOREIGN KEY (id, no) REFERENCES users (id, no)", "users_row"),
    ],
)
def test_the_name_of_the_row_referred_to(sqlite_db: Database, kind: str, columns: str, expected: str) -> None:
    """It is the foreign key's columns without ``_id``, and ``_row`` after what has none."""
    sqlite_db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, no INTEGER NOT NULL UNIQUE, UNIQUE (id, no))",
        f"CREATE TABLE posts (k INTEGER PRIMARY KEY, {columns})",
    )
    models = Models(kind, get_lazy_class(sqlite_db.engine), "users", "posts")
    assert [expected] == list(relationships(models.posts))
    assert ["posts"] == list(relationships(models.users))


def test_names_that_clash(sqlite_db: Database, kind: str) -> None:
    """What columns, foreign keys of the table, those of others and link tables would call alike is told apart."""
    sqlite_db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, notes TEXT, team_id INTEGER REFERENCES team (id))",
        "CREATE TABLE team (id INTEGER PRIMARY KEY, owner_id INTEGER UNIQUE REFERENCES users (id))",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id))",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER REFERENCES users (id))",
        "CREATE TABLE likes (user_id INTEGER REFERENCES users (id), post_id INTEGER REFERENCES posts (id),"
        " PRIMARY KEY (user_id, post_id))",
        "CREATE TABLE reads (user_id INTEGER REFERENCES users (id), post_id INTEGER REFERENCES posts (id),"
        " PRIMARY KEY (user_id, post_id))",
        "CREATE TABLE follows (follower_id INTEGER REFERENCES users (id), followed_id INTEGER REFERENCES users (id),"
        " PRIMARY KEY (follower_id, followed_id))",
        "CREATE TABLE both (id INTEGER PRIMARY KEY, x_id INTEGER REFERENCES users (id) REFERENCES posts (id))",
    )
    models = Models(
        kind, get_lazy_class(sqlite_db.engine), "users", "team", "notes", "posts", "likes", "reads", "follows", "both"
    )
    assert {
        "team": "team",  # the row of team_id, and so the team that refers to the user is
        "team_by_owner": "team",
        "notes_by_user": "[notes]",  # there is a column of that name
        "posts": "[posts]",
        "posts_by_likes": "[posts]",
        "posts_by_reads": "[posts]",
        "users_by_followed": "[users]",
        "users_by_follower": "[users]",
        "both": "[both]",
    } == relationships(models.users)
    assert {"author": "users", "users_by_likes": "[users]", "users_by_reads": "[users]", "both": "[both]"} == (
        relationships(models.posts)
    )
    assert {"x_id_row_posts": "posts", "x_id_row_users": "users"} == relationships(models.both)
    models.both(x_id_row_posts=models.posts(), x_id_row_users=models.users())


def test_a_foreign_key_that_leads_nowhere(sqlite_db: Database, kind: str) -> None:
    """SQLite lets a foreign key name a column that is not there, or its own: that relates nothing."""
    sqlite_db.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY REFERENCES users (id))",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (nowhere))",
    )
    models = Models(kind, get_lazy_class(sqlite_db.engine), "users", "posts")
    assert {} == relationships(models.users) == relationships(models.posts)


def test_following(db: Database, kind: str) -> None:
    """Of a link table from a table to itself, each direction is named after the column that leads to the others."""
    auto = AUTOINCREMENT[db.name]
    db.execute(
        f"CREATE TABLE users (id {auto}, name VARCHAR(9))",
        "CREATE TABLE follows (follower_id INTEGER REFERENCES users (id), followed_id INTEGER REFERENCES users (id),"
        " PRIMARY KEY (follower_id, followed_id))",
    )
    user = Models(kind, get_lazy_class(db.engine), "users", "follows").users
    with Session(db.engine) as session:
        ann, bob = user(name="ann"), user(name="bob")
        ann.users_by_followed.append(bob)
        session.add(ann)
        session.commit()
        assert [ann] == bob.users_by_follower
        assert [] == bob.users_by_followed


def test_a_relationship_may_be_called_as_a_method_of_dict(db: Database, lazy: LazyDB) -> None:
    """``items`` of an order is no harm to ``model_validate`` of a dict."""
    order = Models("sqlmodel", lazy, "orders", "items").orders
    assert 5 == order.model_validate({"user_id": 5}).user_id
    assert 6 == order.model_validate({"user_id": 5}, update={"user_id": 6}).user_id
    assert [] == order.model_validate({"user_id": 5}).items


COLUMNS = ["user_id", "parent_id", "created_by", "tenant_id", "users", "user", "children", "users_id"]


@st.composite
def schemas(draw: st.DrawFn) -> list[TableInfo]:
    """Make tables of few names, with any foreign keys between them: circles, doubles, composite ones, link tables."""
    names = draw(
        st.lists(
            st.tuples(st.sampled_from([None, "s"]), st.sampled_from(["users", "user", "children", "parent"])),
            unique=True,
            min_size=1,
            max_size=5,
        )
    )
    tables = []
    for schema, name in names:
        columns = draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=4))
        every = [*(["id"] if draw(st.booleans()) else []), *columns] or ["id"]
        targets = st.tuples(
            st.lists(st.sampled_from(every), unique=True, min_size=1, max_size=2), st.sampled_from(names)
        )
        keys = [(*key, draw(st.permutations(["id", "tenant_id"]))) for key in draw(st.lists(targets, max_size=4))]
        primary = draw(st.sampled_from([every, every[:1]]))
        tables.append(
            TableInfo(
                name=name,
                schema=schema,
                kind=TableKind.TABLE,
                columns=tuple(
                    ColumnInfo(column, TypeInfo.of(Integer()), nullable=column not in primary and draw(st.booleans()))
                    for column in dict.fromkeys([*every, "id", "tenant_id"])
                ),
                primary_key=KeyInfo(tuple(primary)),
                foreign_keys=tuple(
                    ForeignKeyInfo(tuple(columns), *target, tuple(referred[: len(columns)]))
                    for columns, target, referred in keys
                ),
            )
        )
    return tables


@settings(max_examples=amount(8, 25))
@given(schemas(), st.data())
def test_any_foreign_keys(infos: list[TableInfo], data: st.DataObject) -> None:
    """Whatever refers to what: no warning, no name twice, what leads there leads back, and a group changes no other."""
    built = BuiltTables("sqlite")
    tables = [built.table(info) for info in infos]
    groups = [tables, data.draw(st.lists(st.sampled_from(tables), unique=True, min_size=1))]
    for emitter, group in itertools.product((SQLModelEmitter, ORMEmitter), groups):
        for table in group:
            cls: Any = table.emit(emitter(relationships=group))
            cls()
            mapper = inspect(cls)
            assert len(table.columns) + len(mapper.relationships) == len(mapper.attrs)
            for one in mapper.relationships:
                assert one.mapper.class_ is one.mapper.local_table.emit(emitter(relationships=group))
                back = one.mapper.relationships[one.back_populates]
                assert (mapper, one.key) == (back.mapper, back.back_populates)


# -- Life


def test_a_table_that_changed_gives_related_classes_anew(db: Database, lazy: LazyDB, kind: str) -> None:
    """Old classes go on together on the old shape; the next call gives new ones, and a mix of both is refused."""
    models = Models(kind, lazy, "users", "orders")
    old_user, old_order = models.users, models.orders
    db.execute("ALTER TABLE orders ADD COLUMN added INTEGER")
    lazy.invalidate("orders")
    assert lazy.users is models.tables[0]
    new = Models(kind, lazy, "users", "orders")
    assert new.users is not old_user
    assert "added" in inspect(new.orders).attrs
    for user, order in ((old_user, old_order), (new.users, new.orders), (old_user, old_order)):
        with Session(db.engine) as session:
            session.add(order(user=user(name="x")))
            session.commit()
            assert "x" == session.scalars(select(order).join(order.user)).first().user.name
    assert [(3,)] == db.fetch("SELECT count(*) FROM orders")
    db.execute("ALTER TABLE users ADD COLUMN added INTEGER")
    lazy.invalidate("users")
    with pytest.raises(ModelError, match=r"'orders' and 'users' cannot be related.*from the accessor again"):
        getattr(new.tables[1], KINDS[kind])(relationships=[lazy.users])


def test_a_table_that_stays_keeps_no_old_version(db: Database, lazy: LazyDB, kind: str) -> None:
    """Classes of a group go with the tables that have changed, though another table of the group has not."""
    with collecting_only_what_is_new():
        first = Models(kind, lazy, "users", "orders")
        gone = [weakref.ref(first.orders), weakref.ref(first.tables[1])]
        del first
        db.execute("ALTER TABLE orders ADD COLUMN added INTEGER")
        lazy.invalidate("orders")
        second = Models(kind, lazy, "users", "orders")
        assert second.users
        gc.collect()
        assert [None, None] == [one() for one in gone]


def test_related_classes_go_when_nobody_holds_them(db: Database, lazy: LazyDB, kind: str) -> None:
    """SQLAlchemy's registries of the classes keep none of them."""
    with collecting_only_what_is_new():
        models = Models(kind, lazy, "users", "orders")
        gone = [weakref.ref(models.users), weakref.ref(models.orders)]
        for table in models.tables:
            emitted_from(table).clear()
        gc.collect()
        assert [None, None] == [one() for one in gone]


def test_threads_get_one_class(lazy: LazyDB, kind: str) -> None:
    """Calls of several threads at once, from several tables, give the classes of one group."""
    tables = [lazy.users, lazy.orders, lazy.items]
    barrier = threading.Barrier(6)

    def ask(number: int) -> set[Any]:
        barrier.wait()
        order = getattr(tables[number % 3], KINDS[kind])(relationships=tables)
        return {order} | {one.mapper.class_ for one in inspect(order).relationships}

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(ask, range(6)))
    assert 3 == len(set().union(*found))


# -- What cannot be


def test_wrong_relationships(db: Database, lazy: LazyDB, kind: str) -> None:
    """What is no collection of tables of one accessor is refused with the remedy."""
    as_ = getattr(lazy.orders, KINDS[kind])
    for wrong, said in [
        (True, r"takes the tables to relate, such as relationships=\[.*and not True"),
        (lazy.users, r"and not the table 'users'"),
        ("users", r"and not 'users'"),
        (None, r"and not None"),
        (["users"], r"'users' is not one of them"),
        ([lazy.users.alias()], r"a Alias is not one of them"),
    ]:
        with pytest.raises(ModelError, match=said):
            as_(relationships=wrong)
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE elsewhere (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    other = get_lazy_class(engine)
    with pytest.raises(ModelError, match=r"is not one of them. Await it first."):
        as_(relationships=[get_async_lazy_class(db.engine).users])
    plain = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    with pytest.raises(ModelError, match=r"the table 'users' is not one of them"):
        as_(relationships=[plain])
    with pytest.raises(ModelError, match=r"'users' itself is not an accessor's table"):
        SQLModelEmitter(relationships=[lazy.users]).emit(plain)
    with pytest.raises(ModelError, match=r"two databases.*same accessor"):
        as_(relationships=[other.elsewhere])
    with pytest.raises(ModelError, match=r"two tables 'users'"):
        as_(relationships=[lazy.users, other.users])
    engine.dispose()
