"""What ``SHOW CREATE TABLE`` of MariaDB and MySQL says and SQLAlchemy does not pass on: what kind the name is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lazy_alchemy._tableinfo import TableKind
from lazy_alchemy.reflectors._proxy import ConnectionProxy, result_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["Definitions"]


class Definitions(ConnectionProxy):
    """Hears what the database answers when SQLAlchemy asks for definitions; a table costs no statement but that one."""

    __slots__ = ("_kinds",)

    def __init__(self, connection: Connection) -> None:
        """Listen to ``connection``."""
        super().__init__(connection)
        self._kinds: dict[str, TableKind | None] = {}

    # Any: see ConnectionProxy
    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Have the database execute ``statement``, and hear the answer if it is a definition."""
        result = super().exec_driver_sql(statement, parameters, execution_options)
        if not statement.startswith(_SHOW):
            return result
        columns, rows = tuple(result.keys()), result.all()
        self._kinds[statement] = _kind(rows[0]) if rows else None
        return result_of(columns, rows)

    def shown(self, name: str, schema: str | None) -> bool:
        """Return whether the database showed a definition of ``name``: it exists, be it readable or not."""
        return self._statement(name, schema) in self._kinds

    def kind(self, name: str, schema: str | None) -> TableKind | None:
        """Return what ``name`` is; None where that is not certain."""
        return self._kinds.get(self._statement(name, schema))

    def _statement(self, name: str, schema: str | None) -> str:
        quote = self.dialect.identifier_preparer.quote_identifier
        return _SHOW + ".".join(quote(part) for part in (schema, name) if part is not None)


_SHOW = "SHOW CREATE TABLE "
_COLUMNS_OF_A_TABLE = 2  # a view has four (MariaDB Knowledge Base, "SHOW CREATE VIEW")


def _kind(row: Sequence[object]) -> TableKind | None:
    if len(row) > _COLUMNS_OF_A_TABLE:
        return TableKind.VIEW
    # CREATE TEMPORARY TABLE is also what a table of information_schema is shown as.
    return TableKind.TABLE if str(row[1]).startswith("CREATE TABLE ") else None
