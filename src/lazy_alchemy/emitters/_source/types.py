"""The source text of Python types, and the imports that it needs. No I/O."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import ipaddress
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import JsonValue
from sqlalchemy.dialects.postgresql.ranges import MultiRange, Range

from lazy_alchemy.emitters._fields.unions import union_members
from lazy_alchemy.emitters._source.layout import alias, imports, string

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["RESERVED", "ModuleScope", "Scope", "distinct"]

_BUILTINS = {cls.__name__: cls for cls in (bool, bytes, dict, float, int, list, object, set, slice, str, tuple)}
_MODULES = {module.__name__: module for module in (datetime, decimal, ipaddress, uuid)}
_LONG = 40
"""The maximum length of a type's text within a line, in characters; a longer type gets an alias."""

# The names that a generated module may use, with the module of each and its name there.
_SYMBOLS: dict[str, tuple[str, str]] = {
    "Annotated": ("typing", "Annotated"),
    "Any": ("typing", "Any"),
    "AnyValue": ("lazy_alchemy.emitters", "AnyValue"),
    "ArrayText": ("lazy_alchemy.emitters", "ArrayText"),
    "AsyncLazyDBAccessor": ("lazy_alchemy", "AsyncLazyDBAccessor"),
    "AwareDatetime": ("pydantic", "AwareDatetime"),
    "Base64": ("lazy_alchemy.emitters", "Base64"),
    "BaseModel": ("pydantic", "BaseModel"),
    "BitText": ("lazy_alchemy.emitters", "BitText"),
    "CharacterSet": ("lazy_alchemy.emitters", "CharacterSet"),
    "Column": ("sqlalchemy", "Column"),
    "Columns": ("lazy_alchemy", "Columns"),
    "Duration": ("lazy_alchemy.emitters", "Duration"),
    "Field": ("pydantic", "Field"),
    "HstoreText": ("lazy_alchemy.emitters", "HstoreText"),
    "JsonValue": ("pydantic", "JsonValue"),
    "LazyDB": ("lazy_alchemy", "LazyDB"),
    "LazyTable": ("lazy_alchemy", "LazyTable"),
    "Literal": ("typing", "Literal"),
    "MappedModel": ("lazy_alchemy.emitters", "MappedModel"),
    "MultiRange": ("sqlalchemy.dialects.postgresql.ranges", "MultiRange"),
    "MySQLBoolean": ("lazy_alchemy.emitters", "MySQLBoolean"),
    "NaiveDatetime": ("pydantic", "NaiveDatetime"),
    "Named": ("sqlalchemy", "Named"),
    "NestedArray": ("lazy_alchemy.emitters", "NestedArray"),
    "OffsetTime": ("lazy_alchemy.emitters", "OffsetTime"),
    "Range": ("sqlalchemy.dialects.postgresql.ranges", "Range"),
    "RangeOf": ("lazy_alchemy.emitters", "RangeOf"),
    "ReadOnlyColumnCollection": ("sqlalchemy.sql.base", "ReadOnlyColumnCollection"),
    "RowModel": ("lazy_alchemy.emitters", "RowModel"),
    "SQLField": ("sqlmodel", "Field"),
    "SQLModel": ("sqlmodel", "SQLModel"),
    "TypeAlias": ("typing", "TypeAlias"),
    "TypedColumns": ("sqlalchemy", "TypedColumns"),
    "omitted": ("lazy_alchemy.emitters", "omitted"),
    "overload": ("typing_extensions", "overload"),
}
_STANDARD = frozenset({"builtins", "datetime", "decimal", "ipaddress", "typing", "uuid"})

RESERVED = frozenset({*_SYMBOLS, *_BUILTINS, *_MODULES, "annotations"})
"""Names that classes of a generated module cannot have."""


