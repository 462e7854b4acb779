"""Versions that nobody writes by hand, and why a version is another than before."""
