"""What must not be shown is not shown, wherever it stands, and the words of a message stay."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import psycopg
import psycopg.pq
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from lazy_alchemy import ReflectionError, get_async_lazy_class, get_lazy_class
from lazy_alchemy._catalog.databases import database_key
from lazy_alchemy._secrets import redact, without_urls
from lazy_alchemy.caches import MemoryCache
from lazy_alchemy.reflectors import InspectorReflector

from .cli.test_cli import invoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

    from .databases import Database

SECRET = "hunter22"  # noqa: S105 - of nobody

# Whatever can be typed; the sign that hides is the one that cannot hide itself.
PASSWORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="*\0«»"), min_size=1, max_size=12)
TRICKY = st.text(st.sampled_from("a1é'\"\\%@{};:/?#&=+ \n\U0001f600"), min_size=1, max_size=6)
ANY_PASSWORD = PASSWORDS | TRICKY


def every_link(error: BaseException) -> list[BaseException]:
    """Return an error and all that hang on it: causes, contexts, and the members of groups."""
    links = [error]
    for link in links:
        further = [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
        links += [one for one in further if one is not None and one not in links]
    return links


def said(error: BaseException) -> str:
    """Return everything that can be read of an error without looking into its frames."""
    texts = [traceback.format_exc(), *traceback.format_exception(error)]
    for link in every_link(error):
        texts += [str(link), repr(link), repr(link.args), *getattr(link, "__notes__", ())]
    return "\n".join(texts)


def refusing(url: URL | str, *errors: BaseException, **options: Any) -> Engine:
    """Return an engine whose driver raises ``errors[0]`` from ``errors[1]`` when it connects."""
    engine = create_engine(url, **options)

    def refuse(*_: object) -> None:
        raise errors[0] from (errors[1] if len(errors) > 1 else None)

    event.listen(engine, "do_connect", refuse)
    return engine


def failure_of(engine: Engine, **options: Any) -> ReflectionError:
    """Return the error of a first touch."""
    with pytest.raises(ReflectionError) as raised:
        get_lazy_class(engine, **options).get("users")
    engine.dispose()
    return raised.value


# -- A password in a URL -----------------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quote": quote,
    "quote, all": lambda text: quote(text, safe=""),
    "quote, as SQLAlchemy": lambda text: quote(text, safe=" +"),
    "quote_plus": quote_plus,
    "quoted twice": lambda text: quote_plus(quote_plus(text)),
    "lower case": lambda text: re.sub(r"%..", lambda found: found[0].lower(), quote(text, safe="")),
    "repr": lambda text: repr(text)[1:-1],
    "repr of repr": lambda text: repr(repr(text)[1:-1])[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "json": lambda text: json.dumps(text)[1:-1],
    "json, Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "unicode_escape": lambda text: text.encode("unicode_escape").decode(),
    "ascii": lambda text: ascii(text)[1:-1],
    "doubled backslashes": lambda text: text.replace("\\", "\\\\"),
    "libpq": lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    "SQL": lambda text: text.replace("'", "''"),
    "format": lambda text: text.replace("%", "%%"),
    "ODBC": lambda text: text.replace("}", "}}"),
}

PLACES: dict[str, Callable[[str], URL]] = {
    "password": lambda secret: URL.create("postgresql", "u", secret, "h", 1, "d"),
    "query": lambda secret: URL.create("postgresql", "u", host="h", query={"sslpassword": secret}),
    "unknown": lambda secret: URL.create("postgresql", "u", host="h", query={"never_heard_of": secret}),
    "several": lambda secret: URL.create("mysql", "u", host="h", query={"password": ("first", secret)}),
    "hosts": lambda secret: URL.create("postgresql", query={"host": ("a:1", "b:2"), "password": secret}),
    "odbc": lambda secret: URL.create(
        "mssql+pyodbc",
        query={"odbc_connect": f"DRIVER={{ODBC Driver 18}};SERVER=h;PWD={{{secret.replace('}', '}}')}}};UID=u"},
    ),
}


@pytest.mark.parametrize("place", PLACES)
@given(secret=ANY_PASSWORD, spelling=st.sampled_from(sorted(SPELLINGS)))
@example(secret="p'", spelling="repr")  # noqa: S106
@example(secret="ab", spelling="as it is")  # noqa: S106
@example(secret="\\", spelling="repr of repr")  # noqa: S106
@example(secret="a};b{", spelling="ODBC")  # noqa: S106
@example(secret="é\U0001f600", spelling="json")  # noqa: S106
@example(secret="%41", spelling="quoted twice")  # noqa: S106
def test_a_secret_is_hidden_in_every_spelling(place: str, secret: str, spelling: str) -> None:
    """Whatever a secret of the URL is and however a text spells it, it is not in the text any more."""
    spelled = SPELLINGS[spelling](secret)
    url = PLACES[place](secret)

    assert f"«{spelled}»" not in redact(f"login «{spelled}» failed", url)
    assert f"'{spelled}'" not in redact(f"cannot use '{spelled}' here", url)
    assert spelled != redact(spelled, url)


@given(secret=ANY_PASSWORD)
def test_a_secret_is_hidden_in_its_own_url(secret: str) -> None:
    """A text that repeats the whole URL, as SQLAlchemy writes it or percent-encoded once more, has no secret."""
    for place, url_of in PLACES.items():
        text = url_of(secret).render_as_string(hide_password=False)
        for spelled in (text, quote_plus(text)):
            words = redact(f"cannot open {spelled}!", url_of(secret))

            value = quote(secret, safe=" +") if place == "password" else quote_plus(secret)
            for before, after in ((":", "@"), ("=", "&"), ("=", "!"), ("{", "}"), ("%7B", "%7D"), ("%3D", "%26")):
                assert f"{before}{value}{after}" not in words


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("odbc_connect=DRIVER%3Dx%3BSERVER%3Dh%3BUID%3Du%3BPWD%3Dhunter22", "Login failed: UID=u;PWD=hunter22"),
        ("odbc_connect=DRIVER%3Dx%3BPWD%3D%7Bhunter22%3B%7D%7D%7D", "tried hunter22;} and {hunter22;}}}"),
        ("odbc_connect=DRIVER%3Dx%3BPassword%3Dhunter22", "hunter22?"),
        ("odbc_connect=PWD%3Da%3Bhunter22%3BUID%3Du", "bad part hunter22"),
        ("options=-c%20my.token%3Dhunter22", 'unrecognized parameter "my.token=hunter22"'),
        ("options=-cmy.token%3Dhunter22%20-csearch_path%3Dapp", "my.token hunter22"),
        ("sslmode=hunter22", 'invalid sslmode value: "hunter22"'),
        ("port=hunter22", 'invalid integer value "hunter22"'),
        ("ssl_key_password=hunter22", "hunter22"),
        ("scram_client_key=hunter22", "hunter22"),
        ("oauth_client_secret=hunter22", "hunter22"),
        ("authenticator_token=hunter22", "hunter22"),
    ],
)
def test_a_secret_of_the_query(query: str, message: str) -> None:
    """What is secret in a query is found there, also within a connection string, and where a value is misplaced."""
    assert SECRET not in redact(message, make_url(f"postgresql://u@h/d?{query}"))


# From the documentation of the drivers; the messages are theirs.
HARMLESS = {
    "sslmode=require": "server does not support SSL, but SSL was required",
    "sslmode=verify-full": 'sslmode value "verify-full" invalid when SSL support is not compiled in',
    "host=db.example.com": 'could not translate host name "db.example.com" to address: Name or service not known',
    "host=a.example.com:5432&host=b.example.com": 'connection to server at "a.example.com", port 5432 failed',
    "port=5433": "Is the server running on that host and accepting TCP/IP connections on port 5433?",
    "connect_timeout=10": "timeout expired after 10 s",
    "application_name=billing": "terminating connection of billing due to administrator command",
    "target_session_attrs=read-write": 'session is read-only, read-write was asked for by "read-write"',
    "options=-csearch_path%3Dapp": 'schema "app" does not exist',
    "options=-c%20statement_timeout%3D5000": "canceling statement due to statement timeout 5000",
    "charset=utf8mb4": "Unknown character set: 'utf8mb4'",
    "unix_socket=/run/mysqld/mysqld.sock": "Can't connect through socket '/run/mysqld/mysqld.sock'",
    "ssl_ca=/etc/ssl/ca.pem": "No such file or directory: '/etc/ssl/ca.pem'",
    "sslrootcert=/etc/ssl/root.crt": 'root certificate file "/etc/ssl/root.crt" does not exist',
    "driver=ODBC+Driver+18+for+SQL+Server": "Can't open lib 'ODBC Driver 18 for SQL Server' : file not found",
    "TrustServerCertificate=yes": "certificate verify failed: yes",
    "odbc_connect=DRIVER%3D%7BODBC+Driver+18%7D%3BSERVER%3Ddb%3BDATABASE%3Dshop%3BPWD%3Dhunter22": (
        "[ODBC Driver 18] Cannot open database shop on db"
    ),
    "mode=ro&uri=true": "attempt to write a readonly database (mode ro)",
    "timeout=30": "database is locked after 30 seconds",
}


@pytest.mark.parametrize("query", HARMLESS)
def test_what_is_no_secret_is_shown(query: str) -> None:
    """The value of a parameter that holds no secret stays in a message that says it."""
    url = make_url(f"postgresql://u:{SECRET}@h/d?{query}")

    assert HARMLESS[query] == redact(HARMLESS[query], url)


def test_what_libpq_hides_is_hidden() -> None:
    """Each parameter whose value libpq itself asks to hide is a secret of the URL."""
    hidden = [
        option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.dispchar not in (b"", b"D")
    ]

    assert "password" in hidden
    for name in [*hidden, "scram_client_key", "scram_server_key"]:
        assert "«***»" == redact("«require»", make_url(f"postgresql://h/d?{name}=require"))


# -- Words stay --------------------------------------------------------------------------------------------------------

MESSAGE = (
    'connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "scott"\n'
    "Access denied for user 'scott'@'localhost' (using password: YES); it's a server that does not support SSL, but SSL"
    " was required. (Background on this error at: https://sqlalche.me/e/20/e3q8)"
)
WORDS = sorted(set(re.findall(r"\w+", MESSAGE)))


@given(st.data())
def test_a_part_of_a_word_is_not_hidden(data: st.DataObject) -> None:
    """A password of letters or of digits that is only a part of a message's words changes nothing in it."""
    word = data.draw(st.sampled_from([word for word in WORDS if len(word) > 1 and (word.isalpha() or word.isdigit())]))
    start = data.draw(st.integers(0, len(word) - 1))
    password = word[start : data.draw(st.integers(start + 1, len(word)))]
    assume(password not in WORDS)

    assert MESSAGE == redact(MESSAGE, URL.create("postgresql", "u", password, "h"))


