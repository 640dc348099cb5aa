"""Classes mapped onto tables by SQLAlchemy: arguments, relationships and their names, listeners."""
