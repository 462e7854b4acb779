"""Processes that execute steps: the server that forks them, and what it and the run tell each other."""
