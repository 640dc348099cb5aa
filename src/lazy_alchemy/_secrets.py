r"""The one redactor: it decides what is secret, and hides it in whatever the library and the command say.

A secret is found in three ways.

1. In a URL: the password, and each value of the query that is not known to be harmless. The default is that a value is
   secret, because drivers, proxies and plugins add parameters of their own, and a message without a harmless value is
   the smaller damage. ``_HARMLESS`` has the parameters whose documentation says that they hold no secret, each with the
   form of its values: a value of another form may be a password behind the wrong name. The lists are those of libpq
   (https://www.postgresql.org/docs/current/libpq-connect.html, "Parameter Key Words"; it marks with ``*`` in
   ``PQconndefaults`` what is to be hidden), PyMySQL's and mysqlclient's ``Connection``, Microsoft's ODBC driver
   (https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute), and ``sqlite3.connect`` with the
   parameters of https://www.sqlite.org/uri.html.
2. In the frames that an error came through: arguments that are called a password. ``connect_args``, a ``creator`` and
   what listeners add cannot be seen on an Engine, and the call that failed has them.
3. In a text alone: ``password=...``, ``PWD=...;``, ``'password': '...'``, ``scheme://user:...@``.

What cannot be found: a secret that only ``connect_args`` or a ``creator`` has, in an error that comes after connecting
and does not say what it is.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["redact", "shown_database", "shown_host", "shown_url", "tells_secret", "without_urls"]

_HIDDEN = "***"

# -- What may be shown -------------------------------------------------------------------------------------------------


def shown_url(url: URL) -> str:
    """Return ``url`` as it may be shown: no password, no query."""
    shown = url.set(query={}, host=shown_host(url), database=shown_database(url))
    return shown.render_as_string(hide_password=True)


def shown_host(url: URL) -> str | None:
    """Return the host of ``url``, without what an ``@`` in the password that is not quoted has brought there."""
    return _as_meant(url).host


def shown_database(url: URL) -> str | None:
    """Return the database of ``url``, without a password that is in it: after such an ``@``, or in a file's name."""
    name = _as_meant(url).database
    return name and _without_named(_hide(name, _of_file(name), _HIDDEN))


def _as_meant(url: URL) -> URL:
    """Return ``url`` with the host and the database that are after the last ``@``."""
    if not url.password or url.get_backend_name() == "sqlite":
        return url
    if "@" in (url.database or ""):
        host, _, database = str(url.database).rpartition("@")[2].partition("/")
        return url.set(host=host, database=database)
    return url.set(host=url.host and url.host.rpartition("@")[2])


def redact(text: str, url: URL | None = None, error: BaseException | None = None) -> str:
    """Return ``text`` without secrets, in whatever spelling it has them.

    Args:
        text: What is to be shown.
        url: The database that it is about.
        error: The error that it is about: what was called with a password on its way is known from its frames.
    """
    return _Secrets(url, error).hidden_in(text)


def tells_secret(error: BaseException, url: URL | None = None) -> bool:
    """Return whether a text of ``error``, or of an error that is chained to it or grouped in it, holds a secret."""
    secrets = _Secrets(url, error)
    return any(secrets.hidden_in(text) != text for link in _links(error) for text in _texts(link))


def without_urls(text: str, arguments: Iterable[str]) -> str:
    """Return ``text``, what the command says of its ``arguments``, without the secrets of URLs that are among them."""
    for argument in arguments:
        scheme, separator, rest = argument.partition("://")
        if separator:
            # As it was typed, and as a path, which has one slash.
            text = _hide(text, (argument, f"{scheme}:/{rest}"), f"{scheme}://{_HIDDEN}")
            text = _hide(text, _of_typed(scheme.lstrip("-"), rest), _HIDDEN)
    return _without_named(text)


def _of_typed(scheme: str, rest: str) -> Iterator[str]:
    """Yield the secrets of a URL that may have been split: as a list, at a slash, or as a module and a class."""
    yield f"//{rest}"
    userinfo, at, _ = rest.rpartition("@")
    password = userinfo.partition(":")[2]
    if at:
        yield from (userinfo, password, unquote(password), *re.split(r"[,/:@]", password))
    try:
        yield from _of_url(make_url(f"{scheme}://{rest}"))
    except (ArgumentError, ValueError):
        yield from filter(_stands_out, re.split(r"[/?&=,]", rest))


# -- Secrets that are known --------------------------------------------------------------------------------------------


