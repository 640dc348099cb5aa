"""PostgreSQL's catalogs: the one statement that reads them, and what its rows mean."""
