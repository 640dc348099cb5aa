"""The values that a column can hold: annotations, limits, domains, and the peculiarities of drivers."""
