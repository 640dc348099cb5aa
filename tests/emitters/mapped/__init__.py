"""The tests of what SQLAlchemy maps: relationships."""
