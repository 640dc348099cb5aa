"""The tests of a column's limits, domains and keys in the classes."""
