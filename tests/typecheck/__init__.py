"""The tests of what type checkers see, and of what of it there is at run time."""
