"""What outlives a process: journals of what was begun, and what a dead process left."""
