"""The reflectors: the only code that talks to the database."""

from lazy_alchemy.reflectors.inspector import InspectorReflector

__all__ = ["InspectorReflector"]
