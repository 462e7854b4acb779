"""Versions from the source of a function and of all that it reaches; see `SourceHashVersionStrategy`."""

from core.versions.source_hash.strategy import SourceHashVersionStrategy

__all__ = ["SourceHashVersionStrategy"]
