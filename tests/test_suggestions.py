"""What a missing table costs and what its error suggests, with 20,000 names and with few."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import string
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from lazy_alchemy import TableNotFoundError, get_lazy_class
from lazy_alchemy.reflectors import InspectorReflector

from .databases import count_queries, warm
from .effort import some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from lazy_alchemy._schema.tables import TableKind

    from .databases import Database

NOISE = 3
"""How much slower a machine that runs all tests may be than a quiet one, for which the limits are."""

MANY = 20_000
ERRORS = 200

WORDS = [
    *("user", "account", "order", "item", "product", "invoice", "payment", "customer", "address", "phone", "email"),
    *("group", "permission", "role", "session", "token", "audit", "log", "event", "history", "archive", "report"),
    *("summary", "daily", "monthly", "line", "price", "stock", "warehouse", "supplier", "shipment", "delivery", "tax"),
    *("rate", "currency", "country", "region", "city", "store", "employee", "salary", "contract", "project", "task"),
    *("comment", "attachment", "file", "folder", "tag", "category", "review", "rating", "message", "thread", "option"),
]


def _words(chance: random.Random, count: int) -> str:
    return "_".join(chance.choice(WORDS) for _ in range(count))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "words": lambda chance: _words(chance, chance.choice([2, 3, 3, 4])),
    "prefixes": lambda chance: (
        f"{chance.choice(['tbl', 'auth', 'dim', 'fact'])}_{_words(chance, 2)}_{chance.randint(1, 9)}"
    ),
    "modules": lambda chance: f"{chance.choice(WORDS)[:3].upper()}.{_words(chance, 3).title().replace('_', '')}",
    "accents": lambda chance: _words(chance, 3).replace("e", "é").replace("o", "ö"),
    "numbers": lambda chance: f"{_words(chance, 2)}_{chance.randint(0, 9)}",
    "years": lambda chance: f"{_words(chance, 2)}_{chance.randint(2020, 2026)}_{chance.randint(1, 12):02}",
}
"""How names are made, for each kind of large schema."""


@cache
def _family(kind: str) -> tuple[str, ...]:
    """Return 20,000 names, sorted."""
    chance, names = random.Random(1), set[str]()
    while len(names) < MANY:
        names.add(MAKERS[kind](chance))
    return tuple(sorted(names))


NUMBERS = tuple(f"t{number:04d}" for number in range(1, MANY))


def _misspelt(name: str, chance: random.Random) -> str:
    """Return a name with one letter left out, put in or replaced, or two neighbours swapped, anywhere."""
    kind = chance.choice(["insert", "delete", "replace", "swap"])
    at = chance.randrange(len(name) + (kind == "insert") - (kind == "swap"))
    letter = chance.choice(string.ascii_lowercase)
    return {
        "insert": name[:at] + letter + name[at:],
        "delete": name[:at] + name[at + 1 :],
        "replace": name[:at] + letter + name[at + 1 :],
        "swap": name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
    }[kind]


def _errors(names: Sequence[str], count: int = ERRORS) -> list[tuple[str, str]]:
    """Return true names, each with a misspelt form that does not exist."""
    chance, existing, found = random.Random(7), set(names), list[tuple[str, str]]()
    while len(found) < count:
        true = chance.choice(names)
        wanted = _misspelt(true, chance)
        if wanted not in existing:
            found.append((true, wanted))
    return found


def _not_found(wanted: str | Sequence[str], names: Sequence[str]) -> TableNotFoundError:
    return TableNotFoundError([wanted] if isinstance(wanted, str) else wanted, database="shop", available=names)


def _suggested(wanted: str | Sequence[str], names: Sequence[str]) -> list[str]:
    last = str(_not_found(wanted, names)).splitlines()[-1]
    prefix = "Did you mean: "
    return last[len(prefix) : -1].split(", ") if last.startswith(prefix) else []


def _milliseconds(call: Callable[[], object], times: int = 5) -> float:
    """Return how much time of the processor a call takes, at best: the machine may do something else too."""
    best = float("inf")
    for _ in range(times):
        gc.collect()
        began = time.thread_time()
        call()
        best = min(best, time.thread_time() - began)
    return best * 1000


# -- Quality -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", some(MAKERS, "words"))
def test_the_true_name_is_among_three(family: str) -> None:
    """Of 200 names with one wrong letter, the error names the true one of 20,000 among three, nearly always."""
    names = _family(family)
    suggested = [(true, _suggested(wanted, names)) for true, wanted in _errors(names)]

    assert 3 >= max(len(three) for _, three in suggested)
    assert 180 <= sum(true in three for true, three in suggested)


def test_names_that_differ_in_a_number() -> None:
    """Where dozens of names are one letter away, the likeliest are named: 170 of 200 cannot be reached."""
    suggested = [(true, _suggested(wanted, NUMBERS)) for true, wanted in _errors(NUMBERS)]

    assert 130 <= sum(true in names for true, names in suggested)


@pytest.mark.parametrize("family", some(["words", "prefixes", "numbers"], "words"))
def test_two_wrong_letters(family: str) -> None:
    """Names with two wrong letters are still found in most cases."""
    names, chance = _family(family), random.Random(3)
    errors = [(true, _misspelt(wanted, chance)) for true, wanted in _errors(names, 50)]

    assert 40 <= sum(true in _suggested(wanted, names) for true, wanted in errors)


@pytest.mark.parametrize(
    ("wanted", "names", "suggested"),
    [
        ("USERS", ["orders", "users"], ["users"]),
        ("straße", ["STRASSE", "city"], ["STRASSE"]),
        ("größen", ["Grössen", "ÖDE"], ["Grössen"]),
        ("usres", ["USERS", "Users", "orders"], ["USERS"]),
        ("oders", ["customers", "order-items", "orders"], ["orders", "order-items"]),
        ("", ["a", "b", "users"], []),
        ("x", ["a", "b", "xy"], ["xy"]),
        ("users", [], []),
        ("u\0sers", ["users", "a\0b"], ["users"]),
        ("usxxrs_1", [f"n_{number}\0users_{number}" for number in range(3000)], []),
        ("users", ["user\0s", "orders"], ["user\0s"]),
        ("\ud800sers", ["users"], ["users"]),
        ("x" * 10_000, ["x" * 9_999, "users"], []),
        ("zzzzzz", ["orders", "users"], []),
    ],
)
def test_few_names(wanted: str, names: list[str], suggested: list[str]) -> None:
    """Case does not count, and any text may be asked for, or exist."""
    assert suggested == _suggested(wanted, names)


def test_nothing_is_there() -> None:
    """Where there is no table at all, none is suggested."""
    assert "Table 'users' not found in database 'shop'.\nAvailable tables: (none)" == str(_not_found("users", []))


# -- Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", some(["nothing", "usre_accuont_histroy", "x", "q" * 100], "nothing"))
@pytest.mark.parametrize("family", some(["words", "prefixes", "modules"], "words"))
def test_the_message_takes_milliseconds(family: str, wanted: str) -> None:
    """With 20,000 names, making an error and reading it takes less than ten milliseconds."""
    shuffled = tuple(random.Random(2).sample(_family(family), MANY))
    str(_not_found(wanted, ["users"]))  # imports

    assert NOISE * 10 + _milliseconds(lambda: sorted(shuffled)) > _milliseconds(
        lambda: str(_not_found(wanted, shuffled))
    )


@pytest.mark.parametrize("family", some(["words", "prefixes", "numbers"], "words"))
def test_a_wrong_letter_takes_milliseconds(family: str) -> None:
    """With 20,000 names, so does a name with one wrong letter."""
    names = _family(family)
    for _, wanted in _errors(names, 5):
        assert NOISE * 10 > _milliseconds(lambda wanted=wanted: str(_not_found(wanted, names)))


def test_many_missing_names_take_no_longer_for_it() -> None:
    """A thousand missing names of 20,000 take three times as long as one, not a thousand times."""
    names = _family("words")
    wanted = [wrong for _, wrong in _errors(names)] * 5

    assert NOISE * 30 > _milliseconds(lambda: str(_not_found(wanted, names)))


def test_an_error_that_is_not_read_costs_nothing() -> None:
    """Making the error, as `hasattr` does, takes no time in proportion to the names."""
    names = _family("words")

    assert NOISE * 0.5 > _milliseconds(lambda: _not_found("nothing", names))


# -- When the message is made ------------------------------------------------------------------------------------------


class Listing(InspectorReflector):
    """Lists names that cannot be compared, and so neither be sorted, while `may` says no."""

    def __init__(self, may: Callable[[], bool]) -> None:
        self.compared = 0
        reflector = self

        class Name(str):
            __slots__ = ()

            def __lt__(self, other: str) -> bool:
                assert may()
                reflector.compared += 1
                return str.__lt__(self, other)

            def casefold(self) -> str:
                assert may()
                reflector.compared += 1
                return str.casefold(self)

        self._name = Name

    def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
        """Return the same names, of that class."""
        return {self._name(name): kind for name, kind in super().list_names(connection, schema=schema).items()}


@pytest.fixture
def shop(db: Database) -> Database:
    """The database with three tables."""
    db.execute(*(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)" for name in ("users", "orders", "products")))
    return db


def test_who_does_not_read_the_message_makes_none(shop: Database) -> None:
    """`hasattr`, and `getattr` with a default, look at no name."""
    reflector = Listing(lambda: True)
    db = get_lazy_class(shop.engine, reflector=reflector)

    assert not hasattr(db, "nothing")
    assert getattr(db, "usres", None) is None
    assert 0 == reflector.compared

    with pytest.raises(TableNotFoundError) as caught:
        _ = db.usres
    assert 0 == reflector.compared
    assert str(caught.value).endswith("Did you mean: users?")
    assert reflector.compared > 0


def _is_free(lock: threading.RLock) -> bool:
    """Return whether no thread has the lock: another thread is given it at once."""
    free: list[bool] = []

    def take() -> None:
        free.append(lock.acquire(blocking=False))
        if free[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return free[0]


@pytest.mark.parametrize("through", [False, True], ids=["pool", "connection"])
def test_no_message_is_made_under_the_lock(shop: Database, through: bool) -> None:
    """Names are compared when the catalog's lock is free: no thread waits while a message is made."""
    free: list[bool] = []

    def may() -> bool:
        free.append(_is_free(db._catalog._shelf.clock.lock))
        return True

    db = get_lazy_class(shop.engine, reflector=Listing(may))
    with shop.engine.connect() as connection, pytest.raises(TableNotFoundError, match=r"Did you mean: users\?"):
        db.get("usres", connection=connection if through else None)
    with pytest.raises(TableNotFoundError, match=r"Did you mean: users, orders\?"):
        db.preload("usres", "ordres")

    assert free
    assert all(free)


