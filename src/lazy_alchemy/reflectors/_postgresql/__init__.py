"""PostgreSQL's catalogs: the one statement that reads them, and the conversion of its rows."""
