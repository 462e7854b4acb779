"""What is kept and for how long: limits, pruning, wiping stored versions, and who uses a stored value."""
