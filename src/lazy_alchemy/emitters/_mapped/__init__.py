"""Classes that SQLAlchemy maps onto a table: arguments, relationships and their names, listeners."""
