"""What a column's values may be: its annotations, limits and domains, and what its driver does with them."""