def test_what_is_said_once_is_said_again() -> None:
    """`str`, `repr` and `args` agree, in any order; `args` can be replaced, as that of other exceptions."""
    error = _not_found("usr", ["users", "orders"])
    message = "Table 'usr' not found in database 'shop'.\nAvailable tables: orders, users\nDid you mean: users?"
    assert f"TableNotFoundError({message!r})" == repr(error)
    assert (message,) == error.args == _not_found("usr", ["users", "orders"]).args
    assert message == str(error) == str(_not_found("usr", ["users", "orders"]))
    assert "usr" == error.name

    error.args = ("something else",)
    assert "something else" == str(error)


# -- Bounds ------------------------------------------------------------------------------------------------------------

LONG: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "many available": (["usr"], [f"table_{number}" for number in range(MANY)]),
    "many missing": ([f"missing_{number}" for number in range(1000)], ["users"]),
    "one long": (["x" * 10_000], ["users"]),
    "long missing": (["x" * 10_000 + str(number) for number in range(1000)], ["users"]),
    "long available": (["usr"], [f"{number}" + "y" * 10_000 for number in range(200)]),
    "wide": (["\N{CJK UNIFIED IDEOGRAPH-8868}" * 100 + str(number) for number in range(200)], ["\U0001f600" * 99] * 99),
    "both": (NUMBERS[::2], NUMBERS[1::2]),
}


