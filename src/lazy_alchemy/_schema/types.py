"""A SQL type as plain data: which class, built with which arguments.

Nothing here touches a database. What a type is in Python belongs to the emitters.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any, TypeAlias, TypeGuard, Union, final

from sqlalchemy import types as sqltypes
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from lazy_alchemy._errors import ReflectionError

__all__ = ["NO_OPTIONS", "Options", "Plain", "TypeInfo"]

Plain: TypeAlias = Union[bool, int, float, str, tuple["Plain", ...], "Options", "TypeInfo", None]
"""What a TableInfo is made of besides its own classes: immutable, comparable, serialisable."""

_SCALARS = frozenset({bool, int, float, str, type(None)})

_EVERY = "*"
"""The key under which a type's variable positional arguments (an enum's labels) are kept."""

_empty: list[Options] = []  # the one without any


@final
class Options(Mapping[str, Plain]):
    """An immutable, hashable mapping that compares by content, whatever the order it was made in."""

    __slots__ = ("_hash", "_items")

    _items: dict[str, Plain]
    _hash: int | None

    def __new__(cls, items: Mapping[str, object] | None = None) -> Options:
        """Copy ``items``, making lists and dictionaries in them immutable; without any it is always the same object."""
        if not items and _empty:
            return _empty[0]
        self = super().__new__(cls)
        self._items = {key: freeze(items[key]) for key in sorted(items)} if items else {}
        self._hash = None
        if not items:
            _empty.append(self)
            return _empty[0]  # whichever thread came first
        return self

    def __getitem__(self, key: str) -> Plain:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return self._items == other._items if isinstance(other, Options) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"Options({self._items!r})"

    def __reduce__(self) -> tuple[type[Options], tuple[dict[str, Plain]]]:
        return Options, (self._items,)

    def thaw(self) -> dict[str, Any]:
        """Return a new dictionary of what went in: lists, dictionaries and types again.

        ``Any``: these are keyword arguments of SQLAlchemy's constructors, whose types only they know.
        """
        return {key: thaw(value) for key, value in self._items.items()}


def freeze(value: object) -> Plain:
    """Return ``value`` as immutable plain data.

    Raises:
        TypeError: It holds something that is not plain data.
    """
    if value is None or isinstance(value, (bool, int, float, str, Options, TypeInfo)):
        # str(): SQLAlchemy's quoted_name is a str whose equality is the same and whose pickle is not.
        return str(value) if isinstance(value, str) else value
    if _is_mapping(value):
        return Options(value)
    if is_sequence(value):
        return tuple(freeze(item) for item in value)
    if _is_type(value):
        return TypeInfo.of(value)
    if isinstance(value, ClauseElement):
        return str(value)
    raise TypeError(f"{value!r} is not plain data")


def thaw(value: Plain) -> object:
    """Return the mutable form of what ``freeze`` returned, for SQLAlchemy's constructors."""
    if type(value) in _SCALARS:  # most are, and to look for a Mapping takes Python longer than all else here
        return value
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Options):
        return value.thaw()
    if isinstance(value, TypeInfo):
        return value.build()
    return value


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A SQL type: the class by name, and the arguments that make an equal one.

    Attributes:
        name: ``module:class``, the module a public one where the class can be had from there.
        arguments: Keyword arguments of the class; under ``*`` its positional ones.
        instance: The type itself where no arguments were found that make an equal one. Such a TypeInfo works within
            the process and cannot be written to a file.
    """

    name: str
    arguments: Options = field(default_factory=Options)
    instance: TypeEngine[Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, type_: TypeEngine[Any]) -> TypeInfo:
        """Describe ``type_``; equal types get the same object. It costs no round trip."""
        state = _state(type_)
        info = _known.get(state)
        if info is None:
            info = cls._describe(type_, state)
            if info.instance is None:
                if len(_known) >= _MOST_KNOWN:
                    _known.clear()
                _known[state] = info
        return info

    @classmethod
    def _describe(cls, type_: TypeEngine[Any], state: tuple[object, ...]) -> TypeInfo:
        name = _public_name(_class(type_))
        for private in (False, True):
            try:
                info = cls(name, Options(_arguments(type_, private=private)))
                if _state(info.build()) == state:
                    return info
            except Exception:  # noqa: BLE001, PERF203, S110 - a third party's constructor; the instance stands in
                pass
        return cls(name, Options({"repr": repr(type_)}), instance=type_)

    def build(self) -> TypeEngine[Any]:
        """Return a new type equal to the one described.

        Raises:
            ReflectionError: The class cannot be imported, or refuses its arguments.
        """
        if self.instance is not None:
            return self.instance
        try:
            if self.arguments is NO_OPTIONS:
                return _class_named(self.name)()
            keywords = self.arguments.thaw()
            positional = keywords.pop(_EVERY, ())
            return _class_named(self.name)(*positional, **keywords)
        except ReflectionError:
            raise
        except Exception as error:
            raise ReflectionError(f"The SQL type {self.name} cannot be built: {error}") from error


# By the state of a type. Emptied when it is full: an enum that gets a label a minute is not to be kept for ever.
_known: dict[tuple[object, ...], TypeInfo] = {}
_MOST_KNOWN = 10_000

# What isinstance alone leaves unknown to a type checker.


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, (list, tuple))


def _is_type(value: object) -> TypeGuard[TypeEngine[Any]]:
    return isinstance(value, TypeEngine)


@cache
def _public_name(cls: type) -> str:
    """Prefer a public module: SQLAlchemy's private ones move between its releases."""
    module = cls.__module__
    if module.startswith("sqlalchemy."):
        public = ["sqlalchemy.types"]
        if module.startswith("sqlalchemy.dialects."):
            public.insert(0, ".".join(module.split(".")[:3]))
        for candidate in public:
            if getattr(importlib.import_module(candidate), cls.__name__, None) is cls:
                return f"{candidate}:{cls.__name__}"
    return f"{module}:{cls.__qualname__}"


