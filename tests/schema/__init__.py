"""The tests of SQL types and tables as plain data."""
