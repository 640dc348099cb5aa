"""A loaded table that the caller's own transaction has altered, for every way (I6, I8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .ways import WAYS, answer

if TYPE_CHECKING:
    from .ways import Place

every = pytest.mark.parametrize("place", WAYS, ids=str, indirect=True)


@every
def test_table_that_the_own_transaction_has_altered(place: Place) -> None:
    """The transaction gets the new table, which is not kept; on MariaDB, where it is committed, everyone does."""
    place.db.execute("CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY)")

    async def main() -> None:
        engine = place.engine()
        db = place.accessor(engine)
        old = await answer(db.users)
        async with place.connect(engine) as connection:
            if place.db.is_sqlite:
                await connection.execute("BEGIN")
            await connection.execute("ALTER TABLE users ADD COLUMN added INTEGER")
            if place.db.is_mariadb:
                await answer(db.invalidate("users"))
            new = await answer(db.get("users", connection=connection.raw))
            assert ["id", "added"] == new.c.keys()
            assert new is await answer(db.get("users", connection=connection.raw))
        assert (new if place.db.is_mariadb else old) is await answer(db.users)

    place.run(main)
