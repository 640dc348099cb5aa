"""The tests of a column as a field: names and Python types."""