@pytest.mark.parametrize("case", LONG)
def test_message_and_pickle_are_bounded(case: str) -> None:
    """However many and long the names are, message and pickle are short, and the attributes are complete."""
    names, available = LONG[case]
    error = TableNotFoundError(names, database="shop" * 999, available=available, schema="main" * 999)

    assert 10_000 > len(str(error)) > 50
    assert 10_000 > len(repr(error.args))
    assert 20_000 > len(pickle.dumps(error))
    assert tuple(names) == error.names
    assert tuple(sorted(available)) == error.available


def test_a_list_that_was_cut_says_so() -> None:
    """The message counts the names that it leaves out."""
    error = str(_not_found([f"missing_{number}" for number in range(1000)], [f"t{number}" for number in range(1000)]))

    assert "'missing_49', ... and 950 more not found in" in error
    assert ", ... and 950 more" in error.splitlines()[1]


@pytest.mark.parametrize("case", LONG)
def test_a_pickle_says_the_same(case: str) -> None:
    """What was pickled, once or twice, has the same message and the first of the names."""
    names, available = LONG[case]
    error = _not_found(names, available)
    again: Any = error
    for _ in range(2):
        again = pickle.loads(pickle.dumps(again))  # noqa: S301 - it is our own
        assert type(again) is TableNotFoundError
        assert str(error) == str(again)
        assert 50 >= len(again.available)
        assert 50 >= len(again.names)
        assert all(
            one == other or other.endswith("...") for one, other in zip(error.available, again.available, strict=False)
        )


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_has_all_names(copied: Callable[[TableNotFoundError], TableNotFoundError]) -> None:
    """A copy within the process leaves nothing out."""
    error = _not_found("usr", _family("words"))

    assert MANY == len(copied(error).available)
    assert str(error) == str(copied(error))


