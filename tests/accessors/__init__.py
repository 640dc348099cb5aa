"""The tests of accessors: their names, what is declared, and what they promise."""
