"""What outlives a process or crosses a fork: journals of what was begun, and what a dead process left."""