@dataclass
class ModuleScope:
    """The top level of one module: its imports, and aliases for long types.

    Attributes:
        taken: Names that are already in use.
    """

    taken: set[str]
    _imports: set[tuple[str, str | None, str]] = field(default_factory=set[tuple[str, "str | None", str]])
    _aliases: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict[tuple[str, str], tuple[str, str]])

    def import_(self, module: str, name: str | None, as_: str) -> None:
        """Import a module, or a name from it."""
        self._imports.add((module, name, as_))

    def alias(self, text: str, statement_of: Callable[[str], str], wanted: str) -> str:
        """Return the name of an alias for the type with this text: ``wanted``, unless that is taken.

        ``statement_of`` returns the alias's definition, given its name.
        """
        if (wanted, text) not in self._aliases:
            name = distinct(wanted, text, self.taken)
            self.taken.add(name)
            self.import_("typing", "TypeAlias", "TypeAlias")
            self._aliases[wanted, text] = (name, statement_of(name))
        return self._aliases[wanted, text][0]

    def import_lines(self) -> list[str]:
        """Return the import statements, those of the standard library first, then an empty line and the others."""
        blocks: list[list[str]] = []
        for standard in (True, False):
            found = {item for item in self._imports if (item[0] in _STANDARD) is standard}
            plain = sorted((module, module != as_, as_) for module, name, as_ in found if name is None)
            lines = [f"import {module} as {as_}" if renamed else f"import {module}" for module, renamed, as_ in plain]
            for module in sorted({module for module, name, _ in found if name is not None}):
                names = sorted((str(name), as_) for origin, name, as_ in found if origin == module and name is not None)
                plain_names = sorted((name for name, as_ in names if name == as_), key=_isort_key)
                some = [(name, f"from {module} import {name} as {as_}") for name, as_ in names if name != as_]
                some += [(plain_names[0], imports(module, plain_names))] if plain_names else []
                lines += [line for _, line in sorted(some, key=lambda one: _isort_key(one[0]))]
            blocks.append(lines)
        first, second = blocks
        return [*first, *([""] if first and second else []), *second]

    def alias_lines(self) -> list[str]:
        """Return the definitions of the aliases, sorted by name, except that an alias comes after those it uses."""
        statements = dict(self._aliases.values())
        lines: dict[str, str] = {}

        def add(name: str) -> None:
            if name in lines:
                return
            for other in re.findall(r"\w+", statements[name]):
                if other in statements and other != name:
                    add(other)
            lines[name] = statements[name]

        for name in sorted(statements):
            add(name)
        return list(lines.values())


def distinct(wanted: str, of: str, taken: Collection[str]) -> str:
    """Return ``wanted`` if it is not taken, else with a suffix that is a digest of ``of``."""
    digest = hashlib.sha256(of.encode("utf-8", "backslashreplace")).hexdigest()
    separator = "" if wanted.endswith("_") else "_"
    marked = (f"{wanted}{separator}{digest[:length]}" for length in range(4, len(digest) + 1))
    return next(name for name in (wanted, *marked) if name not in taken)


def _isort_key(name: str) -> tuple[int, str, str]:
    # Constants, then classes, then functions: isort's order of imported names.
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name, name


@dataclass
class Scope:
    """The body of one class, whose attributes hide names of the module.

    Attributes:
        module: The module.
        attributes: The class's own attributes.
        prefix: The prefix of aliases for its long types.
    """

    module: ModuleScope
    attributes: Collection[str] = ()
    prefix: str = ""

    def name(self, symbol: str) -> str:
        """Import a known name and return its local name, which has an underscore if an attribute would hide it."""
        module, original = _SYMBOLS[symbol]
        local = f"_{symbol}" if symbol in self.attributes else symbol
        self.module.import_(module, original, local)
        return local

    def type(self, type_: Any, wanted: str) -> str:
        """Return the text of a type, or an alias if it is long, called ``wanted`` if possible. ``Any``: any type."""
        members = union_members(type_)
        if len(members) > 1 and members[-1] is type(None):
            inner = self.type(Union[tuple(members[:-1])], wanted)  # noqa: UP007  the number of members varies
            return f"{inner} | None"
        text = self.text(type_)
        if len(text) <= _LONG:
            return text
        if get_origin(type_) in (list, set):
            return f"{self.class_(get_origin(type_))}[{self.type(get_args(type_)[0], wanted)}]"
        top = Scope(self.module)
        text = top.text(type_)
        return self.module.alias(text, lambda name: top._statement(name, type_), wanted)

    def _statement(self, name: str, type_: Any) -> str:
        if get_origin(type_) is Literal:
            return alias(name, [_label(label) for label in get_args(type_)], self.name("Literal"))
        return alias(name, [self.text(member) for member in union_members(type_)], "|")

    def text(self, type_: Any) -> str:
        members = union_members(type_)
        if len(members) > 1:
            return " | ".join(self.text(member) for member in members)
        if members[0] is type(None):
            return "None"
        origin, arguments = get_origin(type_), get_args(type_)
        if origin is Literal:
            return f"{self.name('Literal')}[{', '.join(map(_label, arguments))}]"
        if origin is not None:
            return f"{self.class_(origin)}[{', '.join(map(self.text, arguments))}]"
        return self.class_(type_)

    def class_(self, cls: Any) -> str:
        name = getattr(cls, "__name__", "")
        if _BUILTINS.get(name) is cls:
            if name not in self.attributes:
                return name
            self.module.import_("builtins", name, f"_{name}")
            return f"_{name}"
        if cls in (Range, MultiRange) or cls is JsonValue:
            return self.name(name)
        module = getattr(cls, "__module__", "")
        if getattr(_MODULES.get(module), name, None) is not cls or not name:
            return self.name("Any")
        local = f"_{module}" if module in self.attributes else module
        self.module.import_(module, None, local)
        return f"{local}.{name}"


def _label(label: object) -> str:
    return string(label) if isinstance(label, str) else repr(label)
