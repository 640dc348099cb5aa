"""The members of union types. Pure, no I/O."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

__all__ = ["union_members"]


def union_members(type_: Any) -> list[Any]:
    """Return the members of a union, NoneType last; for any other type, a list of that type. ``Any``: any type.

    The metadata of ``Annotated`` is dropped.
    """
    if get_origin(type_) is Annotated:
        return union_members(get_args(type_)[0])
    if get_origin(type_) in (Union, types.UnionType):
        members = [member for part in get_args(type_) for member in union_members(part)]
        return sorted(members, key=lambda member: member is type(None))
    return [type(None) if type_ is None else type_]
