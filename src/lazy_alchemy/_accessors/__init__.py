"""The accessors: a name in, a table or an awaitable of it out; and the registries that declare their names."""
