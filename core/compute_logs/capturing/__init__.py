"""Catching what a step prints, at the file descriptors."""
