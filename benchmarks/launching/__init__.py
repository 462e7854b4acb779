"""Runs that are launched: how soon they start."""
