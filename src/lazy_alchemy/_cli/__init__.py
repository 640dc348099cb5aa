"""The ``lazy-alchemy`` command."""
