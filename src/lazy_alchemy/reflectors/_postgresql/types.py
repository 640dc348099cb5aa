"""The conversion of PostgreSQL's ``format_type`` texts to TypeInfos, as in SQLAlchemy's dialect. No I/O.

The type classes are those in the dialect's ``ischema_names``, where third parties register theirs.
"""

from __future__ import annotations

import inspect
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN, ENUM, INTERVAL
from sqlalchemy.types import TypeDecorator

from lazy_alchemy._schema.types import NULL_TYPE, TypeInfo
from lazy_alchemy.reflectors._postgresql.statement import unquoted
from lazy_alchemy.reflectors._version import NEWER_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.types import TypeEngine

    from lazy_alchemy.reflectors._postgresql.statement import Facts

__all__ = ["ColumnType", "TypesOf", "UncertainError", "UnsettledError", "is_of_domain"]

_TypeMaker: TypeAlias = "Callable[..., TypeEngine[Any]]"  # Any: the Python types do not matter here

_DEFAULT_COLLATION = "100"
_HAS_COLLATION_SCHEMA = "collation_schema" in inspect.signature(DOMAIN.__init__).parameters


class UncertainError(Exception):
    """SQLAlchemy may reflect the table differently from its catalog rows, so it is left to the Inspector."""


class UnsettledError(Exception):
    """The facts are not all of one moment, because the schema has just changed: they must be read again."""


class ColumnType(NamedTuple):
    """A column's type, and the properties of the column that follow from it.

    Attributes:
        info: The type.
        full: The type including the parts of domains that SQLAlchemy omits; None if it omits nothing.
        is_integer: Whether a default from a sequence makes the column autoincrement.
        default: The default of a domain.
        not_null: Whether a domain is NOT NULL.
        unknown: The name, as in SQLAlchemy's warning, of a type that SQLAlchemy does not know.
        type_name: PostgreSQL's name of an unknown type.
        warnings: SQLAlchemy's warnings about the type, which do not depend on the column.
    """

    info: TypeInfo
    full: TypeInfo | None = None
    is_integer: bool = False
    default: str | None = None
    not_null: bool = False
    unknown: str | None = None
    type_name: str | None = None
    warnings: tuple[str, ...] = ()


