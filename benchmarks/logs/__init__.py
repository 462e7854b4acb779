"""What capturing and archiving the output of steps costs."""
