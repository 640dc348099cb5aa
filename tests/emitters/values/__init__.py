"""The tests of what a value may be: arrays, times, texts, and the forms of drivers."""
