"""The type arguments of declared tables. They are resolved when first needed: class bodies do not evaluate them.

Until then, ``users: LazyTable[UsersColumns, UserRow, User]`` is kept as text. The only I/O is reading the source of a
module for an error message.
"""

from __future__ import annotations

import ast
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from lazy_alchemy._errors import ModelError
from lazy_alchemy._reflected import declarations, declare, emit_once

if TYPE_CHECKING:
    from pydantic import BaseModel

    from lazy_alchemy._accessors.lazy_table import LazyTable
    from lazy_alchemy._tables import CustomTable

__all__ = [
    "Unresolved",
    "bind",
    "declared_class",
    "declared_columns",
    "declared_insert",
    "declared_model",
    "evaluate",
    "own_annotations",
]

Kind = Literal["row", "model", "insert", "partial"]
"""The purpose of a declared model: rows, a session, rows to insert, changes."""

_POSITIONS: Mapping[Kind, int] = {"row": 1, "model": 2, "insert": 3, "partial": 4}
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


class Unresolved(Exception):  # noqa: N818  whether it is an error is up to the caller
    """A name in an annotation does not exist at run time; the message says which one, and what to do."""


def bind(table: CustomTable[Any, Any, Any], declared: LazyTable[Any, Any, Any]) -> None:
    """Register a declaration of ``table``, so that its methods return the declared models. ``Any``: any types."""
    declare(table, declared, declared_class)


def declared_columns(declared: LazyTable[Any, Any, Any]) -> type[Any] | None:
    """Return the columns class of a declaration, or None.

    Raises:
        Unresolved: The name does not exist at run time.
    """
    found = _argument(declared, 0)
    return found if isinstance(found, type) else None  # an alias, such as the default, is not a class


def declared_insert(declared: LazyTable[Any, Any, Any]) -> type[BaseModel] | None:
    """Return the model of a declaration for rows to insert, or None.

    Raises:
        Unresolved: The name does not exist at run time.
        ModelError: The name is not that of a Pydantic model.
    """
    found = _argument(declared, _POSITIONS["insert"])
    return None if found is None else _checked(found, declared, "insert")


def declared_model(table: CustomTable[Any, Any, Any], kind: Kind) -> type[Any] | None:
    """Return the model of this ``kind`` that a table is declared with, or None.

    Raises:
        ModelError: The class does not exist at run time, is of another kind, or differs between declarations.
    """
    found: dict[type[Any], str] = {}
    for declared in declarations(table):
        try:
            model = _argument(declared, _POSITIONS[kind])
        except Unresolved as error:
            raise ModelError(str(error)) from None
        if model is not None:
            found.setdefault(_checked(model, declared, kind), _where(declared))
    found = {model: where for model, where in found.items() if model not in _roots()}
    if len(found) > 1:
        models = " and ".join(f"{model.__module__}.{model.__qualname__} ({where})" for model, where in found.items())
        raise ModelError(
            f"Table {table.name!r} is declared with {models}, and accessors of one engine share their tables. Declare"
            " it with one class, or give one of the accessors its own engine or its own cache=."
        )
    return next(iter(found), None)


def declared_class(table: CustomTable[Any, Any, Any], emitter: str, options: Mapping[str, Any]) -> Any:
    """Return the declared class for a method call on a table; None if there is none.

    Args:
        table: The table.
        emitter: The name of the emitter that the method uses.
        options: The emitter's options. ``Any``: each has its own.

    Raises:
        ModelError: As for ``declared_model``; or the SQLModel class cannot be mapped onto the table.
    """
    if emitter == "PydanticEmitter":
        shape: Literal["row", "insert", "partial"] = options["shape"]
        return declared_model(table, shape)
    if emitter == "SQLModelEmitter" and options["base"] is None and not options["relationships"]:
        model = declared_model(table, "model")
        if model is not None:
            from lazy_alchemy.emitters._mapped.arguments import key_names
            from lazy_alchemy.emitters._mapped.declared import DeclaredEmitter

            key = options["primary_key"]
            if isinstance(key, Mapping):
                key = cast("Mapping[object, object]", key).get(table, ())  # cast: isinstance narrows no type arguments
            return emit_once(table, DeclaredEmitter(model, key_names(key)))
    return None


