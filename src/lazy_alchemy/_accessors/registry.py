"""The metaclass of registries: it collects the tables that a class body declares, and registers the class.

Everything here runs when a class is created. It does no I/O and evaluates no annotation.
"""

from __future__ import annotations

import re
import sys
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from lazy_alchemy._accessors.lazy_table import LazyTable, checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LazyDBMeta", "OnDrift", "checked_on_drift"]


OnDrift = Literal["raise", "warn", "ignore"]


_classes: weakref.WeakValueDictionary[str, LazyDBMeta] = weakref.WeakValueDictionary()


class LazyDBMeta(type):
    """The metaclass of ``LazyDB``: it collects the tables that a class body declares, and registers the class.

    The declarations are in ``__tables__`` and usually not in the class itself: a descriptor of the same name would slow
    down finding the table in an instance. The metaclass does no I/O and evaluates no annotation.
    """

    __declared__: Mapping[str, LazyTable]  # by attribute: the class's own
    __tables__: Mapping[str, LazyTable]  # by attribute: own and inherited
    __schema__: str | None
    __named__: Mapping[str, str]  # the attributes, by table name
    __reserved__: frozenset[str]
    __on_drift__: OnDrift
    __declarable__: bool = False  # whether subclasses declare tables

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],  # Any: whatever a class body holds
        *,
        schema: str | None = None,
        on_drift: OnDrift | None = None,
        **keywords: object,
    ) -> LazyDBMeta:
        """Create the class.

        Args:
            name: Its name.
            bases: Its bases.
            namespace: What its body defines.
            schema: The schema of its tables; None for that of the base class, or else for the connection's default.
            on_drift: What to do if a table does not match its annotations, see ``LazyDB``; None for that of the base
                class, or else for "warn".
            keywords: Passed on to ``__init_subclass__``.

        Raises:
            TypeError: The body has an invalid declaration; the message names the class and the attribute.
        """
        is_root = not any(getattr(base, "__declarable__", False) for base in bases)
        checked_name(f"class {name}: schema=", schema)
        if on_drift is not None:
            checked_on_drift(on_drift, f"class {name}: ")
        declared: dict[str, LazyTable] = {}
        if not is_root:
            declared = {key: namespace.pop(key, None) or LazyTable() for key in _declarations(name, bases, namespace)}
        cls = super().__new__(mcls, name, bases, {**namespace, "__declared__": MappingProxyType(declared)}, **keywords)
        for attribute, table in declared.items():
            table.__set_name__(cls, attribute)
        tables: dict[str, LazyTable] = {}
        for base in reversed(cls.__mro__):
            for attribute, value in vars(base).items():
                if isinstance(value, LazyTable):
                    tables[attribute] = value
                else:
                    tables.pop(attribute, None)
            tables.update(vars(base).get("__declared__", {}))
        _refuse_duplicates(name, tables)
        _store_shadowed(cls)
        cls.__tables__ = MappingProxyType(tables)
        cls.__named__ = MappingProxyType({table.name: attribute for attribute, table in tables.items()})
        cls.__reserved__ = frozenset(dir(cls)) - tables.keys()
        if schema is not None or is_root:
            cls.__schema__ = schema
        if on_drift is not None or is_root:
            cls.__on_drift__ = on_drift or "warn"
        if not is_root:
            _classes[f"{cls.__module__}.{cls.__qualname__}"] = cls
        return cls

    if not TYPE_CHECKING:  # it would tell type checkers that a class has every attribute

        def __getattr__(cls, name: str) -> LazyTable:
            """Return the declaration of a table."""
            if not name.startswith("_") and name in cls.__tables__:
                return cls.__tables__[name]
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")

    def __dir__(cls) -> list[str]:
        """Return the attributes and the declared tables."""
        return [*super().__dir__(), *cls.__tables__]

    @property
    def registry(cls) -> Mapping[str, LazyDBMeta]:
        """The existing registry classes, by module and qualified name; if several share a name, the newest."""
        return MappingProxyType(dict(_classes))


