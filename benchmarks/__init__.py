"""Measures what the package costs. `make bench` prints the tables; README.md holds the figures."""
