"""Other engines, measured with an interpreter of their own: `make bench-peers`."""
