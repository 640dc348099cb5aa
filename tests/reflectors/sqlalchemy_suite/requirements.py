"""What each database can do: the suite asks for an ability before it tests it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Requirements"]

_ABILITIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("postgresql", "sqlite", "mariadb"): (
        "check_constraint_reflection", "computed_columns", "computed_columns_reflect_persisted",
        "computed_columns_stored", "expression_server_defaults", "fk_constraint_option_reflection_ondelete_noaction",
        "foreign_key_constraint_option_reflection_ondelete", "foreign_key_constraint_option_reflection_onupdate",
        "has_temp_table", "indexes_check_column_order", "order_by_collation", "server_defaults",
        "view_column_reflection", "view_reflection", "views",
    ),
    ("postgresql", "sqlite"): (
        "fk_constraint_option_reflection_ondelete_restrict", "fk_constraint_option_reflection_onupdate_restrict",
        "indexes_with_expressions", "inline_check_constraint_reflection", "reflects_pk_names",
        "repeated_column_foreign_keys", "temp_table_names", "temporary_views",
    ),
    ("postgresql", "mariadb"): (
        "comment_reflection", "cross_schema_fk_reflection", "implicitly_named_constraints",
        "independent_connections", "schema_create_delete", "temp_table_comment_reflection",
        "unique_constraints_reflect_as_index",
    ),
    ("sqlite", "mariadb"): ("computed_columns_virtual", "nvarchar_types"),
    ("postgresql",): (
        "column_collation_reflection", "comment_reflection_full_unicode", "computed_columns_default_persisted",
        "constraint_comment_reflection", "identity_columns", "identity_columns_standard",
        "index_reflects_included_columns", "materialized_views", "reflect_indexes_with_expressions",
        "reflect_tables_no_columns",
    ),
    ("sqlite",): ("repeated_remote_col_foreign_keys",),
    ("mariadb",): ("foreign_keys_reflect_as_index", "unique_index_reflect_as_unique_constraints"),
}  # fmt: skip
"""Those that SuiteRequirements does not take for granted, or that one of the three lacks."""

_COLLATIONS = {"postgresql": "POSIX", "sqlite": "NOCASE", "mariadb": "utf8mb4_bin"}


class Requirements(SuiteRequirements):
    """SQLAlchemy's, and these."""

    def get_order_by_collation(self, config: Any) -> str:
        """Return a collation that is not the default one."""
        return _COLLATIONS[config.db.name]


def _only_on(databases: Sequence[str]) -> property:
    return property(lambda _: exclusions.only_on(list(databases)))


Requirements.reflect_table_options = _only_on([*(["postgresql"] if NEWER_LINE else []), "sqlite", "mariadb"])
for _databases, _names in _ABILITIES.items():
    for _name in _names:
        setattr(Requirements, _name, _only_on(_databases))
