"""The tests of event loops, and of what threads and event loops share."""
