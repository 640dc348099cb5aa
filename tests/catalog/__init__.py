"""The tests of the catalog: what is loaded when, through which connection, and what a change makes of it."""