@given(ANY_PASSWORD)
def test_words_that_are_not_the_secret_stay(password: str) -> None:
    """Whatever the password, all words of a message that has nothing to do with it stay."""
    assume(not set(re.findall(r"\w+", password)) & set(WORDS))

    assert re.findall(r"\w+", MESSAGE) == re.findall(
        r"\w+", redact(MESSAGE, URL.create("postgresql", "u", password, "h"))
    )


@pytest.mark.parametrize(
    ("password", "text", "expected"),
    [
        ("a", "a bad password 'a' was passed", "*** bad password '***' was passed"),
        ("ab", "cabbage, 'ab' and postgresql://u:ab@h", "cabbage, '***' and postgresql://u:***@h"),
        ("12", "port 5412, line 12", "port 5412, line ***"),
        (".", "It failed. It said '.'.", "It failed. It said '***'."),
        ("p'", "It said \"p'\" and 'p\\''", "It said \"***\" and '***'"),
        ("require", "SSL was required, not 'require'", "SSL was required, not '***'"),
        ("user", "user_id of pg_user, user=user", "user_id of pg_user, ***=***"),
    ],
)
def test_a_short_or_plain_secret_is_hidden_as_a_whole(password: str, text: str, expected: str) -> None:
    """A password that may be a part of other words is hidden where it stands by itself, and only there."""
    assert expected == redact(text, URL.create("postgresql", "u", password, "h"))


