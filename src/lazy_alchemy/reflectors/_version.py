"""Which SQLAlchemy this is, for what it reflects differently from one line to the next."""

from __future__ import annotations

import sqlalchemy

__all__ = ["NEWER_LINE"]

NEWER_LINE = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2]) >= (2, 1)
"""Whether it is 2.1 or later, which reflects what 2.0 does not: options of tables, invalid indexes and more."""
