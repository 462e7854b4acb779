"""What the package costs, measured; `make bench` prints it, README.md holds the figures."""
