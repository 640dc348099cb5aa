"""The reflection tests that SQLAlchemy ships for dialects; test_suite.py runs them in a process of their own."""

from sqlalchemy.testing.suite.test_reflection import *  # noqa: F403 - it is made for this