def _roots() -> tuple[type[Any], ...]:
    from pydantic import BaseModel
    from sqlmodel import SQLModel

    return (BaseModel, SQLModel)


def _checked(model: object, declared: LazyTable[Any, Any, Any], kind: Kind) -> type[Any]:
    base_model, sql_model = _roots()
    root = sql_model if kind == "model" else base_model
    if not isinstance(model, type) or not issubclass(model, root):
        which = _ORDINALS[_POSITIONS[kind]]
        raise ModelError(
            f"{_where(declared)}: the {which} argument of LazyTable must be a {root.__name__} class, not {model!r}."
        )
    return model


def _where(declared: LazyTable[Any, Any, Any]) -> str:
    owner = declared.owner
    return declared.attribute if owner is None else f"{owner.__qualname__}.{declared.attribute}"


# -- Resolving annotations


def _argument(declared: LazyTable[Any, Any, Any], position: int) -> Any:
    """Return one type argument, or None if it is not given. ``Any``: an annotation may be anything."""
    owner = declared.owner
    annotation = None if owner is None else own_annotations(owner).get(declared.attribute)
    while isinstance(annotation, str):
        arguments, annotation = _parsed(annotation)
        if annotation is None:
            return evaluate(arguments[position], owner, _where(declared)) if position < len(arguments) else None
    given = typing.get_args(annotation)
    if position >= len(given):
        return None
    argument = given[position]
    if isinstance(argument, str):
        return None  # the default of a type parameter
    text = getattr(argument, "__forward_arg__", None)  # "UserRow" within LazyTable[...]
    return argument if text is None else evaluate(str(text), owner, _where(declared))


def own_annotations(owner: type) -> dict[str, Any]:
    """Return a class's own annotations, unevaluated. ``Any``: text, or whatever Python has made of it."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return dict(annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF))
    return dict(vars(owner).get("__annotations__", {}))


def _parsed(text: str) -> tuple[list[str], str | None]:
    """Return the type arguments in an annotation's text; if it is quoted twice, return the inner text instead."""
    node = ast.parse(text.strip(), mode="eval").body
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [], node.value
    if not isinstance(node, ast.Subscript):
        return [], None
    elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return [_unquoted(element) for element in elements], None


def _unquoted(node: ast.expr) -> str:
    quoted = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if isinstance(node, ast.Constant) and quoted else ast.unparse(node)


def evaluate(text: str, owner: type | None, where: str) -> Any:
    """Evaluate an annotation's text in the module of the class ``owner``. ``Any``: the result may be anything.

    Raises:
        Unresolved: A name in it does not exist there.
    """
    module = sys.modules.get(owner.__module__) if owner is not None else None
    try:
        # The text is from a class body in a module that has already been executed.
        return eval(text, dict(vars(module)) if module is not None else {})  # noqa: S307
    except (NameError, AttributeError) as error:
        name = getattr(error, "name", None) or text
        raise Unresolved(f"{where}: {text!r} does not exist at run time. {_remedy(str(name), module)}") from None


def _remedy(name: str, module: Any) -> str:
    """Say how to define ``name`` at run time, and name its import if only type checkers see it. ``Any``: a module."""
    path = getattr(module, "__file__", None)
    title = getattr(module, "__name__", "its module")
    if path is not None:
        try:
            tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            tree = ast.Module([], [])
        for block in ast.walk(tree):
            if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test):
                for statement in block.body:
                    if isinstance(statement, (ast.Import, ast.ImportFrom)) and _imports(statement, name):
                        return (
                            f"In {title}, line {statement.lineno}, `{ast.unparse(statement)}` is under TYPE_CHECKING:"
                            " move it out of that block."
                        )
    return f"Define {name!r} in {title}, or import it there, at the top level and not under TYPE_CHECKING."


def _imports(statement: ast.Import | ast.ImportFrom, name: str) -> bool:
    return any((alias.asname or alias.name).partition(".")[0] == name for alias in statement.names)
