"""What ``SHOW CREATE TABLE`` of MariaDB and MySQL says and SQLAlchemy does not pass on: what kind the name is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from lazy_alchemy._tableinfo import TableKind

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from typing_extensions import Self

__all__ = ["Definitions"]


class Definitions:
    """Hears, within its ``with`` block, what a connection is answered when SQLAlchemy asks for definitions.

    So a table costs no statement but that one. A driver whose cursors cannot be read twice leaves the kinds unknown.
    """

    def __init__(self, connection: Connection) -> None:
        """Hear ``connection``, once the block is entered."""
        self._connection = connection
        self._kinds: dict[str, TableKind | None] = {}

    def __enter__(self) -> Self:
        event.listen(self._connection, "after_cursor_execute", self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._connection, "after_cursor_execute", self._hear)

    def shown(self, name: str, schema: str | None) -> bool:
        """Return whether the database showed a definition of ``name``: it exists, be it readable or not."""
        return self._statement(name, schema) in self._kinds

    def kind(self, name: str, schema: str | None) -> TableKind | None:
        """Return what ``name`` is; None where that is not certain."""
        return self._kinds.get(self._statement(name, schema))

    def _statement(self, name: str, schema: str | None) -> str:
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        return _SHOW + ".".join(quote(part) for part in (schema, name) if part is not None)

    # Any: a cursor of whatever driver
    def _hear(self, _connection: Connection, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith(_SHOW):
            self._kinds[statement] = _kind(cursor)


_SHOW = "SHOW CREATE TABLE "
_COLUMNS_OF_A_TABLE = 2  # a view has four (MariaDB Knowledge Base, "SHOW CREATE VIEW")


def _kind(cursor: Any) -> TableKind | None:
    # A cursor that has counted its rows holds them all; scroll() is an optional extension of the DB-API (PEP 249).
    if cursor.rowcount != 1 or not hasattr(cursor, "scroll"):
        return None
    row: tuple[Any, ...] = cursor.fetchone()
    cursor.scroll(0, mode="absolute")
    if len(row) > _COLUMNS_OF_A_TABLE:
        return TableKind.VIEW
    # CREATE TEMPORARY TABLE is also what a table of information_schema is shown as.
    return TableKind.TABLE if str(row[1]).startswith("CREATE TABLE ") else None
