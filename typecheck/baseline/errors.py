"""The errors: one root, and what each says."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from lazy_alchemy import (
    DriftError,
    DriftWarning,
    LazyAlchemyError,
    ModelError,
    ReflectionError,
    TableNotFoundError,
    UnknownTypeWarning,
)
from typecheck.shop import AppDB, Engines

try:
    AppDB(Engines.sync).get("user")
except TableNotFoundError as error:
    assert_type(error.names, tuple[str, ...])
    assert_type(error.database, str)
    assert_type(error.schema, str | None)
    assert_type(error.available, tuple[str, ...])
    assert_type(error.args, tuple[Any, ...])
except (ReflectionError, ModelError, DriftError) as other:
    assert_type(other, ReflectionError | ModelError | DriftError)
except LazyAlchemyError:
    pass

root: type[LazyAlchemyError] = TableNotFoundError
attribute_error: type[AttributeError] = TableNotFoundError
lookup_error: type[LookupError] = TableNotFoundError
warnings: list[type[UserWarning]] = [UnknownTypeWarning, DriftWarning]