class _Secrets:
    """The secrets of a URL and of an error's frames."""

    def __init__(self, url: URL | None, error: BaseException | None) -> None:
        self._values = {
            *(() if url is None else _of_url(url)),
            *(() if error is None else _of_frames(error)),
        }

    def hidden_in(self, text: str) -> str:
        """Return ``text`` without them, and without what it itself calls a secret."""
        return _without_named(_hide(text, self._values, _HIDDEN))


def _hide(text: str, values: Iterable[str], instead: str) -> str:
    """Return ``text`` with ``instead`` in place of each of ``values``; in one pass, so that no mask is masked again."""
    patterns = [_pattern(value) for value in sorted({*values} - {"", _HIDDEN}, key=len, reverse=True)]
    return re.sub("|".join(patterns), lambda _: instead, text) if patterns else text


def _of_url(url: URL) -> Iterator[str]:
    """Yield the secrets of ``url``."""
    if url.password:
        yield str(url.password)
    yield from _misplaced(url)
    yield from _of_file(url.database or "")
    for name, values in url.query.items():
        for value in (values,) if isinstance(values, str) else values:
            yield from _of_argument(name, value)


def _misplaced(url: URL) -> Iterator[str]:
    """Yield the parts of a password that SQLAlchemy takes for a host or a database."""
    meant = _as_meant(url)
    if meant != url:
        for part in (url.host, url.database):
            yield (part or "").rpartition("@")[0]
    if meant.database != url.database:
        yield url.host or ""


def _of_file(name: str) -> Iterator[str]:
    """Yield the secrets in the arguments of a SQLite file's name."""
    if name.startswith("file:"):
        for argument, value in parse_qsl(name.partition("?")[2]):
            yield from _of_argument(argument, value)


def _of_argument(name: str, value: str) -> Iterator[str]:
    """Yield the secrets in one argument of a query or of a connection string."""
    name = re.sub(r"[\s_]", "", name.lower())
    shape = _HARMLESS.get(name)
    if shape is not None and re.fullmatch(shape, value, re.IGNORECASE):
        return
    if name == "options":
        yield from _of_options(value)
    elif name in _CONNECTION_STRINGS and "=" in value:
        yield from _of_connection_string(value)
    else:
        yield value
        # A value may itself be a list of things.
        yield from filter(_is_long, re.split(r"[\s;,={}]+", value))


def _of_options(value: str) -> Iterator[str]:
    """Yield the secrets in libpq's ``options``: values of settings with a dot, which extensions and proxies define."""
    for option in re.split(r"(?<!\\)\s+", value):
        setting, equals, said = re.sub(r"^(-c|--)", "", option).partition("=")
        if equals and "." in setting:
            yield re.sub(r"\\(.)", r"\1", said)
        elif not equals and _is_long(setting):
            yield setting


def _of_connection_string(value: str) -> Iterator[str]:
    """Yield the secrets in a connection string of ODBC: ``name=value;name={va;l}}ue}``."""
    for part in re.findall(r"(?:\{(?:[^}]|\}\})*\}|[^;])+", value):
        name, equals, said = part.strip().partition("=")
        if equals:
            yield from _of_argument(name.strip(), _bare(said.strip()))
        else:
            yield name  # of a value with a semicolon in it


def _of_frames(error: BaseException) -> Iterator[str]:
    """Yield what functions that ``error`` came through were given as a password."""
    for link in _links(error):
        trace = link.__traceback__
        while trace is not None:
            yield from _of_names(trace.tb_frame.f_locals, deeper=True)
            trace = trace.tb_next


# Any: values of another program's variables.
def _of_names(names: Mapping[Any, Any], *, deeper: bool) -> Iterator[str]:
    for name, value in list(names.items()):
        if isinstance(value, dict) and deeper:
            yield from _of_names(value, deeper=False)  # pyright: ignore[reportUnknownArgumentType]  # likewise
        elif isinstance(value, (tuple, list)) and deeper:
            for item in value[:_FEW]:  # pyright: ignore[reportUnknownVariableType]  # likewise
                if isinstance(item, str):
                    yield from _named_in(item)
        elif isinstance(value, str):
            yield from (value,) if _called_secret(name) else _named_in(value)
        elif isinstance(value, bytes) and _called_secret(name):
            yield value.decode("utf-8", "replace")


