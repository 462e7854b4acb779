"""Memoized runs: which steps need not be executed, and why."""
