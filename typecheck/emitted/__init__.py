"""What `lazy-alchemy generate` writes for tests/shops.py, and a small application on each database."""
