"""What SQLAlchemy's Inspector leaves out of the domains of PostgreSQL, for the InspectorReflector."""

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
    """Return the full types of columns, by table and column, where SQLAlchemy's leave something out; one round trip.

    Those of which the server says nothing, or something that has just changed, are left out.
    """
    if (connection.dialect.server_version_info or ()) < OLDEST:
        return {}
    columns, facts = read_types(connection, names, schema)
    # Any: classes by name, which SQLAlchemy does not declare on a Dialect
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