@cache
def _class_named(name: str) -> Callable[..., TypeEngine[Any]]:
    module, _, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)  # Any: it becomes whatever attribute the name leads to
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ReflectionError(
            f"The SQL type {name} cannot be imported: install the package that defines it."
        ) from error
    make: Callable[..., TypeEngine[Any]] = found
    if not (isinstance(found, type) and issubclass(found, TypeEngine)):
        raise ReflectionError(f"{name} is not a SQL type.")
    return make


@cache
def _parameters(cls: type) -> tuple[tuple[str, ...], str | None]:
    """Return the names of the keyword parameters of ``cls``, and of its variable positional one.

    A constructor with ``**keywords`` hands them to its base's, so the bases are read on from there.
    """
    names: dict[str, None] = {}
    variable: str | None = None
    for base in cls.__mro__:
        # Not inspect.signature: it would take a tenth of the time in which a process loads its first table.
        init = vars(base).get("__init__", object)
        while hasattr(init, "__wrapped__"):
            init = init.__wrapped__
        code = getattr(init, "__code__", None)
        if not isinstance(code, CodeType):
            continue
        named = code.co_argcount + code.co_kwonlyargcount
        names.update(dict.fromkeys(code.co_varnames[1:named]))
        if code.co_flags & inspect.CO_VARARGS:
            variable = variable or code.co_varnames[named]
        if not code.co_flags & inspect.CO_VARKEYWORDS:
            break
    for base in cls.__mro__:
        names.update(dict.fromkeys(_FROM_KEYWORDS.get(base.__name__, ())))
    return tuple(names), variable


# What these classes take out of their ``**keywords`` themselves, which no signature tells.
_FROM_KEYWORDS = {
    "Enum": ("name", "schema", "native_enum", "create_constraint", "validate_strings"),
    "SET": ("retrieve_as_bitwise",),
}


@cache
def _defaults(cls: type) -> Mapping[str, object]:
    """Return what the attributes of a ``cls()`` are, as far as there can be one."""
    try:
        plain = cls()
    except Exception:  # noqa: BLE001 - a type with required arguments; all of its arguments are kept then
        return {}
    return {name: getattr(plain, name) for name in _parameters(cls)[0] if hasattr(plain, name)}


# Parameters that say how DDL is emitted for, or where an object is kept beside, the type. A reflected type has the
# defaults, and the objects (a MetaData) are not data. (2.1 warns of inherit_schema, whatever its value.)
_NOT_THE_TYPE = frozenset({"metadata", "_create_events", "_adapted_from", "quote", "inherit_schema"})


def _class(type_: TypeEngine[Any]) -> type:
    return type(type_)


def _arguments(type_: TypeEngine[Any], *, private: bool) -> dict[str, object]:
    """Return the keyword arguments that may make an equal type, ``private`` ones (GeoAlchemy2 has one) on request."""
    names, variable = _parameters(_class(type_))
    defaults = _defaults(_class(type_))
    arguments: dict[str, object] = {}
    for name in names:
        if name in _NOT_THE_TYPE or (name.startswith("_") and not private):
            continue
        value = getattr(type_, name, None)
        default = defaults.get(name)
        if value is None and default is None:
            continue
        if type(value) is type(default) and repr(value) == repr(default):
            continue
        arguments[name] = value
    if variable is not None:
        labels = getattr(type_, variable, None)
        if is_sequence(labels):
            arguments[_EVERY] = list(labels)
    return arguments


def _state(type_: TypeEngine[Any]) -> tuple[object, ...]:
    """Return everything an instance holds, in a form that compares by content."""
    held = vars(type_)
    names = _lasting(_class(type_), tuple(held))
    values = [held[name] for name in names]
    return (type(type_), names, *[v if type(v) in _SCALARS else _comparable(v) for v in values])


@cache
def _lasting(cls: type, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not _memoised(cls, name)))


def _memoised(cls: type, attribute: str) -> bool:
    """Return whether an attribute only remembers what was computed (``_type_affinity``), by a non-data descriptor."""
    # Not inspect.getattr_static, nor inspect.unwrap above: they would take a fifteenth of the time in which a process
    # loads its first table.
    descriptor = next((vars(base)[attribute] for base in cls.__mro__ if attribute in vars(base)), None)
    return hasattr(descriptor, "__get__") and not hasattr(descriptor, "__set__") and not callable(descriptor)


def _comparable(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str, type)):
        return value
    if _is_type(value):
        return _state(value)
    if isinstance(value, ClauseElement):
        return (type(value), str(value))
    if _is_mapping(value):
        return tuple(sorted((str(key), repr(_comparable(item))) for key, item in value.items()))
    if is_sequence(value):
        return tuple(_comparable(item) for item in value)
    return type(value)


NO_OPTIONS = Options()
"""The Options without any: this very object, wherever they come from."""

NULL_TYPE = TypeInfo.of(sqltypes.NullType())
"""The type of a column whose database type nobody knows."""