class _Named(NamedTuple):
    """A row of pg_type: for an enum or a domain all the facts that SQLAlchemy needs, for other types the collation.

    PostgreSQL's built-in types are only included if their collation is not the default.
    """

    kind: str
    collation: str
    inner: str
    not_null: bool
    name: str
    schema: str
    visible: str | None
    content: list[Any]  # Any: labels; or the names, expressions and validity of checks
    base: str | None
    default: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.name,) if self.visible == "true" else (self.schema, self.name)

    def is_called(self, text: str) -> bool:
        """Return whether ``text`` is the type's name as ``format_type`` writes it, with or without quotes."""
        *schema, name = ([text_, _quoted(text_)] for text_ in self.key)
        prefixes = [f"{prefix}." for prefix in schema[0]] if schema else [""]
        return any(text == prefix + candidate for prefix in prefixes for candidate in name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class TypesOf:
    """The types of the columns that one run of the query found."""

    def __init__(self, facts: Facts, ischema_names: Mapping[str, _TypeMaker]) -> None:
        self._ischema_names = ischema_names
        self._formats = {row[0]: row[1] for row in facts.formats}
        self._collations = {_DEFAULT_COLLATION: ("default", "pg_catalog", "true")} | {
            str(row[0]): (str(row[1]), unquoted(str(row[2])), row[3]) for row in facts.collations
        }
        self._types: dict[str, _Named] = {}
        for facts_, name, schema, visible, content, base, default in facts.types:
            oid, kind, collation, inner, not_null = str(facts_).split(",")
            self._types[oid] = _Named(
                kind,
                collation,
                inner,
                not_null == "t",
                str(name),
                unquoted(str(schema)),
                visible,
                json.loads(content) if content else [],
                base,
                default,
            )
        self._named = {named.key: named for named in self._types.values() if named.kind in "ed"}
        self._known: dict[tuple[str, str, str], ColumnType] = {}

    def of(self, oid: str, modifier: str, collation: str) -> ColumnType:
        """Return the type of a column.

        Raises:
            UncertainError: SQLAlchemy might reflect it differently.
            UnsettledError: The type has just changed.
        """
        key = (oid, modifier, collation)
        known = self._known.get(key)
        if known is None:
            text = self._formats[f"{oid},{modifier}"]
            named = self._types.get(oid)
            inherent = _DEFAULT_COLLATION if named is None else named.collation
            of_column = None if collation in ("0", inherent) else self._collation(collation)
            self._check(text, oid)
            known = self._read(str(text), of_column)
            if known.info.instance is None:  # else each column needs its own type instance, as in SQLAlchemy
                self._known[key] = known
        return known

    def _collation(self, oid: str) -> tuple[str, str | None]:
        name, schema, visible = self._collations[oid]
        if visible is None:
            raise UnsettledError
        return name, None if visible == "true" else schema

    def _check(self, text: str | None, oid: str) -> None:
        """Check that the text of a type names the type with this oid."""
        if text is None or "???" in text:
            raise UnsettledError
        if '"' in text and _QUOTES_BRACKETS.search(text):
            raise UncertainError  # SQLAlchemy would read a part of the name as arguments or dimensions
        named = self._types.get(oid)
        if named is not None and named.kind not in "ed" and named.inner in self._types:
            named = self._types[named.inner]
        if named is not None and named.kind in "ed":
            if named.visible is None:
                raise UnsettledError
            if not named.is_called(text.removesuffix("[]")):
                raise UnsettledError

    def _read(self, text: str, collation: tuple[str, str | None] | None) -> ColumnType:
        """Convert the text as SQLAlchemy does, but collect its warnings."""
        made, type_ = self._make(text, collation)
        if made.unknown is not None:
            return made._replace(type_name=text)
        if type_ is None or not is_of_domain(type_):
            return made
        made = made._replace(full=self._full(text, collation, made.info))
        if isinstance(type_, DOMAIN):
            default = None if type_.default is None else str(type_.default)
            return made._replace(default=default, not_null=bool(type_.not_null))
        return made

    def _full(self, text: str, collation: tuple[str, str | None] | None, info: TypeInfo) -> TypeInfo | None:
        """Return the type including what SQLAlchemy omits from domains; None if it omits nothing or it is not data."""
        try:
            full = self._make(text, collation, in_full=True)[0].info
        except UncertainError:  # a third party's type does not take its arguments
            return None
        return None if full == info or full.instance is not None else full

    def _make(
        self, text: str, collation: tuple[str, str | None] | None, *, in_full: bool = False
    ) -> tuple[ColumnType, TypeEngine[Any] | None]:
        """Return the type that the text describes, and its instance unless the class is SQLAlchemy's own."""
        name, arguments, is_array = _parsed(text)
        maker = self._ischema_names.get(name.lower())
        options: tuple[tuple[str, str], ...] = ()
        if collation is not None:
            options = (("collation", collation[0]),)
            if collation[1] is not None and NEWER_LINE:
                options += (("collation_schema", collation[1]),)
        named = None
        if name not in _SPECIAL and not name.startswith("interval ") and (maker is None or not NEWER_LINE):
            named = self._named.get(_tokens(name))
        if named is not None:
            type_, warnings = (
                (_enum(named, options), ()) if named.kind == "e" else self._domain(named, options, in_full=in_full)
            )
            type_ = ARRAY(type_) if is_array else type_
            return ColumnType(TypeInfo.of(type_), warnings=warnings), type_
        if name == "interval" or name.startswith("interval "):
            maker = INTERVAL
        if maker is None:
            return ColumnType(NULL_TYPE, unknown=name), None
        if getattr(maker, "__module__", "").startswith("sqlalchemy."):
            return _standard(maker, name, arguments, is_array, options), None
        type_ = _made(maker, name, arguments, is_array, options)
        if isinstance(type_, TypeDecorator):
            raise UncertainError  # whether the column is autoincrement depends on the decorated type
        return ColumnType(TypeInfo.of(type_), is_integer=isinstance(type_, Integer)), type_

    def _domain(
        self, named: _Named, options: tuple[tuple[str, str], ...], *, in_full: bool
    ) -> tuple[TypeEngine[Any], tuple[str, ...]]:
        self._check(named.base, named.inner)
        base = str(named.base) if in_full else str(named.base).split("(")[0]
        collation = None if named.collation == "0" else self._collation(named.collation)
        made, _ = self._make(base, collation, in_full=in_full)
        warnings = made.warnings
        if made.unknown is not None:
            warnings += (f"Did not recognize type '{made.unknown}' of DOMAIN '{named.name}'",)
        keywords: dict[str, Any] = {  # Any: keyword arguments of a constructor
            "collation": collation and collation[0],
            "default": named.default,
            "not_null": named.not_null,
            "create_type": False,
        }
        if _HAS_COLLATION_SCHEMA:
            keywords["collation_schema"] = collation and collation[1]
        inner = made.info.build()
        checks = sorted(named.content, key=lambda check: check[0])
        if checks:
            keywords.update(_of_check(*checks[0]))
            if in_full:  # a DOMAIN has only one CHECK: represent each other one by a domain in between
                for check in checks[1:]:
                    inner = DOMAIN(named.name, inner, create_type=False, **_of_check(*check))
        if named.visible != "true":
            keywords["schema"] = named.schema
        keywords.update(options)
        return DOMAIN(named.name, inner, **keywords), warnings


def is_of_domain(type_: TypeEngine[Any]) -> bool:
    """Return whether a type is a domain, or an array of one."""
    # isinstance does not narrow the item type.
    return isinstance(type_, DOMAIN) or (isinstance(type_, ARRAY) and isinstance(type_.item_type, DOMAIN))  # pyright: ignore[reportUnknownMemberType]


def _of_check(constraint: str, expression: str | None, is_valid: str) -> dict[str, Any]:
    # Any: keyword arguments of a constructor
    if expression is None:
        raise UnsettledError
    definition = f"CHECK ({expression})" + ("" if is_valid == "true" else " NOT VALID")
    return {"constraint_name": constraint, "check": definition[7:-1]}


def _enum(named: _Named, options: tuple[tuple[str, str], ...]) -> TypeEngine[Any]:
    keywords: dict[str, Any] = {"name": named.name, **dict(options)}  # Any: keyword arguments of a constructor
    if named.visible != "true":
        keywords["schema"] = named.schema
    return ENUM(*named.content, **keywords)


# Names that SQLAlchemy never treats as those of enums or domains.
_SPECIAL = frozenset(
    {
        "numeric",
        "double precision",
        "integer",
        "timestamp with time zone",
        "time with time zone",
        "timestamp without time zone",
        "time without time zone",
        "time",
        "bit varying",
        "interval",
    }
)
_QUOTES_BRACKETS = re.compile(r'"[^"]*[][()][^"]*"')
_PART = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')
_COMMA = re.compile(r"\s*,\s*")
_ARGUMENTS = re.compile(r"\((.*)\)")
_DIMENSIONS = re.compile(r"((?:\[\])*)$")


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[str, tuple[str, ...], bool]:
    """Parse a type's text: return its name, its arguments, and whether it is an array."""
    found = _ARGUMENTS.search(text)
    arguments = tuple(_COMMA.split(found[1])) if found and found[1] else ()
    dimensions = _DIMENSIONS.search(text)
    name = _DIMENSIONS.sub("", _ARGUMENTS.sub("", text))
    return name, arguments, bool(dimensions and dimensions[1])


def _tokens(name: str) -> tuple[str, ...]:
    """Return the dot-separated parts of a name, without their quotes."""
    if '"' not in name:
        return tuple(name.split("."))
    parts = _PART.findall(name)
    return tuple(quoted.replace('""', '"') or plain for quoted, plain in parts)


@lru_cache(maxsize=4096)
def _standard(
    maker: _TypeMaker, name: str, arguments: tuple[str, ...], is_array: bool, options: tuple[tuple[str, str], ...]
) -> ColumnType:
    """Return one of SQLAlchemy's own types. Cached: they are few, and making a TypeInfo takes longer than the rest."""
    type_ = _made(maker, name, arguments, is_array, options)
    return ColumnType(TypeInfo.of(type_), is_integer=isinstance(type_, Integer))


def _made(
    maker: _TypeMaker, name: str, arguments: tuple[str, ...], is_array: bool, options: tuple[tuple[str, str], ...]
) -> TypeEngine[Any]:
    """Call the class with the arguments that SQLAlchemy's dialect would pass for a type of this name."""
    positional: tuple[object, ...] = ()
    keywords: dict[str, object] = {}
    try:
        if name == "numeric":
            if len(arguments) == 2:  # noqa: PLR2004 - precision and scale
                positional = tuple(map(int, arguments))
        elif name == "double precision":
            positional = (53,)
        elif name == "integer":
            pass
        elif name.startswith(("timestamp", "time")) and name in _SPECIAL:
            keywords["timezone"] = name.endswith("with time zone")
            if len(arguments) == 1:
                keywords["precision"] = int(arguments[0])
        elif name == "bit varying":
            keywords["varying"] = True
            if len(arguments) == 1:
                positional = (int(arguments[0]),)
        elif name == "interval" or name.startswith("interval "):
            if name != "interval":
                keywords["fields"] = name.removeprefix("interval ")
            if len(arguments) == 1:
                keywords["precision"] = int(arguments[0])
        else:
            positional = _lengths(arguments)
        type_ = maker(*positional, **keywords, **dict(options))
    except Exception as error:  # a third party's constructor may raise anything
        raise UncertainError from error
    return ARRAY(type_) if is_array else type_


def _lengths(arguments: tuple[str, ...]) -> tuple[object, ...]:
    try:
        return (int(arguments[0]), *arguments[1:])
    except (ValueError, IndexError):
        return arguments
