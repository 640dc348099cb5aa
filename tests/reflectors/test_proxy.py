"""What stands between SQLAlchemy's dialects and a connection while they read tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from lazy_alchemy.reflectors._proxy import ConnectionProxy, result_of
from lazy_alchemy.reflectors._sqlite import SQLiteAnswers
from tests.databases import count_queries, warm

if TYPE_CHECKING:
    from tests.databases import Database


def test_proxy_is_in_the_state_of_its_connection(db: Database) -> None:
    """What begins, ends or is set through a proxy does so on the connection, and the other way round."""
    db.execute("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY)")
    with db.engine.connect() as connection:
        proxy = ConnectionProxy(connection)
        assert 1 == proxy.exec_driver_sql("SELECT 1").scalar_one()
        assert connection.in_transaction()
        connection.rollback()
        assert not proxy.in_transaction()
        proxy.execution_options(no_parameters=True)
        assert connection.get_execution_options()["no_parameters"]
        with proxy.begin():
            connection.execute(text("INSERT INTO t VALUES (1)"))
        assert [1] == list(connection.scalars(text("SELECT id FROM t")))
        assert ["t"] == inspect(proxy).get_table_names()
    assert proxy.closed


def test_statements_that_are_not_known_go_to_the_database(sqlite_db: Database) -> None:
    """Whatever another version of SQLAlchemy may ask of SQLite is answered by SQLite, at the cost of a statement."""
    sqlite_db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", "CREATE INDEX i ON t (a)")
    with warm(sqlite_db.engine).connect() as connection:
        answers = SQLiteAnswers(connection, ["t"], None)
        with count_queries(sqlite_db.engine) as queries:
            known = answers.exec_driver_sql('PRAGMA main.index_info("i")').all()
        assert 0 == queries.count
        for statement in ('PRAGMA main.index_xinfo("i")', "SELECT sql FROM sqlite_master WHERE name = 'i'"):
            with count_queries(sqlite_db.engine) as queries:
                assert answers.exec_driver_sql(statement).all()
            assert 1 == queries.count
        assert known == connection.exec_driver_sql('PRAGMA main.index_info("i")').all()


def test_result_of_rows_is_read_as_any_other() -> None:
    """The rows of an answer are had one by one, all at once, by name, and as a scalar."""
    rows = [(1, "a"), (2, "b")]
    assert rows == result_of(("id", "name"), rows).fetchall()
    assert rows == list(result_of(("id", "name"), rows))
    assert (1, "a") == result_of(("id", "name"), rows).first()
    assert "a" == result_of(("id", "name"), rows).mappings().first()["name"]  # type: ignore[index]  # there is one
    assert 1 == result_of(("id", "name"), rows).scalar()
    assert [] == result_of(("id", "name"), []).all()
    assert result_of(("id", "name"), []).scalar() is None