# -- A text by itself --------------------------------------------------------------------------------------------------

UNKNOWN = {
    "cannot reach redis://:hunter22@cache:6379/0 now": "cannot reach redis://:***@cache:6379/0 now",
    "cannot reach redis://me:hun/ter@22@cache:6379/0 now": "cannot reach redis://me:***@cache:6379/0 now",
    "no such directory: postgresql:/scott:hunter22@h": "no such directory: postgresql:/scott:***@h",
    "//scott:hunter22@h/d is no module": "//scott:***@h/d is no module",
    "host=h password=hunter22 user=scott": "host=h password=*** user=scott",
    "host=h password='hunter 22' user=scott": "host=h password='***' user=scott",
    r"host=h password='hunter\'22' user=scott": "host=h password='***' user=scott",
    "DRIVER={x};UID=u;PWD=hunter 22;SERVER=h": "DRIVER={x};UID=u;PWD=***;SERVER=h",
    "DRIVER={x};PWD={hunter;}}22};UID=u": "DRIVER={x};PWD={***};UID=u",
    "connect(user='scott', password='hunter22')": "connect(user='scott', password='***')",
    "{'user': 'scott', 'password': 'hunter22'}": "{'user': 'scott', 'password': '***'}",
    '{"user": "scott", "sslpassword": "hunter22"}': '{"user": "scott", "sslpassword": "***"}',
    "h/d?user=scott&access_token=hunter22&x=1": "h/d?user=scott&access_token=***&x=1",
    "kwargs: {'passwd': b'hunter22'}": "kwargs: {'passwd': b'***'}",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_text_is_cleaned_without_any_url(text: str) -> None:
    """What a text itself calls a password, or has where a URL has one, is hidden; the rest of it stays."""
    assert UNKNOWN[text] == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        MESSAGE,
        "fe_sendauth: no password supplied",
        "SCRAM authentication requires libpq version 10 or above",
        'invalid URI query parameter: "passwordx"',
        "Access denied for user 'root'@'localhost' (using password: NO)",
        "postgresql+psycopg://scott:***@h/d and password=*** and 'password': '***'",
        "see http://h:80/a and scott@h and C:/Users/me",
    ],
)
def test_a_text_without_a_secret_stays(text: str) -> None:
    """Where a message only speaks of passwords, or shows that one was hidden, nothing is changed."""
    assert text == redact(text)


