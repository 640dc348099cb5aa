"""A column as a field: its name, its Python type, its options. No Pydantic."""
