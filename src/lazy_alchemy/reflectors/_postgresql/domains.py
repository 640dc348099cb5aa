"""The parts of PostgreSQL's domains that SQLAlchemy's Inspector omits, for the InspectorReflector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lazy_alchemy.reflectors._postgresql.statement import OLDEST, read_types
from lazy_alchemy.reflectors._postgresql.types import TypesOf, UncertainError, UnsettledError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from lazy_alchemy._schema.types import TypeInfo

__all__ = ["full_types"]


def full_types(
    connection: Connection, names: Collection[str], schema: str | None
) -> Mapping[tuple[str, str], TypeInfo]:
    """Return the full types of columns, by table and column, where SQLAlchemy's omit something; one round trip.

    Types that the server does not report fully, or that have just changed, are not returned.
    """
    if (connection.dialect.server_version_info or ()) < OLDEST:
        return {}
    columns, facts = read_types(connection, names, schema)
    # Any: type classes by name, an attribute that SQLAlchemy does not declare on Dialect
    ischema_names: Any = getattr(connection.dialect, "ischema_names")  # noqa: B009
    types = TypesOf(facts, ischema_names)
    found: dict[tuple[str, str], TypeInfo] = {}
    for facts_, table, column in columns:
        try:
            full = types.of(*str(facts_).split(",")).full
        except (UncertainError, UnsettledError):
            continue
        if full is not None:
            found[str(table), str(column)] = full
    return found
