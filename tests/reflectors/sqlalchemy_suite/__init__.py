"""SQLAlchemy's own suite of reflection tests, answered by our reflectors."""