@given(ANY_PASSWORD, st.sampled_from(sorted(UNKNOWN)))
def test_redacting_twice_changes_nothing_more(password: str, text: str) -> None:
    """What was redacted once stays as it is, whatever it is redacted for."""
    url = URL.create("postgresql", "u", password, "h")
    once = redact(f"{text} «{password}»", url)

    assert once == redact(once)


@pytest.mark.parametrize("part", ["\\", "'\\", "%25", "a.b-c.", "password=", "password='", "a://b:", "pwd=a;b", "@x "])
def test_a_long_text_takes_no_long_time(part: str) -> None:
    """A text of 20,000 characters is looked through in well under a second, whatever is repeated in it."""
    url = URL.create("postgresql", "u", "\\'\"\\'\\}}% ", "h", query={"token": "x/+=" * 500})
    text = part * (20_000 // len(part))
    began = time.thread_time()

    redact(text, url)

    assert time.thread_time() - began < 2


# -- Arguments that only the driver gets -------------------------------------------------------------------------------

DRIVERS = {
    "psycopg": ("postgresql+psycopg://postgres@127.0.0.1:5432/postgres", {"password": SECRET, "sslmode": SECRET}),
    "psycopg2": ("postgresql+psycopg2://postgres@127.0.0.1:5432/postgres", {"password": SECRET, "sslmode": SECRET}),
    "pymysql": ("mysql+pymysql://root@127.0.0.1:3306/", {"password": SECRET, "user": SECRET}),
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_that_repeats_a_connect_argument(driver: str) -> None:
    """A password that is only in ``connect_args`` is hidden where the driver's own message of connecting has it."""
    url, arguments = DRIVERS[driver]
    engine = create_engine(url, connect_args=arguments)
    with pytest.raises(Exception, match=SECRET):  # what the driver says
        engine.connect()

    assert SECRET not in said(failure_of(engine))


def test_an_async_engine_with_connect_args() -> None:
    """The same through an AsyncEngine."""
    url, arguments = DRIVERS["psycopg"]

    async def main() -> str:
        engine = create_async_engine(url, connect_args=arguments)
        with pytest.raises(ReflectionError) as raised:
            await get_async_lazy_class(engine).preload("users")
        await engine.dispose()
        return said(raised.value)

    assert SECRET not in asyncio.run(main())


def test_a_creator_that_knows_the_password() -> None:
    """A password that a ``creator`` passes on, which nothing of the engine shows, is hidden in the driver's message."""

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(host="127.0.0.1", password=SECRET, sslmode=SECRET)

    assert SECRET not in said(failure_of(create_engine("postgresql+psycopg://", creator=connect)))


def test_a_connection_string_that_only_the_driver_gets() -> None:
    """So is one within a connection string: the driver's text has the bare value, and nothing says what it is."""

    def connect(*cargs: str) -> None:
        raise OSError(f"{cargs[0].partition('PWD={')[2].partition('}')[0]} is no password of u")

    def creator() -> Any:
        return connect(f"DRIVER={{x}};UID=u;PWD={{{SECRET};}}")

    assert SECRET not in said(failure_of(create_engine("postgresql+psycopg://", creator=creator)))


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
@pytest.mark.parametrize("password", ["hunter22", "a", "p'w\\", "%40{é}"])
def test_a_server_that_refuses(name: str, password: str, request: pytest.FixtureRequest) -> None:
    """A server that refuses a password, given in the URL or in ``connect_args``, is an error with its words alone."""
    database: Database = request.getfixturevalue(f"{name}_db")
    refused = {"postgresql": "does not exist", "mariadb": "Access denied"}[name]
    url = database.url.set(username="nobody_at_all", password=None)
    for engine in (create_engine(url.set(password=password)), create_engine(url, connect_args={"password": password})):
        error = failure_of(engine)

        assert refused in str(error)
        assert "nobody_at_all" in str(error)
        assert f"'{password}'" not in said(error)
        assert len(password) == 1 or password not in said(error)


# -- Errors, logs, reprs, keys -----------------------------------------------------------------------------------------

URL_ = f"postgresql+psycopg://scott:{SECRET}@127.0.0.1:1/mydb"


def _with_note(error: BaseException, note: str) -> BaseException:
    error.__notes__ = [note]  # type: ignore[attr-defined]  # what add_note does, from Python 3.11 on
    return error


def _in_context(error: BaseException, context: BaseException) -> BaseException:
    error.__cause__ = ValueError("harmless")
    error.__context__ = context
    return error


CHAINS: dict[str, Callable[[], tuple[BaseException, ...]]] = {
    "itself": lambda: (OSError(f"no login with {SECRET}"),),
    "cause": lambda: (OSError("no login"), ValueError(SECRET)),
    "note": lambda: (_with_note(OSError("no login"), f"tried {SECRET}"),),
    "argument": lambda: (OSError(5, "no login", f"/tmp/{SECRET}"),),  # noqa: S108
    "argument that is not in its text": lambda: (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, "no"),),
    "context beside a cause": lambda: (OSError("no login"), _in_context(OSError("x"), ValueError(SECRET))),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_no_link_of_an_error_holds_a_secret(chain: str) -> None:
    """Neither the message nor a cause, context, note or argument of an error holds a secret; its words stay."""
    error = failure_of(refusing(URL_, *CHAINS[chain]()))

    assert SECRET not in said(error)
    assert error.__cause__ is not None
    assert type(CHAINS[chain]()[0]).__name__ in str(error)


def test_what_was_being_handled_is_not_in_the_context() -> None:
    """The driver's own error, with its secret, is not in the context of ours either, whichever call it was."""
    engine = refusing(URL_, OSError(f"no login with {SECRET}"))
    with pytest.raises(ReflectionError) as listed:
        get_lazy_class(engine).list_tables()

    assert SECRET not in said(listed.value)
    assert listed.value.__context__ is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups are of Python 3.11")
def test_no_member_of_a_group_holds_a_secret() -> None:
    """Nor does an error that is in a group, as those of concurrent connections are."""
    group = getattr(__builtins__, "ExceptionGroup", None) or __builtins__["ExceptionGroup"]  # type: ignore[index]

    assert SECRET not in said(failure_of(refusing(URL_, group("two hosts", [OSError(SECRET)]))))


def test_the_error_of_a_driver_without_a_secret_is_the_cause() -> None:
    """Where the driver's error holds no secret, it is the cause itself, and there is no further context."""
    cause = OSError("the server is on fire")
    handled = sys.exc_info()[1]  # of a caller, such as a test that was interrupted while it handled an error
    error = failure_of(refusing(URL_, cause))

    assert error.__cause__ is cause
    assert error.__context__ is handled


def test_an_error_of_a_reflector_holds_no_secret(sqlite_db: Database) -> None:
    """A ReflectionError that a reflector raises is redacted too: a server may repeat where a table's data are."""

    class Federated(InspectorReflector):
        def reflect(self, *_: Any, **__: Any) -> Any:
            cause = OSError(f"error connecting to mysql://scott:{SECRET}@remote/d")
            raise ReflectionError(f"'users' exists but cannot be read: {cause}") from cause

    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    error = failure_of(sqlite_db.engine, reflector=Federated())

    assert SECRET not in said(error)
    assert "'users' exists but cannot be read: error connecting to mysql://scott:***@remote/d" in str(error)


class Unreachable(MemoryCache):
    """A cache on a server that is away, whose client says where it is."""

    def get_many(self, keys: Any) -> Any:
        """Fail."""
        raise OSError(f"cannot connect to redis://:{SECRET}@cache:6379/0") from ValueError(SECRET)

    set_many = discard = clear = get_many

    def __repr__(self) -> str:
        return f"<Unreachable at redis://:{SECRET}@cache:6379/0>"


def test_a_cache_that_fails_is_logged_without_its_secret(sqlite_db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """What a cache says of itself and of its failure is logged without the password of its server."""
    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    with caplog.at_level(logging.DEBUG, "lazy_alchemy"):
        db = get_lazy_class(sqlite_db.engine, cache=Unreachable())
        assert "users" == db.users.name
        db.invalidate("users")
        db.invalidate_all()

    assert 4 == caplog.text.count("<Unreachable at redis://:***@cache:6379/0>")
    assert "cannot connect to redis://:***@cache:6379/0" in caplog.text
    assert SECRET not in caplog.text


def test_a_cache_whose_repr_fails_is_logged(sqlite_db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that can neither be asked nor shown is no reason not to load a table."""

    class Silent(Unreachable):
        def __repr__(self) -> str:
            raise OSError("no")

    sqlite_db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    assert "users" == get_lazy_class(sqlite_db.engine, cache=Silent()).users.name
    assert "cannot be read" in caplog.text


def test_a_url_in_place_of_a_cache() -> None:
    """A URL where a Cache belongs is refused without its password."""
    with pytest.raises(TypeError, match="cache= takes an object") as raised:
        get_lazy_class(create_engine("sqlite://"), cache=f"redis://:{SECRET}@cache/0")  # type: ignore[call-overload]

    assert SECRET not in said(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://scott:p@{SECRET}@127.0.0.1:1/mydb",
        f"postgresql+psycopg://scott:p@{SECRET}/{SECRET}@127.0.0.1:1/mydb",
        f"postgresql+psycopg://scott:p@/{SECRET}@h/mydb",
    ],
)
def test_a_password_with_an_at_sign_that_is_not_quoted(url: str) -> None:
    """What SQLAlchemy takes for a host or a database though it belongs to a password is in nothing that we say."""
    engine = create_engine(url)
    shown = [repr(get_lazy_class(engine)), database_key(engine, "token"), said(failure_of(engine))]

    assert [] == [text for text in shown if SECRET in text]


def test_a_key_in_the_name_of_a_sqlite_file() -> None:
    """A key that is an argument of a SQLite file's name is in no repr, message or cache key."""
    engine = create_engine(URL.create("sqlite", database=f"file:/no/such/dir/my.db?key={SECRET}&mode=ro"))
    shown = [repr(get_lazy_class(engine)), database_key(engine, "token"), said(failure_of(engine))]

    assert [] == [text for text in shown if SECRET in text]
    assert "'file:/no/such/dir/my.db?key=***&mode=ro'" in shown[0]


def test_databases_that_cannot_be_named_have_keys_of_their_own() -> None:
    """Two databases whose names have a part that must not be shown are not taken for one."""
    engines = [create_engine(f"postgresql+psycopg://u:{SECRET}@h/{name}@2024") for name in ("sales", "staff")]

    assert 2 == len({database_key(engine, str(id(engine))) for engine in engines})


# -- The command -------------------------------------------------------------------------------------------------------

TYPED = {
    "output": ("generate", "{file}", "-o", "{url}"),
    "output, glued": ("generate", "{file}", "-o{url}"),
    "output, of a URL without a database": ("generate", "{file}", "--output=postgresql://scott:hunter22/x@h"),
    "output, half a password": ("generate", "{file}", "-o", "postgresql://scott:hunter22/x@h"),
    "check, output": ("generate", "{file}", "--check", "-o", "{url}"),
    "output, as a path": ("generate", "{file}", "-o", "postgresql:/scott:hunter22@h/d/x"),
    "tables": ("generate", "{file}", "--tables", "{url}"),
    "tables, with a comma": ("generate", "{file}", "--tables", "postgresql://scott:x,hunter22@h/d"),
    "models, with a comma": ("generate", "{file}", "--models", "postgresql://scott:hunter22,x@h/d"),
    "class": ("generate", "{file}", "--class", "{url}"),
    "schema": ("tables", "{file}", "--schema", "{url}"),
    "schema of show": ("show", "{file}", "t", "--schema", "{url}"),
    "registry": ("check", "{file}", "{url}"),
    "registry, of a module": ("check", "{file}", "json://scott:hunter22@h/d?password=hunter22"),
    "unknown option": ("tables", "{file}", "--{url}"),
    "unknown command": ("{url}", "tables"),
    "too many": ("tables", "{file}", "{url}"),
    "query": ("show", "{file}", "redis://h/0?key=hunter22"),
}


@pytest.mark.parametrize("typed", TYPED)
def test_a_misplaced_url_on_the_command_line(typed: str, tmp_path: Path) -> None:
    """A URL that is not where a URL belongs is in no message with its secrets."""
    url = f"postgresql://scott:{SECRET}@h/d?sslpassword={SECRET}"
    file = tmp_path / "shop.db"
    file.touch()

    result = invoke(*(argument.format(url=url, file=f"sqlite:///{file}") for argument in TYPED[typed]))

    assert result.exit_code in (1, 2)
    assert result.stderr
    assert SECRET not in result.output


@given(ANY_PASSWORD, st.sampled_from(sorted(SPELLINGS)))
def test_a_usage_error_is_without_a_password(password: str, spelling: str) -> None:
    """Whatever the password of a misplaced URL, a message that repeats the URL, or a part of it, is without it."""
    argument = f"postgresql://scott:{quote(password, safe='')}@h/d"
    spelled = SPELLINGS[spelling](argument)

    words = without_urls(f"No such command '{spelled}'. Not '{password}'.", ["tables", argument])

    assert f":{quote(password, safe='')}@" not in words
    assert spelled not in words
    assert f"'{password}'" not in words
    assert words.startswith("No such command '")