def _called_secret(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(_NAMES, name, re.IGNORECASE) is not None


def _links(error: BaseException) -> list[BaseException]:
    """Return ``error`` with all that are chained to it or grouped in it, as deep as they go."""
    links = [error]
    for link in links:
        # Any: groups are of Python 3.11, and the name may be any error's for anything.
        grouped: Any = getattr(link, "exceptions", ())
        further: list[Any] = [link.__cause__, link.__context__]
        if isinstance(grouped, tuple):
            further += grouped
        links += [one for one in further if isinstance(one, BaseException) and one not in links]
    return links


def _texts(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield repr(error)
    yield repr(error.args)
    yield from map(str, getattr(error, "__notes__", ()))


# -- How a text may spell them -----------------------------------------------------------------------------------------

_FEW = 16
_LONG = 4
_LONGER_THAN_WORDS = 16
_ONLY_WORDS = r"""(?:[^\W\d]|[\s.,:;'"()/=-])+|[\d\s.,:/-]+"""
_CONTROL = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\0": "0"}
_ESCAPED = r"(?<=%[0-9A-Fa-f]{2})|(?<=\\[abfnrtv])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})"
_OPENS = r"""(?<![^\s(\[{=:,/&?|<>]["'`])(?<![^\s"'`«“(\[{<=:,;/&?|@>])"""
_CLOSES = r"""(?![^\s"'`»”)\]}>=:,;/&?|@<.!\\%])"""


def _is_long(value: str) -> bool:
    return len(value) >= _LONG


def _stands_out(value: str) -> bool:
    """Return whether ``value`` cannot be a part of the words and numbers of a message by chance."""
    return len(value) >= _LONGER_THAN_WORDS or (_is_long(value) and not re.fullmatch(_ONLY_WORDS, value))


def _pattern(value: str) -> str:
    """Return a pattern for ``value`` in every spelling; within another word only if that cannot be by chance."""
    body = "".join(_spelled(char, len(list(run))) for char, run in groupby(value))
    return body if _stands_out(value) else f"{_before(value)}{body}{_after(value)}"


def _before(value: str) -> str:
    if re.match(r"\w", value):
        return rf"(?:(?<!\w)|{_ESCAPED})"
    return "" if _is_long(value) else f"(?:{_OPENS}|{_ESCAPED})"


def _after(value: str) -> str:
    if re.match(r"\w", value[-1]):
        return r"(?!\w)"
    return "" if _is_long(value) else _CLOSES


def _spelled(char: str, count: int) -> str:
    """Return a pattern for ``count`` times ``char``: itself, or as URLs, Python, JSON, libpq and ODBC escape it."""
    if char.isascii() and char.isalnum():
        return char * count
    code = ord(char)
    octets = char.encode("utf-8", "surrogatepass")
    ways = [
        rf"\\{{0,8}}{re.escape(char)}" if char != "\\" else r"\\",
        "".join(f"%(?:25)*(?i:{octet:02x})" for octet in octets),
        "".join(rf"\\{{1,8}}x(?i:{octet:02x})" for octet in octets),
        rf"\\{{1,8}}U(?i:{code:08x})",
    ]
    if code <= 0xFF:  # noqa: PLR2004 - as long as the escapes are
        ways.append(rf"\\{{1,8}}x(?i:{code:02x})")
    units = char.encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
    ways.append("".join(rf"\\{{1,8}}u(?i:{unit})" for unit in units))
    if char == " ":
        ways += [r"\+", "%(?:25)*(?i:2b)"]
    if char in _CONTROL:
        ways.append(rf"\\{{1,8}}{_CONTROL[char]}")
    most = count * 8 if char == "\\" else count * 2 if char in "'\"}]%" else count
    fewest = "?" if char in "'\"" else ""  # the quote that comes after may be the one that closes
    return f"(?:{'|'.join(ways)}){{{count},{most}}}{fewest}"


# Patterns are compiled by ``re`` when they are first used: most programs never redact anything.

# -- What a text itself calls a secret ---------------------------------------------------------------------------------

_NAMES = (
    r"[\w.$-]*(?:password|passwd|passphrase|passcode|pwd|secret|token|credential|signature"
    r"|(?:api|access|account|private|shared|encryption|client|server)_?key)\w*|pass"
)
_NAMED = rf"""(?isx)
    (?<![\w.$-])(?:{_NAMES})
    (?: \s*(?:=|%3D)\s* | \\*["']\s*[:,]\s*(?=b?\\*["']) )
    (?! \*\*\* | b?\\*["']\*\*\* | \{{\*\*\* )
    (?:
        b?(?P<open>\\*["']) (?P<quoted>(?:(?!(?P=open))(?:\\.|.))*) (?P=open)
      | \{{ (?P<braced>(?:[^}}]|\}}\}})*) \}}
      | (?P<odbc>[^;&\n"']+) (?=;\s*\w[\w\ ]*=)
      | (?P<word>[^\s;&]*[^\s;&"')\]}}>,.] | [^\s;&]+)
    )
    """
# The lengths are bounded so that the time that a text takes goes with its length alone.
_USERINFO = r"""(?i)(?:\b[A-Za-z][\w+.-]{1,40}:/{1,2}|//)[^\s/:@'"]{0,255}:(?!\*\*\*@)(?P<userinfo>[^\s'"]{1,4096})@"""


def _without_named(text: str) -> str:
    """Return ``text`` without what stands where a URL has a password, or after the name of one."""
    for pattern in (_USERINFO, _NAMED):
        text = re.sub(pattern, _masked, text)
    return text


def _masked(found: re.Match[str]) -> str:
    start, end = found.span(found.lastgroup or 0)
    return f"{found[0][: start - found.start()]}{_HIDDEN}{found[0][end - found.start() :]}"


def _named_in(text: str) -> Iterator[str]:
    """Yield the secrets of a short text that is a URL or a connection string."""
    if len(text) <= _LONGEST_CONNECTION_STRING:
        for found in re.finditer(_USERINFO, text):
            yield unquote(found["userinfo"])
        for found in re.finditer(_NAMED, text):
            value = found[found.lastgroup or 0]
            yield _bare(value) if found.lastgroup != "braced" else value.replace("}}", "}")


_LONGEST_CONNECTION_STRING = 4096


def _bare(value: str) -> str:
    """Return a value of ODBC without the braces that quote it."""
    return value[1:-1].replace("}}", "}") if value[:1] == "{" and value[-1:] == "}" else value


# -- What holds no secret ----------------------------------------------------------------------------------------------

_CONNECTION_STRINGS = frozenset({"odbcconnect", "dsn", "conninfo", "connectionstring"})
_HARMLESS = {
    name: shape
    for shape, names in {
        r"[+-]?\d{1,10}(?:\.\d+)?(?:,\d{1,10})*": (
            "port connecttimeout timeout commandtimeout readtimeout writetimeout querytimeout logintimeout keepalives"
            " keepalivesidle keepalivesinterval keepalivescount tcpusertimeout maxallowedpacket clientflag"
            " connectretrycount connectretryinterval packetsize preparedstatementcachesize statementcachesize"
            " maxcachedstatementlifetime cachedstatements detecttypes"
        ),
        r"[01]|true|false|yes|no|on|off|y|n|t|f": (
            "sslcompression sslsni gssdelegation requiressl usepipes useunicode autocommit compress localinfile"
            " deferconnect binaryprefix sslverifycert sslverifyidentity ssldisabled namedpipe tcpkeepalive"
            " trustservercertificate trustedconnection multisubnetfailover marsconnection ansi autotranslate"
            " longasmax fastexecutemany uri checksamethread nolock immutable psow"
        ),
        r"disable|allow|prefer|require|verify-ca|verify-full|verify_ca|verify_identity|disabled|preferred|required": (
            "sslmode gssencmode channelbinding ssl"
        ),
        r"yes|no|true|false|mandatory|optional|strict": "encrypt",
        r"\w+": (
            "sslnegotiation sslcertmode replication krbsrvname gsslib requirepeer collation isolationlevel cache vfs"
            " tdsversion readdefaultgroup"
        ),
        r"ro|rw|rwc|memory": "mode",
        r"!?[\w-]+(?:,!?[\w-]+)*": (
            "requireauth targetsessionattrs loadbalancehosts applicationintent authentication authplugin"
        ),
        r"TLSv?\d[\d.]*": "minprotocolversion sslminprotocolversion sslmaxprotocolversion maxprotocolversion",
        r"\w+(?:-\d+){0,2}": "charset clientencoding encoding",
        r"[\w .,:/\\()\[\]~-]+": (
            "host hostaddr server address addr unixsocket unixsock dbname database db service servicefile passfile"
            " applicationname app fallbackapplicationname programname driver servername failoverpartner wsid language"
            " sslcert sslkey sslrootcert sslcrl sslcrldir sslkeylogfile sslca sslcapath sslcipher readdefaultfile"
            " bindaddress user uid userid username schema searchpath"
        ),
    }.items()
    for name in names.split()
}
