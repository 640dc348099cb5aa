"""A SQL type as plain data: its class, and the arguments to build it with.

Nothing here touches a database. The Python type of a SQL type is up to the emitters.
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
"""The values in a TableInfo besides its own classes: immutable, comparable, serialisable."""

_SCALARS = frozenset({bool, int, float, str, type(None)})

_POSITIONAL = "*"
"""The key of a type's variable positional arguments (an enum's labels)."""

_empty: list[Options] = []  # holds the only empty Options


@final
class Options(Mapping[str, Plain]):
    """An immutable, hashable mapping that compares by content, regardless of order."""

    __slots__ = ("_hash", "_items")

    _items: dict[str, Plain]
    _hash: int | None

    def __new__(cls, items: Mapping[str, object] | None = None) -> Options:
        """Copy ``items``, making lists and dictionaries in them immutable; an empty one is always the same object."""
        if not items and _empty:
            return _empty[0]
        self = super().__new__(cls)
        self._items = {key: freeze(items[key]) for key in sorted(items)} if items else {}
        self._hash = None
        if not items:
            _empty.append(self)
            return _empty[0]  # the first thread's, if several get here at once
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
        """Return a new dictionary with the original values: lists, dictionaries and types again.

        ``Any``: these are keyword arguments of SQLAlchemy's constructors; only those know the types.
        """
        return {key: thaw(value) for key, value in self._items.items()}


def freeze(value: object) -> Plain:
    """Return ``value`` as immutable plain data.

    Raises:
        TypeError: It contains something that is not plain data.
    """
    if value is None or isinstance(value, (bool, int, float, str, Options, TypeInfo)):
        # str(): SQLAlchemy's quoted_name equals the plain str but pickles differently.
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
    """Undo ``freeze``: return mutable data, for SQLAlchemy's constructors."""
    if type(value) in _SCALARS:  # most are, and isinstance with a Mapping class takes longer than all the rest
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
    """A SQL type: its class by name, and the arguments that build an equal type.

    Attributes:
        name: ``module:class``, with a public module if one has the class.
        arguments: Keyword arguments of the class; positional ones are under ``*``.
        instance: The type itself, if no arguments were found that build an equal one. Such a TypeInfo works within
            the process but cannot be written to a file.
    """

    name: str
    arguments: Options = field(default_factory=Options)
    instance: TypeEngine[Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, type_: TypeEngine[Any]) -> TypeInfo:
        """Return the TypeInfo of ``type_``: the same object for equal types. No round trip."""
        state = _state(type_)
        info = _known.get(state)
        if info is None:
            info = cls._describe(type_, state)
            if info.instance is None:
                if len(_known) >= _MAX_KNOWN:
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
            except Exception:  # noqa: BLE001, PERF203, S110 - a third party's constructor; fall back to the instance
                pass
        return cls(name, Options({"repr": repr(type_)}), instance=type_)

    def build(self) -> TypeEngine[Any]:
        """Return a type equal to the described one.

        Raises:
            ReflectionError: The class cannot be imported, or rejects its arguments.
        """
        if self.instance is not None:
            return self.instance
        try:
            if self.arguments is NO_OPTIONS:
                return _class_named(self.name)()
            keywords = self.arguments.thaw()
            positional = keywords.pop(_POSITIONAL, ())
            return _class_named(self.name)(*positional, **keywords)
        except ReflectionError:
            raise
        except Exception as error:
            raise ReflectionError(f"The SQL type {self.name} cannot be built: {error}") from error


# By the state of a type. Emptied when full, so that an enum that keeps getting labels does not fill the memory.
_known: dict[tuple[object, ...], TypeInfo] = {}
_MAX_KNOWN = 10_000

# Type guards: isinstance alone leaves the type arguments unknown to type checkers.


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, (list, tuple))


def _is_type(value: object) -> TypeGuard[TypeEngine[Any]]:
    return isinstance(value, TypeEngine)


@cache
def _public_name(cls: type) -> str:
    """Return ``module:class`` with a public module if possible: SQLAlchemy's private ones move between releases."""
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
        found: Any = importlib.import_module(module)  # Any: a module, then attributes of it
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

    A constructor with ``**keywords`` passes them on to its base class, whose parameters are then included.
    """
    names: dict[str, None] = {}
    variable: str | None = None
    for base in cls.__mro__:
        # Not inspect.signature: it would take a tenth of the time of a process's first load.
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


# Parameters that these classes read from their ``**keywords``, so that no signature shows them.
_FROM_KEYWORDS = {
    "Enum": ("name", "schema", "native_enum", "create_constraint", "validate_strings"),
    "SET": ("retrieve_as_bitwise",),
}


@cache
def _defaults(cls: type) -> Mapping[str, object]:
    """Return the attributes of ``cls()``; none if it cannot be called without arguments."""
    try:
        plain = cls()
    except Exception:  # noqa: BLE001 - a type with required arguments; all of its arguments are kept then
        return {}
    return {name: getattr(plain, name) for name in _parameters(cls)[0] if hasattr(plain, name)}


# Parameters that are not part of the type: they control its DDL, for which a reflected type has the defaults, or refer
# to an object (a MetaData), which is not data. (2.1 warns about inherit_schema, whatever its value.)
_NOT_THE_TYPE = frozenset({"metadata", "_create_events", "_adapted_from", "quote", "inherit_schema"})


def _class(type_: TypeEngine[Any]) -> type:
    return type(type_)


def _arguments(type_: TypeEngine[Any], *, private: bool) -> dict[str, object]:
    """Return keyword arguments that may build an equal type; ``private`` adds private ones (GeoAlchemy2 has one)."""
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
            arguments[_POSITIONAL] = list(labels)
    return arguments


def _state(type_: TypeEngine[Any]) -> tuple[object, ...]:
    """Return all attributes of a type but memoised ones, in a form that compares by content."""
    attributes = vars(type_)
    names = _state_names(_class(type_), tuple(attributes))
    values = [attributes[name] for name in names]
    return (type(type_), names, *[v if type(v) in _SCALARS else _comparable(v) for v in values])


@cache
def _state_names(cls: type, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not _memoised(cls, name)))


def _memoised(cls: type, attribute: str) -> bool:
    """Return whether an attribute is the memoised result of a non-data descriptor (``_type_affinity``)."""
    # Not inspect.getattr_static, nor inspect.unwrap above: they would take a fifteenth of the time of a process's first
    # load.
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
"""The empty Options, which are always this very object."""

NULL_TYPE = TypeInfo.of(sqltypes.NullType())
"""The type of a column whose database type SQLAlchemy does not know."""
