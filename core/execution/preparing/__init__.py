"""What is asked of a run, checked and completed: all that is decided before anything is touched."""
