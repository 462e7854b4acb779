"""Executing one solid, or some of a pipeline's, as tests do."""

from core.testing.solids import execute_solid, execute_solid_within_pipeline, execute_solids_within_pipeline

__all__ = ["execute_solid", "execute_solid_within_pipeline", "execute_solids_within_pipeline"]
