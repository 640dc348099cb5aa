"""Details in the output of ``SHOW CREATE TABLE`` of MariaDB and MySQL that SQLAlchemy does not return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lazy_alchemy._schema.tables import TableKind
from lazy_alchemy.reflectors._proxy import ConnectionProxy, result_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

__all__ = ["Definitions"]


class Definitions(ConnectionProxy):
    """Records the definitions that SQLAlchemy reads, so that a table needs only one statement."""

    __slots__ = ("_definitions",)

    def __init__(self, connection: Connection) -> None:
        """Create a proxy for ``connection``."""
        super().__init__(connection)
        self._definitions: dict[str, _Definition] = {}

    # Any: see ConnectionProxy
    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Execute ``statement``, and record the result if it is a definition."""
        result = super().exec_driver_sql(statement, parameters, execution_options)
        if not statement.startswith(_SHOW):
            return result
        columns, rows = tuple(result.keys()), result.all()
        self._definitions[statement] = _Definition.of(rows[0])
        return result_of(columns, rows)

    def shown(self, name: str, schema: str | None) -> bool:
        """Return whether the database returned a definition of ``name``: it exists, even if it cannot be read."""
        return self._statement(name, schema) in self._definitions

    def kind(self, name: str, schema: str | None) -> TableKind | None:
        """Return the kind of ``name``; None if it is not certain."""
        return self._definitions.get(self._statement(name, schema), _UNKNOWN).kind

    def lacking(self, name: str, schema: str | None) -> Collection[str]:
        """Return the SQL keywords that the definition of ``name`` certainly lacks, so these facts need not be read."""
        return self._definitions.get(self._statement(name, schema), _UNKNOWN).lacking

    def _statement(self, name: str, schema: str | None) -> str:
        quote = self.dialect.identifier_preparer.quote_identifier
        return _SHOW + (quote(name) if schema is None else f"{quote(schema)}.{quote(name)}")


class _Definition(NamedTuple):
    kind: TableKind | None
    lacking: Collection[str]

    @classmethod
    def of(cls, row: Sequence[object]) -> _Definition:
        text = str(row[1])
        lacking = [word for word in ("CHECK", "COMMENT", "REFERENCES", "UNIQUE") if word not in text]
        if len(row) > _COLUMNS_OF_A_TABLE:
            return cls(TableKind.VIEW, lacking)
        # The tables of information_schema are shown as CREATE TEMPORARY TABLE, too.
        return cls(TableKind.TABLE if text.startswith("CREATE TABLE ") else None, lacking)


_UNKNOWN = _Definition(None, ())
_SHOW = "SHOW CREATE TABLE "
_COLUMNS_OF_A_TABLE = 2  # a view has four (MariaDB Knowledge Base, "SHOW CREATE VIEW")
