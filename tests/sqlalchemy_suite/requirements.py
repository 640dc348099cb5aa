"""What PostgreSQL can do: the suite asks for each ability before it tests it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

from lazy_alchemy.reflectors._postgresql_types import NEWER_LINE

__all__ = ["Requirements"]

_OPEN = (
    "check_constraint_reflection", "column_collation_reflection", "comment_reflection",
    "comment_reflection_full_unicode", "computed_columns", "computed_columns_default_persisted",
    "computed_columns_reflect_persisted", "computed_columns_stored", "constraint_comment_reflection",
    "cross_schema_fk_reflection", "expression_server_defaults",
    "fk_constraint_option_reflection_ondelete_noaction", "fk_constraint_option_reflection_ondelete_restrict",
    "fk_constraint_option_reflection_onupdate_restrict", "foreign_key_constraint_option_reflection_ondelete",
    "foreign_key_constraint_option_reflection_onupdate", "foreign_key_constraint_reflection", "has_temp_table",
    "identity_columns", "identity_columns_standard", "implicitly_named_constraints", "index_reflection",
    "index_reflects_included_columns", "indexes_check_column_order", "indexes_with_ascdesc",
    "indexes_with_expressions", "inline_check_constraint_reflection", "materialized_views", "named_constraints",
    "order_by_collation", "primary_key_constraint_reflection", "reflect_indexes_with_ascdesc",
    "reflect_indexes_with_expressions", "reflect_table_options", "reflect_tables_no_columns",
    "reflects_pk_names", "repeated_column_foreign_keys", "schema_create_delete", "schema_reflection", "schemas",
    "self_referential_foreign_keys", "server_defaults", "symbol_names_w_double_quote", "table_reflection",
    "temp_table_comment_reflection", "temp_table_names", "temp_table_reflect_indexes", "temp_table_reflection",
    "temporary_views", "unique_constraint_reflection", "unique_constraints_reflect_as_index",
    "view_column_reflection", "view_reflection", "views",
)  # fmt: skip


class Requirements(SuiteRequirements):
    """SQLAlchemy's, and these."""

    def get_order_by_collation(self, config: Any) -> str:
        """Return a collation that is not the default one."""
        return "POSIX"


for _name in _OPEN:
    if _name != "reflect_table_options" or NEWER_LINE:
        setattr(Requirements, _name, property(lambda _: exclusions.open()))
