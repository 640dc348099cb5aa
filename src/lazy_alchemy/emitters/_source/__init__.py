"""Columns, types, values and classes as source text."""
