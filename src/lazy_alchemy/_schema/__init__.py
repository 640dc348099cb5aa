"""SQL types and tables as plain data: immutable, comparable, serialisable. No SQLAlchemy Table, no I/O."""
