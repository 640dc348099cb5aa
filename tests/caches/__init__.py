"""The tests of the caches, and of what is asked of any Cache."""
