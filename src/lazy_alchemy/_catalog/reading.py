"""Reads tables: given a connection, the keys, and what is loaded of them, returns the outcome of each.

It knows no flights and publishes nothing. Only ``Reader`` calls a reflector, and errors leave it as the library's own.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lazy_alchemy._catalog.connections import Loan, caller_loan, pooled_loan, savepoint
from lazy_alchemy._catalog.databases import database_name
from lazy_alchemy._catalog.failures import raise_alone, reflection_error
from lazy_alchemy._catalog.outcomes import Found, Key, Missing, Outcome, Task
from lazy_alchemy._drivers import gave_up_waiting, in_transaction
from lazy_alchemy._errors import ReflectionError
from lazy_alchemy._schema.names import can_exist

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Dialect, Engine

    from lazy_alchemy._protocols import Reflector
    from lazy_alchemy._schema.tables import TableInfo, TableKind

__all__ = ["Reader"]

_SHOWN = 10
"""How many names a message lists."""


Torn: TypeAlias = "Callable[[Mapping[Key, Outcome], Sequence[Collection[Key]]], Mapping[Key, TableInfo | None]]"
"""Returns the tables to read again, with what is loaded of them, given the outcome and its batches; see ``Shelf``."""

Take: TypeAlias = "Callable[[], Task]"
"""Returns what is to be read. Called when the connection is in hand."""


class Reader:
    """Reads tables of one engine, which it does not keep alive, with one reflector."""

    def __init__(self, engine: Engine, reflector: Reflector) -> None:
        """See the class."""
        self._engine = weakref.ref(engine)
        self._reflector = reflector

    def read(self, connection: Connection, take: Take, torn: Torn) -> dict[Key, Outcome]:
        """Read tables on a connection of the pool.

        Args:
            connection: It was just taken from the pool.
            take: Loaded tables are only checked for a change, and read again if there is one.
            torn: Tables that it names are read again, before anything is published.
        """
        with pooled_loan(connection, autocommit=self._autocommits()) as loan:
            task = take()
            if loan.sees_uncommitted:  # other names may exist for it
                task = task._replace(listings={})
            return self._look_until_whole(loan, task, torn)

    def _look_until_whole(self, loan: Loan, task: Task, torn: Torn) -> dict[Key, Outcome]:
        outcome = self._look(loan, task)
        batches = [task.keys]
        again: dict[Key, TableInfo | None] = {}
        while found := torn(outcome, batches):
            again.update(found)  # a round reads what earlier ones have read, and more: so there is a last one
            # What this load has found already counts as known: it is only checked for a change.
            now = {
                key: result.info if isinstance(result := outcome.get(key), Found) else info
                for key, info in again.items()
            }
            known = {key: info for key, info in now.items() if info is not None}
            outcome |= self._look(loan, Task(list(again), known, task.listings))
            batches.append(list(again))
        return outcome

    def through(
        self, connection: Connection, keys: Collection[Key], known: Mapping[Key, TableInfo], torn: Torn
    ) -> dict[Key, Outcome]:
        """Read ``keys`` on the caller's connection, and leave its transaction as it is; see ``read`` for ``torn``.

        Raises:
            ReflectionError: The database cannot be asked at all.
        """
        try:
            with caller_loan(connection) as loan:
                return self._diverted(loan, self._look_until_whole(loan, Task(keys, known, {}), torn))
        except Exception as error:  # noqa: BLE001 - every error becomes a ReflectionError
            raise_alone(self.failure(keys, error))

    def changed_within(self, connection: Connection, keys: Collection[Key]) -> set[Key]:
        """Return those of ``keys`` that the open transaction of the caller's connection may have changed.

        One round trip for each schema if a transaction is open and the reflector can tell; else none.
        """
        ask: Callable[..., Collection[str]] | None = getattr(self._reflector, "uncommitted", None)
        changed: set[Key] = set()
        try:
            if not keys or not in_transaction(connection):
                return changed
            if ask is None:
                return set(keys)
            for schema, names in _by_schema(keys).items():
                with savepoint(connection, foreign=True):
                    changed.update((schema, name) for name in ask(connection, names, schema=schema))
        except SQLAlchemyError:  # the transaction has failed, or is closed: what is loaded is served
            return set()
        return changed

    def names(self, connection: Connection, schema: str | None) -> Mapping[str, TableKind]:
        """Return all names of ``schema`` with their kinds, read on a connection of the pool."""
        with (
            pooled_loan(connection, autocommit=self._autocommits()) as loan,
            savepoint(loan.connection, foreign=loan.foreign),
        ):
            return self._reflector.list_names(loan.connection, schema=schema)

    def _look(self, loan: Loan, task: Task) -> dict[Key, Outcome]:
        """Read tables, and mark the ones that the connection's transaction may have created, changed or dropped."""
        outcome = self._read(loan.connection, task, foreign=loan.foreign)
        if loan.sees_uncommitted:
            marked = self._asked("uncommitted", loan, outcome, otherwise=True)
            outcome |= _marked(outcome, marked, private=not loan.is_shared, uncommitted=True)
        for key, found in outcome.items():
            if isinstance(found, Found) and found.info.kind.is_temporary:
                outcome[key] = found._replace(private=True)
        return outcome

    def _diverted(self, loan: Loan, outcome: dict[Key, Outcome]) -> dict[Key, Outcome]:
        """Mark as private the tables that other connections would not find, or would find in another schema."""
        if loan.is_shared:
            return outcome
        return outcome | _marked(outcome, self._asked("diverted", loan, outcome, otherwise=False), private=True)

    def _asked(self, method: str, loan: Loan, outcome: Mapping[Key, Outcome], *, otherwise: bool) -> set[Key]:
        """Return the found keys that a method of ``ConnectionAware`` names.

        Args:
            method: The method.
            loan: The connection to ask on.
            outcome: What was found on it.
            otherwise: Whether to return all found keys if the reflector lacks the method; else none.
        """
        found = [key for key, result in outcome.items() if isinstance(result, Found)]
        ask: Callable[..., Collection[str]] | None = getattr(self._reflector, method, None)
        if ask is None:
            return set(found) if otherwise else set()
        said: set[Key] = set()
        for schema, names in _by_schema(found).items():
            with savepoint(loan.connection, foreign=loan.foreign):
                said.update((schema, name) for name in ask(loan.connection, names, schema=schema))
        return said

    def _read(self, connection: Connection, task: Task, *, foreign: bool) -> dict[Key, Outcome]:
        outcome: dict[Key, Outcome] = {}
        known = task.known
        for schema, names in _by_schema(task.keys).items():
            fresh = [name for name in names if (schema, name) not in known]
            loaded = {name: known[schema, name] for name in names if (schema, name) in known}
            if loaded:
                try:
                    now = self._fingerprints(connection, loaded, schema, foreign=foreign)
                except DBAPIError as error:
                    if foreign or not fresh or not gave_up_waiting(error):
                        raise
                    # Only the loaded tables fail; the new ones are still read.
                    connection.rollback()
                    failure = self.failure([(schema, name) for name in loaded], error)
                    outcome.update(((schema, name), failure) for name in loaded)
                    loaded = {}
                    now = {}
                for name, info in loaded.items():
                    if name in now and now[name] == info.fingerprint:
                        outcome[schema, name] = Found(info)
                    else:
                        fresh.append(name)
            found = self._reflect(connection, fresh, schema, foreign=foreign) if fresh else {}
            outcome.update(((schema, name), result) for name, result in found.items())
            missing = [name for name in names if (schema, name) not in outcome]
            if missing:
                available = task.listings.get(schema)
                reused = available is not None and set(missing).isdisjoint(available)  # else one was dropped since
                if available is None or not reused:
                    with savepoint(connection, foreign=foreign):
                        available = tuple(self._reflector.list_names(connection, schema=schema))
                outcome.update(((schema, name), Missing(available, listed=not reused)) for name in missing)
        return outcome

    def _fingerprints(
        self, connection: Connection, names: Collection[str], schema: str | None, *, foreign: bool
    ) -> Mapping[str, str]:
        """Return the fingerprints of ``names``; none if that fails: reflecting them then shows which one is broken."""
        try:
            with savepoint(connection, foreign=foreign):
                return self._reflector.fingerprints(connection, names, schema=schema)
        except Exception as error:
            if _concerns_all(error):
                raise
            if not foreign:
                connection.rollback()
            return {}

    def _reflect(
        self, connection: Connection, names: Collection[str], schema: str | None, *, foreign: bool
    ) -> dict[str, Outcome]:
        """Reflect ``names`` in one batch; if it fails, in halves, so that a broken view fails only itself."""
        names = [name for name in names if can_exist(name)]
        try:
            with savepoint(connection, foreign=foreign):
                if not names:
                    return {}
                infos = self._reflector.reflect(connection, names, schema=schema)
            return {name: Found(info) for name, info in infos.items()}
        except Exception as error:
            if _concerns_all(error):
                raise
            if not foreign:
                connection.rollback()
            if len(names) == 1:
                return {name: self.failure([(schema, name)], error) for name in names}
        half = len(names) // 2
        return {
            **self._reflect(connection, names[:half], schema, foreign=foreign),
            **self._reflect(connection, names[half:], schema, foreign=foreign),
        }

    def _autocommits(self) -> bool:
        ask: Callable[[Dialect], bool] | None = getattr(self._reflector, "autocommits", None)
        return ask is not None and ask(self.engine().dialect)

    # -- Errors

    def failure(self, keys: Iterable[Key], error: Exception) -> Exception:
        """Return the error for a load of ``keys`` that failed."""
        names = sorted(name for _, name in keys)
        shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
        what = f"{'Table' if len(names) == 1 else 'Tables'} {shown} could not be loaded from {self._called()}"
        return reflection_error(self._engine(), what, error)

    def list_failure(self, error: Exception) -> Exception:
        """Return the error for a listing that failed."""
        return reflection_error(self._engine(), f"The tables of {self._called()} could not be listed", error)

    def _called(self) -> str:
        engine = self._engine()
        return f"database {database_name(engine)!r}" if engine is not None else "the database"

    def engine(self) -> Engine:
        """Return the engine.

        Raises:
            ReferenceError: It is gone.
        """
        engine = self._engine()
        if engine is None:
            raise ReferenceError("the engine of this accessor is gone")
        return engine


def _concerns_all(error: BaseException | None) -> bool:
    """Return whether a load failed for lack of a connection, a lock or time; loading fewer tables would not help."""
    while isinstance(error, ReflectionError):
        error = error.__cause__
    return isinstance(error, DBAPIError) and (error.connection_invalidated or gave_up_waiting(error))


def _marked(
    outcome: Mapping[Key, Outcome], keys: Collection[Key], *, private: bool, uncommitted: bool = False
) -> dict[Key, Outcome]:
    """Return the missing tables, and those of ``keys`` that were found, with these marks."""
    return {
        key: found._replace(private=private, uncommitted=uncommitted)
        for key, found in outcome.items()
        if isinstance(found, Missing) or (isinstance(found, Found) and key in keys)
    }


def _by_schema(keys: Iterable[Key]) -> dict[str | None, list[str]]:
    grouped: defaultdict[str | None, list[str]] = defaultdict(list)
    for schema, name in keys:
        grouped[schema].append(name)
    return grouped
