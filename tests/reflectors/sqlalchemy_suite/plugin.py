"""The pytest plugin of that process: SQLAlchemy's, and a reflector in the Inspector's place."""

# ruff: noqa: F403, E402 - what SQLAlchemy documents for suites of dialects (README.dialects.rst), in its order

import os

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin import plugin_base
from sqlalchemy.testing.plugin.pytestplugin import *

from lazy_alchemy import reflectors
from tests.reflectors.sqlalchemy_suite import answers

if ident := os.environ.get("LAZY_ALCHEMY_TEST_IDENT"):
    plugin_base.configure_follower(ident)  # on MariaDB a schema's name is the whole server's

if reflector := os.environ.get("LAZY_ALCHEMY_TEST_REFLECTOR"):
    answers.install(getattr(reflectors, reflector)())
