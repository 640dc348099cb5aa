"""How long the library takes, against SQLAlchemy doing the same: ``python -m tests.benchmarks --help``.

``jobs`` is what is measured, ``measure`` how, ``fresh`` the process in which a first use really is the first, ``proxy``
a network that is slow, ``report`` what is printed and written to docs/performance.md.
"""