# -- Listings ----------------------------------------------------------------------------------------------------------


def _statements_of_a_listing(db: Any, shop: Database) -> int:
    with count_queries(shop.engine) as queries:
        db.list_tables()
    return queries.count


def test_missing_tables_share_a_listing_for_a_second(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten missing tables are looked for ten times, and the names are listed once a second."""
    now = time.monotonic()
    monkeypatch.setattr("lazy_alchemy._catalog.listings.time", Clock(lambda: now), raising=False)
    db = get_lazy_class(warm(shop.engine))
    assert hasattr(db, "users")
    listing = _statements_of_a_listing(db, shop)
    with count_queries(shop.engine) as queries:
        assert not hasattr(db, "nothing")
    first = queries.count
    assert listing < first

    with count_queries(shop.engine) as queries:
        for number in range(10):
            assert getattr(db, f"nothing_{number}", None) is None
    assert 10 * (first - listing) == queries.count

    now += 1.1
    with count_queries(shop.engine) as queries:
        assert not hasattr(db, "nothing")
        assert not hasattr(db, "nothing")
    assert 2 * first - listing == queries.count


class Clock:
    """The module `time` as one module sees it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic


def _available(db: Any, name: str, **options: Any) -> tuple[str, ...]:
    with pytest.raises(TableNotFoundError) as caught:
        db.get(name, **options)
    return caught.value.available


def test_a_table_that_appears_is_found_at_once(shop: Database) -> None:
    """Only the names are reused; whether a table is there is asked each time."""
    db = get_lazy_class(shop.engine)
    assert not hasattr(db, "late")
    shop.execute("CREATE TABLE late (id INTEGER PRIMARY KEY)")

    assert "late" == db.late.name


def test_a_name_that_was_dropped_is_not_available(shop: Database) -> None:
    """If the missing table itself was listed a moment ago, the names are listed again."""
    db = get_lazy_class(shop.engine)
    assert "orders" in _available(db, "nothing")
    shop.execute("DROP TABLE orders")

    assert "orders" not in _available(db, "orders")
    assert "orders" not in _available(db, "nothing")


@pytest.mark.parametrize("how", ["invalidate", "invalidate_all", "refresh"])
def test_a_listing_is_not_older_than_the_last_invalidation(shop: Database, how: str) -> None:
    """After `invalidate`, `invalidate_all` and `refresh`, the names are listed again."""
    db = get_lazy_class(shop.engine)
    assert hasattr(db, "users")
    assert "late" not in _available(db, "nothing")
    shop.execute("CREATE TABLE late (id INTEGER PRIMARY KEY)")
    calls: dict[str, Callable[[], None]] = {
        "invalidate": lambda: db.invalidate("users"),
        "invalidate_all": db.invalidate_all,
        "refresh": lambda: db.refresh("users"),
    }

    calls[how]()
    assert "late" in _available(db, "nothing")


def test_a_listing_that_an_invalidation_overtook_is_not_reused(shop: Database) -> None:
    """Names that were being listed when everything was invalidated serve no later caller."""

    class Slow(InspectorReflector):
        def list_names(self, connection: Connection, *, schema: str | None) -> Mapping[str, TableKind]:
            names = super().list_names(connection, schema=schema)
            if slow:
                slow.clear()
                shop.execute("CREATE TABLE late (id INTEGER PRIMARY KEY)")
                db.invalidate_all()
            return names

    slow = [True]
    if shop.is_sqlite:
        pytest.skip("a table cannot be made while another connection reads")
    db = get_lazy_class(shop.engine, reflector=Slow())
    assert "late" not in _available(db, "nothing")
    assert "late" in _available(db, "nothing")


def test_schemas_have_listings_of_their_own(shop: Database) -> None:
    """The names of one schema are not said to be those of another."""
    schema = {"sqlite": "temp", "postgresql": "pg_catalog", "mariadb": "mysql"}[shop.name]
    assert "users" in _available(get_lazy_class(shop.engine), "nothing")
    assert "users" not in _available(get_lazy_class(shop.engine, schema=schema), "nothing")


def test_a_transaction_lists_for_itself(shop: Database) -> None:
    """Names that an open transaction sees are not reused for others, nor theirs for it."""
    if shop.is_mariadb:
        pytest.skip("CREATE TABLE commits there")
    db = get_lazy_class(shop.engine)
    with shop.engine.connect() as connection:
        assert "mine" not in _available(db, "nothing")
        if shop.is_sqlite:  # where Python begins no transaction for it
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("CREATE TABLE mine (id INTEGER PRIMARY KEY)")
        assert "mine" in _available(db, "nothing", connection=connection)
        if not shop.is_sqlite:  # it is locked
            assert "mine" not in _available(db, "nothing")
        connection.rollback()
    assert "mine" not in _available(db, "nothing")


def test_a_shared_connection_in_a_transaction_lists_each_time() -> None:
    """Where all share one connection, what its transaction sees is listed again after it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    db = get_lazy_class(engine)
    assert () == _available(db, "nothing")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("CREATE TABLE mine (id INTEGER PRIMARY KEY)")
        assert ("mine",) == _available(db, "nothing")
        connection.exec_driver_sql("ROLLBACK")
    assert () == _available(db, "nothing")
    engine.dispose()