def checked_on_drift(on_drift: object, where: str = "") -> OnDrift:
    """Return ``on_drift`` if it is one of its three values.

    Raises:
        TypeError: It is none of them.
    """
    if on_drift in get_args(OnDrift):
        return cast("OnDrift", on_drift)  # cast: `in` narrows nothing
    raise TypeError(f'{where}on_drift= takes "raise", "warn" or "ignore", not {on_drift!r}')


# ``re`` compiles these on first use, which a program without a registry never reaches.
_LAZY_TABLE = r"(?s)\s*[\"']?\s*(?:[\w.]+\.)?LazyTable\s*(?:\[.*)?[\"']?\s*"
_CLASS_VAR = r"\s*[\"']?\s*(?:[\w.]+\.)?ClassVar\b"


def _declarations(name: str, bases: tuple[type, ...], namespace: Mapping[str, object]) -> list[str]:
    """Return the names of the attributes that the class body declares as tables."""
    inherited = {attribute for base in bases for parent in base.__mro__ for attribute in vars(parent)}
    tables = {attribute for base in bases if isinstance(base, LazyDBMeta) for attribute in base.__tables__}
    found: list[str] = []
    annotations = _annotations(namespace)
    for attribute, annotation in annotations.items():
        if attribute.startswith("_") or re.match(_CLASS_VAR, annotation):
            continue
        value = namespace.get(attribute)
        where = f"class {name}: {attribute!r}"
        if not re.fullmatch(_LAZY_TABLE, annotation):
            if isinstance(value, LazyTable) or attribute not in namespace:
                raise TypeError(
                    f"{where} is annotated {annotation!r}, which declares no table. Write `{attribute}: LazyTable` for "
                    "a table, or ClassVar[...], a value or a leading underscore for anything else."
                )
            continue
        if attribute in namespace and not isinstance(value, LazyTable):
            raise TypeError(
                f"{where} is annotated as a LazyTable but has the value {value!r}. Leave the value out, or write "
                f'`{attribute}: LazyTable = LazyTable(name="...")`.'
            )
        if attribute in inherited and attribute not in tables:
            raise TypeError(
                f"{where} would hide {attribute!r} of {bases[0].__name__}. Rename it: "
                f'`{attribute}_: LazyTable = LazyTable(name="{attribute}")`; db["{attribute}"] always works.'
            )
        found.append(attribute)
    for attribute, value in namespace.items():
        if isinstance(value, LazyTable) and attribute not in annotations:
            raise TypeError(
                f"class {name}: {attribute!r} is a LazyTable without an annotation, so type checkers cannot see it. "
                f"Write `{attribute}: LazyTable = {value!r}`."
            )
    return found


def _annotations(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations of a class body as text, without evaluating them."""
    # Any: a class body's `__annotate__` is a function, and the rest may be anything.
    if sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        if annotate is not None:
            return dict(annotationlib.call_annotate_function(annotate, annotationlib.Format.STRING))
    annotations: Mapping[str, object] = namespace.get("__annotations__", {})
    return {attribute: _text(annotation) for attribute, annotation in annotations.items()}


def _text(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)


def _store_shadowed(cls: LazyDBMeta) -> None:
    """Store a declaration in its class if another class in the MRO, or the metaclass, has an attribute of that name.

    Python would find that attribute, and not call ``__getattr__``.
    """
    for base in cls.__mro__:
        for attribute, table in vars(base).get("__declared__", {}).items():
            others = (other for other in (*cls.__mro__, *type.mro(LazyDBMeta)) if other is not base)
            if attribute not in vars(base) and any(attribute in vars(other) for other in others):
                setattr(base, attribute, table)


def _refuse_duplicates(name: str, tables: Mapping[str, LazyTable]) -> None:
    attributes: dict[str, str] = {}  # by table name
    for attribute, table in tables.items():
        other = attributes.setdefault(table.name, attribute)
        if other != attribute:
            raise TypeError(
                f"class {name}: {other!r} and {attribute!r} both declare the table {table.name!r}. Declare it once."
            )
