"""The tests of who loads what and who waits for whom; those that need an event loop are in tests/aio."""
