"""The tests of the lazy-alchemy command."""
