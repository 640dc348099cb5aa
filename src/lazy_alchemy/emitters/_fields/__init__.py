"""Columns as fields of models: their names, Python types and options. No Pydantic."""
