"""How ``db.users`` finds a table that expires: by a property, of a class that the accessor has for itself.

Python asks ``__getattr__`` last, after it has looked everywhere else, and a property first.
"""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lazy_alchemy._tables import CustomTable

__all__ = ["class_for_one", "forget", "let_find", "names"]

_Find: TypeAlias = "Callable[[CustomTable | None, float], None]"

# From Python 3.13 on a class that has changed a thousand times is slow for good (CPython's MAX_VERSIONS_PER_CLASS).
# __getattr__ finds the tables that come after so many.
_MOST: Final = 500
_FINDERS: Final = "__finders__"


def class_for_one(cls: type[Any]) -> type[Any]:  # Any: what it is a class of, its caller knows
    """Return a class for one instance, which is ``cls`` in all that shows.

    Where ``cls`` has an ``__init_subclass__``, which would be told of a class that nobody wrote, it is ``cls`` itself.
    """
    like = cls.__mro__[1] if _FINDERS in vars(cls) else cls
    if any("__init_subclass__" in vars(base) for base in like.__mro__[:-1]):
        return cls
    shown = {name: vars(like)[name] for name in ("__module__", "__qualname__", "__doc__") if name in vars(like)}
    # Not by calling the metaclass, which would look for declarations.
    return type.__new__(type(like), like.__name__, (like,), {**shown, "__slots__": (), _FINDERS: {}})


def let_find(db: object, attribute: str, table: CustomTable, until: float) -> None:
    """Have ``db.<attribute>`` be ``table`` until the clock says ``until``, unless the user has put something there."""
    finders = _finders(db)
    if finders is None or attribute in vars(db):
        return
    if attribute not in finders:
        if len(finders) >= _MOST:
            return
        found, finders[attribute] = _finder(attribute)
        setattr(type(db), attribute, found)
    finders[attribute](table, until)


def forget(db: object) -> None:
    """Have ``db`` find none of its tables."""
    for find in list((_finders(db) or {}).values()):  # a user may put something in a table's place meanwhile
        find(None, -math.inf)


def names(db: object) -> Collection[str]:
    """Return the attributes by which ``db`` finds tables, or has found them."""
    return (_finders(db) or {}).keys()


def _finders(db: object) -> dict[str, _Find] | None:
    """Return what says what is found, by attribute; None if the class of ``db`` is not its own."""
    return vars(type(db)).get(_FINDERS)


def _finder(attribute: str) -> tuple[property, _Find]:
    """Return a property, and a function that says what it finds and until when."""
    found: tuple[CustomTable | None, float] = (None, -math.inf)

    def find(_db: object) -> CustomTable | None:
        table, until = found
        if monotonic() < until:
            return table
        raise AttributeError(attribute)  # Python asks __getattr__ then

    def put(db: object, value: object) -> None:
        vars(db)[attribute] = value
        if vars(type(db))[_FINDERS].pop(attribute, None) is not None:
            delattr(type(db), attribute)

    def renew(table: CustomTable | None, until: float) -> None:
        nonlocal found
        found = table, until

    return property(find, put), renew
