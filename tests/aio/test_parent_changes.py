"""A renamed column of a parent, for every way: the child has the new foreign key before it is handed out (I3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .ways import WAYS, answer

if TYPE_CHECKING:
    from tests.fakes import Clock

    from .ways import Place

every = pytest.mark.parametrize("place", WAYS, ids=str, indirect=True)


@every
@pytest.mark.parametrize("how", ["invalidate", "refresh", "ttl"])
@pytest.mark.parametrize("order", [("p", "kid"), ("kid", "p")], ids="-".join)
def test_renamed_column_of_a_parent(place: Place, how: str, order: tuple[str, str], clock: Clock) -> None:
    """Told of the parent alone, or with one of the two expired, the tables join by the new key, whichever is first."""
    place.db.execute(
        "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY, k INTEGER UNIQUE)",
        "CREATE TABLE kid (id INTEGER NOT NULL PRIMARY KEY, k INTEGER, FOREIGN KEY (k) REFERENCES p (k))",
    )

    async def main() -> None:
        db = place.accessor(cache_ttl=10 if how == "ttl" else None)
        await answer(db.get(order[0]))
        clock.now += 6
        await answer(db.get(order[1]))
        assert "p.k = kid.k" in str((await answer(db.kid)).join(await answer(db.p)))
        place.db.execute("ALTER TABLE p RENAME COLUMN k TO k2")
        if how == "ttl":
            clock.now += 5
            await answer(db.get(order[0]))
        else:
            await answer(getattr(db, how)("p"))
        new = {name: await answer(db.get(name)) for name in order}
        assert "p.k2 = kid.k" in str(new["kid"].join(new["p"]))
        assert new == {name: await answer(db.get(name)) for name in order}

    place.run(main)
