"""The version of SQLAlchemy, on which some reflected details depend."""

from __future__ import annotations

import sqlalchemy

__all__ = ["NEWER_LINE"]

NEWER_LINE = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2]) >= (2, 1)
"""Whether it is 2.1 or later, which reflects more than 2.0: table options, invalid indexes and other details."""
