"""The tables of one Engine: answers calls, decides who loads what, and publishes what was loaded."""
